"""Measure how far back the gradients of a ticker's networks reach; nothing is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import numpy as np

from stockrnn import networks
from stockrnn.errors import StockrnnError, StoreError, UsageError
from stockrnn.models.forecaster import NetworkView
from stockrnn.models.registry import fits_prices, restore
from stockrnn.networks import Examples
from stockrnn.steps.run import Job
from stockrnn.steps.universe import read_universe
from stockrnn.store.engine import reading
from stockrnn.store.promotions import read_champion
from stockrnn.training.requests import TrainingRequest, make_request
from stockrnn.training.trainer import Trainer
from stockrnn.types import Model, Network
from stockrnn.types.gradients import Reach, RemedyEffect, SpecReach

_WINDOWS = 32
"""Evenly from those of the training span."""
_TRUNCATE_AFTER = 10
"""Shown where the spec itself does not truncate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Studied:
    """The networks of one ticker: how far each reaches, and what remedies do to the first of them."""

    ticker: str
    reaches: tuple[SpecReach, ...]
    remedies: RemedyEffect


def study_gradients(jobs: Sequence[Job], trainer: Trainer) -> Studied:
    """Measure the networks of the jobs, of one ticker: those in use, trained now where none is.

    Raises
    ------
    UsageError
        A spec has no recurrent network.
    UnknownTickerError, NotEnoughHistoryError, MissingTargetError, HoldoutError, TrainingError, DamagedModelError
    """
    for job in jobs:
        _require_network(job)
    plans = [_plan(job) for job in jobs]
    trainer.begin(*(plan for plan in plans if isinstance(plan, TrainingRequest)))
    views = [_view(job, plan, trainer) for job, plan in zip(jobs, plans, strict=True)]
    reaches = [_measure(job, view) for job, view in zip(jobs, views, strict=True)]
    first = _study_remedies(jobs[0], views[0], reaches[0])
    return Studied(ticker=jobs[0].ticker, reaches=tuple(reaches), remedies=first)


def write_picture(job: Job, studied: Studied) -> Path:
    """Draw `gradients-TICKER.png` into the folder of reports; returns where it is.

    Raises
    ------
    StoreError
        The folder of reports can't be written.
    """
    from stockrnn.report.gradients import draw_gradients

    path = job.settings.reports / f"gradients-{quote(studied.ticker, safe='')}.png"
    try:
        draw_gradients(path, ticker=studied.ticker, reaches=studied.reaches, remedies=studied.remedies)
    except OSError as error:
        raise StoreError(f"{job.ticker}: can't write the picture {path}: {error.strerror}") from error
    return path


def _require_network(job: Job) -> None:
    if not job.spec.has_network:
        raise UsageError(
            f"spec {job.spec_name!r} is of kind {job.spec.kind!r}, which has no gradient that goes back in time: "
            f"name specs of recurrent networks, such as rnn, gru, tutorial or quantile"
        )


def _view(job: Job, plan: Model | TrainingRequest, trainer: Trainer) -> NetworkView:
    """Return the network with the windows of the training span."""
    forecaster = trainer.train(plan).forecaster if isinstance(plan, TrainingRequest) else restore(plan)
    known = job.history.bars.iloc[-job.spec.train_sessions :]
    view = job.spec.view_network(forecaster, known, target=job.target)
    if not len(view.examples.y):
        raise StockrnnError(f"{job.ticker}: too few sessions are stored for one window; import more history")
    return view


def _plan(job: Job) -> Model | TrainingRequest:
    """Return the model in use, else the training of one."""
    before = job.history.decided_before
    with reading(job.engine) as connection:
        champion = read_champion(connection, job.scope, cutoff=job.history.cutoff, before=before)
    if champion is not None and fits_prices(job.spec, champion, job.history.bars, target=job.target):
        return champion
    return make_request(
        job.scope,
        job.spec,
        read_universe(job).training(job.spec.train_sessions),
        seed=job.settings.seed,
        title=f"{job.scope.ticker or 'all tickers'}: {job.spec_name} model to look at",
    )


def _measure(job: Job, view: NetworkView) -> SpecReach:
    fresh = networks.make_fresh_weights(view.network, view.examples, seed=job.settings.seed)
    untrained, trained = (_reach(view.network, replace(view, weights=weights)) for weights in (fresh, view.weights))
    return SpecReach(spec=job.spec_name, cell=view.network.cell, untrained=untrained, trained=trained)


def _reach(network: Network, view: NetworkView) -> Reach:
    shown = _choose(view.examples)
    return networks.measure_reach(network, view.weights, shown.x, shown.context)


def _choose(examples: Examples) -> Examples:
    """Return some examples, evenly from all."""
    rows = np.unique(np.linspace(0, len(examples.y) - 1, _WINDOWS).round().astype(int))
    return Examples(x=examples.x[rows], y=examples.y[rows], context=examples.context[rows])


def _study_remedies(job: Job, view: NetworkView, reach: SpecReach) -> RemedyEffect:
    """Show what truncation and clipping do, as the spec says them, else by numbers that show it."""
    options = view.network.cell_options
    after = options.truncate_after or min(_TRUNCATE_AFTER, view.network.lookback)
    free, cut = (
        replace(view.network, cell_options=replace(options, truncate_after=steps)) for steps in (None, after)
    )
    fresh = networks.make_fresh_weights(view.network, view.examples, seed=job.settings.seed)
    norms = networks.measure_norms(free, fresh, view.examples, seed=job.settings.seed)
    return RemedyEffect(
        spec=reach.spec,
        truncate_after=after,
        free=_reach(free, view).inputs,
        truncated=_reach(cut, view).inputs,
        clip_norm=view.network.clip_norm or float(np.median(norms)),
        norms=norms,
    )
