"""Price files of other layouts, brought into that of Yahoo's export: line by line, so that line numbers stay.

A line that is left out becomes a blank one, which the reader passes over.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from stockrnn.errors import PriceFileError

STOOQ_START = b"<TICKER>,<PER>"
"""What a file of Stooq's bulk layout begins with, in upper case; it is no HTML."""
_STOOQ_TITLES = {"<VOL>": "Volume", "<OPENINT>": "Open Interest"}
_TICKER_COLUMNS = ("ticker", "symbol", "name")
_MAX_NAMED = 5
_ONE_TICKER = "name one of them with --ticker"
_DAILY = "export daily bars"
_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


def to_yahoos_layout(path: Path, text: str, *, ticker: str | None) -> str:
    """Return a file's text as one ticker's, with one header line.

    Read are yfinance's header of three lines (`Price,...`, `Ticker,...`, `Date,,`), Stooq's bulk layout
    (`<TICKER>,<PER>,<DATE>,...`), and files with a column `Ticker`, `Symbol` or `Name`, of which the rows of `ticker`
    are taken where there are several.

    Raises
    ------
    PriceFileError
        The file holds several tickers and none is `ticker`, or bars that are not daily.
    """
    lines = text.split("\n")
    if lines[0].upper().encode(errors="replace").startswith(STOOQ_START):
        lines = _read_stooq(path, lines)
    elif len(lines) > 1 and _cells(lines[0])[0] == "Price" and _cells(lines[1])[0] == "Ticker":
        return "\n".join(_read_levels(path, lines, ticker))
    header = [cell.strip().lower() for cell in _cells(lines[0])]
    found = [header.index(name) for name in _TICKER_COLUMNS if name in header]
    return "\n".join(_keep_ticker(path, lines, found[0], ticker) if found else lines)


def _cells(line: str) -> list[str]:
    """Return the fields of a line; a field that goes on in the next line ends with this one."""
    if '"' not in line:
        return line.split(",")
    return next(csv.reader([line]), [""])


def _read_stooq(path: Path, lines: Sequence[str]) -> list[str]:
    titles = [title.strip() for title in lines[0].upper().split(",")]
    if "<DATE>" not in titles:
        raise PriceFileError(path, "has no column <DATE>", "expected Stooq's bulk layout", line=1)
    header = ",".join(_STOOQ_TITLES.get(title, title.strip("<>").title()) for title in titles)
    at, per = titles.index("<DATE>"), titles.index("<PER>")
    return [header, *(_read_stooq_line(path, line, number, at, per) for number, line in enumerate(lines[1:], 2))]


def _read_stooq_line(path: Path, line: str, number: int, at: int, per: int) -> str:
    cells = line.split(",")
    if len(cells) <= max(at, per):  # blank, or ragged: the reader says so
        return line
    if cells[per].strip().upper() != "D":
        kind = describe_minutes(int(cells[per])) if cells[per].strip().isdecimal() else f"bars of {cells[per][:10]!r}"
        raise PriceFileError(path, f"looks like {kind}", _DAILY, line=number)
    cells[at] = _DAY.sub(r"\1-\2-\3", cells[at].strip()) if _DAY.fullmatch(cells[at].strip()) else cells[at]
    return ",".join(cells)


def describe_minutes(minutes: int) -> str:
    """Return what bars of so many minutes are called.

    >>> describe_minutes(60), describe_minutes(5)
    ('hourly bars', 'bars of 5 minutes')
    """
    return "hourly bars" if minutes == 60 else f"bars of {minutes} minutes"  # noqa: PLR2004  # an hour


def _read_levels(path: Path, lines: Sequence[str], ticker: str | None) -> list[str]:
    """Read yfinance's header: names of columns, their tickers, and the name of the index."""
    columns, tickers = _cells(lines[0])[1:], _cells(lines[1])[1:]
    named = list(dict.fromkeys(tickers))
    chosen = _choose(path, named, ticker)
    if len(columns) != len(tickers):
        raise PriceFileError(path, "its header names other columns than tickers", "export it again", line=2)
    header = [column if one == chosen else f"{one} {column}" for column, one in zip(columns, tickers, strict=True)]
    return [",".join(["Date", *header]), "", "", *lines[3:]]


def _keep_ticker(path: Path, lines: Sequence[str], at: int, ticker: str | None) -> list[str]:
    rows = [_cells(line) for line in lines[1:]]
    names = [cells[at].strip() if len(cells) > at else "" for cells in rows]
    found = [name for name in dict.fromkeys(names) if name]
    if len(found) <= 1:
        return list(lines)
    chosen = _choose(path, found, ticker)
    return [lines[0], *(line if name in {chosen, ""} else "" for line, name in zip(lines[1:], names, strict=True))]


def _choose(path: Path, names: Sequence[str], ticker: str | None) -> str:
    """Return the only name, else the one that is the ticker's."""
    if len(names) == 1:
        return names[0]
    wanted = [name for name in names if ticker is not None and _is_of(name, ticker)]
    if len(wanted) == 1:
        return wanted[0]
    shown = ", ".join(name[:20] for name in names[:_MAX_NAMED])
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    problem = f"holds {len(names)} tickers, {shown}{more}"
    raise PriceFileError(path, f"{problem}; none is {ticker}" if ticker else problem, _ONE_TICKER)


def _is_of(name: str, ticker: str) -> bool:
    return name.upper().removesuffix(".US") == ticker.upper()
