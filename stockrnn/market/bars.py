"""Which daily bars can be trusted, and what is wrong with the others."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd

from stockrnn.market.adjusted_closes import drop_impossible
from stockrnn.types import BAR_COLUMNS, Bars, PriceIssue

MISSING_SESSION = "missing_session"
NOT_SETTLED = "session_not_settled"
_OHLC = ("open", "high", "low", "close")
# Yahoo's adjusted floats disagree in the last digits: a high may lie that much (relative) below the close.
_NOISE = 1e-6
_REASONS = {
    "jump": "the prices are about 100 times off those of the sessions before, and no split explains it",
    "split_not_applied": "a split took place, but the prices before it are not restated yet",
}
# Hardly a listed price moves by that factor from one session to the next; pence taken for pounds do.
_JUMP = 50.0
_FIRST_ROWS = 11
# A split is restated within days or, where the history is wrong, never: a crash long ago must not be taken for one.
# And what a source tells for longer than that is no slip.
_RECENT_ROWS = 10
_MIN_SPLIT = math.log(1.4)


def check_bars(
    rows: pd.DataFrame,
    *,
    closes: pd.Series,
    as_of: datetime,
    settle_hours: float = 0,
    splits: Mapping[date, float] | None = None,
) -> Bars:
    """Separate the bars that can be trusted from those to quarantine.

    A row is quarantined for the first reason that applies: `not_a_session`, `session_not_settled`,
    `missing_price` (NaN in open, high, low or close, or infinity in any column), `non_positive_price`,
    `high_low_contradiction`, `negative_volume`, `split_not_applied` (after a recent split whose ratio the prices
    before it do not have yet), `jump` (about 100 times the prices before it, or a hundredth, for at most 10 rows).
    An `adj_close` that is not positive is taken for missing: one issue, `adj_close_not_positive`, for all such rows.

    Parameters
    ----------
    rows
        Columns `session` (naive midnight, unique, in any order) and `BAR_COLUMNS` (float64, NaN where
        missing).
    closes
        When each session closes: index `session` (naive midnight, ascending), values aware UTC.
    as_of, settle_hours
        Sessions that closed less than `settle_hours` before `as_of` are not settled.
    splits
        New shares per old by the first session that trades in them.
    """
    rows = rows.sort_values("session", ignore_index=True)
    settled_by = as_of - timedelta(hours=settle_hours)
    faults = _find_faults(rows, closes, settled_by)
    good = np.asarray(~np.stack(list(faults.values())).any(axis=0))
    unapplied = _find_unapplied(rows, good, _find_jumps(rows, good), splits or {})
    faults |= {"split_not_applied": unapplied, "jump": _find_jumps(rows, good & ~unapplied)}
    faulty = np.stack(list(faults.values()))  # (kinds, rows)
    bad = np.asarray(faulty.any(axis=0))
    issues = tuple(_describe(rows.loc[bad], faulty[:, bad].argmax(axis=0), list(faults), closes, settled_by))
    rows, adjusted = drop_impossible(rows, ~bad)
    return Bars(frame=_index_by_session(rows.loc[~bad]), issues=issues + adjusted)


def _index_by_session(rows: pd.DataFrame) -> pd.DataFrame:
    # the calendars' unit, so that an index of bars equals an index of sessions
    sessions = pd.DatetimeIndex(rows["session"]).as_unit("ns").rename("session")
    return rows[list(BAR_COLUMNS)].set_index(sessions)


def _find_faults(rows: pd.DataFrame, closes: pd.Series, as_of: datetime) -> dict[str, np.ndarray]:
    """Return for each kind, in order of precedence, which rows have it. Shapes (N,)."""
    positions = _find_sessions(rows, closes)
    closed = pd.DatetimeIndex(closes).searchsorted(pd.Timestamp(as_of), side="right")
    values = {column: rows[column].to_numpy() for column in BAR_COLUMNS}
    ohlc = np.stack([values[column] for column in _OHLC])  # (4, N)
    infinite = np.stack([np.isinf(column) for column in values.values()])  # (6, N)
    not_positive = ohlc <= 0  # (4, N)
    return {
        "not_a_session": positions < 0,
        "session_not_settled": positions >= closed,
        "missing_price": np.isnan(ohlc).any(axis=0) | infinite.any(axis=0),
        "non_positive_price": not_positive.any(axis=0),
        "high_low_contradiction": _contradicts(*ohlc),
        "negative_volume": values["volume"] < 0,
    }


def _find_sessions(rows: pd.DataFrame, closes: pd.Series) -> np.ndarray:
    """Return each row's position in the calendar, -1 where it is no session. Shape (N,)."""
    # In seconds, because a mistyped year such as 1020 does not fit the calendar's nanoseconds.
    calendar = pd.DatetimeIndex(closes.index).as_unit("s")
    return calendar.get_indexer(pd.DatetimeIndex(rows["session"]).as_unit("s"))


def _contradicts(opens: np.ndarray, highs: np.ndarray, lows: np.ndarray, closes: np.ndarray) -> np.ndarray:
    too_low = highs < np.maximum(np.maximum(opens, closes), lows) * (1 - _NOISE)
    too_high = lows > np.minimum(opens, closes) * (1 + _NOISE)
    return np.asarray(too_low | too_high)


