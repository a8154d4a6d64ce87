"""One quantile model for many tickers: a median line, and the mean of several networks of different seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stockrnn.errors import HoldoutError
from stockrnn.features import Inputs
from stockrnn.medians import MedianLine
from stockrnn.networks import Examples, fit_quantiles, predict_quantiles
from stockrnn.types import QuantileNetwork, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a quantile model is trained.

    Attributes
    ----------
    members
        Networks, which differ by their seeds and are averaged.
    epochs, patience
        Of each at most, and how many may pass without a better one.
    validation_sessions
        The newest sessions of the training span, held back to say when to stop.
    """

    members: int = 3
    epochs: int = 30
    patience: int = 5
    validation_sessions: int = 378


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
    line: MedianLine
    members: tuple[Weights, ...]
    windows: int
    losses: tuple[tuple[float, ...], ...]

    def predict_returns(self, inputs: Inputs) -> np.ndarray:
        """Return quantiles of the log return from the base to the target, ascending: shape (N, levels)."""
        spreads = [predict_quantiles(self.network, weights, inputs.x, inputs.context) for weights in self.members]
        middle = self.line.predict(_last_return(inputs.x))[:, np.newaxis]
        return np.asarray((middle + np.mean(spreads, axis=0)) * inputs.unit[:, np.newaxis])

    def predict(self, inputs: Inputs) -> np.ndarray:
        """Return quantiles of the target's price, ascending, in quote currency: shape (N, levels)."""
        return np.asarray(inputs.base[:, np.newaxis] * np.exp(self.predict_returns(inputs)))


def fit_quantile_model(
    network: QuantileNetwork, known: Sequence[tuple[Inputs, np.ndarray]], *, training: Training, seed: int
) -> QuantileModel:
    """Fit the line and the networks on the windows and answers of all tickers, and on nothing else.

    Parameters
    ----------
    known
        For each ticker its windows and the answers of `features.make_answers`; windows without one are left out.

    Raises
    ------
    HoldoutError
        No window is left before the validation sessions, or none in them.
    TrainingError
        A loss was not a finite number.
    """
    x, context, y, sessions = (np.concatenate(parts) for parts in zip(*map(_known, known), strict=True))
    newest = np.unique(sessions)[-training.validation_sessions :]
    held_back = sessions >= newest[0] if len(newest) else np.zeros(0, dtype=bool)
    if held_back.all() or not held_back.any():
        raise HoldoutError(
            f"{len(y)} windows of {len(known)} tickers are too few: none is left before the last "
            f"{training.validation_sessions} sessions; store a longer history"
        )
    line = MedianLine.fit(_last_return(x[~held_back]), y[~held_back])
    rest = (y - line.predict(_last_return(x))).astype(np.float32)
    parts = [Examples(x=x[rows], context=context[rows], y=rest[rows]) for rows in (~held_back, held_back)]
    fitted = [
        fit_quantiles(network, *parts, epochs=training.epochs, patience=training.patience, seed=seed + number)
        for number in range(training.members)
    ]
    return QuantileModel(
        network=network,
        line=line,
        members=tuple(member.weights for member in fitted),
        windows=len(parts[0].y),
        losses=tuple(member.losses for member in fitted),
    )


def _known(pair: tuple[Inputs, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    inputs, answers = pair
    rows = np.isfinite(answers)
    return inputs.x[rows], inputs.context[rows], answers[rows], pd.DatetimeIndex(inputs.sessions)[rows].to_numpy()


def _last_return(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[:, -1, 0])
