"""Which model is in use, as the decisions in the store tell it."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stockrnn.store.engine import reading, writing
from stockrnn.store.models import write_model
from stockrnn.store.order import INSTANT
from stockrnn.store.promotions import (
    read_all_promotions,
    read_champion,
    read_first_champion,
    read_promotions,
    write_promotion,
)
from stockrnn.types import Promotion, Scope

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)
SCOPE = Scope(spec="tutorial", target="open", ticker="META", market="real")
ALL = Scope(spec="quantile", target="open", ticker=None, market="real")
FAR = {"cutoff": date(2024, 12, 31)}


@pytest.fixture
def decide(engine, write, make_model):
    """Store a model and a decision on it, made so many days after noon of 5 January."""
    write({"2024-01-04": (1, 2, 0.5, 1.5, 1.5, 100)})

    def decide(
        model_id, *, days, decision="promoted", scope=SCOPE, later=0, cutoff=date(2024, 1, 4), of_the_past=False
    ):
        of = {"spec": scope.spec, "target": scope.target, "ticker": scope.ticker, "market": scope.market}
        made = Promotion(
            promotion_id=f"{model_id}-{days}-{decision}-{later}",
            **of,
            model_id=model_id,
            previous_model_id=None,
            decision=decision,
            reason="planted",
            evidence={"sessions": 10},
            as_of=NOON + timedelta(days=days),
            decided_at=NOON + timedelta(days=days, hours=later),
        )
        with writing(engine) as connection:
            write_model(connection, make_model(model_id=model_id, cutoff=cutoff, **of))
            return write_promotion(connection, made, of_the_past=of_the_past)

    return decide


def champion(engine, scope=SCOPE, **changes):
    with reading(engine) as connection:
        model = read_champion(connection, scope, **(FAR | changes))
    return model and model.model_id


def test_the_model_of_the_newest_promotion_is_in_use(engine, decide):
    decide("old", days=0)
    decide("new", days=7)
    decide("refused", days=14, decision="rejected")
    assert champion(engine) == "new"
    decide("old", days=15, decision="rolled_back")
    assert champion(engine) == "old"


def test_a_run_for_an_earlier_time_finds_the_model_that_was_in_use_then(engine, decide):
    decide("old", days=0)
    decide("new", days=7)
    assert champion(engine, before=NOON + timedelta(days=7)) == "old"
    assert champion(engine, before=NOON) is None


def test_no_model_is_in_use_that_knows_a_session_after_the_cutoff(engine, decide):
    decide("old", days=0, cutoff=date(2024, 1, 3))
    decide("new", days=1, cutoff=date(2024, 1, 4))
    found = {day: champion(engine, cutoff=date(2024, 1, day)) for day in (2, 3, 4)}
    assert found == {2: None, 3: "old", 4: "new"}


@pytest.mark.parametrize("days", [0, 1, -30])
def test_the_decision_that_was_written_last_counts_whatever_the_clock_said(engine, decide, days):
    decide("first", days=0, later=2)
    last = decide("last", days=days, later=1)
    assert champion(engine) == "last"
    assert last.as_of == (NOON + timedelta(days=1) if days == 1 else NOON + INSTANT)
    assert last.decided_at == max(NOON + timedelta(days=days, hours=1), NOON + timedelta(hours=2) + INSTANT)


def test_a_decision_of_a_run_for_an_earlier_session_takes_its_place_among_the_others(engine, decide):
    decide("old", days=0)
    decide("new", days=7)
    decide("past", days=3, later=24 * 9, of_the_past=True)
    assert champion(engine) == "new"
    assert champion(engine, before=NOON + timedelta(days=7)) == "past"


@pytest.mark.parametrize(
    "other",
    [
        {"ticker": "AAPL"}, {"ticker": None}, {"target": "close"}, {"spec": "other"}, {"market": "simulated"}
    ],
)  # fmt: skip
def test_a_model_serves_its_own_scope_alone(engine, decide, other):
    decide("mine", days=0)
    decide("shared", days=0, scope=ALL)
    parts = {"spec": "tutorial", "target": "open", "ticker": "META", "market": "real"}
    assert champion(engine, Scope(**(parts | other))) is None
    assert champion(engine, ALL) == "shared"


def test_the_first_model_that_knows_nothing_of_a_month_stays_the_first(engine, decide):
    decide("early", days=0, cutoff=date(2024, 1, 4))
    decide("later", days=7, cutoff=date(2024, 1, 3))
    with reading(engine) as connection:
        assert read_first_champion(connection, SCOPE, before=date(2024, 1, 5)).model_id == "early"
        assert read_first_champion(connection, SCOPE, before=date(2024, 1, 4)).model_id == "later"
        assert read_first_champion(connection, SCOPE, before=date(2024, 1, 3)) is None


def test_a_decision_comes_back_as_it_was_made_newest_first_and_once(engine, decide):
    made = [decide("old", days=0), decide("new", days=7), decide("shared", days=3, scope=ALL)]
    with writing(engine) as connection:
        write_promotion(connection, made[0])
    with reading(engine) as connection:
        assert read_all_promotions(connection) == [made[1], made[2], made[0]]
        assert read_all_promotions(connection, specs=["quantile"]) == [made[2]]
        assert read_promotions(connection, SCOPE) == [made[1], made[0]]
        assert read_promotions(connection, SCOPE, before=NOON + INSTANT) == [made[0]]
        assert read_promotions(connection, SCOPE, since=NOON + timedelta(days=1)) == [made[1]]
