"""One quantile model for many tickers: a median line, and the mean of several networks of different seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from stockrnn import networks
from stockrnn.errors import HoldoutError
from stockrnn.evaluation.intervals import QUANTILES
from stockrnn.models.features import CONTEXT, INPUTS, Inputs, make_inputs, make_targets
from stockrnn.models.forecaster import Prediction
from stockrnn.models.median_regression import MedianRegression
from stockrnn.models.spec import QuantileSpec
from stockrnn.networks import Examples
from stockrnn.networks.training import OnEpoch
from stockrnn.types import INTERVAL_COLUMNS, Model, QuantileNetwork, Target, Weights
from stockrnn.types.hashing import hash_values

_MIN_DAYS = 1.0
_VALIDATION_SHARE = 0.2


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

    network: QuantileNetwork
    line: MedianRegression
    members: tuple[Weights, ...]
    windows: int
    losses: tuple[tuple[float, ...], ...]

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
        """Return the networks' shape, how many there are, and the line."""
        return {"network": asdict(self.network), "members": len(self.members), "line": self.line.to_json()}

    def forecast_next(self, bars: pd.DataFrame, *, target: Target, days_ahead: int) -> Prediction | None:
        """Forecast quantiles; their middle is the forecast. See `Fitted`."""
        ahead = pd.Series(float(days_ahead), index=bars.index[-1:])
        inputs = make_inputs(bars, ahead, lookback=self.network.lookback, target=target, newest=1)
        if not len(inputs.x):
            return None
        prices = dict(zip(self.network.levels, self.predict(inputs)[0].tolist(), strict=True))
        named = {name: prices[level] for level, name in QUANTILES.items()}
        seen = [*inputs.x.ravel(), *inputs.context.ravel(), *inputs.scale, *inputs.reference_price]
        return Prediction(
            predicted=named["predicted"],
            intervals={name: named[name] for name in INTERVAL_COLUMNS},
            quantiles={str(level): price for level, price in prices.items()},
            window_sha256=hash_values(np.asarray(seen)),
        )

    def forecast_known(self, bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target) -> pd.DataFrame:
        """Forecast quantiles of each session from the bars before it; see `Fitted`."""
        known = bars.loc[: sessions[-1]]
        days = np.diff(known.index.to_numpy()).astype("timedelta64[D]").astype(np.float64)
        inputs = make_inputs(
            known.iloc[:-1],
            pd.Series(days, index=known.index[:-1]),
            lookback=self.network.lookback,
            target=target,
            newest=len(sessions),
        )
        prices = self.predict(inputs)
        places = [self.network.levels.index(level) for level in QUANTILES]
        index = sessions[len(sessions) - len(prices) :]
        table = pd.DataFrame(prices[:, places], index=index, columns=list(QUANTILES.values()))
        widths = np.log(prices[:, -1] / prices[:, 0]) / inputs.scale
        return table.assign(output=widths).rename_axis("session")

    def predict_returns(self, inputs: Inputs) -> np.ndarray:
        """Return quantiles of the log return from the reference price to the target, ascending: shape (N, levels)."""
        spreads = [
            networks.predict_quantiles(self.network, weights, inputs.x, inputs.context) for weights in self.members
        ]
        middle = self.line.predict(_last_return(inputs.x))[:, np.newaxis]
        return np.asarray((middle + np.mean(spreads, axis=0)) * inputs.scale[:, np.newaxis])

    def predict(self, inputs: Inputs) -> np.ndarray:
        """Return quantiles of the target's price, ascending, in quote currency: shape (N, levels)."""
        return np.asarray(inputs.reference_price[:, np.newaxis] * np.exp(self.predict_returns(inputs)))


def make_windows_of(bars: pd.DataFrame, spec: QuantileSpec, *, target: Target, newest: int | None = None) -> Inputs:
    """Return the windows of known bars; the day after the last bar is taken for the next session."""
    days = np.diff(bars.index.to_numpy()).astype("timedelta64[D]").astype(np.float64)
    ahead = pd.Series([*days, _MIN_DAYS][: len(bars)], index=bars.index)
    return make_inputs(bars, ahead, lookback=spec.lookback, target=target, newest=newest)


