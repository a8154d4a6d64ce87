"""What Yahoo's outages do: an error that says so, nothing lost, and the next night catching up."""

from datetime import timedelta

import pytest
from nights import LISTED, NEW_YORK, list_simulated, night, on_both_databases, read_all, revisions
from sampled import sample
from yahoo_server import CRUMB, FakeYahoo
from yfinance.data import YfData

from stockrnn.errors import NoPriceDataError, PriceSourceError, RateLimitedError
from stockrnn.store.prices import Written
from stockrnn.types import Span

TICKERS = ("AAPL", "META", "MSFT", "NVDA", "TSLA")
OUTAGES = ["500", "503", "garbled", "html", "down", "cut", "reset"]


@pytest.fixture
def sessions(yahoo):
    for ticker in TICKERS:
        sessions = list_simulated(yahoo, ticker)
    return sessions


@pytest.fixture
def started(batch, sessions):
    """Thirty sessions of five tickers are stored."""
    batch.update(night(sessions[29]), *TICKERS)
    batch.yahoo.requests.clear()
    return batch


@pytest.mark.parametrize("how", sample(OUTAGES, first=3))
def test_an_outage_is_tried_three_times_and_then_said(started, sessions, how):
    before = read_all(started.engine)
    started.yahoo.fail(how)
    error = started.update(night(sessions[30]), "META")["META"]
    assert type(error) is PriceSourceError
    assert "Yahoo can't be reached or gives no usable answer" in str(error)
    assert "'stockrnn prices import FILE --ticker META'" in str(error)
    # curl itself asks once more where a connection that was kept is reset
    assert len(started.yahoo.charts) == (4 if how == "reset" else 3)
    assert read_all(started.engine) == before


@pytest.mark.parametrize("how", sample(OUTAGES, first=2))
def test_a_short_outage_is_overcome_within_the_night(started, sessions, how):
    started.yahoo.fail(how, requests=3 if how == "reset" else 2)
    assert started.update(night(sessions[30]), "META")["META"].inserted == 1
    started.assert_equals_a_full_download("META")


@pytest.mark.parametrize("how", ["404", "400", "empty"])
def test_no_data_is_not_an_outage_and_not_asked_for_again(started, sessions, how):
    before = read_all(started.engine)
    started.yahoo.fail(how)
    error = started.update(night(sessions[30]), "META")["META"]
    assert type(error) is NoPriceDataError
    assert error.ticker == "META"
    assert len(started.yahoo.charts) == 1
    assert read_all(started.engine) == before


def test_an_unknown_symbol_is_named_and_leaves_nothing(started, sessions):
    before = read_all(started.engine)
    done = started.update(night(sessions[30]), "ZZZZ", "^ZZ", "META")
    assert str(done["ZZZZ"]).startswith("ZZZZ: Yahoo has no prices of it (No data found, symbol may be delisted)")
    assert "^ZZ: its exchange is not known" in str(done["^ZZ"])
    assert done["META"].inserted == 1
    assert {row[0] for row in read_all(started.engine, "instruments")["instruments"]} == {
        row[0] for row in before["instruments"]
    }


def test_the_first_refusal_stops_the_whole_batch_which_goes_on_after_a_pause(started, sessions):
    started.yahoo.fail("429", requests=1, skip=2)
    done = started.update(night(sessions[30]), *TICKERS)
    assert {ticker: one.inserted for ticker, one in done.items()} == dict.fromkeys(TICKERS, 1)
    assert started.pauses == [60.0]
    asked = [symbol for symbol, *_ in started.yahoo.charts]
    assert asked == ["AAPL", "META", "MSFT", "MSFT", "NVDA", "TSLA"]  # one refused request, not two
    started.assert_equals_a_full_download(*TICKERS)


@pytest.mark.exhaustive
def test_where_refusals_go_on_the_batch_ends_and_a_later_run_asks_only_for_the_rest(started, sessions):
    started.yahoo.fail("429", skip=2)
    done = started.update(night(sessions[30]), *TICKERS)
    assert [type(done[ticker]) for ticker in TICKERS] == [Written, Written, *[RateLimitedError] * 3]
    assert started.pauses == [60.0, 120.0, 240.0]
    assert [symbol for symbol, *_ in started.yahoo.charts] == ["AAPL", "META", *["MSFT"] * 4]
    started.yahoo.heal()
    started.yahoo.requests.clear()
    done = started.update(night(sessions[30]) + timedelta(hours=1), *TICKERS)
    assert [symbol for symbol, *_ in started.yahoo.charts] == ["MSFT", "NVDA", "TSLA"]
    assert [done[ticker].inserted for ticker in TICKERS] == [0, 0, 1, 1, 1]
    started.assert_equals_a_full_download(*TICKERS)


@pytest.mark.exhaustive
def test_one_tickers_garbled_answer_does_not_stop_the_others(started, sessions):
    started.yahoo.fail("garbled", tickers=["META"])
    done = started.update(night(sessions[30]), *TICKERS)
    assert isinstance(done.pop("META"), PriceSourceError)
    assert {one.inserted for one in done.values()} == {1}


def test_three_tickers_failing_in_a_row_are_an_outage_for_all(started, sessions):
    started.yahoo.fail("503")
    done = started.update(night(sessions[30]), *TICKERS)
    assert all(isinstance(one, PriceSourceError) for one in done.values())
    assert {symbol for symbol, *_ in started.yahoo.charts} == {"AAPL", "META", "MSFT"}


