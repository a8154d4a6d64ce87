"""The charts of the report: recent prices with the forecast, and the holdout. Prices in quote currency."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from stockrnn.evaluation.benchmarks import BASELINE_TITLES, benchmarks_for
from stockrnn.evaluation.intervals import LEVELS
from stockrnn.report.axes import (
    ACTUAL,
    LAST_CLOSE,
    LOOKS,
    MODEL,
    NAIVE,
    TICK_SIZE,
    Label,
    Look,
    PriceScale,
    add_price_axes,
    make_price_scale,
    set_session_axis,
    write_labels,
)
from stockrnn.report.formats import format_price
from stockrnn.report.layout import GREY, INK, MARGIN, WASH, WIDTH, Box, Page
from stockrnn.report.words import TARGET_NAMES, count_sessions
from stockrnn.types import Backtest, Forecast, Target

_MARKERS_UP_TO = 40
_BAR_WIDTHS = {80: 6.0, 95: 2.0}
# nested, so that each is seen where they coincide
_POINT_SIZES = {MODEL.marker: 7.0, NAIVE.marker: 10.0, LAST_CLOSE.marker: 11.5}


def draw_recent(
    page: Page, box: Box, recent: pd.Series, *, forecast: Forecast | None, target: Target, currency: str | None
) -> None:
    """Draw the last sessions and, set apart in a band, the next one with the forecast and its benchmarks."""
    prices = recent.to_numpy(dtype=float)
    # one session's width would hide the markers in the end of the line
    step = max(1.0, 0.055 * len(prices))
    last = Label(f"last {format_price(prices[-1])}", len(prices) - 1, float(prices[-1]), ACTUAL)
    points = [last] if forecast is None else _forecast_points(forecast, at=last.x + step)
    bars = {} if forecast is None else _bounds(forecast)
    scale = make_price_scale([*prices, *(point.y for point in points), *np.ravel([*bars.values()])])
    title = f"The {TARGET_NAMES[target]} in the last {count_sessions(len(prices))}"
    write_head(page, box, title, _unit(currency, scale))
    ax, labels_left = add_price_axes(page, box, scale, labels=[point.text for point in points])
    edge = last.x + (0.5 if forecast is None else 2 * step)
    set_session_axis(ax, pd.DatetimeIndex(recent.index), last=edge)
    draw_series(ax, prices, ACTUAL)
    if forecast is not None:
        _draw_next_session(ax, points[: len(points) - len(bars)], last=last, edge=edge)
        _draw_intervals(ax, bars, at=points[0].x)
        day = f"{forecast.target_session.day} {forecast.target_session:%b}"
        middle, top = page.pixel_of(ax, points[0].x, scale.high)
        page.write(middle, top - 18, day, size=TICK_SIZE, color=GREY, align="center")
    write_labels(page, ax, points, left=labels_left)


def draw_holdout(page: Page, box: Box, backtest: Backtest, *, currency: str | None) -> None:
    """Draw the holdout's actual prices with the forecasts of the model and of naive."""
    frame = backtest.forecasts
    each = "" if len(frame) == 1 else "each "
    series = {"actual": ("actual", ACTUAL), "naive": ("naive", NAIVE), "predicted": (backtest.spec, MODEL)}
    scale = make_price_scale(frame[[*series]].to_numpy(dtype=float).ravel())
    title = f"The test: {count_sessions(len(frame))}, {each}forecast one session ahead"
    write_head(page, box, title, _unit(currency, scale))
    ax, labels_left = add_price_axes(page, box, scale, labels=[name for name, _ in series.values()])
    set_session_axis(ax, pd.DatetimeIndex(frame.index), last=len(frame) - 0.5)
    labels = []
    for column, (name, look) in series.items():
        values = frame[column].to_numpy(dtype=float)
        draw_series(ax, values, look)
        known = np.flatnonzero(np.isfinite(values))
        if known.size:
            labels.append(Label(name, float(known[-1]), float(values[known[-1]]), look))
    write_labels(page, ax, labels, left=labels_left)


