"""HAR's quantiles: equal to a plain loop and to scikit-learn's solver, as good as they say, without look-ahead."""

import math
from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sampled import sample
from sklearn.linear_model import LinearRegression, QuantileRegressor

from stockrnn.errors import NotEnoughHistoryError
from stockrnn.evaluation.econometrics import ewma_quantiles
from stockrnn.evaluation.har import HarRegression, find_moves, har_fhs_quantiles
from stockrnn.evaluation.metrics import pinball

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
FIRST = date(2017, 1, 1)


def make_bars(seed=0, *, spread=1.0):
    """Ten years whose volatility wanders, with ranges that show it better than the closes do."""
    sessions = pd.bdate_range("2009-01-01", "2018-12-31", name="session")
    rng = np.random.default_rng(seed)
    volatility, level = np.zeros(len(sessions)), math.log(0.01)
    for at in range(len(sessions)):
        level += 0.05 * (math.log(0.01) - level) + 0.15 * rng.standard_normal()
        volatility[at] = spread * math.exp(level)
    parts = rng.standard_normal((len(sessions), 40)) * volatility[:, None] / math.sqrt(50)
    night = rng.standard_normal(len(sessions)) * volatility * math.sqrt(0.2)
    paths = np.cumsum(parts, axis=1)
    close = np.cumsum(night + paths[:, -1])
    opened = close - paths[:, -1]
    high = np.maximum(opened + paths.max(axis=1), opened)
    low = np.minimum(opened + paths.min(axis=1), opened)
    columns = {"open": opened, "high": high, "low": low, "close": close, "adj_close": close - 0.1}
    bars = pd.DataFrame({name: 100 * np.exp(values) for name, values in columns.items()}, index=sessions)
    return bars.assign(volume=1e6)


BARS = {"A": make_bars(0), "B": make_bars(1, spread=2.0)}
TARGETS = pytest.mark.parametrize("target", sample(["open", "close", "adj_close"], first=1))


def fit(bars, *, before="2017-01-01", target="close", levels=LEVELS):
    return HarRegression.fit({name: one.loc[:before] for name, one in bars.items()}, target=target, levels=levels)


def forecast_fhs(bars, target):
    return har_fhs_quantiles(bars, bars.loc[str(FIRST) :].index, target=target, levels=LEVELS)


@cache
def fit_both(target):
    return fit(BARS, target=target)


def forecast_regression(bars, target):
    return fit_both(target).forecast(bars, bars.loc[str(FIRST) :].index, target=target)


BOTH = pytest.mark.parametrize("forecast", [forecast_fhs, forecast_regression])


@BOTH
@TARGETS
def test_quantiles_stand_in_order_and_hold_what_they_say(forecast, target):
    found = forecast(BARS["A"], target)
    assert list(found.columns) == list(LEVELS)
    assert found.index.equals(BARS["A"].loc["2017-01-01":].index)
    assert (np.diff(found.to_numpy(), axis=1) >= 0).all()
    actual = find_moves(BARS["A"], target=target).loc[found.index]
    for level in LEVELS:
        assert (actual < found[level]).mean() == pytest.approx(level, abs=0.05)


@BOTH
def test_they_see_in_the_ranges_what_closes_do_not_show(forecast):
    found = forecast(BARS["A"], "close")
    moves = find_moves(BARS["A"], target="close").dropna()
    others = ewma_quantiles(moves, first=FIRST, levels=LEVELS)
    loss, other = (
        pinball(moves.loc[found.index].to_numpy(), dict(zip(LEVELS, table.to_numpy().T, strict=True)))
        for table in (found, others)
    )
    assert loss < 0.99 * other


@BOTH
@TARGETS
def test_no_forecast_knows_a_later_price(forecast, target):
    whole = forecast(BARS["A"], target)
    changed = BARS["A"].copy()
    changed.loc["2018-07-02":, ["open", "high", "low", "close", "adj_close"]] *= [3.0, 9.0, 0.5, 2.0, 2.0]
    other = forecast(changed, target)
    # the forecast of 2 July was made before its prices were known
    assert other.loc[:"2018-07-02"].to_numpy() == pytest.approx(whole.loc[:"2018-07-02"].to_numpy(), rel=1e-9)
    assert not np.allclose(other.loc["2018-07-03":], whole.loc["2018-07-03":])


