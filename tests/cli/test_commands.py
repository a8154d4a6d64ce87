"""Commands that work: what they print and what they leave behind."""

import csv
import io
import json
import re

import pytest
from scenario import SMALL_TOML

from stockrnn import __version__


@pytest.fixture
def stored(cli, price_file, tmp_path):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)
    assert cli("prices", "import", price_file, "--ticker", "META", "--currency", "USD").code == 0


def test_help_lists_every_command(cli):
    result = cli("--help")
    assert result.code == 0
    for command in ("demo", "nightly", "prices", "retrain", "forecast", "backtest", "report", "sql", "status", "db"):
        assert f"\n  {command} " in result.out


@pytest.mark.parametrize(
    "words", ["demo", "nightly", "prices import", "prices update", "prices resolve", "retrain", "forecast",
              "backtest", "report", "sql", "status", "db upgrade", "db current"]
)  # fmt: skip
def test_every_command_has_help(cli, words):
    result = cli(*words.split(), "--help")
    assert result.code == 0
    assert "Usage: stockrnn" in result.out


def test_the_version_is_the_packages(cli):
    assert cli("--version").out == f"stockrnn {__version__}\n"


def test_an_unknown_option_is_bad_usage(cli):
    assert cli("status", "--color").code == 2


def test_an_import_says_what_it_did(cli, price_file, stored):
    result = cli("prices", "import", price_file, "--ticker", "meta")
    assert result.out == "META: prices.csv: 0 sessions new, 0 revised, 0 rows quarantined\n"


def test_rows_kept_aside_are_counted_and_can_be_looked_up(cli, price_file, stored):
    lines = price_file.read_text().splitlines()
    cells = lines[100].split(",")
    cells[2] = "0.01"  # a high far below everything else
    price_file.write_text("\n".join([*lines[:100], ",".join(cells), *lines[101:]]) + "\n")
    result = cli("prices", "import", price_file, "--ticker", "OTHER")
    assert "1 rows quarantined" in result.out
    assert "stockrnn prices check --ticker OTHER" in result.out
    issues = cli("sql", "price_issues", "--param", "ticker=OTHER", "--format", "csv").out
    (row,) = csv.DictReader(io.StringIO(issues))
    assert (row["session"], row["kind"]) == (cells[0][:10], "high_low_contradiction")


@pytest.mark.exhaustive
def test_retrain_then_forecast_then_report(cli, stored, tmp_path):
    trained = cli("retrain", "--ticker", "META")
    assert trained.code == 0
    assert "META: tutorial: trained from scratch (no model yet): META-open-tutorial-2020-01-16-" in trained.out
    assert "no training due" in cli("retrain", "--ticker", "META").out
    forecast = cli("forecast", "--ticker", "META")
    assert forecast.code == 0
    row = forecast.out.splitlines()[2].split()
    assert row[:5] == ["META", "tutorial", "open", "2020-01-31", "2020-02-03"]
    assert row[-1] == "hindcast"
    report = cli("report", "--ticker", "META")
    assert (tmp_path / report.out.strip()).read_bytes().startswith(b"\x89PNG")


def test_a_backtest_shows_what_it_learned_from_and_every_metric_beside_naive(cli, stored):
    result = cli("backtest", "--ticker", "META", "--holdout", "2020-01", "--train-from", "2015-01-02")
    assert result.code == 0
    assert "1258 sessions, 2015-01-02 to 2019-12-31; arrays (1253, 5, 1) and (1253,)" in result.out
    assert "21 sessions of 2020-01; 26 values for its inputs" in result.out
    assert re.search(r"^model     101 parameters; training took [\d.]+ s$", result.out, re.MULTILINE)
    table = {line.split()[0]: line.split()[1:] for line in result.out.splitlines() if line}
    assert table["metric"] == ["tutorial", "naive", "last_close", "drift", "moving_average"]
    assert {"rmse", "mae", "mape", "bias", "directional_accuracy", "relative_mae", "skill"} <= set(table)
    assert table["relative_mae"][1] == "1.0000"
    assert table["directional_accuracy"][2] == "-"  # the last close names no direction from itself
    assert "verdict" in table


def test_of_two_tickers_the_bad_one_is_named_and_the_good_one_done(cli, stored):
    result = cli("retrain", "--ticker", "NOPE", "--ticker", "META")
    assert result.code == 1
    assert "META: tutorial: trained from scratch" in result.out
    assert "error: NOPE: no prices are stored" in result.err


def test_a_log_has_plain_lines_and_no_bars(cli, stored):
    result = cli("retrain", "--ticker", "META")
    (line,) = result.err.splitlines()
    assert line.endswith("INFO META: training the tutorial model, at most 2 epochs")
    assert "\x1b" not in result.err + result.out


def test_a_query_comes_as_table_csv_or_json(cli, stored):
    table = cli("sql", "price_health").out.splitlines()
    assert table[0].split()[:2] == ["ticker", "calendar"]
    (row,) = csv.DictReader(io.StringIO(cli("sql", "price_health", "--format", "csv").out))
    (record,) = json.loads(cli("sql", "price_health", "--format", "json").out)
    assert row["ticker"] == record["ticker"] == "META"
    assert int(row["sessions"]) == record["sessions"] == 1279


def test_the_queries_are_listed_with_what_they_answer(cli):
    listed = cli("sql", "--list").out
    assert "latest_forecasts" in listed
    assert "What is forecast for the next session" in listed


def test_status_fails_until_a_night_was_run(cli, stored):
    result = cli("status")
    assert result.code == 1
    assert "problem: no run yet; 'stockrnn nightly' makes one" in result.err


def test_the_database_can_be_made_by_hand(cli):
    assert cli("db", "upgrade").out == cli("db", "upgrade").out == "schema 0001\n"
    assert cli("db", "current").out == "schema 0001, this version's is 0001\n"


def test_the_simulated_market_can_be_stored_without_a_night(cli):
    result = cli("prices", "update", "--source", "simulated", "--ticker", "SIM-WALK")
    assert result.out.startswith("SIM-WALK: ")
    assert "sessions new" in result.out
