"""The report's right column: the verdict with its reasons, and the errors beside those of the benchmarks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes

from stockrnn.evaluation.benchmarks import BASELINE_TITLES, benchmarks_for, direction_reference
from stockrnn.report.axes import HEAD_HEIGHT, LOOKS, MODEL, TICK_SIZE, Look
from stockrnn.report.formats import MISSING, format_price, format_share
from stockrnn.report.layout import GREY, INK, Box, Page, level_top, line_height
from stockrnn.report.panels import write_head
from stockrnn.report.words import describe_backtest, metric, price_scale, verdict
from stockrnn.types import Backtest

NOT_TESTED = "not tested"
NO_BACKTEST = (
    "There is no backtest to show, so nothing is known here about how far such a forecast is usually off.",
    "Until there is one, take naive for the better forecast: the next price is the last known one.",
)

_ROW = 23.0
_MAX_NAME_WIDTH = 250.0
_VERDICT_SIZE = 20.0
_COIN = 0.5
_SENTENCE_SIZE = 10.5
_SMALL_SIZE = 10.0  # where the sentences would reach into the row below
_PARAGRAPH_GAP = 7.0


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: a model's value of a metric; `missing` is written where it is NaN."""

    name: str
    value: float
    look: Look
    missing: str = MISSING


def draw_words(page: Page, box: Box, backtest: Backtest | None, *, currency: str | None) -> None:
    """Write the verdict large and, below it, the sentences that explain it."""
    text = NOT_TESTED if backtest is None else verdict(backtest)
    sentences = NO_BACKTEST if backtest is None else describe_backtest(backtest, currency=currency)
    write_verdict(page, box, "What the forecast is worth", text, sentences)


def write_verdict(page: Page, box: Box, title: str, text: str, sentences: Sequence[str]) -> None:
    """Write a title, under it the verdict large, under that the sentences."""
    page.write(box.left, box.top, title, size=12.5, bold=True)
    text = f"{text[:1].upper()}{text[1:]}."
    size = _VERDICT_SIZE if len(page.wrap(text, width=box.width, size=_VERDICT_SIZE, bold=True)) <= 2 else 16.0  # noqa: PLR2004  # lines
    width = page.balanced_width(text, width=box.width, size=size, bold=True)
    top = page.write_wrapped(Box(box.left, box.top + 38, width, 0), text, size=size, bold=True) + 10
    room = box.top + box.height - top
    small = _measure_height(page, sentences, width=box.width, size=_SENTENCE_SIZE) > room
    for sentence in sentences:
        size = _SMALL_SIZE if small else _SENTENCE_SIZE
        top = page.write_wrapped(Box(box.left, top, box.width, 0), sentence, size=size) + _PARAGRAPH_GAP


def _measure_height(page: Page, sentences: Sequence[str], *, width: float, size: float) -> float:
    lines = sum(len(page.wrap(sentence, width=width, size=size)) for sentence in sentences)
    return lines * line_height(size) + _PARAGRAPH_GAP * max(len(sentences) - 1, 0)


def draw_errors(page: Page, box: Box, backtest: Backtest, *, currency: str | None) -> None:
    """Draw the mean absolute error, the root mean square error and the hit rate as bars from zero."""
    write_head(page, box, "Its misses beside naive's", "Shorter is better, except for the direction")
    amount = partial(format_price, scale=price_scale(backtest))
    unit = f", {currency}" if currency else ""
    charts: tuple[tuple[str, str, Callable[[float], str]], ...] = (
        ("mae", f"Average miss (MAE{unit})", amount),
        ("rmse", f"The same, large misses weigh more (RMSE{unit})", amount),
        ("directional_accuracy", "Direction right (line: a coin)", format_share),
    )
    top = box.top + HEAD_HEIGHT - 8
    for name, title, write in charts:
        rows = _rows(backtest, name)
        page.write(box.left, top, title, size=10.5)
        bars = Box(box.left, top + 21, box.width, _ROW * len(rows))
        _draw_bars(page, bars, rows, write, share=write is format_share)
        top += 21 + _ROW * len(rows) + 11


def _rows(backtest: Backtest, name: str) -> list[Row]:
    rows = [Row(backtest.spec, metric(backtest, backtest.spec, name), MODEL)]
    for benchmark in benchmarks_for(backtest.target):
        names_none = name == "directional_accuracy" and benchmark == direction_reference(backtest.target)
        missing = "names none" if names_none else MISSING
        rows.append(Row(BASELINE_TITLES[benchmark], metric(backtest, benchmark, name), LOOKS[benchmark], missing))
    return rows


def _draw_bars(page: Page, box: Box, rows: list[Row], write: Callable[[float], str], *, share: bool) -> None:
    shown = [page.shorten(row.name, width=_MAX_NAME_WIDTH, size=TICK_SIZE) for row in rows]
    names = max(page.text_width(name, size=TICK_SIZE) for name in shown) + 10
    values = max(page.text_width(write(row.value), size=TICK_SIZE, bold=True) for row in rows) + 8
    plot = Box(box.left + names, box.top, box.width - names - values, box.height)
    ax = page.add_axes(plot)
    ax.set_axis_off()
    longest = max((row.value for row in rows if math.isfinite(row.value)), default=0.0)
    limit = 1.0 if share else longest or 1.0
    ax.set(xlim=(0, limit), ylim=(len(rows) - 0.5, -0.5))
    for at, row in enumerate(rows):
        top = level_top(plot.top + _ROW * (at + 0.5), size=TICK_SIZE)
        page.write(plot.left - 8, top, shown[at], size=TICK_SIZE, align="right")
        if math.isfinite(row.value):
            ax.barh([at], [row.value], height=0.62, color=row.look.color)
            end = plot.left + plot.width * row.value / limit
            page.write(end + 6, top, write(row.value), size=TICK_SIZE, bold=row.look is MODEL)
        else:
            page.write(plot.left + 2, top, row.missing, size=TICK_SIZE, color=GREY)
    if share:
        _draw_coin(ax, rows)


def _draw_coin(ax: Axes, rows: list[Row]) -> None:
    # between the rows, and across the bars that reach it: elsewhere it would strike out a value
    gaps = [(at - 0.68, at - 0.32) for at in range(1, len(rows))] + [
        (-0.5, -0.32),
        (len(rows) - 0.68, len(rows) - 0.5),
    ]
    bars = [(at - 0.5, at + 0.5) for at, row in enumerate(rows) if row.value > _COIN]
    for start, end in gaps + bars:
        ax.plot([_COIN, _COIN], [start, end], color=INK, linewidth=1.0, solid_capstyle="butt", clip_on=False)
