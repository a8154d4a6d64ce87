"""What every chart of the report shares: price scales, session ticks and labels beside the points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from stockrnn.report.layout import FONT, GREY, INK, PALE, Box, Page, level_top, line_height, spread

TICK_SIZE = 10.0
LABEL_SIZE = 10.5
HEAD_HEIGHT = 62.0
_TICKS_HEIGHT = 40.0
_MIN_TICKS = 40.0
_MIN_LABELS = 140.0
_LEADER = 26.0
_MIN_RANGE = 0.004  # of the price: on a narrower axis noise would look like large moves
_WEEKS_UP_TO = 32
_WEEKS_UP_TO_MONTHS = 3  # fewer would leave one or two dates on the axis


@dataclass(frozen=True, slots=True)
class Look:
    """How one series is drawn, so that it is distinct in colour and in grey (palette: Okabe-Ito)."""

    color: str
    line: str
    marker: str
    filled: bool = True
    size: float = 5.5

    @property
    def face(self) -> str:
        """Colour inside the marker."""
        return self.color if self.filled else "white"


ACTUAL = Look(INK, "-", "o", size=3.5)
MODEL = Look("#D55E00", "--", "o")
NAIVE = Look("#0072B2", ":", "s", filled=False)
LAST_CLOSE = Look("#009E73", "-.", "D", filled=False)
DRIFT = Look("#CC79A7", ":", "^", filled=False)
MOVING_AVERAGE = Look("#8A6A00", ":", "v", filled=False)
LOOKS = {"naive": NAIVE, "last_close": LAST_CLOSE, "drift": DRIFT, "moving_average": MOVING_AVERAGE}


@dataclass(frozen=True, slots=True)
class Label:
    """A text beside the point (x, y) of a chart."""

    text: str
    x: float
    y: float
    look: Look


@dataclass(frozen=True, slots=True)
class PriceScale:
    """A vertical axis: its ends, its round ticks and how they are written."""

    low: float
    high: float
    ticks: tuple[float, ...]
    texts: tuple[str, ...]


def make_price_scale(prices: Sequence[float] | np.ndarray) -> PriceScale:
    """Return the axis that fits the finite prices, is at least 0.4 % of the price high and needs no minus."""
    values = np.asarray(prices, dtype=float)
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    middle = (low + high) / 2
    half = max((high - low) / 2 * 1.16, abs(middle) * _MIN_RANGE / 2, 1e-12)
    bottom = max(middle - half, 0.0) if low >= 0.0 else middle - half
    steps = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(bottom, middle + half)
    ticks = tuple(float(tick) for tick in steps if bottom <= tick <= middle + half)
    decimals = _step_decimals(float(steps[1] - steps[0]))
    return PriceScale(bottom, middle + half, ticks, tuple(_write_tick(tick, decimals) for tick in ticks))


def _write_tick(tick: float, decimals: int) -> str:
    return f"{tick:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _step_decimals(step: float) -> int:
    exact = max(0, -math.floor(math.log10(step)))
    return exact if math.isclose(round(step, exact), step, rel_tol=1e-6) else exact + 1


def add_price_axes(page: Page, box: Box, scale: PriceScale, *, labels: Sequence[str]) -> tuple[Axes, float]:
    """Add axes that leave room for the scale at the left and the labels at the right.

    Returns
    -------
    Axes, float
        The axes, and where the labels begin, in pixels.
    """
    ticks_width = max((page.text_width(text, size=TICK_SIZE) for text in scale.texts), default=0.0) + 8
    labels_width = max([_MIN_LABELS, *(page.text_width(text, size=LABEL_SIZE, bold=True) for text in labels)])
    left, right = box.left + max(ticks_width, _MIN_TICKS), box.left + box.width - labels_width
    height = box.height - HEAD_HEIGHT - _TICKS_HEIGHT
    ax = page.add_axes(Box(left, box.top + HEAD_HEIGHT, right - _LEADER - left, height))
    ax.set_ylim(scale.low, scale.high)
    ax.set_yticks(scale.ticks, scale.texts)
    _strip(ax)
    return ax, right


def _strip(ax: Axes) -> None:
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(GREY)
    ax.grid(axis="y", color=PALE, linewidth=0.8, linestyle="-")
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=TICK_SIZE, labelfontfamily=FONT, labelcolor=GREY, color=GREY, direction="out")
    ax.tick_params(axis="y", length=0, pad=6)
    ax.tick_params(axis="x", length=4, pad=4)


def set_session_axis(ax: Axes, sessions: pd.DatetimeIndex, *, last: float) -> None:
    """Place the sessions at 0, 1, ... up to the edge `last`, with dates at the starts of weeks or months."""
    ax.set_xlim(-0.5, last)
    months = len(sessions) > _WEEKS_UP_TO and sessions.to_period("M").nunique() > _WEEKS_UP_TO_MONTHS
    width = float(ax.get_window_extent().width)
    chosen = _ticks(sessions, months=months, min_distance=68.0 / width * (last + 0.5))
    befores = [None, *chosen[:-1]]
    labels = [_tick_label(sessions, at, before, months=months) for at, before in zip(chosen, befores, strict=True)]
    ax.set_xticks(chosen, labels)


def _ticks(sessions: pd.DatetimeIndex, *, months: bool, min_distance: float) -> list[int]:
    periods = sessions.to_period("M" if months else "W")
    starts = [at for at in range(1, len(sessions)) if periods[at] != periods[at - 1]]
    candidates = starts if months and starts else [0, *starts]
    chosen: list[int] = []
    for at in candidates:
        if not chosen or at - chosen[-1] >= min_distance:
            chosen.append(at)
    final = len(sessions) - 1
    return [*chosen, final] if len(chosen) == 1 and final - chosen[0] >= min_distance else chosen


def _tick_label(sessions: pd.DatetimeIndex, at: int, before: int | None, *, months: bool) -> str:
    day = sessions[at]
    text = f"{day:%b}" if months else f"{day.day} {day:%b}"
    new_year = before is None or sessions[before].year != day.year
    # always two lines, so that all first lines are level
    return f"{text}\n{day.year if new_year else ''}"


def write_labels(page: Page, ax: Axes, labels: Sequence[Label], *, left: float) -> None:
    """Write labels in a column at `left` pixels, level with their points as far as they don't collide."""
    frame = ax.get_window_extent()
    top, bottom = page.height - frame.y1, page.height - frame.y0
    points = [page.pixel_of(ax, label.x, label.y) for label in labels]
    levels = spread([y for _, y in points], gap=line_height(LABEL_SIZE), low=top + 6, high=bottom - 6)
    for label, (x, y), level in zip(labels, points, levels, strict=True):
        top_of_text = level_top(level, size=LABEL_SIZE)
        page.draw_line([x + 7, left - 16, left - 5], [y, level, level], color=label.look.color, width=0.7)
        page.write(left, top_of_text, label.text, size=LABEL_SIZE, color=label.look.color, bold=True)
