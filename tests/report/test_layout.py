"""Where labels, ticks and line breaks go."""

import math

import pytest
from matplotlib.figure import Figure

from stockrnn.errors import StockrnnError
from stockrnn.report.axes import make_price_scale
from stockrnn.report.layout import Page, spread, write_png


def test_labels_that_collide_are_spread_around_their_mean():
    assert spread([50.0, 50.0, 50.0], gap=10.0, low=0.0, high=100.0) == [40.0, 50.0, 60.0]
    assert spread([80.0, 10.0], gap=10.0, low=0.0, high=100.0) == [80.0, 10.0]


def test_labels_stay_within_the_chart():
    assert spread([99.0, 100.0], gap=10.0, low=0.0, high=100.0) == [90.0, 100.0]
    assert spread([0.0, 1.0], gap=10.0, low=0.0, high=100.0) == [0.0, 10.0]


def test_a_price_scale_is_at_least_four_thousandths_of_the_price_high():
    scale = make_price_scale([200.0, 200.0, math.nan])

    assert scale.high - scale.low == pytest.approx(0.8)
    assert scale.texts == ("199.6", "199.8", "200.0", "200.2", "200.4")


def test_a_price_scale_does_not_go_below_zero():
    scale = make_price_scale([0.1, 10.0])

    assert scale.low == 0.0
    assert scale.texts == ("0.0", "2.5", "5.0", "7.5", "10.0")


def test_lines_never_break_between_a_number_and_what_it_counts():
    lines = Page(300).wrap("missed by 21 USD and by n = 3 sessions", width=80, size=10.5)

    assert lines == ["missed by", "21 USD", "and by", "n = 3 sessions"]


def test_a_word_that_is_too_wide_is_cut_after_a_hyphen_or_anywhere():
    page = Page(300)

    lines = page.wrap("a_long_name_of-a-spec mmmmmmmmmmmm", width=110, size=10.5)

    assert lines == ["a_long_name_", "of-a-spec", "mmmmmmm", "mmmmm"]
    assert max(page.text_width(line, size=10.5) for line in lines) <= 110


def test_a_name_is_shortened_only_as_far_as_it_must_be():
    page = Page(300)

    assert page.shorten("tutorial", width=90, size=10.0) == "tutorial"
    short = page.shorten("m" * 32, width=90, size=10.0)

    assert short.endswith("m…")
    assert 90 - page.text_width("m", size=10.0) < page.text_width(short, size=10.0) <= 90


def test_a_report_that_cant_be_written_is_named_in_one_line(tmp_path):
    (tmp_path / "reports").write_text("a file where the folder should be")
    with pytest.raises(StockrnnError, match=r"can't write the report .*META\.png: .*; see its room and who may"):
        write_png(tmp_path / "reports" / "META.png", Figure())
