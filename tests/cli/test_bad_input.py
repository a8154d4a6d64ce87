"""Bad input: one clear line that says what, where and what to do; exit code 1 or 2; nothing half-written."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sampled import sample

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"
GOOD = "".join(f"2024-04-{day:02},10,12,9,11,11,1000\n" for day in (1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 15, 16))

BAD_FILES = {
    "missing columns": ("Date,Open,Close\n2024-04-01,10,11\n", ["high", "low", "volume"]),
    "unreadable date": (HEADER + GOOD + "04/17/2024,10,12,9,11,11,1000\n", ["line 14", "04/17/2024"]),
    "text in a price": (HEADER + GOOD + "2024-04-17,ten,12,9,11,11,1000\n", ["line 14", "ten"]),
    "duplicate dates": (HEADER + GOOD + "2024-04-16,10,12,9,11.5,11,1000\n", ["2024-04-16"]),
    "high below low": (HEADER + "2024-04-01,10,8,9,11,11,1000\n", ["2024-04-01", "high 8"]),
    "an empty file": ("", ["empty"]),
    "a header alone": (HEADER, ["no row"]),
    "not a CSV": ("\x89PNG\r\n\x1a\n\x00\x00\x00", ["CSV"]),
    "a web page": ("<!DOCTYPE html>\n<html><body>Sorry</body></html>\n", ["CSV"]),
}


def _is_one_line(result):
    return result.err.startswith("error: ") and result.err.count("\n") == 1 and "Traceback" not in result.err


def _stored():
    database = Path("stockrnn-data/stockrnn.db")
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database)) as connection:
        return sum(
            connection.execute(f"select count(*) from {table}").fetchone()[0]
            for table in ("instruments", "prices", "price_issues", "models", "forecasts", "backtests")
        )


@pytest.mark.parametrize(("text", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_gets_one_line_with_what_where_and_what_to_do(cli, tmp_path, text, words):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="latin-1")
    result = cli("prices", "import", path, "--ticker", "META")
    assert result.code == 1
    assert _is_one_line(result)
    assert "bad.csv" in result.err
    assert all(word.lower() in result.err.lower() for word in words)
    assert _stored() == 0


def test_a_file_that_is_not_there_is_named(cli):
    result = cli("prices", "import", "nowhere.csv", "--ticker", "META")
    assert (result.code, _is_one_line(result)) == (1, True)
    assert "nowhere.csv" in result.err


@pytest.mark.parametrize("ticker", ["../../x", "A;drop table prices", "", "US0378331005", "A" * 33])
@pytest.mark.parametrize(
    "words",
    [
        ("prices", "import", "prices.csv"),
        ("forecast",),
        ("retrain",),
        ("report",),
        ("nightly",),
        ("backtest", "--holdout", "2020-01"),
    ],
    ids=lambda words: words[0],
)
def test_a_ticker_that_is_no_symbol_is_refused(cli, price_file, words, ticker):
    result = cli(*words, "--ticker", ticker)
    assert result.code == 2
    assert _is_one_line(result)
    assert "is not a ticker" in result.err
    assert not Path("stockrnn-data").exists()


@pytest.fixture
def stored(cli, price_file):
    assert cli("prices", "import", price_file, "--ticker", "META").code == 0
    return _stored()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    sample(
        [
            (("backtest", "--holdout", "2024-05"), 1, "no stored session; stored are 2015-01-02 to 2020-01-31"),
            (("backtest", "--holdout", "2014-12"), 1, "no stored session"),
            (("backtest", "--holdout", "2015-01"), 1, "no session before the holdout 2015-01"),
            (("backtest", "--holdout", "2015-02"), 1, "20 sessions are stored"),
            (("backtest", "--holdout", "2020-13"), 2, "2020-13"),
            (("backtest", "--holdout", "January"), 2, "a month such as 2020-01"),
            (("backtest", "--holdout", "2020-01", "--train-from", "soon"), 2, "2015-01-02"),
            (("backtest", "--holdout", "2020-01", "--train-from", "2019-12-20"), 1, "at least 41"),
            (
                ("backtest", "--holdout", "2020-01", "--spec", "magic"),
                2,
                "no spec 'magic'; known: echo_state, gru, ",
            ),
            (("retrain", "--as-of", "2015-02-27"), 1, "too few to train on"),
            (("retrain", "--as-of", "2014-01-01"), 1, "0 sessions are stored up to 2013-12-31"),
            (("forecast",), 1, "stockrnn retrain --ticker META"),
            (("report",), 1, "no forecast and no backtest"),
            (("forecast", "--as-of", "yesterday"), 2, "2020-01-31T22:00:00+00:00"),
            (("forecast", "--as-of", "2020-01-31T22:00:00"), 2, "offset"),
            (("forecast", "--as-of", "2126-01-01"), 2, "in the future"),
            (("nightly", "--spec", "magic"), 2, "no spec 'magic'"),
            (("sql", "magic"), 2, "no query 'magic'; known: "),
            (("sql", "models", "--param", "color=red"), 2, "it takes ticker"),
            (("sql", "models", "--param", "META"), 2, "key=value"),
        ],
        first=8,
    ),
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_wrong_request_gets_one_line_and_changes_nothing(cli, stored, words, code, says):
    result = cli(*words, *(("--ticker", "META") if words[0] not in ("sql", "nightly") else ()))
    assert result.code == code
    assert says in result.err
    assert [line for line in result.err.splitlines() if line.startswith("error: ")] == result.err.splitlines()
    assert _stored() == stored


def test_nothing_to_work_on_says_how_to_begin(cli):
    result = cli("nightly")
    assert (result.code, _is_one_line(result)) == (2, True)
    assert "stockrnn prices import" in result.err


@pytest.mark.parametrize("words", [("status",), ("sql", "models"), ("forecast",), ("report",), ("db", "current")])
def test_looking_at_no_store_makes_none(cli, words):
    result = cli(*words)
    assert (result.code, _is_one_line(result)) == (1, True)
    assert "no store" in result.err
    assert not Path("stockrnn-data").exists()


def test_bad_settings_name_the_setting(cli, tmp_path):
    (tmp_path / "stockrnn.toml").write_text("[specs.tutorial]\nepochs = 0\n")
    result = cli("retrain", "--ticker", "META")
    assert (result.code, _is_one_line(result)) == (2, True)
    assert "specs.tutorial.epochs" in result.err


def test_a_password_in_a_bad_database_url_is_not_repeated(cli, monkeypatch):
    monkeypatch.setenv("STOCKRNN_DATABASE_URL", "nonsense://user:hunter2@host/db")
    result = cli("retrain", "--ticker", "META")
    assert result.code == 1
    assert "STOCKRNN_DATABASE_URL" in result.err
    assert "hunter2" not in result.err + result.out


def test_a_data_folder_that_cant_be_made_is_named(cli, tmp_path, monkeypatch, price_file):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STOCKRNN_HOME", str(tmp_path / "file" / "home"))
    result = cli("prices", "import", price_file, "--ticker", "META")
    assert (result.code, _is_one_line(result)) == (1, True)
    assert "STOCKRNN_HOME" in result.err


def test_a_store_that_is_no_database_is_explained(cli, tmp_path):
    (tmp_path / "stockrnn-data").mkdir()
    (tmp_path / "stockrnn-data" / "stockrnn.db").write_text("this is no database, it is a note\n" * 50)
    result = cli("sql", "models")
    assert (result.code, _is_one_line(result)) == (1, True)
    assert "not a database" in result.err
