"""Kind `quantile`: one model for all tickers, which forecasts quantiles of the next return.

A regression of the median, and around it the mean of several networks of different seeds; of each ticker's own past
what `quantile_forecasts` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, TypedDict, cast

import numpy as np
import pandas as pd
from pydantic import Field

from stockrnn import networks
from stockrnn.errors import HoldoutError
from stockrnn.evaluation.intervals import QUANTILES
from stockrnn.models.features import CONTEXT, INPUTS, WARM_UP
from stockrnn.models.forecaster import Forecaster, NetworkView, Prediction
from stockrnn.models.median_regression import MedianRegression
from stockrnn.models.quantile_examples import count_days_ahead, gather_examples, make_examples_of
from stockrnn.models.quantile_forecasts import QuantileForecasts, TickerHistory, forecast_rows
from stockrnn.models.recurrent import RecurrentSpec
from stockrnn.progress import OnEpoch
from stockrnn.types import BAR_COLUMNS, INTERVAL_COLUMNS, Epochs, Network, Sessions, Target, Weights
from stockrnn.types.hashing import hash_values

QUANTILE_LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
"""What a quantile model forecasts; the ends of the 80 and 95 % intervals are among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileModel:
    """A fitted model.

    Attributes
    ----------
    windows
        How many windows the networks learned from.
    losses
        Of each member, the pinball loss on the validation sessions after each epoch, in units of volatility.
    """

    network: Network
    median: MedianRegression
    members: tuple[Weights, ...]
    windows: int
    losses: tuple[tuple[float, ...], ...]

    @property
    def parameters(self) -> int:
        """How many numbers the networks and the regression learned."""
        return sum(array.size for array in self.to_weights()) + self.median.parameters

    @property
    def loss(self) -> float:
        """The mean over its members of their best validation loss."""
        return float(np.mean([min(losses) for losses in self.losses]))

    @property
    def epoch_losses(self) -> tuple[float, ...]:
        """The losses of all members, one after the other."""
        return tuple(loss for losses in self.losses for loss in losses)

    def to_weights(self) -> Weights:
        """Return the arrays of all members, one after the other."""
        return [array for member in self.members for array in member]

    def to_config(self) -> dict[str, Any]:
        """Return the networks' shape, how many there are, and the regression."""
        return {"network": self.network.to_json(), "members": len(self.members), "median": self.median.to_json()}

    def forecast_next(self, bars: pd.DataFrame, *, target: Target, days_ahead: int) -> Prediction | None:
        """Forecast quantiles; their middle is the forecast. See `Forecaster`."""
        ahead = count_days_ahead(bars.index, last=float(days_ahead))
        forecasts = self.forecast_newest(bars, ahead, target=target, newest=1)
        if not len(forecasts.returns):
            return None
        prices = dict(zip(self.network.levels, forecasts.prices[0].tolist(), strict=True))
        named = {name: prices[level] for level, name in QUANTILES.items()}
        return Prediction(
            predicted=named["predicted"],
            intervals={name: named[name] for name in INTERVAL_COLUMNS},
            quantiles={str(level): price for level, price in prices.items()},
            window_sha256=hash_values(forecasts.seen),
        )

    def forecast_known(self, bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target) -> pd.DataFrame:
        """Forecast quantiles of each session from the bars before it; see `Forecaster`."""
        known = bars.loc[: sessions[-1]]
        ahead = count_days_ahead(known.index).iloc[:-1]
        forecasts = self.forecast_newest(known.iloc[:-1], ahead, target=target, newest=len(sessions))
        prices = forecasts.prices
        places = [self.network.levels.index(level) for level in QUANTILES]
        index = sessions[len(sessions) - len(prices) :]
        table = pd.DataFrame(prices[:, places], index=index, columns=list(QUANTILES.values()))
        return table.assign(output=forecasts.widths).rename_axis("session")

    def forecast_newest(
        self, bars: pd.DataFrame, days_ahead: pd.Series, *, target: Target, newest: int
    ) -> QuantileForecasts:
        """Forecast the sessions after each of so many newest bars, or as many as have enough bars before them.

        days_ahead: calendar days from each bar to the session after it, index `session`.
        """
        history = TickerHistory.of(bars, days_ahead, target=target, lookback=self.network.lookback)
        return forecast_rows(self, history, history.rows[-newest:])


