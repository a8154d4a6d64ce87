"""Several specs over several tickers: each walks on its own, then all stand beside each other."""

import pytest
from inline import make_trainer, update_simulated
from matplotlib.image import imread
from report.pictures import make_backtest
from scenario import FRIDAY_EVENING, SMALL, SMALL_QUANTILE
from tiny_model import ENTRY, TinySpec

from stockrnn.errors import StockrnnError
from stockrnn.models.registry import KINDS
from stockrnn.settings import Settings
from stockrnn.steps.comparison import compare, write_comparison
from stockrnn.steps.run import Run
from stockrnn.steps.walk import compare_tickers_together, walk_forward
from stockrnn.store.migrate import open_store
from stockrnn.types import parse_holdout

SPAN = parse_holdout("2012-01:2012-02")
TICKERS = ("SIM-A", "SIM-B")
SPECS = {
    "short": TinySpec(train_sessions=60),
    "long": TinySpec(train_sessions=400),
    "greedy": TinySpec(lookback=5000),
    "tutorial": SMALL,
    "quantile": SMALL_QUANTILE,
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "tiny", ENTRY)
    settings = Settings(home=tmp_path / "home", specs=SPECS)
    run = Run(settings=settings, engine=open_store(settings), as_of=FRIDAY_EVENING, now=FRIDAY_EVENING)
    for ticker in TICKERS:
        update_simulated(run.job(ticker))
    return run


def walk(jobs):
    return walk_forward(jobs, SPAN, trainer=make_trainer())


def test_several_specs_walk_beside_each_other_as_each_does_alone(run):
    jobs = run.jobs(TICKERS, ["short", "long"])
    seen = []
    walked = walk_forward(jobs, SPAN, trainer=make_trainer(), on_fold=seen.append)
    assert [(one.ticker, one.spec) for one in walked.backtests] == [(job.ticker, job.spec_name) for job in jobs]
    assert [(fold.ticker, fold.spec) for fold in seen[:4]] == [("SIM-A", "short")] * 2 + [("SIM-A", "long")] * 2
    (alone,) = walk(jobs[:1]).backtests
    assert alone.backtest_id == walked.backtests[0].backtest_id
    assert alone.verdict == walked.backtests[0].verdict


def test_a_spec_that_fails_on_a_ticker_stops_neither_the_others_nor_itself_elsewhere(run):
    walked = walk([*run.jobs(TICKERS, ["short", "greedy"]), run.job("NOPE", "short")])
    assert [(one.ticker, one.spec) for one in walked.backtests] == [("SIM-A", "short"), ("SIM-B", "short")]
    assert list(walked.failures) == [("SIM-A", "greedy"), ("SIM-B", "greedy"), ("NOPE", "short")]
    assert "at least 5001 are needed" in walked.failures["SIM-B", "greedy"]


def test_specs_are_compared_on_each_ticker_and_on_all_together(run):
    jobs = run.jobs(TICKERS, ["long", "greedy", "short"])
    backtests = walk(jobs).backtests
    compared = compare(jobs, backtests)
    assert (compared.target, compared.holdout, compared.simulated) == ("open", SPAN, True)
    for rows in (*compared.by_ticker.values(), compared.together):
        assert [row.standing.model for row in rows] == ["long", "short", "naive", "last_close"]
    for ticker, rows in compared.by_ticker.items():
        for row in rows[:2]:
            (own,) = [one for one in backtests if (one.ticker, one.spec) == (ticker, row.standing.model)]
            metrics = own.metrics[own.spec]
            assert row.standing.mae == pytest.approx(metrics["mae"])
            assert row.standing.relative_mae == pytest.approx(metrics["relative_mae"])
            assert (row.standing.verdict.words, row.parameters) == (own.verdict, own.parameters)
            assert row.train_seconds == own.train_seconds
        naive, last_close = rows[2:]
        assert naive.standing.mae == pytest.approx(own.metrics["naive"]["mae"])
        assert last_close.standing.mae == pytest.approx(own.metrics["last_close"]["mae"])
    for row in compared.together[:2]:
        own = [one for one in backtests if one.spec == row.standing.model]
        assert row.standing.verdict == compare_tickers_together(own, target="open")
        assert row.train_seconds == pytest.approx(sum(one.train_seconds for one in own))


def test_the_training_of_a_model_for_all_tickers_counts_once(run):
    jobs = run.jobs(TICKERS, ["tutorial", "quantile"])
    tested = [make_noisy(job.ticker, job.spec_name) for job in jobs]
    tutorial, quantile, *_ = compare(jobs, tested).together
    assert (tutorial.train_seconds, quantile.train_seconds) == (25.0, 12.5)


def make_noisy(ticker, spec):
    made = make_backtest(ticker=ticker, spec=spec, lag=0.01)
    table = made.forecasts
    made.forecasts[["drift", "moving_average"]] = table[["naive", "naive"]].to_numpy()
    table.index.name = "session"
    return made


@pytest.mark.parametrize(
    ("holdout", "name"),
    [("2012-01:2012-02", "backtest-2012-01-2012-02-open.png"), ("2012-02", "backtest-2012-02-open.png")],
)
def test_the_picture_is_named_by_holdout_and_target_and_is_replaced(run, holdout, name):
    jobs = run.jobs(TICKERS, ["short", "long"])
    backtests = walk_forward(jobs, parse_holdout(holdout), trainer=make_trainer()).backtests
    reports = run.settings.reports
    path = write_comparison(reports, compare(jobs, backtests))
    of_both = path.read_bytes()
    assert imread(path).shape[1] == 1200
    assert write_comparison(reports, compare(jobs[:2], backtests[:2])) == path == reports / name
    assert path.read_bytes() != of_both
    assert [file.name for file in reports.iterdir()] == [name]


def test_where_the_picture_can_not_be_written_it_says_so(run):
    jobs = run.jobs(TICKERS[:1], ["short"])
    compared = compare(jobs, walk(jobs).backtests)
    run.settings.reports.write_text("in the way")
    with pytest.raises(StockrnnError, match=r"can't write the report .*backtest-2012-01-2012-02-open\.png"):
        write_comparison(run.settings.reports, compared)
