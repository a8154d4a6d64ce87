"""The report as a picture: what it shows, that nothing overlaps, and how it reaches the disk."""

import math
from datetime import UTC, date, datetime
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from stockrnn.report.png import draw_report, make_figure
from stockrnn.types import Backtest, Forecast, Span

LONG_TICKER = "W" * 32
LONG_SPEC = "a_twenty_letter_spec"


def make_prices(sessions, *, scale=200.0, last="2020-01-31"):
    """Return a walk of 1 % steps that ends on `last`, in quote currency."""
    steps = np.random.default_rng(7).normal(0.0, 0.01, sessions)
    index = pd.bdate_range(end=last, periods=sessions, name="session")
    return pd.Series(scale * np.exp(np.cumsum(steps)), index=index, name="open")


def make_forecast(*, predicted=1.02, naive=1.0, last_close=0.99, scale=200.0, **changes):
    fields = {
        "forecast_id": "f",
        "ticker": "META",
        "target": "open",
        "spec": "tutorial",
        "cutoff": date(2020, 1, 31),
        "kind": "live",
        "target_session": date(2020, 2, 3),
        "target_opens_at": datetime(2020, 2, 3, 14, 30, tzinfo=UTC),
        "model_id": "m",
        "issued_at": datetime(2020, 1, 31, 22, 0, tzinfo=UTC),
        "predicted": predicted * scale,
        "naive": naive * scale,
        "last_close": last_close * scale,
        "window_sha256": "0",
    }
    return Forecast(**(fields | changes))


def make_backtest(*, sessions=21, scale=200.0, lag=0.0, hit_rate=0.48, metrics=None, **changes):
    """Return a holdout whose forecasts are naive and `lag` of the price too high."""
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
        "created_at": datetime(2020, 2, 1, tzinfo=UTC),
        "forecasts": pd.DataFrame(columns),
        "metrics": metrics
        or {
            spec: mae | {"bias": 0.004 * scale, "directional_accuracy": hit_rate},
            "naive": mae | {"directional_accuracy": math.nan},
            "last_close": {"mae": 0.0105 * scale, "rmse": 0.0145 * scale, "directional_accuracy": 0.52},
        },
    }
    return Backtest(**(fields | changes))


def make_report(**changes):
    return {
        "recent": make_prices(90),
        "forecast": make_forecast(),
        "backtest": make_backtest(lag=0.01),
        "currency": "USD",
    } | changes


def make_long_report():
    longest = {"ticker": LONG_TICKER, "spec": LONG_SPEC, "target": "adj_close"}
    span = Span(date(2020, 9, 2), date(2020, 12, 30))
    metrics = {
        LONG_SPEC: {"mae": 1.0, "rmse": 2.0, "bias": -1.0, "directional_accuracy": 1.0},
        "naive": {"mae": 3.0, "rmse": 3.0},
        "last_close": {"mae": 2.0, "rmse": 3.0, "directional_accuracy": 0.38},
    }
    return make_report(
        forecast=make_forecast(kind="hindcast", target_session=date(2020, 9, 30), **longest),
        backtest=make_backtest(sessions=80, holdout=span, cutoff=date(2020, 9, 1), metrics=metrics, **longest),
    )


SCENARIOS = {
    "plain": make_report(),
    "all forecasts nearly equal": make_report(
        forecast=make_forecast(predicted=1.00001, naive=1.0, last_close=0.99999), backtest=make_backtest(lag=1e-6)
    ),
    "forecasts at the foot": make_report(forecast=make_forecast(predicted=0.5, naive=0.5, last_close=0.5)),
    "the close": make_report(
        forecast=make_forecast(target="close", last_close=1.0), backtest=make_backtest(target="close", sessions=23)
    ),
    "a ten-thousandth": make_report(
        recent=make_prices(60, scale=1e-4),
        forecast=make_forecast(scale=1e-4),
        backtest=make_backtest(scale=1e-4),
        currency=None,
    ),
    "six hundred thousand": make_report(
        recent=make_prices(120, scale=6e5), forecast=make_forecast(scale=6e5), backtest=make_backtest(scale=6e5)
    ),
    "long names": make_long_report(),
    "no backtest": make_report(backtest=None),
    "no forecast": make_report(forecast=None),
    "one session": make_report(recent=make_prices(1), backtest=make_backtest(sessions=1)),
    "23 sessions": make_report(backtest=make_backtest(sessions=23, lag=-0.02, hit_rate=0.49)),
    "a year": make_report(recent=make_prices(250), backtest=make_backtest(sessions=250)),
    "no metrics": make_report(backtest=make_backtest(metrics={"tutorial": {"mae": None, "rmse": math.nan}})),
    "a price that never moves": make_report(
        recent=make_prices(60) * 0 + 200.0, forecast=make_forecast(predicted=1.0, last_close=1.0)
    ),
}


def drawn_texts(figure):
    figure.canvas.draw()
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def words_of(figure):
    return " ".join(text.get_text() for text in drawn_texts(figure))


