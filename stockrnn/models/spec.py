"""What every spec has, whatever its kind: a named model configuration that knows how its model is fitted."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stockrnn.errors import UsageError
from stockrnn.models.forecaster import Forecaster, NetworkView
from stockrnn.progress import OnEpoch
from stockrnn.types import Sessions, Target, Weights
from stockrnn.types.networks import Lookback

Every: TypeAlias = Literal["night", "week", "month"] | Sessions
Mode: TypeAlias = Literal["full", "warm"]

_POLICY = frozenset({"nightly", "every", "mode", "max_age", "trial_sessions", "margin"})
"""Settings that decide when a model is replaced, not what a training from scratch gives."""


class Spec(BaseModel, ABC):
    """A model configuration. The defaults suit one model per ticker; `defaults` of a kind replace some.

    `every` says when a model is due again: each night, week, month, or after so many sessions. `mode` says how:
    `full` from scratch on the last `train_sessions`, `warm` from the model in use. `max_age` is how long warm
    trainings may follow one from scratch; a model in use whose training from scratch is older is warned of.

    The last `trial_sessions` are kept from each training, so that the new model and those in use can be compared on
    sessions that none of them knows; one that may be worse than the best of a year by `margin` is not taken into use.

    Attributes
    ----------
    scope
        Who shares a model: `ticker` (one model each) or `market` (one model for all tickers).
    has_intervals
        The model forecasts quantiles; the intervals of other models rest on their past errors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: ClassVar[Literal["ticker", "market"]]
    has_intervals: ClassVar[bool] = False
    defaults: ClassVar[Mapping[str, object]] = {}
    policy: ClassVar[frozenset[str]] = _POLICY

    kind: str
    nightly: bool = True
    lookback: Annotated[Lookback, Field(ge=2)] = 40
    train_sessions: Annotated[Sessions, Field(ge=3)] = 1258
    every: Every = "night"
    mode: Mode = "warm"
    max_age: Every = "week"
    trial_sessions: Annotated[Sessions, Field(ge=10)] = 10
    margin: float = Field(default=1.0, gt=0, le=1000)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:  # noqa: ANN401  # whatever the settings hold
        return {**cls.defaults, **values} if isinstance(values, dict) else values

    @property
    def trains_in_epochs(self) -> bool:
        """Whether its trainings are counted in epochs, so that `with_epochs` can change how many."""
        return type(self).with_epochs is not Spec.with_epochs

    @property
    def has_network(self) -> bool:
        """Whether its models are recurrent networks that are trained by gradients, so that `view_network` has one."""
        return type(self).view_network is not Spec.view_network

    def count_members(self) -> int:
        """Return how many networks one model consists of; each can be trained apart."""
        return 1

    def count_epochs(self, *, warm: bool) -> int:  # noqa: ARG002  # of kinds that train in epochs
        """Return how many epochs a training of one member has at most; 1 where nothing is trained in epochs."""
        return 1

    @property
    def passes(self) -> int:
        """How many trainings, of at most `count_epochs` each, one member takes."""
        return 1

    @property
    def min_sessions(self) -> int:
        """How many sessions have to be known before one can be forecast."""
        return self.lookback

    def training_config(self) -> dict[str, Any]:
        """Return what decides what a training from scratch gives, as JSON."""
        return self.model_dump(mode="json", exclude=set(self.policy))

    def warm_config(self) -> dict[str, Any]:
        """Return what else decides what a warm training gives, as JSON."""
        return {}

    def fits_prices(self, config: Mapping[str, Any], bars: pd.DataFrame, *, target: Target) -> bool:  # noqa: ARG002  # those of kinds that depend on the level of prices
        """Whether a model stored with `config` can forecast prices as they are now, after a split for instance."""
        return True

    @abstractmethod
    def training_columns(self, target: Target) -> tuple[str, ...]:
        """Return the columns of the bars that a training looks at."""

    @abstractmethod
    def require_trainable(self, bars: Mapping[str, pd.DataFrame], *, target: Target) -> None:
        """Refuse bars that can't be trained on.

        Raises
        ------
        NotEnoughHistoryError, MissingTargetError, HoldoutError
        """

    @abstractmethod
    def fit(
        self,
        bars: Mapping[str, pd.DataFrame],
        *,
        target: Target,
        seed: int,
        parent: Forecaster | None = None,
        member: int | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> Forecaster:
        """Fit a model on bars and on nothing else; the same arguments give the same weights, bit for bit.

        Parameters
        ----------
        bars
            Ticker to bars: index `session`, ascending, at least the `training_columns`.
        parent
            Go on from this model, of the same kind, with `warm_epochs`; None: from scratch.
        member
            Train this member alone, counted from 0; None: all of them, one after the other.

        Raises
        ------
        HoldoutError, TrainingError
        """

    def view_network(self, model: Forecaster, bars: pd.DataFrame, *, target: Target) -> NetworkView:
        """Return the recurrent network of a fitted model, with the windows of these bars; see `has_network`."""
        raise NotImplementedError(f"{self.kind} has no network")

    @classmethod
    @abstractmethod
    def restore(cls, config: Mapping[str, Any], weights: Weights, *, windows: int, loss: float) -> Forecaster:
        """Rebuild a fitted model from its `to_config` and `to_weights`; any error where they make none."""

    @classmethod
    def join(cls, members: Sequence[Forecaster]) -> Forecaster:
        """Make one model of members that were trained apart, in their order."""
        (only,) = members
        return only

    def with_epochs(self, epochs: int) -> Self:
        """Return the spec with another number of epochs.

        Raises
        ------
        UsageError
            The kind does not train in epochs.
        """
        raise UsageError(f"a model of kind {self.kind!r} is not trained in epochs: leave --epochs out ({epochs})")
