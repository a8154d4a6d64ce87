"""Check what a night depends on, and say what to do about each thing that is not as it should be."""

import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPException
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from stockrnn.errors import PriceSourceError, StockrnnError
from stockrnn.market.calendars import calendar_at
from stockrnn.models.registry import nightly_specs, read_specs
from stockrnn.settings import Settings
from stockrnn.sources.registry import choose_source
from stockrnn.sources.source import Source
from stockrnn.steps.exchange import explain_ends
from stockrnn.steps.failures import group_failures
from stockrnn.steps.liveness import explain_never_live
from stockrnn.steps.run import find_calendar
from stockrnn.store.engine import reading
from stockrnn.store.folder import find_open
from stockrnn.store.forecasts import read_clock
from stockrnn.store.instruments import read_tickers
from stockrnn.store.migrate import current_revision, head_revision, open_store
from stockrnn.store.url import describe_url
from stockrnn.types import Span
from stockrnn.types.addresses import describe_address

Health: TypeAlias = Literal["ok", "warning", "problem"]

_FOR_WHOM = {"private": "for its user alone", "group": "for its user and group"}
_PROBE, _PROBES_CALENDAR = "SPY", "XNYS"
_NEW_YORK = "America/New_York"
_MIN_FREE = 1e9
_MAX_SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found; `words` say what to do where it is not ok."""

    name: str
    health: Health
    words: str


def examine(settings: Settings, *, now: datetime, prefect_api: str | None) -> Iterator[Finding]:
    """Yield one finding per check.

    Parameters
    ----------
    prefect_api
        The address of Prefect's API; None where nights run without a server.
    """
    try:
        engine = open_store(settings)
    except StockrnnError as error:
        yield Finding(name="database", health="problem", words=str(error))
    else:
        yield _named("database", lambda: _look_at_database(engine))
        yield _named("clock", lambda: _look_at_clock(engine, now))
        yield _named("specs", lambda: _look_at_specs(settings))
        yield _named("calendars", lambda: _look_at_calendars(settings, engine, now))
        engine.dispose()
    yield _named("disk", lambda: _look_at_disk(settings))
    yield _named("files", lambda: _look_at_files(settings))
    yield _named("time zones", lambda: _look_at_zones(now))
    yield from _look_at_sources(settings, now)
    yield _named("Prefect", lambda: _look_at_prefect(prefect_api))


def _named(name: str, look: Callable[[], tuple[Health, str]]) -> Finding:
    try:
        health, words = look()
    except StockrnnError as error:
        health, words = "problem", str(error)
    return Finding(name=name, health=health, words=words)


def _look_at_database(engine: Engine) -> tuple[Health, str]:
    with reading(engine) as connection:
        found = current_revision(connection)
    return "ok", f"{describe_url(engine.url)}, schema {found} of {head_revision()}"


def _look_at_clock(engine: Engine, now: datetime) -> tuple[Health, str]:
    with reading(engine) as connection:
        skew = abs(read_clock(connection) - now)
    if skew > _MAX_SKEW:
        return (
            "problem",
            f"this machine and the database are {skew} apart; set their clocks: they decide what is live",
        )
    return "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC, the database agrees"


def _look_at_specs(settings: Settings) -> tuple[Health, str]:
    return "ok", f"{', '.join(sorted(read_specs(settings)))}; nightly: {', '.join(nightly_specs(settings)) or 'none'}"


def _look_at_calendars(settings: Settings, engine: Engine, now: datetime) -> tuple[Health, str]:
    found, failed = [], dict[str, str]()
    with reading(engine) as connection:
        tickers = settings.tickers or read_tickers(connection, simulated=False)
        for ticker in tickers:
            try:
                found.append((ticker, find_calendar(connection, settings, ticker, as_of=now)))
            except StockrnnError as error:
                failed[ticker] = str(error)
    if failed:
        return "problem", "; ".join(group_failures(failed.items()))
    never = [explain_never_live(ticker, calendar, settings.target) for ticker, calendar in found]
    warnings = [*explain_ends(found, now=now), *filter(None, never)]
    if warnings:
        return "warning", "; ".join(warnings)
    following = sorted({f"{calendar.name} {calendar.next_to_open(now)}" for _, calendar in found})
    return "ok", f"{len(tickers)} tickers; next sessions: {', '.join(following) or '-'}"


def _look_at_disk(settings: Settings) -> tuple[Health, str]:
    folder = next(one for one in (settings.home.resolve(), *settings.home.resolve().parents) if one.exists())
    free = shutil.disk_usage(folder).free
    if free < _MIN_FREE:
        return "problem", f"{free / 1e9:.1f} GB are free at {settings.home}; make room or move STOCKRNN_HOME"
    return "ok", f"{free / 1e9:.0f} GB are free at {settings.home}"


def _look_at_files(settings: Settings) -> tuple[Health, str]:
    """Look whether others may read or write what stockrnn would now make for its user or group alone."""
    found = find_open(settings)
    if not found:
        return "ok", f"{settings.home} is {_FOR_WHOM[settings.file_mode]}"
    names, whom = ", ".join(str(path) for path in found), "go" if settings.file_mode == "private" else "o"
    return "warning", f"others may use {names}; if they should not: chmod {whom}-rwx on it"


def _look_at_zones(now: datetime) -> tuple[Health, str]:
    there, here = now.astimezone(ZoneInfo(_NEW_YORK)), now.astimezone()
    return "ok", f"here it is {here:%H:%M %Z}, in New York {there:%H:%M}; schedules name their own zone"


def _look_at_sources(settings: Settings, now: datetime) -> Iterator[Finding]:
    try:
        source = choose_source(settings)
    except StockrnnError as error:
        yield Finding(name="source", health="problem", words=str(error))
        return
    for one in (source, *source.fallbacks):
        yield _named(one.title, partial(_look_at_source, settings, one, now))


def _look_at_source(settings: Settings, source: Source, now: datetime) -> tuple[Health, str]:
    if source.open is None:
        return "ok", "it downloads nothing"
    today = now.date()
    try:
        fetch, calendar = source.open(settings), calendar_at(_PROBES_CALENDAR, now)
        answer = fetch(_PROBE, Span(today - timedelta(days=10), today), calendar)
    except PriceSourceError as error:
        return "problem", f"{error}; check the network, a proxy or {source.title}'s own state"
    return "ok", f"it answers, {len(answer.rows)} sessions of {_PROBE}"


def _look_at_prefect(api: str | None) -> tuple[Health, str]:
    if not api:
        return "warning", "no server: schedules need one ('stockrnn server', PREFECT_API_URL), or a crontab"
    address = describe_address(api)
    try:
        with urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=10) as answer:  # noqa: S310  # the user's own
            healthy = answer.status == 200  # noqa: PLR2004  # OK
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        return "problem", f"{address} does not answer ({reason}); run 'stockrnn server' or mend PREFECT_API_URL"
    return ("ok", f"{address} answers") if healthy else ("problem", f"{address} is not healthy; see the server's log")
