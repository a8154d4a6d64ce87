from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select

from stockrnn.errors import MixedSourcesError
from stockrnn.store import instruments as instrument_store
from stockrnn.store import prices as store
from stockrnn.store.engine import reading, writing
from stockrnn.store.schema import instruments, price_issues, price_revisions, prices
from stockrnn.types import BAR_COLUMNS, PriceIssue

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=3)
LATEST = NOON + timedelta(days=6)
BARS = {
    "2024-01-03": (344.98, 347.95, 343.18, 344.47, 344.12, 15_451_100.0),
    "2024-01-04": (344.50, 348.15, 343.40, 347.12, 346.77, 12_099_900.0),
}
NEXT = {"2024-01-05": (346.99, 353.50, 346.26, 351.95, 351.59, 13_920_700.0)}
THURSDAY = date(2024, 1, 4)
ISSUE = PriceIssue(session=date(2024, 1, 5), kind="missing_price", detail="close is missing", raw={"close": None})


def rows(engine, table, *columns):
    chosen = [table.c[name] for name in columns] or [table]
    with reading(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*chosen).order_by(*table.primary_key))]


def everything(engine):
    return [rows(engine, table) for table in (instruments, prices, price_revisions, price_issues)]


def change(bars, session, **values):
    return bars | {session: tuple((dict(zip(BAR_COLUMNS, bars[session], strict=True)) | values).values())}


def read(engine, **options):
    with reading(engine) as connection:
        return store.read_bars(connection, "META", **options)


def test_new_bars_are_stored_to_the_last_digit(engine, write, make_frame):
    written = write(BARS)
    assert written == store.Written(inserted=2, revised=0, quarantined=0)
    assert str(written) == "2 sessions new, 0 revised, 0 rows quarantined"
    pd.testing.assert_frame_equal(read(engine), make_frame(BARS), check_exact=True, check_index_type=False)
    assert rows(engine, prices, "ticker", "session", "source", "observed_at") == [
        ("META", date(2024, 1, 3), "csv", NOON),
        ("META", THURSDAY, "csv", NOON),
    ]
    assert rows(engine, instruments) == [
        ("META", "XNYS", "USD", "real", date(2024, 1, 3), THURSDAY, True, None, 0, None)
    ]


def test_the_same_bars_again_change_no_row(engine, write):
    write(BARS, issues=(ISSUE,))
    before = everything(engine)
    assert write(BARS, issues=(ISSUE,), observed_at=LATER) == store.Written(inserted=0, revised=0, quarantined=1)
    assert everything(engine) == before


def test_only_what_is_new_is_added(engine, write):
    write(BARS)
    assert write(BARS | NEXT, observed_at=LATER).inserted == 1
    assert rows(engine, prices, "observed_at") == [(NOON,), (NOON,), (LATER,)]
    assert rows(engine, instruments, "first_session", "last_session") == [(date(2024, 1, 3), date(2024, 1, 5))]
    write({"2023-12-29": BARS["2024-01-03"]})
    assert rows(engine, instruments, "first_session", "last_session") == [(date(2023, 12, 29), date(2024, 1, 5))]


def test_a_changed_bar_moves_the_old_one_to_the_revisions(engine, write):
    write(BARS)
    written = write(change(BARS, "2024-01-03", close=345.0, high=349.0), observed_at=LATER, source="other")
    assert (written.inserted, written.revised) == (0, 1)
    session, old = date(2024, 1, 3), BARS["2024-01-03"]
    assert rows(engine, price_revisions) == [("META", session, LATER, *old, "csv", NOON, "correction")]
    new = (344.98, 349.0, 343.18, 345.0, 344.12, 15_451_100.0)
    assert rows(engine, prices)[0] == ("META", session, *new, "other", LATER)
    assert rows(engine, prices)[1] == ("META", THURSDAY, *BARS["2024-01-04"], "csv", NOON)


def test_a_change_of_the_newest_bar_is_one_that_came_late(engine, write):
    write(BARS)
    write(change(BARS, "2024-01-04", volume=15_000_000.0), observed_at=LATER)
    assert rows(engine, price_revisions, "session", "reason") == [(THURSDAY, "late_bar")]


