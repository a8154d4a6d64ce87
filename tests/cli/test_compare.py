"""`backtest` with several specs: one table and one picture that set them beside each other."""

import json
import os

import pytest
from tiny_model import ENTRY, FOLDERS, PLAIN_ENTRY, PlainSpec, TinySpec

from stockrnn.cli.options import make_jobs
from stockrnn.errors import UsageError
from stockrnn.models.registry import KINDS

SPECS = {
    "short": TinySpec(train_sessions=60),
    "long": TinySpec(train_sessions=400),
    "greedy": TinySpec(lookback=5000),
    "plain": PlainSpec(),
}
COMPARED = ("--spec", "long", "--spec", "short", "--spec", "long", "--processes", 1)
FIGURES = """
    select backtest_metrics.model, value, parameters, train_seconds, verdict
    from backtest_metrics join backtests using (backtest_id)
    where metric = '{metric}' and folds = {folds} and ticker = '{ticker}' and spec = '{spec}'
"""


@pytest.fixture(autouse=True)
def _specs(monkeypatch):
    """Make specs that train in no time known, here and in the processes that train."""
    monkeypatch.setitem(KINDS, "tiny", ENTRY)
    monkeypatch.setitem(KINDS, "plain", PLAIN_ENTRY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*map(str, FOLDERS), os.environ.get("PYTHONPATH", "")]))


@pytest.fixture
def traded(market, monkeypatch):
    """Two tickers with prices, and the specs in the settings."""
    market.trade("2012-03-30", "SIM-FAT", "SIM-WALK")
    specs = {name: spec.model_dump() for name, spec in SPECS.items()}
    monkeypatch.setenv("STOCKRNN_SPECS", json.dumps(specs))
    monkeypatch.setenv("STOCKRNN_SPEC", "short")
    return market


def read_table(lines):
    """Return (first two cells) -> column -> text; a verdict may hold blanks, but never two of them."""
    names = lines[0].split()
    rows = [line.split(maxsplit=len(names) - 1) for line in lines[2:]]
    return {(row[0], row[1]): dict(zip(names, row, strict=True)) for row in rows}


def assert_stored(market, row, *, ticker, spec, folds):
    """The figures of a spec are those of its backtest."""
    mae, relative = (
        {
            model: rest
            for model, *rest in market.sql(FIGURES.format(metric=metric, ticker=ticker, spec=spec, folds=folds))
        }
        for metric in ("mae", "relative_mae")
    )
    value, parameters, seconds, verdict = mae[spec]
    assert float(row["mae"]) == pytest.approx(value, abs=1e-4)
    assert float(row["relative_mae"]) == pytest.approx(relative[spec][0], abs=1e-4)
    assert float(row["low_95"]) < relative[spec][0] < float(row["high_95"])
    assert (row["parameters"], row["verdict"]) == (str(parameters), verdict)
    assert float(row["train_seconds"]) == pytest.approx(seconds, abs=1e-4)


def test_a_month_of_several_specs_is_one_table_and_one_picture(cli, traded):
    words = ("backtest", "--holdout", "2012-02", "--ticker", "SIM-FAT", *COMPARED)
    first = cli(*words)
    assert first.code == 0
    head, *table, blank, path = first.out.splitlines()
    assert head == "open, backtests of 2012-02, 20 sessions; errors in quote currency"
    rows = read_table(table)
    assert list(rows) == [("SIM-FAT", name) for name in ("long", "short", "naive", "last_close")]
    for spec in ("long", "short"):
        assert_stored(traded, rows["SIM-FAT", spec], ticker="SIM-FAT", spec=spec, folds=1)
    assert rows["SIM-FAT", "long"]["mae"] != rows["SIM-FAT", "short"]["mae"]
    naive = rows["SIM-FAT", "naive"]
    assert [naive[name] for name in ("relative_mae", "p_value", "parameters", "verdict")] == ["1.0000", "-", "-", "-"]
    picture = traded.settings.reports / "backtest-2012-02-open.png"
    assert (blank, path) == ("", str(picture))
    drawn = picture.read_bytes()
    assert drawn.startswith(b"\x89PNG")

    stored = traded.sql("select * from backtests order by backtest_id")
    assert len(stored) == 2
    again = cli(*words)
    assert (again.code, again.out) == (0, first.out)
    assert "training" not in again.err
    assert traded.sql("select * from backtests order by backtest_id") == stored
    assert picture.read_bytes() == drawn


