"""The report's file and what status says."""

from datetime import UTC, datetime, timedelta

import pytest
from inline import backtest_holdout, retrain_if_due, update_simulated
from scenario import FRIDAY_EVENING, evening

from stockrnn.errors import NothingToReportError
from stockrnn.report import ticker_report
from stockrnn.settings import Settings
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.import_prices import import_prices
from stockrnn.steps.report import write_report
from stockrnn.steps.status import read_status
from stockrnn.store.engine import writing
from stockrnn.store.prices import read_bars, write_bars
from stockrnn.store.runs import write_run_end, write_run_start
from stockrnn.types import Bars, parse_month

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def _log_run(engine, *, state="completed", error=None):
    with writing(engine) as connection:
        write_run_start(
            connection,
            run_id=state,
            flow="nightly",
            as_of=FRIDAY_EVENING,
            started_at=NOW,
            flow_run_id=None,
            parameters={},
            versions={},
        )
        write_run_end(connection, state, state=state, ended_at=NOW, error=error)


def test_the_report_is_a_png_named_after_the_ticker(job):
    retrain_if_due(job)
    forecast_next(job)
    backtest_holdout(job, parse_month("2012-02"))
    path = write_report(job)
    assert path == job.settings.home / "reports" / "SIM-FAT.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    before = path.read_bytes()
    assert write_report(job).read_bytes() == before


def test_a_symbol_that_is_no_file_name_is_encoded(make_job):
    job = make_job("^SIM", calendars={"^SIM": "XNYS"})
    update_simulated(job)
    retrain_if_due(job)
    forecast_next(job)
    assert write_report(job).name == "%5ESIM.png"


def test_a_forecast_from_before_a_split_is_drawn_in_the_shares_of_the_prices_beside_it(job, monkeypatch):
    retrain_if_due(job)
    issued = forecast_next(job).forecast
    with writing(job.engine) as connection:
        bars = read_bars(connection, job.ticker)
        bars[["open", "high", "low", "close", "adj_close"]] /= 4
        options = {"calendar": "XNYS", "currency": None, "source": "simulated", "observed_at": NOW}
        write_bars(connection, job.ticker, Bars(frame=bars), **options)
    job.run.forget(job.ticker)
    drawn = {}
    monkeypatch.setattr(ticker_report, "draw_report", lambda _, **shown: drawn.update(shown))
    write_report(job)
    assert drawn["forecast"].predicted == pytest.approx(issued.predicted / 4)
    assert drawn["forecast"].naive == pytest.approx(issued.naive / 4)
    assert drawn["forecast"].naive == pytest.approx(drawn["recent"].iloc[-1])
    assert forecast_next(job).forecast == issued  # the record stands as it was issued


def test_an_inactive_ticker_has_no_missed_nights(make_job, engine, tmp_path):
    (tmp_path / "a.csv").write_text(
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-04-01,10,12,9,11,11,1\n2024-04-02,10,12,9,11,11,1\n"
    )
    import_prices(Settings(), engine, [tmp_path / "a.csv"], ticker="META", calendar=None, currency=None, as_of=NOW)
    settings = Settings(tickers=["META"])
    assert [ticker.ticker for ticker in read_status(settings, engine, now=NOW).tickers] == ["META"]
    with writing(engine) as connection:
        connection.exec_driver_sql("update instruments set active = false")
    assert read_status(settings, engine, now=NOW).tickers == ()


def test_without_a_forecast_or_a_backtest_the_error_names_the_next_step(job):
    with pytest.raises(NothingToReportError, match=r"SIM-FAT: no forecast and no backtest .*stockrnn nightly"):
        write_report(job)


def test_an_earlier_moment_shows_no_later_result(make_job, job):
    later = make_job(as_of=evening(2012, 4, 30))
    update_simulated(later)
    for one in (job, later):
        retrain_if_due(one)
        forecast_next(one)
        backtest_holdout(one, parse_month("2012-02" if one is job else "2012-04"))
    shown_later = write_report(later).read_bytes()
    shown_earlier = write_report(job).read_bytes()
    assert shown_earlier != shown_later
    assert write_report(make_job(as_of=evening(2012, 4, 2))).read_bytes() == shown_earlier


def test_status_is_well_after_a_night(job):
    retrain_if_due(job)
    forecast_next(job)
    _log_run(job.engine)
    state = read_status(job.settings, job.engine, now=NOW)
    assert state.problems == ()
    (ticker,) = state.tickers
    assert (str(ticker.last_session), str(ticker.next_session), ticker.missed) == ("2012-03-30", "2012-04-02", 0)


def test_status_says_that_a_run_failed_and_why_a_completed_one_was_not_whole(job):
    _log_run(job.engine, state="failed")
    assert any(" UTC) failed" in problem for problem in read_status(job.settings, job.engine, now=NOW).problems)
    _log_run(job.engine, error="1 of 2 tickers done; failed: X")
    problems = read_status(job.settings, job.engine, now=NOW).problems
    assert any("failed" in problem for problem in problems)


def test_status_counts_the_nights_missed_of_a_real_ticker(make_job, engine, tmp_path, job):
    days = "".join(f"2012-03-{day},10,12,9,11,11,1000\n" for day in (19, 20, 21, 22, 23, 26, 27, 28, 29, 30))
    (tmp_path / "a.csv").write_text("Date,Open,High,Low,Close,Adj Close,Volume\n" + days)
    import_prices(Settings(), engine, [tmp_path / "a.csv"], ticker="META", calendar=None, currency=None, as_of=NOW)
    meta = make_job("META")
    retrain_if_due(meta)
    forecast_next(meta)

    def missed(now):
        state = read_status(meta.settings, engine, now=now)
        return {one.ticker: one.missed for one in state.tickers}["META"]

    monday_close = datetime(2012, 4, 2, 20, tzinfo=UTC)
    grace = timedelta(hours=meta.settings.missed_after_hours)
    assert missed(monday_close) == 0
    assert missed(monday_close + grace - timedelta(seconds=1)) == 0
    assert missed(monday_close + grace) == 1
    assert missed(datetime(2012, 4, 6, 12, tzinfo=UTC)) == 4