def fit_quantile_model(
    spec: QuantileSpec,
    universe: Mapping[str, pd.DataFrame],
    *,
    target: Target,
    seed: int,
    start: QuantileModel | None = None,
    member: int | None = None,
    on_epoch: OnEpoch | None = None,
) -> QuantileModel:
    """Fit the line and the networks on the bars of all tickers, and on nothing else.

    Parameters
    ----------
    universe
        Ticker to bars, index `session`, ascending, columns `BAR_COLUMNS`.
    start
        Go on from this model with the spec's `warm_epochs`, keeping its line; None: begin anew.
    member
        Train this member alone, counted from 0; None: all of them, one after the other.
    on_epoch
        Told of all members in a row, as if they were one training.

    Raises
    ------
    HoldoutError
        No window is left before the validation sessions, or none in them.
    TrainingError
        A loss was not a finite number, or the memory did not suffice.
    """
    x, context, y, sessions = _gather(spec, universe, target=target, seed=seed)
    held_back = _hold_back(sessions, most=spec.validation_sessions)
    if held_back.all() or not held_back.any():
        raise HoldoutError(
            f"{len(y)} windows of {len(universe)} tickers are too few to train on; store a longer history"
        )
    line = MedianRegression.fit(_last_return(x[~held_back]), y[~held_back]) if start is None else start.line
    rest = (y - line.predict(_last_return(x))).astype(np.float32)
    parts = [Examples(x=x[rows], context=context[rows], y=rest[rows]) for rows in (~held_back, held_back)]
    epochs = spec.epochs if start is None else spec.warm_epochs
    network = spec.network(inputs=len(INPUTS), context=len(CONTEXT))
    fitted = [
        networks.fit_quantiles(
            network,
            *parts,
            epochs=epochs,
            patience=spec.patience,
            seed=seed + number,
            start=None if start is None else networks.WarmStart(start.members[number], spec.warm_learning_rate),
            on_epoch=_count_on(on_epoch, number * epochs),
        )
        for number in (range(spec.members) if member is None else [member])
    ]
    return QuantileModel(
        network=network,
        line=line,
        members=tuple(member.weights for member in fitted),
        windows=len(parts[0].y),
        losses=tuple(member.losses for member in fitted),
    )


def join_members(parts: Sequence[QuantileModel]) -> QuantileModel:
    """Put together what was trained member by member, in their order."""
    return replace(
        parts[0],
        members=tuple(weights for part in parts for weights in part.members),
        losses=tuple(losses for part in parts for losses in part.losses),
    )


def restore_quantiles(model: Model, weights: Weights) -> QuantileModel:
    """Rebuild what a stored model was when it was trained."""
    shape = dict(model.config["network"])
    count = model.config["members"]
    size = len(weights) // count
    return QuantileModel(
        network=QuantileNetwork(**{**shape, "levels": tuple(shape["levels"])}),
        line=MedianRegression.from_json(model.config["line"]),
        members=tuple(weights[number * size : (number + 1) * size] for number in range(count)),
        windows=model.windows,
        losses=((model.loss,),),
    )


def _gather(
    spec: QuantileSpec, universe: Mapping[str, pd.DataFrame], *, target: Target, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return x, context, y and sessions of all tickers: at most `max_windows`, drawn evenly from them."""
    rng = np.random.default_rng(seed)
    share = max(spec.max_windows // max(len(universe), 1), 1)
    parts = []
    for bars in universe.values():
        inputs = make_windows_of(bars, spec, target=target)
        answers = make_targets(bars, inputs, target=target)
        rows = np.flatnonzero(np.isfinite(answers))
        if len(rows) > share:
            rows = np.sort(rng.choice(rows, share, replace=False))
        parts.append((inputs.x[rows], inputs.context[rows], answers[rows], inputs.sessions[rows].to_numpy()))
    if not parts:
        raise HoldoutError("no ticker has prices to train on; store some")
    x, context, y, sessions = (np.concatenate(column) for column in zip(*parts, strict=True))
    return x, context, y, sessions


def _hold_back(sessions: np.ndarray, *, most: int) -> np.ndarray:
    """Return which windows say when to stop: of the newest sessions, at most a fifth of all."""
    known = np.unique(sessions)
    count = min(most, int(len(known) * _VALIDATION_SHARE))
    return sessions >= known[-count] if count else np.zeros(len(sessions), dtype=bool)


def _count_on(on_epoch: OnEpoch | None, before: int) -> OnEpoch | None:
    if on_epoch is None:
        return None
    return lambda epoch, loss: on_epoch(before + epoch, loss)


def _last_return(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[:, -1, 0])
