"""What happens to prices over the nights, and what the store makes of it.

After each scenario the store equals, to the row, a new one filled by a full download at the same moment, and every
value that was superseded is kept with its times.
"""

from datetime import date, timedelta

import pandas as pd
import pytest
from nights import NEW_YORK, Batch, at, list_simulated, night, read_all, read_store, revisions
from sqlalchemy import select
from yahoo_server import FakeYahoo

from stockrnn.errors import NoPriceDataError, WrongCalendarError
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_instrument, read_tickers
from stockrnn.store.prices import Written, read_bars
from stockrnn.store.schema import price_issues

NOTHING = Written(inserted=0, revised=0, quarantined=0)
ONE = Written(inserted=1, revised=0, quarantined=0)


def issues(engine, ticker="META"):
    """Session, kind, and whether it is resolved, of every issue there ever was."""
    table = price_issues
    query = select(table.c.session, table.c.kind, table.c.resolved_at).where(table.c.ticker == ticker)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(table.c.session, table.c.kind)).all()
    return [(row[0], row[1], row[2] is not None) for row in rows]


def closes(engine, ticker="META", **options):
    with reading(engine) as connection:
        return read_bars(connection, ticker, **options)["close"]


@pytest.fixture
def sessions(yahoo) -> pd.DatetimeIndex:
    """META is listed on 2024-01-02."""
    return list_simulated(yahoo)


@pytest.fixture
def started(batch, sessions):
    """Thirty sessions are stored; the next night's is `sessions[30]`."""
    batch.update(night(sessions[29]), "META")
    return batch


def test_normal_nights_add_one_session_each_and_ask_for_little(started, sessions):
    assert len(closes(started.engine)) == 30
    for session in sessions[30:40]:
        started.yahoo.requests.clear()
        assert started.update(night(session), "META") == {"META": ONE}
        (chart,) = started.yahoo.charts
        asked = pd.Timestamp(chart[1], unit="s", tz="UTC").tz_convert("America/New_York").date()
        position = sessions.get_loc(session)
        assert asked == sessions[position - 10].date()  # the last ten stored sessions, and the new one
    started.assert_equals_a_full_download("META")
    assert revisions(started.engine) == []
    assert issues(started.engine) == []


def test_a_second_update_in_the_same_night_asks_nothing_and_changes_nothing(started, sessions):
    before = read_all(started.engine)
    started.yahoo.requests.clear()
    assert started.update(night(sessions[29]) + timedelta(hours=2), "META") == {"META": NOTHING}
    assert started.yahoo.charts == []
    assert read_all(started.engine) == before


def test_a_late_bar_is_a_gap_until_it_comes(started, sessions):
    session = sessions[30].date()
    started.yahoo.hide("META", session, until=night(sessions[31]) - timedelta(hours=1))
    assert started.update(night(sessions[30]), "META")["META"] == Written(
        inserted=0, revised=0, quarantined=0, missing=1
    )
    assert issues(started.engine) == [(session, "missing_session", False)]
    started.assert_equals_a_full_download("META")
    # the same night again: it is still asked for, since the last session is not there
    started.yahoo.requests.clear()
    started.update(night(sessions[30]) + timedelta(hours=1), "META")
    assert len(started.yahoo.charts) == 1
    assert started.update(night(sessions[31]), "META")["META"].inserted == 2
    assert issues(started.engine) == [(session, "missing_session", True)]
    started.assert_equals_a_full_download("META")


def test_a_missing_bar_that_appears_two_nights_later_is_taken_then(started, sessions):
    session = sessions[30].date()
    started.yahoo.hide("META", session, until=night(sessions[32]) - timedelta(hours=1))
    for later in sessions[30:32]:
        started.update(night(later), "META")
        assert issues(started.engine) == [(session, "missing_session", False)]
        started.assert_equals_a_full_download("META")
    assert started.update(night(sessions[32]), "META")["META"].inserted == 2
    assert issues(started.engine) == [(session, "missing_session", True)]
    started.assert_equals_a_full_download("META")
    assert revisions(started.engine) == []


