"""Models, forecasts, backtests and runs: what was written is what is read, and what stands stands."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest
from sqlalchemy import DateTime, select, type_coerce

from stockrnn.errors import StoreError
from stockrnn.store.backtests import read_backtest, read_latest_backtest, write_backtest
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import read_forecast, read_last_cutoff, read_latest_forecast, write_forecast
from stockrnn.store.models import read_model, write_model
from stockrnn.store.runs import Run, read_last_run, write_run_end, write_run_start
from stockrnn.store.schema import UtcDateTime, backtest_metrics, backtests, forecasts, models, runs
from stockrnn.types import Span

BARS = {"2024-01-04": (344.5, 348.15, 343.4, 347.12, 346.77, 12_099_900.0)}
NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
OPEN = datetime(2024, 1, 5, 14, 30, tzinfo=UTC)
KEY = {"ticker": "META", "target": "open", "spec": "tutorial"}
LATEST = KEY | {"through": date(2024, 12, 31)}


@pytest.fixture
def save(engine, write_simulated, make_model):
    """Write with one of the store's functions; META and its model are there already."""
    write_simulated(BARS)
    write_simulated({"2024-01-03": BARS["2024-01-04"]})
    write_simulated(BARS, ticker="AAPL")

    def save(write_record, *records, **options):
        with writing(engine) as connection:
            return [write_record(connection, record, **options) for record in records][-1]

    save(write_model, make_model())
    return save


def load(engine, read_record, *arguments, **options):
    with reading(engine) as connection:
        return read_record(connection, *arguments, **options)


def count(engine, table):
    with reading(engine) as connection:
        return len(connection.execute(select(table)).all())


def test_a_model_comes_back_as_it_was_with_its_weights(engine, save, make_model):
    assert load(engine, read_model, "META-open-tutorial-1") == make_model()
    assert load(engine, read_model, "nosuch") is None


def test_a_model_that_is_stored_stands(engine, save, make_model):
    save(write_model, make_model(loss=99.0, weights=b"other"))
    assert load(engine, read_model, "META-open-tutorial-1") == make_model()
    assert count(engine, models) == 1


def test_a_forecast_comes_back_as_it_was_issued(engine, save, make_forecast):
    assert save(write_forecast, make_forecast()) == make_forecast()
    key = {**KEY, "cutoff": date(2024, 1, 4)}
    assert load(engine, read_forecast, **key, kind="live") == make_forecast()
    assert load(engine, read_forecast, **key, kind="hindcast") is None
    with reading(engine) as connection:
        recorded = connection.scalar(select(forecasts.c.recorded_at))
    # the database's own clock
    assert abs(recorded - datetime.now(UTC)) < timedelta(minutes=5)


def test_the_first_forecast_of_a_key_stands(engine, save, make_forecast):
    save(write_forecast, make_forecast())
    second = make_forecast(forecast_id="another", predicted=1.0, issued_at=NOON + timedelta(hours=1))
    assert save(write_forecast, second) == make_forecast()
    assert count(engine, forecasts) == 1


@pytest.mark.parametrize("late", [timedelta(0), timedelta(microseconds=1), timedelta(days=1)])
def test_a_live_forecast_issued_at_the_open_or_later_is_refused(engine, save, make_forecast, late):
    with pytest.raises(StoreError, match="live_before_open"):
        save(write_forecast, make_forecast(issued_at=OPEN + late))
    assert count(engine, forecasts) == 0
    save(write_forecast, make_forecast(issued_at=OPEN + late, kind="hindcast"))
    assert count(engine, forecasts) == 1


