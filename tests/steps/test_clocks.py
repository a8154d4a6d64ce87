"""Clocks that jump: every forecast replays, every night finds its model, the last written score counts."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from inline import retrain_if_due, update_simulated, walk_night
from pydantic import SecretStr
from scenario import FRIDAY_EVENING, evening
from tiny_model import ENTRY, TinySpec

from stockrnn.market.calendars import load_calendar
from stockrnn.models.registry import KINDS
from stockrnn.settings import Settings
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.moment import start_run
from stockrnn.steps.replay import replay_all
from stockrnn.steps.run import Run
from stockrnn.steps.run_log import logged_run
from stockrnn.steps.score import score_forecasts
from stockrnn.store.engine import reading, writing
from stockrnn.store.migrate import open_store
from stockrnn.store.prices import write_bars
from stockrnn.store.schema import METADATA
from stockrnn.types import Bars

ALL = pytest.mark.exhaustive
WALK, DAY = "SIM-WALK", timedelta(days=1)
CALENDAR = load_calendar("XNYS", through_year=2042)
AHEAD = CALENDAR.sessions(date(2039, 12, 1), date(2040, 6, 29))
"""Sessions of a real ticker, ahead of the clock of the database, which so takes their forecasts as live."""


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setitem(KINDS, "tiny", ENTRY)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", specs={"tiny": TinySpec(every="night")}, spec="tiny")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.exhaustive)])
def settings_of_either(request, settings):
    if request.param == "sqlite":
        return settings
    url = SecretStr(request.getfixturevalue("postgres").make())
    return settings.model_copy(update={"database_url": url})


def rows(engine, statement):
    with reading(engine) as connection:
        return [dict(row) for row in connection.exec_driver_sql(statement).mappings()]


def list_differences(engine):
    return [(one.forecast.forecast_id, one.differences) for one in replay_all(engine) if not one.matches]


def count_duplicates(engine):
    return rows(engine, "select forecast_id from scores group by forecast_id having count(*) > 1")


def walk(settings, engine, as_of, *, now=None, source="simulated", tickers=(WALK,)):
    night = walk_night(settings, engine, as_of, tickers, specs=("tiny",), source=source, pictures=False, now=now)
    assert night.failed == (), night.failures
    return night.outcomes[0].issued


@pytest.mark.parametrize(("seed", "count"), [(0, 6), *(pytest.param(seed, 20, marks=ALL) for seed in (1, 2))])
def test_simulated_nights_in_any_order_replay_and_find_their_model(settings, engine, seed, count):
    rng = random.Random(seed)  # noqa: S311  # an order of nights, no secrets
    sessions = CALENDAR.sessions(date(2012, 3, 1), date(2012, 4, 30))
    reached = None
    for day in rng.sample(list(sessions), count):
        as_of = evening(day.year, day.month, day.day)
        issued = walk(settings, engine, as_of)
        assert issued.forecast.kind == ("hindcast" if reached and as_of < reached else "live")
        reached = max(as_of, reached or as_of)
    assert list_differences(engine) == []
    assert count_duplicates(engine) == []
    assert len(rows(engine, "select * from forecasts")) == count


def after_close(session):
    return CALENDAR.closes_at(session.date()) + timedelta(hours=5)


class RealMarket:
    """A real ticker whose source tells each night all bars up to the truth, the last two of them revised."""

    def __init__(self, settings, engine):
        self.settings, self.engine = settings, engine
        self.bars = simulate_bars("META", CALENDAR.sessions(FIRST_SESSION, AHEAD[-1].date())).iloc[-400:]

    def night(self, session, *, now):
        """Run a night on which `session` is the last that has closed and the clock says `now`."""
        known = self.bars.loc[:session].copy()
        known.iloc[-3:-1] *= 1 + known.index.get_loc(session) % 7 / 100
        options = {"calendar": "XNYS", "currency": None, "source": "csv", "observed_at": now}
        with writing(self.engine) as connection:
            write_bars(connection, "META", Bars(frame=known), **options)
        return walk(self.settings, self.engine, now, source="stored", tickers=("META",))


@pytest.mark.parametrize(("seed", "count"), [(0, 6), pytest.param(1, 20, marks=ALL)])
@pytest.mark.exhaustive
def test_real_nights_on_clocks_that_jump_replay_find_their_model_and_count_the_last_score(
    settings_of_either, seed, count
):
    rng, engine = random.Random(seed), open_store(settings_of_either)  # noqa: S311  # jumps, no secrets
    market = RealMarket(settings_of_either, engine)
    for session in AHEAD[-count:]:
        # never before the close: what has closed is known, however wrong the clock is
        jump = rng.choice([timedelta(0), timedelta(0), timedelta(hours=9), 3 * DAY, 200 * DAY])
        market.night(session, now=after_close(session) + jump)
    assert list_differences(engine) == []
    written = rows(engine, "select forecast_id, scored_at, actual from scores order by forecast_id, scored_at")
    last = {row["forecast_id"]: row["actual"] for row in written}
    now = rows(engine, "select forecast_id, actual from forecast_vs_actual")
    assert last == {row["forecast_id"]: row["actual"] for row in now}
    assert len(written) > len(last)  # some were scored again, and the clock had gone back since
    assert rows(engine, "select * from missed_nights where target_session > '2040-06-29'") == []
    assert rows(engine, "select * from price_revisions where superseded_at <= observed_at") == []
    engine.dispose()


def test_a_model_that_was_promoted_by_a_clock_ahead_stays_usable_and_is_replaced_by_later_ones(settings, engine):
    market = RealMarket(settings, engine)
    first, second = AHEAD[-20:-18]
    made = market.night(first, now=after_close(first) + 30 * DAY)
    now = after_close(first)
    job = Run(settings=settings, engine=engine, as_of=now, now=now).job("META", "tiny")
    assert forecast_next(job).forecast.model_id == made.forecast.model_id
    replaced = market.night(second, now=after_close(second))
    (_, newest) = rows(engine, "select * from promotions order by decided_at")
    assert newest["model_id"] == replaced.forecast.model_id != made.forecast.model_id


def test_a_clock_ahead_notes_no_night_as_missed(settings, engine):
    market = RealMarket(settings, engine)
    first, missed, third = AHEAD[-20:-17]
    assert market.night(first, now=after_close(first)).forecast.kind == "live"
    ahead = after_close(first) + 9 * DAY
    job = Run(settings=settings, engine=engine, as_of=ahead, now=ahead).job("META", "tiny")
    assert score_forecasts(job).missed == ()
    assert market.night(third, now=after_close(third)).forecast.kind == "live"
    (noted,) = rows(engine, "select * from missed_nights")
    assert noted["target_session"] == str(third.date())
    assert noted["cutoff"] == str(missed.date())


def test_a_score_that_was_dated_in_the_future_does_not_count_for_good(settings, engine):
    walk(settings, engine, FRIDAY_EVENING)
    walk(settings, engine, evening(2012, 4, 2))
    (score,) = rows(engine, "select * from scores")
    wrong = score | {"scored_at": datetime(2099, 1, 1, tzinfo=UTC), "error": 1e6, "inside_80": None}
    names = ("inside_80", "inside_95", "direction_correct")
    wrong |= {name: wrong[name] if wrong[name] is None else bool(wrong[name]) for name in names}
    with writing(engine) as connection:
        connection.execute(METADATA.tables["scores"].insert(), [wrong])
    walk(settings, engine, evening(2012, 4, 3))
    last = rows(engine, f"select * from scores where forecast_id = '{score['forecast_id']}' order by scored_at")[-1]
    assert (last["error"], last["scored_at"]) == (score["error"], "2099-01-01 00:00:00.000001")
    (skill,) = rows(engine, "select mae from live_skill where span = 0")
    assert skill["mae"] < 100
    assert list_differences(engine) == []


def test_a_clock_that_went_backwards_is_said_once_per_run_and_a_small_skew_is_not(settings, engine, caplog):
    now = datetime.now(UTC)
    with logged_run(engine, "nightly", as_of=now, now=now, parameters={}):
        pass
    start_run(settings, engine, as_of=None, now=now - timedelta(seconds=30))
    assert caplog.messages == []
    start_run(settings, engine, as_of=None, now=now - DAY)
    backwards, database = caplog.messages
    assert backwards.startswith(f"the clock went backwards: it says {now - DAY:%Y-%m-%d %H:%M} UTC, an earlier run")
    assert database.startswith(f"the clock says {now - DAY:%Y-%m-%d %H:%M} UTC, that of the database {now:%Y-%m-%d}")


def test_a_simulated_ticker_is_looked_at_as_of_the_time_its_market_has_reached(settings, engine):
    now = datetime.now(UTC)
    empty = start_run(settings, engine, as_of=None, now=now)
    assert empty.moment(simulated=True) == empty.moment(simulated=False) == now
    walk(settings, engine, FRIDAY_EVENING)
    run = start_run(settings, engine, as_of=None, now=now)
    assert (run.moment(simulated=True), run.moment(simulated=False)) == (FRIDAY_EVENING, now)
    job = run.job(WALK)
    assert job.as_of == job.clock == FRIDAY_EVENING
    named = start_run(settings, engine, as_of=evening(2012, 3, 28), now=now).job(WALK)
    assert (named.as_of, named.clock) == (evening(2012, 3, 28), FRIDAY_EVENING)
    bringing = start_run(settings, engine, as_of=None, now=evening(2012, 3, 1), simulated=True)
    assert bringing.moment(simulated=True) == bringing.as_of == FRIDAY_EVENING


def test_a_hindcast_uses_no_model_that_was_decided_on_later(settings, engine):
    walk(settings, engine, FRIDAY_EVENING)
    walk(settings, engine, evening(2012, 4, 2))
    early = Run(settings=settings, engine=engine, as_of=evening(2012, 3, 28), now=FRIDAY_EVENING).job(WALK)
    update_simulated(early)
    trained = retrain_if_due(early)
    assert trained.reason == "no model yet"
    assert str(trained.decision.evidence["known_through"]) == "2012-03-28"
    assert forecast_next(early).forecast.model_id == trained.challenger.model_id
