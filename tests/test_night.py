"""The night without Prefect: the order of its steps, what a failure stops, and what is said of it."""

import pytest
from inline import make_trainer, refuse, walk_night
from scenario import FRIDAY_EVENING, SMALL, SMALL_QUANTILE, evening

from stockrnn import night as nights
from stockrnn.errors import TrainingError
from stockrnn.night import run_night
from stockrnn.progress import LogProgress, shown_by
from stockrnn.settings import Settings
from stockrnn.sources.registry import get_source
from stockrnn.steps import run as runs
from stockrnn.steps.run import Run
from stockrnn.steps.tickers import choose_tickers
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store
from stockrnn.training.requests import fit_request

LATER_TRIAL = SMALL_QUANTILE.model_copy(update={"trial_sessions": 30})  # its model knows nothing of March
PAIR = ("SIM-A", "SIM-B")
IDLE = {"nightly": False}


@pytest.fixture
def settings(tmp_path):
    """One small nightly spec."""
    return Settings(home=tmp_path / "home", spec="tutorial", specs={"tutorial": SMALL, "quantile": IDLE})


@pytest.fixture
def engine(settings):
    return open_store(settings)


@pytest.fixture
def walk(settings, engine):
    """Run a night of the simulated market."""

    def walk(tickers=("SIM-A",), *, as_of=FRIDAY_EVENING, both=False, **options):
        chosen = settings
        if both:
            chosen = settings.model_copy(update={"specs": {"tutorial": SMALL, "quantile": LATER_TRIAL}})
        return walk_night(chosen, engine, as_of, tickers, **options)

    return walk


@pytest.fixture
def read(engine):
    def read(statement):
        with reading(engine) as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]

    return read


TABLES = ("instruments", "prices", "models", "forecasts", "backtests", "backtest_forecasts", "backtest_metrics")


def test_the_steps_of_a_night_come_in_their_order_and_prices_of_all_tickers_first(settings, engine):
    labels = []

    def run_step(name, label, work):
        assert label.endswith(name)
        labels.append(label)
        return work()

    run = Run(settings=settings, engine=engine, as_of=FRIDAY_EVENING, now=FRIDAY_EVENING)
    source, trainer = get_source("simulated"), make_trainer()
    run_night(run, PAIR, ["tutorial"], source=source, trainer=trainer, run_step=run_step)
    steps = ("tutorial, score", "tutorial, retrain", "tutorial, backtest", "tutorial, forecast", "report")
    assert labels == [
        *(f"{ticker}: update prices" for ticker in PAIR),
        *(f"{ticker}: {step}" for ticker in PAIR for step in steps),
        "leaderboard",
    ]


def test_a_second_night_at_the_same_moment_changes_no_row(walk, read):
    walk()
    before = {table: read(f"select * from {table}") for table in TABLES}
    again = walk(fit=refuse)
    assert {table: read(f"select * from {table}") for table in TABLES} == before
    assert not again.outcomes[0].issued.new


def test_a_bad_ticker_fails_alone_and_is_named(walk, read):
    walk()
    night = walk(["SIM-A", "NOPE"], source="stored")
    assert [outcome.error is None for outcome in night.outcomes] == [True, False]
    assert night.summary.startswith("1 of 2 tickers done; failed: NOPE: no prices are stored")
    assert read("select state, error from runs where error is not null") == [("completed", night.summary)]


def test_an_unexpected_failure_stays_with_its_ticker(walk, monkeypatch):
    forecast = nights.forecast_next

    def break_one(job):
        if job.ticker == "SIM-A":
            raise ZeroDivisionError("surprise")
        return forecast(job)

    monkeypatch.setattr(nights, "forecast_next", break_one)
    night = walk(PAIR)
    assert [outcome.error for outcome in night.outcomes] == ["SIM-A: ZeroDivisionError: surprise", None]
    assert night.outcomes[0].backtest is not None  # what was done before stands
    assert night.outcomes[0].report is None


@pytest.mark.exhaustive
def test_only_what_is_due_is_retrained(walk, read):
    for as_of in (FRIDAY_EVENING, evening(2012, 4, 2)):
        walk(as_of=as_of)
    assert read("select count(*) from models") == [(1,)]
    walk(as_of=evening(2012, 4, 9))
    assert read("select count(*) from models") == [(2,)]
    assert read("select count(*) from forecasts") == [(3,)]
    assert read("select count(*) from backtests") == [(1,)]


def test_a_history_too_short_for_a_backtest_is_still_forecast(walk):
    night = walk(as_of=evening(2010, 1, 29))
    assert night.failed == ()
    assert night.outcomes[0].backtest is None
    assert night.outcomes[0].report.exists()