@pytest.mark.exhaustive
def test_an_outage_of_three_nights_loses_nothing(started, sessions):
    before = read_all(started.engine)
    for session, how in zip(sessions[30:33], ("503", "reset", "html"), strict=True):
        started.yahoo.heal()
        started.yahoo.fail(how)
        started.update(night(session), *TICKERS)
    assert read_all(started.engine) == before
    started.yahoo.heal()
    done = started.update(night(sessions[33]), *TICKERS)
    assert {one.inserted for one in done.values()} == {4}
    started.assert_equals_a_full_download(*TICKERS)
    assert revisions(started.engine) == []


@pytest.mark.exhaustive
def test_nights_of_outage_do_not_count_as_nights_without_data(started, sessions):
    """`possibly delisted`, says the client, when Yahoo is only down."""
    for session in sessions[30:42]:
        started.yahoo.heal()
        started.yahoo.fail("404", tickers=["META"])
        started.yahoo.fail("503", tickers=["MSFT", "NVDA", "TSLA"])
        started.update(night(session), "META", "MSFT", "NVDA", "TSLA", "AAPL")
    rows = {row[0]: row for row in read_all(started.engine, "instruments")["instruments"]}
    assert rows["META"][6] is True
    assert rows["META"][8] == 0


def test_a_cookie_that_has_expired_is_renewed(started, sessions):
    started.yahoo.fail("401", requests=1)
    assert started.update(night(sessions[30]), "META")["META"].inserted == 1


@pytest.mark.parametrize(("how", "status"), [("401", "401"), ("422", "422, Invalid range")])
def test_a_refusal_of_the_request_is_no_verdict_on_the_ticker(started, sessions, how, status):
    started.yahoo.fail(how)
    error = started.update(night(sessions[30]), "META")["META"]
    assert type(error) is PriceSourceError
    assert f"it refuses the request: HTTP status {status}" in str(error)


def test_a_refused_crumb_is_done_without_and_not_asked_for_again(yahoo, batch, sessions):
    """Charts are served without one, and asking with every chart would prolong the refusal."""
    YfData()._crumb = None
    yahoo.refuses_crumbs = True
    done = batch.update(night(sessions[30]), *TICKERS)
    assert {one.inserted for one in done.values()} == {31}
    assert sum(request.path == CRUMB for request in yahoo.requests) == 1


def test_where_nobody_listens_the_batch_stops_at_the_first_ticker(batch, sessions, make_client):
    with FakeYahoo(now=night(sessions[0])) as gone:
        batch.client = make_client(gone)
    asked = []
    fetch, batch.client.fetch = batch.client.fetch, lambda *request: (asked.append(request[0]), fetch(*request))[1]
    done = batch.update(night(sessions[30]), *TICKERS)
    assert asked == ["AAPL"]
    assert {str(one) for one in done.values()} == {str(done["AAPL"])}
    assert "Failed to connect" in str(done["AAPL"]) or "Could not connect" in str(done["AAPL"])


def test_a_hanging_answer_is_given_up(started, sessions, monkeypatch):
    from stockrnn.sources import http

    monkeypatch.setattr(http, "_READ_SECONDS", 0.2)
    monkeypatch.setattr(http, "_CONNECT_SECONDS", 0.2)
    started.yahoo.fail("hang")
    error = started.update(night(sessions[30]), "META")["META"]
    assert isinstance(error, PriceSourceError)
    assert "Timeout" in str(error)
    started.yahoo.heal()
    assert started.update(night(sessions[30]), "META")["META"].inserted == 1


def test_the_first_load_of_a_ticker_survives_an_outage_in_its_midst(batch, sessions):
    batch.yahoo.fail("cut", requests=30)
    assert isinstance(batch.update(night(sessions[20]), "META")["META"], PriceSourceError)
    assert read_all(batch.engine, "instruments", "prices") == {"instruments": [], "prices": []}
    batch.yahoo.heal()
    assert batch.update(night(sessions[20]), "META")["META"].inserted == 21


@on_both_databases
def test_an_outage_between_the_overlap_and_the_whole_history_leaves_the_ticker_as_it_was(started, sessions):
    before = read_all(started.engine)
    started.yahoo.split("META", ex_date=sessions[30].date(), ratio=4.0)
    started.yahoo.fail("503", skip=1)
    assert isinstance(started.update(night(sessions[30]), "META")["META"], PriceSourceError)
    assert read_all(started.engine) == before
    started.yahoo.heal()
    started.update(night(sessions[30]), "META")
    started.assert_equals_a_full_download("META")


def test_requests_are_spaced_evenly(yahoo, make_client):
    waits = []
    client = make_client(yahoo, requests_per_second=2)
    client._session._sleep = waits.append
    yahoo.now = night("2024-03-01")
    list_simulated(yahoo)
    for _ in range(4):
        client.fetch("META", Span(LISTED, night("2024-03-01").date()), NEW_YORK)
    assert len(waits) >= 3
    # this clock stands still while it "sleeps", so that each wait is half a second longer than the one before
    assert all(abs(wait - 0.5 * position) < 0.4 for position, wait in enumerate(waits, start=1))
