"""What the tests of the pictures draw, and how they look at what was drawn."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.text import Text

from stockrnn.types import (
    BASELINES,
    ERROR_COLUMNS,
    OUTCOME_COLUMNS,
    VOLATILITY_BENCHMARKS,
    Backtest,
    Forecast,
    LiveRecord,
    Span,
)

LONG_TICKER = "W" * 32
LONG_SPEC = "a_spec_name_of_thirty-two_letter"
WIDEST_SPEC = "m" * 32
BANDS = {"lower_80": 0.97, "upper_80": 1.07, "lower_95": 0.94, "upper_95": 1.1}


def make_prices(sessions, *, scale=200.0, last="2020-01-31"):
    """Return a walk of 1 % steps that ends on `last`, in quote currency."""
    steps = np.random.default_rng(7).normal(0.0, 0.01, sessions)
    index = pd.bdate_range(end=last, periods=sessions, name="session")
    return pd.Series(scale * np.exp(np.cumsum(steps)), index=index, name="open")


def make_forecast(*, predicted=1.02, naive=1.0, last_close=0.99, scale=200.0, bands=None, **changes):
    """`bands`: the ends of the intervals, as shares of `scale`."""
    fields = {
        "forecast_id": "f",
        "ticker": "META",
        "target": "open",
        "spec": "tutorial",
        "cutoff": date(2020, 1, 31),
        "kind": "live",
        "target_session": date(2020, 2, 3),
        "target_opens_at": datetime(2020, 2, 3, 14, 30, tzinfo=UTC),
        "live_until": datetime(2020, 2, 3, 14, 30, tzinfo=UTC),
        "model_id": "m",
        "issued_at": datetime(2020, 1, 31, 22, 0, tzinfo=UTC),
        "predicted": predicted * scale,
        "naive": naive * scale,
        "last_close": last_close * scale,
        "drift": naive * scale,
        "moving_average": naive * scale,
        "window_sha256": "0",
    }
    ends = {name: end * scale for name, end in (bands or {}).items()}
    return Forecast(**(fields | ends | changes))


def make_backtest(*, sessions=21, scale=200.0, lag=0.0, hit_rate=0.48, metrics=None, **changes):
    """Return a holdout whose forecasts are naive and `lag` of the price too high.

    Directions are counted from the last close, so that naive of an open names one; of a close it is that price.
    """
    actual = make_prices(sessions, scale=scale)
    naive = actual.shift(1).fillna(scale)
    columns = {"actual": actual, "predicted": naive * (1 + lag), "naive": naive, "last_close": naive * 0.999}
    mae = {"mae": 0.011 * scale, "rmse": 0.015 * scale}
    spec = changes.get("spec", "tutorial")
    fields = {
        "backtest_id": "b",
        "ticker": "META",
        "spec": spec,
        "target": "open",
        "trained_from": date(2015, 1, 2),
        "cutoff": date(2019, 12, 31),
        "holdout": Span(date(2020, 1, 1), date(2020, 1, 31)),
        "seed": 0,
        "epochs": 100,
        "training_sessions": 1258,
        "windows": 1218,
        "losses": (0.042, 0.0016),
        "parameters": 71_051,
        "train_seconds": 12.5,
        "created_at": datetime(2020, 2, 1, tzinfo=UTC),
        "forecasts": pd.DataFrame(columns),
        "verdict": "no better than naive",
        "metrics": metrics
        or {
            spec: mae | {"bias": 0.004 * scale, "directional_accuracy": hit_rate},
            "naive": mae | {"directional_accuracy": 0.52 if changes.get("target", "open") == "open" else math.nan},
            "last_close": {"mae": 0.0105 * scale, "rmse": 0.0145 * scale, "directional_accuracy": math.nan},
        },
    }
    return Backtest(**(fields | changes))


def make_record(*, sessions=41, missed=(), scale=200.0, size=0.01, factor=1.1, intervals=True, **changes):
    """Return a live record of random errors of `size` of the price, the model's `factor` times as large.

    `missed`: which nights were missed, counted from 0 among all nights.
    """
    days = pd.bdate_range("2020-02-03", periods=sessions + len(missed))
    scored = days[[at for at in range(len(days)) if at not in missed]]
    noise = np.random.default_rng(3).normal(0.0, size * scale, (sessions, 1 + len(BASELINES)))
    columns = dict(zip(("predicted", *BASELINES), noise.T, strict=True)) | {"predicted": noise[:, 0] * factor}
    every = np.arange(sessions)
    known = 1.0 if intervals else math.nan
    outcomes = {"inside_80": (every % 5 != 2) * known, "inside_95": (every % 20 != 7) * known}
    fields = {"ticker": "META", "target": "open", "spec": "tutorial"} | changes
    names = {name: fields[name] for name in ("ticker", "spec")}
    errors = pd.DataFrame(
        {"session": scored, "scale": scale, **columns, **outcomes, "direction_correct": every % 2 * 1.0}
    ).assign(**names)[[*ERROR_COLUMNS, *OUTCOME_COLUMNS]]
    return LiveRecord(errors=errors, missed=tuple(day.date() for day in days[list(missed)]), **fields)


def make_report(**changes):
    return {
        "recent": make_prices(90),
        "forecast": make_forecast(),
        "backtest": make_backtest(lag=0.01),
        "currency": "USD",
    } | changes


def make_live_report(record=None, **changes):
    """Return a report with intervals and a live record."""
    return make_report(forecast=make_forecast(bands=BANDS), record=record or make_record()) | changes


def make_scaled_report(scale, **changes):
    return make_live_report(
        make_record(scale=scale, missed=(8,)),
        recent=make_prices(60, scale=scale),
        forecast=make_forecast(scale=scale, bands=BANDS),
        backtest=make_backtest(scale=scale),
        **changes,
    )


def make_long_report(spec):
    longest = {"ticker": LONG_TICKER, "spec": spec, "target": "adj_close"}
    span = Span(date(2020, 9, 2), date(2020, 12, 30))
    metrics = {
        spec: {"mae": 1.0, "rmse": 2.0, "bias": -1.0, "directional_accuracy": 1.0},
        "naive": {"mae": 3.0, "rmse": 3.0},
        "last_close": {"mae": 2.0, "rmse": 3.0},
    }
    return make_report(
        forecast=make_forecast(kind="hindcast", target_session=date(2020, 9, 30), bands=BANDS, **longest),
        backtest=make_backtest(sessions=80, holdout=span, cutoff=date(2020, 9, 1), metrics=metrics, **longest),
        record=make_record(sessions=250, missed=(0, 100, 251), **longest),
    )


def make_close_report():
    return make_live_report(
        make_record(target="close", missed=(3, 4)),
        forecast=make_forecast(target="close", last_close=1.0, bands=BANDS),
        backtest=make_backtest(target="close", sessions=23),
    )


def make_adjusted_report():
    """Return a report of adjusted closes, which are half of the closes."""
    backtest = make_backtest(target="adj_close", sessions=23, lag=0.004)
    return make_live_report(
        make_record(target="adj_close", missed=(3,)),
        forecast=make_forecast(target="adj_close", last_close=2.0, bands=BANDS),
        backtest=replace(backtest, forecasts=backtest.forecasts.assign(last_close=2.0 * backtest.forecasts["naive"])),
    )


def add_benchmarks(backtest, factor):
    """Return a backtest of a model that names quantiles, whose pinball loss is `factor` of every benchmark's."""
    own = backtest.metrics[backtest.spec] | {"pinball": factor, "pinball_sessions": 250}
    other = {"pinball": 1.0, "pinball_sessions": 250, "pinball_p_value": 1e-9}
    known = dict.fromkeys(VOLATILITY_BENCHMARKS, other)
    return replace(backtest, metrics={**backtest.metrics, **known, backtest.spec: own})


