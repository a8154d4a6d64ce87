"""The report as a picture: what it shows, that nothing overlaps, and how it reaches the disk."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from report.pictures import (
    BANDS,
    NO_FLAWS,
    SCENARIOS,
    drawn_texts,
    find_flaws,
    make_backtest,
    make_forecast,
    make_prices,
    make_record,
    make_report,
    words_of,
)
from sampled import sample

from stockrnn.errors import StockrnnError
from stockrnn.report.axes import MODEL
from stockrnn.report.ticker_report import draw_report, make_figure


def png_bytes(path, **report):
    draw_report(path, **report)
    return path.read_bytes()


def drawn_bars(figure):
    """Return the ends of the intervals drawn at the forecast, the wide bar's first."""
    lines = [
        line for line in figure.axes[0].lines if line.get_color() == MODEL.color and len({*line.get_xdata()}) == 1
    ]
    bars = [line for line in lines if len(line.get_xdata()) == 2]
    return [tuple(line.get_ydata()) for line in sorted(bars, key=lambda line: -line.get_linewidth())]


@pytest.mark.parametrize("name", sample(SCENARIOS, first=4))
def test_no_text_overlaps_another_leaves_the_page_or_is_below_ten_points(name):
    figure = make_figure(**SCENARIOS[name])

    assert len(drawn_texts(figure)) > 15
    assert figure.canvas.get_width_height()[0] == 1200
    assert find_flaws(figure) == NO_FLAWS


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


def names_of_bars(figure):
    """Return for each chart of bars the names and values beside them, from top to bottom."""
    texts = [(text.get_text(), text.get_window_extent()) for text in drawn_texts(figure)]
    charts = [ax.get_window_extent() for ax in figure.axes if any(patch.get_x() == 0.0 for patch in ax.patches)]
    found = []
    for chart in charts:
        inside = [(-box.y0, box.x0, text) for text, box in texts if chart.y0 < (box.y0 + box.y1) / 2 < chart.y1]
        found.append([text for _, x, text in sorted(inside) if x > 700])
    return found


@pytest.mark.parametrize(
    ("name", "misses", "directions"),
    [
        (
            "plain",
            ["tutorial", "2.20", "naive", "2.20", "last close", "2.10"],
            ["tutorial", "48 %", "naive", "52 %", "last close", "names none"],
        ),
        ("the close", ["tutorial", "2.20", "naive", "2.20"], ["tutorial", "48 %", "naive", "names none"]),
        ("the adjusted close", ["tutorial", "2.20", "naive", "2.20"], ["tutorial", "48 %", "naive", "names none"]),
    ],
)
def test_the_benchmarks_of_the_target_are_drawn_and_the_price_that_directions_start_from_names_none(
    name, misses, directions
):
    first, _, last = names_of_bars(make_figure(**SCENARIOS[name]))

    assert first == misses
    assert last == directions


def test_a_report_of_adjusted_closes_says_nothing_of_the_last_close_which_is_on_another_scale():
    words = words_of(make_figure(**SCENARIOS["the adjusted close"]))

    assert "last close" not in words.replace("In percent of the last close", "")
    assert "400.00" not in words  # the last close
    assert "2.0 % above its last adjusted close (200.00)." in words
    assert "Counted from the last adjusted close, it named the right direction in" in words
    assert "Worse than naive (p = 0.002)." in words
    assert "Too few sessions to tell (n = 41)." in words


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
    with pytest.raises(StockrnnError, match="No space left"):
        draw_report(path, **make_report())

    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["META.png"]


def test_intervals_span_exactly_what_was_forecast_within_the_axes():
    ends = {"lower_80": 0.97, "upper_80": 1.43, "lower_95": 0.31, "upper_95": 1.9}  # wider than the prices
    figure = make_figure(**make_report(forecast=make_forecast(bands=ends)))

    narrow, wide = drawn_bars(figure)

    assert (narrow, wide) == ((194.0, 286.0), (62.0, 380.0))
    low, high = figure.axes[0].get_ylim()
    assert low < 62.0
    assert high > 380.0


@pytest.mark.parametrize("sessions", [1, 90])
def test_intervals_stand_at_the_forecasts_session(sessions):
    report = make_report(recent=make_prices(sessions), forecast=make_forecast(bands=BANDS))
    lines = make_figure(**report).axes[0].lines
    (point,) = [line for line in lines if line.get_marker() == MODEL.marker and line.get_ydata()[0] == 204.0]

    bars = [line for line in lines if len({*line.get_xdata()}) == 1 and len(line.get_xdata()) == 2]

    assert [list(bar.get_xdata()) for bar in bars] == [[point.get_xdata()[0]] * 2] * 2


@pytest.mark.parametrize(
    ("scale", "texts"),
    [
        (200.0, ("80 %: 194.00 to 214.00", "95 %: 188.00 to 220.00")),
        (1e-4, ("80 %: 0.00009700 to 0.00010700", "95 %: 0.00009400 to 0.00011000")),
        (6e5, ("80 %: 582,000 to 642,000", "95 %: 564,000 to 660,000")),
    ],
)
def test_intervals_are_written_with_the_decimals_of_the_forecast(scale, texts):
    forecast = make_forecast(scale=scale, bands=BANDS, predicted=0.98)
    words = words_of(make_figure(**make_report(recent=make_prices(60, scale=scale), forecast=forecast)))

    assert all(text in words for text in texts)


def test_without_intervals_no_bar_and_no_label_is_drawn():
    figure = make_figure(**make_report())

    assert drawn_bars(figure) == []
    assert "80 %" not in words_of(figure)
    assert "95 %" not in words_of(figure)


def test_an_unknown_wide_interval_leaves_the_narrow_one():
    figure = make_figure(**SCENARIOS["only the narrow interval"])

    assert drawn_bars(figure) == [(194.0, 214.0)]
    assert "80 %: 194.00 to 214.00" in words_of(figure)
    assert "95 %" not in words_of(figure)


def test_an_interval_down_to_zero_is_drawn_and_written():
    figure = make_figure(**SCENARIOS["intervals that reach zero"])

    assert drawn_bars(figure) == [(0.0, 420.0), (0.0, 1800.0)]
    assert figure.axes[0].get_ylim()[0] == 0.0
    assert "95 %: 0.00 to 1,800.00" in words_of(figure)


@pytest.mark.parametrize("backtest", [make_backtest(), None])
def test_a_record_is_a_row_of_its_own(backtest):
    without, with_record = (
        make_figure(**make_report(backtest=backtest, record=record)) for record in (None, make_record())
    )

    assert "The live record" not in words_of(without)
    assert "The live record: misses of 41 sessions added up" in words_of(with_record)
    assert with_record.canvas.get_width_height()[1] >= without.canvas.get_width_height()[1] + 404
    assert len(with_record.axes) == len(without.axes) + 1
