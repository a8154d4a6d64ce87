"""Warn of models in use that do badly: worse live than naive, or not replaced for too long."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, Engine

from stockrnn.evaluation.benchmarks import join_titles
from stockrnn.evaluation.standings import compare_with_benchmarks
from stockrnn.evaluation.verdicts import format_p
from stockrnn.models.registry import read_specs
from stockrnn.settings import Settings
from stockrnn.store.engine import reading
from stockrnn.store.promotions import IN_USE, read_all_promotions
from stockrnn.store.record import read_live_errors
from stockrnn.training.policy import count_sessions

_SPAN = timedelta(days=365)
_DAYS_A_SESSION = 365 / 252
_REFUSED = 3


def monitor_models(settings: Settings, engine: Engine, *, as_of: datetime, simulated: bool) -> tuple[str, ...]:
    """Return what is to be said of the models in use at `as_of`, one line each.

    A model that serves one ticker is judged by its live forecasts of a year, one for all by those of all tickers.
    """
    with reading(engine) as connection:
        return (
            *_find_bad_records(connection, settings, as_of=as_of, simulated=simulated),
            *_find_old_models(connection, settings, as_of=as_of, simulated=simulated),
        )


def _find_bad_records(
    connection: Connection, settings: Settings, *, as_of: datetime, simulated: bool
) -> Iterator[str]:
    errors = read_live_errors(connection, target=settings.target, through=as_of.date(), simulated=simulated)
    recent = errors[pd.to_datetime(errors["session"]) >= pd.Timestamp((as_of - _SPAN).date())]
    shared_specs = {name for name, spec in read_specs(settings).items() if spec.scope == "market"}
    for spec, rows in recent.groupby("spec", sort=True):
        shared = spec in shared_specs
        groups = [("all tickers", rows)] if shared else list(rows.groupby("ticker", sort=True))
        for name, group in groups:
            verdict = compare_with_benchmarks(group, target=settings.target)
            if verdict.relation == "worse":
                benchmarks = join_titles(verdict.against, word="and")
                yield (
                    f"{name}: the live forecasts of {spec} are worse than {benchmarks} over {verdict.n} sessions "
                    f"({format_p(verdict.p_value)}); see 'stockrnn models list', or turn it off with nightly = false"
                )


def _find_old_models(
    connection: Connection, settings: Settings, *, as_of: datetime, simulated: bool
) -> Iterator[str]:
    """Warn of models whose successors were all refused, three at least; of specs that train from scratch alone."""
    market = "simulated" if simulated else "real"
    spans = {
        name: max(count_sessions(spec.max_age), _REFUSED * count_sessions(spec.every))
        for name, spec in read_specs(settings).items()
        if spec.nightly and spec.mode == "full"
    }
    seen: set[str] = set()
    for decision in read_all_promotions(connection, specs=list(spans)):
        fits = decision.market == market and decision.target == settings.target and decision.as_of <= as_of
        key = f"{decision.spec} {decision.ticker}"
        if decision.decision not in IN_USE or not fits or key in seen:
            continue
        seen.add(key)
        days = (as_of - decision.as_of).days
        if days > spans[decision.spec] * _DAYS_A_SESSION:
            yield (
                f"{decision.ticker or 'all tickers'}: the model of {decision.spec} in use is {days} days old; no "
                "later one was good enough, see 'stockrnn sql promotions'"
            )