LEAK = make_backtest(spec=LONG_SPEC, sessions=80)
WORSE = make_backtest(spec=LONG_SPEC, sessions=250, lag=0.05)
SCENARIOS = {
    "plain": make_report(),
    "all forecasts nearly equal": make_report(
        forecast=make_forecast(predicted=1.00001, naive=1.0, last_close=0.99999), backtest=make_backtest(lag=1e-6)
    ),
    "forecasts at the foot": make_report(forecast=make_forecast(predicted=0.5, naive=0.5, last_close=0.5)),
    "the close": make_close_report(),
    "the adjusted close": make_adjusted_report(),
    "a ten-thousandth": make_scaled_report(1e-4, currency=None),
    "six hundred thousand": make_scaled_report(6e5),
    "long names": make_long_report(LONG_SPEC),
    "the widest names": make_long_report(WIDEST_SPEC),
    "no backtest": make_report(backtest=None),
    "no forecast": make_report(forecast=None),
    "one session": make_report(recent=make_prices(1), backtest=make_backtest(sessions=1)),
    "23 sessions": make_report(backtest=make_backtest(sessions=23, lag=-0.02, hit_rate=0.49)),
    "a year": make_report(recent=make_prices(250), backtest=make_backtest(sessions=250)),
    "no metrics": make_report(backtest=make_backtest(metrics={"tutorial": {"mae": None, "rmse": math.nan}})),
    "a price that never moves": make_report(
        recent=make_prices(60) * 0 + 200.0, forecast=make_forecast(predicted=1.0, last_close=1.0)
    ),
    "only the narrow interval": make_report(
        forecast=make_forecast(bands={name: BANDS[name] for name in ("lower_80", "upper_80")})
    ),
    "intervals of no width": make_report(forecast=make_forecast(bands=dict.fromkeys(BANDS, 1.02))),
    "intervals that reach zero": make_report(
        forecast=make_forecast(bands={"lower_80": 0.0, "upper_80": 2.1, "lower_95": 0.0, "upper_95": 9.0})
    ),
    "a record without a backtest": make_live_report(backtest=None),
    "a record without a forecast": make_live_report(forecast=None),
    "1 live session": make_live_report(make_record(sessions=1)),
    "1 live session, no night without a miss": make_live_report(make_record(sessions=1, missed=(0, 2, 3))),
    "9 live sessions without intervals": make_live_report(make_record(sessions=9, intervals=False)),
    "250 live sessions": make_live_report(make_record(sessions=250, missed=range(120, 135))),
    "1250 live sessions": make_live_report(make_record(sessions=1250, factor=6.0)),
    "missed at the beginning": make_live_report(make_record(missed=(0, 1))),
    "missed in the middle": make_live_report(make_record(missed=(20,))),
    "missed at the end": make_live_report(make_record(missed=(41, 42, 43))),
    "missed more than not": make_live_report(make_record(sessions=12, missed=range(6, 66))),
    "every live error zero": make_live_report(make_record(size=0.0)),
    "tiny live errors": make_live_report(make_record(size=1e-9)),
    "huge live errors": make_live_report(make_record(size=40.0)),
    "a leak": make_live_report(make_record(sessions=250, factor=0.1, missed=range(0, 240, 2))),
    "a leak with large figures": make_live_report(
        make_record(sessions=1250, factor=0.1, size=40.0, missed=range(0, 240, 2))
    ),
    "a backtest that leaks": make_live_report(
        backtest=replace(LEAK, forecasts=LEAK.forecasts.assign(predicted=LEAK.forecasts["actual"]))
    ),
    "worse than every benchmark": make_live_report(backtest=add_benchmarks(WORSE, 2.0)),
    "better quantiles that leak": make_live_report(
        backtest=add_benchmarks(
            replace(LEAK, forecasts=LEAK.forecasts.assign(predicted=LEAK.forecasts["actual"])), 0.5
        )
    ),
}


def drawn_texts(figure):
    figure.canvas.draw()
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def words_of(figure):
    return " ".join(text.get_text() for text in drawn_texts(figure))


def find_flaws(figure):
    """Return what is wrong with the texts: pairs that overlap, what leaves the page, what is too small to read."""
    texts = drawn_texts(figure)
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    width, height = figure.canvas.get_width_height()
    return {
        "overlap": [(one, two) for (one, a), (two, b) in combinations(boxes, 2) if a.overlaps(b)],
        "outside": [t for t, b in boxes if b.x0 < 30 or b.x1 > width - 30 or b.y0 < 8 or b.y1 > height],
        "small": [text.get_text() for text in texts if text.get_fontsize() < 10],
    }


NO_FLAWS = {"overlap": [], "outside": [], "small": []}