def test_a_revision_of_one_ticker_touches_no_other(engine, write):
    write(BARS)
    write(BARS, ticker="AAPL")
    write(change(BARS, "2024-01-04", close=340.0), observed_at=LATER)
    assert rows(engine, price_revisions, "ticker", "close") == [("META", 347.12)]
    assert rows(engine, prices, "ticker", "close") == [
        ("AAPL", 344.47),
        ("AAPL", 347.12),
        ("META", 344.47),
        ("META", 340.0),
    ]


def test_a_bar_may_be_revised_again(engine, write):
    write(BARS)
    write(change(BARS, "2024-01-04", close=340.0), observed_at=LATER)
    write(BARS, observed_at=LATEST)
    assert rows(engine, price_revisions, "superseded_at", "close", "observed_at") == [
        (LATER, 347.12, NOON),
        (LATEST, 340.0, LATER),
    ]
    assert rows(engine, prices, "close", "observed_at") == [(344.47, NOON), (347.12, LATEST)]


def test_noise_in_the_last_digits_is_no_revision(engine, write):
    # two downloads of one bar from Yahoo
    write(change(BARS, "2024-01-04", adj_close=331.563324))
    before = everything(engine)
    assert write(change(BARS, "2024-01-04", adj_close=331.563385), observed_at=LATER).revised == 0
    assert everything(engine) == before


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "adj_close", "volume"])
def test_every_column_is_watched_prices_to_a_hundredth_of_a_percent_and_volume_to_half_a_percent(
    engine, write, column
):
    write(BARS)
    tolerance = 0.005 if column == "volume" else 0.0001
    value = dict(zip(BAR_COLUMNS, BARS["2024-01-04"], strict=True))[column]
    for sign in (1, -1):
        within = change(BARS, "2024-01-04", **{column: value * (1 + sign * 0.99 * tolerance)})
        assert write(within, observed_at=LATER).revised == 0
    assert (
        write(change(BARS, "2024-01-04", **{column: value * (1 + 1.01 * tolerance)}), observed_at=LATER).revised == 1
    )


@given(offered=st.lists(st.lists(st.floats(1, 3), min_size=6, max_size=6), min_size=1, max_size=4))
@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_that_was_ever_stored_is_lost(engine, write, offered):
    with writing(engine) as connection:
        for table in (price_revisions, prices):
            connection.execute(table.delete())
    seen = []
    for day, bar in enumerate(offered):
        write({"2024-01-04": tuple(bar)}, observed_at=NOON + timedelta(days=day))
        seen.append(rows(engine, prices, *BAR_COLUMNS)[0])
    kept = rows(engine, price_revisions, *BAR_COLUMNS) + rows(engine, prices, *BAR_COLUMNS)
    assert kept == [bar for i, bar in enumerate(seen) if i == 0 or bar != seen[i - 1]]
    np.testing.assert_allclose(kept[-1][:5], offered[-1][:5], rtol=1e-4)


def test_a_missing_adj_close_or_volume_keeps_the_stored_one(engine, write):
    write(BARS)
    before = everything(engine)
    missing = change(BARS, "2024-01-04", adj_close=np.nan, volume=np.nan)
    assert write(missing, observed_at=LATER).revised == 0
    assert everything(engine) == before
    write(change(missing, "2024-01-04", close=340.0), observed_at=LATEST)
    assert rows(engine, prices, "close", "adj_close", "volume")[1] == (340.0, 346.77, 12_099_900.0)


def test_an_adj_close_that_comes_later_is_taken_and_what_is_missing_is_null(engine, write):
    write(change(BARS, "2024-01-04", adj_close=np.nan, volume=np.nan))
    assert rows(engine, prices, "adj_close", "volume")[1] == (None, None)
    assert np.isnan(read(engine)["adj_close"].iloc[1])
    assert write(BARS, observed_at=LATER).revised == 1
    assert rows(engine, prices, "adj_close")[1] == (346.77,)
    assert rows(engine, price_revisions, "adj_close") == [(None,)]


def test_an_issue_is_stored_once_and_resolved_when_a_good_bar_comes(engine, write):
    assert write(BARS, issues=(ISSUE,)).quarantined == 1
    write(BARS, issues=(ISSUE,), observed_at=LATER)
    opened = ("META", date(2024, 1, 5), "missing_price", "close is missing", {"close": None}, NOON, None, None)
    assert rows(engine, price_issues) == [opened]
    write(BARS, observed_at=LATER)
    assert rows(engine, price_issues) == [opened]
    write(BARS | NEXT, observed_at=LATEST)
    assert rows(engine, price_issues) == [(*opened[:-2], LATEST, "source")]


