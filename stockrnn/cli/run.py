"""Commands that do work: demo, nightly, retrain, forecast, report; `backtest` has its own file."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from stockrnn.cli.options import (
    AsOfOption,
    EpochsOption,
    SourceOption,
    SpecOption,
    TickersOption,
    make_jobs,
    naming_failures,
    read_as_of,
    read_tickers_option,
)
from stockrnn.cli.output import print_table, showing_progress
from stockrnn.cli.results import FORECAST_COLUMNS, forecast_row, print_night
from stockrnn.cli.work import work_on
from stockrnn.sources.registry import DEMO_SOURCE, SourceName

if TYPE_CHECKING:
    from stockrnn.settings import Settings
    from stockrnn.steps.due import Due
    from stockrnn.steps.run import Job

DEMO_AS_OF = datetime(2026, 10, 30, 22, 0, tzinfo=UTC)
"""A Friday evening after the New York close; the simulated market's time is simulated too."""
DEMO_EPOCHS = 15


def demo() -> None:
    """Run the whole job on the built-in simulated market: no network, no server, a minute or two."""
    from stockrnn.sources.registry import get_source

    typer.echo(
        f"The whole night on a simulated market, as of {DEMO_AS_OF:%A %d %B %Y}. The tutorial trains 100 epochs; "
        f"to be quick, this trains {DEMO_EPOCHS}."
    )
    tickers = list(get_source(DEMO_SOURCE).default_tickers)
    _run_night(tickers=tickers, as_of=DEMO_AS_OF.isoformat(), source=DEMO_SOURCE, spec=None, epochs=DEMO_EPOCHS)


def nightly(
    ticker: TickersOption = None,
    as_of: AsOfOption = None,
    source: SourceOption = None,
    spec: SpecOption = None,
    epochs: EpochsOption = None,
    *,
    due: Annotated[bool, typer.Option("--due", help="Only what is due; end at once where nothing is.")] = False,
) -> None:
    """Run one night now: update prices, retrain what is due, forecast, backtest the last whole month, report.

    Without --ticker: the tickers of the settings, else every active one in the store. Ends with exit code 1 if
    any ticker failed; the others are done all the same. With --due, to be run every hour, only those are worked on
    whose last bar has settled and that nothing was forecast from yet, while a forecast can still be live.
    """
    _run_night(tickers=ticker, as_of=as_of, source=source, spec=spec, epochs=epochs, due=due)


def retrain(
    ticker: TickersOption = None,
    spec: SpecOption = None,
    as_of: AsOfOption = None,
    epochs: EpochsOption = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Train even where no training is due.")] = False,
) -> None:
    """Train the models that are due, on the stored prices."""
    from stockrnn.steps.planning import begin_trainings
    from stockrnn.steps.retrain import describe_retrained, plan
    from stockrnn.steps.retrain import retrain as train
    from stockrnn.training.trainer import open_trainer

    jobs = make_jobs(ticker, specs=[spec], as_of=as_of, epochs=epochs)
    with showing_progress(), open_trainer(jobs[0].settings) as trainer:
        planned = begin_trainings(jobs, {"retrain": partial(plan, force=force)}, trainer)

        def work(job: "Job") -> str:
            done = train(job, trainer, force=force, planned=planned.take(job, "retrain"))
            return "\n".join(f"{job.ticker}: {line}" for line in describe_retrained(done, spec=job.spec_name))

        with naming_failures() as failed:
            for line in work_on(jobs, work, failed):
                typer.echo(line)


def forecast(ticker: TickersOption = None, spec: SpecOption = None, as_of: AsOfOption = None) -> None:
    """Forecast the next session with the stored models. The first forecast issued for a session stands."""
    from stockrnn.steps.forecast import forecast_next

    jobs = make_jobs(ticker, specs=[spec], as_of=as_of)
    with naming_failures() as failed:
        done = work_on(jobs, forecast_next, failed)
        if done:
            print_table(FORECAST_COLUMNS, [forecast_row(issued) for issued in done])


def report(ticker: TickersOption = None, spec: SpecOption = None, as_of: AsOfOption = None) -> None:
    """Draw the PNG report of each ticker, and the leaderboard over all of them, from what is stored."""
    from stockrnn.steps.report import write_leaderboard, write_report

    jobs = make_jobs(ticker, specs=[spec], as_of=as_of)
    with naming_failures() as failed:
        for path in work_on(jobs, write_report, failed):
            typer.echo(str(path))
        board = write_leaderboard(jobs[0].run)
        if board:
            typer.echo(str(board))


def _run_night(
    *,
    tickers: list[str] | None,
    as_of: str | None,
    source: SourceName | None,
    spec: str | None,
    epochs: int | None,
    due: bool = False,
) -> None:
    """Run the nightly flow here, on an API of its own unless PREFECT_API_URL names a server."""
    from flows.command_line import running_prefect
    from stockrnn.models.registry import choose_specs
    from stockrnn.settings import load_settings
    from stockrnn.sources.registry import choose_source, list_names
    from stockrnn.steps.due import find_due
    from stockrnn.steps.moment import start_run
    from stockrnn.steps.tickers import choose_tickers
    from stockrnn.store.engine import refuse_read_only
    from stockrnn.store.migrate import open_store

    settings = load_settings()
    names = ",".join(list_names(settings, source))
    asked = {"tickers": tickers, "as_of": as_of, "source": names, "spec": spec, "epochs": epochs}
    with ExitStack() as until_the_end:
        with _logging_refusal(settings, asked):
            origin = choose_source(settings, source)
            # what is wrong with the request is said before Prefect takes its seconds to start
            moment = read_as_of(as_of, simulated=origin.simulated)
            named = read_tickers_option(tickers)
            chosen_settings, specs = choose_specs(settings, spec, epochs=epochs)
            engine = open_store(settings)
            refuse_read_only(engine)
            chosen = choose_tickers(chosen_settings, engine, named, origin)
            if due:
                now, simulated = datetime.now(UTC), origin.simulated
                run = start_run(chosen_settings, engine, as_of=moment, now=now, simulated=simulated)
                chosen = _keep_due(find_due(run, chosen, specs, source=origin))
            if not chosen:
                return
            until_the_end.enter_context(showing_progress())
            until_the_end.enter_context(running_prefect(settings))
        from flows.nightly import run_nightly

        night = run_nightly(tickers=chosen, as_of=moment, source=source, spec=spec, epochs=epochs)
    print_night(night, home=settings.home)
    if night.failed:
        raise typer.Exit(1)


def _keep_due(due: "Due") -> list[str]:
    if not due.tickers and sys.stdout.isatty():  # cron would mail it every hour
        typer.echo(due.words)
    return list(due.tickers)


@contextmanager
def _logging_refusal(settings: "Settings", asked: Mapping[str, object]) -> Iterator[None]:
    """Leave a row of a night that fails before its flow begins."""
    from stockrnn.steps.run_log import explain_end, log_run_without_work

    try:
        yield
    except BaseException as error:
        state, reason = explain_end(error)
        log_run_without_work(settings, "nightly", reason, state=state, as_of=None, parameters=asked)
        raise
