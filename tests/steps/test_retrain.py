"""Training where it is due, and models that come back as they were."""

import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest
from inline import retrain_if_due, update_simulated
from scenario import SMALL, evening

from stockrnn.errors import DamagedModelError, NotEnoughHistoryError, UnknownTickerError
from stockrnn.market.calendars import load_calendar
from stockrnn.models.registry import restore
from stockrnn.store.engine import reading, writing
from stockrnn.store.models import read_model
from stockrnn.store.prices import read_bars, write_bars
from stockrnn.types import Bars


def _count_models(engine):
    with reading(engine) as connection:
        return connection.exec_driver_sql("select count(*) from models").scalar()


def test_the_first_night_trains_and_the_second_does_not(job):
    first = retrain_if_due(job)
    assert first.reason == "no model yet"
    again = retrain_if_due(job)
    assert again.reason is None
    assert again.model == first.model
    assert _count_models(job.engine) == 1


def test_a_model_says_what_made_it(job):
    model = retrain_if_due(job).model
    assert (str(model.cutoff), model.target, model.lookback, model.epochs) == ("2012-03-16", "open", 5, 2)
    assert model.windows == 200 - 5
    assert model.config["network"]["units"] == 4
    assert set(model.versions) == {"keras", "numpy", "pandas", "scikit-learn", "scipy", "tensorflow"}
    calendar = load_calendar("XNYS", through_year=2013)
    assert len(calendar.sessions(model.trained_from, model.cutoff)) == 200


def test_a_model_is_due_again_after_a_week_of_sessions(make_job, job):
    retrain_if_due(job)
    thursday, monday = make_job(as_of=evening(2012, 4, 5)), make_job(as_of=evening(2012, 4, 9))
    update_simulated(monday)
    assert retrain_if_due(thursday).reason is None  # 4 sessions later
    due = retrain_if_due(monday)  # the 5th: Friday 6 April was a holiday
    assert due.reason == "the last training was on 2012-03-30, 5 sessions ago"
    assert str(due.challenger.cutoff) == "2012-03-23"  # ten sessions are kept for the trial


def test_a_changed_spec_is_due_at_once(make_job, job):
    retrain_if_due(job)
    assert retrain_if_due(make_job(spec=SMALL.model_copy(update={"epochs": 3}))).reason == "the spec was changed"


def test_forcing_the_same_training_keeps_the_model_that_stands(job):
    first = retrain_if_due(job)
    again = retrain_if_due(job, force=True)
    assert again.model == first.model
    assert _count_models(job.engine) == 1


def test_training_never_sees_a_session_after_the_cutoff(make_job, job):
    update_simulated(make_job(as_of=evening(2012, 6, 29)))
    model = retrain_if_due(job).model  # as of March, with prices up to June in the store
    assert str(model.cutoff) == "2012-03-16"
    other = make_job("SIM-FAT", as_of=evening(2012, 6, 29))
    assert retrain_if_due(other).model.data_sha256 != model.data_sha256


def test_a_later_model_is_not_used_for_an_earlier_cutoff(make_job, job):
    later = make_job(as_of=evening(2012, 6, 29))
    update_simulated(later)
    retrain_if_due(later)
    assert retrain_if_due(job).reason == "no model yet"


@pytest.mark.exhaustive
def test_a_stored_model_predicts_the_same_numbers_in_a_new_process(job, settings):
    model = retrain_if_due(job).model
    window = np.linspace(90, 110, 5).reshape(1, 5, 1)
    here = restore(model).predict(window)[0]
    code = (
        "import numpy as np\n"
        "from stockrnn.models.registry import restore\n"
        "from stockrnn.settings import Settings\n"
        "from stockrnn.store.engine import reading\n"
        "from stockrnn.store.migrate import open_store\n"
        "from stockrnn.store.models import read_model\n"
        f"engine = open_store(Settings(home={str(settings.home)!r}))\n"
        f"with reading(engine) as connection:\n    model = read_model(connection, {model.model_id!r})\n"
        "print(repr(float(restore(model).predict(np.linspace(90, 110, 5).reshape(1, 5, 1))[0])))\n"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(there.stdout) == here


def test_damaged_weights_are_noticed(job):
    model = retrain_if_due(job).model
    with writing(job.engine) as connection:
        connection.exec_driver_sql("update models set weights = x'00'")
    with reading(job.engine) as connection:
        damaged = read_model(connection, model.model_id)
    with pytest.raises(DamagedModelError, match=model.model_id):
        restore(damaged)


def test_a_ticker_without_prices_is_named(make_job):
    with pytest.raises(UnknownTickerError, match="NOPE: no prices are stored"):
        retrain_if_due(make_job("NOPE"))


def test_too_few_sessions_are_said_with_what_is_needed(make_job):
    fifth_session = make_job(as_of=evening(2010, 1, 8))
    update_simulated(fifth_session)
    with pytest.raises(NotEnoughHistoryError, match=r"SIM-FAT: 5 sessions .* at least 6 are needed"):
        retrain_if_due(fifth_session)
    sixth_session = make_job(as_of=evening(2010, 1, 11))
    update_simulated(sixth_session)
    assert retrain_if_due(sixth_session).model.windows == 1


def _restate(engine, job, ratio):
    """Store the ticker's bars as after a split, all prices divided by `ratio`."""
    with writing(engine) as connection:
        bars = read_bars(connection, job.ticker)
        bars[["open", "high", "low", "close", "adj_close"]] /= ratio
        later = job.as_of + timedelta(hours=1)
        options = {"calendar": "XNYS", "currency": None, "source": "simulated", "observed_at": later}
        written = write_bars(connection, job.ticker, Bars(frame=bars), **options)
    job.run.forget(job.ticker)
    return written


def test_a_split_makes_a_training_due_because_the_old_scale_no_longer_fits(engine, make_job, job):
    old = retrain_if_due(job).model
    assert _restate(engine, job, 4.0).revised > 500
    job = make_job(now=job.as_of + timedelta(hours=2))  # of two decisions for one night the later one counts
    again = retrain_if_due(job)
    assert again.reason == "the prices it was trained on have been restated, as by a split"
    assert again.model.config["scaler"]["data_max"] == pytest.approx(old.config["scaler"]["data_max"] / 4)
    assert retrain_if_due(job).reason is None
    assert retrain_if_due(job).model == again.model


def test_a_small_correction_makes_no_training_due(engine, job):
    retrain_if_due(job)
    assert _restate(engine, job, 1.001).revised > 500
    assert retrain_if_due(job).reason is None