def test_a_live_forecast_may_be_issued_until_the_last_moment_in_any_time_zone(engine, save, make_forecast):
    last = (OPEN - timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=9)))
    save(write_forecast, make_forecast(issued_at=last))
    assert count(engine, forecasts) == 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"kind": "guess"}, "ck_forecasts_kind"),
        ({"cutoff": date(2024, 1, 5)}, "cutoff_before_target"),
        ({"model_id": "nosuch"}, "FOREIGN KEY"),
        ({"ticker": "NOSUCH"}, "FOREIGN KEY"),
        ({"drift": None}, "NOT NULL .*drift"),
        ({"moving_average": None}, "NOT NULL .*moving_average"),
    ],
)
def test_a_forecast_that_breaks_a_rule_is_refused(engine, save, make_forecast, changes, rule):
    with pytest.raises(StoreError, match=rule):
        save(write_forecast, make_forecast(**({"kind": "hindcast"} | changes)))
    assert count(engine, forecasts) == 0


def test_the_latest_forecast_has_the_latest_cutoff_and_is_live_before_a_hindcast(engine, save, make_forecast):
    assert load(engine, read_latest_forecast, **LATEST) is None
    assert load(engine, read_last_cutoff, "META") is None
    old = make_forecast(forecast_id="old", cutoff=date(2024, 1, 3))
    hindcast = make_forecast(forecast_id="hindcast", kind="hindcast")
    save(write_forecast, hindcast, old)
    assert load(engine, read_latest_forecast, **LATEST) == hindcast
    save(write_forecast, make_forecast())
    assert load(engine, read_latest_forecast, **LATEST) == make_forecast()
    assert load(engine, read_latest_forecast, **(LATEST | {"ticker": "AAPL"})) is None
    assert load(engine, read_latest_forecast, **(LATEST | {"through": date(2024, 1, 3)})).forecast_id == "old"
    assert load(engine, read_last_cutoff, "META") == date(2024, 1, 4)


def assert_same(found, backtest):
    pd.testing.assert_frame_equal(found.forecasts, backtest.forecasts, check_exact=True, check_index_type=False)
    assert {model: pytest.approx(m, nan_ok=True, abs=0) for model, m in backtest.metrics.items()} == found.metrics
    plain = {"forecasts": None, "metrics": None}
    assert replace(found, **plain) == replace(backtest, **plain)


def test_a_backtest_comes_back_as_it_was_also_where_a_metric_is_nan(engine, save, make_backtest):
    save(write_backtest, make_backtest())
    assert_same(load(engine, read_backtest, make_backtest().backtest_id), make_backtest())
    assert load(engine, read_backtest, "nosuch") is None
    with reading(engine) as connection:
        nulls = connection.execute(
            select(backtest_metrics.c.model, backtest_metrics.c.metric).where(backtest_metrics.c.value.is_(None))
        ).all()
        assert nulls == [("naive", "directional_accuracy")]
        assert connection.scalar(select(backtests.c.sessions)) == 2


def test_a_backtest_that_is_stored_stands(engine, save, make_backtest):
    save(write_backtest, make_backtest())
    changed = make_backtest(
        losses=[9.0],
        forecasts=make_backtest().forecasts.set_axis(pd.DatetimeIndex(["2020-01-03", "2020-01-06"])) * 2,
        metrics={"naive": {"mae": 9.0, "bias": 9.0}, "other": {"mae": 9.0}},
    )
    save(write_backtest, changed)
    assert_same(load(engine, read_backtest, changed.backtest_id), make_backtest())


def test_the_latest_backtest_is_that_of_the_latest_holdout_and_of_equals_the_last_one(engine, save, make_backtest):
    assert load(engine, read_latest_backtest, **LATEST) is None
    february = make_backtest().forecasts.set_axis(pd.DatetimeIndex(["2020-02-03", "2020-02-04"], name="session"))
    later = {
        "holdout": Span(date(2020, 2, 1), date(2020, 2, 29)),
        "cutoff": date(2020, 1, 31),
        "forecasts": february,
    }
    save(
        write_backtest,
        make_backtest(backtest_id="second", **later),
        make_backtest(backtest_id="first", created_at=NOON + timedelta(days=9)),
    )
    assert load(engine, read_latest_backtest, **LATEST).backtest_id == "second"
    save(write_backtest, make_backtest(backtest_id="third", created_at=NOON + timedelta(days=1), **later))
    assert load(engine, read_latest_backtest, **LATEST).backtest_id == "third"
    assert load(engine, read_latest_backtest, **(LATEST | {"target": "close"})) is None
    assert load(engine, read_latest_backtest, **(LATEST | {"through": date(2020, 1, 31)})).backtest_id == "first"