def test_a_gap_older_than_the_overlap_is_asked_for_again(started, sessions):
    started.yahoo.hide("META", sessions[30].date(), until=night(sessions[55]) - timedelta(hours=1))
    for later in sessions[30:55:4]:
        started.update(night(later), "META")
    assert (sessions[30].date(), "missing_session", False) in issues(started.engine)
    started.update(night(sessions[55]), "META")
    assert (sessions[30].date(), "missing_session", True) in issues(started.engine)
    started.assert_equals_a_full_download("META")


def test_the_bar_of_an_open_session_is_not_stored_nor_one_that_has_just_closed(started, sessions):
    opens, closed = (started_at.to_pydatetime() for started_at in _times(sessions[30]))
    for moment in (opens + timedelta(hours=1), closed + timedelta(hours=3, minutes=59)):
        started.update(moment, "META")
        assert closes(started.engine).index[-1] == sessions[29]
        assert issues(started.engine) == []
    assert started.update(closed + timedelta(hours=4), "META") == {"META": ONE}
    started.assert_equals_a_full_download("META")


def _times(session):
    return NEW_YORK.table.loc[session]


def test_the_settle_delay_can_be_set(started, sessions):
    _, closed = _times(sessions[30])
    started.settings = started.settings.model_copy(update={"settle_hours": 0.5})
    assert started.update(closed.to_pydatetime() + timedelta(minutes=31), "META") == {"META": ONE}


def test_a_bar_whose_figures_are_finished_later_is_revised_as_a_late_bar(started, sessions):
    session, true = sessions[30].date(), _bar(started, sessions[30])
    started.yahoo.disturb("META", session, until=night(sessions[31]) - timedelta(hours=1), volume=true.volume * 0.75)
    started.update(night(sessions[30]), "META")
    assert started.update(night(sessions[31]), "META")["META"] == Written(inserted=1, revised=1, quarantined=0)
    (revision,) = revisions(started.engine)
    assert revision == (session, true.close, "late_bar", night(sessions[30]), night(sessions[31]))
    started.assert_equals_a_full_download("META")


def _bar(batch, session):
    before, batch.yahoo.now = batch.yahoo.now, night(session)
    bar = batch.yahoo.prices("META", settled_by=batch.yahoo.now, disturbed=False).loc[session]
    batch.yahoo.now = before
    return bar


def test_a_last_bar_that_stands_there_twice_is_stored_once_and_the_other_row_is_kept(started, sessions):
    session, true = sessions[30].date(), _bar(started, sessions[30])
    started.yahoo.duplicate("META", session, until=night(sessions[31]) - timedelta(hours=1), volume=true.volume - 100)
    assert started.update(night(sessions[30]), "META")["META"].quarantined == 1
    assert issues(started.engine) == [(session, "duplicate_row", False)]
    with reading(started.engine) as connection:
        assert read_bars(connection, "META")["volume"].iloc[-1] == true.volume
        raw = connection.scalar(select(price_issues.c.raw))
    assert (raw["session"], raw["volume"]) == (str(session), true.volume - 100)
    started.assert_equals_a_full_download("META")
    started.update(night(sessions[31]), "META")
    assert issues(started.engine) == [(session, "duplicate_row", True)]
    started.assert_equals_a_full_download("META")


def test_a_duplicate_that_says_the_same_is_no_issue(started, sessions):
    started.yahoo.duplicate("META", sessions[30].date(), until=night(sessions[31]))
    assert started.update(night(sessions[30]), "META") == {"META": ONE}
    assert issues(started.engine) == []


