"""Which network is looked at, on which windows, and that nothing is written."""

import numpy as np
import pytest
from inline import make_trainer, refuse, retrain_if_due, update_simulated
from scenario import FRIDAY_EVENING, SMALL, SMALL_QUANTILE

from stockrnn import networks
from stockrnn.models.registry import restore
from stockrnn.settings import Settings
from stockrnn.steps.gradients import study_gradients
from stockrnn.steps.run import Run
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store


@pytest.fixture
def make_job(tmp_path):
    specs = {"tutorial": SMALL, "quantile": SMALL_QUANTILE, "cut": {**SMALL.model_dump(), "truncate_after": 2}}
    settings = Settings(home=tmp_path / "home", specs=specs)
    run = Run(settings=settings, engine=open_store(settings), as_of=FRIDAY_EVENING, now=FRIDAY_EVENING)

    def make(spec):
        job = run.job("SIM-A", spec)
        update_simulated(job)
        return job

    return make


def count_models(job):
    with reading(job.engine) as connection:
        return connection.exec_driver_sql("select count(*) from models").scalar()


@pytest.mark.exhaustive
def test_the_network_in_use_is_looked_at_and_none_is_trained(make_job):
    job = make_job("tutorial")
    champion = restore(retrain_if_due(job).model)
    studied = study_gradients([job], make_trainer(refuse))
    (reach,) = studied.reaches
    assert (studied.ticker, reach.spec, reach.cell) == ("SIM-A", "tutorial", "lstm")
    values = champion.scaler.transform(job.history.bars["open"].to_numpy()[-SMALL.train_sessions :])
    windows = np.lib.stride_tricks.sliding_window_view(values[:-1], SMALL.lookback)[:, :, np.newaxis]
    shown = windows[np.linspace(0, len(windows) - 1, 32).round().astype(int)]
    wanted = networks.measure_reach(champion.network, champion.weights, shown)
    np.testing.assert_allclose(reach.trained.inputs, wanted.inputs, rtol=1e-5)
    np.testing.assert_allclose(reach.trained.states, wanted.states, rtol=1e-5)
    assert not np.allclose(reach.untrained.inputs, reach.trained.inputs)
    assert count_models(job) == 1


@pytest.mark.exhaustive
def test_where_none_is_in_use_one_is_trained_for_this_alone_also_for_quantiles(make_job):
    job = make_job("quantile")
    (reach,) = study_gradients([job], make_trainer()).reaches
    assert reach.trained.inputs.shape == (SMALL_QUANTILE.lookback,)
    assert (reach.trained.inputs > 0).all()
    assert count_models(job) == 0


@pytest.mark.exhaustive
def test_remedies_are_shown_as_the_spec_has_them_else_by_numbers_that_show_them(make_job):
    cut, free = (study_gradients([make_job(name)], make_trainer()).remedies for name in ("cut", "tutorial"))
    assert (cut.truncate_after, free.truncate_after) == (2, SMALL.lookback)  # ten is more than its window has
    assert np.flatnonzero(cut.truncated).tolist() == [0, 1]
    assert (cut.free > 0).all()
    assert cut.clip_norm == np.median(cut.norms)
