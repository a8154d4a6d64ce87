"""The live record in the picture: what is drawn of it, and what is said about it."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from report.pictures import make_forecast, make_live_report, make_record, make_report, words_of
from sampled import sample
from scipy.stats import binomtest

from stockrnn.evaluation.verdicts import decide_verdict
from stockrnn.report.axes import LAST_CLOSE, MODEL, NAIVE
from stockrnn.report.live_record import describe_record, find_live_verdict
from stockrnn.report.ticker_report import draw_report, make_figure

RECORDS = {
    "1 session": make_record(sessions=1),
    "41 sessions": make_record(),
    "250 sessions": make_record(sessions=250, scale=1e-4, factor=0.9),
    "1250 sessions": make_record(sessions=1250, scale=6e5),
    "missed at the beginning": make_record(missed=(0, 1)),
    "missed in the middle": make_record(missed=(7, 20, 21)),
    "missed at the end": make_record(missed=(41, 42)),
    "missed everywhere": make_record(sessions=2, missed=(0, 2, 3, 5)),
    "every error zero": make_record(size=0.0),
    "without intervals": make_record(sessions=9, intervals=False),
}


def live_axes(record):
    return make_figure(**make_live_report(record)).axes[-1]


def drawn_sums(ax, look):
    (line,) = [line for line in ax.lines if line.get_color() == look.color and line.get_linestyle() == look.line]
    return list(line.get_xdata()), list(line.get_ydata())


def crosses(ax):
    (line,) = [line for line in ax.lines if line.get_marker() == "x"]
    return [int(x) for x in line.get_xdata()], {float(y) for y in line.get_ydata()}


def sums_by_hand(record, name):
    """The sum so far of |error| less naive's in percent of the last close, session by session, in a plain loop."""
    rows = {row["session"].date(): row for row in record.errors.to_dict("records")}
    total, sums = 0.0, []
    for day in sorted([*rows, *record.missed]):
        if day in rows:
            total += 100 * (abs(rows[day][name]) - abs(rows[day]["naive"])) / rows[day]["scale"]
        sums.append(total)
    return sums


def change_errors(record, **columns):
    return replace(record, errors=record.errors.assign(**columns))


@pytest.mark.parametrize("name", sample(RECORDS, first=4))
def test_the_sums_drawn_are_those_of_a_plain_loop(name):
    record = RECORDS[name]
    ax = live_axes(record)

    for column, look in (("predicted", MODEL), ("last_close", LAST_CLOSE)):
        xs, ys = drawn_sums(ax, look)
        assert ys == pytest.approx(sums_by_hand(record, column), abs=1e-9)
        assert xs == list(range(len(record.errors) + len(record.missed)))
        assert ax.get_ylim()[0] < min(ys) <= max(ys) < ax.get_ylim()[1]


def test_a_scale_that_changes_is_that_of_each_forecast():
    record = change_errors(make_record(sessions=2), scale=[100.0, 50.0], predicted=[3.0, -3.0], naive=[-1.0, 4.0])

    assert drawn_sums(live_axes(record), MODEL)[1] == pytest.approx([2.0, 0.0])


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.exhaustive
def test_naive_is_the_zero_line_from_edge_to_edge(name):
    ax = live_axes(RECORDS[name])

    xs, ys = drawn_sums(ax, NAIVE)

    assert ys == [0, 0]
    assert tuple(xs) == ax.get_xlim()


@pytest.mark.parametrize(
    ("sessions", "missed"), [(41, ()), (41, (0, 1)), (41, (7, 20, 21)), (41, (41, 42)), (2, (0, 2, 3, 5)), (1, (0,))]
)
@pytest.mark.exhaustive
def test_crosses_stand_on_the_zero_line_at_the_missed_sessions(sessions, missed):
    at, levels = crosses(live_axes(make_record(sessions=sessions, missed=missed)))

    assert at == list(missed)
    assert levels <= {0.0}


