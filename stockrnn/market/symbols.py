"""Which exchange's calendar a Yahoo symbol follows. Calendars are those of `exchange_calendars`."""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from stockrnn.errors import UnknownCalendarError
from stockrnn.market.calendars import canonical_name

_US = "XNYS"
_AROUND_THE_CLOCK = "24/7"
_WEEKDAYS = "24/5"
_FUTURES = "CMES"
# Yahoo's suffix -> the calendar of that exchange, or of the one in the same country whose holidays it keeps
_BY_SUFFIX = {
    "": _US,
    "AS": "XAMS", "AT": "ASEX", "AX": "XASX", "BA": "XBUE", "BD": "XBUD", "BE": "XFRA", "BK": "XBKK",
    "BM": "XFRA", "BO": "XBOM", "BR": "XBRU", "CL": "XBOG", "CN": "XTSE", "CO": "XCSE", "DE": "XETR",
    "DU": "XDUS", "F": "XFRA", "HA": "XFRA", "HE": "XHEL", "HK": "XHKG", "HM": "XHAM", "IC": "XICE",
    "IL": "XLON", "IR": "XDUB", "IS": "XIST", "JK": "XIDX", "JO": "XJSE", "KL": "XKLS", "KQ": "XKRX",
    "KS": "XKRX", "L": "XLON", "LS": "XLIS", "MC": "XMAD", "MI": "XMIL", "MU": "XFRA", "MX": "XMEX",
    "NE": "XTSE", "NS": "XBOM", "NZ": "XNZE", "OL": "XOSL", "PA": "XPAR", "PR": "XPRA", "PS": "XPHS",
    "RG": "XRIS", "RO": "XBSE", "SA": "BVMF", "SG": "XSTU", "SI": "XSES", "SN": "XSGO", "SR": "XSAU",
    "SS": "XSHG", "ST": "XSTO", "SW": "XSWX", "SZ": "XSHG", "T": "XTKS", "TA": "XTAE", "TL": "XTAL",
    "TO": "XTSE", "TW": "XTAI", "TWO": "XTAI", "V": "XTSE", "VI": "XWBO", "VS": "XLIT", "WA": "XWAR",
}  # fmt: skip
_BY_INDEX = {
    "^AEX": "XAMS", "^AORD": "XASX", "^AXJO": "XASX", "^ATX": "XWBO", "^BFX": "XBRU", "^BSESN": "XBOM",
    "^BVSP": "BVMF", "^CRSLDX": "XBOM", "^DJI": _US, "^DJT": _US, "^DJU": _US, "^FCHI": "XPAR", "^FTMC": "XLON",
    "^FTSE": "XLON", "^FVX": _US, "^GDAXI": "XETR", "^GSPC": _US, "^GSPTSE": "XTSE", "^HSCE": "XHKG",
    "^HSI": "XHKG", "^IBEX": "XMAD", "^IPSA": "XSGO", "^IRX": _US, "^IXIC": _US, "^JKSE": "XIDX", "^JN0U.JO": "XJSE",
    "^KLSE": "XKLS", "^KOSDAQ": "XKRX", "^KQ11": "XKRX", "^KS11": "XKRX", "^KS200": "XKRX", "^MDAXI": "XETR",
    "^MERV": "XBUE", "^MID": _US, "^MXX": "XMEX", "^N225": "XTKS", "^N300": "XTKS", "^NDX": _US, "^NSEI": "XBOM",
    "^NYA": _US, "^NZ50": "XNZE", "^OEX": _US, "^OMX": "XSTO", "^OMXC25": "XCSE", "^OMXH25": "XHEL",
    "^RUA": _US, "^RUI": _US, "^RUT": _US, "^SDAXI": "XETR", "^SOX": _US, "^SP400": _US, "^SP500TR": _US,
    "^SP600": _US, "^SSMI": "XSWX", "^STI": "XSES", "^STOXX": "XEUR", "^STOXX50E": "XEUR", "^TA125.TA": "XTAE",
    "^TECDAX": "XETR", "^TNX": _US, "^TWII": "XTAI", "^TYX": _US, "^VIX": _US, "^VVIX": _US, "^W5000": _US,
    "^XAX": _US,
}  # fmt: skip
# A share class such as BRK-B or a preferred share such as BAC-PL has at most two letters after its hyphen.
_CRYPTO = re.compile(r"[A-Z0-9]+-(?:USD[TC]?|EUR|GBP|JPY|CAD|AUD|CHF|CNY|INR|KRW|BRL|TRY|BTC|ETH)")


LookUp: TypeAlias = Callable[[str], str]
"""Returns the name of a symbol's calendar; `UnknownCalendarError` where the symbol does not tell."""


def look_up_calendar(ticker: str) -> str:
    """Return the name of the calendar that a Yahoo ticker trades on, as its symbol says.

    Raises
    ------
    UnknownCalendarError
        Neither the symbol nor its suffix is in a table; the calendar must be named.

    >>> look_up_calendar("BRK-B"), look_up_calendar("0700.HK"), look_up_calendar("BTC-USD")
    ('XNYS', 'XHKG', '24/7')
    """
    found = _BY_INDEX.get(ticker) or _by_form(ticker)
    if found is None:
        # America's classes of shares have one letter, as some exchanges do: those are known
        parts = re.fullmatch(r"([A-Z]{1,5})\.([A-Z])", ticker)
        written = f"Yahoo writes {parts[1]}-{parts[2]} for a class of shares; else " if parts else ""
        raise UnknownCalendarError(
            f"{ticker}: its exchange is not known; {written}name the exchange's calendar, such as XSTO, "
            f'with --calendar when importing, or in stockrnn.toml as [calendars] "{ticker}" = "XSTO"'
        )
    return found


def find_calendar_name(
    ticker: str, *, named: Mapping[str, str], stored: str | None, look_up: LookUp = look_up_calendar
) -> str:
    """Return the name of a ticker's calendar: the one named in the settings, else the stored one, else by its symbol.

    One that goes by several names, as XNYS by NYSE too, has one here.

    Parameters
    ----------
    named
        The settings' calendars, by ticker.
    stored
        The calendar that the store has for the ticker; None where it has none.

    Raises
    ------
    UnknownCalendarError
    """
    return canonical_name(named.get(ticker) or stored or look_up(ticker))


def _by_form(ticker: str) -> str | None:
    if _CRYPTO.fullmatch(ticker):
        return _AROUND_THE_CLOCK
    if ticker.endswith("=X"):
        return _WEEKDAYS
    if ticker.endswith("=F"):
        return _FUTURES
    # an index that is not in the table could be of any exchange
    return None if ticker.startswith("^") else _BY_SUFFIX.get(ticker.rpartition(".")[2] if "." in ticker else "")
