"""Quantiles of the next move by heterogeneous autoregression (HAR) of what sessions moved, from their ranges.

What the next session will move is regressed on what the last session, week, month and year moved: Corsi (2009), "A
Simple Approximate Long-Memory Model of Realized Volatility", with the year added and, for the leverage effect, the
last fall. A move is the log return from one session's reference price to the next session's target.

Each calendar year is forecast one session ahead with what was fitted on the sessions before it; the terms take in
every session up to the one before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from stockrnn.errors import NotEnoughHistoryError, TrainingError
from stockrnn.evaluation.benchmarks import reference_column
from stockrnn.evaluation.intervals import VOLATILITY_DECAY
from stockrnn.evaluation.ranges import average_volatility, session_variances, usual_move
from stockrnn.types import Target

HAR_SESSIONS = (1, 5, 22, 250)
"""The last session, week, month and year."""
HAR_TERMS = (*(f"mean_{count}" for count in HAR_SESSIONS), "fall")
"""Means of the log of what the last sessions moved, and the last fall."""
MAX_ROWS = 20_000
"""Of more sessions of all tickers, the pooled regression is fitted on so many, evenly from all."""

_MAX_FALL = 0.1
_MAX_RETURN = 4.0  # in units
_MAX_DAYS = 5.0
_WARM_UP = HAR_SESSIONS[-1]
_MIN_ROWS = 250


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HarVolatility:
    """HAR's regression of the log of what a session moves, and how large moves were in units of it.

    Filtered historical simulation: Barone-Adesi, Giannopoulos & Vosper (1999), "VaR without Correlations for
    Portfolios of Derivative Securities".

    Attributes
    ----------
    coefficients
        Of `HAR_TERMS` and one, shape (6,).
    shape
        Quantiles of past moves over their fitted volatility, shape (levels,).
    """

    coefficients: np.ndarray
    shape: np.ndarray

    @classmethod
    def fit(
        cls, terms: np.ndarray, sizes: np.ndarray, moves: np.ndarray, *, levels: Sequence[float]
    ) -> "HarVolatility | None":
        """Fit by least squares; None where fewer than a year of sessions can be fitted on.

        Parameters
        ----------
        terms
            `HAR_TERMS` as known after each session, shape (T, 5); NaN where not all are known.
        sizes
            The log of what each session moved, shape (T,).
        moves
            The move to each session's target, a log return, shape (T,); NaN where there is none.
        """
        design = np.column_stack([terms[:-1], np.ones(max(len(terms) - 1, 0))])
        sizes, moves = sizes[1:], moves[1:]
        rows = np.isfinite(design).all(axis=1) & np.isfinite(moves)
        if rows.sum() < _MIN_ROWS:
            return None
        design, sizes, moves = design[rows], sizes[rows], moves[rows]
        coefficients, *_ = np.linalg.lstsq(design, sizes)
        return cls(coefficients=coefficients, shape=np.quantile(moves / np.exp(design @ coefficients), levels))

    def forecast(self, terms: np.ndarray) -> np.ndarray:
        """Return the quantiles of the next move after each row of terms (N, 5): shape (N, levels)."""
        volatility = np.exp(terms @ self.coefficients[:-1] + self.coefficients[-1])
        return np.outer(volatility, self.shape)


def har_fhs_quantiles(
    bars: pd.DataFrame, sessions: pd.DatetimeIndex, *, target: Target, levels: Sequence[float]
) -> pd.DataFrame:
    """Return quantiles of log moves by `HarVolatility`, fitted anew for each calendar year.

    Parameters
    ----------
    bars
        Index `session`, ascending, columns `BAR_COLUMNS`.
    sessions
        Ascending, among those of `bars`.

    Returns
    -------
    DataFrame
        Those of `sessions` before which two years are known, one column per level.
    """
    sizes = 0.5 * np.log(session_variances(bars))
    terms = har_terms(har_means(sizes), np.log(bars["close"]).diff())
    moves = find_moves(bars, target=target).to_numpy()
    parts = []
    for number in np.unique(sessions.year):
        year = sessions[sessions.year == number]
        known = int(bars.index.searchsorted(year[0]))
        fitted = HarVolatility.fit(terms[:known], sizes.to_numpy()[:known], moves[:known], levels=levels)
        if fitted is not None:
            said = fitted.forecast(terms[bars.index.get_indexer(year) - 1])
            parts.append(pd.DataFrame(said, index=year, columns=list(levels)))
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


def har_means(sizes: pd.Series) -> dict[str, pd.Series]:
    """Return the means over the last `HAR_SESSIONS`, as known after each session.

    sizes: the log of what each session moved, index `session`.
    """
    return {f"mean_{count}": sizes.rolling(count).mean() for count in HAR_SESSIONS}


def har_terms(means: Mapping[str, pd.Series], returns: pd.Series) -> np.ndarray:
    """Return `HAR_TERMS` as known after each session, shape (T, 5).

    Parameters
    ----------
    means
        As `har_means` returns them.
    returns
        Log returns from close to close, shape (T,).
    """
    return np.column_stack([*means.values(), returns.clip(-_MAX_FALL, 0.0)])


def _make_rows(bars: pd.DataFrame, *, target: Target) -> pd.DataFrame:
    """Return for each session the move, its unit, and the terms of the pooled regression, known before it."""
    variances = session_variances(bars)
    means = har_means(0.5 * np.log(variances))
    volatility = average_volatility(variances, decay=VOLATILITY_DECAY)
    opened, close = np.log(bars["open"]), np.log(bars["close"])
    last = (close.diff() / volatility).shift(1)
    overnight = ((opened - close.shift(1)).abs() / volatility).shift(1)
    size = usual_move(bars[target], bars[reference_column(target)], volatility.to_numpy())
    unit = (volatility * size).shift(1)
    days = pd.Series(bars.index, index=bars.index).diff().dt.days
    logs = {name: (mean - np.log(volatility)).shift(1) for name, mean in means.items()}
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
