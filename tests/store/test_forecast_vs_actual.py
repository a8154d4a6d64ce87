"""What a forecast is judged by once shares have been split or dividends paid since it was issued."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, text

from stockrnn.store.actions import write_actions
from stockrnn.store.engine import reading, writing
from stockrnn.store.forecasts import write_forecast
from stockrnn.store.models import write_model
from stockrnn.store.schema import price_revisions
from stockrnn.types import PRICE_COLUMNS, Action, Span

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)  # bars are stored and forecasts issued then, before Friday's open
LATER = NOON + timedelta(days=1)
LATEST = NOON + timedelta(days=5)
INSTANT = timedelta(microseconds=1)
THURSDAY, FRIDAY, MONDAY = "2024-01-04", "2024-01-05", "2024-01-08"
BARS = {
    "2024-01-03": (388.0, 396.0, 384.0, 392.0, 384.0, 1000.0),
    THURSDAY: (396.0, 412.0, 392.0, 400.0, 390.0, 2000.0),  # the cutoff
}
CORRECTED = {THURSDAY: (396.0, 412.0, 392.0, 404.0, 394.0, 2000.0)}
EARLIER = {"2024-01-02": (384.0, 392.0, 380.0, 388.0, 380.0, 1000.0), "2024-01-03": BARS["2024-01-03"]}
# forecasts of Friday from Thursday, by target: predicted, then naive, which is Thursday's own value
ISSUED = {
    "open": (404.0, 396.0),
    "high": (420.0, 412.0),
    "low": (390.0, 392.0),
    "close": (408.0, 400.0),
    "adj_close": (395.0, 390.0),
}
LAST_CLOSE = 400.0
FRIDAYS = {FRIDAY: (401.0, 416.0, 398.0, 410.0, 400.0, 3000.0)}
MEASURES = ("basis", "actual", "predicted", "naive", "last_close", "error", "naive_error", "last_close_error")


def adjust(bars, factor, *columns):
    """Multiply the bars' prices, or some of them."""
    chosen = columns or PRICE_COLUMNS
    return {
        session: (*(p * factor if name in chosen else p for name, p in zip(PRICE_COLUMNS, bar, strict=False)), bar[5])
        for session, bar in bars.items()
    }


@pytest.fixture
def issue(engine, write, make_model, make_forecast):
    """Issue a forecast of META's Friday from the Thursday stored at noon; arguments change what differs."""
    write(BARS)
    write(BARS, ticker="AAPL")
    with writing(engine) as connection:
        write_model(connection, make_model())

    def issue(target="open", **changes):
        predicted, naive = ISSUED[target]
        values = {
            "target": target,
            "kind": "hindcast",
            "predicted": predicted,
            "naive": naive,
            "last_close": LAST_CLOSE,
        }
        values |= {"issued_at": NOON, "forecast_id": f"{target}-{len(changes)}", **changes}
        with writing(engine) as connection:
            write_forecast(connection, make_forecast(**values))

    return issue


@pytest.fixture
def judge(engine):
    """Read the view: one dictionary a forecast, by its forecast_id."""

    def judge():
        with reading(engine) as connection:
            rows = connection.execute(text("select * from forecast_vs_actual")).mappings().all()
        found = {row["forecast_id"]: dict(row) for row in rows}
        assert len(found) == len(rows)
        return found

    return judge


@pytest.fixture
def judge_one(judge):
    """Read the numbers of the only forecast, in the order of `MEASURES`."""

    def judge_one():
        (row,) = judge().values()
        return tuple(row[name] for name in MEASURES)

    return judge_one


@pytest.fixture
def reasons(engine):
    """Read why META's Thursday was superseded, each time."""

    def reasons():
        table = price_revisions
        query = select(table.c.reason).where(
            table.c.ticker == "META", table.c.session == date.fromisoformat(THURSDAY)
        )
        with reading(engine) as connection:
            return list(connection.scalars(query.order_by(table.c.superseded_at)))

    return reasons


