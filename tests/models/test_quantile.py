"""One quantile model for many tickers, on the simulated market."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stockrnn import networks
from stockrnn.errors import HoldoutError
from stockrnn.evaluation.intervals import QUANTILES
from stockrnn.market.calendars import load_calendar
from stockrnn.models.features import make_inputs, measure, whole_windows
from stockrnn.models.quantile import QUANTILE_LEVELS, QuantileSpec
from stockrnn.models.quantile_examples import count_days_ahead
from stockrnn.sources.simulated import FIRST_SESSION, simulate_bars

SESSIONS = load_calendar("XNYS", through_year=2026).sessions(FIRST_SESSION, pd.Timestamp("2016-12-30").date())
SPEC = QuantileSpec(
    lookback=10, layers=1, units=8, batch_size=128, learning_rate=0.003, members=2, epochs=4, patience=2,
    validation_sessions=150, warm_epochs=1,
)  # fmt: skip
ONE_PASS = SPEC.model_copy(update={"refit": False})
CUTOFF = "2014-12-31"


def simulate(ticker, *, through="2016-12-30"):
    return simulate_bars(ticker, SESSIONS).loc[:through]


def make_pair(ticker, *, target="close", **options):
    bars = simulate(ticker, **options)
    measured = measure(bars, target=target)
    rows = whole_windows(len(bars), lookback=SPEC.lookback)
    inputs = make_inputs(measured, count_days_ahead(bars.index), lookback=SPEC.lookback, rows=rows)
    return inputs, measured["answer"].to_numpy()[rows]


def fit(seed=0, tickers=("SIM-A", "SIM-B"), spec=SPEC, **options):
    universe = {ticker: simulate(ticker, through=CUTOFF) for ticker in tickers}
    return spec.fit(universe, **({"target": "close", "seed": seed} | options))


@pytest.fixture(scope="module")
def model():
    return fit()


@pytest.mark.parametrize("ticker", ["SIM-A", "SIM-C"], ids=["trained on", "never seen"])
def test_quantiles_hold_what_they_say_after_the_cutoff(model, ticker):
    bars = simulate(ticker)
    later = pd.DatetimeIndex(bars.loc["2015-01-01":].index)
    table = model.forecast_known(bars, later, target="close")
    actual = bars["close"].reindex(table.index)
    assert len(table) == len(later)
    assert (np.diff(table[list(QUANTILES.values())], axis=1) > 0).all()
    inside = [actual.between(table[f"lower_{level}"], table[f"upper_{level}"]).mean() for level in (80, 95)]
    assert inside == [pytest.approx(0.80, abs=0.06), pytest.approx(0.95, abs=0.035)]


def test_answers_are_the_next_return_in_units_of_volatility():
    bars = simulate("SIM-A")
    for target in ("close", "open"):
        inputs, answers = make_pair("SIM-A", target=target)
        assert np.isnan(answers[-1])
        at = bars.index.get_loc(inputs.sessions[100])
        move = np.log(bars[target].iloc[at + 1] / bars["close"].iloc[at])
        assert answers[100] == pytest.approx(move / inputs.scale[100], rel=1e-12)


def test_the_networks_differ_and_their_mean_counts(model):
    assert len(model.members) == len(model.losses) == 2
    assert any((one != two).any() for one, two in zip(*model.members, strict=True))
    bars = simulate("SIM-A")
    each, mean = (
        [replace(model, members=members).forecast_known(bars, bars.index[-9:], target="close") for members in choices]
        for choices in ([(member,) for member in model.members], [model.members])
    )
    # what the networks said, before anything else is made of it
    widths = [table["output"].to_numpy() for table in each]
    assert mean[0]["output"].to_numpy() == pytest.approx(np.mean(widths, axis=0), rel=1e-6)
    assert not np.allclose(*widths, rtol=1e-4)


def test_its_parameters_are_those_of_all_networks_and_the_line(model):
    one, other = (sum(np.prod(array.shape) for array in member) for member in model.members)
    assert one == other > 0
    assert model.parameters == one + other + 2


@pytest.mark.parametrize("days_ahead", [1, 4])
def test_the_next_session_is_forecast_from_the_bars_and_the_days_until_then(model, days_ahead):
    bars = simulate("SIM-A")
    said = model.forecast_next(bars, target="close", days_ahead=days_ahead)
    assert list(said.quantiles) == [str(level) for level in QUANTILE_LEVELS]
    prices = list(said.quantiles.values())
    assert prices == sorted(prices)
    assert said.predicted == said.quantiles["0.5"]
    assert [said.intervals[f"{end}_80"] for end in ("lower", "upper")] == [prices[2], prices[6]]
    assert [said.intervals[f"{end}_95"] for end in ("lower", "upper")] == [prices[0], prices[8]]
    if days_ahead == 4:
        assert said.quantiles != model.forecast_next(bars, target="close", days_ahead=1).quantiles


@pytest.mark.parametrize("target", ["close", "open"])
def test_a_known_session_is_forecast_as_if_it_were_the_next(model, target):
    bars = simulate("SIM-C")
    session = bars.index[-7]
    table = model.forecast_known(bars, pd.DatetimeIndex(bars.index[-20:]), target=target)
    days = (session - bars.index[-8]).days
    alone = model.forecast_next(bars.iloc[:-7], target=target, days_ahead=days)
    assert table.loc[session, "predicted"] == pytest.approx(alone.predicted, rel=1e-6)
    assert table.loc[session, "upper_95"] == pytest.approx(alone.intervals["upper_95"], rel=1e-6)
    assert model.forecast_known(bars.iloc[:-6], bars.index[-20:-6], target=target).loc[session, "predicted"] == (
        pytest.approx(table.loc[session, "predicted"], rel=1e-6)
    )


def test_too_short_a_history_is_not_forecast(model):
    bars = simulate("SIM-A").iloc[:249]
    assert model.forecast_next(bars, target="close", days_ahead=1) is None
    assert model.forecast_known(bars, pd.DatetimeIndex(bars.index[-9:]), target="close").empty


def test_nothing_after_the_cutoff_was_looked_at(model):
    again = fit()  # from the same bars, cut there
    assert again.median == model.median
    assert again.losses == model.losses
    blind = {}
    for ticker in ("SIM-A", "SIM-B"):
        bars = simulate(ticker)
        blind[ticker] = bars.assign(close=bars["close"].where(bars.index <= CUTOFF)).loc[:CUTOFF]
    assert SPEC.fit(blind, target="close", seed=0).losses == model.losses


def test_the_newest_sessions_are_held_back_until_they_have_named_the_epochs(model):
    _, answers = make_pair("SIM-A", through=CUTOFF)
    known = np.isfinite(answers).sum()
    once = fit(spec=ONE_PASS)
    assert once.windows == 2 * (known - 150)
    assert model.windows == 2 * known
    assert once.losses == model.losses
    assert once.median == model.median


def test_the_second_pass_has_as_many_epochs_as_were_best(model, monkeypatch):
    found, asked = networks.fit_network, []

    def watch(network, training, validation=None, **options):
        asked.append((len(training.y), validation is None, options["epochs"]))
        return found(network, training, validation, **options)

    monkeypatch.setattr(networks, "fit_network", watch)
    told = []
    fit(on_epoch=lambda epoch, loss: told.append(epoch))
    best = [1 + int(np.argmin(losses)) for losses in model.losses]
    assert [epochs for _, _, epochs in asked] == [4, best[0], 4, best[1]]
    assert [whole for _, whole, _ in asked] == [False, True] * 2
    assert asked[1][0] == asked[0][0] + 2 * 150
    assert told == sorted(told)
    assert told[-1] <= SPEC.passes * SPEC.members * SPEC.count_epochs(warm=False)


def test_of_a_short_history_a_fifth_is_held_back():
    short = {"SIM-A": simulate("SIM-A", through="2011-12-30")}
    _, answers = make_pair("SIM-A", through="2011-12-30")
    known = np.isfinite(answers).sum()
    assert ONE_PASS.fit(short, target="close", seed=0).windows == known - known // 5


def test_of_many_windows_a_sample_is_drawn_evenly_from_the_tickers():
    spec = ONE_PASS.model_copy(update={"max_windows": 1000, "members": 1, "epochs": 1})
    model = fit(spec=spec)
    assert 780 < model.windows < 830  # a fifth of the sessions is held back
    assert fit(spec=spec).losses == model.losses
    assert fit(spec=spec, seed=1).losses != model.losses


def test_a_warm_training_goes_on_from_the_weights_and_keeps_the_regression(model):
    warm = fit(parent=model)
    assert warm.median == model.median
    assert [len(losses) for losses in warm.losses] == [1, 1]
    assert warm.losses[0][0] < model.losses[0][0] + 0.002  # where a fresh one begins is worse than where it goes on
    moved = [np.abs(a - b).max() for a, b in zip(warm.members[0], model.members[0], strict=True)]
    assert 0 < max(moved) < 0.1


def test_too_short_a_history_says_what_is_missing():
    with pytest.raises(HoldoutError, match="windows of 1 tickers are too few"):
        SPEC.fit({"SIM-A": simulate("SIM-A", through="2010-12-31")}, target="close", seed=0)


def test_a_model_of_a_version_that_looked_at_other_numbers_is_refused(model):
    config = model.to_config()
    config["network"]["context"] -= 1
    with pytest.raises(ValueError, match="train a new one"):
        QuantileSpec.restore(config, model.to_weights(), windows=1, loss=0.1)
