"""Prices in: files and the simulated market."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from simulated import update_simulated

from stockrnn.errors import MixedSourcesError, PriceFileError, UnknownCalendarError
from stockrnn.settings import Settings
from stockrnn.sources.simulated import simulate_bars
from stockrnn.steps.import_prices import import_prices
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_tickers
from stockrnn.store.prices import read_bars
from stockrnn.store.queries import get_query, run_query

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"


def _rows(first, count):
    days = pd.bdate_range(first, periods=count)
    return "".join(f"{day:%Y-%m-%d},10,12,9,11,11,1000\n" for day in days)


def _import(engine, files, ticker="META", **options):
    options = {"calendar": None, "currency": None, "as_of": NOW, **options}
    return import_prices(Settings(), engine, files, ticker=ticker, **options)


def _dump(engine):
    with reading(engine) as connection:
        tables = ("instruments", "prices", "price_issues", "price_revisions")
        return {table: connection.exec_driver_sql(f"select * from {table}").all() for table in tables}


def test_the_rows_of_several_files_end_up_under_one_ticker(engine, tmp_path):
    for name, first in (("a.csv", "2024-04-01"), ("b.csv", "2024-05-06")):
        (tmp_path / name).write_text(HEADER + _rows(first, 12))
    written = _import(engine, [tmp_path / "a.csv", tmp_path / "b.csv"])
    assert [(one.inserted, one.revised, one.quarantined) for one in written] == [(12, 0, 0), (12, 0, 0)]
    with reading(engine) as connection:
        bars = read_bars(connection, "META")
    assert len(bars) == 24
    assert bars.loc["2024-04-01"].to_dict() == {
        "open": 10, "high": 12, "low": 9, "close": 11, "adj_close": 11, "volume": 1000
    }  # fmt: skip


def test_importing_a_file_again_changes_no_row(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + _rows("2024-04-01", 30).replace("2024-04-03,10,12", "2024-04-03,10,8"))
    _import(engine, [path])
    before = _dump(engine)
    again = _import(engine, [path], as_of=datetime(2026, 11, 24, tzinfo=UTC))
    assert (again[0].inserted, again[0].revised, again[0].quarantined) == (0, 0, 1)
    assert _dump(engine) == before


def test_one_bad_file_of_two_leaves_nothing_behind(engine, tmp_path):
    (tmp_path / "good.csv").write_text(HEADER + _rows("2024-04-01", 12))
    (tmp_path / "bad.csv").write_text(HEADER + "2024-04-01,ten,12,9,11,11,1000\n")
    with pytest.raises(PriceFileError, match="ten"):
        _import(engine, [tmp_path / "good.csv", tmp_path / "bad.csv"])
    assert all(not rows for rows in _dump(engine).values())


def test_two_files_that_contradict_each_other_are_refused(engine, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + _rows("2024-04-01", 12))
    (tmp_path / "b.csv").write_text(HEADER + _rows("2024-04-08", 12).replace("2024-04-10,10,", "2024-04-10,10.5,"))
    with pytest.raises(PriceFileError, match=r"b\.csv: 2024-04-10 has other prices here .* than in a\.csv"):
        _import(engine, [tmp_path / "a.csv", tmp_path / "b.csv"])
    assert all(not rows for rows in _dump(engine).values())


def test_a_single_bad_row_is_kept_aside_with_its_reason_and_its_values(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + _rows("2024-04-01", 20).replace("2024-04-03,10,12", "2024-04-03,10,8"))
    assert _import(engine, [path])[0].quarantined == 1
    with reading(engine) as connection:
        issues = run_query(connection, get_query("price_issues"), {"ticker": "META"})
        raw = connection.exec_driver_sql("select raw from price_issues").scalar()
    assert [row[:3] for row in issues.rows] == [("META", "2024-04-03", "high_low_contradiction")]
    assert '"high": 8.0' in raw


def test_a_file_of_another_exchange_needs_its_calendar(engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + _rows("2024-04-03", 20))
    with pytest.raises(UnknownCalendarError, match="--calendar"):
        _import(engine, [path], ticker="ABC.ZZ")
    assert _import(engine, [path], ticker="ABC.ZZ", calendar="XSTO", currency="SEK")[0].inserted > 15
    with reading(engine) as connection:
        row = connection.exec_driver_sql("select calendar, currency from instruments").one()
    assert tuple(row) == ("XSTO", "SEK")


def test_the_simulated_market_is_stored_up_to_the_last_closed_session(job):
    with reading(job.engine) as connection:
        bars = read_bars(connection, job.ticker)
        assert read_tickers(connection, simulated=True) == ["SIM-FAT"]
        assert read_tickers(connection, simulated=False) == []
    assert str(bars.index[0].date()) == "2010-01-04"
    assert str(bars.index[-1].date()) == "2012-03-30"
    pd.testing.assert_frame_equal(bars, simulate_bars("SIM-FAT", bars.index), check_names=False, check_freq=False)


def test_simulated_prices_never_join_real_ones(make_job, engine, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + _rows("2024-04-01", 12))
    _import(engine, [path])
    with pytest.raises(MixedSourcesError, match="META"):
        update_simulated(make_job("META"))


@pytest.mark.parametrize(("name", "aside"), [("HD", 14), ("AAPL", 2), ("AXP", 9)])
def test_the_faulty_rows_of_a_real_file_are_kept_aside(engine, shared_data, name, aside):
    assert _import(engine, [shared_data / "djia" / f"{name}.csv"], ticker=name)[0].quarantined == aside
