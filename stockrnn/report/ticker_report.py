"""The report of a ticker as one picture, drawn with matplotlib's object-oriented interface."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from stockrnn import __version__
from stockrnn.evaluation.benchmarks import benchmarks_for
from stockrnn.report.formats import format_day, format_span, format_weekday
from stockrnn.report.layout import GREY, MARGIN, WIDTH, Box, Page, write_png
from stockrnn.report.live_record import draw_record, draw_record_words
from stockrnn.report.panels import draw_holdout, draw_recent, write_masthead
from stockrnn.report.verdicts import draw_errors, draw_words
from stockrnn.report.words import TARGET_NAMES, describe_forecast
from stockrnn.types import Backtest, Forecast, LiveRecord, Target

_GUTTER = 44.0
_LEFT = 690.0
_RIGHT = WIDTH - 2 * MARGIN - _GUTTER - _LEFT
_FIRST_ROW = 196.0
_ROW_HEIGHT = 356.0
_ROW_STEP = 404.0
_FOOTER = 52
_LIVE_WORDS = 60.0  # more than a row, for the longest verdict with all its sentences
_MAX_HEADLINE = 25
_NO_FORECAST = "This report holds no forecast for the next session, only a test of the model on the past."


def draw_report(
    path: Path,
    *,
    recent: pd.Series,
    forecast: Forecast | None,
    backtest: Backtest | None,
    record: LiveRecord | None = None,
    currency: str | None = None,
) -> None:
    """Write the report as a PNG, 1200 pixels wide; the same input gives the same bytes.

    Parameters
    ----------
    path
        The file; its folder is created, and an old file is replaced only by a complete new one.
    recent
        The target's actual prices up to the cutoff, in quote currency. Index session, ascending; not empty.
    forecast, backtest
        What there is to show, of one ticker, target and spec; at least one of the two.
    record
        What became of the live forecasts; nothing is drawn of an empty one.

    Raises
    ------
    ValueError
        There is neither a forecast nor a backtest.
    """
    figure = make_figure(recent=recent, forecast=forecast, backtest=backtest, record=record, currency=currency)
    write_png(path, figure)


def make_figure(
    *,
    recent: pd.Series,
    forecast: Forecast | None,
    backtest: Backtest | None,
    record: LiveRecord | None = None,
    currency: str | None = None,
) -> Figure:
    """Return the drawn report, a row for each thing there is to show. Parameters as in `draw_report`."""
    live = record if record is not None and len(record.errors) else None
    rows = 1 + (backtest is not None) + (live is not None)
    below = _FOOTER if live is None else _FOOTER + _LIVE_WORDS
    page = Page(int(_FIRST_ROW + _ROW_STEP * (rows - 1) + _ROW_HEIGHT + below))
    target = _subject(forecast, backtest).target
    _write_header(page, forecast, backtest, currency=currency)
    left, right = _row(0)
    draw_recent(page, left, recent, forecast=forecast, target=target, currency=currency)
    draw_words(page, right, backtest, currency=currency)
    if backtest is not None:
        left, right = _row(1)
        draw_holdout(page, left, backtest, currency=currency)
        draw_errors(page, right, backtest, currency=currency)
    if live is not None:
        left, right = _row(rows - 1)
        draw_record(page, left, live)
        draw_record_words(page, right, live)
    page.write(MARGIN, page.height - 30, _footer(target, backtest), size=10.0, color=GREY)
    return page.figure


def _row(at: int) -> tuple[Box, Box]:
    top = _FIRST_ROW + _ROW_STEP * at
    return Box(MARGIN, top, _LEFT, _ROW_HEIGHT), Box(MARGIN + _LEFT + _GUTTER, top, _RIGHT, _ROW_HEIGHT)


def _subject(forecast: Forecast | None, backtest: Backtest | None) -> Forecast | Backtest:
    subject = forecast or backtest
    if subject is None:
        raise ValueError("a report shows a forecast, a backtest or both; got neither")
    return subject


def _write_header(page: Page, forecast: Forecast | None, backtest: Backtest | None, *, currency: str | None) -> None:
    subject = _subject(forecast, backtest)
    tag, note, session = _kicker(subject)
    headline = f"{subject.ticker}: the {TARGET_NAMES[subject.target]} {session}"
    standfirst = _NO_FORECAST if forecast is None else describe_forecast(forecast, currency=currency)
    across = WIDTH - 2 * MARGIN
    write_masthead(page, tag, note)
    sizes = range(_MAX_HEADLINE, 10, -1)
    fits = (size for size in sizes if page.text_width(headline, size=size, bold=True) <= across)
    page.write(MARGIN, 72, headline, size=next(fits, 10), bold=True)
    small = len(page.wrap(standfirst, width=across, size=13.0)) > 2  # noqa: PLR2004  # lines there is room for
    page.write_wrapped(Box(MARGIN, 118, across, 0), standfirst, size=11.5 if small else 13.0)


def _kicker(subject: Forecast | Backtest) -> tuple[str, str, str]:
    cutoff = format_weekday(subject.cutoff)
    if isinstance(subject, Backtest):
        return "BACKTEST", f"trained on nothing after the cutoff, {cutoff}", f"in {format_span(subject.holdout)}"
    tag = "HINDCAST, COMPUTED AFTERWARDS" if subject.kind == "hindcast" else "LIVE FORECAST"
    return tag, f"knows nothing after the cutoff, {cutoff}", f"of {format_weekday(subject.target_session)}"


def _footer(target: Target, backtest: Backtest | None) -> str:
    trained = "" if backtest is None else f"tested model trained up to {format_day(backtest.cutoff)}  ·  "
    last = "" if "last_close" not in benchmarks_for(target) else "  ·  last close: same as the close before"
    return f"stockrnn {__version__}  ·  {trained}naive: same as the last known {TARGET_NAMES[target]}{last}"
