"""Adjusted closes that are not positive: the bars stay, and there is one issue for all of them."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from stockrnn.market.adjusted_closes import ADJ_CLOSE_NOT_POSITIVE
from stockrnn.market.bars import check_bars
from stockrnn.market.calendars import load_calendar
from stockrnn.settings import Settings
from stockrnn.steps.import_prices import import_prices
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store

CALENDAR = load_calendar("XNYS", through_year=2026)
SESSIONS = CALENDAR.sessions(date(2024, 1, 2), date(2024, 1, 31))
NOW = datetime(2024, 3, 1, tzinfo=UTC)


def make_rows(adjusted):
    prices = np.linspace(10.0, 12.0, len(SESSIONS))
    columns = dict.fromkeys(("open", "high", "low", "close"), prices)
    return pd.DataFrame({"session": SESSIONS.as_unit("s"), **columns, "adj_close": adjusted, "volume": 1.0})


def test_the_bars_stay_and_one_issue_says_how_many_from_when_to_when():
    adjusted = np.r_[np.full(5, -3.5), np.zeros(2), np.linspace(1, 9, len(SESSIONS) - 7)]
    bars = check_bars(make_rows(adjusted), closes=CALENDAR.table["closes"], as_of=NOW)
    assert len(bars.frame) == len(SESSIONS)
    assert bars.frame["adj_close"].isna().sum() == 7
    (issue,) = bars.issues
    assert (issue.kind, issue.session) == (ADJ_CLOSE_NOT_POSITIVE, date(2024, 1, 10))
    assert issue.detail.startswith("adj_close is not positive in 7 sessions from 2024-01-02 to 2024-01-10")


def test_other_prices_below_zero_are_quarantined_as_ever():
    rows = make_rows(np.full(len(SESSIONS), 5.0))
    rows.loc[3, "low"] = -1.0
    bars = check_bars(rows, closes=CALENDAR.table["closes"], as_of=NOW)
    assert [issue.kind for issue in bars.issues] == ["non_positive_price"]


@pytest.mark.parametrize("times", [1, 2])
def test_the_issue_is_there_once_however_often_the_file_comes_and_goes_with_a_good_one(tmp_path, times):
    settings = Settings(home=tmp_path)
    engine = open_store(settings)

    def take(adjusted):
        path = tmp_path / "prices.csv"
        titled = make_rows(adjusted).rename(columns=lambda name: {"session": "Date"}.get(name, name))
        titled.to_csv(path, index=False)
        (written,) = import_prices(settings, engine, [path], ticker="QQQX", calendar=None, currency=None, as_of=NOW)
        assert written.quarantined == 0
        with reading(engine) as connection:
            return connection.exec_driver_sql(
                "select kind, session from price_issues where resolved_at is null"
            ).all()

    for _ in range(times):
        assert take(np.full(len(SESSIONS), -1.0)) == [(ADJ_CLOSE_NOT_POSITIVE, "2024-01-31")]
    assert take(np.full(len(SESSIONS), 5.0)) == []
