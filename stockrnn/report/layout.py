"""The page: boxes in pixels from its top left corner, text that wraps, labels that keep their distance."""

import io
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal
from uuid import uuid4

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D

from stockrnn.errors import StockrnnError

DPI = 100
WIDTH = 1200
MARGIN = 40.0
FONT = "DejaVu Sans"
LINE_SPACING = 1.38

INK = "#1A1A1A"
GREY = "#666666"
PALE = "#DDDDDD"
WASH = "#F4F1EA"

_CAPITAL = 0.73  # height of the font's capitals, of its size
_NO_BREAK = "\N{NO-BREAK SPACE}"
_BOUND = re.compile(r"(?<=\d) |\b[np] [=<] (?=\d)")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the page, in pixels; `top` grows downwards."""

    left: float
    top: float
    width: float
    height: float


class Page:
    """A figure that is written on in pixels."""

    def __init__(self, height: int) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor="white")
        self._renderer = FigureCanvasAgg(self.figure).get_renderer()  # type: ignore[no-untyped-call]
        self._widths: dict[tuple[str, float, bool], float] = {}

    def add_axes(self, box: Box) -> Axes:
        """Add bare axes that fill the box."""
        bottom = 1 - (box.top + box.height) / self.height
        return self.figure.add_axes(
            (box.left / WIDTH, bottom, box.width / WIDTH, box.height / self.height), facecolor="none"
        )

    def write(
        self,
        left: float,
        top: float,
        text: str,
        *,
        size: float,
        bold: bool = False,
        color: str = INK,
        align: Literal["left", "center", "right"] = "left",
    ) -> None:
        """Write one line whose capitals begin at `top`. Dollar signs are letters, not mathematics."""
        # on the baseline: matplotlib's "top" depends on the letters, and lines side by side would not be level
        baseline = top + _CAPITAL * pixels(size)
        self.figure.text(
            left / WIDTH,
            1 - baseline / self.height,
            text,
            fontsize=size,
            fontfamily=FONT,
            fontweight="bold" if bold else "normal",
            color=color,
            ha=align,
            va="baseline",
            parse_math=False,
        )

    def write_wrapped(self, box: Box, text: str, *, size: float, bold: bool = False, color: str = INK) -> float:
        """Write a paragraph across the box and return where it ends; the box may be too low for it."""
        top = box.top
        for line in self.wrap(text, width=box.width, size=size, bold=bold):
            self.write(box.left, top, line, size=size, bold=bold, color=color)
            top += line_height(size)
        return top

    def wrap(self, text: str, *, width: float, size: float, bold: bool = False) -> list[str]:
        """Break text into lines of at most `width` pixels, never between a number and what it counts.

        A longer word is cut, after a - or _ where one is near.
        """
        lines: list[str] = []
        bound = _BOUND.sub(lambda match: match[0].replace(" ", _NO_BREAK), text)
        words = (
            [word] if _NO_BREAK in word else self._cut(word, width, size=size, bold=bold) for word in bound.split(" ")
        )
        for word in chain.from_iterable(words):
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.text_width(longer, size=size, bold=bold) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return [line.replace(_NO_BREAK, " ") for line in lines]

    def shorten(self, text: str, *, width: float, size: float) -> str:
        """Return the text, its end left out (…) where it is wider than `width` pixels."""
        if self.text_width(text, size=size) <= width:
            return text
        return f"{self._cut(text, width - self.text_width('…', size=size), size=size, bold=False)[0]}…"

    def _cut(self, word: str, width: float, *, size: float, bold: bool) -> list[str]:
        pieces: list[str] = []
        while len(word) > 1 and self.text_width(word, size=size, bold=bold) > width:
            lengths = range(len(word) - 1, 1, -1)
            longest = next((n for n in lengths if self.text_width(word[:n], size=size, bold=bold) <= width), 1)
            end = max(word.rfind(mark, 0, longest) for mark in "-_") + 1
            end = end if end > longest / 2 else longest
            pieces.append(word[:end])
            word = word[end:]
        return [*pieces, word]

    def balanced_width(self, text: str, *, width: float, size: float, bold: bool = False) -> float:
        """Return the smallest width, in steps of 10 pixels, that takes no more lines than `width` does."""
        lines = len(self.wrap(text, width=width, size=size, bold=bold))
        while len(self.wrap(text, width=width - 10, size=size, bold=bold)) == lines and width > 100:  # noqa: PLR2004  # pixels
            width -= 10
        return width

    def text_width(self, text: str, *, size: float, bold: bool = False) -> float:
        """Return the width of one line in pixels."""
        key = text, size, bold
        if key not in self._widths:  # wrapping asks for the same lines over and over
            font = FontProperties(family=FONT, size=size, weight="bold" if bold else "normal")
            self._widths[key] = float(self._renderer.get_text_width_height_descent(text, font, ismath=False)[0])
        return self._widths[key]

    def draw_line(self, xs: Sequence[float], ys: Sequence[float], *, color: str, width: float) -> None:
        """Draw a line through pixels, over everything else."""
        across, up = [x / WIDTH for x in xs], [1 - y / self.height for y in ys]
        line = Line2D(
            across, up, color=color, linewidth=width, solid_capstyle="butt", transform=self.figure.transFigure
        )
        self.figure.add_artist(line)

    def pixel_of(self, ax: Axes, x: float, y: float) -> tuple[float, float]:
        """Return where a point of `ax`, whose limits are final, lies on the page."""
        across, up = ax.transData.transform((x, y))
        return float(across), float(self.height - up)


def write_png(path: Path, figure: Figure) -> None:
    """Write the figure, replacing an old file only by a complete new one; the same figure gives the same bytes.

    Raises
    ------
    StockrnnError
        There is no room, or this user may not write there.
    """
    picture = io.BytesIO()
    # matplotlib would write its own version into the file
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})  # type: ignore[no-untyped-call]
    try:
        _replace(path, picture.getvalue())
    except OSError as error:
        raise StockrnnError(
            f"can't write the report {path}: {error.strerror}; see its room and who may write there"
        ) from None


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{uuid4().hex}.tmp")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def pixels(size: float) -> float:
    """Return the height of `size` points in pixels."""
    return size * DPI / 72


def level_top(level: float, *, size: float) -> float:
    """Return the top of a line of text whose capitals are centred on `level`, in pixels."""
    return level - _CAPITAL * pixels(size) / 2


def line_height(size: float) -> float:
    """Return the distance of two lines of text of `size` points, in pixels."""
    return LINE_SPACING * pixels(size)


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Move positions as little as needed to lie at least `gap` apart within [low, high], in their order.

    Groups that would collide are centred on the mean of what they wanted (isotonic regression by pooling
    adjacent violators). `high - low` must hold them all.

    >>> spread([10.0, 11.0, 50.0], gap=4.0, low=0.0, high=100.0)
    [8.5, 12.5, 50.0]
    """
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    pools: list[tuple[float, int]] = []  # mean of (wanted - rank * gap), members
    for rank, index in enumerate(order):
        mean, members = wanted[index] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, members = (before * many + mean * members) / (many + members), many + members
        pools.append((mean, members))
    shifted = [mean for mean, members in pools for _ in range(members)]
    max_start = high - gap * (len(wanted) - 1)
    placed = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        placed[index] = min(max(shifted[rank], low), max_start) + rank * gap
    return placed
