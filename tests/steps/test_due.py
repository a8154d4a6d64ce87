"""Which tickers are due at which hour."""

from datetime import UTC, datetime, timedelta

import pytest
from inline import walk_night
from known_calendars import check_hours
from scenario import SMALL

from stockrnn.settings import Settings
from stockrnn.sources.registry import get_source
from stockrnn.steps.due import find_due
from stockrnn.steps.run import Run
from stockrnn.store.engine import writing
from stockrnn.store.runs import write_run_end, write_run_start

FRIDAY = datetime(2012, 3, 30, 20, tzinfo=UTC)  # New York closes; simulated bars are final then
MONDAY = datetime(2012, 4, 2, 13, 30, tzinfo=UTC)  # and opens
HOUR = timedelta(hours=1)


def is_due(settings, engine, moment, *, ticker="SIM-A", source="simulated"):
    run = Run(settings=settings, engine=engine, as_of=moment, now=moment)
    return bool(find_due(run, [ticker], ["tutorial"], source=get_source(source)).tickers)


def log_night(engine, as_of, *, state="completed", error=None, tickers=("SIM-A",)):
    run_id = f"{as_of} {state} {error} {tickers}"
    with writing(engine) as connection:
        write_run_start(
            connection, run_id=run_id, flow="nightly", as_of=as_of, started_at=as_of, flow_run_id=None,
            parameters={"tickers": list(tickers)}, versions={},
        )  # fmt: skip
        write_run_end(connection, run_id, state=state, ended_at=as_of, error=error)


@pytest.fixture
def forecast_on_thursday(settings, engine):
    walk_night(settings, engine, FRIDAY - 24 * HOUR, ["SIM-A"], specs=["tutorial"], pictures=False)


def test_a_ticker_is_due_from_the_settling_of_its_bar_until_the_next_session_opens(
    settings, engine, forecast_on_thursday
):
    assert not is_due(settings, engine, FRIDAY - HOUR)
    assert is_due(settings, engine, FRIDAY)
    assert is_due(settings, engine, MONDAY - HOUR)
    assert not is_due(settings, engine, MONDAY)


def test_it_is_due_no_more_once_it_was_forecast(settings, engine, forecast_on_thursday):
    walk_night(settings, engine, FRIDAY, ["SIM-A"], specs=["tutorial"], pictures=False)
    assert not is_due(settings, engine, FRIDAY + HOUR)


def test_a_ticker_that_was_never_forecast_is_due_at_any_hour(settings, engine):
    assert is_due(settings, engine, MONDAY + HOUR)


def test_after_a_failure_it_is_due_again_and_the_pauses_double(settings, engine, forecast_on_thursday):
    due = []
    for hour in range(40):
        moment = FRIDAY + hour * HOUR
        if is_due(settings, engine, moment):
            due.append(hour)
            log_night(engine, moment, state="failed", error="SIM-A: Yahoo is down")
    assert due == [0, 1, 3, 7, 15, 31]


def test_nights_for_other_tickers_skipped_and_earlier_ones_do_not_count(settings, engine, forecast_on_thursday):
    log_night(engine, FRIDAY, state="failed", tickers=("SIM-B",))
    log_night(engine, FRIDAY, state="skipped")
    log_night(engine, FRIDAY - HOUR, state="failed")
    assert is_due(settings, engine, FRIDAY)


def test_a_spec_that_can_not_forecast_yet_does_not_make_a_night_that_went_well_come_again(
    settings, engine, forecast_on_thursday
):
    walk_night(settings, engine, FRIDAY, ["SIM-A"], specs=["tutorial"], pictures=False)
    run = Run(settings=settings, engine=engine, as_of=FRIDAY + HOUR, now=FRIDAY + HOUR)
    assert not find_due(run, ["SIM-A"], ["tutorial", "quantile"], source=get_source("simulated")).tickers


def test_what_can_never_be_live_is_due_once_its_bar_has_settled(engine, tmp_path):
    settings = Settings(home=tmp_path, specs={"tutorial": SMALL})
    noon = datetime(2012, 3, 30, 12, tzinfo=UTC)
    assert is_due(settings, engine, noon, ticker="BTC-USD", source="yahoo")


def test_a_ticker_whose_calendar_is_not_known_is_due_once_a_day_so_that_its_night_says_so(settings, engine):
    assert is_due(settings, engine, FRIDAY, ticker="^NOSUCH", source="yahoo")
    log_night(engine, FRIDAY, state="failed", tickers=("^NOSUCH",))
    assert not is_due(settings, engine, FRIDAY + HOUR, ticker="^NOSUCH", source="yahoo")
    assert is_due(settings, engine, FRIDAY + 25 * HOUR, ticker="^NOSUCH", source="yahoo")


def test_where_nothing_is_due_it_says_when_the_next_bar_settles(settings, engine, forecast_on_thursday):
    run = Run(settings=settings, engine=engine, as_of=FRIDAY - HOUR, now=FRIDAY - HOUR)
    due = find_due(run, ["SIM-A"], ["tutorial"], source=get_source("simulated"))
    assert due.words == "no ticker is due; the next bar settles at 2012-03-30 20:00 UTC"


@pytest.mark.parametrize("name", ["XNYS", "24/7"])
def test_an_hourly_run_meets_the_hours_of_every_session(name):
    check_hours(name)
