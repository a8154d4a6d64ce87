import gzip
import os
from datetime import date
from time import process_time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.errors import PriceFileError
from stockrnn.sources.csv_file import read_price_file
from stockrnn.types import BAR_COLUMNS

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"
FIRST = "2020-01-02,206.75,209.789993,206.270004,209.779999,209.5,12077100"
SECOND = "2020-01-03,207.210007,210.399994,206.949997,208.669998,208.5,11188400"
VALUES = [
    [206.75, 209.789993, 206.270004, 209.779999, 209.5, 12077100.0],
    [207.210007, 210.399994, 206.949997, 208.669998, 208.5, 11188400.0],
]


@pytest.fixture
def write(tmp_path):
    def write_file(*lines, end="\n"):
        path = tmp_path / "META.csv"
        path.write_bytes("".join(line + end for line in lines).encode())
        return path

    return write_file


@pytest.fixture
def write_bytes(tmp_path):
    def write_file(content):
        path = tmp_path / "META.csv"
        path.write_bytes(content)
        return path

    return write_file


def expect(values=VALUES, sessions=("2020-01-02", "2020-01-03")):
    days = pd.DatetimeIndex(sessions).as_unit("s")
    frame = pd.DataFrame(values, columns=list(BAR_COLUMNS))
    frame.insert(0, "session", days)
    return frame


