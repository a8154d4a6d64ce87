"""The leaderboard as one picture: specs and baselines over all tickers, in backtests and live, naive being 1."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stockrnn import __version__
from stockrnn.evaluation.benchmarks import BASELINE_TITLES
from stockrnn.evaluation.standings import Standing
from stockrnn.report.axes import LOOKS, MODEL, TICK_SIZE, Look
from stockrnn.report.layout import GREY, INK, MARGIN, PALE, WIDTH, Box, Page, level_top, line_height, write_png
from stockrnn.report.words import TARGET_NAMES, count_sessions
from stockrnn.types import Target

_ROW = 54.0  # at least
_HEAD = 66.0
_AXIS = 58.0
_TOP = 168.0
_FOOTER = 52.0
_NAMES = 190.0  # where the plot begins, in pixels from the margin
_PLOT = 410.0
_FIGURES = _NAMES + _PLOT + 34
_WORDS = _FIGURES + 150
_WORDS_WIDTH = WIDTH - 2 * MARGIN - _WORDS
_NAME_SIZE = 11.0
_NAME_WIDTH = _NAMES - 16
_EMPTY = "There is none yet."
_TICKS = (
    *(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95),
    *(1.0, 1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0),
)
_MIN_TICK_DISTANCE = 36.0
_NARROWEST = 1.05
_FURTHEST = 20.0


def draw_leaderboard(
    path: Path, *, tested: Sequence[Standing], live: Sequence[Standing], target: Target, market: str
) -> None:
    """Write the leaderboard as a PNG, 1200 pixels wide; the same input gives the same bytes.

    Parameters
    ----------
    path
        The file; its folder is created, and an old file is replaced only by a complete new one.
    tested, live
        The standings of the backtests and of the live record, the best first; either may be empty.
    market
        What the tickers are, such as `5 tickers`.
    """
    write_png(path, make_leaderboard(tested=tested, live=live, target=target, market=market))


def make_leaderboard(*, tested: Sequence[Standing], live: Sequence[Standing], target: Target, market: str) -> Figure:
    """Return the drawn leaderboard. Parameters as in `draw_leaderboard`."""
    parts = (("The live record: issued before the session opened", live), ("Backtests: computed afterwards", tested))
    row = _row_height([*tested, *live])
    heights = [_HEAD + _AXIS + row * len(places) if places else _HEAD + 26 for _, places in parts]
    page = Page(int(_TOP + sum(heights) + _FOOTER))
    _write_header(page, target, market)
    scale = _make_scale([*tested, *live])
    top = _TOP
    for (title, places), height in zip(parts, heights, strict=True):
        _draw_part(page, top, title, places, scale, row=row)
        top += height
    note = "bar: 95 % confidence, sessions as clusters  ·  small dots: single tickers  ·  errors over the last close"
    page.write(MARGIN, page.height - 30, f"stockrnn {__version__}  ·  {note}", size=10.0, color=GREY)
    return page.figure


def _write_header(page: Page, target: Target, market: str) -> None:
    page.draw_line([MARGIN, WIDTH - MARGIN], [24, 24], color=INK, width=1.2)
    page.draw_line([MARGIN, MARGIN + 60], [27, 27], color=INK, width=5.0)
    page.write(MARGIN, 46, "LEADERBOARD", size=10.5, bold=True)
    left = MARGIN + page.text_width("LEADERBOARD", size=10.5, bold=True) + 12
    page.write(left, 46, f"the {TARGET_NAMES[target]}, one session ahead, {market}", size=10.5, color=GREY)
    page.write(MARGIN, 72, "Does anything beat naive?", size=25, bold=True)
    standfirst = (
        f"How far each spec and baseline was off on average, naive (same as the last known {TARGET_NAMES[target]}) "
        "being 1. Left is better."
    )
    page.write_wrapped(Box(MARGIN, 118, WIDTH - 2 * MARGIN, 0), standfirst, size=12.0)


def _make_scale(places: Sequence[Standing]) -> tuple[float, float]:
    """Return the ends of the logarithmic axis: everything that is known, and 1, lies inside."""
    values = [value for place in places for value in _values(place)]
    low, high = min([*values, 1 / _NARROWEST]), max([*values, _NARROWEST])
    return max(low / 1.04, 1 / _FURTHEST), min(high * 1.04, _FURTHEST)


def _values(place: Standing) -> list[float]:
    values = (place.relative_mae, place.low, place.high, *place.by_ticker.values())
    return [value for value in values if math.isfinite(value) and value > 0]


def _row_height(places: Sequence[Standing]) -> float:
    """Return the height that the longest name and the longest verdict need, in pixels."""
    ruler = Page(1)
    names = [line_height(_NAME_SIZE) * len(_name_lines(ruler, place)) for place in places]
    words = [line_height(10.0) * (len(_verdict_lines(ruler, place)) + 1) for place in places]
    return max(_ROW, *(height + 12 for height in names + words))


def _name_lines(page: Page, place: Standing) -> list[str]:
    name = BASELINE_TITLES[place.model] if place.baseline else place.model
    return page.wrap(name, width=_NAME_WIDTH, size=_NAME_SIZE, bold=not place.baseline)


def _verdict_lines(page: Page, place: Standing) -> list[str]:
    return [] if place.verdict is None else page.wrap(place.verdict.words, width=_WORDS_WIDTH, size=10.0, bold=True)


def _draw_part(
    page: Page, top: float, title: str, places: Sequence[Standing], scale: tuple[float, float], *, row: float
) -> None:
    page.write(MARGIN, top, title, size=12.5, bold=True)
    if not places:
        page.write(MARGIN, top + 26, _EMPTY, size=10.5, color=GREY)
        return
    for left, words in ((_FIGURES, "Times naive's miss"), (_WORDS, "What it proves")):
        page.write(MARGIN + left, top + 30, words, size=10.0, color=GREY)
    box = Box(MARGIN + _NAMES, top + _HEAD - 16, _PLOT, row * len(places))
    ax = _add_axes(page, box, scale, rows=len(places))
    for at, place in enumerate(places):
        look = LOOKS[place.model] if place.baseline else MODEL
        _draw_place(ax, at, place, look, scale)
        _write_place(page, box.top + row * (at + 0.5), place, look)


def _add_axes(page: Page, box: Box, scale: tuple[float, float], *, rows: int) -> Axes:
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


def _draw_place(ax: Axes, at: int, place: Standing, look: Look, scale: tuple[float, float]) -> None:
    single, ends = _clip(place.by_ticker.values(), scale), _clip((place.low, place.high), scale)
    below = [at + 0.26] * len(single)
    # not cut off by the ends of the axis
    ax.plot(single, below, linestyle="", marker="o", color=GREY, markersize=3.0, alpha=0.7, clip_on=False)
    ax.plot(ends, [at] * len(ends), color=look.color, linewidth=3.0, alpha=0.45)
    for middle in _clip((place.relative_mae,), scale):
        (point,) = ax.plot([middle], [at], marker=look.marker, color=look.color, markersize=9.0, clip_on=False)
        point.set_markerfacecolor(look.face)


def _clip(values: Iterable[float], scale: tuple[float, float]) -> np.ndarray:
    """Return the known values; those out of range become the ends of the axis."""
    return np.clip([value for value in values if math.isfinite(value)], *scale)


def _write_place(page: Page, level: float, place: Standing, look: Look) -> None:
    names = _name_lines(page, place)
    for text, top in zip(names, _tops(level, len(names), size=_NAME_SIZE), strict=True):
        page.write(MARGIN, top, text, size=_NAME_SIZE, bold=not place.baseline, color=look.color)
    first, second = _tops(level, 2, size=10.0)
    if place.model == "naive" and place.baseline:
        figures, range_ = "1", ""
    else:
        figures, range_ = _number(place.relative_mae), f"{_number(place.low)} to {_number(place.high)}"
    page.write(MARGIN + _FIGURES, first if range_ else level_top(level, size=11.0), figures, size=11.0, bold=True)
    page.write(MARGIN + _FIGURES, second, range_, size=10.0, color=GREY)
    lines, basis = _verdict_lines(page, place), _describe_basis(place)
    for text, top in zip([*lines, basis], _tops(level, len(lines) + 1, size=10.0), strict=True):
        page.write(MARGIN + _WORDS, top, text, size=10.0, bold=text is not basis, color=INK if lines else GREY)


def _describe_basis(place: Standing) -> str:
    tickers = "1 ticker" if len(place.by_ticker) == 1 else f"{len(place.by_ticker)} tickers"
    forecasts = "1 forecast" if place.forecasts == 1 else f"{place.forecasts:,} forecasts"
    return f"{tickers}, {count_sessions(place.sessions)}, {forecasts}"


def _tops(level: float, lines: int, *, size: float) -> list[float]:
    """Return the tops of lines of text that are centred on `level` together, in pixels."""
    return [level_top(level + (at - (lines - 1) / 2) * line_height(size), size=size) for at in range(lines)]


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "n/a"
