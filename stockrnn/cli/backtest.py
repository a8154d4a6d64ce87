"""The command `backtest`: a month or a walk of months, of one spec or of several beside each other."""

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from stockrnn.cli.options import EpochsOption, SpecsOption, TickersOption, make_jobs, naming_failures
from stockrnn.cli.output import showing_progress
from stockrnn.cli.results import print_backtest, print_comparison
from stockrnn.cli.work import work_on
from stockrnn.progress import Progress
from stockrnn.types import MAX_PROCESSES

if TYPE_CHECKING:
    from stockrnn.steps.run import Job
    from stockrnn.steps.walk import FoldDone, Walked
    from stockrnn.training.trainer import Trainer
    from stockrnn.types import Span


def backtest(
    holdout: Annotated[
        str, typer.Option(metavar="MONTH[:MONTH]", help="The months to forecast: 2020-01, or 2019-01:2020-12.")
    ],
    ticker: TickersOption = None,
    spec: SpecsOption = None,
    train_from: Annotated[
        str | None, typer.Option(metavar="DATE", help="First training session; default: the spec's train_sessions.")
    ] = None,
    epochs: EpochsOption = None,
    *,
    fold_months: Annotated[
        int, typer.Option(min=1, max=1200, metavar="N", help="Months per fold: train anew before each.")
    ] = 1,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, max=MAX_PROCESSES, metavar="N", help="Trainings to run at a time; default: that of the settings."
        ),
    ] = None,
) -> None:
    """Train up to the session before a month, forecast its sessions one step ahead, judge beside naive.

    Of several months each is a fold of its own, trained anew, or with --fold-months N every N of them; a walk that
    was stopped goes on where it was.

    Several specs are compared: one table sets them beside each other and beside naive, one picture in the folder of
    reports shows the same. --epochs then counts for those of them that are trained in epochs. A spec that fails on a
    ticker is named and left out there; the exit code is 1.
    """
    from stockrnn.training.trainer import open_trainer
    from stockrnn.types import parse_day, parse_holdout, split_months

    span = parse_holdout(holdout)
    first = parse_day(train_from) if train_from else None
    jobs = make_jobs(ticker, specs=spec or [None], as_of=None, epochs=epochs)
    settings = jobs[0].settings
    if processes:
        settings = settings.model_copy(update={"processes": processes, "task_runner": "processes"})
    several = len({job.spec_name for job in jobs}) > 1
    with showing_progress() as progress, open_trainer(settings) as trainer:
        if several or len(split_months(span, months=fold_months)) > 1:
            _walk(jobs, span, trainer, progress, train_from=first, fold_months=fold_months)
        else:
            _test_month(jobs, span, first, trainer)


def _test_month(jobs: "list[Job]", month: "Span", train_from: "date | None", trainer: "Trainer") -> None:
    from stockrnn.steps.backtest import Backtested, Holdout, plan
    from stockrnn.steps.backtest import backtest as test
    from stockrnn.steps.planning import begin_trainings

    asked = Holdout(span=month, train_from=train_from)
    planned = begin_trainings(jobs, {"backtest": partial(plan, holdout=asked)}, trainer)

    def work(job: "Job") -> Backtested:
        return test(job, trainer, asked, planned=planned.take(job, "backtest"))

    with naming_failures() as failed:
        for done in work_on(jobs, work, failed):
            print_backtest(done.backtest)


def _walk(
    jobs: "list[Job]",
    span: "Span",
    trainer: "Trainer",
    progress: Progress,
    *,
    train_from: "date | None",
    fold_months: int,
) -> None:
    from stockrnn.steps.failures import name_failed_specs
    from stockrnn.steps.walk import walk_forward

    specs = list(dict.fromkeys(job.spec_name for job in jobs))
    show = partial(_show_fold, progress, several=len(specs) > 1)
    walked = walk_forward(jobs, span, trainer=trainer, train_from=train_from, fold_months=fold_months, on_fold=show)
    if len(specs) > 1:
        _compare(jobs, walked)
    else:
        _print_walk(jobs, walked)
    for failure in name_failed_specs(walked.failures, specs=specs):
        typer.echo(f"error: {failure}", err=True)
    if walked.failures:
        raise typer.Exit(1)


def _show_fold(progress: Progress, fold: "FoldDone", *, several: bool) -> None:
    left = f"about {fold.seconds_left / 60:.0f} min left" if fold.done < fold.total else "done"
    problem = fold.error and fold.error.removeprefix(f"{fold.ticker}: ")  # the line names it already
    words = problem or f"backtest of {fold.span}"
    spec = f"{fold.spec}: " if several else ""
    progress.step(fold.ticker, f"{spec}{words}; fold {fold.done} of {fold.total}, {left}")


def _print_walk(jobs: "list[Job]", walked: "Walked") -> None:
    from stockrnn.steps.walk import compare_tickers_together

    for backtest in walked.backtests:
        print_backtest(backtest)
    if len(walked.backtests) > 1:
        together = compare_tickers_together(walked.backtests, target=jobs[0].target)
        typer.echo(f"all {len(walked.backtests)} tickers together, {together.n} sessions: {together.words}")


def _compare(jobs: "list[Job]", walked: "Walked") -> None:
    from stockrnn.steps.comparison import compare, write_comparison

    if walked.backtests:
        comparison = compare(jobs, walked.backtests)
        print_comparison(comparison)
        typer.echo(f"\n{write_comparison(jobs[0].settings.reports, comparison)}")