def test_a_resolved_issue_is_opened_again_when_it_comes_back(engine, write):
    write(BARS, issues=(ISSUE,))
    write(NEXT, observed_at=LATER)
    again = PriceIssue(session=ISSUE.session, kind=ISSUE.kind, detail="open is missing", raw={"open": None})
    write(BARS, issues=(again,), observed_at=LATEST)
    assert rows(engine, price_issues, "detail", "raw", "detected_at", "resolved_at") == [
        ("open is missing", {"open": None}, LATEST, None)
    ]


def test_the_time_at_which_an_issue_was_resolved_stays(engine, write):
    other = PriceIssue(session=ISSUE.session, kind="non_positive_price", detail="open is 0", raw={"open": 0})
    write(BARS, issues=(ISSUE,))
    write(NEXT, observed_at=LATER)
    write(BARS, issues=(other,), observed_at=LATER)
    write(NEXT, observed_at=LATEST)
    assert rows(engine, price_issues, "kind", "resolved_at") == [
        ("missing_price", LATER),
        ("non_positive_price", LATEST),
    ]


@pytest.mark.parametrize(("stored", "offered"), [("csv", "simulated"), ("simulated", "csv")])
def test_simulated_and_real_prices_never_meet_under_one_ticker(engine, write, stored, offered):
    write(BARS, source=stored)
    before = everything(engine)
    with pytest.raises(MixedSourcesError, match=f"META: .*source '{stored}', these from '{offered}'"):
        write(NEXT, source=offered)
    assert everything(engine) == before
    write(NEXT, source=offered, ticker="AAPL")


def test_two_real_sources_may_meet(engine, write):
    write(BARS, source="csv")
    write(NEXT, source="yahoo")
    assert rows(engine, prices, "source") == [("csv",), ("csv",), ("yahoo",)]


def test_a_write_that_fails_in_its_midst_leaves_nothing_behind(engine, write):
    write(BARS)
    before = everything(engine)
    broken = PriceIssue(session=ISSUE.session, kind="missing_price", detail="x", raw={"not": object()})
    with pytest.raises(Exception, match="not JSON serializable"):
        write(change(BARS, "2024-01-04", close=1.0) | NEXT, issues=(broken,), observed_at=LATER)
    assert everything(engine) == before


def test_bars_are_read_up_to_a_session_and_not_beyond(engine, write):
    write(BARS | NEXT)
    assert read(engine, through=THURSDAY).index.tolist() == [pd.Timestamp("2024-01-03"), pd.Timestamp("2024-01-04")]
    assert read(engine, through=date(2024, 1, 2)).empty


def test_a_ticker_without_prices_has_an_empty_table_of_the_same_columns(engine):
    frame = read(engine)
    assert list(frame.columns) == list(BAR_COLUMNS)
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert (frame.dtypes == np.float64).all()


def test_what_is_known_of_a_ticker_is_read(engine, write):
    write(BARS)
    write(BARS, ticker="SIM-A", source="simulated", currency=None)
    with reading(engine) as connection:
        assert instrument_store.read_calendar_name(connection, "META") == "XNYS"
        assert instrument_store.read_instrument(connection, "META").currency == "USD"
        assert instrument_store.read_span(connection, "META") == (date(2024, 1, 3), THURSDAY)
        assert (store.is_simulated(connection, "META"), store.is_simulated(connection, "SIM-A")) == (False, True)
        assert instrument_store.read_calendar_name(connection, "NOSUCH") is None
        assert instrument_store.read_instrument(connection, "SIM-A").currency is None
        assert instrument_store.read_instrument(connection, "NOSUCH") is None
        assert instrument_store.read_span(connection, "NOSUCH") == (None, None)


def test_active_tickers_are_read_in_order_the_simulated_apart_from_the_real(engine, write):
    for ticker, source in (("MSFT", "csv"), ("SIM-B", "simulated"), ("AAPL", "csv"), ("SIM-A", "simulated")):
        write(BARS, ticker=ticker, source=source)
    with writing(engine) as connection:
        connection.execute(instruments.update().where(instruments.c.ticker == "MSFT").values(active=False))
    with reading(engine) as connection:
        assert instrument_store.read_tickers(connection, simulated=True) == ["SIM-A", "SIM-B"]
        assert instrument_store.read_tickers(connection, simulated=False) == ["AAPL"]
