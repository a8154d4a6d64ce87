"""Train a model where one is due, and keep it with all that made it."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from stockrnn import networks
from stockrnn.errors import NotEnoughHistoryError
from stockrnn.pipeline.fit import OnEpoch, PriceModel, fit_prices
from stockrnn.pipeline.job import History, Job, read_history
from stockrnn.registry import explain_due, hash_bytes, make_id, pack_weights
from stockrnn.settings import Spec
from stockrnn.store.engine import reading, writing
from stockrnn.store.models import read_latest_model, read_model, write_model
from stockrnn.types import Model
from stockrnn.windows import hash_values

_RESTATED = 0.01
"""Relative; a correction of some bar is smaller, or was worth a training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """The model in use after the step, and why it was trained now; `reason` is None where none was due."""

    model: Model
    reason: str | None


def retrain_if_due(job: Job, *, force: bool = False, on_epoch: OnEpoch | None = None) -> Retrained:
    """Return the ticker's model, trained now if the spec's `every` says so or `force` does.

    Raises
    ------
    UnknownTickerError, NotEnoughHistoryError, MissingTargetError, TrainingError
        The ticker can't be trained; nothing was stored.
    """
    history = read_history(job)
    with reading(job.engine) as connection:
        newest = read_latest_model(
            connection, ticker=job.ticker, spec=job.spec_name, target=job.target, cutoff=history.cutoff
        )
    reason = _explain(job, history, newest) or ("asked for" if force else None)
    if newest is not None and reason is None:
        return Retrained(model=newest, reason=None)
    return _train(job, history, reason=reason, on_epoch=on_epoch)


def describe_config(spec: Spec) -> dict[str, Any]:
    """Return the part of a spec that decides what a training gives, as JSON."""
    return {"network": asdict(spec.network), "epochs": spec.epochs}


def _explain(job: Job, history: History, newest: Model | None) -> str | None:
    if newest is not None and any(newest.config[key] != part for key, part in describe_config(job.spec).items()):
        return "the spec was changed"
    if newest is not None and _is_restated(job, history, newest):
        return "the prices it was trained on have been restated, as by a split"
    cutoff = newest.cutoff if newest else None
    since = history.sessions_since(cutoff) if cutoff else 0
    return explain_due(cutoff, every=job.spec.every, sessions_since=since)


def _is_restated(job: Job, history: History, model: Model) -> bool:
    """Whether the model's scaler belongs to prices of another basis than those stored now."""
    values = history.values(job.target).loc[pd.Timestamp(model.trained_from) : pd.Timestamp(model.cutoff)]
    if values.empty:
        return False
    scaler = model.config["scaler"]
    return not np.allclose([values.min(), values.max()], [scaler["data_min"], scaler["data_max"]], rtol=_RESTATED)


def _train(job: Job, history: History, *, reason: str | None, on_epoch: OnEpoch | None) -> Retrained:
    values = history.values(job.target).iloc[-job.spec.train_sessions :]
    needed = job.spec.lookback + 1
    if len(values) < needed:
        raise NotEnoughHistoryError(job.ticker, found=len(values), needed=needed, through=history.cutoff)
    model_id = _name(job, values)
    with reading(job.engine) as connection:
        standing = read_model(connection, model_id)
    if standing is not None:  # the same prices, spec, seed and versions would give the same weights
        return Retrained(model=standing, reason=None)
    started = time.perf_counter()
    fitted = fit_prices(job.spec, values.to_numpy(), seed=job.settings.seed, on_epoch=on_epoch)
    model = _describe(job, values, fitted, model_id=model_id, seconds=time.perf_counter() - started)
    with writing(job.engine) as connection:
        write_model(connection, model)
    return Retrained(model=model, reason=reason)


def _name(job: Job, values: pd.Series) -> str:
    return make_id(
        job.ticker,
        job.target,
        job.spec_name,
        pd.Timestamp(values.index[-1]).date(),
        made_of={
            **describe_config(job.spec),
            "seed": job.settings.seed,
            "data": hash_values(values.to_numpy()),
            "trained_from": values.index[0],
            "versions": networks.versions(),
        },
    )


def _describe(job: Job, values: pd.Series, fitted: PriceModel, *, model_id: str, seconds: float) -> Model:
    weights = pack_weights(fitted.weights)
    return Model(
        model_id=model_id,
        spec=job.spec_name,
        ticker=job.ticker,
        target=job.target,
        lookback=job.spec.lookback,
        trained_from=pd.Timestamp(values.index[0]).date(),
        cutoff=pd.Timestamp(values.index[-1]).date(),
        seed=job.settings.seed,
        epochs=job.spec.epochs,
        loss=fitted.losses[-1],
        windows=fitted.windows,
        weights=weights,
        weights_sha256=hash_bytes(weights),
        config={**describe_config(job.spec), "scaler": fitted.scaler.to_json()},
        data_sha256=hash_values(values.to_numpy()),
        versions=networks.versions(),
        trained_at=job.wall,
        train_seconds=seconds,
    )
