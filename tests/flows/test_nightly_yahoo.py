"""The night from a loopback Yahoo at the present time: what an outage, a late bar and a wrong symbol do to it."""

import pytest
from present import present_yahoo, show_saturday
from scenario import SMALL_TOML

from flows.nightly import run_nightly
from flows.update_prices import update_prices
from stockrnn.settings import Settings
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store


@pytest.fixture
def yahoo(monkeypatch, tmp_path):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)
    with present_yahoo(monkeypatch, "AAPL", "META") as present:
        yield present


def rows(statement):
    with reading(open_store(Settings())) as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


@pytest.mark.exhaustive
def test_a_night_downloads_and_forecasts_from_the_last_settled_session(yahoo):
    night = run_nightly(tickers=["META", "AAPL"])
    assert night.summary == "2 of 2 tickers done"
    cutoffs = rows("select ticker, cutoff, kind from forecasts order by 1")
    assert cutoffs == [("AAPL", str(yahoo.last), yahoo.kind), ("META", str(yahoo.last), yahoo.kind)]
    tables = "prices", "price_revisions", "price_issues", "models", "forecasts", "backtests", "instruments"
    before = [rows(f"select * from {table}") for table in tables]
    again = run_nightly(tickers=["META", "AAPL"])
    assert not again.failed
    assert [rows(f"select * from {table}") for table in tables] == before


@pytest.mark.exhaustive
def test_a_night_in_which_yahoo_is_down_is_a_failed_night_and_the_next_one_catches_up(yahoo):
    yahoo.server.fail("503")
    night = run_nightly(tickers=["META", "AAPL"])
    assert len(night.failed) == 2
    ((state, error),) = rows("select state, error from runs")
    assert state == "failed"
    assert error.startswith(
        "0 of 2 tickers done; failed: META, AAPL: Yahoo can't be reached or gives no usable answer"
    )
    assert error.count("Yahoo can't be reached") == 1
    assert rows("select * from prices") == rows("select * from forecasts") == []
    yahoo.server.heal()
    assert run_nightly(tickers=["META", "AAPL"]).summary == "2 of 2 tickers done"
    assert len(rows("select * from forecasts")) == 2


@pytest.mark.exhaustive
def test_a_ticker_whose_last_bar_is_late_gets_no_forecast_that_comes_too_late(yahoo):
    yahoo.server.hide("META", yahoo.last, until=yahoo.hidden_until)
    night = run_nightly(tickers=["META", "AAPL"])
    assert night.failed == ("META",)
    assert "META: the last stored session is" in night.summary
    assert "1 later ones have settled" in night.summary
    assert rows("select ticker from forecasts") == [("AAPL",)]
    assert rows("select ticker, session, kind from price_issues") == [("META", str(yahoo.last), "missing_session")]


@pytest.mark.exhaustive
def test_a_wrong_symbol_is_named_and_does_not_stop_the_others(yahoo):
    night = run_nightly(tickers=["ZZZZ", "META"])
    assert night.summary.startswith("1 of 2 tickers done; failed: ZZZZ: Yahoo has no prices of it")
    assert rows("select ticker from forecasts") == [("META",)]


@pytest.mark.exhaustive
def test_the_tickers_of_the_settings_that_became_inactive_are_left_out(yahoo, monkeypatch):
    monkeypatch.setenv("STOCKRNN_TICKERS", "META AAPL")
    run_nightly()
    with open_store(Settings()).begin() as connection:
        connection.exec_driver_sql("update instruments set active = false where ticker = 'AAPL'")
    assert [outcome.ticker for outcome in run_nightly().outcomes] == ["META"]


@pytest.mark.exhaustive
def test_a_night_says_once_what_it_learned_of_an_exchanges_sessions(yahoo, caplog):
    for ticker in ("AAPL", "META"):
        yahoo.server.hide(ticker, yahoo.last, until=yahoo.hidden_until)
    night = run_nightly(tickers=["META", "AAPL"])
    words = (
        f"no bar of {yahoo.last} for any of the 2 tickers of XNYS (AAPL, META): taken as a closure until one comes"
    )
    assert words in night.notes
    assert caplog.text.count(words) == 1
    assert not night.failed


def test_an_update_flow_asks_for_a_session_that_was_believed_and_who_fails_there_stays_alone(yahoo, caplog):
    saturday = show_saturday(yahoo, "AAPL", "META")
    yahoo.server.fail("404", tickers=["AAPL"], skip=1)  # its second request, the first of the second round
    state = update_prices(tickers=["META", "AAPL"], return_state=True)
    assert state.is_completed()
    assert state.message.startswith("1 of 2 tickers done; failed: AAPL: ")
    assert rows(f"select ticker from prices where session = '{saturday}'") == [("META",)]
    assert caplog.text.count("2 of its tickers were traded: taken as a session") == 1


@pytest.mark.exhaustive
def test_a_night_asks_for_a_session_that_was_believed_and_who_fails_there_stays_alone(yahoo):
    saturday = show_saturday(yahoo, "AAPL", "META")
    yahoo.server.fail("404", tickers=["AAPL"], skip=1)  # its second request, the first of the second round
    night = run_nightly(tickers=["META", "AAPL"])
    assert night.failed == ("AAPL",)
    assert rows("select ticker from forecasts") == [("META",)]
    assert [note for note in night.notes if f"no session on Saturday {saturday}" in note]
