"""Price files that are not in the layout of Yahoo's export, and those of other bars than daily ones."""

from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest

from stockrnn.errors import PriceFileError
from stockrnn.market.calendars import load_calendar
from stockrnn.sources.bar_spacing import require_daily
from stockrnn.sources.csv_file import read_price_file
from stockrnn.types import BAR_COLUMNS

CASES = Path(__file__).parents[3] / "shared" / "cases"
DAYS = ("2022-12-20", "2022-12-21", "2022-12-22")
BAR = {"open": 131.0, "high": 136.0, "low": 129.0, "close": 135.5, "volume": 77432800.0}


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "prices.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def check(rows, *, sessions=DAYS):
    assert rows["session"].dt.strftime("%Y-%m-%d").tolist() == list(sessions)
    assert rows.columns.tolist() == ["session", *BAR_COLUMNS]
    for name, value in BAR.items():
        assert rows[name].tolist() == [value] * len(sessions), name
    assert rows["adj_close"].isna().all()


MULTI_LEVEL = ("Price,Close,High,Low,Open,Volume", "Ticker,AAPL,AAPL,AAPL,AAPL,AAPL", "Date,,,,,")


def test_yfinances_header_of_three_lines_is_read(write):
    check(read_price_file(write(*MULTI_LEVEL, *(f"{day},135.5,136,129,131,77432800" for day in DAYS))))


def test_of_several_tickers_in_that_header_the_one_asked_for_is_taken(write):
    lines = (
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume",
        "Ticker" + ",AAPL,META" * 5,
        "Date" + ",,,,,,,,,,",
        *(f"{day},135.5,1,136,1,129,1,131,1,77432800,1" for day in DAYS),
    )
    check(read_price_file(write(*lines), ticker="AAPL"))
    with pytest.raises(PriceFileError, match=r"holds 2 tickers, AAPL, META; none is MSFT; name one of them"):
        read_price_file(write(*lines), ticker="MSFT")


def test_a_damaged_row_below_that_header_is_named_by_its_line(write):
    with pytest.raises(PriceFileError, match=r"line 5.*Close is 'x'"):
        read_price_file(write(*MULTI_LEVEL, "2022-12-20,1,1,1,1,1", "2022-12-21,x,1,1,1,1"))


STOOQ = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"


def stooq(name, *, per="D"):
    return [f"{name},{per},{day.replace('-', '')},000000,131,136,129,135.5,77432800,0" for day in DAYS]


def test_stooqs_bulk_layout_is_read(write):
    check(read_price_file(write(STOOQ, *stooq("AAPL.US"))))
    check(read_price_file(write(STOOQ, *stooq("AAPL.US"), *stooq("META.US")), ticker="AAPL"))


@pytest.mark.parametrize(("per", "kind"), [("60", "hourly bars"), ("5", "bars of 5 minutes"), ("W", "bars of 'W'")])
def test_other_bars_than_daily_ones_of_that_layout_are_refused(write, per, kind):
    with pytest.raises(PriceFileError, match=f"line 2.*looks like {kind}"):
        read_price_file(write(STOOQ, *stooq("AAPL.US", per=per)))


@pytest.mark.parametrize("title", ["Name", "Symbol", "Ticker"])
def test_of_a_file_of_several_tickers_the_rows_of_the_one_asked_for_are_taken(write, title):
    header = f"Date,Open,High,Low,Close,Volume,{title}"
    rows = [f"{day},131,136,129,135.5,77432800,{name}" for name in ("AAPL", "meta", "MSFT") for day in DAYS]
    path = write(header, *rows)
    check(read_price_file(path, ticker="META"))
    for ticker in ("FB", None):
        with pytest.raises(PriceFileError, match="holds 3 tickers, AAPL, meta, MSFT"):
            read_price_file(path, ticker=ticker)
    check(read_price_file(write(header, *rows[:3]), ticker="OTHER"))  # renamed, as FB is


def test_hourly_bars_are_called_so(write):
    header = "Date,Open,High,Low,Close,Volume"
    hours = [f"2025-07-14 {hour:02}:30:00-04:00,{hour},20,1,{hour},1" for hour in range(9, 16)]
    with pytest.raises(PriceFileError, match=r"line 3.*looks like hourly bars; export daily bars"):
        read_price_file(write(header, *hours))


def days_apart(days, count=200):
    return pd.Series(pd.date_range("2015-01-06", periods=count, freq=f"{days}D"))


def expected(days):
    calendar = load_calendar("XNYS", through_year=2026)
    return len(calendar.sessions(days.iloc[0].date(), days.iloc[-1].date()))


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (days_apart(7), "looks like weekly bars: 4 in 5 sessions missing"),
        (pd.Series(pd.date_range("2015-01-31", periods=60, freq="ME")), "looks like monthly bars: 20 in 21"),
        (pd.Series(pd.date_range("2015-01-31", periods=20, freq="QE")), "looks like quarterly bars"),
    ],
)
def test_bars_of_weeks_months_and_quarters_are_refused_for_a_forecast_would_look_ahead(days, words):
    with pytest.raises(PriceFileError, match=words):
        require_daily(Path("x.csv"), days, expected=expected(days))


@pytest.mark.parametrize(
    "days",
    [
        days_apart(1),
        days_apart(3),
        days_apart(7, count=9),
        pd.Series([day for number, day in enumerate(days_apart(1, count=900)) if hash((number, 7)) % 3 == 0]),
        pd.Series(load_calendar("XNYS", through_year=2026).sessions(date(2020, 1, 1), date(2020, 12, 31))),
    ],
    ids=["around the clock", "every third day", "a few weeks", "now and then", "daily"],
)
def test_daily_bars_with_gaps_are_taken(days):
    require_daily(Path("x.csv"), days, expected=max(expected(days), len(days)))


def test_no_day_is_lost_in_the_weeks_of_holidays():
    weeks = pd.Series([date(2015, 1, 6) + timedelta(days=7 * week + (week % 9 == 0)) for week in range(100)])
    with pytest.raises(PriceFileError, match="weekly"):
        require_daily(Path("x.csv"), pd.to_datetime(weeks), expected=480)


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")
def test_the_cases_are_read_or_called_what_they_are():
    for name in ("multi-level-header.csv", "stooq-bulk.txt", "auto-adjusted.csv", "halted.csv", "tiny-prices.csv"):
        rows = read_price_file(CASES / name, ticker="AAPL")
        days = rows["session"]
        require_daily(CASES / name, days, expected=expected(days))
        assert len(rows) > 600, name
    with pytest.raises(PriceFileError, match="looks like hourly bars"):
        read_price_file(CASES / "hourly-bars.csv")
    weekly = read_price_file(CASES / "weekly-bars.csv")["session"]
    with pytest.raises(PriceFileError, match="looks like weekly bars: 4 in 5 sessions missing"):
        require_daily(CASES / "weekly-bars.csv", weekly, expected=expected(weekly))
