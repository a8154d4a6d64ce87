"""The leaderboard as a picture: where the points lie, what stands beside them, and that nothing overlaps."""

import math
from dataclasses import replace
from functools import cache

import pytest
from matplotlib.image import imread
from report.pictures import LONG_SPEC, NO_FLAWS, WIDEST_SPEC, drawn_texts, find_flaws, words_of
from report.standings_drawn import VERDICTS, bars_of, dots_of, make_place, points_of, texts_by_row
from sampled import sample

from stockrnn.report.axes import LOOKS, MODEL
from stockrnn.report.leaderboard import draw_leaderboard, make_leaderboard

NAN = math.nan
NAIVE = make_place("naive", 1.0, half=0.0)
BASELINES = (
    make_place("last_close", 0.98, half=0.03),
    NAIVE,
    make_place("drift", 1.01, half=0.02),
    make_place("moving_average", 2.3, half=0.2),
)
UNKNOWN = make_place(ratio=NAN, verdict="too few", tickers=1, sessions=1, forecasts=1)
EXTREMES = (
    make_place("tiny", 0.01, half=0.002, verdict="a leak"),
    NAIVE,
    make_place("huge", 60.0, half=10.0, verdict="worse"),
)
MANY = tuple(make_place(f"spec_{at}", 0.9 + 0.05 * at, tickers=500, sessions=1250) for at in range(12))
LONG = tuple(
    make_place(name, 1.0 + 0.1 * at, tickers=500, sessions=1250, verdict=verdict)
    for at, (name, verdict) in enumerate([(LONG_SPEC, "a leak"), (WIDEST_SPEC, "a leak"), (LONG_SPEC, "too few")])
)

BOARDS = {
    "one spec": {"tested": (make_place(), *BASELINES), "live": (make_place(half=NAN, verdict="too few"), NAIVE)},
    "12 specs of 500 tickers": {"tested": (*MANY, *BASELINES), "live": (*MANY, *BASELINES)},
    "one ticker": {"tested": (make_place(tickers=1), NAIVE), "live": (make_place(tickers=1), NAIVE)},
    "nothing live": {"tested": (make_place(), *BASELINES), "live": ()},
    "nothing tested": {"tested": (), "live": (make_place(), *BASELINES)},
    "no intervals": {"tested": (make_place(half=NAN), NAIVE), "live": (make_place(half=NAN), NAIVE)},
    "nothing known": {"tested": (UNKNOWN,), "live": (UNKNOWN,)},
    "extremes": {"tested": EXTREMES, "live": EXTREMES},
    "a narrow race": {"tested": (make_place(ratio=1.001, half=0.002, tickers=0), NAIVE), "live": ()},
    "no error at all": {"tested": (make_place(ratio=0.0, half=0.0, tickers=3), NAIVE), "live": ()},
    "long names": {
        "tested": (*LONG, *BASELINES),
        "live": LONG,
        "target": "adj_close",
        "market": "500 simulated tickers",
    },
}


def make_board(*, tested=(), live=(), target="open", market="5 tickers"):
    return make_leaderboard(tested=tested, live=live, target=target, market=market)


@cache
def draw_board(name):
    return make_board(**BOARDS[name])


def png_bytes(path, **board):
    draw_leaderboard(path, **({"target": "open", "market": "5 tickers"} | board))
    return path.read_bytes()


@pytest.mark.parametrize("name", sample(BOARDS, first=3))
def test_no_text_overlaps_another_runs_into_the_plot_leaves_the_page_or_is_below_ten_points(name):
    figure = draw_board(name)

    assert len(drawn_texts(figure)) > 10
    assert figure.canvas.get_width_height()[0] == 1200
    assert find_flaws(figure) == NO_FLAWS
    frames = [ax.get_window_extent() for ax in figure.axes]
    boxes = [(text.get_text(), text.get_window_extent()) for text in drawn_texts(figure)]
    assert [text for text, box in boxes if any(box.overlaps(frame) for frame in frames)] == []


@pytest.mark.parametrize("name", ["one spec", "12 specs of 500 tickers", "long names"])
def test_points_lie_at_their_value_on_a_logarithmic_axis(name):
    figure = draw_board(name)
    figure.canvas.draw()

    for ax, places in zip(figure.axes, (BOARDS[name]["live"], BOARDS[name]["tested"]), strict=True):
        points = points_of(ax)
        assert points == {at: place.relative_mae for at, place in enumerate(places)}
        frame, (low, high) = ax.get_window_extent(), ax.get_xlim()
        for at, x in points.items():
            across, up = ax.transData.transform((x, at))
            assert across == pytest.approx(frame.x0 + frame.width * math.log(x / low) / math.log(high / low))
            assert up == pytest.approx(frame.y1 - frame.height * (at + 0.5) / len(places))


def test_bars_are_the_confidence_intervals_and_dots_the_tickers():
    (ax,) = make_board(tested=(make_place(), *BASELINES)).axes

    assert bars_of(ax)[0] == pytest.approx((0.97, 1.07))
    assert bars_of(ax)[1] == pytest.approx((0.95, 1.01))
    for at, place in enumerate((make_place(), *BASELINES)):
        assert dots_of(ax, at) == list(place.by_ticker.values())


