"""Standings as rows of a picture: name, point and interval on a logarithmic axis, figures, verdict; naive being 1."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from stockrnn.evaluation.benchmarks import BASELINE_TITLES
from stockrnn.evaluation.standings import Standing
from stockrnn.report.axes import LOOKS, MODEL, TICK_SIZE, Look
from stockrnn.report.formats import MISSING
from stockrnn.report.layout import GREY, INK, MARGIN, PALE, WIDTH, Box, Page, level_top, line_height
from stockrnn.report.words import count_sessions, count_tickers

NOTE = "bar: 95 % confidence, sessions as clusters  ·  small dots: single tickers"

_ROW = 54.0  # at least
_HEAD = 34.0
_AXIS = 40.0
_NAMES = 190.0  # where the plot begins, in pixels from the margin
_NAME_SIZE = 11.0
_NAME_WIDTH = _NAMES - 16
_TICKS = (
    *(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    *(1.0, 1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0),
)
_MIN_TICK_DISTANCE = 36.0
_NARROWEST = 1.05
_FURTHEST = 20.0

Scale = tuple[float, float]
"""The ends of the logarithmic axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where the columns stand, in pixels from the margin.

    Attributes
    ----------
    plot
        How wide it is; it begins after the names.
    figures, words
        Where the relative error and the verdict begin.
    more
        Further figures between them: the title of each and where it ends.
    """

    plot: float
    figures: float
    words: float
    more: tuple[tuple[str, float], ...] = ()

    @property
    def words_width(self) -> float:
        """How wide a line of the verdict may be."""
        return WIDTH - 2 * MARGIN - self.words


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A standing, and what is written under the titles of `Columns.more`."""

    place: Standing
    more: tuple[str, ...] = ()


def make_scale(places: Iterable[Standing]) -> Scale:
    """Return the ends of the axis: everything that is known, and 1, lies inside."""
    values = [value for place in places for value in _values(place)]
    low, high = min([*values, 1 / _NARROWEST]), max([*values, _NARROWEST])
    return max(low / 1.04, 1 / _FURTHEST), min(high * 1.04, _FURTHEST)


def row_height(places: Iterable[Standing], columns: Columns) -> float:
    """Return the height that the longest name and the longest verdict need, in pixels."""
    ruler, heights = Page(1), [_ROW]
    for place in places:
        heights.append(line_height(_NAME_SIZE) * len(_name_lines(ruler, place)) + 12)
        heights.append(line_height(10.0) * len(_word_lines(ruler, place, columns)) + 12)
    return max(heights)


def rows_height(count: int, *, row: float) -> float:
    """Return the height of so many rows with their head and axis, in pixels."""
    return _HEAD + row * count + _AXIS


def draw_rows(page: Page, top: float, rows: Sequence[Row], scale: Scale, columns: Columns, *, row: float) -> None:
    """Draw rows below their head, `rows_height` pixels in all.

    Parameters
    ----------
    row
        Their height: at least `row_height` of them.
    """
    _write_head(page, top + 14, columns)
    box = Box(MARGIN + _NAMES, top + _HEAD, columns.plot, row * len(rows))
    ax = _add_axes(page, box, scale, rows=len(rows))
    for at, one in enumerate(rows):
        look = LOOKS[one.place.model] if one.place.baseline else MODEL
        _draw_place(ax, at, one.place, look, scale)
        _write_row(page, box.top + row * (at + 0.5), one, look, columns)


def _values(place: Standing) -> list[float]:
    values = (place.relative_mae, place.low, place.high, *place.by_ticker.values())
    return [value for value in values if math.isfinite(value) and value > 0]


def _name_lines(page: Page, place: Standing) -> list[str]:
    name = BASELINE_TITLES[place.model] if place.baseline else place.model
    return page.wrap(name, width=_NAME_WIDTH, size=_NAME_SIZE, bold=not place.baseline)


def _word_lines(page: Page, place: Standing, columns: Columns) -> list[tuple[str, bool]]:
    """Return the lines of the verdict, and of what it rests on; whether each is bold."""
    words = "" if place.verdict is None else place.verdict.words
    forecasts = "1 forecast" if place.forecasts == 1 else f"{place.forecasts:,} forecasts"
    basis = f"{count_tickers(len(place.by_ticker))}, {count_sessions(place.sessions)}, {forecasts}"
    texts = ((words, True), (basis, False)) if words else ((basis, False),)
    width = columns.words_width
    return [(line, bold) for text, bold in texts for line in page.wrap(text, width=width, size=10.0, bold=bold)]


