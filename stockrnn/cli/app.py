"""The `stockrnn` command: exit code 0 on success, 1 on a failure it explains, 2 on bad usage."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from stockrnn import __version__
from stockrnn.cli import backtest, database, gradients, ledger, look, models, prices, run, serve
from stockrnn.cli.output import start_logging
from stockrnn.cli.unexpected import explain_unexpected
from stockrnn.errors import StockrnnError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Forecast the next session's price every night, beside naive, and keep honest books about it.",
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  # Typer hands the option's value over
    if wanted:
        typer.echo(f"stockrnn {__version__}")
        raise typer.Exit


@app.callback()
def _start(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    start_logging()


app.command()(run.demo)
app.command()(run.nightly)
app.add_typer(prices.app, name="prices")
app.command()(run.retrain)
app.add_typer(models.app, name="models")
app.command()(run.forecast)
app.command()(backtest.backtest)
app.command()(gradients.gradients)
app.command()(ledger.score)
app.command()(run.report)
app.command()(ledger.replay)
app.command()(look.sql)
app.command()(look.status)
app.command()(look.doctor)
app.command()(serve.server)
app.command()(serve.serve)
app.add_typer(database.app, name="db")


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block as an exception, with the exit code that shells expect."""

    def stop(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> None:
    """Run the command line; an error of ours ends it with one line on standard error and its exit code.

    Ctrl-C ends it with 130, SIGTERM with 143, after what was begun has been ended. Whatever else goes wrong ends it
    with 1 and one line, too; its traceback is kept in a file.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be no text
    try:
        with _stopping_on_signals():
            app(prog_name="stockrnn")
    except StockrnnError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001  # the last that could say it in words
        typer.echo(f"error: {explain_unexpected(error)}", err=True)
        sys.exit(1)
