"""Prices over a split that nobody told of, or that was restated only in part: an issue until that is settled."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from nights import NEW_YORK, closes, issues, night, on_both_databases, read_all, revisions
from sqlalchemy import select

from stockrnn.sources.simulated import simulate_bars
from stockrnn.steps.status import read_status
from stockrnn.store.actions import write_actions
from stockrnn.store.engine import reading, writing
from stockrnn.store.instruments import lock_instrument
from stockrnn.store.possible_splits import resolve_possible_split
from stockrnn.store.prices import write_bars
from stockrnn.store.schema import corporate_actions, price_issues, prices
from stockrnn.types import Action, Bars, Span

SESSIONS = NEW_YORK.sessions(date(2022, 5, 2), date(2022, 7, 29))
AT = 24
JUMP = date(2022, 6, 6)  # SESSIONS[AT]
NOON = datetime(2022, 8, 1, 12, tzinfo=UTC)
OPEN, GONE = [(JUMP, "possible_split", False)], [(JUMP, "possible_split", True)]


def make_raw(ratio=20.0, count=40, at=AT):
    bars = simulate_bars("AMZN", SESSIONS[:count])
    bars.iloc[:at, :5] *= ratio
    bars.iloc[:at, 5] /= ratio
    return bars


@pytest.fixture
def write(engine):
    """Write bars of META as a file brings them, or with `asked` as a source; each write a day after the last."""
    days = iter(range(1000))

    def write(bars, *, asked=None):
        moment = NOON + timedelta(days=next(days))
        options = {"calendar": "XNYS", "currency": None, "source": "yahoo" if asked else "csv"}
        with writing(engine) as connection:
            return write_bars(connection, "META", Bars(frame=bars), **options, observed_at=moment, asked=asked)

    return write


@pytest.fixture
def tell(engine):
    """Make splits known: ratio by date."""

    def tell(splits):
        actions = [Action(ex_date=day, kind="split", value=ratio) for day, ratio in splits.items()]
        with writing(engine) as connection:
            asked = Span(date(2022, 1, 1), date(2022, 12, 31))
            write_actions(connection, "META", actions, asked=asked, observed_at=NOON)

    return tell


def resolve(engine, session=JUMP):
    with writing(engine) as connection:
        return resolve_possible_split(connection, "META", session, at=NOON)


def read_issue(engine, *columns):
    with reading(engine) as connection:
        return connection.execute(select(*(price_issues.c[name] for name in columns))).one()


@on_both_databases
def test_raw_prices_over_a_split_that_was_not_applied_open_an_issue_and_are_used_all_the_same(engine, write):
    written = write(make_raw())
    assert (written.inserted, written.quarantined, written.possible_splits) == (40, 0, 1)
    assert str(written) == "40 sessions new, 0 revised, 0 rows quarantined, 1 jumps as of a split"
    assert issues(engine) == OPEN
    (detail,) = read_issue(engine, "detail")
    assert "from the close of 2022-06-03 to the open of 2022-06-06" in detail
    assert "as by a split of 20 for 1 " in detail
    assert len(closes(engine)) == 40


def test_offering_the_same_bars_again_changes_no_row(engine, write):
    write(make_raw())
    before = read_all(engine)
    for bars in (make_raw(), make_raw().iloc[AT:], make_raw().iloc[AT - 1 : AT + 1], make_raw().iloc[30:]):
        write(bars)
        write(bars, asked=Span(bars.index[0].date(), bars.index[-1].date()))
    assert read_all(engine) == before


def test_the_jump_is_found_where_stored_and_offered_bars_meet_whichever_come_first(engine, write):
    bars = make_raw()
    write(bars.iloc[:AT])
    assert issues(engine) == []
    assert write(bars.iloc[AT:]).possible_splits == 1
    assert issues(engine) == OPEN
    with writing(engine) as connection:
        connection.execute(prices.delete())
        connection.execute(price_issues.delete())
    write(bars.iloc[AT:])
    assert issues(engine) == []
    assert write(bars.iloc[:AT]).possible_splits == 1
    assert issues(engine) == OPEN


def test_night_by_night_the_same_jumps_are_found_as_at_once(engine, write):
    bars = make_raw(2.0)
    write(bars.iloc[:20])
    for position in range(20, 40):
        write(
            bars.iloc[position - 10 : position + 1],
            asked=Span(SESSIONS[position - 10].date(), SESSIONS[position].date()),
        )
        assert issues(engine) == (OPEN if position >= AT else [])


def test_a_restatement_that_takes_the_jump_away_resolves_it(engine, write):
    write(make_raw())
    write(simulate_bars("AMZN", SESSIONS[:40]))
    assert issues(engine) == GONE
    assert read_issue(engine, "resolved_by") == ("source",)
    write(make_raw())
    assert issues(engine) == OPEN
    assert read_issue(engine, "resolved_by") == (None,)


def test_a_past_restated_only_in_part_moves_the_issue_to_where_it_ends(engine, write):
    write(make_raw())
    write(simulate_bars("AMZN", SESSIONS[:40]).iloc[15:])
    assert issues(engine) == [(SESSIONS[15].date(), "possible_split", False), *GONE]


def test_a_known_split_explains_the_jump_and_resolves_it(engine, write, tell):
    write(make_raw())
    tell({date(2022, 6, 3): 20.0})
    assert write(make_raw()).possible_splits == 0
    assert issues(engine) == GONE
    tell({})
    write(make_raw())
    assert issues(engine) == OPEN


@on_both_databases
def test_what_a_person_resolved_stays_so_until_the_jump_is_another(engine, write):
    write(make_raw())
    assert resolve(engine)
    assert not resolve(engine)
    resolved = read_all(engine, "price_issues")
    assert read_issue(engine, "resolved_by") == ("person",)
    corrected = make_raw()
    corrected.iloc[AT, :5] *= 1.001
    later_split = make_raw()
    later_split.iloc[:, :5] /= 4
    for bars in (make_raw(), corrected, later_split):
        assert write(bars).possible_splits == 0
        assert read_all(engine, "price_issues") == resolved
    assert write(make_raw(5.0)).possible_splits == 1
    assert issues(engine) == OPEN
    assert "a split of 5 for 1" in read_issue(engine, "detail")[0]


@pytest.mark.exhaustive
@given(st.lists(st.tuples(st.integers(0, 39), st.integers(1, 40), st.booleans()), max_size=6))
@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_update_opens_again_what_a_person_resolved(engine, write, updates):
    with writing(engine) as connection:
        connection.execute(price_issues.delete())
        connection.execute(prices.delete())
    bars = make_raw()
    write(bars)
    resolve(engine)
    before = read_all(engine, "price_issues")
    for first, count, asked in updates:
        part = bars.iloc[first : first + count]
        write(part, asked=Span(part.index[0].date(), part.index[-1].date()) if asked else None)
    assert read_all(engine, "price_issues") == before


@pytest.mark.exhaustive
@given(st.sampled_from([2.0, 3.0, 7.0, 20.0, 0.1, 0.5]), st.integers(-3, 3), st.integers(1, 39))
@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_jump_that_a_known_split_explains_never_opens_an_issue(engine, write, tell, ratio, days, through):
    with writing(engine) as connection:
        connection.execute(prices.delete())
        connection.execute(corporate_actions.delete())
        lock_instrument(connection, "META", calendar="XNYS", currency=None, source="csv")
    tell({JUMP + timedelta(days=days): ratio})
    bars = make_raw(ratio)
    for part in (bars.iloc[:through], bars.iloc[through:], bars):
        assert write(part).possible_splits == 0
    assert issues(engine) == []


def test_only_an_open_issue_can_be_resolved(engine, write):
    assert not resolve(engine)
    write(make_raw())
    assert not resolve(engine, JUMP + timedelta(days=1))
    assert issues(engine) == OPEN


def test_status_warns_of_it_until_it_is_resolved(settings, engine, write):
    write(make_raw())

    def warnings():
        found = read_status(settings, engine, now=NOON).warnings
        return [line for line in found if "split" in line]

    (line,) = warnings()
    assert line.startswith("META: the price jumps into 2022-06-06 as by a split that no source told of; ")
    assert "stockrnn prices check --ticker META" in line
    resolve(engine)
    assert warnings() == []


@pytest.mark.exhaustive
def test_a_vendor_that_restates_a_split_late_and_tells_of_it_later_still_settles_the_issue(started, sessions):
    """The new shares trade on sessions[30]; until the fourth night nobody knows of a split."""
    ex_date, known_at = sessions[30].date(), night(sessions[33]) - timedelta(hours=1)
    started.yahoo.split("META", ex_date=ex_date, ratio=4.0, restated_at=known_at, told_at=known_at)
    for session in sessions[30:33]:
        started.update(night(session), "META")
        assert issues(started.engine) == [(ex_date, "possible_split", False)]
        started.assert_equals_a_full_download("META")
    started.update(night(sessions[33]), "META")
    assert issues(started.engine) == [(ex_date, "possible_split", True)]
    assert {row[2] for row in revisions(started.engine)} == {"split"}
    assert closes(started.engine).pct_change().abs().max() < 0.3
    started.assert_equals_a_full_download("META")


@pytest.mark.exhaustive
def test_an_issue_weeks_back_is_settled_by_a_restatement_of_the_sessions_before_it(started, sessions):
    """The overlap begins before the jump for as long as it is open."""
    for position in range(30):
        values = started.yahoo._listings["META"].traded[position] * [14, 14, 14, 14, 1]
        true = values / [14, 14, 14, 14, 1]
        changes = dict(zip(("open", "high", "low", "close", "volume"), values, strict=True))
        back = dict(zip(("open", "high", "low", "close", "volume"), true, strict=True))
        started.yahoo.correct("META", sessions[position].date(), at=night(sessions[30]), **changes)
        started.yahoo.correct("META", sessions[position].date(), at=night(sessions[55]), **back)
    for session in sessions[30:56]:
        started.update(night(session), "META")
        assert issues(started.engine) == [(sessions[30].date(), "possible_split", session == sessions[55])]
    started.assert_equals_a_full_download("META")


def test_adjusted_prices_of_a_file_followed_by_yahoos_own_are_corrections_and_no_split(started, sessions, tmp_path):
    """What `auto_adjust` exports: open to close scaled by the dividends since, and no adjusted close."""
    started.yahoo.dividend("META", ex_date=sessions[20].date(), amount=3.0)
    started.yahoo.dividend("META", ex_date=sessions[28].date(), amount=2.0)
    started.yahoo.dividend("META", ex_date=sessions[30].date(), amount=2.0)
    started.yahoo.now = night(sessions[30])
    true = started.yahoo.prices("META", settled_by=started.yahoo.now)
    adjusted = true.copy()
    adjusted[["open", "high", "low", "close"]] *= (true["adj_close"] / true["close"]).to_numpy()[:, None]
    adjusted["adj_close"] = float("nan")
    with writing(started.engine) as connection:
        connection.execute(prices.delete())
        options = {"calendar": "XNYS", "currency": None, "source": "csv", "observed_at": night(sessions[29])}
        write_bars(connection, "META", Bars(frame=adjusted.iloc[:30]), **options)
    assert started.update(night(sessions[30]), "META")["META"].revised == 30
    assert {row[2] for row in revisions(started.engine)} == {"correction"}
    started.assert_equals_a_full_download("META")


def test_the_case_of_an_export_of_adjusted_prices_gives_no_split(engine, write, shared_data, tmp_path):
    from stockrnn.sources.csv_file import read_price_file

    path = shared_data.parent / "cases" / "auto-adjusted.csv"
    if not path.exists():
        pytest.skip("the case is not here")
    adjusted = read_price_file(path).set_index("session")
    true = read_price_file(shared_data / "yahoo" / "AAPL.csv").set_index("session").loc[adjusted.index[0] :]
    write(adjusted)
    common = true.index.intersection(adjusted.index)
    assert write(true.loc[common], asked=Span(common[0].date(), common[-1].date())).revised > 600
    assert "split" not in {row[2] for row in revisions(engine)}
    assert issues(engine) == []