def write_masthead(page: Page, tag: str, note: str) -> None:
    """Write the rule on top of a page and below it, in one line, what kind of page it is and what of."""
    page.draw_line([MARGIN, WIDTH - MARGIN], [24, 24], color=INK, width=1.2)
    page.draw_line([MARGIN, MARGIN + 60], [27, 27], color=INK, width=5.0)
    page.write(MARGIN, 46, tag, size=10.5, bold=True)
    page.write(MARGIN + page.text_width(tag, size=10.5, bold=True) + 12, 46, note, size=10.5, color=GREY)


def write_head(page: Page, box: Box, title: str, note: str) -> None:
    """Write a panel's title and the grey note under it."""
    page.write(box.left, box.top, title, size=12.5, bold=True)
    page.write(box.left, box.top + 22, note, size=10.0, color=GREY)


def _unit(currency: str | None, scale: PriceScale) -> str:
    unit = currency or "Quote currency"
    return f"{unit}; the scale does not start at zero" if scale.low > 0.0 else unit


def draw_series(ax: Axes, values: np.ndarray, look: Look) -> None:
    """Draw a line through the values at 0, 1, ..., with markers where there are few."""
    ax.plot(
        range(len(values)),
        values,
        color=look.color,
        linestyle=look.line,
        linewidth=1.7,
        # a line of one point is invisible, one of a hundred markers a caterpillar
        marker=look.marker if len(values) <= _MARKERS_UP_TO else "",
        markersize=look.size,
        markerfacecolor=look.face,
        clip_on=False,
    )


def _forecast_points(forecast: Forecast, *, at: float) -> list[Label]:
    values = {"naive": forecast.naive, "last_close": forecast.last_close}
    points = [Label(f"forecast {format_price(forecast.predicted)}", at, forecast.predicted, MODEL)]
    for name in benchmarks_for(forecast.target):
        shown = "naive = last close" if forecast.target == "close" else BASELINE_TITLES[name]
        text = f"{shown} {format_price(values[name], scale=forecast.predicted)}"
        points.append(Label(text, at, values[name], LOOKS[name]))
    for level, (lower, upper) in _bounds(forecast).items():
        low, high = (format_price(end, scale=forecast.predicted) for end in (lower, upper))
        # the wider one from below, so that the labels don't crowd
        points.append(Label(f"{level} %: {low} to {high}", at, upper if level == min(LEVELS) else lower, MODEL))
    return points


def _bounds(forecast: Forecast) -> dict[int, tuple[float, float]]:
    """Return the forecast's intervals, the narrow one first; none where too few past errors were known."""
    ends = {80: (forecast.lower_80, forecast.upper_80), 95: (forecast.lower_95, forecast.upper_95)}
    return {level: (low, high) for level, (low, high) in ends.items() if low is not None and high is not None}


def _draw_intervals(ax: Axes, bars: dict[int, tuple[float, float]], *, at: float) -> None:
    for level, ends in bars.items():
        width = _BAR_WIDTHS[level]
        ax.plot([at, at], ends, color=MODEL.color, linewidth=width, alpha=0.35, solid_capstyle="butt", zorder=3)


def _draw_next_session(ax: Axes, points: list[Label], *, last: Label, edge: float) -> None:
    ax.axvspan((last.x + points[0].x) / 2, edge, color=WASH, linewidth=0, zorder=0)
    for point in reversed(points):
        look = point.look
        ax.plot([last.x, point.x], [last.y, point.y], color=look.color, linestyle=look.line, linewidth=1.0)
        ax.plot(
            [point.x],
            [point.y],
            marker=look.marker,
            markersize=_POINT_SIZES[look.marker],
            markerfacecolor=look.face,
            markeredgecolor=look.color,
            markeredgewidth=1.6,
            zorder=4,
        )
