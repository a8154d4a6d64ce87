"""A backtest over several months, and the pictures of what is stored."""

import re
from datetime import date

import numpy as np
import pytest
from inline import backtest_holdout
from scipy.stats import ttest_1samp

from stockrnn.sources.simulated import simulate_bars
from stockrnn.types import parse_month

BOTH = ("--ticker", "SIM-FAT", "--ticker", "SIM-WALK")
SPAN = (date(2011, 12, 28), date(2012, 2, 29))
STEP = re.compile(r".* INFO (.+): backtest of (.+); fold (\d) of 6, (.+)")
LOSSES = """
    select avg(abs(predicted - actual) / last_close - abs(naive - actual) / last_close),
        avg(abs(predicted - actual) / last_close - abs(last_close - actual) / last_close)
    from backtest_forecasts join backtests using (backtest_id)
    where folds = 3 group by target_session
"""


def read_blocks(out):
    """Return the lines of each ticker's block, and the line below the blocks."""
    *blocks, last = re.split(r"(?<=\n)\n(?=\S+ open, spec |all )", out)
    return [block.splitlines() for block in blocks], last


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_walk_prints_a_block_a_ticker_and_one_verdict_and_goes_on_where_it_was(cli, market, monkeypatch, tmp_path):
    market.trade("2012-03-30", "SIM-FAT", "SIM-WALK")
    words = ("backtest", "--holdout", "2012-01:2012-03", "--processes", 2, *BOTH)
    first = cli(*words)
    assert first.code == 0
    blocks, last = read_blocks(first.out)
    assert [block[0].rsplit("-", 1)[0] for block in blocks] == [
        f"{ticker} open, spec tutorial, backtest {ticker}-open-tutorial-2012-01-01" for ticker in BOTH[1::2]
    ]
    for block in blocks:
        assert block[2] == "holdout   62 sessions of 2012-01-01 to 2012-03-31; 67 values for its inputs"
        assert re.fullmatch(r"loss      0\.\d{4} after fold 1, 0\.\d{4} after fold 3; seed 0", block[3])
        assert re.fullmatch(r"model     101 parameters; training took [\d.]+ s in 3 folds", block[4])
        metrics = {line.split()[0]: line.split()[1:] for line in block[8:-2]}
        assert list(metrics)[:5] == ["rmse", "mae", "mape", "bias", "directional_accuracy"]
        assert metrics["directional_accuracy_sessions"] == ["62", "62", "0", "62", "62"]
        assert metrics["relative_mae"][1] == "1.0000"
        assert block[-1] == "verdict   worse than naive and the last close (p < 0.001)"
    # both tickers have every session, so a test of the means of the sessions is one of the clusters
    differences = np.array(market.sql(LOSSES))
    assert len(differences) == 62
    assert all(ttest_1samp(column, 0).pvalue < 0.001 and column.mean() > 0 for column in differences.T)
    assert last == "all 2 tickers together, 62 sessions: worse than naive and the last close (p < 0.001)\n"

    steps = [STEP.fullmatch(line).groups() for line in first.err.splitlines() if " fold " in line]
    assert [int(number) for _, _, number, _ in steps] == [1, 2, 3, 4, 5, 6]
    assert {(ticker, month) for ticker, month, _, _ in steps} == {
        (ticker, month) for ticker in BOTH[1::2] for month in ("2012-01", "2012-02", "2012-03")
    }
    assert all(re.fullmatch(r"about \d+ min left", left) for *_, left in steps[:-1])
    assert steps[-1][-1] == "done"

    stored = market.sql("select * from backtests order by backtest_id")
    assert len(stored) == 2 * 3 + 2
    (tmp_path / "keras.py").write_text("raise AssertionError('a fold is computed anew')\n")
    monkeypatch.syspath_prepend(tmp_path)
    again = cli(*words)
    assert (again.code, again.out) == (0, first.out)
    assert len(again.err.splitlines()) == 6
    assert market.sql("select * from backtests order by backtest_id") == stored


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_ticker_with_too_short_a_history_is_named_and_the_other_one_is_done(cli, market, tmp_path):
    market.trade("2012-02-29")
    sessions = market.job("2012-02-29").run.calendar("SIM-FAT").sessions(*SPAN)
    simulate_bars("SHORT", sessions).rename_axis("date").to_csv(tmp_path / "short.csv")
    assert cli("prices", "import", "short.csv", "--ticker", "SHORT").code == 0
    words = ("backtest", "--holdout", "2012-01:2012-02", "--processes", 2)
    result = cli(*words, "--ticker", "SHORT", "--ticker", "SIM-FAT")
    reason = "3 sessions are stored up to 2011-12-30, at least 6 are needed (lookback + 1); import more history"
    assert result.code == 1
    assert result.out.startswith("SIM-FAT open, spec tutorial, backtest ")
    assert result.out.count(", backtest ") == result.out.count("verdict ") == 1
    assert "SHORT" not in result.out
    assert "together" not in result.out
    *lines, last = result.err.splitlines()
    steps = [line for line in lines if " fold " in line]
    # its other month could be tested, but a part of a walk is none
    assert last == f"error: SHORT: {reason}"
    told = [line.split(" INFO ")[1].rsplit(" fold ")[0] for line in steps]
    assert sorted(told) == sorted(
        [
            f"SHORT: {reason};",
            "SHORT: backtest of 2012-02;",
            "SIM-FAT: backtest of 2012-01;",
            "SIM-FAT: backtest of 2012-02;",
        ]
    )


