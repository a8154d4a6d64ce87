"""The tests' own Yahoo, asked by the real client."""

import json
import math
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import yfinance as yf
from curl_cffi.requests import Session
from curl_cffi.requests.exceptions import ConnectionError as CurlConnectionError
from curl_cffi.requests.exceptions import HTTPError, IncompleteRead, Timeout
from loopback import make_session_class
from yahoo_server import CHART, FIELDS, FakeYahoo
from yfinance.data import YfData
from yfinance.exceptions import YFDataException, YFPricesMissingError, YFRateLimitError, YFTzMissingError

from stockrnn.market.calendars import load_calendar
from stockrnn.sources.simulated import simulate_bars

# yfinance's own use of pandas: in utils.parse_quotes and utils.parse_actions
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:pandas.errors.Pandas4Warning")

NEW_YORK = load_calendar("XNYS", through_year=2026)
COLUMNS = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
WEEK = (date(2024, 1, 1), date(2024, 1, 6))
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (date(2024, 1, day) for day in (2, 3, 4, 5))
# The minutes of 2024-01-05: New York trades from 14:30 to 21:00 UTC.
EVENING = datetime(2024, 1, 5, 22, tzinfo=UTC)
NOON = datetime(2024, 1, 5, 17, 45, tzinfo=UTC)
NEXT_DAY = EVENING + timedelta(days=1)


@pytest.fixture(scope="module", autouse=True)
def _client(tmp_path_factory):
    yf.set_tz_cache_location(str(tmp_path_factory.mktemp("yfinance")))
    hidden, yf.config.debug.hide_exceptions = yf.config.debug.hide_exceptions, False
    yield
    yf.config.debug.hide_exceptions = hidden


@pytest.fixture
def yahoo():
    with FakeYahoo(now=EVENING) as yahoo:
        yahoo.list("META", make_week(), calendar=NEW_YORK)
        yield yahoo


@pytest.fixture
def session(yahoo):
    with make_session_class(yahoo.port)(impersonate="chrome") as session:
        yield session


@pytest.fixture
def fetch(session):
    def fetch_bars(ticker="META", first=WEEK[0], end=WEEK[1], *, timeout=5):
        YfData.cache_get.cache_clear()
        client = yf.Ticker(ticker, session=session)
        frame = client.history(
            start=first,
            end=end,
            interval="1d",
            auto_adjust=False,
            actions=True,
            keepna=True,
            repair=False,
            timeout=timeout,
        )
        return frame.set_axis(frame.index.tz_localize(None).rename("session"))

    return fetch_bars


@pytest.fixture
def fetch_chart(session):
    """Ask for a chart without yfinance, which drops the rows that it does not like."""

    def fetch_result(first, end, ticker="META"):
        params = {"period1": int(first), "period2": int(end), "interval": "1d", "events": "div,splits"}
        chart = session.get(f"https://query2.finance.yahoo.com{CHART}{ticker}", params=params).json()["chart"]
        return chart["result"][0]

    return fetch_result


def make_week():
    """Four bars, closes 100, 102, 104, 108."""
    close = np.array([100.0, 102.0, 104.0, 108.0])
    sessions = NEW_YORK.sessions(*WEEK).rename("session")
    bars = {
        "open": close - 1,
        "high": close + 2,
        "low": close - 2,
        "close": close,
        "adj_close": 0.0,
        "volume": 1000.0,
    }
    return pd.DataFrame(bars, index=sessions)


def values(frame):
    """The client's bars under our names, volume as a float."""
    return frame[COLUMNS].set_axis(list(FIELDS), axis="columns").astype(float)


def assert_same(frame, truth):
    pd.testing.assert_frame_equal(values(frame), truth, rtol=1e-9, atol=0, check_freq=False, check_index_type=False)


def closes(frame):
    return frame["Close"].tolist()


