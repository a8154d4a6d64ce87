"""Specs that were backtested on the same holdout, as one picture: naive being 1, and what they cost."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from stockrnn import __version__
from stockrnn.evaluation.comparison import ComparedModel
from stockrnn.report.formats import format_seconds, format_span
from stockrnn.report.layout import GREY, MARGIN, WIDTH, Box, Page, write_png
from stockrnn.report.panels import write_masthead
from stockrnn.report.standings import NOTE, Columns, Row, draw_rows, make_scale, row_height, rows_height
from stockrnn.report.words import TARGET_NAMES
from stockrnn.types import Span, Target

_COLUMNS = Columns(plot=260.0, figures=482.0, words=814.0, more=(("Parameters", 716.0), ("Seconds", 792.0)))
_ROWS_TOP = 18.0
_FOOTER = 48.0


def draw_comparison(
    path: Path, *, models: Sequence[ComparedModel], target: Target, holdout: Span, market: str
) -> None:
    """Write the comparison as a PNG, 1200 pixels wide; the same input gives the same bytes.

    Parameters
    ----------
    path
        The file; its folder is created, and an old file is replaced only by a complete new one.
    models
        At least one, in the order of the rows.
    market
        What was tested: a ticker, or such as `5 tickers`.
    """
    write_png(path, make_comparison(models=models, target=target, holdout=holdout, market=market))


def make_comparison(*, models: Sequence[ComparedModel], target: Target, holdout: Span, market: str) -> Figure:
    """Return the drawn comparison. Parameters as in `draw_comparison`."""
    places = [model.standing for model in models]
    row = row_height(places, _COLUMNS)
    rows_top = _write_header(Page(1), target, holdout, market) + _ROWS_TOP
    page = Page(int(rows_top + rows_height(len(models), row=row) + _FOOTER))
    _write_header(page, target, holdout, market)
    rows = [Row(place=model.standing, more=_write_cost(model)) for model in models]
    draw_rows(page, rows_top, rows, make_scale(places), _COLUMNS, row=row)
    pooled = "  ·  errors over the last close" if len(places[0].by_ticker) > 1 else ""
    page.write(MARGIN, page.height - 30, f"stockrnn {__version__}  ·  {NOTE}{pooled}", size=10.0, color=GREY)
    return page.figure


def _write_header(page: Page, target: Target, holdout: Span, market: str) -> float:
    """Write the head of the page and return where it ends."""
    name = TARGET_NAMES[target]
    write_masthead(page, "BACKTESTS COMPARED", f"the {name}, one session ahead, {market}")
    page.write(MARGIN, 72, "Does any of these specs beat naive?", size=25, bold=True)
    standfirst = (
        f"{format_span(holdout)}, computed afterwards: how far each was off on average, naive (same as the last "
        f"known {name}) being\N{NO-BREAK SPACE}1. Left is better. Parameters are the numbers that one model learned, "
        "seconds those of all its trainings together."
    )
    return page.write_wrapped(Box(MARGIN, 118, WIDTH - 2 * MARGIN, 0), standfirst, size=12.0)


def _write_cost(model: ComparedModel) -> tuple[str, str]:
    parameters = "" if model.parameters is None else f"{model.parameters:,}"
    return parameters, "" if model.train_seconds is None else format_seconds(model.train_seconds)