@pytest.mark.parametrize("target", ["close", "adj_close"])
def test_beside_a_close_or_an_adjusted_close_stands_no_last_close(target):
    report = make_live_report(make_record(target=target), forecast=make_forecast(target=target), backtest=None)
    ax = make_figure(**report).axes[-1]

    assert [line for line in ax.lines if line.get_color() == LAST_CLOSE.color] == []
    assert "the last close's" not in describe_record(make_record(target=target))[1]
    assert "the last close's" in describe_record(make_record())[1]


def test_directions_of_an_adjusted_close_are_counted_from_the_last_adjusted_close():
    directions = describe_record(make_record(target="adj_close"))[2]

    assert directions.startswith("Counted from the last adjusted close, it named the right direction in 49 % of 41")


def test_one_session_is_a_point_that_can_be_seen():
    lines = live_axes(make_record(sessions=1)).lines

    single = [line for line in lines if len(line.get_xdata()) == 1]

    assert {line.get_color(): line.get_marker() for line in single} == {
        MODEL.color: MODEL.marker,
        LAST_CLOSE.color: LAST_CLOSE.marker,
    }


def test_errors_of_zero_are_not_blown_up():
    low, high = live_axes(make_record(size=0.0)).get_ylim()

    assert low <= -0.1
    assert high >= 0.1


def make_known_record(**changes):
    """Ten sessions with errors that can be added up in the head: misses of 1.5 %, 2 % and 1 % of the price."""
    outcomes = {
        "inside_80": [1.0] * 8 + [0.0] * 2,
        "inside_95": [1.0] * 9 + [0.0],
        "direction_correct": [1.0] * 5 + [0.0] * 5,
    }
    errors = {"scale": [100.0, 200.0] * 5, "predicted": [-2.0, 2.0] * 5, "naive": [1.0, -6.0] * 5}
    errors["last_close"] = [1.0, 2.0] * 5
    return change_errors(make_record(sessions=10), **(errors | outcomes | changes))


def test_the_record_is_told_in_five_sentences():
    # Wilson's intervals of 5, 8 and 9 of 10 as printed in tables: 0.237-0.763, 0.490-0.943, 0.596-0.982
    narrow, wide = "80 % of 10 sessions (49 to 94 %)", "90 % of 10 sessions (60 to 98 %)"

    assert describe_record(make_known_record()) == (
        "10 live forecasts have been scored, from 3 February 2020 on; no night was missed.",
        "The average miss was 1.50 % of the price, naive's 2.00 %, the last close's 1.00 %.",
        (
            "Counted from the last close, it named the right direction in 50 % of 10 sessions (24 to 76 %); "
            "a coin is right in half."
        ),
        f"Its 80 % interval held the actual price in {narrow}, its 95 % interval in {wide}.",
        "In brackets: 95 % confidence intervals.",
    )


def test_the_picture_says_what_the_record_says():
    record = make_known_record()
    words = words_of(make_figure(**make_live_report(record)))

    told = " ".join([f"{find_live_verdict(record).words.capitalize()}.", *describe_record(record)])

    # a column's lines follow one another in the order of writing
    assert told in words


@pytest.mark.parametrize(
    ("missed", "words"),
    [
        ((), "no night was missed."),
        ((0,), "1 night was missed (the cross)."),
        ((0, 5), "2 nights were missed (the crosses)."),
    ],
)
def test_missed_nights_are_counted(missed, words):
    assert describe_record(make_record(missed=missed))[0].endswith(words)


def test_one_forecast_is_counted_from_its_own_session_on():
    (count, *_) = describe_record(make_record(sessions=1, missed=(0,)))

    assert count.startswith("1 live forecast has been scored, from 4 February 2020 on;")