@pytest.mark.exhaustive
def test_a_night_works_on_every_nightly_spec_and_trains_once_what_all_tickers_share(walk, read):
    night = walk(PAIR, both=True)
    assert [(one.ticker, one.spec) for one in night.outcomes] == [
        ("SIM-A", "tutorial"), ("SIM-A", "quantile"), ("SIM-B", "tutorial"), ("SIM-B", "quantile")
    ]  # fmt: skip
    assert night.summary == "2 of 2 tickers done"
    assert [one.report is not None for one in night.outcomes] == [True, False, True, False]
    assert read("select ticker from models order by 1") == [(None,), ("SIM-A",), ("SIM-B",)]
    assert read("select count(*) from forecasts") == [(4,)]
    assert read("select distinct decision from promotions") == [("promoted",)]
    assert walk(PAIR, both=True, specs=("quantile",)).outcomes[0].spec == "quantile"


def killing(kind, calls):
    """Train, but let every training of a kind end as if its process had been killed."""

    def fit(request, on_epoch):
        if request.spec.kind != kind:
            return fit_request(request, on_epoch)
        calls.append((request.member, sorted(request.bars)))
        raise TrainingError("the process that trained was killed (SIGKILL), most often because memory ran out")

    return fit


@pytest.mark.exhaustive
def test_a_killed_training_leaves_the_model_in_use_and_the_night_says_so(walk, read):
    first, calls = walk(PAIR, both=True), []
    night = walk(PAIR, both=True, as_of=evening(2012, 4, 9), fit=killing("quantile", calls))
    assert night.failed == ()
    model = first.outcomes[1].issued.forecast.model_id
    assert [one.issued.forecast.model_id for one in night.outcomes if one.spec == "quantile"] == [model] * 2
    assert calls == [(0, list(PAIR)), (1, list(PAIR))]  # not once more for the second ticker
    (warning,) = night.broken_trainings
    assert warning.startswith(f"all tickers: the training of quantile failed, {model} stays in use: the process that")
    assert read("select state, error from runs where error is not null") == [("completed", warning)]


@pytest.mark.exhaustive
def test_without_any_model_a_killed_training_fails_its_spec_and_not_the_other(walk):
    calls = []
    night = walk(PAIR, both=True, fit=killing("quantile", calls))
    assert [one.error is None for one in night.outcomes] == [True, False, True, False]
    assert len(calls) == 2
    assert all(one.issued for one in night.outcomes if one.spec == "tutorial")


def test_a_history_is_read_once_and_again_only_after_its_prices_were_written(walk, monkeypatch):
    read, calls = runs.read_bars, []

    def counting(connection, ticker, **options):
        calls.append(ticker)
        return read(connection, ticker, **options)

    monkeypatch.setattr(runs, "read_bars", counting)
    walk(PAIR, both=True)
    assert sorted(calls) == list(PAIR)


class Recorder(LogProgress):
    """Keeps what is reported."""

    def __init__(self):
        self.seen = []

    def begin(self, tickers):
        self.seen.append(("begin", *tickers))

    def step(self, ticker, message):
        self.seen.append((ticker, message.partition(":")[0]))

    def finish(self, ticker):
        self.seen.append(("finish", ticker))


def test_the_caller_sees_tickers_and_steps_as_they_pass(walk):
    recorder = Recorder()
    with shown_by(recorder):
        walk()
    words = ("prices", "tutorial", "tutorial", "tutorial", "tutorial forecasts open of 2012-04-02", "report")
    said = [message[:38] for _, message in recorder.seen[1:-1]]
    assert recorder.seen[0] == ("begin", "SIM-A")
    assert recorder.seen[-1] == ("finish", "SIM-A")
    assert [one.startswith(word[:8]) for one, word in zip(said, words, strict=True)] == [True] * 6


def test_a_spec_that_needs_more_history_is_no_failure_where_another_forecasts_the_ticker(settings, engine):
    specs = {"tutorial": SMALL, "quantile": SMALL_QUANTILE}
    chosen = settings.model_copy(update={"specs": specs})
    early = evening(2010, 4, 30)  # the simulated market began in January: 82 sessions
    night = walk_night(chosen, engine, early, ["SIM-A"], pictures=False)
    assert (night.failed, night.error) == ((), None)
    assert [one.spec for one in night.outcomes if one.issued] == ["tutorial"]
    (note,) = night.postponed
    assert note.startswith("quantile does not forecast yet: ")
    assert note in night.warnings


@pytest.mark.exhaustive
def test_a_ticker_that_no_spec_can_forecast_yet_has_failed(settings, engine):
    chosen = settings.model_copy(update={"specs": {"quantile": SMALL_QUANTILE, "tutorial": IDLE}, "spec": "quantile"})
    night = walk_night(chosen, engine, evening(2010, 4, 30), ["SIM-A"], pictures=False)
    assert night.failed == ("SIM-A",)
    assert night.postponed == ()


def test_a_simulated_night_takes_the_tickers_of_the_settings_else_those_of_the_demo(settings, engine):
    simulated = get_source("simulated")
    named = settings.model_copy(update={"tickers": ("SIM-X", "SIM-Y")})
    assert choose_tickers(named, engine, None, simulated) == ["SIM-X", "SIM-Y"]
    assert choose_tickers(settings, engine, None, simulated) == list(simulated.default_tickers)