@pytest.mark.parametrize("amount", [1.0, 0.002])
def test_a_dividend_restates_the_adjusted_closes_of_the_whole_past(started, sessions, amount):
    """Also one so small that no adjusted close moves by more than the tolerance."""
    ex_date = sessions[32]
    started.yahoo.dividend("META", ex_date=ex_date.date(), amount=amount)
    for session in sessions[30:36]:
        started.yahoo.requests.clear()
        started.update(night(session), "META")
        assert len(started.yahoo.charts) == (2 if session == ex_date else 1)
    revised = revisions(started.engine)
    if amount == 1.0:
        started.assert_equals_a_full_download("META")
        assert {row[2:] for row in revised if row[0] < sessions[30].date()} == {
            ("dividend", night(sessions[29]), night(ex_date))
        }
        assert len(revised) == 32  # every session before the ex-date, and no other
    else:
        assert revised == []
        before = read_store(started.engine, "META")["prices"]
        true = started.yahoo.prices("META", settled_by=started.yahoo.now)
        assert (abs(before["adj_close"].to_numpy() / true["adj_close"].to_numpy() - 1) < 1e-4).all()
    assert read_store(started.engine, "META")["actions"] == [(ex_date.date(), "dividend", amount)]


def test_small_dividends_do_not_add_up_beyond_the_tolerance(started, sessions):
    for position in range(30, 60, 3):
        started.yahoo.dividend("META", ex_date=sessions[position].date(), amount=0.004)
    for session in sessions[30:62]:
        started.update(night(session), "META")
    stored = read_store(started.engine, "META")["prices"]["adj_close"].to_numpy()
    true = started.yahoo.prices("META", settled_by=started.yahoo.now)["adj_close"].to_numpy()
    assert abs(stored / true - 1).max() < 1e-4
    assert (stored / stored[-1] * true[-1] / true - 1).max() < 1e-4


def test_a_dividend_announced_ahead_is_kept_without_a_row_of_nothing(started, sessions):
    ex_date = sessions[31].date()
    started.yahoo.dividend("META", ex_date=ex_date, amount=1.0, announced_at=night(sessions[29]))
    for session in sessions[30:34]:
        started.update(night(session), "META")
        started.assert_equals_a_full_download("META")
    assert read_store(started.engine, "META")["actions"] == [(ex_date, "dividend", 1.0)]
    assert issues(started.engine) == []


def test_a_dividend_whose_own_bar_is_late_keeps_its_date(started, sessions):
    """The client moves such a dividend to the session before, or makes a row of nothing for it."""
    ex_date = sessions[31].date()
    started.yahoo.hide("META", ex_date, until=night(sessions[33]) - timedelta(hours=1))
    started.yahoo.dividend("META", ex_date=ex_date, amount=1.0)
    for session in sessions[30:34]:
        started.update(night(session), "META")
        expected = [] if session == sessions[30] else [(ex_date, "dividend", 1.0)]
        assert read_store(started.engine, "META")["actions"] == expected
        assert {kind for _, kind, _ in issues(started.engine)} <= {"missing_session"}
        started.assert_equals_a_full_download("META")
    assert read_all(started.engine, "action_revisions") == {"action_revisions": []}


@pytest.mark.parametrize("ratio", [4.0, 0.1])
def test_a_split_restates_the_whole_past_and_the_old_prices_stay_readable(started, sessions, ratio):
    before = closes(started.engine)
    started.yahoo.split("META", ex_date=sessions[30].date(), ratio=ratio)
    assert started.update(night(sessions[30]), "META")["META"] == Written(inserted=1, revised=30, quarantined=0)
    started.assert_equals_a_full_download("META")
    after = closes(started.engine)
    pd.testing.assert_series_equal(after.iloc[:30], before / ratio, rtol=1e-9)
    assert {row[2:] for row in revisions(started.engine)} == {("split", night(sessions[29]), night(sessions[30]))}
    known = closes(started.engine, known_at=night(sessions[30]) - timedelta(seconds=1))
    pd.testing.assert_series_equal(known, before, check_exact=True)
    assert read_store(started.engine, "META")["actions"] == [(sessions[30].date(), "split", ratio)]


