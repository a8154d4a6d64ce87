"""Sessions and closures that a calendar does not know: several tickers of an exchange show them, one does not."""

from datetime import date

import pytest
from exchanges import FRIDAY, JAKARTA, MUMBAI, SUNDAY, WEDNESDAY, Exchange
from nights import on_both_databases

from stockrnn.sources.registry import get_source
from stockrnn.steps.due import find_due


@pytest.fixture(params=[JAKARTA, pytest.param(MUMBAI, marks=pytest.mark.exhaustive)], ids=["jakarta", "mumbai"])
def tickers(request):
    return request.param


def test_a_session_that_several_tickers_show_is_believed_said_and_stored_in_the_same_night(batch, tickers):
    exchange = Exchange(batch, tickers, sessions=[SUNDAY])
    exchange.night(FRIDAY)
    believed = exchange.night(date(2024, 6, 10))
    (words,) = believed.words
    assert f"has no session on Sunday {SUNDAY}, but 3 of its tickers were traded: taken as a session" in words
    assert set(believed.again) == set(tickers)
    assert exchange.issues() == []
    assert len(exchange.read(f"select * from prices where session = '{SUNDAY}'")) == 3
    assert exchange.night(date(2024, 6, 11)).words == ()
    assert exchange.run(exchange.at(date(2024, 6, 11))).calendar(tickers[0]).next_session(FRIDAY) == SUNDAY


@pytest.mark.exhaustive
def test_a_bar_on_a_sunday_of_one_ticker_alone_stays_quarantined(batch, tickers):
    exchange = Exchange(batch, tickers, sessions=[SUNDAY], late=tickers[1:])
    exchange.night(FRIDAY)
    assert exchange.night(date(2024, 6, 10)).words == ()
    assert [issue[0::2] for issue in exchange.issues()] == [(tickers[0], "not_a_session")]


@on_both_databases
def test_a_session_of_which_no_ticker_has_a_bar_is_a_closure_for_now_and_for_sure_once_later_bars_come(
    batch, tickers
):
    exchange = Exchange(batch, tickers, closures=[WEDNESDAY])
    exchange.night(date(2024, 6, 11))
    (words,) = exchange.night(WEDNESDAY).words
    assert words.startswith(f"no bar of {WEDNESDAY} for any of the 3 tickers of")
    assert words.endswith("taken as a closure until one comes")
    assert exchange.behind(WEDNESDAY) == 0  # no stale prices
    assert exchange.issues() == []
    (later,) = exchange.night(date(2024, 6, 13)).words
    assert later.endswith("taken as a closure")
    assert exchange.night(date(2024, 6, 14)).words == ()
    assert exchange.issues() == []
    assert [row[0] for row in exchange.read("select kind from calendar_changes where confirmed")] == ["closure"]


@pytest.mark.exhaustive
def test_while_a_closure_is_not_sure_its_tickers_stay_due(batch, tickers):
    exchange = Exchange(batch, tickers, closures=[WEDNESDAY])
    for day in (date(2024, 6, 11), WEDNESDAY):
        exchange.night(day)
    due = find_due(exchange.run(exchange.at(WEDNESDAY)), tickers, ["tutorial"], source=get_source("yahoo"))
    assert set(due.tickers) == set(tickers)


@pytest.mark.exhaustive
def test_bars_that_were_only_late_end_the_closure_and_none_is_quarantined(batch, tickers):
    exchange = Exchange(batch, tickers)
    exchange.night(date(2024, 6, 11))
    for ticker in tickers:
        exchange.batch.yahoo.hide(ticker, session=WEDNESDAY, until=exchange.at(WEDNESDAY, hours=8))
    assert len(exchange.night(WEDNESDAY).words) == 1
    (words,) = exchange.night(date(2024, 6, 13)).words
    assert words.startswith(f"{WEDNESDAY} was a session of")
    assert exchange.read("select * from calendar_changes") == []
    assert len(exchange.read(f"select * from prices where session = '{WEDNESDAY}'")) == 3
    assert exchange.issues() == []


@pytest.mark.exhaustive
def test_a_bar_that_one_ticker_alone_lacks_is_missing_as_ever(batch, tickers):
    exchange = Exchange(batch, tickers, closures=[WEDNESDAY])
    exchange.night(date(2024, 6, 11), tickers=tickers[:1])
    for day in (WEDNESDAY, date(2024, 6, 13)):
        assert exchange.night(day, tickers=tickers[:1]).words == ()
    assert [issue[0::2] for issue in exchange.issues()] == [(tickers[0], "missing_session")]
