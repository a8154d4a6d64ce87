"""The command that shows how far back gradients reach."""

import csv
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stockrnn.cli.options import AsOfOption, EpochsOption, make_jobs
from stockrnn.cli.output import print_table, showing_progress

if TYPE_CHECKING:
    from stockrnn.steps.gradients import Studied

_COLUMNS = ("ticker", "spec", "cell", "weights", "sessions_back", "forecast_by_input", "last_state_by_state")
_SHOWN = (1, 2, 3, 5, 10, 20, 30, 40)


def gradients(
    ticker: Annotated[str, typer.Option("--ticker", metavar="T", help="A stored ticker, such as META.")],
    spec: Annotated[
        list[str] | None,
        typer.Option("--spec", metavar="S", help="Of a recurrent network; may be given several times."),
    ] = None,
    as_of: AsOfOption = None,
    epochs: EpochsOption = None,
    output: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="How to print the numbers.")
    ] = "table",
) -> None:
    """Show how far back in time each network's gradient reaches, untrained and trained: numbers and a picture.

    The networks are those in use; where there is none, one is trained for this alone. Nothing is stored.
    """
    from stockrnn.report.gradient_words import describe_reaches
    from stockrnn.steps.gradients import study_gradients, write_picture
    from stockrnn.training.trainer import open_trainer

    jobs = make_jobs([ticker], specs=spec or [None], as_of=as_of, epochs=epochs)
    with showing_progress(), open_trainer(jobs[0].settings) as trainer:
        studied = study_gradients(jobs, trainer)
    rows = list(_rows(studied))
    if output == "json":
        typer.echo(json.dumps([dict(zip(_COLUMNS, row, strict=True)) for row in rows], indent=2))
    elif output == "csv":
        csv.writer(sys.stdout, lineterminator="\n").writerows([_COLUMNS, *rows])
    else:
        print_table(_COLUMNS[1:], [row[1:] for row in rows if row[4] in _SHOWN])
        typer.echo(f"\n{describe_reaches(studied.reaches)}.")
    typer.echo(str(write_picture(jobs[0], studied)), err=output != "table")


def _rows(studied: "Studied") -> Iterator[tuple[object, ...]]:
    """Yield a row per network, its weights before or after the training, and session back, 1 being the newest."""
    for reach in studied.reaches:
        for weights, one in (("untrained", reach.untrained), ("trained", reach.trained)):
            for back, (by_input, by_state) in enumerate(zip(one.inputs, one.states, strict=True), 1):
                about = (studied.ticker, reach.spec, reach.cell, weights)
                yield (*about, back, float(by_input), float(by_state))