@pytest.mark.exhaustive
def test_a_walk_of_several_specs_and_tickers_ends_with_all_tickers_together(cli, traded):
    tickers = ("SIM-FAT", "SIM-WALK")
    words = ("backtest", "--holdout", "2012-01:2012-02", *COMPARED, *(f"--ticker={ticker}" for ticker in tickers))
    result = cli(*words)
    assert result.code == 0
    head, *table, path = result.out.splitlines()
    assert head == "open, backtests of 2012-01-01 to 2012-02-29, 40 sessions; errors in quote currency"
    assert path == str(traded.settings.reports / "backtest-2012-01-2012-02-open.png")
    blank = table.index("")
    rows, together = read_table(table[:blank]), read_table(table[blank + 2 : -1])
    models = ("long", "short", "naive", "last_close")
    assert list(rows) == [(ticker, model) for ticker in tickers for model in models]
    for ticker, spec in [(ticker, spec) for ticker in tickers for spec in models[:2]]:
        assert_stored(traded, rows[ticker, spec], ticker=ticker, spec=spec, folds=2)
    assert table[blank + 1] == "all 2 tickers together; errors as shares of the last close"
    assert list(together) == [("2", model) for model in models]
    for spec in models[:2]:
        ((mae, ratio, seconds),) = traded.sql(f"""
            select avg(abs(predicted - actual) / last_close),
                avg(abs(predicted - actual) / last_close) / avg(abs(naive - actual) / last_close),
                (select sum(train_seconds) from backtests where folds = 2 and spec = '{spec}')
            from backtest_forecasts join backtests using (backtest_id) where folds = 2 and spec = '{spec}'
        """)
        figures = [float(together["2", spec][name]) for name in ("mae", "relative_mae", "train_seconds")]
        assert figures == pytest.approx([mae, ratio, seconds], abs=1e-4)
    told = [line.split(" INFO ")[1] for line in result.err.splitlines() if " fold " in line]
    assert told[0].startswith("SIM-FAT: long: backtest of 2012-01; fold 1 of 8, ")
    assert told[-1] == "SIM-WALK: short: backtest of 2012-02; fold 8 of 8, done"


def test_a_spec_that_fails_is_named_with_its_ticker_and_the_others_are_done(cli, traded):
    result = cli("backtest", "--holdout", "2012-02", "--spec", "greedy", "--spec", "short", "--ticker", "SIM-FAT")
    assert result.code == 1
    assert [model for _, model in read_table(result.out.splitlines()[1:-2])] == ["short", "naive", "last_close"]
    *_, last = result.err.splitlines()
    assert last.startswith("error: SIM-FAT, spec greedy: ")
    assert "at least 5001 are needed" in last


def test_where_no_spec_can_be_tested_there_is_no_table_and_no_picture(cli, traded):
    result = cli("backtest", "--holdout", "2019-01", "--spec", "short", "--spec", "long", "--ticker", "SIM-FAT")
    assert (result.code, result.out) == (1, "")
    *_, last = result.err.splitlines()
    assert last.startswith("error: SIM-FAT: the holdout 2019-01 has no stored session")
    assert not traded.settings.reports.exists()


def test_a_spec_that_is_unknown_is_bad_usage(cli, traded):
    result = cli("backtest", "--holdout", "2012-02", "--spec", "short", "--spec", "magic", "--ticker", "SIM-FAT")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: no spec 'magic'; known: ")
    assert traded.sql("select * from backtests") == []


@pytest.mark.usefixtures("traded")
def test_epochs_are_for_those_of_several_specs_that_train_in_epochs():
    jobs = make_jobs(["SIM-FAT"], specs=["short", "plain", "long"], as_of=None, epochs=7)
    assert [job.spec.epochs for job in jobs] == [7, 2, 7]
    with pytest.raises(UsageError, match="kind 'plain' is not trained in epochs: leave --epochs out"):
        make_jobs(["SIM-FAT"], specs=["plain", "plain"], as_of=None, epochs=7)
