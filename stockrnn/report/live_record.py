"""The live record: the running sum of errors less naive's, the coverage of intervals, and what that proves so far."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from stockrnn.evaluation.benchmarks import BASELINE_TITLES, benchmarks_for
from stockrnn.evaluation.intervals import LEVELS
from stockrnn.evaluation.significance import wilson_interval
from stockrnn.evaluation.standings import compare_with_benchmarks
from stockrnn.evaluation.verdicts import Verdict
from stockrnn.report.axes import (
    LOOKS,
    MODEL,
    NAIVE,
    Label,
    add_price_axes,
    make_price_scale,
    set_session_axis,
    write_labels,
)
from stockrnn.report.formats import format_day, format_share
from stockrnn.report.layout import INK, Box, Page
from stockrnn.report.panels import draw_series, write_head
from stockrnn.report.verdicts import write_verdict
from stockrnn.report.words import count_sessions, describe_direction_reference
from stockrnn.types import LiveRecord

_MIN_SPAN = 0.1  # percent of the price: on a narrower axis noise would look like large moves
_DECIMALS = 2
_CONFIDENCE = "In brackets: 95 % confidence intervals."


def find_live_verdict(record: LiveRecord) -> Verdict:
    """Compare the live forecasts with the benchmarks of their target."""
    return compare_with_benchmarks(record.errors, target=record.target)


def describe_record(record: LiveRecord) -> tuple[str, ...]:
    """Say how many live forecasts were scored, how large their misses were, and how often intervals held.

    Returns
    -------
    tuple of str
        A sentence whose figures are missing is left out.
    """
    shares = (_describe_directions(record), _describe_coverage(record))
    confidence = _CONFIDENCE if any("(" in text for text in shares) else ""
    sentences = (_describe_count(record), _describe_misses(record), *shares, confidence)
    return tuple(sentence for sentence in sentences if sentence)


def draw_record(page: Page, box: Box, record: LiveRecord) -> None:
    """Draw the running sum of |error| less naive's, in percent of the last close; below 0 is better than naive.

    Missed nights are crosses on the zero line: they add nothing, but they are there.
    """
    errors = record.errors
    sessions = pd.DatetimeIndex(errors["session"]).union(pd.DatetimeIndex(record.missed))
    series = {"predicted": (record.spec, MODEL)} | {
        name: (BASELINE_TITLES[name], LOOKS[name]) for name in benchmarks_for(record.target) if name != "naive"
    }
    sums = {name: _running_sum(errors, name, sessions) for name in series}
    scale = make_price_scale([0.0, _MIN_SPAN, -_MIN_SPAN, *np.concatenate(list(sums.values()))])
    title = f"The live record: misses of {count_sessions(len(errors))} added up, less naive's"
    write_head(page, box, title, "In percent of the last close; below zero is better than naive")
    ax, labels_left = add_price_axes(page, box, scale, labels=[name for name, _ in series.values()])
    set_session_axis(ax, sessions, last=len(sessions) - 0.5)
    ax.plot([-0.5, len(sessions) - 0.5], [0, 0], color=NAIVE.color, linestyle=NAIVE.line, linewidth=1.7)
    labels = [Label("naive", len(sessions) - 1.0, 0.0, NAIVE)]
    for name, (shown, look) in series.items():
        draw_series(ax, sums[name], look)
        labels.append(Label(shown, len(sessions) - 1.0, float(sums[name][-1]), look))
    _mark_missed(ax, sessions, record)
    write_labels(page, ax, labels, left=labels_left)


def draw_record_words(page: Page, box: Box, record: LiveRecord) -> None:
    """Write what the live record proves so far, and the figures behind it."""
    write_verdict(page, box, "What it has been worth, live", find_live_verdict(record).words, describe_record(record))


def _running_sum(errors: pd.DataFrame, name: str, sessions: pd.DatetimeIndex) -> np.ndarray:
    """Return the sum so far at each session, in percent of the last close; a missed night adds nothing."""
    excess = 100 * (errors[name].abs() - errors["naive"].abs()) / errors["scale"]
    by_session = pd.Series(excess.to_numpy(dtype=np.float64), index=pd.DatetimeIndex(errors["session"]))
    return by_session.reindex(sessions).fillna(0.0).cumsum().to_numpy()


def _mark_missed(ax: Axes, sessions: pd.DatetimeIndex, record: LiveRecord) -> None:
    places = np.flatnonzero(sessions.isin(pd.DatetimeIndex(record.missed)))
    ax.plot(places, np.zeros(len(places)), linestyle="", marker="x", color=INK, markersize=6, markeredgewidth=1.4)


def _describe_count(record: LiveRecord) -> str:
    errors, missed = record.errors, len(record.missed)
    since = format_day(errors["session"].iloc[0])
    what = "forecast has" if len(errors) == 1 else "forecasts have"
    nights = {0: "no night was missed", 1: "1 night was missed (the cross)"}
    missing = nights.get(missed, f"{missed} nights were missed (the crosses)")
    return f"{len(errors)} live {what} been scored, from {since} on; {missing}."


def _describe_misses(record: LiveRecord) -> str:
    errors = record.errors
    model, naive, last_close = (
        _percent(float((100 * errors[name].abs() / errors["scale"]).mean()))
        for name in ("predicted", "naive", "last_close")
    )
    also = f", the last close's {last_close}" if "last_close" in benchmarks_for(record.target) else ""
    return f"The average miss was {model} of the price, naive's {naive}{also}."


def _describe_directions(record: LiveRecord) -> str:
    right = record.errors["direction_correct"].dropna()
    if right.empty:
        return ""
    reference = describe_direction_reference(record.target)
    return f"Counted from {reference}, it named the right direction in {_share(right)}; a coin is right in half."


def _describe_coverage(record: LiveRecord) -> str:
    narrow, wide = (record.errors[f"inside_{level}"].dropna() for level in LEVELS)
    if narrow.empty:
        return "It had no intervals yet: they need past errors."
    text = f"Its 80 % interval held the actual price in {_share(narrow)}"
    return f"{text}." if wide.empty else f"{text}, its 95 % interval in {_share(wide)}."


def _share(outcomes: pd.Series) -> str:
    hits, count = int(outcomes.sum()), len(outcomes)
    low, high = wilson_interval(hits, count)
    return f"{format_share(hits / count)} of {count_sessions(count)} ({100 * low:.0f} to {format_share(high)})"


def _percent(value: float) -> str:
    return "n/a" if math.isnan(value) else f"{value:.{_DECIMALS}f} %"
