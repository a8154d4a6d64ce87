"""Specs: named model configurations, of two kinds. The defaults are the tutorial's and the house model's."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from stockrnn.types import Network

Every: TypeAlias = Literal["night", "week", "month"] | Annotated[int, Field(ge=1)]
Mode: TypeAlias = Literal["full", "warm"]

QUANTILE_LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
"""What a quantile model names; the ends of the 80 and 95 % intervals are among them."""


class _Spec(BaseModel):
    """What every spec has.

    `every` says when a model is due again: each night, week, month, or after so many sessions. `mode` says how:
    `full` from scratch on the last `train_sessions`, `warm` from the weights in use with `warm_epochs` at
    `warm_learning_rate`. `max_age` is how long warm trainings may follow one from scratch; a model in use whose
    training from scratch is older is warned of.

    The last `trial_sessions` are kept from each training, so that the new model and those in use can be compared on
    sessions that none of them knows; one that may be worse than the best of a year by `margin` is not taken into use.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    nightly: bool = True
    lookback: int = Field(default=40, ge=2, le=1000)
    layers: int = Field(ge=1, le=16)
    units: int = Field(ge=1, le=1024)
    dropout: float = Field(ge=0, lt=1)
    epochs: int = Field(ge=1, le=100_000)
    batch_size: int = Field(ge=1, le=4096)
    learning_rate: float = Field(default=0.001, gt=0, le=1)
    train_sessions: int = Field(ge=3)
    every: Every
    mode: Mode
    max_age: Every
    warm_epochs: int = Field(ge=1, le=100_000)
    warm_learning_rate: float = Field(gt=0, le=1)
    trial_sessions: int = Field(ge=10)
    margin: float = Field(gt=0)


class PriceSpec(_Spec):
    """A model a ticker, which names one price: the tutorial's."""

    kind: Literal["price"] = "price"
    layers: int = Field(default=4, ge=1, le=16)
    units: int = Field(default=45, ge=1, le=1024)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    epochs: int = Field(default=100, ge=1, le=100_000)
    batch_size: int = Field(default=32, ge=1, le=4096)
    train_sessions: int = Field(default=1258, ge=3)
    every: Every = "night"
    mode: Mode = "warm"
    max_age: Every = "week"
    warm_epochs: int = Field(default=5, ge=1, le=100_000)
    warm_learning_rate: float = Field(default=0.0003, gt=0, le=1)
    trial_sessions: int = Field(default=10, ge=10)
    margin: float = Field(default=1.0, gt=0)

    @property
    def max_epochs(self) -> int:
        """How many epochs a training has at most."""
        return self.epochs

    @property
    def network(self) -> Network:
        """The part of the spec that one compiled training step depends on."""
        return Network(
            lookback=self.lookback,
            layers=self.layers,
            units=self.units,
            dropout=self.dropout,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )


class QuantileSpec(_Spec):
    """One model for all tickers, which names quantiles of the next return.

    `members` networks, which differ by their seeds, are averaged. Training stops when the last `validation_sessions`
    of the training span got no better for `patience` epochs. Of more than `max_windows` a sample is drawn.
    """

    kind: Literal["quantile"] = "quantile"
    layers: int = Field(default=2, ge=1, le=16)
    units: int = Field(default=32, ge=1, le=1024)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    epochs: int = Field(default=30, ge=1, le=100_000)
    batch_size: int = Field(default=256, ge=1, le=4096)
    train_sessions: int = Field(default=5000, ge=3)
    every: Every = "week"
    mode: Mode = "full"
    max_age: Every = 126
    warm_epochs: int = Field(default=5, ge=1, le=100_000)
    warm_learning_rate: float = Field(default=0.0003, gt=0, le=1)
    trial_sessions: int = Field(default=63, ge=10)
    margin: float = Field(default=0.05, gt=0)
    members: int = Field(default=3, ge=1, le=100)
    patience: int = Field(default=5, ge=1)
    validation_sessions: int = Field(default=378, ge=1)
    max_windows: int = Field(default=25_000, ge=1)

    @property
    def max_epochs(self) -> int:
        """How many epochs a training of all members has at most."""
        return self.epochs * self.members

    def network(self, *, inputs: int, context: int) -> Network:
        """Return the part of the spec that one compiled training step depends on, for so many numbers a window."""
        return Network(
            lookback=self.lookback,
            inputs=inputs,
            context=context,
            layers=self.layers,
            units=self.units,
            dropout=self.dropout,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            levels=QUANTILE_LEVELS,
        )


def _read_kind(value: Any) -> str:  # noqa: ANN401  # a document or a spec
    kind = value.get("kind", "price") if isinstance(value, dict) else getattr(value, "kind", "price")
    return str(kind)


Spec: TypeAlias = Annotated[
    Annotated[PriceSpec, Tag("price")] | Annotated[QuantileSpec, Tag("quantile")], Discriminator(_read_kind)
]
