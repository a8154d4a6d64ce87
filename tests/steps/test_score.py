"""Scores, missed nights and replay, over simulated nights of the pipeline itself."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from inline import backtest_holdout, retrain_if_due, update_simulated
from scenario import FRIDAY_EVENING, evening

from stockrnn.steps.backtest import last_whole_month
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.replay import replay_all, replay_one
from stockrnn.steps.score import make_score, score_forecasts
from stockrnn.store.engine import reading, writing
from stockrnn.store.guards import remove_guards

KEY = {"ticker": "SIM-FAT", "target": "open", "spec": "tutorial"}


@pytest.fixture
def run_night(make_job):
    """Run the steps of one night, in the order of the flow; returns what was scored and issued."""

    def run(as_of, **options):
        job = make_job(as_of=as_of, **options)
        update_simulated(job)
        scored = score_forecasts(job)
        retrain_if_due(job)
        backtest_holdout(job, last_whole_month(job))
        return scored, forecast_next(job).forecast

    return run


def evenings(make_job, count):
    """The evenings of `count` sessions from Friday 30 March 2012 on."""
    job = make_job()
    update_simulated(job)
    calendar = job.history.calendar
    sessions = calendar.sessions(FRIDAY_EVENING.date(), FRIDAY_EVENING.date() + timedelta(days=2 * count + 7))
    return [evening(day.year, day.month, day.day) for day in sessions[:count]]


def rows(engine, statement):
    with reading(engine) as connection:
        return [dict(row) for row in connection.exec_driver_sql(statement).mappings()]


def test_a_forecast_is_scored_on_the_night_after_its_session(run_night, make_job, engine):
    first, second = evenings(make_job, 2)
    _, made = run_night(first)
    scored, _ = run_night(second)
    assert (scored.new, scored.again, scored.missed) == (1, 0, ())
    (score,) = rows(engine, "select * from scores")
    bar = make_job(as_of=second).history.bars.loc[pd.Timestamp(made.target_session)]
    assert score["actual"] == bar["open"]
    assert score["error"] == pytest.approx(made.predicted - bar["open"], abs=1e-12)
    assert score["naive_error"] == pytest.approx(made.naive - bar["open"], abs=1e-12)
    assert score["last_close_error"] == pytest.approx(made.last_close - bar["open"], abs=1e-12)
    assert score["inside_80"] == (made.lower_80 <= bar["open"] <= made.upper_80)
    moved, named = bar["open"] - made.last_close, made.predicted - made.last_close
    assert score["direction_correct"] == (np.sign(named) == np.sign(moved))


def row_of(target, *, basis=1.0, **prices):
    """A row of `forecast_vs_actual`: prices in the shares of the actual one."""
    errors = ("error", "naive_error", "last_close_error", "drift_error", "moving_average_error")
    bounds = ("lower_80", "upper_80", "lower_95", "upper_95")
    none = dict.fromkeys((*errors, *bounds, "last_scored_at"))
    return none | {"forecast_id": "f", "target": target, "basis": basis} | prices


@pytest.mark.parametrize(
    ("target", "prices", "correct"),
    [
        # yesterday opened at 100 and closed at 110
        ("open", {"actual": 112.0, "predicted": 105.0, "naive": 100.0, "last_close": 110.0}, False),
        ("open", {"actual": 105.0, "predicted": 100.0, "naive": 100.0, "last_close": 110.0}, True),
        ("high", {"actual": 112.0, "predicted": 111.0, "naive": 115.0, "last_close": 110.0}, True),
        ("low", {"actual": 110.0, "predicted": 111.0, "naive": 115.0, "last_close": 110.0}, None),
        ("open", {"actual": 112.0, "predicted": 110.0, "naive": 100.0, "last_close": 110.0}, None),
        ("close", {"actual": 112.0, "predicted": 111.0, "naive": 110.0, "last_close": 110.0}, True),
        # the close stands at twice the adjusted one
        ("adj_close", {"actual": 56.0, "predicted": 57.0, "naive": 55.0, "last_close": 110.0}, True),
        ("adj_close", {"actual": 54.0, "predicted": 57.0, "naive": 55.0, "last_close": 110.0}, False),
        ("adj_close", {"actual": 54.0, "predicted": 55.0, "naive": 55.0, "last_close": 110.0}, None),
    ],
)
def test_a_direction_is_counted_from_the_last_close_and_of_an_adjusted_close_from_the_last_adjusted_one(
    target, prices, correct
):
    assert make_score(row_of(target, **prices), clock=datetime(2024, 1, 5, tzinfo=UTC)).direction_correct is correct


def test_a_split_since_the_forecast_makes_no_direction(run_night, make_job, engine):
    first, second = evenings(make_job, 2)
    _, made = run_night(first)
    update_simulated(make_job(as_of=second))
    with writing(
        engine
    ) as connection:  # 4 for 1: the cutoff's old bar moves to the revisions, all prices are quartered
        connection.exec_driver_sql(
            "insert into price_revisions select ticker, session, '2012-04-02 12:00:00.000000', open, high, low, "
            "close, adj_close, volume, source, observed_at, 'split' from prices where session = '2012-03-30'"
        )
        connection.exec_driver_sql(
            "update prices set open = open / 4, high = high / 4, low = low / 4, close = close / 4, "
            "adj_close = adj_close / 4 where session >= '2012-03-30'"
        )
    score_forecasts(make_job(as_of=second))
    (score,) = rows(engine, "select * from scores")
    assert score["basis"] == 0.25
    moved, named = score["actual"] - made.last_close / 4, made.predicted / 4 - made.last_close / 4
    assert score["direction_correct"] == (np.sign(named) == np.sign(moved))
    # in the old shares every price of today lies below the last close
    assert score["actual"] < made.last_close / 2


def test_the_first_night_has_intervals_from_the_errors_of_the_backtest(run_night, make_job):
    (first,) = evenings(make_job, 1)
    _, made = run_night(first)
    assert made.lower_95 < made.lower_80 < made.predicted < made.upper_80 < made.upper_95
    assert made.upper_80 - made.predicted == pytest.approx(made.predicted - made.lower_80)


def test_scoring_again_adds_nothing_and_a_revision_adds_a_score_beside_the_earlier_one(run_night, make_job, engine):
    first, second = evenings(make_job, 2)
    run_night(first)
    run_night(second)
    before = rows(engine, "select * from scores")
    assert score_forecasts(make_job(as_of=second)).new == 0
    assert rows(engine, "select * from scores") == before
    with writing(engine) as connection:
        connection.exec_driver_sql("update prices set open = open * 1.001 where session = '2012-04-02'")
    again = score_forecasts(make_job(as_of=second))
    assert (again.new, again.again) == (0, 1)
    old, new = rows(engine, "select * from scores order by scored_at")
    assert old == before[0]
    assert new["actual"] == pytest.approx(old["actual"] * 1.001)


def test_a_session_without_a_live_forecast_is_a_row_of_the_record(run_night, make_job, engine):
    nights = evenings(make_job, 4)
    run_night(nights[0])
    scored, _ = run_night(nights[3])
    missed = [(str(night.target_session), str(night.cutoff)) for night in scored.missed]
    assert missed == [("2012-04-03", "2012-04-02"), ("2012-04-04", "2012-04-03")]
    assert score_forecasts(make_job(as_of=nights[3])).missed == ()
    assert len(rows(engine, "select * from missed_nights")) == 2
    assert [row["missed"] for row in rows(engine, "select * from live_skill where span = 0")] == [2]


@pytest.mark.exhaustive
def test_the_view_of_live_skill_counts_live_forecasts_by_their_last_score(run_night, make_job, engine):
    for night in evenings(make_job, 25):
        run_night(night)
    spans = {row["span"]: row for row in rows(engine, "select * from live_skill")}
    assert {span: row["n"] for span, row in spans.items()} == {0: 24, 20: 20, 60: 24, 250: 24}
    scores = rows(
        engine,
        "select scores.* from scores join forecasts using (forecast_id) where kind = 'live' order by target_session",
    )
    last = scores[-20:]
    assert spans[20]["mae"] == pytest.approx(np.mean([abs(row["error"]) for row in last]))
    assert spans[20]["naive_mae"] == pytest.approx(np.mean([abs(row["naive_error"]) for row in last]))
    assert spans[20]["skill"] == pytest.approx(1 - spans[20]["mae"] / spans[20]["naive_mae"])
    assert spans[20]["coverage_80"] == pytest.approx(np.mean([row["inside_80"] for row in last]))


@pytest.mark.exhaustive
def test_every_forecast_can_be_recomputed_and_a_price_changed_by_hand_is_found(run_night, make_job, engine):
    nights = evenings(make_job, 12)
    made = [run_night(night)[1] for night in nights]
    assert all(one.matches for one in replay_all(engine))
    with writing(engine) as connection:
        connection.exec_driver_sql("update prices set open = open + 0.01 where session = '2012-04-03'")
    differing = {one.forecast.cutoff: one.differences for one in replay_all(engine) if not one.matches}
    knowing = [one.cutoff for one in made if one.cutoff >= datetime(2012, 4, 3).date()]  # noqa: DTZ001  # a date
    assert sorted(differing) == knowing
    assert "no revision says so" in differing[knowing[0]][0]
    assert len(list(replay_all(engine, since=knowing[0]))) == len(knowing)


def test_weights_that_were_changed_are_named(run_night, make_job, engine):
    (first,) = evenings(make_job, 1)
    _, made = run_night(first)
    with writing(engine) as connection:
        connection.exec_driver_sql("update models set weights = x'00'")
    assert replay_one(engine, made.forecast_id).differences == ("the stored weights are not those it was made with",)


def test_a_number_that_was_taken_out_of_a_forecast_is_named(run_night, make_job, engine):
    (first,) = evenings(make_job, 1)
    _, made = run_night(first)
    with writing(engine) as connection:  # as the owner of the file can
        remove_guards(connection)
        connection.exec_driver_sql("update forecasts set volatility = null")
    expected = f"volatility: issued None, recomputed {made.volatility}"
    assert replay_one(engine, made.forecast_id).differences == (expected,)


def test_a_price_revised_afterwards_leaves_the_replay_as_it_was(run_night, make_job, engine):
    first, _second = evenings(make_job, 2)
    _, made = run_night(first)
    with writing(engine) as connection:  # as an update does it: the old row moves to the revisions
        connection.exec_driver_sql(
            "insert into price_revisions select ticker, session, '2012-04-01 00:00:00.000000', open, high, low, "
            "close, adj_close, volume, source, observed_at, 'correction' from prices where session = '2012-03-30'"
        )
        connection.exec_driver_sql(
            "update prices set open = open * 1.01, observed_at = '2012-04-01 00:00:00.000000' "
            "where session = '2012-03-30'"
        )
    assert replay_one(engine, made.forecast_id).matches