def test_filtered_simulation_is_that_of_a_plain_loop():
    bars = BARS["A"]
    logs = {name: np.log(bars[name].to_numpy()) for name in ("open", "high", "low", "close")}
    size, rows, answers, moves = [], [], [], []
    for at in range(len(bars)):
        o, h, low, c = (logs[name][at] for name in ("open", "high", "low", "close"))
        night = o - logs["close"][at - 1] if at else 0.0
        size.append(0.5 * math.log(max(0.5 * (h - low) ** 2 - (2 * math.log(2) - 1) * (c - o) ** 2 + night**2, 1e-8)))
        if at >= 250:
            fall = min(max(logs["close"][at - 1] - logs["close"][at - 2], -0.1), 0.0)
            rows.append([*(float(np.mean(size[at - count : at])) for count in (1, 5, 22, 250)), fall])
            answers.append(size[at])
            moves.append(c - logs["close"][at - 1])
    known = int((bars.index < "2018-01-01").sum()) - 250
    model = LinearRegression().fit(rows[:known], answers[:known])
    volatility = np.exp(model.predict(rows))
    shape = np.quantile(np.array(moves[:known]) / volatility[:known], LEVELS)
    found = forecast_fhs(bars, "close").loc["2018"]
    np.testing.assert_allclose(found.to_numpy(), np.outer(volatility[known:], shape), rtol=1e-8)


def test_the_regression_has_the_least_pinball_loss_as_scikit_learn_finds_it():
    bars = {"A": BARS["A"].iloc[:700]}
    found = fit(bars, before="2012-01-01", levels=(0.1, 0.5))
    from stockrnn.evaluation.har import _make_rows

    rows = _make_rows(bars["A"], target="close").dropna()
    design, answers = rows.drop(columns=["move", "unit", "one"]), rows["move"] / rows["unit"]
    for level, coefficients in zip(found.levels, found.coefficients, strict=True):
        other = QuantileRegressor(quantile=level, alpha=0.0, solver="highs").fit(design, answers)
        ours = design.to_numpy() @ coefficients[1:] + coefficients[0]
        losses = [pinball(answers.to_numpy(), {level: values}) for values in (ours, other.predict(design))]
        assert losses[0] == pytest.approx(losses[1], rel=1e-9)


def test_units_make_one_regression_serve_tickers_of_any_size():
    found = forecast_regression(BARS["B"], "close")
    actual = find_moves(BARS["B"], target="close").loc[found.index]
    assert ((actual > found[0.05]) & (actual < found[0.95])).mean() == pytest.approx(0.9, abs=0.04)
    larger = BARS["B"].copy()
    larger[["open", "high", "low", "close", "adj_close"]] *= 7.0  # another currency, or a split
    np.testing.assert_allclose(forecast_regression(larger, "close"), found, rtol=1e-6)


def test_of_many_sessions_so_many_are_fitted_on_evenly(monkeypatch):
    whole = fit_both("close")
    monkeypatch.setattr("stockrnn.evaluation.har.MAX_ROWS", 1000)
    some = fit(BARS)
    assert not np.array_equal(whole.coefficients, some.coefficients)
    sessions = BARS["A"].loc["2017":].index
    one, other = (each.forecast(BARS["A"], sessions, target="close") for each in (whole, some))
    assert (one[0.95] / other[0.95]).mean() == pytest.approx(1.0, abs=0.1)


def test_too_short_histories_are_refused_and_a_short_one_beside_a_long_one_is_left_out():
    short = BARS["B"].iloc[:200]
    with pytest.raises(NotEnoughHistoryError, match="200"):
        HarRegression.fit({"B": short}, target="close", levels=LEVELS)
    np.testing.assert_array_equal(fit({"A": BARS["A"], "B": short}).coefficients, fit({"A": BARS["A"]}).coefficients)


@BOTH
def test_without_sessions_there_are_no_quantiles(forecast):
    assert forecast(BARS["A"].loc[:"2016"], "close").shape == (0, len(LEVELS))


def test_prices_that_stand_still_for_a_while_give_numbers():
    still = BARS["A"].copy()
    still.iloc[1000:1100] = still.iloc[1000].to_numpy()
    for found in (forecast_fhs(still, "close"), forecast_regression(still, "close")):
        assert np.isfinite(found.to_numpy()).all()


def test_terms_that_never_change_are_no_hindrance():
    bars = BARS["A"].copy()
    bars["open"] = bars["close"].shift(1).fillna(bars["open"])  # never an overnight return
    bars["high"], bars["low"] = bars[["open", "high"]].max(axis=1), bars[["open", "low"]].min(axis=1)
    found = fit({"A": bars}).forecast(bars, bars.loc["2017":].index, target="close")
    assert np.isfinite(found.to_numpy()).all()
