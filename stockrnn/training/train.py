"""Train a candidate: a model with all that made it, which nobody uses yet."""

import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from stockrnn import networks
from stockrnn.errors import MissingTargetError, NotEnoughHistoryError
from stockrnn.models.forecaster import Fitted
from stockrnn.models.price import fit_prices
from stockrnn.models.quantile import fit_quantile_model
from stockrnn.models.registry import restore
from stockrnn.models.serialization import pack_weights
from stockrnn.models.spec import PriceSpec, QuantileSpec
from stockrnn.steps.job import Job
from stockrnn.types import BAR_COLUMNS, Model, Scope
from stockrnn.types.hashing import hash_bytes, hash_values, make_id

OnEpoch = Callable[[int, float], None]
Bars = Mapping[str, pd.DataFrame]


Trainer = Callable[..., Fitted]
"""What runs a training, called as `fit_model` is: that function itself, or a process of its own."""


def fit_model(
    spec: PriceSpec | QuantileSpec,
    bars: Bars,
    *,
    target: Any,  # noqa: ANN401  # a Target
    seed: int,
    start: Any = None,  # noqa: ANN401  # a model of the same kind
    member: int | None = None,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Fit a model of the spec's kind on bars and on nothing else; a price model on those of the only ticker.

    Parameters
    ----------
    member
        Of a quantile model, train this member alone; see `fit_quantile_model`.

    Raises
    ------
    HoldoutError, TrainingError
    """
    if isinstance(spec, QuantileSpec):
        return fit_quantile_model(spec, bars, target=target, seed=seed, start=start, member=member, on_epoch=on_epoch)
    (known,) = bars.values()
    values = known[target].to_numpy(dtype=np.float64)
    return fit_prices(spec, values, seed=seed, start=start, on_epoch=on_epoch)


def describe_config(spec: PriceSpec | QuantileSpec) -> dict[str, Any]:
    """Return the part of a spec that decides what a training from scratch gives, as JSON."""
    left_out = {
        "nightly",
        "every",
        "mode",
        "max_age",
        "warm_epochs",
        "warm_learning_rate",
        "trial_sessions",
        "margin",
    }
    return spec.model_dump(mode="json", exclude=left_out)


def name_model(job: Job, scope: Scope, bars: Bars, *, parent: Model | None) -> str:
    """Name a model by what makes it: the same name, the same weights."""
    warm = {"epochs": job.spec.warm_epochs, "learning_rate": job.spec.warm_learning_rate}
    return make_id(
        scope.ticker or f"all-{scope.market}",
        scope.target,
        scope.spec,
        _last_session(bars),
        made_of={
            "spec": describe_config(job.spec),
            "seed": job.settings.seed,
            "data": _hash(job, bars),
            "trained_from": _first_session(bars),
            "versions": networks.versions(),
            **({"parent": parent.model_id, "warm": warm} if parent else {}),
        },
    )


def train_model(
    job: Job,
    scope: Scope,
    bars: Bars,
    *,
    parent: Model | None = None,
    trainer: Trainer = fit_model,
    on_epoch: OnEpoch | None = None,
) -> Model:
    """Train on `bars` from scratch, or on from the weights of `parent`.

    Raises
    ------
    NotEnoughHistoryError, MissingTargetError, HoldoutError, TrainingError
    """
    if isinstance(job.spec, PriceSpec):
        _require_values(job, bars)
    began = time.perf_counter()
    fitted = trainer(
        job.spec,
        bars,
        target=job.target,
        seed=job.settings.seed,
        start=None if parent is None else restore(parent),
        on_epoch=on_epoch,
    )
    seconds = time.perf_counter() - began
    return _describe(job, scope, bars, fitted, parent=parent, seconds=seconds)


def _hash(job: Job, bars: Bars) -> str:
    """Return a checksum of what the model is trained on: the target's values alone, or sessions and bars of all."""
    if isinstance(job.spec, PriceSpec):
        return hash_values(bars[job.ticker][job.target].to_numpy())
    parts = []
    for ticker, known in sorted(bars.items()):
        days = known.index.to_numpy().astype("datetime64[D]").astype(np.float64)
        table = known[list(BAR_COLUMNS)].to_numpy(dtype=np.float64)
        parts.append(f"{ticker} {hash_values(days)} {hash_values(table)}")
    return hash_bytes("\n".join(parts).encode())


def _require_values(job: Job, bars: Bars) -> None:
    found, needed = len(bars.get(job.ticker, ())), job.spec.lookback + 1
    if found < needed:
        through = _last_session(bars) if bars else job.as_of.date()
        raise NotEnoughHistoryError(job.ticker, found=found, needed=needed, through=through)
    missing = int(bars[job.ticker][job.target].isna().sum())
    if missing:
        raise MissingTargetError(job.ticker, job.target, missing)


def _describe(job: Job, scope: Scope, bars: Bars, fitted: Fitted, *, parent: Model | None, seconds: float) -> Model:
    weights = pack_weights(fitted.to_weights())
    mode: Literal["full", "warm"] = "warm" if parent else "full"
    config = {"kind": job.spec.kind, "mode": mode, "spec": describe_config(job.spec), **fitted.to_config()}
    if scope.ticker:
        # a warm training keeps the scaler, which belongs to the span of the first one
        span = [str(_first_session(bars)), str(_last_session(bars))]
        config["scaled_on"] = parent.config.get("scaled_on", span) if parent else span
    else:
        config["tickers"] = sorted(bars)
    return Model(
        model_id=name_model(job, scope, bars, parent=parent),
        spec=scope.spec,
        ticker=scope.ticker,
        market=scope.market,
        target=scope.target,
        lookback=job.spec.lookback,
        trained_from=_first_session(bars),
        cutoff=_last_session(bars),
        parent_model_id=parent.model_id if parent else None,
        seed=job.settings.seed,
        epochs=job.spec.warm_epochs if parent else job.spec.epochs,
        loss=fitted.loss,
        windows=fitted.windows,
        weights=weights,
        weights_sha256=hash_bytes(weights),
        config=config,
        data_sha256=_hash(job, bars),
        versions=networks.versions(),
        trained_at=job.now,
        train_seconds=seconds,
    )


def _last_session(bars: Bars) -> date:
    return max(pd.Timestamp(known.index[-1]).date() for known in bars.values())


def _first_session(bars: Bars) -> date:
    return min(pd.Timestamp(known.index[0]).date() for known in bars.values())
