"""The nightly flow on a real Prefect API, with real training on simulated prices."""

import asyncio
from datetime import UTC, datetime

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from scenario import FRIDAY_EVENING, SMALL_TOML, evening

from flows.nightly import nightly, run_nightly
from stockrnn.errors import TrainingError, UsageError
from stockrnn.progress import shown_by
from stockrnn.settings import Settings
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store


@pytest.fixture(autouse=True)
def _small_spec(tmp_path):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)


def _run(tickers, **parameters):
    parameters = {"as_of": FRIDAY_EVENING, "source": "simulated", "spec": None, "epochs": None, **parameters}
    return run_nightly(tickers=tickers, **parameters)


def _dump(*tables):
    with reading(open_store(Settings())) as connection:
        return {table: connection.exec_driver_sql(f"select * from {table}").all() for table in tables}


def _flow_run(run_id):
    async def read():
        async with get_client() as client:
            run = await client.read_flow_run(run_id)
            tasks = await client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])))
            return run, sorted(task.name for task in tasks)

    return asyncio.run(read())


def test_a_night_forecasts_backtests_and_reports_every_ticker():
    night = _run(["SIM-A", "SIM-B"])
    assert night.summary == "2 of 2 tickers done"
    for outcome in night.outcomes:
        assert str(outcome.issued.forecast.target_session) == "2012-04-02"
        assert str(outcome.backtest.holdout) == "2012-03"
        assert outcome.report.exists()


def test_a_second_night_at_the_same_moment_changes_no_row():
    tables = (
        "instruments", "prices", "models", "forecasts", "backtests", "backtest_forecasts", "backtest_metrics"
    )  # fmt: skip
    _run(["SIM-A"])
    before = _dump(*tables)
    again = _run(["SIM-A"])
    assert _dump(*tables) == before
    assert not again.outcomes[0].issued.new


def test_a_bad_ticker_fails_alone_and_is_named():
    _run(["SIM-A"])
    night = _run(["SIM-A", "NOPE"], source="stored", as_of=FRIDAY_EVENING)
    assert [outcome.error is None for outcome in night.outcomes] == [True, False]
    assert night.summary.startswith("1 of 2 tickers done; failed: NOPE: no prices are stored")
    (log,) = [row for row in _dump("runs")["runs"] if "NOPE" in row.parameters]
    assert (log.state, log.error) == ("completed", night.summary)


def test_a_night_in_which_every_ticker_fails_is_a_failed_run():
    night = _run(["NOPE"], source="stored")
    assert len(night.failed) == 1
    (log,) = _dump("runs")["runs"]
    run, _ = _flow_run(log.run_id)
    assert log.state == "failed"
    assert run.state.is_failed()
    assert "NOPE" in run.state.message


def test_an_unexpected_failure_stays_with_its_ticker(monkeypatch):
    from flows import tasks

    forecast = tasks.forecast

    def break_one(job):
        if job.ticker == "SIM-A":
            raise ZeroDivisionError("surprise")
        return forecast(job)

    monkeypatch.setattr(tasks, "forecast", break_one)
    night = _run(["SIM-A", "SIM-B"])
    assert [outcome.error for outcome in night.outcomes] == ["SIM-A: ZeroDivisionError: surprise", None]


def test_runs_and_tasks_are_named_after_what_they_do():
    _run(["SIM-A"])
    (log,) = _dump("runs")["runs"]
    run, tasks = _flow_run(log.run_id)
    assert run.name == "nightly SIM-A as of 2012-03-30 22:00"
    assert run.state.message == "1 of 1 tickers done"
    steps = (
        "report",
        *(f"tutorial, {step}" for step in ("backtest", "forecast", "retrain", "score")),
        "update prices",
    )
    assert tasks == [*(f"SIM-A: {step}" for step in steps), "leaderboard", "publish"]


def test_only_what_is_due_is_retrained():
    _run(["SIM-A"])
    _run(["SIM-A"], as_of=evening(2012, 4, 2))
    assert len(_dump("models")["models"]) == 1
    _run(["SIM-A"], as_of=evening(2012, 4, 9))
    assert len(_dump("models")["models"]) == 2
    assert len(_dump("forecasts")["forecasts"]) == 3
    assert len(_dump("backtests")["backtests"]) == 1


def test_epochs_replace_those_of_the_spec_for_one_night():
    _run(["SIM-A"], epochs=3)
    assert [row.epochs for row in _dump("models")["models"]] == [3]


def test_a_history_too_short_for_a_backtest_is_still_forecast():
    night = _run(["SIM-A"], as_of=evening(2010, 1, 29))
    assert night.failed == ()
    assert night.outcomes[0].backtest is None
    assert night.outcomes[0].report.exists()


