"""Steps that train, with trainings in this process: the quickest way through a night that is no test of executors."""

from concurrent.futures import Future

from stockrnn.models.registry import nightly_specs
from stockrnn.night import run_night, run_plainly
from stockrnn.progress import LogProgress
from stockrnn.sources.registry import get_source
from stockrnn.steps.backtest import Backtested, Holdout, backtest
from stockrnn.steps.feed import open_feed, update_prices
from stockrnn.steps.outcomes import Night
from stockrnn.steps.retrain import Retrained, retrain
from stockrnn.steps.run import Job, Run
from stockrnn.steps.run_log import logged_run
from stockrnn.store.prices import Written
from stockrnn.training.requests import fit_request
from stockrnn.training.trainer import Trainer
from stockrnn.types import Span


class InlineExecutor:
    """Trains in this process when it is asked to; keeps what it was asked for.

    Parameters
    ----------
    fit
        Takes a request and a callback for epochs; in a test of faults something that breaks.
    """

    processes = 1

    def __init__(self, fit=fit_request):
        self._fit = fit
        self.asked = []

    def submit(self, request, *, on_epoch=None):
        self.asked.append(request)
        future = Future()
        try:
            future.set_result(self._fit(request, on_epoch))
        except Exception as error:  # noqa: BLE001  # a future carries it
            future.set_exception(error)
        return future

    def close(self):
        """Leave nothing behind: there is nothing."""


class SilentProgress(LogProgress):
    """Says nothing of trainings: the log may be that of a test's command line, which is closed."""

    def training(self, title, *, epochs):
        return lambda _epoch, _loss: None


def make_trainer(fit=fit_request) -> Trainer:
    return Trainer(InlineExecutor(fit), SilentProgress())


def refuse(request, _on_epoch):
    """Stand for a training where none may be asked for."""
    raise AssertionError(f"no training was to be asked for, but {request.title} was")


def retrain_if_due(job: Job, *, force: bool = False, fit=fit_request) -> Retrained:
    return retrain(job, make_trainer(fit), force=force)


def backtest_holdout(job: Job, span: Span, *, train_from=None, in_use: bool = False, fit=fit_request) -> Backtested:
    return backtest(job, make_trainer(fit), Holdout(span=span, train_from=train_from, in_use=in_use))


def update_simulated(job: Job) -> Written:
    source = get_source("simulated")
    with open_feed(job.settings, source) as feed:
        return update_prices(job, feed)


def without_pictures(name, _label, work):
    """Run a step unless it only draws, which takes most of the time of a small night."""
    return None if name in {"report", "leaderboard"} else work()


def walk_night(
    settings, engine, as_of, tickers, *, specs=None, source="simulated", fit=fit_request, pictures=True, now=None
) -> Night:
    """Run a whole night in the order of `stockrnn.night`, with its row, trainings in this process."""
    now = now or as_of
    run = Run(settings=settings, engine=engine, as_of=as_of, now=now)
    with logged_run(engine, "nightly", as_of=as_of, now=now, parameters={"tickers": list(tickers)}) as log:
        night = run_night(
            run,
            tickers,
            specs or nightly_specs(settings),
            source=get_source(source),
            trainer=make_trainer(fit),
            run_step=run_plainly if pictures else without_pictures,
        )
        log.state, log.error = "failed" if night.all_failed else "completed", night.error
    return night
