"""Which exchange a Yahoo symbol belongs to."""

import exchange_calendars as xc
import pytest
from yfinance.const import _MIC_TO_YAHOO_SUFFIX

from stockrnn.errors import UnknownCalendarError
from stockrnn.market import symbols as exchanges
from stockrnn.market.symbols import calendar_name


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
    assert calendar_name(ticker) == name


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
        calendar_name(ticker)
    assert ticker in str(raised.value)


def test_a_calendar_that_the_settings_name_comes_first():
    assert calendar_name("ABC.ZZ", named={"ABC.ZZ": "XSTO"}) == "XSTO"
    assert calendar_name("META", named={"META": "XLON"}) == "XLON"
