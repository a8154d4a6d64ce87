"""What a closure or a session that no calendar knew does to the tickers of its exchange, and what it does not."""

from datetime import date

import pandas as pd
import pytest
from exchanges import FRIDAY, JAKARTA, MUMBAI, SUNDAY, WEDNESDAY, Exchange
from nights import list_simulated

from stockrnn.errors import NoPriceDataError
from stockrnn.sources.simulated import simulate_bars
from stockrnn.steps.import_prices import import_prices
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_instrument

WEEK = [date(2024, 6, day) for day in (10, 11, 12, 13, 14)]
LATER = date(2024, 6, 28)


def read(exchange, ticker):
    with reading(exchange.batch.engine) as connection:
        return read_instrument(connection, ticker)


def list_elsewhere(exchange):
    """A ticker of another exchange, which has data on every night."""
    list_simulated(exchange.batch.yahoo, "META")
    return "META"


def test_a_week_of_surprise_closures_leaves_every_ticker_active(batch):
    exchange = Exchange(batch, JAKARTA, closures=WEEK)
    other = list_elsewhere(exchange)
    exchange.night(FRIDAY, tickers=[*JAKARTA, other])
    for day in WEEK:
        exchange.night(day, tickers=[*JAKARTA, other])
    assert [(read(exchange, one).active, read(exchange, one).no_data_nights) for one in JAKARTA] == [(True, 0)] * 3
    exchange.night(date(2024, 6, 19), tickers=[*JAKARTA, other])
    assert len(exchange.read("select * from calendar_changes where confirmed")) == len(WEEK)


def test_holidays_after_the_end_of_a_calendar_are_no_nights_without_data(batch, monkeypatch):
    """Shanghai's calendar is taken to end before a week of holidays that it would know."""
    exchange = Exchange(batch, ("600519.SS", "600036.SS"), closures=WEEK)
    exchange.end_calendar(FRIDAY, monkeypatch)
    other = list_elsewhere(exchange)
    for day in (FRIDAY, *WEEK):
        exchange.night(day, tickers=[*exchange.tickers, other])
    for ticker in exchange.tickers:
        stored = read(exchange, ticker)
        assert (stored.active, stored.no_data_nights, stored.last_session) == (True, 0, FRIDAY)


@pytest.mark.exhaustive
def test_a_session_whose_bars_were_all_quarantined_is_no_closure(batch):
    exchange = Exchange(batch, JAKARTA)
    exchange.night(date(2024, 6, 11))
    for ticker in JAKARTA:
        batch.yahoo.disturb(ticker, WEDNESDAY, until=exchange.at(LATER), high=0.01)
    assert exchange.night(WEDNESDAY).words == ()
    assert exchange.night(date(2024, 6, 13)).words == ()
    assert exchange.read("select * from calendar_changes") == []
    assert {issue[2] for issue in exchange.issues()} == {"high_low_contradiction"}


@pytest.mark.exhaustive
def test_rows_that_lack_only_their_close_show_a_session(batch):
    exchange = Exchange(batch, JAKARTA)
    exchange.night(date(2024, 6, 11))
    for ticker in JAKARTA:
        batch.yahoo.disturb(ticker, WEDNESDAY, until=exchange.at(LATER), close=None)
    assert exchange.night(WEDNESDAY).words == ()
    assert exchange.read("select * from calendar_changes") == []
    assert {issue[2] for issue in exchange.issues()} == {"missing_price"}


def test_a_row_without_prices_shows_no_session(batch):
    exchange = Exchange(batch, JAKARTA)
    exchange.night(date(2024, 6, 11))
    nothing = dict.fromkeys(("open", "high", "low", "close", "volume"))
    for ticker in JAKARTA:
        batch.yahoo.disturb(ticker, WEDNESDAY, until=exchange.at(LATER), **nothing)
    (words,) = exchange.night(WEDNESDAY).words
    assert "taken as a closure" in words


@pytest.mark.exhaustive
def test_a_ticker_without_data_does_not_hide_a_closure_from_the_others(batch):
    exchange = Exchange(batch, JAKARTA, closures=[WEDNESDAY])
    exchange.night(date(2024, 6, 11))
    batch.yahoo.fail("404", tickers=JAKARTA[:1])
    (words,) = exchange.night(WEDNESDAY).words
    assert "taken as a closure until one comes" in words
    assert exchange.behind(WEDNESDAY, ticker=1) == 0


@pytest.mark.exhaustive
def test_a_few_of_many_tickers_that_were_asked_show_no_closure(batch):
    tickers = tuple(f"{letter * 4}.JK" for letter in "ABCDE")
    exchange = Exchange(batch, tickers, closures=[WEDNESDAY])
    exchange.night(date(2024, 6, 11))
    assert exchange.night(WEDNESDAY, tickers=tickers[:2]).words == ()


def test_a_session_of_the_settings_long_ago_brings_its_bar_once(batch):
    exchange = Exchange(batch, JAKARTA[:1], sessions=[SUNDAY], through=date(2024, 12, 31))
    for day in (FRIDAY, date(2024, 6, 10), date(2024, 11, 29)):
        exchange.night(day)
    (issue,) = exchange.issues()
    assert issue[2] == "not_a_session"
    exchange.set(extra_sessions={"XIDX": (SUNDAY,)})
    exchange.night(date(2024, 12, 2))
    assert exchange.issues() == []
    assert len(exchange.read(f"select * from prices where session = '{SUNDAY}'")) == 1
    assert exchange.count_requests(date(2024, 12, 2)) == 0