def test_without_a_split_the_errors_are_forecast_minus_actual(issue, write, judge):
    issue()
    write(FRIDAYS, observed_at=LATER)
    (row,) = judge().values()
    assert tuple(row[name] for name in MEASURES) == (1.0, 401.0, 404.0, 396.0, 400.0, 3.0, -5.0, -1.0)
    assert {name: row[name] for name in ("ticker", "target", "spec", "kind", "cutoff", "target_session")} == {
        "ticker": "META",
        "target": "open",
        "spec": "tutorial",
        "kind": "hindcast",
        "cutoff": THURSDAY,
        "target_session": FRIDAY,
    }
    assert row["issued_at"].startswith("2024-01-05 12:00:00")


@pytest.mark.parametrize(
    ("target", "measures"),
    [
        ("open", (1.0, 401.0, 404.0, 396.0, 400.0, 3.0, -5.0, -1.0)),
        ("high", (1.0, 416.0, 420.0, 412.0, 400.0, 4.0, -4.0, -16.0)),
        ("low", (1.0, 398.0, 390.0, 392.0, 400.0, -8.0, -6.0, 2.0)),
        ("close", (1.0, 410.0, 408.0, 400.0, 400.0, -2.0, -10.0, -10.0)),
        ("adj_close", (1.0, 400.0, 395.0, 390.0, 400.0, -5.0, -10.0, 0.0)),
    ],
)
def test_each_target_is_judged_by_its_own_column(issue, write, judge_one, target, measures):
    issue(target)
    write(FRIDAYS, observed_at=LATER)
    assert judge_one() == measures


def test_a_forecast_whose_session_is_not_stored_is_absent_until_it_is(issue, write, judge):
    issue()
    issue("close", target_session=date(2024, 1, 8), forecast_id="of Monday")
    assert judge() == {}
    write(FRIDAYS, observed_at=LATER)
    assert list(judge()) == ["open-0"]
    write({MONDAY: FRIDAYS[FRIDAY]}, observed_at=LATEST)
    assert set(judge()) == {"open-0", "of Monday"}


@pytest.mark.parametrize(
    ("target", "measures"),
    [
        ("open", (0.25, 100.25, 101.0, 99.0, 100.0, 0.75, -1.25, -0.25)),
        ("high", (0.25, 104.0, 105.0, 103.0, 100.0, 1.0, -1.0, -4.0)),
        ("low", (0.25, 99.5, 97.5, 98.0, 100.0, -2.0, -1.5, 0.5)),
        ("close", (0.25, 102.5, 102.0, 100.0, 100.0, -0.5, -2.5, -2.5)),
        ("adj_close", (0.25, 100.0, 98.75, 97.5, 100.0, -1.25, -2.5, 0.0)),
    ],
)
def test_a_forecast_from_before_a_split_is_judged_in_the_new_shares(issue, write, judge_one, target, measures):
    issue(target)
    write(adjust(BARS | FRIDAYS, 0.25), observed_at=LATER)
    assert judge_one() == measures


def test_a_split_after_the_forecast_was_judged_changes_its_errors_by_the_ratio_alone(issue, write, judge_one):
    issue()
    write(FRIDAYS, observed_at=LATER)
    before = judge_one()
    write(adjust(BARS | FRIDAYS, 0.25), observed_at=LATEST)
    assert judge_one() == (0.25, *(0.25 * value for value in before[1:]))


def test_a_reverse_split_raises_the_basis(issue, write, judge_one):
    issue()
    write(adjust(BARS | FRIDAYS, 10.0), observed_at=LATER)
    assert judge_one() == (10.0, 4010.0, 4040.0, 3960.0, 4000.0, 30.0, -50.0, -10.0)


def test_two_splits_multiply(issue, write, judge_one, reasons):
    issue()
    write(adjust(BARS | FRIDAYS, 0.25), observed_at=LATER)
    write(adjust(BARS | FRIDAYS, 0.125), observed_at=LATEST)
    assert reasons() == ["split", "split"]
    assert judge_one() == (0.125, 50.125, 50.5, 49.5, 50.0, 0.375, -0.625, -0.125)


