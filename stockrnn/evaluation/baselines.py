"""The forecasts that cost nothing and that stand beside every model.

Each takes a series with index `session`, ascending, and gives the forecast of each session from the sessions before
it alone; NaN where there is none before it.
"""

import pandas as pd

DRIFT_SESSIONS = 40
MOVING_AVERAGE_SESSIONS = 5


def naive(values: pd.Series) -> pd.Series:
    """Forecast each session as the value of the session before."""
    return values.shift(1).rename("naive")


def last_close(close: pd.Series) -> pd.Series:
    """Forecast each session as the close of the session before, the last price anyone knew."""
    return close.shift(1).rename("last_close")


def drift(values: pd.Series) -> pd.Series:
    """Carry the mean change of the last `DRIFT_SESSIONS` sessions on by one session.

    With fewer sessions before it, the mean is over those that there are; with one, it is naive. Hyndman &
    Athanasopoulos (2021), Forecasting: Principles and Practice, section 5.2, on a window instead of the whole past.
    """
    changes = values.diff().rolling(DRIFT_SESSIONS - 1, min_periods=1).mean().fillna(0.0)
    return (values + changes).shift(1).rename("drift")


def moving_average(values: pd.Series) -> pd.Series:
    """Forecast each session as the mean of the `MOVING_AVERAGE_SESSIONS` sessions before it, or of fewer."""
    return values.rolling(MOVING_AVERAGE_SESSIONS, min_periods=1).mean().shift(1).rename("moving_average")


def make_baselines(values: pd.Series, close: pd.Series) -> pd.DataFrame:
    """Return all of them: index `session`, one column per baseline."""
    return pd.concat([naive(values), last_close(close), drift(values), moving_average(values)], axis=1)
