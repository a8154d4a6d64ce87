"""Many nights in one go through the flow itself, the clock at its entry point stepped."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest
from scenario import SMALL_TOML

from flows.nightly import run_nightly
from stockrnn.market.calendars import load_calendar
from stockrnn.settings import Settings
from stockrnn.steps.replay import replay_all
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store

SESSIONS = load_calendar("XNYS", through_year=2026).sessions(date(2011, 3, 1), date(2012, 3, 30))
TICKERS = ["SIM-WALK", "SIM-SIGNAL"]


@pytest.fixture
def nights(request):
    """A year with --all-nights, which takes minutes, else three of them."""
    return SESSIONS[: 250 if request.config.getoption("--all-nights") else 3]


@pytest.mark.exhaustive
def test_nights_in_a_row_leave_one_live_forecast_a_ticker_and_session(tmp_path, nights):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)
    for day in nights:
        now = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
        night = run_nightly(tickers=TICKERS, as_of=now, source="simulated", spec=None, epochs=None)
        assert night.failed == ()
        assert night.leaderboard.name == "leaderboard.png"
    engine = open_store(Settings())
    with reading(engine) as connection:
        ledger = pd.DataFrame(connection.exec_driver_sql("select * from forecasts").mappings())
        scored = connection.exec_driver_sql("select count(distinct forecast_id) from scores").scalar_one()
        missed = connection.exec_driver_sql("select count(*) from missed_nights").scalar_one()
        ran = connection.exec_driver_sql("select count(*) from runs where state = 'completed'").scalar_one()
    assert set(ledger["kind"]) == {"live"}
    assert len(ledger) == len(TICKERS) * len(nights)
    assert ledger.groupby(["ticker", "spec", "target_session"]).size().max() == 1
    expected = [str(day.date()) for day in SESSIONS[1 : len(nights) + 1]]
    assert sorted(ledger.loc[ledger["ticker"] == "SIM-WALK", "target_session"]) == expected
    assert scored == len(TICKERS) * (len(nights) - 1)
    assert (missed, ran) == (0, len(nights))
    assert all(one.matches for one in replay_all(engine))
    engine.dispose()
