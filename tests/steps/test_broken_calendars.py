"""A calendar that can't be loaded stays with its ticker."""

import pytest
from broken_calendars import break_calendar
from inline import walk_night
from scenario import FRIDAY_EVENING, evening

from stockrnn.errors import BrokenCalendarError
from stockrnn.market.calendars import load_calendar
from stockrnn.steps import doctor
from stockrnn.steps.status import read_status
from stockrnn.store.engine import reading


@pytest.fixture
def _broken(monkeypatch):
    break_calendar(monkeypatch, "ASEX")


@pytest.mark.usefixtures("_broken")
@pytest.mark.exhaustive
def test_a_night_serves_all_others_and_says_what_is_wrong(settings, engine):
    settings = settings.model_copy(update={"calendars": {"SIM-B": "ASEX"}})
    night = walk_night(settings, engine, FRIDAY_EVENING, ["SIM-B", "SIM-A"], specs=["tutorial"], pictures=False)
    assert night.failed == ("SIM-B",)
    (failure,) = night.failures
    assert failure.startswith("SIM-B: calendar ASEX can't be loaded (TypeError: unsupported operand)")
    with reading(engine) as connection:
        (row,) = connection.exec_driver_sql("select state, error from runs").all()
    assert row[0] == "completed"
    assert "ASEX" in row[1]


@pytest.mark.usefixtures("_broken")
def test_status_and_doctor_name_it_and_show_the_others(settings, engine):
    settings = settings.model_copy(update={"tickers": ("OPAP.AT", "META")})
    state = read_status(settings, engine, now=evening(2026, 3, 2))
    athens, new_york = state.tickers
    assert athens.next_session is None
    assert "ASEX can't be loaded" in athens.problem
    assert str(new_york.next_session) == "2026-03-03"
    health, words = doctor._look_at_calendars(settings, engine, evening(2026, 3, 2))
    assert health == "problem"
    assert "OPAP.AT: calendar ASEX can't be loaded" in words


@pytest.mark.usefixtures("_broken")
def test_the_error_is_not_kept_once_the_package_is_repaired(monkeypatch):
    with pytest.raises(BrokenCalendarError):
        load_calendar("ASEX", through_year=2027)
    monkeypatch.undo()
    assert load_calendar("ASEX", through_year=2027).name == "ASEX"