def _find_jumps(rows: pd.DataFrame, good: np.ndarray) -> np.ndarray:
    """Return the good rows whose prices are about 100 times off the last good ones. Shape (N,)."""
    prices = rows.loc[good, list(_OHLC)].to_numpy()  # (n, 4)
    found = np.zeros(len(rows), dtype=bool)
    if len(prices):
        # the first rows could be the wrong ones
        level = np.median(prices[:_FIRST_ROWS, -1])
        found[np.flatnonzero(good)] = _is_off(prices, level)
    return found


def _is_off(prices: np.ndarray, level: float) -> np.ndarray:
    """Return which bars (n, 4) lie far off the last good close, beginning with `level`. Shape (n,)."""
    before = np.concatenate([[level], prices[:-1, -1]])  # (n,)
    with np.errstate(over="ignore"):
        ratios = prices / before[:, None]  # (n, 4)
    off = np.zeros(len(prices), dtype=bool)
    if ratios.max() < _JUMP and ratios.min() > 1 / _JUMP:
        return off
    run = 0
    for position, bar in enumerate(prices):
        off[position] = bar.max() > level * _JUMP or bar.min() < level / _JUMP
        run = run + 1 if off[position] else 0
        if run > _RECENT_ROWS:  # the source insists: so the price is
            off[position - run + 1 : position + 1] = False
        if not off[position]:
            run, level = 0, bar[-1]
    return off


def _find_unapplied(
    rows: pd.DataFrame, good: np.ndarray, jumps: np.ndarray, splits: Mapping[date, float]
) -> np.ndarray:
    """Return the rows from the first recent split on that the rows before it do not know. Shape (N,).

    A jump after the split may be the split itself.
    """
    sessions = pd.DatetimeIndex(rows["session"])
    closes = rows["close"].to_numpy()
    for ex_date, ratio in sorted(splits.items()):
        at = int(sessions.searchsorted(pd.Timestamp(ex_date)))
        before, after = np.flatnonzero((good & ~jumps)[:at]), at + np.flatnonzero(good[at:])
        recent = 0 < len(after) <= _RECENT_ROWS and len(before)
        if recent and _is_unapplied(closes[after[0]] / closes[before[-1]], ratio):
            return np.asarray(sessions >= pd.Timestamp(ex_date))
    return np.zeros(len(rows), dtype=bool)


def _is_unapplied(change: float, ratio: float) -> bool:
    """Whether the price changed by the split itself: nearer to 1 / ratio than to 1, for splits that stand out."""
    size = abs(math.log(ratio))
    return size > _MIN_SPLIT and abs(math.log(change) + math.log(ratio)) < size / 2


def _describe(
    rows: pd.DataFrame, reasons: np.ndarray, kinds: list[str], closes: pd.Series, as_of: datetime
) -> Iterator[PriceIssue]:
    """Describe bad rows; `reasons` holds the position in `kinds` for each. Shape (len(rows),)."""
    for row, reason in zip(rows.to_dict("records"), reasons, strict=True):
        session = pd.Timestamp(row.pop("session"))
        bar = {column: float(row[column]) for column in BAR_COLUMNS}
        yield PriceIssue(
            session=session.date(),
            kind=kinds[reason],
            detail=_detail(kinds[reason], session, bar, closes, as_of),
            raw={"session": str(session.date())} | {column: _json_number(bar[column]) for column in bar},
        )


def _json_number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _detail(kind: str, session: pd.Timestamp, bar: Mapping[str, float], closes: pd.Series, as_of: datetime) -> str:
    match kind:
        case "not_a_session":
            return f"the exchange has no session on {session:%A} {session.date()}"
        case "session_not_settled":
            closes_at = f"{closes[session]:%Y-%m-%d %H:%M} UTC"
            return f"the session closes at {closes_at}, and only what closed by {_in_utc(as_of)} is settled"
        case "missing_price":
            missing = [c for c in BAR_COLUMNS if math.isinf(bar[c]) or (c in _OHLC and math.isnan(bar[c]))]
            return ", ".join(f"{c} is {bar[c] if math.isinf(bar[c]) else 'missing'}" for c in missing)
        case "non_positive_price":
            return ", ".join(f"{c} is {_write_exactly(bar[c])}" for c in _OHLC if bar[c] <= 0)
        case "high_low_contradiction":
            return _detail_contradiction(bar)
        case _:
            return _REASONS.get(kind) or f"volume is {bar['volume']}"


def _write_exactly(value: float) -> str:
    """Write a number with all its digits and no exponent."""
    return np.format_float_positional(value, trim="0")


def _in_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _detail_contradiction(bar: Mapping[str, float]) -> str:
    above = [c for c in ("open", "low", "close") if bar["high"] < bar[c] * (1 - _NOISE)]
    below = [c for c in ("open", "close") if bar["low"] > bar[c] * (1 + _NOISE)]
    return ", ".join(
        [f"high {_write_exactly(bar['high'])} is below {c} {_write_exactly(bar[c])}" for c in above]
        + [f"low {_write_exactly(bar['low'])} is above {c} {_write_exactly(bar[c])}" for c in below]
    )


def find_gaps(expected: pd.DatetimeIndex, known: pd.DatetimeIndex) -> tuple[PriceIssue, ...]:
    """Return an issue `missing_session` for each expected session that is not among the known ones."""
    return tuple(
        PriceIssue(
            session=session.date(),
            kind=MISSING_SESSION,
            detail="the exchange was open and the source has no bar of the session",
            raw={"session": str(session.date())},
        )
        for session in expected.difference(known)
    )
