"""The forecasts that cost nothing and that every model is judged against."""

import pandas as pd


def naive(values: pd.Series) -> pd.Series:
    """Forecast each session as the value of the session before; NaN for the first.

    Parameters
    ----------
    values
        The target, index `session`, ascending.
    """
    return values.shift(1).rename("naive")


def last_close(close: pd.Series) -> pd.Series:
    """Forecast each session as the close of the session before, the last price anyone knew; NaN for the first."""
    return close.shift(1).rename("last_close")
