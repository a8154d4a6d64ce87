import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stockrnn.errors import InvalidTickerError, UsageError
from stockrnn.types import (
    Day,
    Moment,
    Month,
    Span,
    limit_as_of,
    month_span,
    parse_as_of,
    parse_currency,
    parse_day,
    parse_holdout,
    parse_month,
    parse_ticker,
)

TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    "ticker",
    ["META", "BRK-B", "^GSPC", "0700.HK", "BTC-USD", "EURUSD=X", "NA", "ON", "TRUE", "F", "VOLV-B.ST", "A" * 32],
)
def test_a_yahoo_symbol_is_a_ticker_in_any_case(ticker):
    assert parse_ticker(ticker) == ticker
    assert parse_ticker(ticker.lower()) == ticker


def test_space_around_a_ticker_is_ignored():
    assert parse_ticker(" brk-b\n") == "BRK-B"


@pytest.mark.parametrize(
    "text",
    [
        "../../x",
        "A;drop table prices",
        "",
        " ",
        "A/../../../v1/x",
        "A" * 33,
        "US0378331005",
        "us0378331005",
        "A..B",
        "A.",
        ".A",
        "-A",
        "^",
        "A^B",
        "A B",
        "A\nB",
        "A\x00",
        "A\\B",
        "A%2e",
        "A?x=1",
        "A#b",
        "A'--",
        "ß",
        "\N{LATIN SMALL LIGATURE FI}",
        "\N{FULLWIDTH LATIN CAPITAL LETTER A}",
    ],
)
def test_anything_else_is_no_ticker(text):
    with pytest.raises(InvalidTickerError) as refused:
        parse_ticker(text)
    assert refused.value.text == text
    assert refused.value.exit_code == 2


def test_the_error_says_what_it_got_and_what_is_expected_and_stays_short():
    with pytest.raises(InvalidTickerError, match=r"'\.\./\.\./x' is not a ticker.*META, BRK-B"):
        parse_ticker("../../x")
    with pytest.raises(InvalidTickerError) as refused:
        parse_ticker("A" * 10_000)
    assert len(str(refused.value)) < 200


@given(st.text() | st.text("ABCabc019.^-=&_/\\;:'\" \n", max_size=40))
def test_no_text_becomes_a_ticker_that_is_unsafe_in_a_path_a_url_or_a_statement(text):
    try:
        ticker = parse_ticker(text)
    except InvalidTickerError:
        return
    assert ticker == text.strip().upper()
    assert 1 <= len(ticker) <= 32
    assert set(ticker) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.^-=&_")
    assert ".." not in ticker
    assert ticker[0] not in ".-=&_"
    assert parse_ticker(ticker) == ticker


