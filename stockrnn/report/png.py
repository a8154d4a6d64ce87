"""The report as one picture, drawn with matplotlib's object-oriented interface and written atomically."""

import io
from pathlib import Path
from uuid import uuid4

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stockrnn import __version__
from stockrnn.report.formats import format_day, format_span, format_weekday
from stockrnn.report.layout import GREY, INK, WIDTH, Box, Page
from stockrnn.report.panels import draw_holdout, draw_recent
from stockrnn.report.verdicts import draw_errors, draw_words
from stockrnn.report.words import TARGET_NAMES, baselines, describe_forecast
from stockrnn.types import Backtest, Forecast, Target

_MARGIN = 40.0
_GUTTER = 44.0
_LEFT = 690.0
_RIGHT = WIDTH - 2 * _MARGIN - _GUTTER - _LEFT
_ROW_TOPS = (196.0, 600.0)
_ROW_HEIGHT = 356.0
_FOOTER = 52
_LARGEST_HEADLINE = 25
_NO_FORECAST = "This report holds no forecast for the next session, only a test of the model on the past."


def draw_report(
    path: Path,
    *,
    recent: pd.Series,
    forecast: Forecast | None,
    backtest: Backtest | None,
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

    Raises
    ------
    ValueError
        There is neither a forecast nor a backtest.
    """
    figure = make_figure(recent=recent, forecast=forecast, backtest=backtest, currency=currency)
    picture = io.BytesIO()
    # matplotlib would write its own version into the file
    FigureCanvasAgg(figure).print_png(picture, metadata={"Software": None})  # type: ignore[no-untyped-call]
    _write_atomically(path, picture.getvalue())


def make_figure(
    *, recent: pd.Series, forecast: Forecast | None, backtest: Backtest | None, currency: str | None = None
) -> Figure:
    """Return the drawn report; without a backtest it is shorter. Parameters as in `draw_report`."""
    rows = 1 if backtest is None else 2
    page = Page(int(_ROW_TOPS[rows - 1] + _ROW_HEIGHT + _FOOTER))
    target = _subject(forecast, backtest).target
    _write_header(page, forecast, backtest, currency=currency)
    left, right = _MARGIN, _MARGIN + _LEFT + _GUTTER
    draw_recent(
        page,
        Box(left, _ROW_TOPS[0], _LEFT, _ROW_HEIGHT),
        recent,
        forecast=forecast,
        target=target,
        currency=currency,
    )
    draw_words(page, Box(right, _ROW_TOPS[0], _RIGHT, _ROW_HEIGHT), backtest, currency=currency)
    if backtest is not None:
        draw_holdout(page, Box(left, _ROW_TOPS[1], _LEFT, _ROW_HEIGHT), backtest, currency=currency)
        draw_errors(page, Box(right, _ROW_TOPS[1], _RIGHT, _ROW_HEIGHT), backtest, currency=currency)
    page.write(_MARGIN, page.height - 30, _footer(target, backtest), size=10.0, color=GREY)
    return page.figure


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
    across = WIDTH - 2 * _MARGIN
    page.draw_line([_MARGIN, WIDTH - _MARGIN], [24, 24], color=INK, width=1.2)
    page.draw_line([_MARGIN, _MARGIN + 60], [27, 27], color=INK, width=5.0)
    page.write(_MARGIN, 46, tag, size=10.5, bold=True)
    page.write(_MARGIN + page.text_width(tag, size=10.5, bold=True) + 12, 46, note, size=10.5, color=GREY)
    sizes = range(_LARGEST_HEADLINE, 10, -1)
    fits = (size for size in sizes if page.text_width(headline, size=size, bold=True) <= across)
    page.write(_MARGIN, 72, headline, size=next(fits, 10), bold=True)
    small = len(page.wrap(standfirst, width=across, size=13.0)) > 2  # noqa: PLR2004  # lines there is room for
    page.write_wrapped(Box(_MARGIN, 118, across, 0), standfirst, size=11.5 if small else 13.0)


def _kicker(subject: Forecast | Backtest) -> tuple[str, str, str]:
    cutoff = format_weekday(subject.cutoff)
    if isinstance(subject, Backtest):
        return "BACKTEST", f"trained on nothing after the cutoff, {cutoff}", f"in {format_span(subject.holdout)}"
    tag = "HINDCAST, COMPUTED AFTERWARDS" if subject.kind == "hindcast" else "LIVE FORECAST"
    return tag, f"knows nothing after the cutoff, {cutoff}", f"of {format_weekday(subject.target_session)}"


def _footer(target: Target, backtest: Backtest | None) -> str:
    trained = "" if backtest is None else f"tested model trained up to {format_day(backtest.cutoff)}  ·  "
    last = "" if "last_close" not in baselines(target) else "  ·  last close: same as the close before"
    return f"stockrnn {__version__}  ·  {trained}naive: same as the last known {TARGET_NAMES[target]}{last}"


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{uuid4().hex}.tmp")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
