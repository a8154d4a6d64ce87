"""Options that several commands share, and how their texts become values."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from stockrnn.errors import StockrnnError
from stockrnn.sources.registry import SourceName
from stockrnn.types import MAX_EPOCHS

if TYPE_CHECKING:
    from stockrnn.settings import Settings
    from stockrnn.steps.run import Job, Run

TickersOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--ticker", metavar="T", help="A Yahoo symbol, such as META; may be given several times."),
]
SpecOption: TypeAlias = Annotated[
    str | None, typer.Option("--spec", metavar="S", help="A model configuration; default: that of the settings.")
]
SpecsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--spec", metavar="S", help="A model configuration, or several to compare; default: that of the settings."
    ),
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
    int | None,
    typer.Option("--epochs", min=1, max=MAX_EPOCHS, metavar="N", help="Train so many epochs instead of the spec's."),
]
SourceOption: TypeAlias = Annotated[
    SourceName | None,
    typer.Option("--source", help="Where prices come from; default: the settings' source. stored downloads nothing."),
]


def read_tickers_option(tickers: list[str] | None) -> list[str]:
    """Check the symbols that were given, none lost and none twice."""
    from stockrnn.types import parse_ticker

    return list(dict.fromkeys(parse_ticker(ticker) for ticker in tickers or []))


def read_as_of(text: str | None, *, simulated: bool = False) -> datetime | None:
    """Return the moment that `--as-of` names, None where it was not given.

    Raises
    ------
    UsageError
        It can't be read, or lies in the future, which only the simulated market has.
    """
    from stockrnn.types import limit_as_of, parse_as_of

    if text is None:
        return None
    return parse_as_of(text) if simulated else limit_as_of(parse_as_of(text), now=datetime.now(UTC))


def make_run(
    *,
    as_of: str | None = None,
    simulated: bool = False,
    create: bool = False,
) -> "Run":
    """Return a run on the store of the settings.

    Parameters
    ----------
    simulated
        It brings simulated prices; its time may lie in the future.
    create
        Make a store where there is none.
    """
    from stockrnn.steps.moment import start_run
    from stockrnn.store.migrate import open_store

    settings, _ = _load_settings([None], epochs=None)
    moment, engine = read_as_of(as_of, simulated=simulated), open_store(settings, create=create)
    return start_run(settings, engine, as_of=moment, now=datetime.now(UTC), simulated=simulated)


def _load_settings(specs: Sequence[str | None], *, epochs: int | None) -> "tuple[Settings, list[str]]":
    """Return the settings in which the specs train `epochs`, and the names of the specs, each once.

    Of several specs those that are not trained in epochs are left as they are.
    """
    from stockrnn.models.registry import get_spec, with_epochs
    from stockrnn.settings import load_settings

    settings = load_settings()
    names = list(dict.fromkeys(name or settings.spec for name in specs))
    in_epochs = [name for name in names if get_spec(settings, name).trains_in_epochs]
    for name in in_epochs or names:
        settings = with_epochs(settings, name, epochs)
    return settings.model_copy(update={"spec": names[0]}), names


def make_jobs(
    tickers: list[str] | None, *, specs: Sequence[str | None], as_of: str | None, epochs: int | None = None
) -> "list[Job]":
    """Return one job per ticker and spec.

    Parameters
    ----------
    tickers
        None: those of the settings, else all active ones in the store.
    specs
        At least one; None among them is that of the settings.
    """
    from stockrnn.sources.registry import get_source
    from stockrnn.steps.moment import are_simulated, start_run
    from stockrnn.steps.tickers import choose_tickers
    from stockrnn.store.migrate import open_store

    named, (settings, names) = read_tickers_option(tickers), _load_settings(specs, epochs=epochs)
    read_as_of(as_of, simulated=True)  # one that can't be read is said before a store is looked for
    engine = open_store(settings, create=False)
    chosen = choose_tickers(settings, engine, named, get_source("stored"))
    moment = read_as_of(as_of, simulated=are_simulated(engine, chosen))
    return start_run(settings, engine, as_of=moment, now=datetime.now(UTC)).jobs(chosen, names)


@contextmanager
def naming_failures() -> Iterator[list[StockrnnError]]:
    """Give a list for what fails without stopping the rest; then name each once, and end with its exit code."""
    failed: list[StockrnnError] = []
    yield failed
    for text in dict.fromkeys(str(error) for error in failed):
        typer.echo(f"error: {text}", err=True)
    if failed:
        raise typer.Exit(failed[0].exit_code)
