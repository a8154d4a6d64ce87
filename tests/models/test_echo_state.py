"""An echo state network per ticker: what it learns, what it forecasts from, and what is stored of it."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from stockrnn.errors import MissingTargetError, NotEnoughHistoryError, SettingsError, UsageError
from stockrnn.models.echo_state import EchoStateSpec
from stockrnn.models.registry import get_kind, read_specs
from stockrnn.models.serialization import pack_weights, unpack_weights
from stockrnn.settings import load_settings
from stockrnn.types.hashing import hash_bytes, hash_values

SPEC = EchoStateSpec(lookback=12, units=25, sparsity=0.6, ridge=1e-3)


def make_bars(values):
    index = pd.bdate_range("2018-01-01", periods=len(values), name="session")
    return pd.DataFrame({"open": np.asarray(values, dtype=np.float64)}, index=index)


def random_walk(count=400, *, seed=0):
    return make_bars(100 * np.exp(np.random.default_rng(seed).normal(0, 0.02, count).cumsum()))


BARS = random_walk()


def fit(bars=BARS, *, spec=SPEC, seed=0, **options):
    return spec.fit({"META": bars}, target="open", seed=seed, **options)


def through_the_store(model):
    packed = pack_weights(model.to_weights())
    weights = unpack_weights(packed, sha256=hash_bytes(packed), model_id="any")
    return EchoStateSpec.restore(model.to_config(), weights, windows=model.windows, loss=model.loss)


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.to_weights(), other.to_weights(), strict=True))


def test_the_registry_knows_the_kind():
    assert get_kind("echo_state") is EchoStateSpec


def test_the_readout_is_scikit_learns_ridge_on_states_computed_step_by_step():
    model, values = fit(), BARS["open"].to_numpy()
    scaled = (values - values.min()) / (values.max() - values.min())
    matrix, rows, answers = model.reservoir.recurrent.toarray(), [], []
    for end in range(SPEC.lookback, len(values)):
        state = np.zeros(SPEC.units)
        for value in scaled[end - SPEC.lookback : end]:
            heard = np.tanh(model.reservoir.bias + model.reservoir.input_weights * value + matrix @ state)
            state = (1 - SPEC.leak) * state + SPEC.leak * heard
        rows.append([scaled[end - 1], *state])
        answers.append(scaled[end])
    ridge = Ridge(alpha=SPEC.ridge, solver="cholesky").fit(rows, answers)
    assert model.readout.intercept == pytest.approx(ridge.intercept_, rel=1e-7)
    assert [model.readout.value_weight, *model.readout.state_weights] == pytest.approx(
        ridge.coef_, rel=1e-7, abs=1e-9
    )
    assert model.loss == pytest.approx(np.mean((ridge.predict(rows) - answers) ** 2), rel=1e-9)
    assert (model.windows, model.epoch_losses) == (len(answers), (model.loss,))
    expected = ridge.predict(rows[-1:])[0] * (values.max() - values.min()) + values.min()
    assert model.forecast_known(BARS, BARS.index[-1:], target="open")["predicted"].item() == pytest.approx(expected)


def test_only_the_readout_is_counted_as_learned():
    assert fit().parameters == 1 + 1 + SPEC.units


def test_the_next_session_is_forecast_from_the_last_window_alone():
    model = fit()
    said = model.forecast_next(BARS, target="open", days_ahead=1)
    window = BARS.iloc[-SPEC.lookback :]
    assert model.forecast_next(window, target="open", days_ahead=4) == said
    assert said.window_sha256 == hash_values(window["open"].to_numpy())
    for place in range(-SPEC.lookback, 0):
        changed = window.copy()
        changed.iloc[place] *= 1.01
        assert model.forecast_next(changed, target="open", days_ahead=1).predicted != said.predicted
    assert model.forecast_next(window.iloc[1:], target="open", days_ahead=1) is None


def test_a_forecast_is_the_same_to_the_last_bit_however_many_stand_beside_it():
    model = fit(spec=EchoStateSpec(lookback=12))
    together = model.forecast_known(BARS, BARS.index[-300:], target="open")["predicted"]
    assert len(together) == 300
    for session in together.index[::13]:
        alone = model.forecast_known(BARS, pd.DatetimeIndex([session]), target="open")["predicted"]
        assert alone.item() == together[session]
        before = BARS.loc[:session].iloc[:-1]
        assert model.forecast_next(before, target="open", days_ahead=1).predicted == together[session]


def test_sessions_without_a_full_window_before_them_are_left_out():
    model = fit()
    table = model.forecast_known(BARS, BARS.index[:20], target="open")
    assert list(table.index) == list(BARS.index[SPEC.lookback : 20])
    assert table.index.name == "session"
    assert (table["output"] == table["predicted"]).all()
    assert model.forecast_known(BARS, BARS.index[:5], target="open").empty


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    assert same(fit(), fit())
    one, other = fit(), fit(seed=1)
    assert all(not np.array_equal(a, b) for a, b in zip(one.to_weights(), other.to_weights(), strict=True))


def test_the_bits_do_not_depend_on_how_many_threads_there_are():
    spec, bars = EchoStateSpec(units=150), random_walk(900)
    fitted = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            fitted.append(fit(bars, spec=spec))
    assert same(*fitted)


def test_a_model_from_the_store_forecasts_the_same_to_the_last_bit():
    model = fit()
    again = through_the_store(model)
    known = [each.forecast_known(BARS, BARS.index, target="open") for each in (model, again)]
    pd.testing.assert_frame_equal(*known, check_exact=True)
    assert same(model, again)
    assert again.to_config() == model.to_config()
    assert (again.windows, again.loss, again.epoch_losses) == (model.windows, model.loss, (model.loss,))


def test_a_model_from_another_process_forecasts_the_same_to_the_last_bit():
    model = fit()
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  # our own
    said = [each.forecast_next(BARS, target="open", days_ahead=1) for each in (model, again)]
    assert said[0] == said[1]


def test_a_warm_training_keeps_the_reservoir_and_the_scaler_and_fits_the_readout_anew():
    parent = through_the_store(fit(BARS.iloc[:300]))
    warm = fit(seed=1, parent=parent)
    assert all(np.array_equal(a, b) for a, b in zip(parent.to_weights()[:3], warm.to_weights()[:3], strict=True))
    assert (warm.scaler, warm.scaled_on) == (parent.scaler, parent.scaled_on)
    assert not np.array_equal(parent.readout.to_array(), warm.readout.to_array())
    assert warm.windows == len(BARS) - SPEC.lookback
    assert same(fit(BARS.iloc[:300], parent=parent), parent)


def test_on_epoch_is_told_of_the_beginning_and_of_the_loss():
    told = []
    model = fit(on_epoch=lambda epoch, loss: told.append((epoch, loss)))
    assert [epoch for epoch, _ in told] == [0, 1]
    assert np.isnan(told[0][1])
    assert told[1][1] == model.loss
    assert SPEC.count_epochs(warm=False) == SPEC.count_epochs(warm=True) == 1


def test_nothing_is_trained_in_epochs():
    with pytest.raises(UsageError, match="'echo_state' is not trained in epochs: leave --epochs out"):
        SPEC.with_epochs(5)


def test_it_is_trained_from_scratch_each_night_unless_the_settings_say_otherwise():
    assert (EchoStateSpec().every, EchoStateSpec().mode) == ("night", "full")
    assert EchoStateSpec(mode="warm").mode == "warm"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("spectral_radius", -0.1, "greater than or equal to 0"),
        ("spectral_radius", 10.5, "less than or equal to 10"),
        ("spectral_radius", float("nan"), "less than or equal to 10"),
        ("units", 0, "greater than or equal to 1"),
        ("units", 2001, "less than or equal to 2000"),
        ("leak", 0, "greater than 0"),
        ("leak", 1.01, "less than or equal to 1"),
        ("input_scale", 0, "greater than 0"),
        ("input_scale", float("inf"), "less than or equal to 100"),
        ("sparsity", -0.1, "greater than or equal to 0"),
        ("sparsity", 1, "less than 1"),
        ("ridge", 0, "greater than 0"),
        ("ridge", "much", "valid number"),
        ("lookback", 1, "greater than or equal to 2"),
        ("cell", "lstm", "not permitted"),
        ("epochs", 5, "not permitted"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_that_says_what_is_allowed(name, value, said):
    settings = load_settings(specs={"echo": {"kind": "echo_state", name: value}})
    with pytest.raises(SettingsError, match=rf"specs\.echo\.{name}: .*{said}") as refused:
        read_specs(settings)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("price", [0.01, 1.0, 123.45])
def test_a_constant_price_is_forecast_as_it_is(price):
    model = fit(make_bars([price] * 60))
    assert model.loss == 0
    assert model.forecast_next(make_bars([price] * 60), target="open", days_ahead=1).predicted == price


def test_the_line_of_an_autoregressive_pattern_is_learned():
    """x(t) = 1.6 x(t-1) - 0.8 x(t-2) + noise: no forecast is better than the line, whose error is the noise."""
    noise = np.random.default_rng(5).normal(0, 1, 2000)
    values = [0.0, 0.0]
    for shock in noise:
        values.append(1.6 * values[-1] - 0.8 * values[-2] + shock)
    bars = make_bars(100 + np.array(values))
    model = fit(bars.iloc[:1500])
    table = model.forecast_known(bars, bars.index[1500:], target="open")
    errors = table["predicted"] - bars["open"].iloc[1500:]
    last_value = bars["open"].diff().iloc[1500:]
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(np.std(noise[1498:]), rel=0.05)
    assert np.std(last_value) > 1.7 * np.std(errors)
    steps = (1.6 * bars["open"].shift(1) - 0.8 * bars["open"].shift(2) + 20).iloc[1500:]  # of the level 100
    assert np.corrcoef(table["predicted"], steps)[0, 1] > 0.995


def test_one_window_with_its_answer_is_enough():
    model = fit(BARS.iloc[: SPEC.lookback + 1])
    assert model.windows == 1
    assert np.isfinite(model.forecast_next(BARS, target="open", days_ahead=1).predicted)


def test_what_cannot_be_trained_on_is_refused():
    with pytest.raises(NotEnoughHistoryError):
        SPEC.require_trainable({"META": BARS.iloc[: SPEC.lookback]}, target="open")
    with pytest.raises(MissingTargetError):
        SPEC.require_trainable(
            {"META": BARS.assign(open=BARS["open"].where(BARS.index != BARS.index[7]))}, target="open"
        )


def test_prices_restated_by_a_split_no_longer_fit():
    config = fit().to_config()
    assert SPEC.fits_prices(config, BARS, target="open")
    assert not SPEC.fits_prices(config, BARS / 2, target="open")


@pytest.mark.parametrize(
    "changed",
    [{"units": 24}, {"units": 2001}, {"leak": 0}, {"leak": 1.5}, {"lookback": 10**9}, {"layers": 4}],
    ids=str,
)
def test_a_stored_shape_that_is_not_the_arrays_is_refused(changed):
    model = fit()
    config = model.to_config()
    config["network"] |= changed
    with pytest.raises(ValueError, match=r"units|leak|lookback|layers"):
        EchoStateSpec.restore(config, model.to_weights(), windows=1, loss=0.0)


@pytest.mark.parametrize(
    "change",
    [lambda line: line[1:], lambda line: line.astype("<f4"), lambda line: line * np.nan, lambda line: line[None]],
)
def test_a_stored_readout_that_is_not_the_reservoirs_is_refused(change):
    model = fit()
    *arrays, line = model.to_weights()
    with pytest.raises(ValueError, match="readout"):
        EchoStateSpec.restore(model.to_config(), [*arrays, change(line)], windows=1, loss=0.0)


def test_weights_beyond_all_numbers_forecast_none_and_no_warning():
    model = fit()
    arrays = [np.full_like(array, 1e308) if array.dtype == "f8" else array for array in model.to_weights()]
    huge = EchoStateSpec.restore(model.to_config(), arrays, windows=1, loss=0.0)
    assert np.isnan(huge.forecast_next(BARS, target="open", days_ahead=1).predicted)


def test_neither_keras_nor_tensorflow_is_imported_to_train_and_forecast():
    code = (
        "import sys, numpy as np, pandas as pd\n"
        "from stockrnn.training.requests import fit_request, make_request\n"
        "from stockrnn.models.registry import get_kind\n"
        "from stockrnn.types import Scope\n"
        "index = pd.bdate_range('2020-01-01', periods=99, name='session')\n"
        "bars = pd.DataFrame({'open': np.arange(99.0)}, index=index)\n"
        "scope = Scope(spec='echo', target='open', ticker='META', market='simulated')\n"
        "spec = get_kind('echo_state')(units=20)\n"
        "model = fit_request(make_request(scope, spec, {'META': bars}, seed=0)).forecaster\n"
        "print(model.forecast_next(bars, target='open', days_ahead=1).predicted > 0)\n"
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True", "[]"]
