"""Tiingo, through our real client, from a loopback server of the same market as Yahoo's: the same bars."""

import logging
from datetime import date

import numpy as np
import pandas as pd
import pytest
from loopback import make_session_class
from nights import LISTED, NEW_YORK, list_simulated, night
from pydantic import SecretStr
from tiingo_server import FAILURES, TOKEN, FakeTiingo

from stockrnn.errors import MissingTokenError, NoPriceDataError, PriceSourceError, RateLimitedError
from stockrnn.market.calendars import load_calendar
from stockrnn.settings import Settings
from stockrnn.sources.registry import get_source
from stockrnn.sources.tiingo import client as tiingo_client
from stockrnn.sources.tiingo.client import TiingoClient, find_symbol
from stockrnn.types import Span

YEAR = Span(LISTED, date(2024, 12, 31))
EVENING = night("2024-12-31")


@pytest.fixture
def ask(tiingo, tiingo_client):
    return lambda ticker="META", span=YEAR, calendar=NEW_YORK: tiingo_client.fetch(ticker, span, calendar)


@pytest.fixture
def listed(yahoo):
    list_simulated(yahoo)
    yahoo.now = EVENING
    return yahoo


def test_one_request_brings_what_yahoo_tells_of_the_same_market(listed, ask, tiingo, client):
    listed.dividend("META", ex_date=date(2024, 3, 1), amount=0.5)
    listed.split("META", ex_date=date(2024, 6, 3), ratio=4)
    listed.dividend("META", ex_date=date(2024, 9, 3), amount=0.2)
    listed.split("META", ex_date=date(2024, 11, 1), ratio=0.5)
    found, expected = ask(), client.fetch("META", YEAR, NEW_YORK)
    pd.testing.assert_frame_equal(found.rows, expected.rows, rtol=1e-9)
    assert [(one.ex_date, one.kind) for one in found.actions] == [(one.ex_date, one.kind) for one in expected.actions]
    assert [one.value for one in found.actions] == pytest.approx([one.value for one in expected.actions])
    assert (found.currency, found.timezone, found.issues) == (expected.currency, expected.timezone, ())
    assert len(tiingo.requests) == 1
    assert tiingo.requests[0].host == "api.tiingo.com"


def test_a_split_after_the_span_restates_the_prices_in_it(listed, ask):
    before = ask(span=Span(LISTED, date(2024, 3, 28))).rows
    listed.split("META", ex_date=date(2024, 6, 3), ratio=4)
    after = ask(span=Span(LISTED, date(2024, 3, 28)))
    np.testing.assert_allclose(after.rows["close"], before["close"] / 4)
    np.testing.assert_allclose(after.rows["volume"], before["volume"] * 4)
    assert after.actions == ()
    assert after.rows["session"].iloc[-1] == pd.Timestamp("2024-03-28")


@pytest.mark.parametrize(
    ("how", "error", "words", "requests"),
    [
        ("404", NoPriceDataError, "META: Tiingo has no prices of it ('Not found.')", 1),
        ("empty", NoPriceDataError, "META: Tiingo has no prices of it (none from 2024-01-02 to 2024-12-31)", 1),
        ("429", RateLimitedError, "Tiingo can't be reached or gives no usable answer: it refuses further", 1),
        ("used up", RateLimitedError, "Tiingo can't be reached or gives no usable answer: it refuses further", 1),
        ("401", PriceSourceError, "refuses the token of TIINGO_API_KEY (HTTP status 401: 'Invalid token.')", 1),
        ("403", PriceSourceError, "refuses the token of TIINGO_API_KEY (HTTP status 403", 1),
        ("400", PriceSourceError, "it refuses the request: HTTP status 400, 'Error: startDate is no date'", 1),
        ("token", PriceSourceError, "it refuses the request: HTTP status 400, 'the token ... is not welcome'", 1),
        ("500", PriceSourceError, "it answers with HTTP status 500", 3),
        ("503", PriceSourceError, "it answers with HTTP status 503", 3),
        ("garbled", PriceSourceError, 'no list of prices: \'[{"date": "2024-01-02T00:00\'', 3),
        ("html", PriceSourceError, "no list of prices: '<html><body>Welcome", 3),
        ("object", PriceSourceError, 'no list of prices: \'{"date"', 3),
        ("no field", PriceSourceError, "a row of prices is not as documented (KeyError: 'open')", 3),
        ("text", PriceSourceError, "a row of prices is not as documented (", 3),
        ("cut", PriceSourceError, "", 3),
        ("reset", PriceSourceError, "", 3),
    ],
)
def test_each_failure_is_said_in_words_and_only_an_outage_is_tried_again(
    listed, ask, tiingo, caplog, how, error, words, requests
):
    tiingo.fail(how)
    with caplog.at_level(logging.DEBUG), pytest.raises(error) as caught:
        ask()
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert str(caught.value).startswith(("Tiingo ", "META: Tiingo "))
    # curl itself asks once more where a connection that was kept is reset
    assert requests <= len(tiingo.requests) <= requests + (how == "reset")
    assert TOKEN not in caplog.text + str(caught.value) + repr(caught.value)


