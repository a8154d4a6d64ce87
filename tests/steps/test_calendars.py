"""Every step finds a ticker's calendar in the same way: of the settings, else the stored one, else by its symbol."""

from datetime import UTC, date, datetime

import pytest

from stockrnn.settings import Settings
from stockrnn.sources.registry import get_source
from stockrnn.steps import doctor
from stockrnn.steps.due import find_due
from stockrnn.steps.run import Run
from stockrnn.steps.status import read_status
from stockrnn.store.engine import writing
from stockrnn.store.instruments import lock_instrument

NEW_YEARS_EVE = datetime(2024, 12, 31, 12, tzinfo=UTC)
"""Tokyo is closed from the 31st to the 3rd, New York on the 1st only, London too."""
NEXT = {"XNYS": date(2024, 12, 31), "XTKS": date(2025, 1, 6), "XLON": date(2025, 1, 2)}


@pytest.fixture
def settings(tmp_path):
    calendars = {"NAMED": "XTKS", "BOTH": "XTKS"}
    tickers = ("META", "7203.T", "NAMED", "BOTH", "STORED")
    return Settings(home=tmp_path / "home", tickers=tickers, calendars=calendars)


@pytest.fixture
def stored(engine):
    with writing(engine) as connection:
        for ticker in ("BOTH", "STORED"):
            lock_instrument(connection, ticker, calendar="XLON", currency=None, source="csv")
    return engine


def test_status_asks_the_settings_then_the_store_then_the_symbol(settings, stored):
    found = {one.ticker: one.next_session for one in read_status(settings, stored, now=NEW_YEARS_EVE).tickers}
    calendars = {"META": "XNYS", "7203.T": "XTKS", "NAMED": "XTKS", "BOTH": "XTKS", "STORED": "XLON"}
    assert found == {ticker: NEXT[name] for ticker, name in calendars.items()}


def test_a_ticker_whose_calendar_is_not_known_is_a_problem_of_its_own(settings, stored):
    state = read_status(settings.model_copy(update={"tickers": ("^NOSUCH", "META")}), stored, now=NEW_YEARS_EVE)
    unknown, known = state.tickers
    assert (unknown.next_session, unknown.missed, known.next_session) == (None, 0, NEXT["XNYS"])
    assert [problem for problem in state.problems if problem.startswith("^NOSUCH")] == [unknown.problem]
    assert '[calendars] "^NOSUCH" = "XSTO"' in unknown.problem


def test_the_doctor_follows_the_same_calendars_and_names_a_ticker_that_has_none(settings, stored):
    health, words = doctor._look_at_calendars(settings, stored, NEW_YEARS_EVE)
    assert health == "ok"
    assert words == "5 tickers; next sessions: XLON 2025-01-02, XNYS 2024-12-31, XTKS 2025-01-06"
    unknown = settings.model_copy(update={"tickers": ("^NOSUCH", "META")})
    health, words = doctor._look_at_calendars(unknown, stored, NEW_YEARS_EVE)
    assert (health, words.startswith("^NOSUCH: its exchange is not known")) == ("problem", True)


@pytest.mark.exhaustive
def test_a_scheduled_night_looks_at_the_same_calendars(settings, stored):
    new_year = datetime(2025, 1, 1, 12, tzinfo=UTC)  # New York's and London's last sessions were on the 31st
    run = Run(settings=settings, engine=stored, as_of=new_year, now=new_year)
    due = find_due(run, settings.tickers, ["tutorial"], source=get_source("yahoo"))
    assert set(due.tickers) == set(settings.tickers)  # none was ever forecast
    assert due.next_at == datetime(2025, 1, 2, 20, 30, tzinfo=UTC)  # London, four hours after its close