def png_bytes(path, **report):
    draw_report(path, **report)
    return path.read_bytes()


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_text_overlaps_another_or_leaves_the_page(name):
    figure = make_figure(**SCENARIOS[name])

    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn_texts(figure)]

    assert len(boxes) > 15
    colliding = [(one, two) for (one, a), (two, b) in combinations(boxes, 2) if a.overlaps(b)]
    assert colliding == []
    width, height = figure.canvas.get_width_height()
    assert width == 1200
    outside = [t for t, b in boxes if b.x0 < 30 or b.x1 > width - 30 or b.y0 < 8 or b.y1 > height]
    assert outside == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_text_is_at_least_ten_points(name):
    assert min(text.get_fontsize() for text in drawn_texts(make_figure(**SCENARIOS[name]))) >= 10


def test_the_forecast_stands_beside_naive_and_the_last_close():
    words = words_of(make_figure(**make_report()))

    for expected in ("forecast 204.00", "naive 200.00", "last close 198.00", "LIVE FORECAST", "3 Feb"):
        assert expected in words
    assert "META: the open of Monday 3 February 2020" in words
    assert "knows nothing after the cutoff, Friday 31 January 2020" in words
    assert "stockrnn 0.1.0" in words
    assert "tested model trained up to 31 December 2019" in words


def test_for_the_close_naive_and_last_close_share_a_label():
    words = words_of(make_figure(**SCENARIOS["the close"]))

    assert "naive = last close 200.00" in words


def test_the_errors_stand_beside_the_baselines():
    words = words_of(make_figure(**make_report()))

    assert "No better than naive or the last close." in words or "Worse than" in words
    for expected in ("2.20", "2.10", "3.00", "2.90", "48 %", "52 %", "names none"):
        assert expected in words


def test_a_hindcast_is_marked_as_one():
    words = words_of(make_figure(**make_report(forecast=make_forecast(kind="hindcast"))))

    assert "HINDCAST, COMPUTED AFTERWARDS" in words
    assert "LIVE" not in words


def test_without_a_backtest_the_forecast_is_not_tested():
    assert "Not tested." in words_of(make_figure(**make_report(backtest=None)))


def test_without_a_forecast_the_backtest_is_the_title():
    words = words_of(make_figure(**make_report(forecast=None)))

    assert "META: the open in January 2020" in words
    assert "This report holds no forecast" in words


def test_a_report_of_nothing_is_refused():
    with pytest.raises(ValueError, match="got neither"):
        make_figure(**make_report(forecast=None, backtest=None))


def test_the_holdout_is_drawn_as_it_is():
    backtest = make_backtest(lag=0.01)

    lines = [line for ax in make_figure(**make_report(backtest=backtest)).axes for line in ax.lines]

    for column in ("actual", "predicted", "naive"):
        expected = backtest.forecasts[column].to_numpy()
        same = [line for line in lines if np.array_equal(line.get_ydata(), expected)]
        assert len(same) == 1


def test_series_differ_in_line_and_marker_too():
    frame = make_backtest(lag=0.01).forecasts
    lines = [
        line for ax in make_figure(**make_report()).axes for line in ax.lines if len(line.get_ydata()) == len(frame)
    ]

    assert len({line.get_linestyle() for line in lines}) == 3
    assert len({(line.get_marker(), line.get_markersize()) for line in lines}) == 3


def test_bars_begin_at_zero_and_are_as_long_as_their_values():
    figure = make_figure(**make_report())
    bars = [[patch for patch in ax.patches if patch.get_x() == 0.0] for ax in figure.axes]

    widths = [patch.get_width() for group in bars for patch in group]

    assert widths == pytest.approx([2.2, 2.2, 2.1, 3.0, 3.0, 2.9, 0.48, 0.52])
    assert [ax.get_xlim()[0] for ax, group in zip(figure.axes, bars, strict=True) if group] == [0.0, 0.0, 0.0]


def test_the_file_is_a_png_1200_pixels_wide(tmp_path):
    path = tmp_path / "new" / "folder" / "META.png"

    draw_report(path, **make_report())

    assert imread(path).shape == (1008, 1200, 4)
    assert [file.name for file in path.parent.iterdir()] == ["META.png"]


def test_the_same_input_gives_the_same_bytes(tmp_path):
    first = png_bytes(tmp_path / "a.png", **make_report())

    assert png_bytes(tmp_path / "b.png", **make_report()) == first


def test_another_forecast_gives_another_picture(tmp_path):
    first = png_bytes(tmp_path / "a.png", **make_report())

    assert png_bytes(tmp_path / "a.png", **make_report(forecast=make_forecast(predicted=1.03))) != first


def test_a_failed_write_leaves_the_old_report(tmp_path, monkeypatch):
    path = tmp_path / "META.png"
    path.write_bytes(b"old")

    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        draw_report(path, **make_report())

    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["META.png"]