@pytest.mark.parametrize(
    ("holdout", "says"),
    [
        ("2012-03:2012-01", "the holdout '2012-03:2012-01' ends before it begins: expected FIRST:LAST"),
        ("2012-01:", "can't read '' as a holdout: expected a month such as 2020-01"),
        (":2012-03", "can't read '' as a holdout"),
        ("2012-01:2012-13", "can't read '2012-13' as a holdout"),
        ("2012-01:2012-02:2012-03", "can't read '2012-02:2012-03' as a holdout"),
        ("2012-01-01:2012-03-31", "can't read '2012-01-01' as a holdout"),
    ],
)
def test_a_holdout_that_is_none_is_bad_usage(cli, market, holdout, says):
    market.trade("2012-03-30")
    result = cli("backtest", "--holdout", holdout, "--ticker", "SIM-FAT")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: {says}")
    assert result.err.count("\n") == 1
    assert market.sql("select * from backtests") == []


def test_no_process_at_all_is_bad_usage(cli, market):
    market.trade("2012-03-30")
    result = cli("backtest", "--holdout", "2012-01:2012-03", "--processes", 0, "--ticker", "SIM-FAT")
    assert (result.code, result.out) == (2, "")
    assert "--processes" in result.err


@pytest.fixture
def tested(market):
    """Two tickers with a forecast and a backtest each."""
    market.issue("2012-03-30", *BOTH[1::2])
    for ticker in BOTH[1::2]:
        backtest_holdout(market.job("2012-03-30", ticker), parse_month("2012-02"))
    return market


@pytest.mark.exhaustive
def test_a_report_names_its_pictures_and_draws_the_same_ones_again(cli, tested):
    first = cli("report", *BOTH)
    paths = [tested.settings.reports / name for name in ("SIM-FAT.png", "SIM-WALK.png", "leaderboard.png")]
    assert (first.code, first.out.splitlines()) == (0, [str(path) for path in paths])
    drawn = [path.read_bytes() for path in paths]
    assert all(picture.startswith(b"\x89PNG") for picture in drawn)
    assert len(set(drawn)) == 3
    for path in paths:
        path.unlink()
    # nothing was traded since
    assert cli("report", *BOTH, "--as-of", "2012-03-31").out == first.out
    assert [path.read_bytes() for path in paths] == drawn


@pytest.mark.exhaustive
def test_the_leaderboard_is_over_all_tickers_whichever_are_named(cli, tested):
    board = tested.settings.reports / "leaderboard.png"
    assert cli("report", *BOTH).code == 0
    of_both = board.read_bytes()
    result = cli("report", "--ticker", "NOPE", "--ticker", "SIM-WALK")
    assert (result.code, result.out.splitlines()) == (1, [str(board.with_name("SIM-WALK.png")), str(board)])
    assert "error: NOPE: no prices are stored" in result.err
    assert board.read_bytes() == of_both
    tested.sql("update backtest_forecasts set predicted = actual")
    assert cli("report", "--ticker", "SIM-WALK").code == 0
    assert board.read_bytes() != of_both
