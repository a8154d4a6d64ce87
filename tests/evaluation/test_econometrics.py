"""The econometric baselines: what they say of simulated returns, and that they never look ahead."""

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stockrnn.evaluation.econometrics import ewma_quantiles, gjr_garch_quantiles

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
FIRST = date(2017, 1, 1)
BOTH = pytest.mark.parametrize("forecast", [ewma_quantiles, gjr_garch_quantiles])


def make_returns(seed=0):
    """Ten years of GJR-GARCH(1, 1) with Student's t, 7 degrees of freedom, about 1 % a day; and its volatility."""
    sessions = pd.bdate_range("2009-01-01", "2018-12-31")
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(7, len(sessions)) * math.sqrt(5 / 7)
    returns, volatility = np.zeros(len(sessions)), np.zeros(len(sessions))
    variance = 1e-4
    for at, shock in enumerate(shocks):
        volatility[at] = math.sqrt(variance)
        returns[at] = volatility[at] * shock
        variance = 2e-6 + (0.03 + 0.1 * (returns[at] < 0)) * returns[at] ** 2 + 0.9 * variance
    return pd.Series(returns, index=sessions), pd.Series(volatility, index=sessions)


RETURNS, VOLATILITY = make_returns()


@BOTH
def test_every_session_from_the_first_on_has_quantiles_in_order(forecast):
    found = forecast(RETURNS, first=FIRST, levels=LEVELS)
    assert list(found.columns) == list(LEVELS)
    assert found.index.equals(RETURNS.loc["2017-01-01":].index)
    assert np.isfinite(found.to_numpy()).all()
    assert (np.diff(found.to_numpy(), axis=1) > 0).all()


@BOTH
def test_quantiles_hold_what_they_say(forecast):
    found = forecast(RETURNS, first=FIRST, levels=LEVELS)
    actual = RETURNS.loc[found.index]
    for level in LEVELS:
        assert (actual < found[level]).mean() == pytest.approx(level, abs=0.035)


@BOTH
def test_no_forecast_knows_a_later_return(forecast):
    whole = forecast(RETURNS, first=FIRST, levels=LEVELS)
    changed = RETURNS.copy()
    changed.loc["2018-07-02":] *= -3.0
    other = forecast(changed, first=FIRST, levels=LEVELS)
    # the forecast of 2 July was made before its return was known
    assert other.loc[:"2018-07-02"].to_numpy() == pytest.approx(whole.loc[:"2018-07-02"].to_numpy(), rel=1e-9)
    assert not np.allclose(other.loc["2018-07-03":], whole.loc["2018-07-03":])


def test_the_fitted_garch_follows_the_true_volatility():
    found = gjr_garch_quantiles(RETURNS, first=FIRST, levels=LEVELS)
    true = VOLATILITY.loc[found.index] * math.sqrt(5 / 7) * stats.t.ppf(0.95, 7)
    assert np.corrcoef(found[0.95], true)[0, 1] > 0.97
    assert (found[0.95] / true).mean() == pytest.approx(1.0, abs=0.06)


def test_the_ewma_quantiles_are_those_of_a_plain_loop():
    found = ewma_quantiles(RETURNS, first=FIRST, levels=LEVELS)
    values = RETURNS.to_list()
    variance, known = values[0] ** 2, []
    for value in values[1:]:
        known.append(math.sqrt(variance))  # before the value of the session
        variance = 0.94 * variance + 0.06 * value**2
    standardized = [value / sigma for value, sigma in zip(values[1:], known, strict=True)]
    for year in (2017, 2018):
        start = int(np.argmax(RETURNS.index.year == year))
        expected = known[start - 1] * np.quantile(standardized[59 : start - 1], LEVELS)
        assert found.iloc[start - len(RETURNS)].to_numpy() == pytest.approx(expected, rel=1e-9)


@BOTH
def test_without_sessions_there_are_no_quantiles(forecast):
    assert forecast(RETURNS, first=date(2020, 1, 1), levels=LEVELS).shape == (0, len(LEVELS))