def test_forecasts_from_before_and_after_a_split_stand_side_by_side_on_their_own_basis(issue, write, judge):
    """A night stores the split and issues its forecasts under one and the same time."""
    issue(issued_at=NOON, forecast_id="before")
    issue(issued_at=LATER - INSTANT, forecast_id="just before", spec="a", kind="hindcast")
    write(adjust(BARS, 0.25), observed_at=LATER)
    new = {"predicted": 101.0, "naive": 99.0, "last_close": 100.0, "kind": "hindcast"}
    issue(issued_at=LATER, forecast_id="same night", spec="b", **new)
    issue(issued_at=LATEST, forecast_id="after", spec="c", **new)
    write(adjust(FRIDAYS, 0.25), observed_at=LATEST)
    found = judge()
    assert {name: row["basis"] for name, row in found.items()} == {
        "before": 0.25,
        "just before": 0.25,
        "same night": 1.0,
        "after": 1.0,
    }
    for row in found.values():
        assert (row["predicted"], row["error"], row["naive_error"]) == (101.0, 0.75, -1.25)


def test_another_vendors_adjusted_closes_are_another_basis_its_closes_are_not(issue, write, judge):
    for target in ("close", "adj_close"):
        issue(target)
    write(adjust(CORRECTED, 0.5, "adj_close"), observed_at=LATER, replacing=True)
    write(adjust(FRIDAYS, 0.5, "adj_close"), observed_at=LATEST, replacing=True)
    found = {row["target"]: row for row in judge().values()}
    assert found["close"]["basis"] == 1.0
    assert found["adj_close"]["basis"] == 394.0 * 0.5 / 390.0


def test_a_split_between_two_others_counts_for_those_issued_before_it(issue, write, judge):
    write(adjust(BARS, 0.25), observed_at=LATER)
    new = {"predicted": 101.0, "naive": 99.0, "last_close": 100.0, "kind": "hindcast"}
    issue(issued_at=LATER, **new)
    write(adjust(BARS | FRIDAYS, 0.125), observed_at=LATEST)
    (row,) = judge().values()
    assert (row["basis"], row["predicted"], row["actual"]) == (0.5, 50.5, 50.125)


@pytest.mark.parametrize("stored", [{}, FRIDAYS])
def test_a_correction_of_the_cutoffs_bar_leaves_the_forecast_as_it_was(issue, write, judge, reasons, stored):
    for target in ("open", "close", "adj_close"):
        issue(target)
    write(stored, observed_at=LATER)
    write(CORRECTED | FRIDAYS, observed_at=LATEST)
    assert reasons() == ["correction" if stored else "late_bar"]
    found = judge()
    assert {row["target"]: row["basis"] for row in found.values()} == {"open": 1.0, "close": 1.0, "adj_close": 1.0}
    assert {row["target"]: row["naive"] for row in found.values()} == {
        "open": 396.0,
        "close": 400.0,
        "adj_close": 390.0,
    }
    assert {row["last_close"] for row in found.values()} == {400.0}


@pytest.mark.parametrize(
    ("told", "ticker"),
    [
        (adjust(BARS, 0.9, "adj_close"), "META"),
        (adjust(EARLIER, 0.25), "META"),  # not the cutoff's
        (adjust(BARS, 0.25), "AAPL"),
    ],
)
def test_a_correction_leaves_it_also_beside_a_restatement_that_is_none_of_its_business(
    issue, write, judge, told, ticker
):
    write(EARLIER)
    issue("close")
    write(told, ticker=ticker, observed_at=LATER)
    write(CORRECTED | FRIDAYS, observed_at=LATEST)
    (row,) = judge().values()
    assert (row["basis"], row["predicted"], row["last_close"]) == (1.0, 408.0, 400.0)


def test_a_correction_leaves_it_also_where_a_split_was_known_when_it_was_issued(issue, write, judge):
    write(adjust(BARS, 0.25), observed_at=LATER)
    issue(issued_at=LATER, kind="hindcast", predicted=101.0, naive=99.0, last_close=100.0)
    write(adjust(CORRECTED | FRIDAYS, 0.25), observed_at=LATEST)
    (row,) = judge().values()
    assert (row["basis"], row["predicted"], row["last_close"]) == (1.0, 101.0, 100.0)


def test_a_bar_of_the_target_session_that_is_corrected_is_the_new_actual(issue, write, judge_one):
    issue()
    write(FRIDAYS, observed_at=LATER)
    write({FRIDAY: (402.0, 416.0, 398.0, 410.0, 400.0, 3000.0)}, observed_at=LATEST)
    assert judge_one() == (1.0, 402.0, 404.0, 396.0, 400.0, 2.0, -6.0, -2.0)


