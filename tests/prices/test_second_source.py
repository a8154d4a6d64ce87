"""A second source serves where the first can't: all of a ticker's prices are one vendor's, and the same series."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nights import closes, issues, list_simulated, night, on_both_databases, read_all, read_store, revisions
from sampled import sample
from sqlalchemy import select

from stockrnn.errors import NoPriceDataError, PriceSourceError
from stockrnn.sources.tiingo import SOURCE as TIINGO
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_instrument
from stockrnn.store.migrate import open_store
from stockrnn.store.schema import price_revisions, prices

STORED = 30


@pytest.fixture
def both(batch, tiingo_client):
    """Yahoo first, then Tiingo."""
    batch.fallbacks = [(TIINGO, tiingo_client.fetch)]
    return batch


@pytest.fixture
def started(both, sessions):
    """Thirty sessions of META are stored, from Yahoo."""
    both.update(night(sessions[STORED - 1]), "META")
    both.yahoo.requests.clear()
    return both


def read_vendors(engine, ticker="META"):
    """Return how many of the stored bars each source told."""
    with reading(engine) as connection:
        return Counter(connection.scalars(select(prices.c.source).where(prices.c.ticker == ticker)))


def read_superseded(engine):
    """Return how many superseded bars there are of each source and reason."""
    table = price_revisions
    with reading(engine) as connection:
        return Counter(tuple(row) for row in connection.execute(select(table.c.source, table.c.reason)))


@on_both_databases
@pytest.mark.parametrize("how", sample(["503", "429", "404", "empty", "cut"], first=2))
def test_where_the_first_cant_serve_the_next_does_and_all_prices_are_its_own(started, sessions, tiingo, how):
    before = closes(started.engine)
    started.yahoo.fail(how)
    written = started.update(night(sessions[STORED]), "META")["META"]
    assert (written.inserted, written.revised) == (1, STORED)
    assert read_vendors(started.engine) == {"tiingo": STORED + 1}
    assert read_superseded(started.engine) == {("yahoo", "source"): STORED}
    assert started.pauses == []  # nobody waits where another serves
    assert tiingo.symbols == ["META"]
    known_at = night(sessions[STORED]) - timedelta(hours=1)
    assert closes(started.engine, known_at=known_at).tolist() == before.tolist()


def test_the_next_night_the_first_is_asked_again_and_takes_over(started, sessions, tiingo):
    started.yahoo.fail("503")
    started.update(night(sessions[STORED]), "META")
    started.yahoo.heal()
    tiingo.requests.clear()
    assert started.update(night(sessions[STORED + 1]), "META")["META"].inserted == 1
    assert tiingo.requests == []
    assert read_vendors(started.engine) == {"yahoo": STORED + 2}
    assert read_superseded(started.engine) == {("yahoo", "source"): STORED, ("tiingo", "source"): STORED + 1}
    started.assert_equals_a_full_download("META")
    # and as long as the same one serves, nothing is superseded
    before = revisions(started.engine)
    started.update(night(sessions[STORED + 2]), "META")
    assert revisions(started.engine) == before


@pytest.mark.exhaustive
def test_as_long_as_the_second_serves_it_adds_a_session_a_night(started, sessions, tiingo):
    started.yahoo.fail("503")
    for session in sessions[STORED : STORED + 3]:
        assert started.update(night(session), "META")["META"].inserted == 1
    assert read_vendors(started.engine) == {"tiingo": STORED + 3}
    assert read_superseded(started.engine) == {("yahoo", "source"): STORED}


def test_a_bar_that_the_first_lacks_is_asked_of_the_second(started, sessions):
    started.yahoo.hide("META", sessions[STORED].date(), until=night(sessions[STORED + 1]) - timedelta(hours=1))
    started.update(night(sessions[STORED]), "META")
    assert closes(started.engine).index[-1] == sessions[STORED]
    assert read_vendors(started.engine) == {"tiingo": STORED + 1}
    assert [resolved for *_, resolved in issues(started.engine)] == [True]


def test_a_bar_that_both_lack_changes_no_vendor(started, sessions, tiingo):
    session = sessions[STORED].date()
    started.yahoo.hide("META", session, until=night(sessions[STORED + 1]) - timedelta(hours=1))
    tiingo.hide("META", session)
    written = started.update(night(sessions[STORED]), "META")["META"]
    assert (written.inserted, written.missing) == (0, 1)
    assert read_vendors(started.engine) == {"yahoo": STORED}


def test_a_new_ticker_comes_from_whoever_serves_it(both, sessions):
    both.yahoo.fail("503")
    assert both.update(night(sessions[STORED]), "META")["META"].inserted == STORED + 1
    assert read_vendors(both.engine) == {"tiingo": STORED + 1}
    assert revisions(both.engine) == []


def test_the_batch_waits_only_for_what_no_other_serves(both, sessions, tiingo):
    list_simulated(both.yahoo, "7203.T", calendar="XTKS", timezone="Asia/Tokyo", currency="JPY")
    both.yahoo.fail("429", requests=2)
    done = both.update(night(sessions[STORED]), "META", "7203.T", "META")
    assert done["META"].inserted in {0, STORED + 1}
    assert both.pauses == [60.0, 120.0]
    assert read_vendors(both.engine) == {"tiingo": STORED + 1}
    assert read_vendors(both.engine, "7203.T").keys() == {"yahoo"}
    assert tiingo.symbols == ["META"]


def test_nobody_waits_for_an_account_whose_requests_are_used_up(both, sessions, tiingo):
    for ticker in ("AAPL", "MSFT"):
        list_simulated(both.yahoo, ticker)
    both.yahoo.fail("503")
    tiingo.fail("429")
    done = both.update(night(sessions[STORED]), "META", "AAPL", "MSFT")
    assert {type(error) for error in done.values()} == {PriceSourceError}
    assert both.pauses == []
    assert tiingo.symbols == ["META"]  # the others aren't asked for


@pytest.mark.exhaustive
def test_where_neither_serves_one_error_names_both_and_nothing_changes(started, sessions, tiingo):
    before = read_all(started.engine)
    started.yahoo.fail("503")
    tiingo.fail("401")
    error = started.update(night(sessions[STORED]), "META")["META"]
    assert type(error) is PriceSourceError
    assert "Yahoo can't be reached or gives no usable answer: it answers with HTTP status 503; Tiingo: it" in str(
        error
    )
    assert "refuses the token of TIINGO_API_KEY" in str(error)
    assert read_all(started.engine) == before


@pytest.mark.exhaustive
def test_a_ticker_is_inactive_only_after_nights_on_which_neither_had_data(both, sessions, tiingo):
    list_simulated(both.yahoo, "AAPL")
    both.update(night(sessions[STORED - 1]), "META", "AAPL")
    both.yahoo.fail("404", tickers=["META"])
    tiingo.fail("503", requests=3)
    error = both.update(night(sessions[STORED]), "META", "AAPL")["META"]
    assert type(error) is PriceSourceError  # the second may have had it
    tiingo.fail("404", tickers=["META"])
    for position in range(STORED + 1, STORED + 6):
        error = both.update(night(sessions[position]), "META", "AAPL")["META"]
        assert type(error) is NoPriceDataError
        assert "Yahoo has no prices of it (No data found, symbol may be delisted; Tiingo: 'Not found.')" in str(error)
        with reading(both.engine) as connection:
            stored = read_instrument(connection, "META")
        assert (stored.no_data_nights, stored.active) == (position - STORED, position < STORED + 5)


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"META": 2.0}, "differ by more than 1% on 30 of the last 30 sessions, in the median by a factor of 2;"),
        ({"META": 1.02}, "differ by more than 1% on 30 of the last 30 sessions, in the median by a factor of 1.02;"),
        ({"META": 1.005}, None),
    ],
)
def test_a_series_that_does_not_fit_is_refused_whole(started, sessions, tiingo, factors, words):
    before = read_all(started.engine)
    tiingo.factors = factors
    started.yahoo.fail("503")
    done = started.update(night(sessions[STORED]), "META")["META"]
    if words is None:
        assert read_vendors(started.engine) == {"tiingo": STORED + 1}
        return
    assert type(done) is PriceSourceError
    assert f"its prices of META can't take the place of those stored: their closes {words}" in str(done)
    assert read_all(started.engine) == before


def test_a_series_that_lacks_a_stored_session_is_refused_since_a_window_would_mix_vendors(started, sessions, tiingo):
    tiingo.hide("META", sessions[3].date())
    before = read_all(started.engine)
    started.yahoo.fail("503")
    done = started.update(night(sessions[STORED]), "META")["META"]
    assert f"they lack 1 of 30 stored sessions, the first {sessions[3].date()}; nothing" in str(done)
    assert read_all(started.engine) == before


@pytest.mark.exhaustive
def test_a_refused_series_is_no_outage_of_its_source(both, sessions, tiingo):
    tickers = ["AAPL", "META", "MSFT", "NVDA", "TSLA"]
    for ticker in tickers:
        list_simulated(both.yahoo, ticker)
    both.update(night(sessions[STORED - 1]), *tickers)
    tiingo.factors = dict.fromkeys(tickers[:4], 2.0)
    both.yahoo.fail("404")
    done = both.update(night(sessions[STORED]), *tickers)
    assert [type(done[ticker]) for ticker in tickers[:4]] == [PriceSourceError] * 4
    assert done["TSLA"].inserted == 1


@pytest.mark.exhaustive
def test_the_user_may_take_a_series_that_does_not_fit(started, sessions, tiingo):
    tiingo.factors = {"META": 2.0}
    started.yahoo.fail("503")
    written = started.update(night(sessions[STORED]), "META", full=True)["META"]
    assert (written.inserted, written.revised) == (1, STORED)
    assert read_vendors(started.engine) == {"tiingo": STORED + 1}


@on_both_databases
def test_a_split_on_the_night_of_a_switch_is_a_split(started, sessions):
    before = closes(started.engine)
    started.yahoo.split("META", ex_date=sessions[STORED].date(), ratio=4)
    started.yahoo.fail("503")
    started.update(night(sessions[STORED]), "META")
    assert read_superseded(started.engine) == {("yahoo", "split"): STORED}
    np.testing.assert_allclose(closes(started.engine)[:-1], before / 4)
    assert read_store(started.engine, "META")["actions"] == [(sessions[STORED].date(), "split", 4.0)]


@pytest.mark.exhaustive
def test_a_missing_value_of_the_new_vendor_is_not_that_of_the_old_one(started, sessions, monkeypatch):
    source, fetch = started.fallbacks[0]

    def forget_adjusted(ticker, span, calendar):
        download = fetch(ticker, span, calendar)
        download.rows.loc[:, "adj_close"] = np.nan
        return download

    started.fallbacks = [(source, forget_adjusted)]
    started.yahoo.fail("503")
    started.update(night(sessions[STORED]), "META")
    assert read_store(started.engine, "META")["prices"]["adj_close"].isna().all()


VENDOR_NIGHTS = st.lists(
    st.tuples(
        st.sampled_from(["fine"] * 3 + ["503", "404", "429", "hide"]),
        st.sampled_from(["fine"] * 4 + ["503", "429", "far", "gap"]),
        st.sampled_from(["none"] * 4 + ["dividend", "split"]),
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(nights=VENDOR_NIGHTS)
@on_both_databases
@pytest.mark.exhaustive
def test_whoever_serves_the_bars_are_one_vendors_and_the_past_stays_readable(both, make_settings, tiingo, nights):
    both.engine.dispose()
    both.settings = make_settings()
    both.engine = open_store(both.settings)
    sessions = list_simulated(both.yahoo)
    tiingo.hidden.clear()
    known = {}
    both.update(night(sessions[STORED - 1]), "META")
    for position, (first, second, action) in enumerate(nights, start=STORED):
        arrange(both.yahoo, tiingo, sessions[position], first, second, action)
        both.update(night(sessions[position]), "META")
        assert len(read_vendors(both.engine)) == 1
        known[night(sessions[position])] = closes(both.engine)
    for moment, then in known.items():
        pd.testing.assert_series_equal(closes(both.engine, known_at=moment), then)
    if read_vendors(both.engine).keys() == {"yahoo"} and nights[-1][0] == "fine":
        both.assert_equals_a_full_download("META")
    both.engine.dispose()


def arrange(yahoo, tiingo, session, first, second, action) -> None:
    """Let a night's sources and actions be as asked."""
    yahoo.heal()
    tiingo.heal()
    tiingo.factors = {"META": 3.0 if second == "far" else 1.001}
    if action == "dividend":
        yahoo.dividend("META", ex_date=session.date(), amount=0.5)
    elif action == "split":
        yahoo.split("META", ex_date=session.date(), ratio=2)
    if first == "hide":
        yahoo.hide("META", session.date(), until=night(session) + timedelta(hours=4))
    elif first != "fine":
        yahoo.fail(first)
    if second == "gap":
        tiingo.hide("META", session.date())
    elif second in {"503", "429"}:
        tiingo.fail(second)
