"""What a fitted model can be asked for, whatever its kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from stockrnn.networks import Examples
from stockrnn.types import Network, Target, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A forecast of the next session.

    Attributes
    ----------
    intervals
        `lower_80` to `upper_95`; empty where the model forecasts one price alone.
    quantiles
        Level to price; None where the model forecasts one price alone.
    window_sha256
        Checksum of everything that went into the model.
    """

    predicted: float
    window_sha256: str
    intervals: dict[str, float] = field(default_factory=dict)
    quantiles: dict[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkView:
    """A recurrent network of a fitted model, and what it can be shown.

    Attributes
    ----------
    weights
        Of several networks, those of the first one.
    examples
        The windows of one ticker with the values that came after them, oldest first.
    """

    network: Network
    weights: Weights
    examples: Examples


class Forecaster(Protocol):
    """A trained model, ready to forecast."""

    @property
    def windows(self) -> int:
        """How many windows it learned from."""

    @property
    def parameters(self) -> int:
        """How many numbers it learned."""

    @property
    def loss(self) -> float:
        """The `loss` of `types.Model`."""

    @property
    def epoch_losses(self) -> Sequence[float]:
        """The loss of each epoch; of a model read from the store the last one."""

    def to_weights(self) -> Weights:
        """Return all its arrays, in a fixed order."""

    def to_config(self) -> dict[str, Any]:
        """Return what else it takes to rebuild it, as JSON."""

    def forecast_next(self, bars: pd.DataFrame, *, target: Target, days_ahead: int) -> Prediction | None:
        """Forecast the session after the last bar; None where too few bars are known.

        Parameters
        ----------
        bars
            Index `session`, ascending; columns `BAR_COLUMNS`.
        days_ahead
            Calendar days from the last bar to that session.
        """

    def forecast_known(self, bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target) -> pd.DataFrame:
        """Forecast stored sessions, each from the bars before it.

        Parameters
        ----------
        sessions
            Consecutive ones of `bars`.

        Returns
        -------
        DataFrame
            Index `session`: those of them that enough bars are known before. `predicted`, and `INTERVAL_COLUMNS`
            where the model forecasts quantiles, in quote currency; `output`, a number of the network itself, which is
            constant where the network is dead.
        """
