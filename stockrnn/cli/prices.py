"""Commands on prices."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

import typer

from stockrnn.cli.options import (
    AsOfOption,
    SourceOption,
    TickersOption,
    make_run,
    naming_failures,
    read_tickers_option,
)
from stockrnn.cli.output import print_table
from stockrnn.errors import BrokenCalendarError, StockrnnError
from stockrnn.sources.registry import DEFAULT_SOURCE

if TYPE_CHECKING:
    from stockrnn.steps.feed import Feed
    from stockrnn.steps.run import Job

app = typer.Typer(no_args_is_help=True, help="Bring prices in and see what is wrong with them.")


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV files as Yahoo exports them.")],
    ticker: Annotated[
        str | None,
        typer.Option(metavar="T", help="The Yahoo symbol of all files; default: each file's own name, as META.csv."),
    ] = None,
    calendar: Annotated[
        str | None, typer.Option(metavar="CODE", help="The exchange's calendar; default: by the symbol's suffix.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="The quote currency, such as USD; only shown, never converted.")
    ] = None,
) -> None:
    """Store the daily prices of CSV files: of each ticker all files or none of them."""
    from stockrnn.settings import load_settings
    from stockrnn.steps.import_prices import import_prices
    from stockrnn.store.migrate import open_store
    from stockrnn.types import parse_currency

    by_ticker = _group_files(files, ticker)
    currency = None if currency is None else parse_currency(currency)
    settings, now = load_settings(), datetime.now(UTC)
    engine = open_store(settings)
    with naming_failures() as failed:
        for symbol, paths in by_ticker.items():
            options: dict[str, Any] = {"ticker": symbol, "calendar": calendar, "currency": currency, "as_of": now}
            try:
                imported = import_prices(settings, engine, paths, **options)
            except StockrnnError as error:
                failed.append(error)
                continue
            for path, written in zip(paths, imported, strict=True):
                typer.echo(f"{symbol}: {path.name}: {written}")
            if any(written.is_faulty for written in imported):
                typer.echo(f"what is wrong and why: stockrnn prices check --ticker {symbol}")


@app.command()
def update(
    source: SourceOption = None,
    ticker: TickersOption = None,
    as_of: AsOfOption = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Fetch the whole history anew and take it as it is, whatever is stored.")
    ] = False,
) -> None:
    """Bring the stored prices up to date: the sessions missing, and once more the last 10 stored ones.

    Without --ticker: the tickers of the settings, else every active one in the store.
    """
    from stockrnn.errors import UsageError
    from stockrnn.settings import load_settings
    from stockrnn.sources.registry import choose_source
    from stockrnn.steps.exchange_sessions import Believed, believe_source
    from stockrnn.steps.feed import open_feed
    from stockrnn.steps.tickers import choose_tickers

    origin, named = choose_source(load_settings(), source), read_tickers_option(ticker)
    if not origin.downloads:
        raise UsageError(
            f"--source {origin.name} downloads nothing; name a source, such as --source {DEFAULT_SOURCE}"
        )
    run = make_run(as_of=as_of, simulated=origin.simulated, create=True)
    chosen = choose_tickers(run.settings, run.engine, named, origin)
    with naming_failures() as failed, open_feed(run.settings, origin) as feed:
        for symbol in chosen:
            _update(run.job(symbol), feed, full=full, failed=failed)
        believed = believe_source(run, chosen) if origin.needs_network else Believed()
        for line in believed.words:
            typer.echo(line)
        for symbol in believed.again:
            _update(run.job(symbol), feed, full=False, failed=failed)


def _update(job: "Job", feed: "Feed | None", *, full: bool, failed: list[StockrnnError]) -> None:
    """Update one ticker and say what came; what goes wrong stays with it."""
    from stockrnn.steps.feed import update_prices

    try:
        written = update_prices(job, feed, full=full)
    except BrokenCalendarError as error:  # it names the calendar alone
        failed.append(StockrnnError(f"{job.ticker}: {error}"))
        return
    except StockrnnError as error:
        failed.append(error)
        return
    typer.echo(f"{job.ticker}: {written}")
    if written is not None and written.is_faulty:
        typer.echo(f"what is wrong and why: stockrnn prices check --ticker {job.ticker}")


@app.command()
def resolve(
    ticker: Annotated[str, typer.Option("--ticker", metavar="T", help="The Yahoo symbol.")],
    session: Annotated[str, typer.Option("--session", metavar="DATE", help="The issue's session, as 2022-06-06.")],
) -> None:
    """Take a jump that looks like a split as it is: its issue possible_split is resolved and does not come back."""
    from stockrnn.settings import load_settings
    from stockrnn.store.engine import writing
    from stockrnn.store.migrate import open_store
    from stockrnn.store.possible_splits import resolve_possible_split
    from stockrnn.types import parse_day, parse_ticker

    symbol, day = parse_ticker(ticker), parse_day(session)
    with writing(open_store(load_settings(), create=False)) as connection:
        found = resolve_possible_split(connection, symbol, day, at=datetime.now(UTC))
    if not found:
        raise StockrnnError(
            f"{symbol}: no possible split is open at {day}; 'stockrnn prices check --ticker {symbol}' lists what is; "
            "other issues are resolved by a good bar of their session"
        )
    typer.echo(f"{symbol}: the jump into {day} is taken as it is; only another one there opens an issue again")


@app.command()
def check(ticker: TickersOption = None) -> None:
    """List what is wrong with the stored prices: sessions missing, quarantined rows and why; each ticker's state.

    Without --ticker: every ticker in the store.
    """
    from stockrnn.settings import load_settings
    from stockrnn.store.engine import reading
    from stockrnn.store.migrate import open_store
    from stockrnn.store.queries import get_query, run_query

    named = read_tickers_option(ticker)
    engine = open_store(load_settings(), create=False)
    with reading(engine) as connection:
        issues = run_query(connection, get_query("price_issues"), {})
        health = run_query(connection, get_query("price_health"), {})
    for table in (issues, health):
        rows = [row for row in table.rows if not named or row[0] in named]
        if rows:
            print_table(table.columns, rows)
            typer.echo("")
    shown = {row[0] for row in health.rows}
    unknown = [symbol for symbol in named if symbol not in shown]
    if unknown:
        raise StockrnnError(f"{', '.join(unknown)}: no prices are stored; see 'stockrnn prices update --help'")
    count = sum(1 for row in issues.rows if not named or row[0] in named)
    typer.echo(f"{count} open issues" if count else "no open issues")


def _group_files(files: list[Path], ticker: str | None) -> dict[str, list[Path]]:
    """Return the files of each ticker: the one named, else the one that each file's name says."""
    from stockrnn.types import parse_ticker

    grouped: dict[str, list[Path]] = {}
    for path in files:
        grouped.setdefault(parse_ticker(unquote(path.stem) if ticker is None else ticker), []).append(path)
    return grouped
