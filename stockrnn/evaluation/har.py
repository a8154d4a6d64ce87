"""Quantiles of the next move by heterogeneous autoregression (HAR) of what sessions moved, from their ranges.

What the next session will move is regressed on what the last session, week, month and year moved: Corsi (2009), "A
Simple Approximate Long-Memory Model of Realized Volatility", with the year added and, for the leverage effect, the
last fall. A move is the log return from one session's reference price to the next session's target.

Each calendar year is forecast one session ahead with what was fitted on the sessions before it; the terms take in
every session up to the one before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from stockrnn.errors import NotEnoughHistoryError, TrainingError
from stockrnn.evaluation.benchmarks import reference_column
from stockrnn.evaluation.econometrics import split_years
from stockrnn.evaluation.intervals import VOLATILITY_DECAY
from stockrnn.evaluation.ranges import average_volatility, session_variances, usual_move
from stockrnn.types import Target

HAR_SESSIONS = (1, 5, 22, 250)
"""The last session, week, month and year."""
MAX_ROWS = 20_000
"""Of more sessions of all tickers, the pooled regression is fitted on so many, evenly from all."""

_MAX_FALL = 0.1
_MAX_RETURN = 4.0  # in units
_MAX_DAYS = 5.0
_WARM_UP = HAR_SESSIONS[-1]


def har_fhs_quantiles(bars: pd.DataFrame, *, target: Target, first: date, levels: Sequence[float]) -> pd.DataFrame:
    """Return quantiles by filtered historical simulation on HAR's volatility, one regression a ticker and year.

    The quantiles of the moves so far in units of their fitted volatility, times the forecast one. Barone-Adesi,
    Giannopoulos & Vosper (1999), "VaR without Correlations for Portfolios of Derivative Securities".

    Parameters
    ----------
    bars
        Index `session`, ascending, columns `BAR_COLUMNS`; two years before `first`, or there is little to fit on.

    Returns
    -------
    DataFrame
        The sessions from `first` on, one column per level: log moves.
    """
    size = 0.5 * np.log(session_variances(bars))
    design = _known_before(size, bars).assign(one=1.0)
    moves = find_moves(bars, target=target)
    rows = design.notna().all(axis=1) & moves.notna()
    design, moves, size = design[rows], moves[rows], size[rows]
    parts = []
    for year in split_years(design.index, first):
        known = design.index < year[0]
        coefficients, *_ = np.linalg.lstsq(design[known].to_numpy(), size[known].to_numpy())
        volatility = np.exp(design @ coefficients)
        shape = np.quantile((moves / volatility)[known], levels)
        parts.append(pd.DataFrame(np.outer(volatility.loc[year], shape), index=year, columns=list(levels)))
    return pd.concat(parts) if parts else pd.DataFrame(columns=list(levels), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class HarRegression:
    """Quantiles that are linear in HAR's terms, in units of recent volatility: one regression for all tickers.

    Attributes
    ----------
    levels
        Of the quantiles, ascending.
    coefficients
        Shape (levels, terms).
    """

    levels: tuple[float, ...]
    coefficients: np.ndarray

    @classmethod
    def fit(cls, bars: Mapping[str, pd.DataFrame], *, target: Target, levels: Sequence[float]) -> "HarRegression":
        """Fit each level on the sessions of all tickers: Koenker & Bassett (1978), "Regression Quantiles".

        Raises
        ------
        NotEnoughHistoryError
            No ticker has more sessions than its terms look back.
        TrainingError
            The solver gave up.
        """
        parts = [_make_rows(known, target=target).dropna() for known in bars.values()]
        rows = pd.concat([part for part in parts if len(part)]) if any(map(len, parts)) else pd.DataFrame()
        if rows.empty:
            longest = max(bars.values(), key=len)
            through = pd.Timestamp(longest.index[-1]).date()
            raise NotEnoughHistoryError("all tickers", found=len(longest), needed=_WARM_UP + 2, through=through)
        if len(rows) > MAX_ROWS:
            rows = rows.iloc[np.linspace(0, len(rows) - 1, MAX_ROWS).round().astype(int)]
        answers = (rows["move"] / rows["unit"]).to_numpy()
        design = rows.drop(columns=["move", "unit"]).to_numpy()
        found = [_fit_quantile(design, answers, level=level) for level in levels]
        return cls(levels=tuple(levels), coefficients=np.array(found))

    def forecast(self, bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target) -> pd.DataFrame:
        """Return the quantiles of these sessions' log moves, one column per level; none crosses another.

        bars: as for `har_fhs_quantiles`. NaN where too few sessions are known.
        """
        rows = _make_rows(bars, target=target).loc[sessions]
        values = rows.drop(columns=["move", "unit"]).to_numpy() @ self.coefficients.T
        prices = np.sort(values, axis=1) * rows[["unit"]].to_numpy()
        return pd.DataFrame(prices, index=rows.index, columns=list(self.levels))


def find_moves(bars: pd.DataFrame, *, target: Target) -> pd.Series:
    """Return the log return from the reference price before each session to its target; NaN for the first one."""
    reference = bars[reference_column(target)].shift(1)
    return (bars[target] / reference).apply(np.log)


def _known_before(size: pd.Series, bars: pd.DataFrame) -> pd.DataFrame:
    """Return for each session HAR's terms as known before it: means of log volatility, and the last fall."""
    means = {f"mean_{count}": size.rolling(count).mean() for count in HAR_SESSIONS}
    fall = np.log(bars["close"]).diff().clip(-_MAX_FALL, 0.0)
    return pd.DataFrame(means | {"fall": fall}, index=bars.index).shift(1)


def _make_rows(bars: pd.DataFrame, *, target: Target) -> pd.DataFrame:
    """Return for each session the move, its unit, and the terms of the pooled regression, known before it."""
    variances = session_variances(bars)
    terms = _known_before(0.5 * np.log(variances), bars)
    volatility = average_volatility(variances, decay=VOLATILITY_DECAY)
    opened, close = np.log(bars["open"]), np.log(bars["close"])
    last = (close.diff() / volatility).shift(1)
    overnight = ((opened - close.shift(1)).abs() / volatility).shift(1)
    size = usual_move(bars[target], bars[reference_column(target)], volatility.to_numpy())
    unit = (volatility * size).shift(1)
    days = pd.Series(bars.index, index=bars.index).diff().dt.days
    logs = {name: terms[name] - np.log(volatility.shift(1)) for name in terms.columns if name != "fall"}
    return pd.DataFrame(
        {
            "move": find_moves(bars, target=target),
            "unit": unit,
            "one": 1.0,
            **logs,
            "fall": last.clip(-_MAX_RETURN, 0.0),
            "rise": last.clip(0.0, _MAX_RETURN),
            "overnight": overnight.clip(upper=_MAX_RETURN),
            "days": days.clip(upper=_MAX_DAYS),
        }
    )


def _fit_quantile(design: np.ndarray, answers: np.ndarray, *, level: float) -> np.ndarray:
    """Return the coefficients of the least pinball loss, from the dual of the linear program.

    The dual has as few constraints as there are coefficients, which are its multipliers; Koenker (2005), "Quantile
    Regression", section 6.2.
    """
    solved = linprog(
        -answers, A_eq=design.T, b_eq=(1 - level) * design.sum(axis=0), bounds=(0.0, 1.0), method="highs-ds"
    )
    if not solved.success:
        raise TrainingError(f"a quantile regression at the level {level} was not solved: {solved.message}")
    return np.asarray(-solved.eqlin.marginals)
