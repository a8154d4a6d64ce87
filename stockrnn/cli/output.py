"""What a person sees: progress bars in a terminal, plain lines in a log, tables in both."""

import logging
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from stockrnn.progress import LogProgress, OnEpoch, Progress, shown_by
from stockrnn.report.formats import format_number

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


def start_logging() -> None:
    """Send the library's log lines to standard error, one plain line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logger = logging.getLogger("stockrnn")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


class TerminalProgress:
    """Two bars: tickers, and the epochs of the training under way; finished steps scroll by above them."""

    def __init__(self, bars: "Bars") -> None:
        self._bars = bars
        self._tickers: TaskID | None = None
        self._epochs = bars.add_task("starting", total=None, note="")

    def begin(self, tickers: Sequence[str]) -> None:
        """Show the bar of tickers where there are several; the start is over."""
        self._bars.update(self._epochs, visible=False)
        if len(tickers) > 1:
            self._tickers = self._bars.add_task("tickers", total=len(tickers), note="")

    def training(self, title: str, *, epochs: int) -> OnEpoch:
        """Show the bar of epochs until the last one is done."""
        self._bars.reset(self._epochs, total=epochs, description=title, visible=True)

        def on_epoch(epoch: int, loss: float) -> None:
            note = f"loss {loss:.4f}" if epoch else "compiling"
            self._bars.update(self._epochs, completed=epoch, note=note, visible=epoch < epochs)

        return on_epoch

    def trainings(self, done: int, total: int) -> None:
        """Show a bar of the trainings that run beside the steps until all of them are done."""
        if done == 0:
            self._bars.reset(self._epochs, total=total, description="networks to train")
        self._bars.update(self._epochs, completed=done, total=total, note="", visible=done < total)

    def step(self, ticker: str, message: str) -> None:
        """Print what was done above the bars."""
        self._bars.console.print(f"{ticker}: {message}", markup=False, highlight=False, soft_wrap=True)

    def finish(self, ticker: str) -> None:
        """Move the bar of tickers on."""
        if self._tickers is not None:
            self._bars.advance(self._tickers)
            self._bars.update(self._tickers, note=ticker)


@contextmanager
def showing_progress() -> Iterator[Progress]:
    """Show bars where standard error is a terminal, else log plain lines, while the block runs."""
    if not sys.stderr.isatty():
        yield LogProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bars:
        progress = TerminalProgress(bars)
        with shown_by(progress):
            yield progress


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table to standard output: numbers to the right with four decimals, nothing cut off."""
    texts = [[_write_cell(cell) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[at]) for row in texts)]) for at, name in enumerate(columns)]
    numeric = [any(isinstance(row[at], int | float) for row in rows) for at in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        )
        return "  ".join(aligned).rstrip()

    typer.echo(line(columns))
    typer.echo("  ".join("-" * width for width in widths))
    for row in texts:
        typer.echo(line(row))


def _write_cell(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "-"
    return format_number(cell) if isinstance(cell, float) else str(cell)