def refusal(path):
    with pytest.raises(PriceFileError) as caught:
        read_price_file(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.path == path
    return caught.value


def test_yahoos_export_is_read_exactly(write):
    pd.testing.assert_frame_equal(read_price_file(write(HEADER, FIRST, SECOND)), expect(), check_exact=True)


def test_rows_come_out_by_session_whatever_their_order(write):
    pd.testing.assert_frame_equal(read_price_file(write(HEADER, SECOND, FIRST)), expect())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_read(write, end):
    pd.testing.assert_frame_equal(read_price_file(write(HEADER, FIRST, SECOND, end=end)), expect())


def test_a_byte_order_mark_is_ignored(write_bytes):
    path = write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\n{FIRST}\n{SECOND}".encode())
    pd.testing.assert_frame_equal(read_price_file(path), expect())


def test_blank_lines_are_ignored(write):
    pd.testing.assert_frame_equal(read_price_file(write("", HEADER, "", FIRST, SECOND, "", " ")), expect())


def test_quoted_fields_and_blanks_after_commas_are_read(write):
    quoted = ",".join(f'"{field}"' for field in FIRST.split(","))
    path = write('"Date", "Open","High","Low","Close","Adj Close","Volume"', quoted, SECOND.replace(",", ", "))
    pd.testing.assert_frame_equal(read_price_file(path), expect())


@pytest.mark.parametrize("name", ["Adj Close", "adj_close", "AdjClose", "Adj. Close", "ADJ CLOSE", "Adj Close**"])
def test_adj_close_has_many_spellings(write, name):
    path = write(f"DATE,open,High,LOW,close*,{name},volume", FIRST, SECOND)
    pd.testing.assert_frame_equal(read_price_file(path), expect())


def test_columns_come_in_any_order_and_others_are_ignored(write):
    path = write(
        "Name,Volume,Close,Date,Adj Close,Low,High,Open,Dividends,Name",
        '"Meta, Inc.",12077100,209.779999,2020-01-02,209.5,206.270004,209.789993,206.75,text,inf',
        '"Meta, Inc.",11188400,208.669998,2020-01-03,208.5,206.949997,210.399994,207.210007,,',
    )
    pd.testing.assert_frame_equal(read_price_file(path), expect())


def test_without_adj_close_it_is_missing(write):
    path = write("Date,Open,High,Low,Close,Volume", "2020-01-02,206.75,209.789993,206.270004,209.779999,12077100")
    values = [[206.75, 209.789993, 206.270004, 209.779999, np.nan, 12077100.0]]
    pd.testing.assert_frame_equal(read_price_file(path), expect(values, ["2020-01-02"]))


@pytest.mark.parametrize("missing", ["", "null", "NaN", "nan", "NULL", " "])
def test_empty_null_and_nan_are_missing_values(write, missing):
    path = write(HEADER, f"2020-01-02,{','.join([missing] * 6)}", SECOND)
    pd.testing.assert_frame_equal(read_price_file(path), expect([[np.nan] * 6, VALUES[1]]))


def test_a_column_without_any_value_is_missing_throughout(write):
    path = write(HEADER, "2020-01-02,1,2,1,2,,")
    pd.testing.assert_frame_equal(
        read_price_file(path), expect([[1.0, 2.0, 1.0, 2.0, np.nan, np.nan]], ["2020-01-02"])
    )


@pytest.mark.parametrize(
    "date_cell",
    [
        "2020-01-02",
        "2020-01-02 00:00:00",
        "2020-01-02 00:00:00-05:00",
        "2020-01-02T00:00:00.000Z",
        "2020-01-02 00:00:00+09:00",
    ],
)
def test_a_time_after_the_date_is_ignored_so_that_the_local_date_stays(write, date_cell):
    rows = read_price_file(write(HEADER, FIRST.replace("2020-01-02", date_cell)))
    assert rows["session"].tolist() == [pd.Timestamp("2020-01-02")]


@pytest.mark.parametrize(
    "cell",
    ["01/02/2020", "2020-02-30", "2020-13-01", "20200102", "2020-1-2", "2020-W01-4", "Jan 2, 2020", "0000-01-01",
     "2020-01-02x", "", "null", "43832", "\uff12020-01-02"],
)  # fmt: skip
def test_a_date_that_is_no_iso_date_refuses_the_file(write, cell):
    error = refusal(write(HEADER, FIRST, f'"{cell}"{SECOND[10:]}'))
    assert error.line == 3
    assert f"line 3: can't read {cell!r} as a date; write dates as 2020-01-31" in str(error)


@pytest.mark.parametrize(
    "cell",
    ["inf", "-Infinity", "1e999", "1e18", "1" + "0" * 30,
     "abc", "$5", "-", "N/A", "True", "0x10", "1_000", "1 000", "1.2.3", "5%", "\uff11",
     "1,234.50", "--5", "#N/A"],
)  # fmt: skip
@pytest.mark.parametrize("column", ["Open", "Volume"])
def test_text_in_a_number_refuses_the_file(write, cell, column):
    place = HEADER.split(",").index(column)
    fields = SECOND.split(",")
    fields[place] = f'"{cell}"'
    error = refusal(write(HEADER, FIRST, ",".join(fields)))
    assert error.line == 3
    assert f"line 3: {column} is {cell!r}, not a usable number" in str(error)


def test_a_column_full_of_text_refuses_the_file(write):
    error = refusal(write(HEADER, "2020-01-02,True,True,True,True,True,True"))
    assert "line 2: Open is 'True', not a usable number" in str(error)


def test_long_text_is_shown_in_part(write):
    error = refusal(write(HEADER, FIRST.replace("206.75", "x" * 500)))
    assert "x" * 37 + "..." in str(error)
    assert len(str(error)) < 300


def test_the_line_number_is_the_files_own_with_blank_lines_and_quoted_line_ends(write):
    path = write("", f"{HEADER},Note", "", f'{FIRST},"two\nlines"', "", f"{SECOND.replace('207.210007', 'x')},-")
    assert refusal(path).line == 7


@pytest.mark.parametrize(
    ("line", "fields"), [(SECOND + ",1", 8), (SECOND + ",", 8), (SECOND[:30], 3), ("2020-01-03", 1), ("a b", 1)]
)
@pytest.mark.parametrize("first", [FIRST, FIRST.replace("206.75", '"206.75"')])
def test_a_row_with_too_many_or_too_few_fields_refuses_the_file(write, line, fields, first):
    error = refusal(write(HEADER, first, line, "2020-01-06,1,2,1,2,2,2"))
    assert f"line 3: the row has {fields} fields, the header 7" in str(error)


def test_a_trailing_comma_on_every_row_is_not_read_as_an_index(write):
    assert "line 2: the row has 8 fields" in str(refusal(write(HEADER, FIRST + ",", SECOND + ",")))


def test_a_quote_that_never_ends_refuses_the_file(write):
    assert "is no CSV" in str(refusal(write(HEADER, FIRST.replace("206.75", '"206.75'), SECOND)))


def test_missing_columns_are_all_named_beside_those_found(write):
    error = refusal(write("Date,Open,Low,Adj Close,Price", "2020-01-02,1,1,1,1"))
    assert "no column High, Close, Volume (found: 'Date', 'Open', 'Low', 'Adj Close', 'Price')" in str(error)
    assert error.line == 1


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_refuses_the_file(write, separator):
    error = refusal(write(HEADER.replace(",", separator), FIRST.replace(",", separator)))
    assert "no column Date, Open, High, Low, Close, Volume" in str(error)


def test_a_file_without_header_is_refused(write):
    assert "found: '2020-01-02', '206.75'" in str(refusal(write(FIRST, SECOND)))


@pytest.mark.parametrize("again", ["close", "Close", "CLOSE*"])
def test_a_column_twice_refuses_the_file(write, again):
    assert "column Close stands there twice" in str(refusal(write(f"{HEADER},{again}", f"{FIRST},1")))


@pytest.mark.parametrize("end", ["", "\n", "\n\n \n"])
def test_a_header_without_rows_is_refused(write, end):
    assert "has a header but no rows" in str(refusal(write(HEADER, end=end)))


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n ", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(write_bytes, content):
    assert "is empty; download it again" in str(refusal(write_bytes(content)))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(HEADER.encode(), mtime=0), "is a gzip archive, not a CSV file"),
        (b"PK\x03\x04xl/workbook.xml", "is a zip archive or an Excel workbook, not a CSV file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is an image, not a CSV file"),
        (b"\xff\xd8\xff\xe0", "is an image, not a CSV file"),
        (b"\n <!DOCTYPE html><html>", "is an HTML or XML page, not a CSV file"),
        (b"\xef\xbb\xbf<html>", "is an HTML or XML page, not a CSV file"),
        (b'{"chart": null}', "is JSON, not a CSV file"),
        (HEADER.encode() + b"\n\0\0", "holds NUL bytes"),
        (HEADER.encode("utf-16"), "holds NUL bytes"),
        (HEADER.encode() + b"\n2020-01-02,\xe9", "line 2: is not UTF-8 text"),
    ],
)
def test_what_is_no_csv_is_refused_by_name(write_bytes, content, what):
    assert what in str(refusal(write_bytes(content)))


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    assert "no such file; check the path" in str(refusal(tmp_path / "none.csv"))
    assert "is a folder; name a regular file" in str(refusal(tmp_path))


