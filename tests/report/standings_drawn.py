"""Standings to draw, and what their rows show once they are drawn."""

import math

import numpy as np
from report.pictures import drawn_texts

from stockrnn.evaluation.standings import Standing
from stockrnn.evaluation.verdicts import Verdict
from stockrnn.report.axes import LOOKS

BOTH = ("naive", "last_close")
VERDICTS = {
    "no better": Verdict(relation="no better", against=BOTH, n=250, p_value=0.4),
    "worse": Verdict(relation="worse", against=BOTH, n=250, p_value=0.012),
    "too few": Verdict(relation="too few", against=BOTH, n=3),
    "a leak": Verdict(relation="better", against=BOTH, n=250, p_value=0.0, suspicious=True),
}


def make_place(model="tutorial", ratio=1.02, *, half=0.05, tickers=5, verdict="no better", **changes):
    """A spec's place, or a baseline's; single tickers lie around `ratio`."""
    spread = np.random.default_rng(1).normal(0.0, 0.1, tickers)
    fields = {
        "model": model,
        "baseline": model in LOOKS,
        "sessions": 250,
        "forecasts": 250 * tickers,
        "mae": 0.01 * ratio,
        "relative_mae": ratio,
        "low": ratio - half,
        "high": ratio + half,
        "verdict": None if model in LOOKS else VERDICTS[verdict],
        "by_ticker": {f"T{at}": float(ratio * math.exp(by)) for at, by in enumerate(spread)},
    }
    return Standing(**(fields | changes))


def points_of(ax):
    """Return row -> x of each large marker."""
    lines = [line for line in ax.lines if line.get_markersize() == 9.0]
    return {int(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in lines}


def bars_of(ax):
    lines = [line for line in ax.lines if line.get_linewidth() == 3.0 and len(line.get_xdata())]
    return {int(line.get_ydata()[0]): tuple(line.get_xdata()) for line in lines}


def dots_of(ax, row):
    lines = [line for line in ax.lines if line.get_markersize() == 3.0]
    return [float(x) for line in lines for x, y in line.get_xydata() if round(y) == row]


def texts_by_row(figure, ax):
    """Return for each row the texts whose middle lies in its strip, column by column from top to bottom."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn_texts(figure)]
    boxes.sort(key=lambda one: (round(one[1].x0), -one[1].y0))
    rows = []
    for row in range(round(ax.get_ylim()[0] + 0.5)):
        top, bottom = (ax.transData.transform((1.0, row + side))[1] for side in (-0.5, 0.5))
        rows.append([text for text, box in boxes if bottom < (box.y0 + box.y1) / 2 < top])
    return rows