def test_the_client_reads_what_is_served(yahoo, fetch):
    sessions = NEW_YORK.sessions(date(2010, 1, 4), date(2024, 1, 31))
    yahoo.list("FB", simulate_bars("FB", sessions), calendar=NEW_YORK)
    yahoo.split("FB", ex_date=date(2012, 3, 1), ratio=1.5)
    yahoo.split("FB", ex_date=date(2022, 8, 1), ratio=0.1)
    for year in range(2011, 2024):
        yahoo.dividend("FB", ex_date=NEW_YORK.next_session(date(year, 6, 15)), amount=0.4)
    frame = fetch("FB", date(2010, 1, 1), WEEK[1])
    truth = yahoo.prices("FB", settled_by=EVENING)
    assert_same(frame, truth)
    assert truth.index.equals(NEW_YORK.sessions(date(2010, 1, 4), FRIDAY))
    assert (truth["adj_close"].iloc[:-200] < truth["close"].iloc[:-200]).all()
    actions = [
        (day.date(), kind, value)
        for column, kind in (("Dividends", "dividend"), ("Stock Splits", "split"))
        for day, value in frame[column][frame[column] != 0].items()
    ]
    assert sorted(actions) == [(day, kind, pytest.approx(value)) for day, kind, value in yahoo.actions("FB")]


def test_a_split_restates_the_past(yahoo, fetch):
    yahoo.split("META", ex_date=THURSDAY, ratio=4)
    yahoo.now = datetime(2024, 1, 4, 14, 29, tzinfo=UTC)
    before = fetch()
    assert closes(before) == [100, 102]
    assert before["Stock Splits"].tolist() == [0, 0]
    yahoo.now = EVENING
    after = fetch()
    assert closes(after) == [25, 25.5, 26, 27]
    assert after["Low"].tolist() == [24.5, 25, 25.5, 26.5]
    assert after["Volume"].tolist() == [4000] * 4
    assert after["Stock Splits"].tolist() == [0, 0, 4, 0]


def test_a_split_may_show_before_the_past_is_restated(yahoo, fetch):
    yahoo.split("META", ex_date=THURSDAY, ratio=4, restated_at=NEXT_DAY)
    half_done = fetch()
    assert closes(half_done) == [100, 102, 26, 27]
    assert half_done["Stock Splits"].tolist() == [0, 0, 4, 0]
    yahoo.now = NEXT_DAY
    assert closes(fetch()) == [25, 25.5, 26, 27]


def test_a_dividend_lowers_the_adjusted_past_in_proportion(yahoo, fetch):
    yahoo.dividend("META", ex_date=WEDNESDAY, amount=2)
    yahoo.dividend("META", ex_date=FRIDAY, amount=0.5)
    yahoo.split("META", ex_date=THURSDAY, ratio=4)
    frame = fetch()
    first, second = 1 - 2 / 100, 1 - 0.5 / 26
    expected = [25 * first * second, 25.5 * second, 26 * second, 27]
    assert frame["Adj Close"].tolist() == pytest.approx(expected, rel=1e-12)
    assert frame["Dividends"].tolist() == [0, 0.5, 0, 0.5]
    assert yahoo.actions("META") == [
        (WEDNESDAY, "dividend", 0.5),
        (THURSDAY, "split", 4.0),
        (FRIDAY, "dividend", 0.5),
    ]


def test_a_dividend_on_the_day_of_a_split_is_paid_per_new_share(yahoo, fetch):
    yahoo.dividend("META", ex_date=THURSDAY, amount=0.5)
    yahoo.split("META", ex_date=THURSDAY, ratio=4)
    factor = 1 - 0.5 / 25.5
    assert fetch()["Adj Close"].tolist() == pytest.approx([25 * factor, 25.5 * factor, 26, 27], rel=1e-12)


