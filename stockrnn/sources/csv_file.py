"""Price files in the layout of Yahoo's CSV export, read whole or refused whole."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from io import StringIO
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from stockrnn.errors import PriceFileError
from stockrnn.files import UnreadableFileError, read_file
from stockrnn.sources.bar_spacing import explain_intraday
from stockrnn.sources.csv_layouts import STOOQ_START, to_yahoos_layout
from stockrnn.types import BAR_COLUMNS, Bars, require_known_year

_TITLES = {
    "session": "Date",
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "adj_close": "Adj Close",
    "volume": "Volume",
}
MAX_BYTES = 20_000_000
"""Ten times the daily bars of a century; reading takes about 15 times as much memory."""
_SPLIT = "daily bars of a century are 2 MB: leave other columns out, or split it into files of some years each"
_LAYOUT = "expected Yahoo's CSV export, Date,Open,High,Low,Close,Adj Close,Volume"
_DOWNLOAD = "download it again"
_MAX_SHOWN = 40
_MAX_LINE = 100_000
# No year 0: numpy reads it, datetime.date has none.
_DATE = re.compile(
    r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)? ?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# Beyond any price or volume, infinity included; whole numbers of 20 digits pandas takes for text.
_TOO_LARGE = 1e18
_MISSING = ["", "null", "Null", "NULL", "nan", "NaN", "NAN"]
_SIGNATURES = {
    b"\x1f\x8b": "a gzip archive",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"%PDF": "a PDF document",
    b"PAR1": "a Parquet file",
    b"<": "an HTML or XML page",
    b"{": "JSON",
}


def read_price_file(path: Path, *, ticker: str | None = None) -> pd.DataFrame:
    """Return the rows of a price file, whatever their prices say; of several tickers those of `ticker`.

    Columns may stand in any order and case, `Adj Close` may be missing, others are ignored. An empty field,
    `null` and `NaN` are missing values. Dates are ISO dates; a time after them is ignored, which leaves the
    exchange-local date of yfinance's own exports. Rows that are the same twice count once.
    Other layouts are those of `csv_layouts`.

    Returns
    -------
    pd.DataFrame
        Columns `session` (datetime64, naive midnight, ascending, unique) and `BAR_COLUMNS` (float64, NaN
        where missing).

    Raises
    ------
    PriceFileError
        The file can't be read, is no such CSV file, or is damaged.
    """
    text = to_yahoos_layout(path, _read_text(path), ticker=ticker)
    records = _records(path, text)
    header_line, header = next(records)
    places = _find_columns(path, header, line=header_line)
    if next(records, None) is None:
        raise PriceFileError(path, "has a header but no rows", _DOWNLOAD)
    try:
        rows = _parse(path, text, places, width=len(header))
    except ValueError as error:
        raise _find_damage(path, text, places, width=len(header)) from error
    return _keep_one_row_a_session(path, text, rows, place=places["session"])


def require_mostly_good(path: Path, bars: Bars) -> None:
    """Refuse a file of bad rows; a few bad rows in a good file are quarantined without this.

    Sessions that have not closed yet say nothing against a file, except where nothing else is in it.

    Raises
    ------
    PriceFileError
        More than one row in ten is quarantined, or no row is good.
    """
    bad = [issue for issue in bars.issues if issue.kind != "session_not_settled"]
    if not bars.frame.empty and len(bad) <= (len(bars.frame) + len(bad)) / 10:
        return
    bad = bad or list(bars.issues)
    first = min(bad, key=lambda issue: issue.session)
    kind, count = Counter(issue.kind for issue in bad).most_common(1)[0]
    raise PriceFileError(
        path,
        f"{len(bad)} of {len(bars.frame) + len(bad)} rows can't be used, most often for {kind} ({count}); "
        f"the first is {first.session}: {first.detail}",
        "check that the file belongs to this ticker and its exchange's calendar, and is not damaged",
    )


def _read_text(path: Path) -> str:
    """Return the file's text with lines ended by a line feed, not blank at its end."""
    content = _read_bytes(path).removeprefix(codecs.BOM_UTF8)
    start = content[:1000].lstrip()
    for signature, what in _SIGNATURES.items():
        if start.startswith(signature) and not start.upper().startswith(STOOQ_START):
            raise PriceFileError(path, f"is {what}, not a CSV file", _LAYOUT)
    if b"\0" in content:
        raise PriceFileError(path, "holds NUL bytes, so it is not a CSV file in UTF-8", _LAYOUT)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PriceFileError(path, "is not UTF-8 text", "save it as CSV in UTF-8", line=line) from None
    if not text.strip():
        raise PriceFileError(path, "is empty", _DOWNLOAD)
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    # each field of a line costs a hundred times its comma
    if max(map(len, text.split("\n"))) > _MAX_LINE:
        raise PriceFileError(path, f"has a line of more than {_MAX_LINE} characters", _LAYOUT)
    return text


def _read_bytes(path: Path) -> bytes:
    try:
        return read_file(path, max_bytes=MAX_BYTES, if_larger=_SPLIT)
    except UnreadableFileError as error:
        raise PriceFileError(path, error.problem, error.remedy) from None