def test_a_backtest_trained_on_its_holdout_is_refused(engine, save, make_backtest):
    with pytest.raises(StoreError, match="cutoff_before_holdout"):
        save(write_backtest, make_backtest(cutoff=date(2020, 1, 1)))
    assert count(engine, backtests) == 0


def start(connection, run_id, **changes):
    given = {
        "flow": "nightly",
        "as_of": NOON,
        "started_at": NOON,
        "flow_run_id": None,
        "parameters": {"tickers": ["META"]},
        "versions": {"stockrnn": "0.1.0"},
    }
    write_run_start(connection, run_id=run_id, **(given | changes))


def test_a_run_is_logged_when_it_starts_and_when_it_ends(engine):
    assert load(engine, read_last_run) is None
    with writing(engine) as connection:
        start(connection, "r1")
        start(connection, "r0", started_at=NOON - timedelta(days=1))
    begun = Run(
        run_id="r1",
        flow="nightly",
        as_of=NOON,
        started_at=NOON,
        ended_at=None,
        seen_at=NOON,
        state="running",
        parameters={"tickers": ["META"]},
        process=None,
        error=None,
    )
    assert load(engine, read_last_run) == begun
    with writing(engine) as connection:
        write_run_end(connection, "r1", state="failed", ended_at=OPEN, error="META: no prices")
    assert load(engine, read_last_run) == replace(begun, state="failed", ended_at=OPEN, error="META: no prices")
    with reading(engine) as connection:
        assert connection.scalars(select(runs.c.state).order_by(runs.c.run_id)).all() == ["running", "failed"]


def test_a_run_that_was_stopped_by_a_signal_ends_as_cancelled(engine):
    with writing(engine) as connection:
        start(connection, "r1")
        write_run_end(connection, "r1", state="cancelled", ended_at=OPEN, error="stopped by SIGTERM")
    run = load(engine, read_last_run)
    assert (run.state, run.ended_at, run.error) == ("cancelled", OPEN, "stopped by SIGTERM")


def test_a_run_ends_in_a_state_that_exists(engine):
    with writing(engine) as connection:
        start(connection, "r1")
    with pytest.raises(StoreError, match="ck_runs_state"), writing(engine) as connection:
        write_run_end(connection, "r1", state="half done", ended_at=OPEN, error=None)


def test_a_time_without_an_offset_is_refused(engine):
    with pytest.raises(StoreError, match="naive datetime 2024-01-05 12:00:00"), writing(engine) as connection:
        start(connection, "r1", as_of=datetime(2024, 1, 5, 12))  # noqa: DTZ001  # what is refused
    assert count(engine, runs) == 0


def test_times_are_stored_in_utc_and_come_back_aware(engine):
    new_york = timezone(timedelta(hours=-5))
    with writing(engine) as connection:
        start(connection, "r1", as_of=NOON.astimezone(new_york), started_at=NOON + timedelta(microseconds=123_456))
    run = load(engine, read_last_run)
    assert (run.as_of, run.as_of.utcoffset()) == (NOON, timedelta(0))
    assert run.started_at == NOON + timedelta(microseconds=123_456)
    with reading(engine) as connection:
        stored = connection.scalar(select(type_coerce(runs.c.as_of, DateTime)))
    assert stored == datetime(2024, 1, 5, 12)  # noqa: DTZ001  # what SQLite keeps
    assert isinstance(runs.c.as_of.type, UtcDateTime)