def test_a_dividend_changes_the_basis_of_adjusted_closes(issue, write, judge_one, reasons):
    issue("adj_close")
    write(adjust(BARS, 0.9, "adj_close") | FRIDAYS, observed_at=LATER)
    assert reasons() == ["dividend"]
    # 395, 390 and 400 less a tenth, beside an actual of 400
    assert judge_one() == pytest.approx((0.9, 400.0, 355.5, 351.0, 360.0, -44.5, -49.0, -40.0), rel=1e-12)


@pytest.mark.parametrize("target", ["open", "high", "low", "close"])
def test_a_dividend_leaves_the_other_targets_alone(issue, write, judge, target):
    issue(target)
    write(adjust(BARS, 0.9, "adj_close") | FRIDAYS, observed_at=LATER)
    (row,) = judge().values()
    assert (row["basis"], row["predicted"]) == (1.0, ISSUED[target][0])


def test_a_dividend_known_when_the_forecast_was_issued_counts_no_more(issue, write, judge):
    write(adjust(BARS, 0.9, "adj_close"), observed_at=LATER)
    issue("adj_close", issued_at=LATER, kind="hindcast", predicted=355.5, naive=351.0)
    write(FRIDAYS, observed_at=LATEST)
    (row,) = judge().values()
    assert (row["basis"], row["error"], row["naive_error"]) == (1.0, -44.5, -49.0)


def test_a_split_and_a_dividend_at_once_are_both_in_the_basis_of_adjusted_closes_and_one_in_the_others(
    issue, write, judge, reasons
):
    issue("close")
    issue("adj_close")
    write(adjust(adjust(BARS, 0.25), 0.9, "adj_close") | adjust(FRIDAYS, 0.25), observed_at=LATER)
    assert reasons() == ["split"]
    found = {row["target"]: row for row in judge().values()}
    assert (found["close"]["basis"], found["close"]["error"]) == (0.25, -0.5)
    assert found["adj_close"]["basis"] == pytest.approx(0.225, rel=1e-12)
    assert found["adj_close"]["error"] == pytest.approx(395 * 0.225 - 100, rel=1e-12)


def test_a_split_of_one_ticker_leaves_another_alone(issue, write, judge):
    issue("open", ticker="AAPL", forecast_id="AAPL")
    issue("open", forecast_id="META")
    write(FRIDAYS, ticker="AAPL", observed_at=LATER)
    write(adjust(BARS | FRIDAYS, 0.25), observed_at=LATER)
    assert {name: (row["basis"], row["error"]) for name, row in judge().items()} == {
        "AAPL": (1.0, 3.0),
        "META": (0.25, 0.75),
    }


def test_a_split_told_in_the_overlap_before_the_cutoff_only_leaves_the_forecast_alone(issue, write, judge_one):
    """Half a restatement: the cutoff's own bar, which the forecast was made from, stands as it was."""
    write(EARLIER)
    issue()
    write(adjust(EARLIER, 0.25) | FRIDAYS, observed_at=LATER)
    assert judge_one() == (1.0, 401.0, 404.0, 396.0, 400.0, 3.0, -5.0, -1.0)


def test_a_cutoff_whose_bar_is_finished_in_the_night_of_a_split_is_split_too(engine, issue, write, judge):
    issue()
    write(EARLIER)
    split = adjust(EARLIER | BARS | FRIDAYS, 0.25)
    split[THURSDAY] = (99.0, 103.0, 98.0, 100.5, 98.0, 8000.0)  # the close was 402 after all
    four_for_one = Action(ex_date=date.fromisoformat(FRIDAY), kind="split", value=4.0)
    with writing(engine) as connection:
        asked = Span(date.fromisoformat(THURSDAY), date.fromisoformat(FRIDAY))
        write_actions(connection, "META", [four_for_one], asked=asked, observed_at=LATER)
    write(split, observed_at=LATER)
    (row,) = judge().values()
    assert row["basis"] == pytest.approx(0.25, rel=0.01)
    assert row["error"] == pytest.approx(0.75, abs=0.6)


def test_a_correction_before_a_split_leaves_the_basis_to_the_split_alone(issue, write, judge):
    issue()
    write(CORRECTED | FRIDAYS, observed_at=LATER)
    write(adjust(CORRECTED | FRIDAYS, 0.25), observed_at=LATEST)
    (row,) = judge().values()
    assert row["basis"] == 0.25
