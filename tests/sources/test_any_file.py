"""Whatever a price file is or holds: rows that can be used, or one line that says what is wrong."""

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from any_input import any_text, feeding, nasty
from hypothesis import given, settings
from hypothesis import strategies as st

from stockrnn.errors import PriceFileError
from stockrnn.market.bars import check_bars
from stockrnn.market.calendars import load_calendar
from stockrnn.sources import csv_file
from stockrnn.sources.csv_file import read_price_file, require_mostly_good

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"
DAYS = [f"2020-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)]
ROWS = [f"{day},206.75,209.789993,206.270004,209.779999,209.5,12077100" for day in DAYS]
GOOD = "\n".join([HEADER, *ROWS])
CASES = Path(__file__).parents[3] / "shared" / "cases"
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)


def _is_answered(path):
    """Read and check a file as an import does; return what was refused, None where nothing was."""
    try:
        rows = read_price_file(path)
        closes = load_calendar("XNYS", through_year=2026).table["closes"]
        require_mostly_good(path, check_bars(rows, closes=closes, as_of=NOON))
    except PriceFileError as error:
        return str(error)
    assert rows["session"].is_monotonic_increasing
    assert not np.isinf(rows.drop(columns="session").to_numpy()).any()
    return None


@feeding(30, 300)
def test_any_bytes_are_refused_in_one_line(tmp_path, examples):
    path = tmp_path / "META.csv"

    @settings(max_examples=examples)
    @given(st.binary(max_size=300), st.booleans())
    def check(content, after_header):
        path.write_bytes((HEADER.encode() + b"\n" if after_header else b"") + content)
        assert "\n" not in _is_answered(path).removeprefix(str(path))

    check()


@st.composite
def changed_files(draw, texts=(GOOD,)):
    """A good file with some of it cut out, written over, put in twice or put in from elsewhere."""
    content = draw(st.sampled_from(texts)).encode()
    for _ in range(draw(st.integers(1, 3))):
        at, length = draw(st.integers(0, len(content))), draw(st.integers(0, 40))
        put = draw(
            st.binary(max_size=8)
            | any_text.map(lambda text: text.encode(errors="surrogateescape"))
            | nasty.map(lambda text: f"\n{text},1,2,1,2,2,3\n".encode(errors="surrogateescape"))
            | st.just(content[at : at + length] * 2)
        )
        content = content[:at] + put + content[at + length :]
    return content


@feeding(20, 150)
def test_a_good_file_changed_anywhere_is_read_or_refused_in_one_line(tmp_path, examples):
    path = tmp_path / "META.csv"
    known = [file.read_text(encoding="utf-8") for file in sorted(CASES.glob("*.csv"))]

    @settings(max_examples=examples)
    @given(changed_files(texts=(GOOD, *known)))
    def check(content):
        path.write_bytes(content)
        assert "\n" not in (_is_answered(path) or "")

    check()


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "2201-01-01", "9999-12-31"])
def test_a_row_of_a_year_without_calendars_is_named_with_its_line(tmp_path, day):
    path = tmp_path / "META.csv"
    path.write_text(f"{GOOD}\n{day},206.75,209.789993,206.270004,209.779999,209.5,12077100\n")
    says = f"line {len(ROWS) + 2}: '{day}' is no trading day: the year {int(day[:4])} is out of range"
    assert says in _is_answered(path)


@pytest.mark.parametrize("make", ["pipe", "socket", "device", "folder"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    path = Path("META.csv")
    if make == "pipe":
        os.mkfifo(path)
    elif make == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    elif make == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(PriceFileError, match=r"META\.csv: (is a|can't be read)"):
        read_price_file(path)


def test_a_line_of_a_million_fields_is_refused_before_it_is_taken_apart(tmp_path):
    path = tmp_path / "META.csv"
    path.write_text(HEADER + "," * 1_000_000 + f"\n{ROWS[0]}\n")
    with pytest.raises(PriceFileError, match="has a line of more than 100000 characters"):
        read_price_file(path)


def _read_elsewhere(path):
    """Read a file in a process of its own; return what it said and its memory at most, in MB."""
    script = (
        "import re, sys; from pathlib import Path; from stockrnn.sources.csv_file import read_price_file\n"
        "try: print(len(read_price_file(Path(sys.argv[1]))), 'rows')\n"
        "except Exception as error: print(error)\n"
        "print(re.search('VmHWM: *([0-9]+)', Path('/proc/self/status').read_text().replace('\\t', ' '))[1])"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    said, memory = done.stdout.splitlines()
    return said, int(memory) / 1e3


@pytest.mark.exhaustive
@pytest.mark.skipif(sys.platform != "linux", reason="a process' own peak of memory is read from /proc")
def test_the_memory_for_a_price_file_has_a_bound(tmp_path):
    path = tmp_path / "META.csv"
    rows = csv_file.MAX_BYTES // (len(ROWS[0]) + 1) - 1
    path.write_text(f"{HEADER}\n" + "".join(f"{ROWS[number % len(ROWS)]}\n" for number in range(rows)))
    said, memory = _read_elsewhere(path)
    assert said == f"{len(ROWS)} rows"
    assert memory < 600
    with path.open("a") as file:
        file.writelines(f"{ROWS[0]}\n" for _ in range(9 * rows))
    assert path.stat().st_size > 170_000_000
    said, memory = _read_elsewhere(path)
    assert "META.csv: is larger than 20 MB; daily bars of a century are 2 MB: leave other columns out" in said
    assert memory < 200