BOTH = SMALL_TOML.replace("nightly = false\n", "train_sessions = 400\nmax_windows = 800\nvalidation_sessions = 40\n")


def test_a_night_works_on_every_nightly_spec_and_trains_once_what_all_tickers_share(tmp_path):
    (tmp_path / "stockrnn.toml").write_text(BOTH)
    night = _run(["SIM-A", "SIM-B"])
    assert [(one.ticker, one.spec) for one in night.outcomes] == [
        ("SIM-A", "tutorial"), ("SIM-A", "quantile"), ("SIM-B", "tutorial"), ("SIM-B", "quantile")
    ]  # fmt: skip
    assert night.summary == "2 of 2 tickers done"
    assert [one.report is not None for one in night.outcomes] == [True, False, True, False]
    dump = _dump("models", "forecasts", "promotions")
    assert sorted(str(row.ticker) for row in dump["models"]) == ["None", "SIM-A", "SIM-B"]
    assert len(dump["forecasts"]) == 4
    assert {row.decision for row in dump["promotions"]} == {"promoted"}
    assert _run(["SIM-A", "SIM-B"], spec="quantile").outcomes[0].spec == "quantile"


def _break_trainings(monkeypatch, *, spec):
    """Let every training of a spec end as if its process had been killed; return the calls."""
    from flows import trainers as flow

    calls = []
    trainer = flow.process_trainer()

    def train(config, bars, **options):
        if config.kind != spec:
            return trainer(config, bars, **options)
        calls.append(sorted(bars))
        raise TrainingError("the process that trained was killed (SIGKILL), most often because memory ran out")

    monkeypatch.setattr(flow, "process_trainer", lambda: train)
    return calls


def test_a_killed_training_leaves_the_model_in_use_and_the_night_says_so(tmp_path, monkeypatch):
    (tmp_path / "stockrnn.toml").write_text(BOTH)
    first = _run(["SIM-A", "SIM-B"])
    calls = _break_trainings(monkeypatch, spec="quantile")
    night = _run(["SIM-A", "SIM-B"], as_of=evening(2012, 4, 9))
    assert night.failed == ()
    model = first.outcomes[1].issued.forecast.model_id
    assert [one.issued.forecast.model_id for one in night.outcomes if one.spec == "quantile"] == [model] * 2
    assert calls == [["SIM-A", "SIM-B"]]  # not once more for the second ticker
    (warning,) = night.broken_trainings
    assert warning.startswith(f"all tickers: the training of quantile failed, {model} stays in use: the process that")
    run = _dump("runs")["runs"][-1]
    assert (run.state, run.error) == ("completed", warning)


def test_without_any_model_a_killed_training_fails_its_spec_and_not_the_other(tmp_path, monkeypatch):
    (tmp_path / "stockrnn.toml").write_text(BOTH)
    calls = _break_trainings(monkeypatch, spec="quantile")
    night = _run(["SIM-A", "SIM-B"])
    assert [one.error is None for one in night.outcomes] == [True, False, True, False]
    assert len(calls) == 1
    assert all(one.issued for one in night.outcomes if one.spec == "tutorial")


def test_a_real_market_has_no_future():
    with pytest.raises(UsageError, match="in the future"):
        _run(["META"], source="stored", as_of=datetime(2126, 1, 1, tzinfo=UTC))


def test_a_bad_symbol_is_refused_before_the_run_starts():
    with pytest.raises(Exception, match="is not a ticker"):
        nightly(tickers=["../../x"], as_of=FRIDAY_EVENING, source="simulated")


class _Recorder:
    def __init__(self):
        self.seen = []

    def begin(self, tickers):
        self.seen.append(("begin", tuple(tickers)))

    def training(self, ticker, what, *, epochs):
        self.seen.append((ticker, what, epochs))
        return lambda epoch, loss: self.seen.append((ticker, epoch))

    def step(self, ticker, message):
        pass

    def finish(self, ticker):
        self.seen.append(("finish", ticker))


def test_the_caller_sees_tickers_and_epochs_as_they_pass():
    recorder = _Recorder()
    with shown_by(recorder):
        _run(["SIM-A"])
    assert recorder.seen == [
        ("begin", ("SIM-A",)),
        ("SIM-A", "tutorial model", 2), ("SIM-A", 0), ("SIM-A", 1), ("SIM-A", 2),
        ("SIM-A", "model for the backtest of 2012-03", 2), ("SIM-A", 0), ("SIM-A", 1), ("SIM-A", 2),
        ("finish", "SIM-A"),
    ]  # fmt: skip
