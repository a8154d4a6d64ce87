"""Which forecasts are live on markets that never close, and what is said of nights whose forecasts are not."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from inline import walk_night
from sqlalchemy import text

from stockrnn.market.calendars import load_calendar
from stockrnn.sources.simulated import simulate_bars
from stockrnn.steps.import_prices import import_prices
from stockrnn.steps.liveness import explain_never_live
from stockrnn.steps.status import read_status
from stockrnn.store.engine import reading

# ahead of the clock, which the database reads too: there nothing has opened yet
TODAY = datetime.now(UTC).date()
NEVER = "no forecast of its open can be live"


def at(hour: int, *, days: int = 1) -> datetime:
    return datetime.combine(TODAY + timedelta(days=days), time(hour), UTC)


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"target": "close"})


@pytest.fixture
def add_bars(settings, engine, tmp_path):
    """Import the bars of a ticker up to a day, as if they were real."""

    def add(ticker, *, through, settings=settings):
        calendar = load_calendar("24/7", through_year=through.year + 1)
        bars = simulate_bars(ticker, calendar.sessions(through - timedelta(days=300), through))
        path = tmp_path / f"{through}.csv"
        bars.rename_axis("Date").to_csv(path)
        import_prices(
            settings, engine, [path], ticker=ticker, calendar="24/7", currency=None,
            as_of=datetime.combine(through, time(6), UTC) + timedelta(days=1),
        )  # fmt: skip

    return add


def run_night(settings, engine, now, *, as_of=None):
    night = walk_night(
        settings, engine, as_of or now, ["BTC-USD"], specs=["tutorial"], now=now, source="stored", pictures=False
    )
    assert not night.failed, night.failures
    return night


def test_around_the_clock_the_close_is_forecast_live_within_two_hours_after_the_bar_before_has_settled(
    settings, engine, add_bars
):
    add_bars("BTC-USD", through=TODAY)
    made = run_night(settings, engine, at(5)).outcomes[0].forecast
    assert (made.kind, made.target_session, made.cutoff) == ("live", TODAY + timedelta(days=1), TODAY)
    assert (made.issued_at, made.target_opens_at, made.live_until) == (at(5), at(0), at(6))
    with reading(engine) as connection:
        cutoffs = connection.scalars(text("select cutoff from models")).all()
        assert max(map(date.fromisoformat, cutoffs)) <= made.cutoff  # they knew nothing of the session
        after = "select hours_after_open from latest_forecasts"
        assert connection.scalar(text(after)) == pytest.approx(5)
    assert run_night(settings, engine, at(6)).outcomes[0].forecast.kind == "hindcast"


def test_no_other_target_is_live_after_the_opening_and_that_is_said_when_the_ticker_is_first_used(
    settings, engine, add_bars, caplog
):
    changed = settings.model_copy(update={"target": "open"})
    for days in (0, 1):
        add_bars("BTC-USD", through=TODAY + timedelta(days=days), settings=changed)
    assert caplog.text.count(NEVER) == 1
    assert 'target = "close"' in caplog.text
    night = run_night(changed, engine, at(5, days=2))
    assert night.outcomes[0].forecast.kind == "hindcast"
    assert night.notes == ()  # it could not be otherwise


@pytest.mark.exhaustive
def test_what_can_be_live_only_after_a_weekend_is_said_so():
    assert "except after a weekend" in explain_never_live("GC=F", load_calendar("CMES", through_year=2026), "open")
    assert explain_never_live("GC=F", load_calendar("CMES", through_year=2026), "close") is None
    assert explain_never_live("META", load_calendar("XNYS", through_year=2026), "open") is None


def test_a_night_without_a_live_forecast_says_so_and_several_are_a_problem_until_one_comes_in_time(
    settings, engine, add_bars
):
    def problems(now):
        return [words for words in read_status(settings, engine, now=now).problems if "no live forecast" in words]

    add_bars("BTC-USD", through=TODAY)
    (note,) = run_night(settings, engine, at(12)).notes
    assert note.startswith("no forecast of this night is live: the next sessions of BTC-USD had opened before")
    assert "nightly --due" in note
    assert problems(at(13)) == []
    add_bars("BTC-USD", through=TODAY + timedelta(days=1))
    run_night(settings, engine, at(12, days=2))
    (problem,) = problems(at(13, days=2))
    assert problem.startswith("the last 2 nights gave no live forecast: the next sessions of BTC-USD")
    add_bars("BTC-USD", through=TODAY + timedelta(days=2))
    assert run_night(settings, engine, at(5, days=3)).notes == ()
    assert problems(at(6, days=3)) == []
    # a rerun after the opening is no late night: the live forecast stands
    assert run_night(settings, engine, at(12, days=3)).notes == ()


def test_a_look_at_the_past_is_no_late_night(settings, engine, add_bars):
    add_bars("BTC-USD", through=TODAY)
    assert run_night(settings, engine, at(12), as_of=at(12, days=-1)).notes == ()
    assert not read_status(settings, engine, now=at(12)).tickers[0].late
