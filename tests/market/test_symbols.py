"""Which exchange a Yahoo symbol belongs to."""

from contextlib import suppress

import exchange_calendars as xc
import pytest
from yfinance.const import _MIC_TO_YAHOO_SUFFIX

from stockrnn.errors import InvalidTickerError, UnknownCalendarError
from stockrnn.market import symbols as exchanges
from stockrnn.market.symbols import find_calendar_name, look_up_calendar
from stockrnn.types import parse_ticker


@pytest.mark.parametrize(
    ("ticker", "name"),
    [
        ("META", "XNYS"),
        ("BRK-B", "XNYS"),
        ("BAC-PL", "XNYS"),
        ("^GSPC", "XNYS"),
        ("^N225", "XTKS"),
        ("^FTSE", "XLON"),
        ("^GDAXI", "XETR"),
        ("^TA125.TA", "XTAE"),
        ("SIM-WALK", "XNYS"),
        ("0700.HK", "XHKG"),
        ("7203.T", "XTKS"),
        ("SHEL.L", "XLON"),
        ("SAP.DE", "XETR"),
        ("RY.TO", "XTSE"),
        ("MC.PA", "XPAR"),
        ("VOLV-B.ST", "XSTO"),
        ("RDS.A.AS", "XAMS"),
        ("BTC-USD", "24/7"),
        ("ETH-EUR", "24/7"),
        ("EURUSD=X", "24/5"),
        ("ES=F", "CMES"),
    ],
)
def test_the_form_of_a_symbol_names_its_exchange(ticker, name):
    assert look_up_calendar(ticker) == name


def test_every_calendar_of_the_tables_exists():
    known = set(xc.get_calendar_names(include_aliases=False))
    assert {*exchanges._BY_SUFFIX.values(), *exchanges._BY_INDEX.values()} <= known


def test_the_table_agrees_with_the_exchanges_that_the_client_knows():
    """Where the client names an exchange that has a calendar, it is ours; four Yahoo markets stand for others."""
    known = set(xc.get_calendar_names(include_aliases=True))
    for code, suffix in _MIC_TO_YAHOO_SUFFIX.items():
        if code in known and suffix in exchanges._BY_SUFFIX:
            assert exchanges._BY_SUFFIX[suffix] == xc.resolve_alias(code), suffix


@pytest.mark.parametrize("ticker", ["ABC.ZZ", "^NOSUCH"])
def test_an_unknown_exchange_asks_for_its_calendar(ticker):
    with pytest.raises(UnknownCalendarError, match=r"--calendar .*\[calendars\]") as raised:
        look_up_calendar(ticker)
    assert ticker in str(raised.value)


@pytest.mark.parametrize(
    ("ticker", "stored", "name"),
    [
        ("META", None, "XNYS"),  # by its symbol
        ("META", "XLON", "XLON"),
        ("0700.HK", "XHKG", "XASX"),
        ("0700.HK", None, "XASX"),
        ("ABC.ZZ", "XSTO", "XSTO"),
    ],
)
def test_a_calendar_is_that_of_the_settings_else_the_stored_one_else_that_of_the_symbol(ticker, stored, name):
    assert find_calendar_name(ticker, named={"0700.HK": "XASX"}, stored=stored) == name


def test_a_source_may_look_its_symbols_up_in_its_own_way():
    known = {"named": {"A": "XLON"}, "look_up": lambda ticker: f"X{ticker}"}
    assert find_calendar_name("ABC", stored=None, **known) == "XABC"
    assert find_calendar_name("ABC", stored="XSTO", **known) == "XSTO"
    assert find_calendar_name("A", stored=None, **known) == "XLON"


@pytest.mark.parametrize(("written", "meant"), [("BRK.B", "BRK-B"), ("BF.B", "BF-B"), ("RDS.A", "RDS-A")])
def test_a_class_of_shares_with_a_dot_is_told_how_yahoo_writes_it(written, meant):
    with pytest.raises(UnknownCalendarError, match=f"Yahoo writes {meant}"):
        look_up_calendar(written)


@pytest.mark.parametrize("text", ["brk/b", "BRK B"])
def test_a_class_of_shares_that_is_no_symbol_is_told_how_yahoo_writes_it(text):
    with pytest.raises(InvalidTickerError, match="Yahoo writes BRK-B"):
        parse_ticker(text)


@pytest.mark.parametrize("ticker", ["VOD.L", "AIR.F", "ABC.V", "TEVA.TA", "NOPE.QQ", "^NOSUCH"])
def test_exchanges_of_one_letter_and_unknown_ones_are_not_taken_for_classes_of_shares(ticker):
    found = ""
    with suppress(UnknownCalendarError):
        found = look_up_calendar(ticker)
    assert found or not _mentions_classes(ticker)


def _mentions_classes(ticker):
    with pytest.raises(UnknownCalendarError) as refused:
        look_up_calendar(ticker)
    return "Yahoo writes" in str(refused.value)
