"""Commands on prices."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stockrnn.cli.options import SourceOption, TickersOption, read_tickers_option

app = typer.Typer(no_args_is_help=True, help="Bring prices in.")


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV files as Yahoo exports them.")],
    ticker: Annotated[str, typer.Option(metavar="T", help="The Yahoo symbol the files belong to.")],
    calendar: Annotated[
        str | None, typer.Option(metavar="CODE", help="The exchange's calendar; default: by the symbol's suffix.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(metavar="CODE", help="The quote currency, such as USD; only shown, never converted.")
    ] = None,
) -> None:
    """Store the daily prices of CSV files under one ticker: all of the files or none of them."""
    from stockrnn.pipeline.update import import_prices
    from stockrnn.settings import load_settings
    from stockrnn.store.migrate import open_store
    from stockrnn.types import parse_ticker

    symbol = parse_ticker(ticker)
    engine = open_store(load_settings())
    imported = import_prices(
        engine, files, ticker=symbol, calendar=calendar, currency=currency, as_of=datetime.now(UTC)
    )
    for path, written in zip(files, imported, strict=True):
        typer.echo(f"{symbol}: {path.name}: {written}")
    if any(written.kept_aside for written in imported):
        typer.echo(f"the rows kept aside and why: stockrnn sql price_issues --param ticker={symbol}")


@app.command()
def update(source: SourceOption = "stored", ticker: TickersOption = None) -> None:
    """Bring the stored prices up to date from a source."""
    from stockrnn.errors import UsageError
    from stockrnn.pipeline.job import Job
    from stockrnn.pipeline.update import update_prices
    from stockrnn.settings import load_settings
    from stockrnn.sources.simulated import DEMO_TICKERS
    from stockrnn.store.migrate import open_store

    if source == "stored":
        raise UsageError("--source stored downloads nothing; name a source, such as --source simulated")
    settings, now = load_settings(), datetime.now(UTC)
    engine = open_store(settings)
    for symbol in read_tickers_option(ticker) or DEMO_TICKERS:
        job = Job(settings=settings, engine=engine, ticker=symbol, spec_name=settings.spec, as_of=now, wall=now)
        typer.echo(f"{symbol}: {update_prices(job, source=source)}")
