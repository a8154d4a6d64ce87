"""The comparison of specs as a picture: its rows in their order, what each cost, and that nothing overlaps."""

from datetime import date
from functools import cache

import pytest
from matplotlib.image import imread
from report.pictures import LONG_SPEC, LONG_TICKER, NO_FLAWS, WIDEST_SPEC, drawn_texts, find_flaws, words_of
from report.standings_drawn import VERDICTS, bars_of, dots_of, make_place, points_of, texts_by_row
from sampled import sample

from stockrnn.evaluation.comparison import ComparedModel
from stockrnn.report.comparison import draw_comparison, make_comparison
from stockrnn.types import Span, parse_month

YEARS = Span(date(2018, 9, 1), date(2020, 12, 31))


def make_model(name="tutorial", ratio=1.02, *, parameters=71_051, seconds=12.53, **place):
    standing = make_place(name, ratio, **place)
    cost = {} if standing.baseline else {"parameters": parameters, "train_seconds": seconds}
    return ComparedModel(standing=standing, **cost)


def make_baselines(tickers):
    return (
        make_model("naive", 1.0, half=0.0, tickers=tickers),
        make_model("last_close", 0.98, half=0.03, tickers=tickers),
    )


def make_specs(names, *, tickers, verdicts=("no better",)):
    return tuple(
        make_model(
            name,
            0.95 + 0.04 * at,
            tickers=tickers,
            verdict=verdicts[at % len(verdicts)],
            parameters=7 * 11**at,
            seconds=0.004 * 9**at,
        )
        for at, name in enumerate(names)
    )


EIGHT = ("tutorial", "quantile", "gru", "peephole", "echo_state", "simple_rnn", "minimal_gated", "lstm_wide")
LONGEST = (WIDEST_SPEC, LONG_SPEC, *(f"{LONG_SPEC[:-1]}{at}" for at in range(6)))
PICTURES = {
    "two specs of one ticker": {"models": (*make_specs(EIGHT[:2], tickers=1), *make_baselines(1)), "market": "META"},
    "two specs of five tickers": {"models": (*make_specs(EIGHT[:2], tickers=5), *make_baselines(5))},
    "eight specs of one ticker": {"models": (*make_specs(EIGHT, tickers=1), *make_baselines(1)), "market": "META"},
    "eight specs of five tickers": {"models": (*make_specs(EIGHT, tickers=5), *make_baselines(5))},
    "the longest of everything": {
        "models": (*make_specs(LONGEST, tickers=500, verdicts=tuple(VERDICTS)), *make_baselines(500)),
        "target": "adj_close",
        "market": LONG_TICKER,
    },
    "far off": {"models": (make_model("huge", 60.0, half=10.0, parameters=98_765_432, seconds=9e5),)},
    "nothing known": {"models": (make_model(ratio=float("nan"), verdict="too few", tickers=1),)},
}


def make_picture(*, models, target="open", holdout=YEARS, market="5 tickers"):
    return make_comparison(models=models, target=target, holdout=holdout, market=market)


@cache
def draw_picture(name):
    return make_picture(**PICTURES[name])


@pytest.mark.parametrize("name", sample(PICTURES, first=2))
def test_no_text_overlaps_another_runs_into_the_plot_leaves_the_page_or_is_below_ten_points(name):
    figure = draw_picture(name)

    assert len(drawn_texts(figure)) > 10
    assert figure.canvas.get_width_height()[0] == 1200
    assert find_flaws(figure) == NO_FLAWS
    (frame,) = [ax.get_window_extent() for ax in figure.axes]
    assert [text.get_text() for text in drawn_texts(figure) if text.get_window_extent().overlaps(frame)] == []


def test_rows_are_in_the_order_given_with_interval_and_single_tickers():
    models = (*make_specs(EIGHT[:3], tickers=5), *make_baselines(5))
    (ax,) = make_picture(models=models).axes

    assert points_of(ax) == {at: model.standing.relative_mae for at, model in enumerate(models)}
    assert bars_of(ax)[1] == pytest.approx((0.94, 1.04))
    for at, model in enumerate(models):
        assert dots_of(ax, at) == list(model.standing.by_ticker.values())


def test_each_row_says_how_far_off_what_it_cost_and_what_that_proves():
    figure = make_picture(models=(make_model(), *make_baselines(5)))

    spec, naive, last_close = texts_by_row(figure, figure.axes[0])

    basis = ["5 tickers, 250 sessions, 1,250 forecasts"]
    verdict = ["no better than naive or the last close"]
    assert spec == ["tutorial", "1.020", "0.970 to 1.070", "71,051", "12.5", *verdict, *basis]
    assert naive == ["naive", "1", *basis]
    assert last_close == ["last close", "0.980", "0.950 to 1.010", *basis]


def test_the_head_names_target_market_and_holdout():
    words = words_of(make_picture(models=(make_model(),), target="adj_close", market="7 simulated tickers"))
    month = words_of(make_picture(models=(make_model(),), holdout=parse_month("2020-01")))

    assert "the adjusted close, one session ahead, 7 simulated tickers" in words
    assert "1 September 2018 to 31 December 2020, computed afterwards" in words
    assert "naive (same as the last known adjusted close) being 1." in words
    assert "January 2020, computed afterwards" in month


def test_what_errors_are_relative_to_is_said_where_tickers_are_pooled():
    said = [words_of(make_picture(models=(make_model(tickers=count),))) for count in (1, 2)]

    assert ["errors over the last close" in words for words in said] == [False, True]


def test_the_file_is_a_png_and_the_same_input_gives_the_same_bytes(tmp_path):
    path, fields = tmp_path / "new" / "a.png", {"target": "open", "holdout": YEARS, "market": "META"}

    draw_comparison(path, models=(make_model(),), **fields)
    first = path.read_bytes()
    draw_comparison(path, models=(make_model(seconds=1.0),), **fields)
    other = path.read_bytes()
    draw_comparison(path, models=(make_model(),), **fields)

    assert first == path.read_bytes() != other
    assert imread(path).shape[1] == 1200
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]