@pytest.mark.parametrize("known", [1, 7, 41, 250])
def test_only_sessions_with_an_outcome_are_counted_within_wilsons_brackets(known):
    hits = -(-known * 3 // 4)
    record = make_record(sessions=known + 5)
    outcome = [math.nan] * 5 + [1.0] * hits + [0.0] * (known - hits)
    interval = binomtest(hits, known).proportion_ci(method="wilson")
    brackets = f"({100 * interval.low:.0f} to {100 * interval.high:.0f} %)"
    expected = f"{100 * hits / known:.0f} % of {known} session{'' if known == 1 else 's'} {brackets}"

    sentences = describe_record(change_errors(record, inside_80=outcome, inside_95=1.0, direction_correct=outcome))

    assert sentences[2] == (
        f"Counted from the last close, it named the right direction in {expected}; a coin is right in half."
    )
    assert sentences[3].startswith(
        f"Its 80 % interval held the actual price in {expected}, its 95 % interval in 100 %"
    )


def test_a_wide_interval_that_is_not_known_yet_is_not_told():
    sentences = describe_record(make_known_record(inside_95=math.nan))

    assert sentences[3] == "Its 80 % interval held the actual price in 80 % of 10 sessions (49 to 94 %)."


def test_without_shares_no_brackets_are_explained():
    sentences = describe_record(make_record(sessions=9, intervals=False))
    silent = describe_record(change_errors(make_record(sessions=9, intervals=False), direction_correct=math.nan))

    assert sentences[3:] == (
        "It had no intervals yet: they need past errors.",
        "In brackets: 95 % confidence intervals.",
    )
    assert silent[2:] == ("It had no intervals yet: they need past errors.",)


@pytest.mark.parametrize(
    ("factor", "sessions", "words"),
    sample(
        [
            (1.0, 9, "too few sessions to tell (n = 9)"),
            (6.0, 250, "worse than naive and the last close (p < 0.001)"),
            (0.1, 250, "better than naive and the last close (p < 0.001); suspiciously so, look for a leak"),
        ],
        first=2,
    ),
)
def test_the_verdict_is_that_of_the_evidence(factor, sessions, words):
    record = make_record(factor=factor, sessions=sessions)
    losses = {
        name: np.abs(record.errors[name].to_numpy()) / record.errors["scale"].to_numpy()
        for name in ("predicted", "naive", "last_close")
    }
    beside = {name: losses[name] for name in ("naive", "last_close")}

    found = find_live_verdict(record)

    assert found == decide_verdict(losses["predicted"], beside)
    assert found.words == words
    assert f"{words[0].upper()}{words[1:]}." in words_of(make_figure(**make_live_report(record)))


@pytest.mark.parametrize("target", ["close", "adj_close"])
def test_of_the_close_and_the_adjusted_close_the_verdict_is_against_naive_alone(target):
    assert find_live_verdict(make_record(target=target, factor=6.0)).words == "worse than naive (p < 0.001)"


def test_an_empty_record_leaves_the_picture_as_it_was(tmp_path):
    full = make_record()
    empty = replace(full, errors=full.errors.iloc[:0], missed=(date(2020, 2, 3),))
    for name, record in (("none", None), ("empty", empty)):
        draw_report(tmp_path / name, **make_report(record=record))

    assert (tmp_path / "empty").read_bytes() == (tmp_path / "none").read_bytes()


@pytest.mark.exhaustive
def test_the_same_record_gives_the_same_bytes_and_another_one_others(tmp_path):
    for name, missed in (("one", (3,)), ("same", (3,)), ("other", (4,))):
        draw_report(tmp_path / name, **make_live_report(make_record(missed=missed)))
    one, same, other = ((tmp_path / name).read_bytes() for name in ("one", "same", "other"))

    assert one == same
    assert one != other


def test_drawing_changes_nothing_in_the_record():
    record = make_record(missed=(2,))
    before = record.errors.copy()

    make_figure(**make_live_report(record))

    pd.testing.assert_frame_equal(record.errors, before)
