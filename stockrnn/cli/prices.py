"""Commands on prices."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

import typer

from stockrnn.cli.options import AsOfOption, SourceOption, TickersOption, read_as_of, read_tickers_option
from stockrnn.cli.output import print_table
from stockrnn.errors import StockrnnError
from stockrnn.sources.registry import DEFAULT_SOURCE, get_source

if TYPE_CHECKING:
    from stockrnn.sources.source import Source
    from stockrnn.steps.job import Job

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

    by_ticker = _group_files(files, ticker)
    settings, now = load_settings(), datetime.now(UTC)
    engine = open_store(settings)
    failed: list[StockrnnError] = []
    for symbol, paths in by_ticker.items():
        options: dict[str, Any] = {"ticker": symbol, "calendar": calendar, "currency": currency, "as_of": now}
        try:
            imported = import_prices(settings, engine, paths, **options)
        except StockrnnError as error:
            failed.append(error)
            continue
        for path, written in zip(paths, imported, strict=True):
            typer.echo(f"{symbol}: {path.name}: {written}")
        if any(written.quarantined or written.missing for written in imported):
            typer.echo(f"what is wrong and why: stockrnn prices check --ticker {symbol}")
    _end(failed)


@app.command()
def update(
    source: SourceOption = DEFAULT_SOURCE,
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
    from stockrnn.steps.feed import open_feed, update_prices

    chosen = get_source(source)
    if not chosen.downloads:
        raise UsageError(f"--source {source} downloads nothing; name a source, such as --source {DEFAULT_SOURCE}")
    moment = read_as_of(as_of, simulated=chosen.simulated)
    jobs = _make_jobs(ticker, chosen, moment)
    failed: list[StockrnnError] = []
    with open_feed(jobs[0].settings, chosen) as feed:
        for job in jobs:
            try:
                written = update_prices(job, feed, full=full)
            except StockrnnError as error:
                failed.append(error)
            else:
                typer.echo(f"{job.ticker}: {written}")
    _end(failed)


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


def _make_jobs(tickers: list[str] | None, source: "Source", as_of: datetime) -> "list[Job]":
    from stockrnn.settings import load_settings
    from stockrnn.steps.job import Job
    from stockrnn.steps.tickers import choose_tickers
    from stockrnn.store.migrate import open_store

    settings, named = load_settings(), read_tickers_option(tickers)
    engine = open_store(settings)
    shared: dict[str, Any] = {"settings": settings, "engine": engine, "spec_name": settings.spec}
    chosen = choose_tickers(settings, engine, named, source)
    return [Job(ticker=symbol, as_of=as_of, now=datetime.now(UTC), **shared) for symbol in chosen]


def _end(failed: list[StockrnnError]) -> None:
    """Name what failed, an outage once for all its tickers, and end with its exit code."""
    for text in dict.fromkeys(str(error) for error in failed):
        typer.echo(f"error: {text}", err=True)
    if failed:
        raise typer.Exit(failed[0].exit_code)