def test_a_split_also_restates_the_dividends_paid_before(started, sessions):
    started.yahoo.dividend("META", ex_date=sessions[30].date(), amount=2.0)
    started.yahoo.split("META", ex_date=sessions[32].date(), ratio=4.0)
    for session in sessions[30:34]:
        started.update(night(session), "META")
        started.assert_equals_a_full_download("META")
    assert read_store(started.engine, "META")["actions"] == [
        (sessions[30].date(), "dividend", 0.5),
        (sessions[32].date(), "split", 4.0),
    ]
    (old,) = read_all(started.engine, "action_revisions")["action_revisions"]
    assert old == ("META", sessions[30].date(), "dividend", night(sessions[32]), 2.0, night(sessions[30]))


def test_a_split_whose_past_is_restated_days_later_waits_for_it(started, sessions):
    """Until then the new bars are on another basis than the old: a fall of 75 % that never was."""
    ex_date = sessions[31].date()
    started.yahoo.split("META", ex_date=ex_date, ratio=4.0, restated_at=night(sessions[33]) - timedelta(hours=1))
    for session in sessions[30:33]:
        started.update(night(session), "META")
        assert closes(started.engine).pct_change().abs().max() < 0.3
    kinds = [(session.date(), "split_not_applied", False) for session in sessions[31:33]]
    assert issues(started.engine) == kinds
    started.update(night(sessions[33]), "META")
    started.assert_equals_a_full_download("META")
    assert issues(started.engine) == [(session, kind, True) for session, kind, _ in kinds]
    assert closes(started.engine).pct_change().abs().max() < 0.3


def test_a_correction_of_one_bar_is_one_revision(started, sessions):
    session, new = sessions[26].date(), night(sessions[30])
    started.yahoo.correct("META", session, at=new, close=_bar(started, sessions[26]).close * 1.001)
    old = closes(started.engine)[sessions[26]]
    started.yahoo.requests.clear()
    assert started.update(new, "META")["META"] == Written(inserted=1, revised=1, quarantined=0)
    assert len(started.yahoo.charts) == 1
    assert revisions(started.engine) == [(session, old, "correction", night(sessions[29]), new)]
    started.assert_equals_a_full_download("META")


def test_a_correction_far_back_is_found_by_fetching_the_whole_history(started, sessions):
    started.yahoo.correct("META", sessions[3].date(), at=night(sessions[30]), volume=12345.0)
    started.update(night(sessions[30]), "META")
    assert revisions(started.engine) == []
    assert started.update(night(sessions[30]), "META", full=True)["META"].revised == 1
    started.assert_equals_a_full_download("META")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"close": None}, "missing_price"),
        ({"open": None, "high": None, "low": None, "close": None, "volume": None}, "missing_price"),
        ({"open": 0.0}, "non_positive_price"),
        ({"low": -1.0}, "non_positive_price"),
        ({"high": 0.01}, "high_low_contradiction"),
        ({"open": 1e5, "high": 1e5, "low": 1e5, "close": 1e5}, "jump"),
        ({"open": 1e-3, "high": 1e-3, "low": 1e-3, "close": 1e-3}, "jump"),
    ],
)
def test_a_bad_row_is_kept_aside_until_a_good_one_comes(started, sessions, values, kind):
    session = sessions[30].date()
    started.yahoo.disturb("META", session, until=night(sessions[31]) - timedelta(hours=1), **values)
    assert started.update(night(sessions[30]), "META")["META"].inserted == 0
    assert issues(started.engine) == [(session, kind, False)]
    with reading(started.engine) as connection:
        raw = connection.scalar(select(price_issues.c.raw))
    assert {name: raw[name] for name in values if name != "volume"} == {
        name: value for name, value in values.items() if name != "volume"
    }
    started.assert_equals_a_full_download("META")
    assert started.update(night(sessions[31]), "META")["META"].inserted == 2
    assert issues(started.engine) == [(session, kind, True)]
    started.assert_equals_a_full_download("META")
    assert revisions(started.engine) == []


