"""The leaderboard as one picture: specs and baselines over all tickers, in backtests and live, naive being 1."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from stockrnn import __version__
from stockrnn.evaluation.standings import Standing
from stockrnn.report.layout import GREY, MARGIN, WIDTH, Box, Page, write_png
from stockrnn.report.panels import write_masthead
from stockrnn.report.standings import NOTE, Columns, Row, Scale, draw_rows, make_scale, row_height, rows_height
from stockrnn.report.words import TARGET_NAMES
from stockrnn.types import Target

_COLUMNS = Columns(plot=410.0, figures=634.0, words=784.0)
_TOP = 168.0
_TITLE = 16.0
_GAP = 34.0
_FOOTER = 52.0
_EMPTY = "There is none yet."


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
    row = row_height([*tested, *live], _COLUMNS)
    heights = [_TITLE + _GAP + rows_height(len(places), row=row) if places else 92.0 for _, places in parts]
    page = Page(int(_TOP + sum(heights) + _FOOTER))
    _write_header(page, target, market)
    scale = make_scale([*tested, *live])
    top = _TOP
    for (title, places), height in zip(parts, heights, strict=True):
        _draw_part(page, top, title, places, scale, row=row)
        top += height
    words = f"stockrnn {__version__}  ·  {NOTE}  ·  errors over the last close"
    page.write(MARGIN, page.height - 30, words, size=10.0, color=GREY)
    return page.figure


def _write_header(page: Page, target: Target, market: str) -> None:
    write_masthead(page, "LEADERBOARD", f"the {TARGET_NAMES[target]}, one session ahead, {market}")
    page.write(MARGIN, 72, "Does anything beat naive?", size=25, bold=True)
    standfirst = (
        f"How far each spec and baseline was off on average, naive (same as the last known {TARGET_NAMES[target]}) "
        "being 1. Left is better."
    )
    page.write_wrapped(Box(MARGIN, 118, WIDTH - 2 * MARGIN, 0), standfirst, size=12.0)


def _draw_part(page: Page, top: float, title: str, places: Sequence[Standing], scale: Scale, *, row: float) -> None:
    page.write(MARGIN, top, title, size=12.5, bold=True)
    if places:
        draw_rows(page, top + _TITLE, [Row(place=place) for place in places], scale, _COLUMNS, row=row)
    else:
        page.write(MARGIN, top + 26, _EMPTY, size=10.5, color=GREY)