def test_both_parts_share_one_axis_that_holds_everything():
    live, tested = make_board(tested=(make_place(ratio=3.0), NAIVE), live=(make_place(ratio=0.5), NAIVE)).axes

    low, high = live.get_xlim()

    assert tested.get_xlim() == (low, high)
    assert low < 0.45
    assert high > 3.05


def test_what_is_out_of_range_stands_at_the_ends_but_is_written_as_it_is():
    figure = make_board(tested=EXTREMES)
    (ax,) = figure.axes
    low, high = ax.get_xlim()

    assert (low, high) == (0.05, 20.0)
    assert points_of(ax) == {0: low, 1: 1.0, 2: high}
    assert {*dots_of(ax, 0)} == {low}
    assert {*dots_of(ax, 2)} == {high}
    assert {"0.010", "0.008 to 0.012"} < {*texts_by_row(figure, ax)[0]}
    assert {"60.000", "50.000 to 70.000"} < {*texts_by_row(figure, ax)[2]}


def test_points_at_the_ends_of_the_axis_are_not_cut_off():
    (ax,) = make_board(tested=EXTREMES).axes

    clipped = [line.get_clip_on() for line in ax.lines if line.get_markersize() in {3.0, 9.0}]

    assert clipped == [False] * 2 * len(EXTREMES)


@pytest.mark.parametrize("name", ["one spec", "12 specs of 500 tickers", "long names"])
def test_each_row_says_whose_it_is_how_far_off_and_what_that_proves(name):
    figure = draw_board(name)

    for ax, places in zip(figure.axes, (BOARDS[name]["live"], BOARDS[name]["tested"]), strict=True):
        for texts, place in zip(texts_by_row(figure, ax), places, strict=True):
            said = "".join(texts).replace(" ", "")
            shown = {"last_close": "last close", "moving_average": "moving average"}.get(place.model, place.model)
            assert shown.replace(" ", "") in said
            assert place.verdict is None or place.verdict.words.replace(" ", "") in said
            assert f"{len(place.by_ticker)}tickers,{place.sessions}sessions,{place.forecasts:,}forecasts" in said
            assert (f"{place.relative_mae:.3f}" in texts) == (place.model != "naive")


def test_naive_is_one_without_an_interval():
    figure = make_board(tested=(NAIVE,))

    (texts,) = texts_by_row(figure, figure.axes[0])

    assert texts == ["naive", "1", "5 tickers, 250 sessions, 1,250 forecasts"]


def test_a_spec_named_like_a_baseline_is_still_a_spec():
    place = replace(make_place("naive"), baseline=False, verdict=VERDICTS["worse"])
    figure = make_board(tested=(place, NAIVE))
    (ax,) = figure.axes

    colors = [line.get_color() for line in ax.lines if line.get_markersize() == 9.0]

    assert colors == [MODEL.color, LOOKS["naive"].color]
    assert "1.020" in texts_by_row(figure, ax)[0]


def test_what_is_unknown_is_not_drawn_but_said():
    figure = make_board(tested=(UNKNOWN, make_place(half=NAN)))
    (ax,) = figure.axes

    assert points_of(ax) == {1: 1.02}
    assert bars_of(ax) == {}
    assert dots_of(ax, 0) == []
    assert {"n/a", "n/a to n/a", "1 ticker, 1 session, 1 forecast"} < {*texts_by_row(figure, ax)[0]}
    assert {"1.020", "n/a to n/a"} < {*texts_by_row(figure, ax)[1]}


@pytest.mark.parametrize(
    "name", ["one spec", "a narrow race", "extremes", "12 specs of 500 tickers", "nothing known"]
)
def test_the_axis_has_ticks_at_their_values_on_both_sides_of_one(name):
    for ax in draw_board(name).axes:
        ticks, (low, high) = list(ax.get_xticks()), ax.get_xlim()

        assert [float(text.get_text()) for text in ax.get_xticklabels()] == ticks
        assert low <= min(ticks) < 1.0 < max(ticks) <= high
        assert 1.0 in ticks


def test_a_part_without_standings_says_so():
    full = words_of(make_board(**BOARDS["one spec"]))
    figure = make_board(**BOARDS["nothing live"])

    assert "There is none yet." not in full
    assert words_of(figure).count("There is none yet.") == 1
    assert len(figure.axes) == 1


def test_the_head_names_target_and_market():
    words = words_of(make_board(tested=(make_place(),), target="adj_close", market="7 simulated tickers"))

    assert "the adjusted close, one session ahead, 7 simulated tickers" in words
    assert "naive (same as the last known adjusted close) being 1." in words


def test_the_file_is_a_png_and_the_same_input_gives_the_same_bytes(tmp_path):
    first = png_bytes(tmp_path / "new" / "a.png", **BOARDS["one spec"])

    assert png_bytes(tmp_path / "b.png", **BOARDS["one spec"]) == first
    assert png_bytes(tmp_path / "b.png", **BOARDS["one ticker"]) != first
    assert imread(tmp_path / "new" / "a.png").shape[1] == 1200
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.png"]