def test_every_failure_of_the_server_is_among_those():
    named = {mark.args[1][place][0] for mark in _failures() for place in range(len(mark.args[1]))}
    assert set(FAILURES) <= named


def _failures():
    return test_each_failure_is_said_in_words_and_only_an_outage_is_tried_again.pytestmark


def test_the_token_stands_in_the_header_alone(listed, ask, tiingo):
    ask()
    (request,) = tiingo.requests
    assert request.headers["Authorization"] == f"Token {TOKEN}"
    assert TOKEN not in request.path + str(request.params)


@pytest.mark.parametrize("text", [None, "", "  ", "two words", "line\nbreak", "\N{EURO SIGN}uro"])
def test_without_a_token_the_source_names_the_variable(text, monkeypatch):
    monkeypatch.delenv("TIINGO_API_KEY", raising=False)
    if text is not None:
        monkeypatch.setenv("TIINGO_API_KEY", text)
    with pytest.raises(MissingTokenError, match=r"^Tiingo needs a token: set TIINGO_API_KEY"):
        get_source("tiingo").open(Settings())


def test_a_refused_token_stops_the_source_for_the_run(listed, ask, tiingo):
    tiingo.fail("401")
    with pytest.raises(PriceSourceError) as caught:
        ask()
    assert caught.value.affects_all


@pytest.mark.parametrize(
    ("ticker", "calendar", "symbol"),
    [
        ("META", "XNYS", "META"),
        ("BRK-B", "XNYS", "BRK-B"),
        ("BAC-PL", "XNYS", "BAC-P-L"),
        ("VFINX", "XNAS", "VFINX"),
        ("^GSPC", "XNYS", None),
        ("7203.T", "XTKS", None),
        ("SHOP.TO", "XTSE", None),
        ("BTC-USD", "24/7", None),
        ("EURUSD=X", "24/5", None),
        ("GC=F", "CMES", None),
        ("GC=F", "us_futures", None),
    ],
)
def test_only_what_tiingo_can_have_is_asked_for(ask, tiingo, ticker, calendar, symbol):
    exchange = load_calendar(calendar, through_year=2026)
    assert find_symbol(ticker, exchange) == symbol
    if symbol is None:
        with pytest.raises(NoPriceDataError, match="shares and funds of the United States alone"):
            ask(ticker, calendar=exchange)
        assert tiingo.requests == []


def test_a_redirect_is_not_followed_and_no_other_host_sees_the_token(listed, monkeypatch):
    seen = []

    class Elsewhere(tiingo_client.SourceSession):
        def request(self, method, url, *args, **kwargs):
            seen.append((url, kwargs["allow_redirects"]))
            return super().request(method, url, *args, **kwargs)

    with FakeTiingo(listed) as tiingo:
        session = make_session_class(tiingo.port, Elsewhere, domain="tiingo.com")
        monkeypatch.setattr(tiingo_client, "SourceSession", session)
        TiingoClient(token=SecretStr(TOKEN), requests_per_second=1e6).fetch("META", YEAR, NEW_YORK)
    assert seen == [("https://api.tiingo.com/tiingo/daily/META/prices", False)]
