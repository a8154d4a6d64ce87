"""Kind `tiny`: the last value and the mean change of the training span, for nights that are no test of trainings.

No network is trained and Keras is never imported, so a process that trains it is ready at once.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from stockrnn.models.forecaster import Prediction
from stockrnn.models.spec import Spec
from stockrnn.types.hashing import hash_values

ENTRY = "tiny_model:TinySpec"
"""What the registry of kinds knows it by; in processes of their own `tiny/sitecustomize.py` enters it."""

PLAIN_ENTRY = "tiny_model:PlainSpec"

FOLDERS = (Path(__file__).parent / "tiny", Path(__file__).parent)
"""What has to be on the PYTHONPATH of a process that shall know it."""

TINY_TOML = """\
spec = "tiny"
[specs.tiny]
kind = "tiny"
seconds = 0.001
[specs.tutorial]
nightly = false
[specs.quantile]
nightly = false
"""
"""Settings of a folder whose nights train this kind alone."""


@dataclass(frozen=True)
class TinyModel:
    drift: float
    lookback: int
    windows: int
    loss: float

    @property
    def parameters(self):
        return 1

    @property
    def epoch_losses(self):
        return (self.loss,)

    def to_weights(self):
        return (np.array([self.drift]),)

    def to_config(self):
        return {"lookback": self.lookback}

    def forecast_next(self, bars, *, target, days_ahead):
        values = bars[target].to_numpy(dtype=np.float64)[-self.lookback :]
        if len(values) < self.lookback:
            return None
        return Prediction(predicted=float(values[-1] + self.drift), window_sha256=hash_values(values))

    def forecast_known(self, bars, sessions, *, target):
        places = bars.index.get_indexer(sessions)
        known = places >= self.lookback
        predicted = bars[target].to_numpy(dtype=np.float64)[places[known] - 1] + self.drift
        table = {"predicted": predicted, "output": predicted}
        return pd.DataFrame(table, index=sessions[known]).rename_axis("session")


class TinySpec(Spec):
    """One model per ticker; `seconds` is how long an epoch of it takes."""

    scope: ClassVar[Literal["ticker", "market"]] = "ticker"

    kind: Literal["tiny"] = "tiny"
    lookback: int = 5
    train_sessions: int = 200
    every: str = "week"
    mode: str = "full"
    epochs: int = 2
    seconds: float = Field(default=0.0, ge=0)

    def count_epochs(self, *, warm):
        return self.epochs

    def with_epochs(self, epochs):
        return self.model_copy(update={"epochs": epochs})

    def training_columns(self, target):
        return (target,)

    def require_trainable(self, bars, *, target):
        pass

    def fit(self, bars, *, target, seed, parent=None, member=None, on_epoch=None):
        (known,) = bars.values()
        changes = np.diff(known[target].to_numpy(dtype=np.float64))
        loss = float(np.mean(changes**2))
        for epoch in range(self.epochs):
            time.sleep(self.seconds)
            if on_epoch:
                on_epoch(epoch, loss)
        return TinyModel(float(changes.mean()), self.lookback, len(changes), loss)

    @classmethod
    def restore(cls, config, weights, *, windows, loss):
        ((drift,),) = weights
        return TinyModel(float(drift), config["lookback"], windows, loss)


class PlainSpec(TinySpec):
    """The same, but for a caller that would change its epochs: it has none to change."""

    kind: Literal["plain"] = "plain"
    with_epochs = Spec.with_epochs
