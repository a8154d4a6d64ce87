"""How far back the gradients of networks reach, as one picture."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stockrnn import __version__
from stockrnn.report.axes import LABEL_SIZE, TICK_SIZE, Label, Look, write_labels
from stockrnn.report.gradient_words import FORGOTTEN, describe_reaches
from stockrnn.report.layout import GREY, INK, MARGIN, PALE, WIDTH, Box, Page, write_png
from stockrnn.report.panels import write_masthead
from stockrnn.types.gradients import Reach, RemedyEffect, SpecReach

_LOOKS = (
    Look("#D55E00", "-", "o"),
    Look("#0072B2", "-", "s"),
    Look("#009E73", "-", "D"),
    Look("#CC79A7", "-", "^"),
    Look("#8A6A00", "-", "v"),
    Look("#56B4E9", "-", "P"),
)
"""Of the networks in their order (palette: Okabe-Ito); told apart in grey by their markers."""
_FACTORS = (0.9, 1.0, 1.1)
_TITLE_SIZE = 21.0
_GAP = 36.0
_PANEL = 270.0
_PANEL_HEAD = 52.0
_PANEL_FOOT = 46.0
_LOWEST = 1e-12  # below it, float32 has no more to say
_SHOWN = 1e-9  # the lowest end of an axis
_MARKERS = 6
_FACTOR_STEPS = 8  # of a factor's line that is shorter the name would not be seen to be its
_CLEAR = 0.08  # of the axis' height: the name of a factor's line stands below its upper end
_OF_STATES = "the top layer's last output by its earlier ones; sessions before the last one"
_OF_INPUTS = "the forecast by what each session brings; sessions ago"


def draw_gradients(path: Path, *, ticker: str, reaches: Sequence[SpecReach], remedies: RemedyEffect) -> None:
    """Write the picture as a PNG, 1200 pixels wide; the same input gives the same bytes.

    Parameters
    ----------
    path
        The file; its folder is created, and an old file is replaced only by a complete new one.
    reaches
        The networks, in the order in which they are named.
    """
    write_png(path, make_gradients(ticker=ticker, reaches=reaches, remedies=remedies))


def make_gradients(*, ticker: str, reaches: Sequence[SpecReach], remedies: RemedyEffect) -> Figure:
    """Return the drawn picture. Parameters as in `draw_gradients`."""
    title = f"{describe_reaches(reaches)}."
    lines = len(Page(1).wrap(title, width=WIDTH - 2 * MARGIN, size=_TITLE_SIZE, bold=True))
    top = 72 + lines * 40 + 62.0
    row = _PANEL_HEAD + _PANEL + _PANEL_FOOT
    page = Page(int(top + 3 * row + 46))
    _write_header(page, ticker, title, lookbacks=[len(one.trained.inputs) for one in reaches])
    boxes = _columns(top)
    _draw_pair(page, boxes, "From state to state", reaches, _states)
    boxes = _columns(top + row)
    _draw_pair(page, boxes, "From price to forecast", reaches, _inputs)
    left, right = _columns(top + 2 * row)
    _draw_truncation(page, left, remedies)
    _draw_clipping(page, right, remedies)
    note = "norms of derivatives, mean over 32 windows; states: the largest singular value"
    page.write(MARGIN, page.height - 28, f"stockrnn {__version__}  ·  {note}", size=10.0, color=GREY)
    return page.figure


def _states(reach: Reach) -> np.ndarray:
    return reach.states


def _inputs(reach: Reach) -> np.ndarray:
    return reach.inputs


def _write_header(page: Page, ticker: str, title: str, *, lookbacks: Sequence[int]) -> None:
    sizes = " and ".join(str(lookback) for lookback in sorted(set(lookbacks)))
    write_masthead(page, "GRADIENTS", f"{ticker}, windows of {sizes} sessions")
    box = Box(MARGIN, 72, WIDTH - 2 * MARGIN, 0)
    end = page.write_wrapped(box, title, size=_TITLE_SIZE, bold=True)
    standfirst = (
        "How much a small change then would change what comes out now: what training can learn from. Forgotten: less "
        f"than {FORGOTTEN:.0%} of the most that any session acts. Grey: what Wrec = 0.9, 1 and 1.1 would leave."
    )
    page.write_wrapped(Box(MARGIN, end + 6, WIDTH - 2 * MARGIN, 0), standfirst, size=11.5)


def _columns(top: float) -> tuple[Box, Box]:
    width = (WIDTH - 2 * MARGIN - _GAP) / 2
    height = _PANEL_HEAD + _PANEL
    return Box(MARGIN, top, width, height), Box(MARGIN + width + _GAP, top, width, height)


def _draw_pair(
    page: Page,
    boxes: tuple[Box, Box],
    title: str,
    reaches: Sequence[SpecReach],
    choose: Callable[[Reach], np.ndarray],
) -> None:
    """Draw the networks untrained and trained, on the same axis."""
    pairs = [
        ("untrained", [choose(reach.untrained) for reach in reaches]),
        ("trained", [choose(reach.trained) for reach in reaches]),
    ]
    scale = _make_scale([line for _, lines in pairs for line in lines], factors=True)
    for box, (when, lines) in zip(boxes, pairs, strict=True):
        first, note = (0, _OF_STATES) if choose is _states else (1, _OF_INPUTS)
        _write_head(page, box, f"{title}, {when}", note)
        count = max(len(line) for line in lines)
        ax, right = _add_axes(page, box, scale, first=first, count=count, names=[one.spec for one in reaches])
        _draw_factors(ax, lines, first=first)
        labels = [
            _draw_line(ax, line, look, first=first, name=reach.spec)
            for line, look, reach in zip(lines, _LOOKS * len(lines), reaches, strict=False)
        ]
        write_labels(page, ax, [label for label in labels if label is not None], left=right)


def _make_scale(lines: Sequence[np.ndarray], *, factors: bool) -> tuple[float, float]:
    """Return the ends of the logarithmic axis, powers of ten."""
    values = np.concatenate(lines)
    values = values[values > _LOWEST]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.1, 1.0)
    if factors:
        steps = max(len(line) for line in lines) - 1
        low, high = min(low, high * min(_FACTORS) ** steps), max(high, low)
    return 10.0 ** math.floor(math.log10(max(low, _SHOWN))), 10.0 ** math.ceil(math.log10(high * 1.05))


def _write_head(page: Page, box: Box, title: str, unit: str) -> None:
    page.write(box.left, box.top, title, size=11.5, bold=True)
    page.write(box.left, box.top + 23, unit, size=10.0, color=GREY)


def _add_axes(
    page: Page, box: Box, scale: tuple[float, float], *, first: int, count: int, names: Sequence[str]
) -> tuple[Axes, float]:
    """Add logarithmic axes; return them, and where the labels begin, in pixels."""
    label = max([60.0, *(page.text_width(name, size=LABEL_SIZE, bold=True) for name in names)])
    left, right = box.left + 46, box.left + box.width - label
    ax = page.add_axes(Box(left, box.top + _PANEL_HEAD, right - 26 - left, box.height - _PANEL_HEAD))
    ax.set_yscale("log")
    ax.set(ylim=scale, xlim=(first - 0.5, first + count - 0.5))
    low, high = (round(math.log10(end)) for end in scale)
    powers = list(range(low, high + 1, max(1, math.ceil((high - low) / 6))))
    ax.set_yticks([10.0**power for power in powers], [_write_power(power) for power in powers])
    ax.minorticks_off()
    ticks = [at for at in range(first, first + count) if at % 10 == 0 or at == first]
    ax.set_xticks([at for at in ticks if at == first or at - first > 3], None)  # noqa: PLR2004  # sessions: room for both
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(GREY)
    ax.grid(axis="y", color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(labelsize=TICK_SIZE, labelcolor=GREY, color=GREY, length=4)
    ax.tick_params(axis="y", length=0)
    return ax, right


def _write_power(power: int) -> str:
    return f"{10.0**power:g}" if -4 <= power <= 4 else f"1e{power}".replace("-", "\N{MINUS SIGN}")  # noqa: PLR2004  # digits


def _draw_factors(ax: Axes, lines: Sequence[np.ndarray], *, first: int) -> None:
    """Draw what a factor per session would leave, from the middle of where the networks begin."""
    begins = [float(line[0]) for line in lines if line[0] > _LOWEST]
    start = math.exp(float(np.mean(np.log(begins)))) if begins else 1.0
    back = np.arange(max(len(line) for line in lines))
    low, high = ax.get_ylim()
    for factor in _FACTORS:
        values = start * factor**back
        shown = (values >= low) & (values <= high)
        ax.plot(first + back[shown], values[shown], color="#B5B5B5", linewidth=1.0, zorder=1)
        inside = np.flatnonzero((values >= low) & (values <= high * (low / high) ** _CLEAR))
        if len(inside) >= _FACTOR_STEPS:
            at = min(int(inside[-1]), len(back) - 2)
            ax.annotate(
                f"{factor:g}",
                (first + at, values[at]),
                xytext=(-2, 4),
                textcoords="offset points",
                fontsize=TICK_SIZE,
                color=GREY,
                ha="right",
            )


def _draw_line(ax: Axes, values: np.ndarray, look: Look, *, first: int, name: str) -> Label | None:
    """Draw what is not zero; return the label at its end, None where nothing is."""
    low, _ = ax.get_ylim()
    shown = np.flatnonzero(values > max(_LOWEST, low))
    if not len(shown):
        return None
    ax.plot(
        first + shown,
        values[shown],
        look.line,
        color=look.color,
        linewidth=1.8,
        marker=look.marker,
        markersize=4.5,
        markevery=_MARKERS,
        clip_on=False,
        zorder=3,
    )
    return Label(name, float(first + shown[-1]), float(values[shown[-1]]), look)


def _draw_truncation(page: Page, box: Box, remedies: RemedyEffect) -> None:
    after = remedies.truncate_after
    title = f"Truncated after {after}: {remedies.spec} learns nothing from further back"
    _write_head(page, box, title, f"{_OF_INPUTS}; trained")
    ax = _draw_two(page, box, {"free": remedies.free, "": remedies.truncated})
    ax.axvline(after + 0.5, color=INK, linewidth=0.9, linestyle=":")
    _, high = ax.get_ylim()
    ax.annotate(
        "0 from here on",
        (after + 0.5, high),
        xytext=(6, -2),
        textcoords="offset points",
        fontsize=10,
        fontweight="bold",
        color=_LOOKS[0].color,
        va="top",
    )


def _draw_clipping(page: Page, box: Box, remedies: RemedyEffect) -> None:
    norms, ceiling = np.sort(remedies.norms)[::-1], remedies.clip_norm
    clipped = int((norms > ceiling).sum())
    title = f"Clipped at {ceiling:.3g}: {clipped} of {len(norms)} gradients of {remedies.spec} are shortened"
    _write_head(page, box, title, "norm of the gradient of each batch of a first epoch, the longest first")
    ax = _draw_two(page, box, {"free": norms, "clipped": np.minimum(norms, ceiling)}, linear=True)
    ax.axhline(ceiling, color=INK, linewidth=0.9, linestyle=":")


def _draw_two(page: Page, box: Box, lines: Mapping[str, np.ndarray], *, linear: bool = False) -> Axes:
    """Draw what is there without a remedy in grey, and with it over that; a line without a name has no label."""
    values = list(lines.values())
    scale = _make_scale(values, factors=False)
    ax, right = _add_axes(page, box, scale, first=1, count=len(values[0]), names=list(lines))
    if linear:
        ax.set_yscale("linear")
        ax.set_ylim(0, 1.08 * float(np.max(values)))
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5))
    found = [
        _draw_line(ax, line, look, first=1, name=name)
        for look, (name, line) in zip((Look(GREY, "-", "s"), _LOOKS[0]), lines.items(), strict=True)
    ]
    write_labels(page, ax, [label for label in found if label is not None and label.text], left=right)
    return ax
