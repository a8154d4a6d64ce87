"""What decides a training, as a value that can go to another process or machine, and the model that comes of it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

import numpy as np
import pandas as pd

from stockrnn import networks
from stockrnn.models.forecaster import Forecaster
from stockrnn.models.registry import restore
from stockrnn.models.serialization import pack_weights
from stockrnn.models.spec import Spec
from stockrnn.progress import OnEpoch
from stockrnn.types import Model, Scope
from stockrnn.types.hashing import hash_bytes, hash_values, make_id

Bars = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """All that decides what a training gives; equal requests give the same weights.

    Attributes
    ----------
    model_id
        Names the model by everything that makes it: the same name, the same weights.
    member
        The network of an ensemble to train, counted from 0; None: the whole model.
    bars
        Ticker to bars, index `session`, the columns that the spec's kind looks at.
    parent
        The model to go on from; None: from scratch.
    title, reason
        For people: what is trained, such as `META: tutorial model`, and why.
    """

    model_id: str
    member: int | None = None
    scope: Scope = field(compare=False)
    spec: Spec = field(compare=False, repr=False)
    bars: Bars = field(compare=False, repr=False)
    seed: int = field(compare=False)
    parent: Model | None = field(default=None, compare=False, repr=False)
    title: str = field(default="", compare=False)
    reason: str = field(default="", compare=False)

    @property
    def max_epochs(self) -> int:
        """How many epochs it takes at most."""
        members = self.spec.count_members() if self.member is None else 1
        return members * self.spec.passes * self.spec.count_epochs(warm=self.parent is not None)

    def split(self) -> list["TrainingRequest"]:
        """Return the parts that can be trained apart: the members of an ensemble, else the whole."""
        count = self.spec.count_members()
        if count == 1 or self.member is not None:
            return [self]
        return [
            replace(self, member=number, title=f"{self.title}, network {number + 1} of {count}")
            for number in range(count)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What a training gave.

    Attributes
    ----------
    train_seconds
        How long it took where it ran; of members trained apart the sum.
    """

    forecaster: Forecaster
    train_seconds: float


def make_request(
    scope: Scope,
    spec: Spec,
    bars: Bars,
    *,
    seed: int,
    parent: Model | None = None,
    title: str = "",
    reason: str = "",
) -> TrainingRequest:
    """Return the request to train a model on `bars`, from scratch or on from `parent`.

    Raises
    ------
    NotEnoughHistoryError, MissingTargetError, HoldoutError
        The bars can't be trained on.
    """
    spec.require_trainable(bars, target=scope.target)
    columns = list(spec.training_columns(scope.target))
    needed = {ticker: known[columns] for ticker, known in bars.items()}
    warm = {"parent": parent.model_id, "warm": spec.warm_config()} if parent else {}
    model_id = make_id(
        scope.ticker or f"all-{scope.market}",
        scope.target,
        scope.spec,
        _last_session(needed),
        made_of={
            "spec": spec.training_config(),
            "seed": seed,
            "data": hash_bars(needed),
            "versions": networks.versions(),
            **warm,
        },
    )
    return TrainingRequest(
        model_id=model_id,
        scope=scope,
        spec=spec,
        bars=needed,
        seed=seed,
        parent=parent,
        title=title,
        reason=reason,
    )


def fit_request(request: TrainingRequest, on_epoch: OnEpoch | None = None) -> Fitted:
    """Train what is asked for, in this process.

    Raises
    ------
    HoldoutError, TrainingError, DamagedModelError
    """
    began = time.perf_counter()
    forecaster = request.spec.fit(
        request.bars,
        target=request.scope.target,
        seed=request.seed,
        parent=None if request.parent is None else restore(request.parent),
        member=request.member,
        on_epoch=on_epoch,
    )
    return Fitted(forecaster=forecaster, train_seconds=time.perf_counter() - began)


def join_parts(request: TrainingRequest, parts: Sequence[Fitted]) -> Fitted:
    """Put together what the parts of a request gave, in their order."""
    return Fitted(
        forecaster=request.spec.join([part.forecaster for part in parts]),
        train_seconds=sum(part.train_seconds for part in parts),
    )


def make_model(request: TrainingRequest, fitted: Fitted, *, trained_at: datetime) -> Model:
    """Describe a finished training as it is stored."""
    spec, scope, parent, forecaster = request.spec, request.scope, request.parent, fitted.forecaster
    weights = pack_weights(forecaster.to_weights())
    mode: Literal["full", "warm"] = "warm" if parent else "full"
    config = {"kind": spec.kind, "mode": mode, "spec": spec.training_config(), **forecaster.to_config()}
    if scope.ticker is None:
        config["tickers"] = sorted(request.bars)
    return Model(
        model_id=request.model_id,
        spec=scope.spec,
        ticker=scope.ticker,
        market=scope.market,
        target=scope.target,
        lookback=spec.lookback,
        trained_from=_first_session(request.bars),
        cutoff=_last_session(request.bars),
        parent_model_id=parent.model_id if parent else None,
        seed=request.seed,
        epochs=spec.count_epochs(warm=parent is not None),
        loss=forecaster.loss,
        windows=forecaster.windows,
        weights=weights,
        weights_sha256=hash_bytes(weights),
        config=config,
        data_sha256=hash_bars(request.bars),
        versions=networks.versions(),
        trained_at=trained_at,
        train_seconds=fitted.train_seconds,
    )


def hash_bars(bars: Bars) -> str:
    """Return a checksum of the sessions and values of all tickers."""
    parts = []
    for ticker, known in sorted(bars.items()):
        days = known.index.to_numpy().astype("datetime64[D]").astype(np.float64)
        parts.append(f"{ticker} {hash_values(days)} {hash_values(known.to_numpy(dtype=np.float64))}")
    return hash_bytes("\n".join(parts).encode())


def _last_session(bars: Bars) -> date:
    return max(pd.Timestamp(known.index[-1]).date() for known in bars.values())


def _first_session(bars: Bars) -> date:
    return min(pd.Timestamp(known.index[0]).date() for known in bars.values())
