"""A forecast that was recorded late is no live one, whatever its row or other tables say, on both databases."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import exchange_calendars
import pytest
from guarded_store import ISSUED, OPEN, SHADOWS, attack, late_forecast, make_forecast, read_all
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError

from stockrnn.errors import StoreError
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import write_forecast
from stockrnn.store.guarded import HOURS_AFTER, HOURS_BEFORE
from stockrnn.store.schema import forecasts, instruments, prices
from stockrnn.types import CONTINUOUS_CALENDARS

FAR, TRUE = "'2036-01-05 14:30:00.000000'", "'2024-01-05 14:30:00.000000'"
OF_THE_DATE = {  # the row's own times, none of which makes it early
    "a time years ahead": {"target_opens_at": FAR},
    "the time of the next day": {"target_opens_at": "'2024-01-06 00:00:00.000000'"},
    "the end of time": {"target_opens_at": "'infinity'"},
    "its beginning": {"target_opens_at": "'-infinity'", "issued_at": "'-infinity'"},
    "no time": {"target_opens_at": "'soon'"},
    "a session at the end of time": {"target_session": "'infinity'", "target_opens_at": "'infinity'"},
    "the last year": {"target_session": "'9999-12-31'", "target_opens_at": "'9999-12-31 14:30:00.000000'"},
    "issued at no time": {"issued_at": "'-infinity'", "kind": "'hindcast'"},
    "a cutoff at no time": {"cutoff": "'-infinity'", "kind": "'hindcast'"},
    "recorded when it says": {"recorded_at": "'2024-01-04 22:00:00'"},
}
OF_SQLITE = {
    "a number of days": {"target_opens_at": "2500000.5"},
    "bytes": {"target_opens_at": f"cast({FAR} as blob)"},
    "more after a zero byte": {"target_opens_at": f"{TRUE} || char(0) || 'x'", "kind": "'hindcast'"},
    "no fraction": {"target_opens_at": "'2024-01-05 14:30:00'", "kind": "'hindcast'"},
    "an offset": {"target_opens_at": "'2024-01-05 14:30:00+00:00'", "kind": "'hindcast'"},
    "a day that does not exist": {
        "target_session": "'2024-02-31'",
        "target_opens_at": "'2024-02-31 14:30:00.000000'",
        "kind": "'hindcast'",
    },
    "61 seconds": {"target_opens_at": "'2024-01-05 14:30:61.000000'", "kind": "'hindcast'"},
    "24 o'clock": {
        "target_opens_at": "'2024-01-05 24:00:00.000000'",
        "target_session": "'2024-01-06'",
        "kind": "'hindcast'",
    },
    "a session that is a number": {"target_session": "2460315", "kind": "'hindcast'"},
    "a session in words": {"target_session": "'friday'", "kind": "'hindcast'"},
    "the year 0": {"issued_at": "'0000-01-04 22:00:00.000000'", "kind": "'hindcast'"},
    "no recording": {"recorded_at": "null"},
}


def test_a_forecast_does_not_pass_by_what_it_says_of_its_times(ledger):
    before = read_all(ledger)
    for name, says in (OF_THE_DATE | (OF_SQLITE if ledger.dialect.name == "sqlite" else {})).items():
        assert attack(ledger, late_forecast(**says)) is not None, name
        assert read_all(ledger) == before, name


SIMULATED = (
    "insert into instruments (ticker, calendar, market, active, no_data_nights) "
    "values ('META', 'XNYS', 'simulated', true, 0)"
)
MARKETS = {  # whose time is it?
    "as it is": [],
    "the source for a moment": ["update prices set source = 'simulated'"],
    "the market for a moment": ["update instruments set market = 'simulated'"],
    "by an upsert": [f"{SIMULATED} on conflict (ticker) do update set market = excluded.market"],
    "a bar from the simulated market": [
        "insert into prices values ('META', '2024-01-03', 1, 1, 1, 1, 1, 1, 'simulated', '2024-01-04 22:00:00+00')",
    ],
    "another ticker's bar": ["update prices set ticker = 'META', session = '2024-01-03' where ticker = 'SIM-A'"],
    "another ticker": ["update instruments set ticker = 'META' where ticker = 'SIM-A'"],
}
MARKETS_OF_SQLITE = {
    "without foreign keys": ["pragma foreign_keys = off", "delete from instruments where ticker = 'META'", SIMULATED],
    "by replacing": [SIMULATED.replace("insert", "insert or replace")],
    "by replacing without foreign keys": ["pragma foreign_keys = off", SIMULATED.replace("insert", "replace", 1)],
    "by the rowid": [
        "pragma foreign_keys = off",
        SIMULATED.replace("insert into instruments (", "replace into instruments (rowid, ").replace(
            "('M", "(1, 'OTHER-M"
        ),
        SIMULATED,
    ],
    "another ticker in its place": [
        "pragma foreign_keys = off",
        "update or replace instruments set ticker = 'META' where ticker = 'SIM-A'",
    ],
    "a market in other words": [
        "pragma ignore_check_constraints = on",
        "update instruments set market = 'simulated '",
    ],
    "shadows": [
        "create temp table instruments as select 'META' as ticker, 'simulated' as market",
        "create temp table prices as select ticker, session, 'simulated' as source from main.prices",
    ],
}
MARKETS_OF_POSTGRES = {
    "shadows": [SHADOWS.format("instruments", "market"), SHADOWS.format("prices", "source")],
    "shadows searched first": [
        SHADOWS.format("instruments", "market"),
        "set search_path = pg_temp, public",
    ],
    "a clock of one's own": [
        "create function pg_temp.clock_timestamp() returns timestamptz language sql return timestamptz '2024-01-04'",
        "set search_path = pg_temp, pg_catalog, public",
    ],
    "as a replica": ["set session_replication_role = replica", "update instruments set market = 'simulated'"],
    "as a replica, anew": [
        "set session_replication_role = replica",
        "delete from instruments where ticker = 'META'",
        SIMULATED,
    ],
}


def test_a_late_forecast_does_not_pass_as_one_of_the_simulated_market(ledger):
    before = read_all(ledger)
    sqlite = ledger.dialect.name == "sqlite"
    last = late_forecast().replace("into ", "into main." if sqlite else "into public.")
    for name, statements in (MARKETS | (MARKETS_OF_SQLITE if sqlite else MARKETS_OF_POSTGRES)).items():
        assert "recorded before its target session opens" in (attack(ledger, *statements, last) or ""), name
        assert read_all(ledger) == before, name


def make_tomorrow(**changes):
    """Make a live forecast of a session that opens tomorrow, by the clock, which the database reads too."""
    now = datetime.now(UTC)
    day = now.date() + timedelta(days=2)
    opens = datetime.combine(day, time(0), UTC)
    times = {"cutoff": now.date(), "target_session": day, "target_opens_at": opens, "issued_at": now}
    return make_forecast(**({"kind": "live", **times} | changes))


def test_a_live_forecast_is_refused_once_a_bar_of_its_session_is_stored(ledger):
    tomorrow = make_tomorrow(forecast_id="known", spec="known")
    bar = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "source": "yahoo", "observed_at": ISSUED}
    with suppress(InterruptedError), writing(ledger) as connection:
        connection.execute(insert(prices), {"ticker": "META", "session": tomorrow.target_session, **bar})
        with pytest.raises(DBAPIError, match="before the bar of its target session is stored"):
            write_forecast(connection, tomorrow)
        raise InterruptedError  # rolled back: the store is shared


def test_what_is_early_hindcast_or_simulated_is_recorded_by_the_clock_of_the_database(ledger):
    of_2024 = {"ticker": "SIM-A", "kind": "live", "spec": "in time"}
    recorded = [
        make_tomorrow(forecast_id="early", spec="in time"),
        make_forecast(forecast_id="hindcast", spec="in time"),
        make_forecast(forecast_id="simulated", **of_2024),
    ]
    with writing(ledger) as connection:
        assert [write_forecast(connection, forecast) for forecast in recorded] == recorded
    with reading(ledger) as connection:
        times = connection.scalars(select(forecasts.c.recorded_at).where(forecasts.c.spec == "in time")).all()
    assert all(abs(time - datetime.now(UTC)) < timedelta(minutes=5) for time in times)
    assert len(times) == 3
    after = make_forecast(forecast_id="after", **(of_2024 | {"spec": "after", "issued_at": OPEN}))
    with pytest.raises(StoreError, match="live_before_open"), writing(ledger) as connection:
        write_forecast(connection, after)


def make_continuous(**changes):
    """Make a forecast of BTC-USD, which trades around the clock, whose session opened five hours ago and is live."""
    now = datetime.now(UTC)
    opens = now - timedelta(hours=5)
    values = {
        "forecast_id": "btc", "ticker": "BTC-USD", "target": "close", "spec": "tutorial", "kind": "live",
        "cutoff": opens.date() - timedelta(days=1), "target_session": opens.date(), "target_opens_at": opens,
        "live_until": opens + timedelta(hours=6), "issued_at": now,
    }  # fmt: skip
    return make_forecast(**(values | changes))


def try_to_write(ledger, forecast, *, calendar="24/7"):
    """Write it into a store that knows its ticker, and roll back; return the words that refused it."""
    instrument = {"ticker": "BTC-USD", "calendar": calendar, "market": "real", "active": True, "no_data_nights": 0}
    refused = None
    with suppress(InterruptedError), writing(ledger) as connection:
        connection.execute(insert(instruments), instrument)
        try:
            write_forecast(connection, forecast)
        except (StoreError, DBAPIError) as error:
            refused = str(error)
        raise InterruptedError  # rolled back: the store is shared
    return refused


@pytest.mark.parametrize("calendar", CONTINUOUS_CALENDARS)
def test_on_a_market_that_never_closes_a_forecast_of_the_close_is_live_for_some_hours_after_the_opening(
    ledger, calendar
):
    assert try_to_write(ledger, make_continuous(), calendar=calendar) is None


def test_nowhere_else_and_for_no_other_target_is_a_forecast_live_after_the_opening(ledger):
    made = make_continuous()
    hour = timedelta(hours=1)
    until = "live_until is target_opens_at"
    for target in ("open", "high", "low", "adj_close"):
        assert until in (try_to_write(ledger, replace(made, target=target)) or ""), target
    assert until in (try_to_write(ledger, made, calendar="XNYS") or "")
    assert until in (try_to_write(ledger, made, calendar="24/7 ") or "")
    assert until in (try_to_write(ledger, replace(made, live_until=made.target_opens_at + 13 * hour)) or "")
    before = replace(made, live_until=made.target_opens_at - hour, kind="hindcast")
    assert until in (try_to_write(ledger, before) or "")
    assert until in (try_to_write(ledger, replace(made, ticker="META")) or "")
    late = replace(made, live_until=made.target_opens_at + 4 * hour, issued_at=made.target_opens_at)
    assert "recorded before its target session opens" in (try_to_write(ledger, late) or "")


@pytest.mark.exhaustive
def test_every_calendar_opens_within_the_hours_that_a_row_may_name(pytestconfig):
    step = 1 if pytestconfig.getoption("--all-nights") else 4
    for name in exchange_calendars.get_calendar_names(include_aliases=False)[::step]:
        opens = exchange_calendars.get_calendar(name, start="2021-01-01", end="2025-12-31").opens
        hours = (opens.dt.tz_localize(None) - opens.index) / timedelta(hours=1)
        assert hours.min() >= -HOURS_BEFORE, name
        assert hours.max() < HOURS_AFTER, name
