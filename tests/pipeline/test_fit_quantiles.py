"""One quantile model for many tickers, on the simulated market."""

import numpy as np
import pandas as pd
import pytest

from stockrnn.calendars import load_calendar
from stockrnn.errors import HoldoutError
from stockrnn.features import CONTEXT, INPUTS, make_answers, make_inputs
from stockrnn.pipeline.fit_quantiles import Training, fit_quantile_model
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars
from stockrnn.types import QuantileNetwork

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
NETWORK = QuantileNetwork(
    lookback=10, inputs=len(INPUTS), context=len(CONTEXT), layers=1, units=8, dropout=0.0, batch_size=128,
    learning_rate=0.003, levels=LEVELS,
)  # fmt: skip
SESSIONS = load_calendar("XNYS", through_year=2017).sessions(FIRST_SESSION, pd.Timestamp("2016-12-30").date())
DAYS = pd.Series(np.append(np.diff(SESSIONS).astype("timedelta64[D]").astype(float), 4.0), index=SESSIONS)
TRAINING = Training(members=2, epochs=4, patience=2, validation_sessions=150)
CUTOFF = "2014-12-31"


def make_pair(ticker, *, through="2016-12-30", target="close"):
    bars = simulate_bars(ticker, SESSIONS).loc[:through]
    inputs = make_inputs(bars, DAYS, lookback=NETWORK.lookback, target=target)
    return inputs, make_answers(bars, inputs, target=target)


def fit(seed=0, tickers=("SIM-A", "SIM-B"), **options):
    known = [make_pair(ticker, through=CUTOFF) for ticker in tickers]
    return fit_quantile_model(NETWORK, known, training=TRAINING, seed=seed, **options)


@pytest.fixture(scope="module")
def model():
    return fit()


@pytest.mark.parametrize("ticker", ["SIM-A", "SIM-C"], ids=["trained on", "never seen"])
def test_quantiles_hold_what_they_say_after_the_cutoff(model, ticker):
    inputs, answers = make_pair(ticker)
    later = (inputs.sessions > CUTOFF) & np.isfinite(answers)
    prices = model.predict(inputs)[later]
    actual = (inputs.base * np.exp(answers * inputs.unit))[later]
    assert (np.diff(prices, axis=1) > 0).all()
    assert np.mean((prices[:, 1] <= actual) & (actual <= prices[:, 3])) == pytest.approx(0.80, abs=0.06)
    assert np.mean((prices[:, 0] <= actual) & (actual <= prices[:, 4])) == pytest.approx(0.95, abs=0.035)


def test_answers_are_the_next_return_in_units_of_volatility():
    bars = simulate_bars("SIM-A", SESSIONS)
    for target in ("close", "open"):
        inputs, answers = make_pair("SIM-A", target=target)
        assert np.isnan(answers[-1])
        at = bars.index.get_loc(inputs.sessions[100])
        move = np.log(bars[target].iloc[at + 1] / bars["close"].iloc[at])
        assert answers[100] == pytest.approx(move / inputs.unit[100], rel=1e-12)


def test_the_networks_differ_and_their_mean_counts(model):
    assert len(model.members) == len(model.losses) == 2
    assert any((one != two).any() for one, two in zip(*model.members, strict=True))
    inputs, _ = make_pair("SIM-A")
    each = [
        type(model)(network=NETWORK, line=model.line, members=(member,), windows=0, losses=()).predict_returns(inputs)
        for member in model.members
    ]
    assert model.predict_returns(inputs) == pytest.approx(np.mean(each, axis=0), rel=1e-9, abs=1e-12)


def test_nothing_after_the_cutoff_was_looked_at(model):
    again = fit()  # from the same bars, cut there
    assert again.line == model.line
    assert again.losses == model.losses
    pairs = [make_pair(ticker) for ticker in ("SIM-A", "SIM-B")]
    blind = [(inputs, np.where(inputs.sessions < CUTOFF, answers, np.nan)) for inputs, answers in pairs]
    assert fit_quantile_model(NETWORK, blind, training=TRAINING, seed=0).losses == model.losses


def test_the_newest_sessions_are_held_back_from_the_training(model):
    inputs, answers = make_pair("SIM-A", through=CUTOFF)
    assert model.windows == 2 * (np.isfinite(answers).sum() - 150)
    other = answers.copy()
    other[-100:] *= 10
    changed = fit_quantile_model(NETWORK, [(inputs, other)], training=TRAINING, seed=0)
    alone = fit_quantile_model(NETWORK, [(inputs, answers)], training=TRAINING, seed=0)
    assert changed.line == alone.line
    assert changed.losses[0][0] > alone.losses[0][0]


def test_too_short_a_history_says_what_is_missing():
    inputs, answers = make_pair("SIM-A", through="2011-03-31")
    with pytest.raises(HoldoutError, match="windows of 1 tickers are too few"):
        fit_quantile_model(NETWORK, [(inputs, answers)], training=TRAINING, seed=0)