def _write_head(page: Page, top: float, columns: Columns) -> None:
    for left, words in ((columns.figures, "Times naive's miss"), (columns.words, "What it proves")):
        page.write(MARGIN + left, top, words, size=10.0, color=GREY)
    for title, right in columns.more:
        page.write(MARGIN + right, top, title, size=10.0, color=GREY, align="right")


def _add_axes(page: Page, box: Box, scale: Scale, *, rows: int) -> Axes:
    ax = page.add_axes(box)
    ax.set_xscale("log")
    ax.set(xlim=scale, ylim=(rows - 0.5, -0.5))
    ax.minorticks_off()
    low, high = scale
    chosen = [1.0]
    per_pixel = math.log(high / low) / box.width
    for tick in sorted(_TICKS, key=lambda tick: abs(math.log(tick))):
        far = all(abs(math.log(tick / other)) >= _MIN_TICK_DISTANCE * per_pixel for other in chosen)
        if low <= tick <= high and far:
            chosen.append(tick)
    ax.set_xticks(sorted(chosen), [f"{tick:g}" for tick in sorted(chosen)])
    ax.set_yticks([])
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(GREY)
    ax.grid(axis="x", color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=TICK_SIZE, labelcolor=GREY, color=GREY, length=4)
    ax.axvline(1.0, color=INK, linewidth=1.2)
    return ax


def _draw_place(ax: Axes, at: int, place: Standing, look: Look, scale: Scale) -> None:
    single, ends = _clip(place.by_ticker.values(), scale), _clip((place.low, place.high), scale)
    below = [at + 0.26] * len(single)
    # not cut off by the ends of the axis
    ax.plot(single, below, linestyle="", marker="o", color=GREY, markersize=3.0, alpha=0.7, clip_on=False)
    ax.plot(ends, [at] * len(ends), color=look.color, linewidth=3.0, alpha=0.45)
    for middle in _clip((place.relative_mae,), scale):
        (point,) = ax.plot([middle], [at], marker=look.marker, color=look.color, markersize=9.0, clip_on=False)
        point.set_markerfacecolor(look.face)


def _clip(values: Iterable[float], scale: Scale) -> np.ndarray:
    """Return the known values; those out of range become the ends of the axis."""
    return np.clip([value for value in values if math.isfinite(value)], *scale)


def _write_row(page: Page, level: float, row: Row, look: Look, columns: Columns) -> None:
    place = row.place
    names = _name_lines(page, place)
    for text, top in zip(names, _tops(level, len(names), size=_NAME_SIZE), strict=True):
        page.write(MARGIN, top, text, size=_NAME_SIZE, bold=not place.baseline, color=look.color)
    _write_figures(page, level, place, left=MARGIN + columns.figures)
    for text, (_, right) in zip(row.more, columns.more, strict=True):
        page.write(MARGIN + right, level_top(level, size=11.0), text, size=11.0, align="right")
    lines = _word_lines(page, place, columns)
    for (text, bold), top in zip(lines, _tops(level, len(lines), size=10.0), strict=True):
        page.write(MARGIN + columns.words, top, text, size=10.0, bold=bold, color=INK if place.verdict else GREY)


def _write_figures(page: Page, level: float, place: Standing, *, left: float) -> None:
    if place.model == "naive" and place.baseline:
        page.write(left, level_top(level, size=11.0), "1", size=11.0, bold=True)
        return
    first, second = _tops(level, 2, size=10.0)
    page.write(left, first, _number(place.relative_mae), size=11.0, bold=True)
    page.write(left, second, f"{_number(place.low)} to {_number(place.high)}", size=10.0, color=GREY)


def _tops(level: float, lines: int, *, size: float) -> list[float]:
    """Return the tops of lines of text that are centred on `level` together, in pixels."""
    return [level_top(level + (at - (lines - 1) / 2) * line_height(size), size=size) for at in range(lines)]


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else MISSING