class QuantileSpec(RecurrentSpec):
    """One model for all tickers, which forecasts quantiles of the next return.

    `members` networks, which differ by their seeds, are averaged. Training stops when the last `validation_sessions`
    of the training span got no better for `patience` epochs; with `refit` it begins anew, on those sessions, too, for
    as many epochs as were best. Of more than `max_windows` a sample is drawn.
    """

    scope: ClassVar[Literal["ticker", "market"]] = "market"
    has_intervals: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, object]] = {
        "layers": 1,
        "units": 32,
        "dropout": 0.0,
        "epochs": 30,
        "batch_size": 256,
        "average_decay": 0.99,
        "train_sessions": 5000,
        "every": "week",
        "mode": "full",
        "max_age": 126,
        "trial_sessions": 63,
        "margin": 0.05,
    }

    kind: Literal["quantile"] = "quantile"
    members: int = Field(default=3, ge=1, le=100)
    patience: Epochs = 5
    validation_sessions: Sessions = 378
    refit: bool = True
    max_windows: int = Field(default=25_000, ge=1, le=10_000_000)

    @property
    def network(self) -> Network:
        """The part of the spec that one compiled training step depends on."""
        return self.make_network(inputs=len(INPUTS), context=len(CONTEXT), levels=QUANTILE_LEVELS)

    @property
    def min_sessions(self) -> int:
        """How many sessions have to be known before one can be forecast."""
        return max(WARM_UP, self.lookback)

    def count_members(self) -> int:
        """Return how many networks are averaged."""
        return self.members

    def training_columns(self, target: Target) -> tuple[str, ...]:  # noqa: ARG002  # of any target
        """Return all columns."""
        return BAR_COLUMNS

    @property
    def passes(self) -> int:
        """How often a member is trained: once for the number of epochs, once with it."""
        return 2 if self.refit else 1

    def require_trainable(self, bars: Mapping[str, pd.DataFrame], *, target: Target) -> None:  # noqa: ARG002  # of any target
        """Refuse an empty market."""
        if not bars:
            raise HoldoutError("no ticker has prices to train on; store some")

    def fit(
        self,
        bars: Mapping[str, pd.DataFrame],
        *,
        target: Target,
        seed: int,
        parent: Forecaster | None = None,
        member: int | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> QuantileModel:
        """Fit the regression of the median and the networks on the bars of all tickers; see `Spec.fit`.

        A warm training keeps the regression of its parent. `on_epoch` is told of all members in a row, as if they
        were one training.

        Raises
        ------
        HoldoutError
            No window is left before the validation sessions, or none in them.
        TrainingError
            A loss was not a finite number, or the memory did not suffice.
        """
        start = cast("QuantileModel | None", parent)
        median, training, validation = gather_examples(
            bars,
            target=target,
            seed=seed,
            lookback=self.lookback,
            max_windows=self.max_windows,
            validation_sessions=self.validation_sessions,
            median=None if start is None else start.median,
        )
        fitted = [
            self._fit_member(number, training, validation, start, seed=seed, on_epoch=on_epoch)
            for number in (range(self.members) if member is None else [member])
        ]
        return QuantileModel(
            network=self.network,
            median=median,
            members=tuple(network.weights for network in fitted),
            windows=len(training.y) + (len(validation.y) if self.refit else 0),
            losses=tuple(network.losses for network in fitted),
        )

    def _fit_member(
        self,
        number: int,
        training: networks.Examples,
        validation: networks.Examples,
        start: QuantileModel | None,
        *,
        seed: int,
        on_epoch: OnEpoch | None,
    ) -> networks.FittedNetwork:
        """Train one network for as many epochs as forecast `validation` best, then with `refit` anew on all."""
        epochs = self.count_epochs(warm=start is not None)
        before = number * self.passes * epochs
        options: _Options = {
            "seed": seed + number,
            "warm_start": networks.WarmStart(start.members[number], self.warm_learning_rate) if start else None,
        }
        found = networks.fit_network(
            self.network,
            training,
            validation,
            epochs=epochs,
            patience=self.patience,
            on_epoch=_count_on(on_epoch, before),
            **options,
        )
        if not self.refit:
            return found
        again = networks.fit_network(
            self.network,
            networks.join_examples(training, validation),
            epochs=1 + int(np.argmin(found.losses)),
            on_epoch=_count_on(on_epoch, before + epochs),
            **options,
        )
        return replace(again, losses=found.losses)

    def view_network(self, model: Forecaster, bars: pd.DataFrame, *, target: Target) -> NetworkView:
        """Return the first network with the windows of these bars; see `Spec.view_network`."""
        fitted = cast("QuantileModel", model)
        examples = make_examples_of(bars, fitted.median, lookback=fitted.network.lookback, target=target)
        return NetworkView(network=fitted.network, weights=fitted.members[0], examples=examples)

    @classmethod
    def join(cls, members: Sequence[Forecaster]) -> QuantileModel:
        """Make one model of members that were trained apart, in their order."""
        parts = cast("Sequence[QuantileModel]", members)
        return replace(
            parts[0],
            members=tuple(weights for part in parts for weights in part.members),
            losses=tuple(losses for part in parts for losses in part.losses),
        )

    @classmethod
    def restore(cls, config: Mapping[str, Any], weights: Weights, *, windows: int, loss: float) -> QuantileModel:
        """Rebuild a fitted model; of its losses the mean of the best is known."""
        network = Network.from_json(config["network"])
        if not set(QUANTILES) <= set(network.levels):
            raise ValueError(f"its levels {network.levels} lack some of {sorted(QUANTILES)}")
        if (network.inputs, network.context) != (len(INPUTS), len(CONTEXT)):
            raise ValueError("it was trained on other numbers than this version looks at; train a new one")
        count = config["members"]
        size = len(weights) // count
        members = tuple(weights[number * size : (number + 1) * size] for number in range(count))
        for member in (*members, weights[(count - 1) * size :]):
            networks.require_weights(network, member)
        return QuantileModel(
            network=network,
            median=MedianRegression.from_json(config["median"]),
            members=members,
            windows=windows,
            losses=((loss,),),
        )


class _Options(TypedDict):
    seed: int
    warm_start: networks.WarmStart | None


def _count_on(on_epoch: OnEpoch | None, before: int) -> OnEpoch | None:
    if on_epoch is None:
        return None
    return lambda epoch, loss: on_epoch(before + epoch, loss)
