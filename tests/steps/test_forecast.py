"""The forecast of the next session: what stands beside it, what it may know, and whether it is live."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from inline import retrain_if_due, update_simulated
from scenario import evening

from stockrnn.errors import ModelMissingError
from stockrnn.settings import Settings
from stockrnn.sources.simulated import simulate_bars
from stockrnn.steps.forecast import decide_kind, forecast_next
from stockrnn.steps.import_prices import import_prices
from stockrnn.store.engine import reading
from stockrnn.store.guards import remove_guards

OPENS = datetime(2024, 1, 5, 14, 30, tzinfo=UTC)


def _trained(job):
    retrain_if_due(job)
    return job


def test_a_friday_forecasts_monday_with_naive_and_the_last_close_beside_it(job):
    issued = forecast_next(_trained(job))
    made = issued.forecast
    bar = job.history.bars.iloc[-1]
    assert (str(made.cutoff), str(made.target_session)) == ("2012-03-30", "2012-04-02")
    assert made.target_opens_at == datetime(2012, 4, 2, 13, 30, tzinfo=UTC)
    assert (made.naive, made.last_close) == (bar["open"], bar["close"])
    assert issued.new
    assert issued.sessions_behind == 0


def test_before_a_day_of_mourning_the_session_after_it_is_forecast(make_job):
    job = make_job(as_of=evening(2018, 12, 4))
    update_simulated(job)
    assert str(forecast_next(_trained(job)).forecast.target_session) == "2018-12-06"


def test_the_first_forecast_stands(make_job, job):
    first = forecast_next(_trained(job))
    later = make_job(now=job.now + timedelta(hours=1))
    again = forecast_next(later)
    assert not again.new
    assert again.forecast == first.forecast


def test_a_forecast_is_the_same_whatever_came_afterwards(make_job, job, settings, tmp_path):
    made = forecast_next(_trained(job)).forecast
    update_simulated(make_job(as_of=evening(2013, 3, 28)))
    with job.engine.begin() as connection:
        remove_guards(connection)
        connection.exec_driver_sql("delete from forecasts")
    again = forecast_next(make_job()).forecast
    # the market has moved on: what is computed now is the same, and no part of the live record any more
    assert (again.kind, again.issued_at) == ("hindcast", evening(2013, 3, 28))
    same = {"forecast_id": made.forecast_id, "kind": made.kind, "issued_at": made.issued_at}
    assert replace(again, **same) == made


def test_without_a_model_the_error_names_the_command(job):
    with pytest.raises(ModelMissingError, match="stockrnn retrain --ticker SIM-FAT --spec tutorial"):
        forecast_next(job)


def test_a_model_trained_later_is_no_model_for_this_cutoff(make_job, job):
    later = make_job(as_of=evening(2012, 6, 29))
    update_simulated(later)
    retrain_if_due(later)
    with pytest.raises(ModelMissingError, match="2012-03-30"):
        forecast_next(job)


@pytest.mark.parametrize(
    ("as_of", "clock", "kind"),
    [(-1, -1, "live"), (-1, 0, "hindcast"), (-48, 1, "hindcast"), (0, -1, "hindcast"), (1, 1, "hindcast")],
)
def test_only_what_was_said_before_the_open_is_live(as_of, clock, kind):
    hours = {number: OPENS + timedelta(hours=number) for number in (as_of, clock)}
    assert decide_kind(as_of=hours[as_of], clock=hours[clock], live_until=OPENS) == kind


def _import_simulated_as_real(engine, tmp_path, sessions):
    frame = simulate_bars("REAL", sessions).rename_axis("Date").reset_index()
    frame.to_csv(tmp_path / "real.csv", index=False)
    import_prices(
        Settings(),
        engine,
        [tmp_path / "real.csv"],
        ticker="REAL",
        calendar=None,
        currency="USD",
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_an_earlier_as_of_gives_a_hindcast_of_a_real_ticker_and_a_live_forecast_of_a_simulated_one(
    make_job, job, engine, tmp_path
):
    _import_simulated_as_real(engine, tmp_path, job.history.bars.index)
    years_later = datetime(2026, 1, 1, tzinfo=UTC)
    real = forecast_next(_trained(make_job("REAL", now=years_later))).forecast
    assert (real.kind, real.issued_at) == ("hindcast", years_later)
    simulated = forecast_next(_trained(make_job(now=years_later))).forecast
    assert (simulated.kind, simulated.issued_at) == ("live", job.as_of)


def test_a_clock_that_is_set_back_makes_no_live_forecast_of_a_real_ticker(make_job, job, engine, tmp_path):
    _import_simulated_as_real(engine, tmp_path, job.history.bars.index)
    assert forecast_next(_trained(make_job("REAL"))).forecast.kind == "hindcast"


def test_prices_that_end_early_are_counted(make_job, job):
    later = make_job(as_of=evening(2012, 4, 3))
    issued = forecast_next(_trained(later))
    assert str(issued.forecast.cutoff) == "2012-03-30"
    assert issued.sessions_behind == 2
    assert issued.forecast.kind == "hindcast"


def test_the_database_notes_when_the_forecast_was_recorded(job):
    forecast_next(_trained(job))
    with reading(job.engine) as connection:
        recorded = connection.exec_driver_sql("select recorded_at from forecasts").scalar()
    assert datetime.fromisoformat(recorded) > datetime(2026, 1, 1)  # noqa: DTZ001  # as SQLite writes it, in UTC