def test_a_row_on_a_day_without_a_session_is_kept_aside_until_it_is_gone(started, sessions):
    holiday = date(2024, 2, 19)  # Washington's birthday; sessions[33] is the day after
    assert sessions[33].date() == date(2024, 2, 20)
    started.yahoo.stray("META", holiday, until=night(sessions[34]), close=100.0)
    started.update(night(sessions[33]), "META")
    assert issues(started.engine) == [(holiday, "not_a_session", False)]
    assert pd.Timestamp(holiday) not in closes(started.engine).index
    started.assert_equals_a_full_download("META")
    started.update(night(sessions[34]), "META")
    assert issues(started.engine) == [(holiday, "not_a_session", True)]


def test_a_past_in_other_units_is_not_taken_for_a_split(started, sessions):
    """Pounds instead of pence for the whole history: no split says so."""
    before = closes(started.engine)
    true = started.yahoo.prices("META", settled_by=night(sessions[30]), disturbed=False)
    for session, bar in true.iterrows():
        scaled = {name: bar[name] / 100 for name in ("open", "high", "low", "close")}
        started.yahoo.disturb("META", session.date(), until=night(sessions[31]) - timedelta(hours=1), **scaled)
    started.yahoo.now = night(sessions[30])
    bar = started.yahoo.prices("META", settled_by=night(sessions[30]), disturbed=False).loc[sessions[30]]
    scaled = {name: bar[name] / 100 for name in ("open", "high", "low", "close")}
    started.yahoo.disturb("META", sessions[30].date(), until=night(sessions[31]) - timedelta(hours=1), **scaled)
    started.update(night(sessions[30]), "META")
    pd.testing.assert_series_equal(closes(started.engine), before, check_exact=True)
    assert issues(started.engine) == [(sessions[30].date(), "jump", False)]
    started.update(night(sessions[31]), "META")
    started.assert_equals_a_full_download("META")
    assert revisions(started.engine) == []


def test_noise_in_the_last_digits_changes_no_row(settings, engine, make_client):
    with FakeYahoo(noise=True) as yahoo:
        batch = Batch(settings, engine, yahoo, make_client(yahoo), lambda: engine)
        sessions = list_simulated(yahoo)
        for session in sessions[20:40]:
            batch.update(night(session), "META")
    assert len(closes(engine)) == 40
    assert revisions(engine) == []