def test_a_bare_date_means_the_end_of_that_day_in_utc():
    as_of = parse_as_of("2020-01-31")
    assert as_of == datetime(2020, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert as_of.utcoffset() == timedelta(0)


def test_a_time_with_an_offset_is_turned_into_utc():
    as_of = parse_as_of("2020-01-31T22:00:00-05:00")
    assert as_of == datetime(2020, 2, 1, 3, tzinfo=UTC)
    assert as_of.utcoffset() == timedelta(0)
    assert parse_as_of("2020-01-31T22:00:00Z") == datetime(2020, 1, 31, 22, tzinfo=UTC)


def test_a_time_without_an_offset_is_refused_with_the_way_to_write_it():
    with pytest.raises(UsageError, match=r"no UTC offset: write 2020-01-31T22:00:00\+00:00"):
        parse_as_of("2020-01-31T22:00:00")


@pytest.mark.parametrize("text", ["", "now", "2020-02-30", "31.01.2020", "2020-01-31T25:00+00:00", "20200131x"])
def test_what_is_no_time_is_refused_and_named(text):
    with pytest.raises(UsageError, match=f"can't read '{re.escape(text)}' as a time"):
        parse_as_of(text)


def test_an_as_of_never_lies_after_the_present():
    now = datetime(2024, 1, 5, 15, tzinfo=UTC)
    assert limit_as_of(now - timedelta(days=3), now=now) == now - timedelta(days=3)
    assert limit_as_of(parse_as_of("2024-01-05"), now=now) == now
    # already the 6th in Tokyo, still the 5th in UTC
    assert limit_as_of(datetime(2024, 1, 6, 8, tzinfo=TOKYO), now=now) == now
    with pytest.raises(UsageError, match="2024-01-06 23:59 UTC is in the future"):
        limit_as_of(parse_as_of("2024-01-06"), now=now)
    with pytest.raises(UsageError, match="no UTC offset"):
        limit_as_of(datetime(2024, 1, 1), now=now)  # noqa: DTZ001  # what is refused


def test_a_day_is_read_and_anything_else_refused():
    assert parse_day("2015-01-02") == date(2015, 1, 2)
    for text in ("2015-02-30", "2.1.2015", "", "2015-01-02T00:00"):
        with pytest.raises(UsageError, match=f"can't read '{re.escape(text)}' as a date"):
            parse_day(text)


def test_a_month_is_read_with_all_its_days():
    assert parse_month("2020-01") == Span(date(2020, 1, 1), date(2020, 1, 31))
    assert parse_month("2020-02").last == date(2020, 2, 29)
    assert parse_month("2021-02").last == date(2021, 2, 28)


@pytest.mark.parametrize("text", ["2020-13", "2020-00", "0000-01", "2020-1", "2020", "2020-01-01", "January", ""])
def test_what_is_no_month_is_refused_and_named(text):
    with pytest.raises(UsageError, match=f"can't read '{re.escape(text)}' as a holdout"):
        parse_month(text)


@given(st.dates(date(1900, 1, 1), date(2200, 12, 31)))
def test_a_days_month_contains_it_and_is_written_as_it_is_read(day):
    month = month_span(day)
    assert month.first <= day <= month.last
    assert month.first.day == 1
    assert (month.last + timedelta(days=1)).day == 1
    assert str(month) == f"{day.isoformat()[:7]}"
    assert parse_month(str(month)) == month


def test_a_span_that_is_no_whole_month_is_written_with_both_ends():
    assert str(Span(date(2020, 1, 1), date(2020, 1, 30))) == "2020-01-01 to 2020-01-30"
    assert str(Span(date(2020, 1, 2), date(2020, 1, 31))) == "2020-01-02 to 2020-01-31"
    assert str(Span(date(2020, 1, 1), date(2020, 2, 29))) == "2020-01-01 to 2020-02-29"
    assert str(Span(date(2020, 2, 1), date(2020, 2, 29))) == "2020-02"


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31", "2201-01-01", "9999-12-31"])
def test_a_year_without_calendars_is_refused_whatever_reads_it(text):
    month = text[:7]
    for parse, said in (
        (parse_day, text),
        (parse_as_of, text),
        (parse_month, month),
        (parse_holdout, f"{month}:{month}"),
    ):
        with pytest.raises(UsageError, match="is out of range: expected one from 1900 to 2200"):
            parse(said)
    for kind, said in ((Day, text), (Moment, f"{text}T00:00:00Z"), (Month, month)):
        with pytest.raises(ValidationError, match="is out of range: expected one from 1900 to 2200"):
            TypeAdapter(kind).validate_python(said)


@pytest.mark.parametrize(("first", "last"), [("1900-01-01", "2200-12-31"), ("2024-02-29", "2038-01-20")])
def test_the_years_that_calendars_have_are_read(first, last):
    for text in (first, last):
        assert parse_day(text) == TypeAdapter(Day).validate_python(text) == date.fromisoformat(text)
        assert parse_as_of(text).date() == date.fromisoformat(text)
        assert TypeAdapter(Month).validate_python(text[:7]) == text[:7]


@pytest.mark.parametrize("text", ["usd dollars", "", "$", "US1", "U S", "ÜSD"])
def test_a_currency_is_three_letters(text):
    assert (parse_currency("USD"), parse_currency("GBp")) == ("USD", "GBp")
    with pytest.raises(UsageError, match="is no currency: expected three letters, such as USD"):
        parse_currency(text)