@pytest.mark.exhaustive
def test_a_session_of_the_settings_whose_bar_is_gone_is_not_asked_for_again_and_again(batch):
    exchange = Exchange(batch, JAKARTA[:1], sessions=[SUNDAY], through=date(2024, 12, 31))
    for day in (FRIDAY, date(2024, 6, 10), date(2024, 11, 29)):
        exchange.night(day)
    batch.yahoo.hide(JAKARTA[0], session=SUNDAY, until=exchange.at(date(2024, 12, 31)))
    exchange.set(extra_sessions={"XIDX": (SUNDAY,)})
    exchange.night(date(2024, 12, 2))
    assert [issue[2] for issue in exchange.issues()] == ["missing_session"]
    assert exchange.count_requests(date(2024, 12, 2)) == 0
    requests = len(batch.yahoo.charts)
    exchange.night(date(2024, 12, 3))
    first_asked = pd.Timestamp(batch.yahoo.charts[requests][1], unit="s")
    assert first_asked > pd.Timestamp(SUNDAY)


def test_a_closure_of_the_settings_long_ago_resolves_what_was_missing(batch):
    exchange = Exchange(batch, JAKARTA[:1], closures=[WEDNESDAY], through=date(2024, 12, 31))
    for day in (date(2024, 6, 11), date(2024, 6, 13), date(2024, 11, 29)):
        exchange.night(day)
    assert [issue[2] for issue in exchange.issues()] == ["missing_session"]
    exchange.set(extra_closures={"XIDX": (WEDNESDAY,)})
    exchange.night(date(2024, 12, 2))
    assert exchange.issues() == []
    assert exchange.read("select resolved_by from price_issues") == [("settings",)]


def test_a_closure_of_the_settings_counts_at_an_update_that_has_nothing_to_ask_for(batch):
    exchange = Exchange(batch, JAKARTA[:1], closures=[WEDNESDAY])
    for day in (date(2024, 6, 11), date(2024, 6, 13)):
        exchange.night(day)
    assert [issue[2] for issue in exchange.issues()] == ["missing_session"]
    exchange.set(extra_closures={"XIDX": (WEDNESDAY,)})
    assert exchange.count_requests(date(2024, 6, 13)) == 0
    assert exchange.issues() == []
    assert exchange.read("select resolved_by from price_issues") == [("settings",)]


def test_a_ticker_whose_calendar_is_called_by_another_name_belongs_to_its_exchange(batch):
    exchange = Exchange(batch, ("META", "AAPL"), closures=[WEDNESDAY])
    exchange.set(calendars={"META": "NYSE"})
    for day in (date(2024, 6, 11), WEDNESDAY, date(2024, 6, 13)):
        exchange.night(day)
    assert exchange.issues() == []
    assert {read(exchange, ticker).calendar for ticker in ("META", "AAPL")} == {"XNYS"}


@pytest.mark.parametrize("name", ["XNYS", "NYSE"])
def test_the_settings_may_call_a_calendar_by_any_of_its_names(batch, name):
    exchange = Exchange(batch, ("META", "AAPL"), closures=[WEDNESDAY])
    exchange.set(extra_closures={name: (WEDNESDAY,)})
    for day in (date(2024, 6, 11), WEDNESDAY, date(2024, 6, 13)):
        assert exchange.night(day).words == ()
    assert exchange.issues() == []
    assert exchange.behind(WEDNESDAY) == 0


@pytest.mark.exhaustive
def test_a_file_is_read_with_what_is_believed_of_its_exchange(batch, tmp_path):
    exchange = Exchange(batch, JAKARTA, sessions=[SUNDAY], closures=[WEDNESDAY])
    for day in (FRIDAY, date(2024, 6, 10), WEDNESDAY, date(2024, 6, 13)):
        exchange.night(day)
    frame = simulate_bars("DDDD.JK", exchange.true.sessions(date(2024, 5, 1), date(2024, 6, 13)))
    frame.columns = [name.replace("_", " ").title() for name in frame.columns]
    path = tmp_path / "DDDD.JK.csv"
    frame.rename_axis("Date").to_csv(path)
    options = {"calendar": None, "currency": None, "as_of": exchange.at(date(2024, 6, 13))}
    (written,) = import_prices(batch.settings, batch.engine, [path], ticker="DDDD.JK", **options)
    assert (written.inserted, written.quarantined, written.missing) == (len(frame), 0, 0)


@pytest.mark.exhaustive
def test_a_second_update_that_fails_stays_with_its_ticker(batch):
    exchange = Exchange(batch, MUMBAI, sessions=[SUNDAY])
    exchange.night(FRIDAY)
    monday = date(2024, 6, 10)
    # the first request of each is answered, the second of one is not
    batch.yahoo.fail("404", tickers=MUMBAI[:1], skip=1)
    exchange.night(monday)
    first, *others = (exchange.again[ticker] for ticker in MUMBAI)
    assert isinstance(first, NoPriceDataError)
    assert [written.inserted for written in others] == [1, 1]