def test_a_delisted_ticker_becomes_inactive_after_several_nights_and_keeps_its_prices(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    started.update(night(sessions[29]), "AAPL")
    started.yahoo.delist("META", at=night(sessions[30]) - timedelta(hours=1))
    for count, session in enumerate(sessions[30:35], start=1):
        for again in range(2):  # a night that is run twice counts once
            done = started.update(night(session) + timedelta(hours=again), "META", "AAPL")
            assert isinstance(done["META"], NoPriceDataError)
        with reading(started.engine) as connection:
            stored = read_instrument(connection, "META")
            assert (stored.no_data_nights, stored.active) == (count, count < 5)
    with reading(started.engine) as connection:
        assert read_tickers(connection, simulated=False) == ["AAPL"]
    assert len(closes(started.engine)) == 30


def test_a_night_with_data_starts_the_count_anew_and_an_inactive_ticker_can_come_back(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    started.yahoo.fail("404", tickers=["META"])
    for session in sessions[30:35]:
        started.update(night(session), "META", "AAPL")
    started.yahoo.heal()
    assert started.update(night(sessions[35]), "META", "AAPL")["META"].inserted == 6
    with reading(started.engine) as connection:
        stored = read_instrument(connection, "META")
    assert (stored.no_data_nights, stored.active) == (0, True)
    started.assert_equals_a_full_download("META")


def test_a_delisted_ticker_that_still_answers_with_its_past_becomes_inactive_too(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    for session in sessions[30:40]:
        started.yahoo.hide("META", session.date(), until=night(sessions[60]))
    for session in sessions[30:35]:
        started.update(night(session), "META", "AAPL")
    with reading(started.engine) as connection:
        stored = read_instrument(connection, "META")
        assert (stored.no_data_nights, stored.active) == (5, False)
        assert read_instrument(connection, "AAPL").active
    assert len(issues(started.engine)) == 5


def test_two_nights_without_a_bar_are_forgotten_when_it_comes(started, sessions):
    list_simulated(started.yahoo, "AAPL")
    started.yahoo.hide("META", sessions[30].date(), until=night(sessions[32]) - timedelta(hours=1))
    started.yahoo.hide("META", sessions[31].date(), until=night(sessions[32]) - timedelta(hours=1))
    counts = []
    for session in sessions[30:33]:
        started.update(night(session), "META", "AAPL")
        with reading(started.engine) as connection:
            counts.append(read_instrument(connection, "META").no_data_nights)
    assert counts == [1, 2, 0]


def test_a_ticker_alone_never_becomes_inactive(started, sessions):
    started.yahoo.fail("empty")
    for session in sessions[30:40]:
        assert isinstance(started.update(night(session), "META")["META"], NoPriceDataError)
    with reading(started.engine) as connection:
        assert read_instrument(connection, "META").active


def test_a_renamed_ticker_is_another_ticker(started, sessions):
    started.yahoo.delist("META", at=night(sessions[30]) - timedelta(hours=1))
    list_simulated(started.yahoo, "FBNEW")
    done = started.update(night(sessions[30]), "META", "FBNEW")
    assert "META: Yahoo has no prices of it" in str(done["META"])
    assert "renamed" in str(done["META"])
    assert done["FBNEW"].inserted == 31
    assert len(closes(started.engine)) == 30
    started.assert_equals_a_full_download("FBNEW")


def test_a_holiday_adds_nothing_and_is_no_gap(started, sessions):
    assert date(2024, 2, 19) not in {session.date() for session in sessions}
    started.update(at("2024-02-17"), "META")
    assert closes(started.engine).index[-1] == pd.Timestamp("2024-02-16")
    for day in ("2024-02-18", "2024-02-19", "2024-02-20"):
        started.update(at(day, hour=4), "META")
    assert closes(started.engine).index[-1] == pd.Timestamp("2024-02-16")
    assert issues(started.engine) == []
    started.assert_equals_a_full_download("META")


def test_an_early_close_settles_earlier(started, sessions):
    started.update(night("2024-11-27"), "META")
    before = at("2024-11-29", hour=21, minute=59)  # closed at 13:00 in New York, 18:00 UTC
    started.update(before, "META")
    assert closes(started.engine).index[-1] == pd.Timestamp("2024-11-27")
    started.update(before + timedelta(minutes=1), "META")
    assert closes(started.engine).index[-1] == pd.Timestamp("2024-11-29")
    started.assert_equals_a_full_download("META")


def test_an_unscheduled_closure_is_no_gap(batch, yahoo):
    list_simulated(yahoo, first=date(2025, 1, 2), through=date(2025, 1, 31))
    for day in ("2025-01-08", "2025-01-10"):  # the ninth: national day of mourning
        batch.update(night(day), "META")
    assert issues(batch.engine) == []
    batch.assert_equals_a_full_download("META")


@pytest.mark.parametrize("change", ["2024-03-10", "2024-11-03"])
def test_a_change_of_the_clock_shifts_no_date(batch, sessions, change):
    around = sessions[(sessions >= pd.Timestamp(change) - pd.Timedelta(days=9))][:12]
    for session in around:
        batch.update(night(session), "META")
        assert closes(batch.engine).index[-1] == session
        batch.assert_equals_a_full_download("META")
    assert issues(batch.engine) == []
    assert revisions(batch.engine) == []


def test_a_ticker_of_another_exchange_keeps_its_own_dates(batch, yahoo):
    tokyo = list_simulated(
        yahoo, "7203.T", calendar="XTKS", timezone="Asia/Tokyo", first=date(2024, 1, 4), currency="JPY"
    )
    # in New York it is still the evening before when Tokyo's session of the 19th has closed and settled
    batch.update(at("2024-03-19", hour=10), "7203.T")
    assert closes(batch.engine, "7203.T").index[-1] == pd.Timestamp("2024-03-19")
    # 20 March is a holiday in Tokyo only
    batch.update(at("2024-03-20", hour=10), "7203.T")
    assert closes(batch.engine, "7203.T").index[-1] == pd.Timestamp("2024-03-19")
    for session in tokyo[(tokyo > pd.Timestamp("2024-03-19"))][:5]:
        batch.update(at(session, hour=11), "7203.T")
        assert closes(batch.engine, "7203.T").index[-1] == session
    assert issues(batch.engine, "7203.T") == []
    batch.assert_equals_a_full_download("7203.T")
    with reading(batch.engine) as connection:
        assert read_instrument(connection, "7203.T").currency == "JPY"


@pytest.mark.parametrize(
    ("ticker", "calendar", "timezone"),
    [("BTC-USD", "24/7", "UTC"), ("SHEL.L", "XLON", "Europe/London"), ("0700.HK", "XHKG", "Asia/Hong_Kong")],
)
def test_other_markets_are_followed_by_their_own_calendars(batch, yahoo, ticker, calendar, timezone):
    listed = list_simulated(yahoo, ticker, calendar=calendar, timezone=timezone, first=date(2024, 3, 4))
    for session in listed[5:25]:
        batch.update(at(session + pd.Timedelta(days=1), hour=5), ticker)
        assert closes(batch.engine, ticker).index[-1] == session
    assert issues(batch.engine, ticker) == []
    batch.assert_equals_a_full_download(ticker)


def test_a_calendar_of_another_part_of_the_world_is_refused(batch, yahoo):
    list_simulated(yahoo, "TOYOTA", calendar="XTKS", timezone="Asia/Tokyo", first=date(2024, 1, 4))
    error = batch.update(at("2024-03-19", hour=12), "TOYOTA")["TOYOTA"]
    assert isinstance(error, WrongCalendarError)
    assert "America/New_York, but Yahoo says it trades in Asia/Tokyo" in str(error)
    assert read_all(batch.engine, "instruments")["instruments"] == []
    batch.settings = batch.settings.model_copy(update={"calendars": {"TOYOTA": "XTKS"}})
    assert batch.update(at("2024-03-19", hour=12), "TOYOTA")["TOYOTA"].inserted > 40


def test_an_as_of_in_the_past_stores_what_had_settled_then_but_dates_it_now(batch, sessions):
    now = night(sessions[50])
    batch.update(now, "META", as_of=night(sessions[20]))
    assert closes(batch.engine).index[-1] == sessions[20]
    assert {row[-1] for row in read_all(batch.engine, "prices")["prices"]} == {now}
    batch.update(now + timedelta(days=1), "META")
    batch.assert_equals_a_full_download("META")


def test_a_run_that_was_overtaken_by_a_later_one_writes_nothing(started, sessions):
    later, earlier = night(sessions[31]), night(sessions[30])
    started.update(later, "META")
    before = read_all(started.engine)
    started.yahoo.correct("META", sessions[28].date(), at=later, volume=1.0)
    started.yahoo.now = later
    job_time = started._update(started.engine, ["META"], earlier, earlier, full=True)
    assert job_time == {"META": NOTHING}
    assert read_all(started.engine) == before