def test_a_file_that_may_not_be_read_is_refused(write, monkeypatch):
    path = write(HEADER, FIRST)

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", deny)
    assert "can't be read (Permission denied); check the path and its permissions" in str(refusal(path))


def test_identical_duplicates_count_once(write):
    sparse = "2020-01-06,1,2,1,,,"
    rows = read_price_file(write(HEADER, FIRST, sparse, FIRST, SECOND, sparse, FIRST))
    assert [f"{day:%d}" for day in rows["session"]] == ["02", "03", "06"]
    assert list(rows.index) == [0, 1, 2]


def test_duplicates_with_different_values_refuse_the_file(write):
    error = refusal(write(HEADER, FIRST, "", SECOND, FIRST, SECOND.replace("208.5", "208.6")))
    assert "line 6: 2020-01-03 stands there twice with different values, first on line 4" in str(error)


prices = st.floats(0.01, 1e6, allow_nan=False) | st.just(float("nan"))


@given(
    st.dictionaries(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.tuples(*[prices] * 6), min_size=1),
    st.permutations(["session", *BAR_COLUMNS]),
)
def test_what_pandas_writes_is_read_back(tmp_path_factory, days, columns):
    written = pd.DataFrame(days.values(), columns=list(BAR_COLUMNS))
    written.insert(0, "session", pd.DatetimeIndex(days.keys()).as_unit("s"))
    path = tmp_path_factory.mktemp("csv") / "META.csv"
    written[columns].rename(columns={"session": "Date"}).to_csv(path, index=False)
    expected = written.sort_values("session", ignore_index=True)
    # pandas may read a number of 17 digits to within its last bit only
    pd.testing.assert_frame_equal(read_price_file(path), expected, rtol=1e-15, atol=0)


def test_6500_rows_are_read_in_a_moment(write):
    days = pd.bdate_range("2000-01-03", periods=6500).strftime("%Y-%m-%d")
    path = write(HEADER, *[f"{day}{FIRST[10:]}" for day in days])
    seconds = []
    for _ in range(5):
        started = process_time()
        assert len(read_price_file(path)) == 6500
        seconds.append(process_time() - started)
    assert min(seconds) < 0.05