def test_an_announced_dividend_shows_but_changes_no_price_before_its_day(yahoo, fetch):
    yahoo.dividend("META", ex_date=FRIDAY, amount=0.5, announced_at=datetime(2024, 1, 3, 22, tzinfo=UTC))
    yahoo.now = datetime(2024, 1, 3, 22, tzinfo=UTC)
    frame = fetch()
    assert frame.index[-1] == pd.Timestamp(FRIDAY)
    assert math.isnan(frame["Close"].iloc[-1])
    assert frame["Adj Close"].tolist()[:2] == [100, 102]
    assert yahoo.actions("META") == [(FRIDAY, "dividend", 0.5)]


def test_dates_stay_right_when_the_clocks_change(yahoo, fetch, fetch_chart):
    sessions = NEW_YORK.sessions(date(2023, 3, 1), date(2023, 11, 30))
    yahoo.list("FB", simulate_bars("FB", sessions), calendar=NEW_YORK)
    assert fetch("FB", date(2023, 3, 1), date(2023, 12, 1)).index.equals(sessions)
    first, end = (datetime(2023, 3, day, tzinfo=UTC).timestamp() for day in (10, 14))
    opens = [datetime.fromtimestamp(time, UTC) for time in fetch_chart(first, end, "FB")["timestamp"]]
    assert opens == [datetime(2023, 3, 10, 14, 30, tzinfo=UTC), datetime(2023, 3, 13, 13, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("ticker", "calendar", "timezone"), [("7203.T", "XTKS", "Asia/Tokyo"), ("BTC-USD", "24/7", "UTC")]
)
def test_dates_are_those_of_the_exchange(yahoo, fetch, ticker, calendar, timezone):
    exchange = load_calendar(calendar, through_year=2025)
    sessions = exchange.sessions(date(2023, 12, 1), date(2024, 1, 31))
    yahoo.list(ticker, simulate_bars(ticker, sessions), calendar=exchange, timezone=timezone, currency="JPY")
    yahoo.now = datetime(2024, 1, 31, 0, 5, tzinfo=UTC)
    frame = fetch(ticker, date(2023, 12, 1), date(2024, 1, 31))
    assert frame.index.equals(exchange.sessions(date(2023, 12, 1), date(2024, 1, 30)))
    assert_same(frame, yahoo.prices(ticker, settled_by=yahoo.now))


def test_the_bar_of_an_open_session_is_partial(yahoo, fetch):
    yahoo.now = NOON  # half of the day is over
    live = values(fetch()).iloc[-1]
    assert live.to_dict() == {
        "open": 107,
        "high": 108.5,
        "low": 106.5,
        "close": 107.5,
        "adj_close": 107.5,
        "volume": 500,
    }
    assert yahoo.prices("META", settled_by=NOON).index[-1] == pd.Timestamp(THURSDAY)


def test_an_open_session_is_served_even_past_the_end(yahoo, fetch_chart):
    end = datetime(2024, 1, 4, tzinfo=UTC).timestamp()
    assert len(fetch_chart(0, end)["timestamp"]) == 2
    yahoo.now = NOON
    assert fetch_chart(0, end)["timestamp"][2:] == [NOON.timestamp()]


def test_a_range_without_rows_has_no_timestamps(fetch, fetch_chart):
    result = fetch_chart(0, 1)
    assert "timestamp" not in result
    assert result["indicators"]["quote"] == [{}]
    with pytest.raises(YFPricesMissingError):
        fetch(first=date(2023, 1, 1), end=date(2023, 2, 1))


def test_a_hidden_row_comes_back(yahoo, fetch):
    yahoo.hide("META", WEDNESDAY, until=NEXT_DAY)
    assert closes(fetch()) == [100, 104, 108]
    assert yahoo.prices("META", settled_by=EVENING)["close"].tolist() == [100, 104, 108]
    assert yahoo.prices("META", settled_by=EVENING, disturbed=False)["close"].tolist() == [100, 102, 104, 108]
    yahoo.now = NEXT_DAY
    assert closes(fetch()) == [100, 102, 104, 108]


def test_a_disturbed_row_is_put_right(yahoo, fetch):
    yahoo.disturb("META", WEDNESDAY, until=NEXT_DAY, close=1.02, volume=None)
    yahoo.disturb("META", THURSDAY, until=NEXT_DAY, open=None, high=None, low=None, close=None)
    disturbed = fetch()
    assert closes(disturbed) == [100, 1.02, pytest.approx(math.nan, nan_ok=True), 108]
    assert disturbed["Adj Close"].iloc[1] == 1.02
    assert disturbed["Volume"].tolist() == [1000, 0, 1000, 1000]
    yahoo.now = NEXT_DAY
    assert closes(fetch()) == [100, 102, 104, 108]


def test_a_row_is_served_twice_for_a_while(yahoo, fetch, fetch_chart):
    yahoo.duplicate("META", WEDNESDAY, until=NEXT_DAY, close=101.0)
    result = fetch_chart(0, EVENING.timestamp())
    assert result["indicators"]["quote"][0]["close"] == [100, 101, 102, 104, 108]
    assert all(earlier < later for earlier, later in pairwise(result["timestamp"]))
    assert closes(fetch()) == [100, 101, 104, 108]  # the client keeps the first
    yahoo.now = NEXT_DAY
    assert closes(fetch()) == [100, 102, 104, 108]


def test_a_row_on_a_holiday_goes_away(yahoo, fetch):
    bars = pd.concat([make_week().iloc[:1].set_axis([pd.Timestamp(2023, 12, 29)]), make_week()])
    yahoo.list("FB", bars, calendar=NEW_YORK)
    yahoo.stray("FB", date(2024, 1, 1), until=NEXT_DAY, close=99.0)
    frame = fetch("FB", date(2023, 12, 29))
    assert frame.index[1] == pd.Timestamp(2024, 1, 1)
    assert values(frame).iloc[1].to_dict() == dict(zip(FIELDS, [99, 102, 98, 99, 99, 0], strict=True))
    yahoo.now = NEXT_DAY
    assert closes(fetch("FB", date(2023, 12, 29))) == [100, 100, 102, 104, 108]


def test_a_correction_stays_and_counts_in_the_adjustment(yahoo, fetch):
    yahoo.dividend("META", ex_date=THURSDAY, amount=1)
    yahoo.correct("META", WEDNESDAY, at=NEXT_DAY, close=80.0)
    assert fetch()["Adj Close"].iloc[0] == pytest.approx(100 * (1 - 1 / 102), rel=1e-12)
    yahoo.now = NEXT_DAY
    frame = fetch()
    assert closes(frame) == [100, 80, 104, 108]
    assert frame["Adj Close"].iloc[0] == pytest.approx(100 * (1 - 1 / 80), rel=1e-12)


def test_noise_differs_between_answers_and_is_small():
    with FakeYahoo(now=EVENING, noise=True) as yahoo, make_session_class(yahoo.port)() as session:
        yahoo.list("META", make_week(), calendar=NEW_YORK)
        params = {"period1": 0, "period2": int(EVENING.timestamp()), "interval": "1d"}
        url = f"https://query2.finance.yahoo.com{CHART}META"
        charts = [session.get(url, params=params).json()["chart"]["result"][0] for _ in range(2)]
        first, second = (chart["indicators"]["quote"][0]["close"] for chart in charts)
        assert first != second
        assert first == pytest.approx([100, 102, 104, 108], rel=2e-6)
        assert yahoo.prices("META", settled_by=EVENING)["close"].tolist() == [100, 102, 104, 108]


FAILURES = {
    "404": YFPricesMissingError,
    "429": YFRateLimitError,
    "500": YFPricesMissingError,
    "503": json.JSONDecodeError,
    "garbled": json.JSONDecodeError,
    "html": json.JSONDecodeError,
    "down": YFDataException,
    "cut": IncompleteRead,
    "hang": Timeout,
    "reset": CurlConnectionError,
    "empty": YFPricesMissingError,
}


@pytest.mark.parametrize("how", FAILURES)
def test_every_failure_reaches_the_client(yahoo, fetch, how):
    fetch()  # the probe of the timezone waits 10 seconds whatever timeout is given
    yahoo.fail(how)
    with pytest.raises(FAILURES[how]):
        fetch(timeout=1)
    yahoo.heal()
    assert closes(fetch()) == [100, 102, 104, 108]


def test_a_failure_meets_its_tickers_and_its_requests_only(yahoo, session):
    yahoo.list("FB", make_week(), calendar=NEW_YORK)
    yahoo.fail("503", tickers=["META"], requests=2, skip=1)
    yahoo.fail("429", tickers={"META"}, requests=1)
    url = f"https://query2.finance.yahoo.com{CHART}"
    params = {"range": "1d", "interval": "1d"}
    statuses = [session.get(url + ticker, params=params).status_code for ticker in ("META", "FB") * 5]
    assert statuses[1::2] == [200] * 5
    assert statuses[::2] == [429, 503, 503, 200, 200]


def test_an_unknown_failure_is_refused(yahoo):
    with pytest.raises(ValueError, match="no failure 'flood'"):
        yahoo.fail("flood")


def test_unknown_tickers_raise(yahoo, fetch):
    # The client asks for the quote of the first two, which is another error, and of no more in a process.
    with pytest.raises((YFTzMissingError, HTTPError)):
        fetch("NOPE")
    fetch()
    yahoo.delist("META", at=NEXT_DAY)
    fetch()
    yahoo.now = NEXT_DAY
    with pytest.raises(YFPricesMissingError, match="No data found"):
        fetch()


def test_a_ticker_is_unknown_before_its_first_session(yahoo, session):
    yahoo.now = datetime(2024, 1, 2, 14, 29, tzinfo=UTC)
    url = f"https://query2.finance.yahoo.com{CHART}META?range=1d&interval=1d"
    assert session.get(url).status_code == 404


def test_requests_are_kept(yahoo, fetch):
    fetch()
    yahoo.requests.clear()
    fetch()
    first, end = (int(datetime(day.year, day.month, day.day, 5, tzinfo=UTC).timestamp()) for day in WEEK)
    assert yahoo.charts == [("META", first, end)]
    assert yahoo.requests[0].host.endswith(".finance.yahoo.com")


def test_symbols_are_decoded(yahoo, fetch):
    yahoo.list("^GSPC", make_week(), calendar=NEW_YORK, instrument="INDEX")
    assert closes(fetch("^GSPC")) == [100, 102, 104, 108]
    assert {symbol for symbol, _, _ in yahoo.charts} == {"^GSPC"}


def test_a_sessions_own_request_runs_before_the_loopback(yahoo):
    class Polite(Session):
        seen = ()

        def request(self, method, url, **kwargs):
            self.seen += (url,)
            return super().request(method, url, **kwargs)

    with make_session_class(yahoo.port, Polite)() as session:
        assert session.get("https://fc.yahoo.com").status_code == 200
        session.post("https://consent.yahoo.com/v2/collectConsent?sessionId=1", data={"agree": "agree"})
        assert session.seen == (
            "https://fc.yahoo.com",
            "https://consent.yahoo.com/v2/collectConsent?sessionId=1",
        )
        assert session.cookies.get("A3", domain=".yahoo.com")
        with pytest.raises(AssertionError, match=r"must not reach https://example\.com"):
            session.get("https://example.com")
    assert [(request.host, request.path) for request in yahoo.requests] == [
        ("fc.yahoo.com", "/"),
        ("consent.yahoo.com", "/v2/collectConsent"),
    ]


def test_a_mistake_in_the_test_itself_is_told():
    with (
        pytest.raises(RuntimeError, match=r"assign yahoo\.now"),
        FakeYahoo() as yahoo,
        make_session_class(yahoo.port)() as session,
        pytest.raises(CurlConnectionError),
    ):
        session.get(f"https://query2.finance.yahoo.com{CHART}META?range=1d&interval=1d")
