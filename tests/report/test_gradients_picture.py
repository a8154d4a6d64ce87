"""The picture of gradients: its title says what is seen, its lines are the numbers, and nothing overlaps."""

import numpy as np
import pytest
from report.pictures import NO_FLAWS, find_flaws, words_of
from sampled import sample

from stockrnn.report.gradient_words import describe_reaches, forgotten_after
from stockrnn.report.gradients import draw_gradients, make_gradients
from stockrnn.types.gradients import Reach, RemedyEffect, SpecReach

CELLS = {
    "rnn": "rnn", "tutorial": "lstm", "gru": "gru", "lstm_peephole": "lstm_peephole",
    "lstm_coupled": "lstm_coupled", "a_long_name_of_a_spec_of_32_chars": "minimal_lstm", "quantile": "lstm",
}  # fmt: skip
BACK = np.arange(40)


def make_reach(spec, factor, *, cell=None, lookback=40):
    one = Reach(inputs=0.3 * factor ** BACK[:lookback], states=factor ** BACK[:lookback])
    return SpecReach(spec=spec, cell=cell or CELLS[spec], untrained=one, trained=one)


def make_remedies(reach, *, after=10):
    free = reach.trained.inputs
    norms = np.random.default_rng(0).lognormal(1, 0.5, 38)
    return RemedyEffect(
        spec=reach.spec, truncate_after=after, free=free, truncated=np.where(after > BACK[: len(free)], free, 0.0),
        clip_norm=2.0, norms=norms,
    )  # fmt: skip


def make_picture(reaches, **options):
    return make_gradients(ticker="META", reaches=reaches, remedies=make_remedies(reaches[0], **options))


@pytest.mark.parametrize(
    ("factor", "after"),
    [
        (1.0, None),
        (1.1, None),
        (0.9, None),  # 0.9 to the power of 39 is 0.016
        (0.5, 8),  # 0.5 to the power of 6 is 0.016, of 7 it is 0.008: seven sessions before the newest
        (0.001, 2),
    ],
)
def test_forgotten_is_what_acts_less_than_a_hundredth_of_the_most(factor, after):
    assert forgotten_after(factor**BACK) == after


def test_what_acts_again_further_back_is_not_forgotten():
    assert forgotten_after(np.array([1.0, 0.001, 0.02, 0.001])) == 4
    assert forgotten_after(np.array([0.001, 0.001, 1.0])) is None


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        (
            {"rnn": 0.5, "tutorial": 1.0},
            "The simple network has forgotten what happened 8 sessions ago; the LSTM still feels it",
        ),
        ({"rnn": 1.0}, "The simple network still feels what happened 40 sessions ago"),
        ({"rnn": 0.5}, "The simple network has forgotten what happened 8 sessions ago"),
        (
            {"rnn": 1.0, "gru": 1.0, "tutorial": 0.99},
            "The simple network, the GRU and the LSTM still feel what happened 40 sessions ago",
        ),
        (
            {"rnn": 0.5, "gru": 0.001},
            "The simple network has forgotten what happened 8 sessions ago, the GRU 2 sessions",
        ),
        # two of one cell go by the names of their specs
        (
            {"tutorial": 0.5, "quantile": 1.0},
            "Tutorial has forgotten what happened 8 sessions ago; quantile still feels it",
        ),
    ],
)
def test_the_title_says_what_is_seen(factors, words):
    assert describe_reaches([make_reach(spec, factor) for spec, factor in factors.items()]) == words


RNN_FEELS = "he simple network still feels what happened 12 sessions ago"


@pytest.mark.parametrize(
    ("factor", "words"),
    sample(
        [
            (0.8, f"The GRU has forgotten what happened 22 sessions ago; t{RNN_FEELS}"),
            (1.0, f"T{RNN_FEELS}; the GRU still feels what happened 40 sessions ago"),
        ],
        first=1,
    ),
)
def test_windows_of_two_lengths_are_told_apart_and_drawn_whole(factor, words):
    reaches = [make_reach("rnn", 1.0, lookback=12), make_reach("gru", factor)]
    assert describe_reaches(reaches) == words
    figure = make_picture(reaches)
    assert "META, windows of 12 and 40 sessions" in words_of(figure)
    assert find_flaws(figure) == NO_FLAWS
    for ax in figure.axes[:4]:
        ends = {max(line.get_xdata()) for line in ax.lines if line.get_color() in {"#D55E00", "#0072B2"}}
        assert max(ends) <= ax.get_xlim()[1]
        assert len(ends) == 2


def test_the_lines_are_the_numbers_and_end_where_they_are_zero():
    reaches = [make_reach("rnn", 0.7), make_reach("tutorial", 0.95)]
    figure = make_picture(reaches)
    states = figure.axes[0]
    drawn = [line for line in states.lines if len(line.get_xdata()) and line.get_color() == "#D55E00"]
    np.testing.assert_allclose(drawn[0].get_ydata(), 0.7**BACK)
    assert list(drawn[0].get_xdata()) == list(BACK)
    truncation = figure.axes[4]
    ends = sorted(max(line.get_xdata()) for line in truncation.lines if len(line.get_xdata()) > 2)
    assert ends == [10, 40]
    clipping = figure.axes[5]
    assert max(max(line.get_ydata()) for line in clipping.lines if line.get_color() == "#D55E00") == 2.0
    assert all(ax.get_yscale() == "log" for ax in figure.axes[:5])


def test_the_factors_of_the_theory_stand_behind():
    texts = [text.get_text() for text in make_picture([make_reach("rnn", 0.7)]).axes[0].texts]
    assert texts == ["0.9", "1", "1.1"]


@pytest.mark.parametrize("factor", sample([0.9, 0.3, 1.0, 1.1], first=1))
def test_the_names_of_the_factors_stand_within_their_axes(factor):
    figure = make_picture([make_reach("rnn", factor)])
    figure.canvas.draw()
    for ax in figure.axes[:4]:
        box = ax.get_window_extent()
        for text in ax.texts:
            inner = text.get_window_extent()
            assert box.y0 <= inner.y0
            assert inner.y1 <= box.y1


def test_the_panels_say_which_network_they_show_and_what_was_done_to_it():
    reach = make_reach("gru", 0.7)
    longer = int((make_remedies(reach).norms > 2.0).sum())
    words = words_of(make_picture([reach]))
    assert "Truncated after 10: gru learns nothing from further back" in words
    assert f"Clipped at 2: {longer} of 38 gradients of gru are shortened" in words


@pytest.mark.parametrize("count", sample([7, 1, 2, 3, 4, 5, 6], first=2))
def test_nothing_overlaps_or_is_cut_off(count):
    reaches = [make_reach(spec, 0.6 + 0.06 * at) for at, spec in enumerate(list(CELLS)[:count])]
    assert find_flaws(make_picture(reaches)) == NO_FLAWS


@pytest.mark.exhaustive
@pytest.mark.parametrize("factor", [0.01, 0.5, 0.9, 1.0, 1.3])
def test_nothing_overlaps_whatever_the_numbers_are(factor):
    assert find_flaws(make_picture([make_reach("rnn", factor), make_reach("tutorial", factor)], after=1)) == NO_FLAWS


@pytest.mark.exhaustive
def test_the_same_numbers_give_the_same_bytes(tmp_path):
    reaches = [make_reach("rnn", 0.7)]
    paths = [tmp_path / name for name in ("one.png", "other.png")]
    for path in paths:
        draw_gradients(path, ticker="META", reaches=reaches, remedies=make_remedies(reaches[0]))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes().startswith(b"\x89PNG")
