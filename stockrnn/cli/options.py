"""Options that several commands share, and how their texts become values."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from stockrnn.sources.registry import SourceName

if TYPE_CHECKING:
    from stockrnn.settings import Settings
    from stockrnn.steps.job import Job

TickersOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--ticker", metavar="T", help="A Yahoo symbol, such as META; may be given several times."),
]
SpecOption: TypeAlias = Annotated[
    str | None, typer.Option("--spec", metavar="S", help="A model configuration; default: that of the settings.")
]
AsOfOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="The run's now: 2020-01-31 (the end of that day, UTC) or 2020-01-31T22:00:00+00:00.",
    ),
]
EpochsOption: TypeAlias = Annotated[
    int | None, typer.Option("--epochs", min=1, metavar="N", help="Train so many epochs instead of the spec's.")
]
SourceOption: TypeAlias = Annotated[
    SourceName,
    typer.Option("--source", help="Where prices come from; stored downloads nothing."),
]


def read_settings(*, spec: str | None = None, epochs: int | None = None) -> "tuple[Settings, str]":
    """Load the settings and the name of the spec to use; `epochs` replaces that spec's."""
    from stockrnn.settings import load_settings

    settings = load_settings()
    name = spec or settings.spec
    return settings.with_epochs(name, epochs), name


def read_tickers_option(tickers: list[str] | None) -> list[str]:
    """Check the symbols that were given, none lost and none twice."""
    from stockrnn.types import parse_ticker

    return list(dict.fromkeys(parse_ticker(ticker) for ticker in tickers or []))


def read_as_of(text: str | None, *, simulated: bool = False) -> datetime:
    """Return the moment that `--as-of` names, now where it was not given.

    Raises
    ------
    UsageError
        It can't be read, or lies in the future, which only the simulated market has.
    """
    from stockrnn.types import limit_as_of, parse_as_of

    now = datetime.now(UTC)
    if text is None:
        return now
    return parse_as_of(text) if simulated else limit_as_of(parse_as_of(text), now=now)


def make_jobs(
    tickers: list[str] | None, *, spec: str | None, as_of: str | None, epochs: int | None = None
) -> "list[Job]":
    """Return a job a ticker: those named, else those of the settings, else all active ones in the store."""
    from stockrnn.steps.job import Job
    from stockrnn.steps.tickers import choose_tickers
    from stockrnn.store.migrate import open_store

    settings, name = read_settings(spec=spec, epochs=epochs)
    named, moment = read_tickers_option(tickers), read_as_of(as_of)
    engine = open_store(settings, create=False)
    shared: dict[str, Any] = {"settings": settings, "engine": engine, "spec_name": name}
    chosen = choose_tickers(settings, engine, named)
    return [Job(ticker=ticker, as_of=moment, now=datetime.now(UTC), **shared) for ticker in chosen]