def _records(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it ends on, header included, blank lines not."""
    reader = csv.reader(StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        yield from ((reader.line_num, fields) for fields in reader if fields)
    except csv.Error as error:
        raise PriceFileError(path, f"is no CSV ({error})", _DOWNLOAD, line=reader.line_num) from None


def _find_columns(path: Path, header: Sequence[str], *, line: int) -> dict[str, int]:
    """Return where each column stands; `adj_close` is absent where the file has none."""
    by_name = {_squash(title): column for column, title in _TITLES.items()}
    names = [by_name.get(_squash(name)) for name in header]
    missing = [title for column, title in _TITLES.items() if column not in {*names, "adj_close"}]
    if missing:
        found = ", ".join(_show(name) for name in header[:12])
        raise PriceFileError(path, f"no column {', '.join(missing)} (found: {found})", _LAYOUT, line=line)
    twice = [title for column, title in _TITLES.items() if names.count(column) > 1]
    if twice:
        raise PriceFileError(path, f"column {', '.join(twice)} stands there twice", "remove the wrong one", line=line)
    return {column: names.index(column) for column in _TITLES if column in names}


def _squash(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _show(text: str) -> str:
    return repr(text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "...")


def _parse(path: Path, text: str, places: dict[str, int], *, width: int) -> pd.DataFrame:
    """Return the rows in the file's order; ValueError where any field is damaged."""
    if not _widths(path, text) <= {width}:
        raise ValueError("ragged rows")
    columns = {place: column for column, place in places.items()}
    rows = pd.read_csv(
        StringIO(text),
        header=0,
        names=[columns.get(place, f"ignored {place}") for place in range(width)],
        usecols=list(places),
        dtype={"session": "object"},
        na_values=dict.fromkeys(BAR_COLUMNS, _MISSING),
        keep_default_na=False,
        skipinitialspace=True,
        low_memory=False,
    ).reindex(columns=["session", *BAR_COLUMNS])
    prices = rows[list(BAR_COLUMNS)]
    # inferred, because asked for floats pandas makes 1.0 of True
    if not all(dtype.kind in "iuf" for dtype in prices.dtypes) or (np.abs(prices.to_numpy()) >= _TOO_LARGE).any():
        raise ValueError("text")
    return prices.astype("float64").assign(session=_parse_dates(rows["session"].tolist()))[list(rows)]


def _widths(path: Path, text: str) -> set[int]:
    if '"' in text:
        return {len(fields) for _, fields in _records(path, text)}
    return {line.count(",") + 1 for line in text.split("\n") if line}


def _parse_dates(cells: Sequence[str]) -> np.ndarray:
    if not all(map(_DATE.fullmatch, cells)):
        raise ValueError("dates")
    days = np.array([cell[:10] for cell in cells], dtype="datetime64[D]")
    for extreme in (days.min(), days.max()):
        require_known_year(extreme.item())
    return days.astype("datetime64[s]")


def _find_damage(path: Path, text: str, places: dict[str, int], *, width: int) -> PriceFileError:
    """Return the first thing wrong in a file that could not be parsed."""
    for line, fields in islice(_records(path, text), 1, None):
        damage = _ragged(fields, width) or _bad_date(fields[places["session"]]) or _bad_number(fields, places)
        if damage:
            return PriceFileError(path, *damage, line=line)
    return PriceFileError(path, "can't be read as CSV", _LAYOUT)


def _ragged(fields: Sequence[str], width: int) -> tuple[str, str] | None:
    if len(fields) == width:
        return None
    return f"the row has {len(fields)} fields, the header {width}", f"the file is damaged or cut: {_DOWNLOAD}"


def _bad_date(cell: str) -> tuple[str, str] | None:
    try:
        day = date.fromisoformat(cell[:10]) if _DATE.fullmatch(cell) else None
    except ValueError:
        day = None
    if day is None:
        return f"can't read {_show(cell)} as a date", "write dates as 2020-01-31, other orders are ambiguous"
    try:
        require_known_year(day)
    except ValueError as error:
        return f"{_show(cell)} is no trading day: {error}", "remove the row"
    return None


def _bad_number(fields: Sequence[str], places: dict[str, int]) -> tuple[str, str] | None:
    for column in BAR_COLUMNS:
        cell = fields[places[column]] if column in places else ""
        number = _NUMBER.fullmatch(cell.rstrip())
        if cell not in _MISSING and not (number and abs(float(cell)) < _TOO_LARGE):
            return f"{_TITLES[column]} is {_show(cell)}, not a usable number", "write 1234.5 or leave it empty"
    return None


def _keep_one_row_a_session(path: Path, text: str, rows: pd.DataFrame, *, place: int) -> pd.DataFrame:
    """Return the rows by session; raise where two rows of one session disagree."""
    # comparing whole rows costs more than reading them, and hardly any file needs it
    once = rows if rows["session"].is_unique else rows.drop_duplicates()
    again = once["session"].duplicated()
    if again.any():
        position = int(once.index[again][0])
        session = rows["session"][position]
        earlier = int(rows.index[rows["session"] == session][0])
        lines, cells = zip(
            *((line, fields[place]) for line, fields in islice(_records(path, text), 1, None)), strict=True
        )
        kind = explain_intraday([cell[11:16] for cell in cells if cell[:10] == f"{session.date()}"])
        if kind:
            raise PriceFileError(path, kind, "export daily bars", line=lines[position])
        raise PriceFileError(
            path,
            f"{session.date()} stands there twice with different values, first on line {lines[earlier]}",
            "remove the wrong row",
            line=lines[position],
        )
    return once.sort_values("session", ignore_index=True)
