"""Whatever happens, in whatever order: the store equals a full download, and the past stays readable."""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from nights import Batch, list_simulated, night, read_all
from yahoo_server import FakeYahoo

from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store
from stockrnn.store.prices import read_bars

FIRST = 15
"""Sessions stored before the first of the random nights."""


@dataclass(frozen=True)
class Night:
    """What happens on one night.

    Attributes
    ----------
    bar
        What is wrong with the session's bar, and for how many nights.
    action
        A dividend in thousandths of the price, or a split, with the nights until the past is restated.
    correction
        How many sessions back a bar is corrected, and the factor of its volume; its close moves too.
    answer
        How Yahoo answers: `fine`, an outage, or `asleep`: nobody asks.
    """

    bar: tuple[str, int] | None = None
    action: tuple[str, float, int] | None = None
    correction: tuple[int, float] | None = None
    answer: str = "fine"


FLAWS = st.tuples(
    st.sampled_from(["hide", "partial", "nothing", "no_close", "zero", "contradiction", "hundred", "twice", "stray"]),
    st.integers(1, 3),
)
BASIS = ("partial", "contradiction", "hundred")
ACTIONS = st.one_of(
    st.tuples(st.just("dividend"), st.integers(2, 40), st.just(0)),
    st.tuples(st.just("split"), st.sampled_from([4.0, 2.0, 0.1, 1.5]), st.integers(0, 2)),
)
NIGHTS = st.lists(
    st.builds(
        Night,
        bar=st.none() | FLAWS,
        action=st.none() | ACTIONS,
        correction=st.none() | st.tuples(st.integers(1, 5), st.sampled_from([0.98, 1.05])),
        answer=st.sampled_from(["fine"] * 6 + ["asleep", "503", "garbled", "429", "empty"]),
    ),
    min_size=1,
    max_size=10,
)


def without_nonsense(nights: list[Night]) -> list[Night]:
    """Leave out splits while a bar is served with prices of another basis: no vendor's past looks so."""
    kept, spoilt = [], 0
    for position, what in enumerate(nights):
        split = what.action is not None and what.action[0] == "split"
        flawed = what.bar is not None and what.bar[0] in BASIS
        if flawed:
            spoilt = max(spoilt, position + what.bar[1])
        kept.append(replace(what, action=None) if split and position < spoilt else what)
    return kept


def arrange(yahoo: FakeYahoo, sessions: pd.DatetimeIndex, position: int, what: Night) -> None:
    session = sessions[position]
    yahoo.now = night(session)
    if what.action is not None:
        kind, value, lag = what.action
        if kind == "dividend":
            bar = yahoo.prices("META", settled_by=yahoo.now, disturbed=False).loc[session]
            yahoo.dividend("META", ex_date=session.date(), amount=float(bar["close"]) * value / 1000)
        else:
            restated_at = night(sessions[position + lag]) - timedelta(hours=8)
            yahoo.split("META", ex_date=session.date(), ratio=value, restated_at=restated_at if lag else None)
    if what.correction is not None:
        back, factor = what.correction
        _, high, low, _, volume = yahoo._listings["META"].traded[position - back]  # in the shares of its day
        changes = {"close": (high + low) / 2, "volume": round(volume * factor)}
        yahoo.correct("META", sessions[position - back].date(), at=night(session), **changes)
    if what.bar is not None:
        spoil(yahoo, sessions, position, *what.bar)


def spoil(yahoo: FakeYahoo, sessions: pd.DatetimeIndex, position: int, flaw: str, nights: int) -> None:
    day, until = sessions[position].date(), night(sessions[position + nights]) - timedelta(hours=1)
    bar = yahoo.prices("META", settled_by=yahoo.now, disturbed=False).loc[sessions[position]]
    prices = ("open", "high", "low", "close")
    values = {
        "partial": {"volume": round(bar["volume"] * 0.7), "close": (bar["high"] + bar["low"]) / 2},
        "nothing": dict.fromkeys((*prices, "volume")),
        "no_close": {"close": None},
        "zero": {"open": 0.0},
        "contradiction": {"high": bar["low"] * 0.9},
        "hundred": {name: bar[name] * 100 for name in prices},
    }
    if flaw == "hide":
        yahoo.hide("META", day, until=until)
    elif flaw == "twice":
        yahoo.duplicate("META", day, until=until, volume=round(bar["volume"] * 0.9))
    elif flaw == "stray":
        for before, after in pairwise(sessions[position - 1 : position + 1]):
            if (after - before).days > 1:
                yahoo.stray("META", before.date() + timedelta(days=1), until=until, close=1.0)
    else:
        yahoo.disturb("META", day, until=until, **values[flaw])


@pytest.mark.exhaustive
@given(nights=NIGHTS.map(without_nonsense))
@example(nights=[Night(action=("split", 4.0, 2), bar=("hide", 2)), Night(action=("dividend", 20, 0)), Night()])
@example(nights=[Night(answer="503"), Night(action=("split", 0.1, 0), answer="asleep"), Night(correction=(3, 1.05))])
@example(nights=[Night(bar=("hundred", 3)), Night(bar=("hundred", 2)), Night(action=("split", 2.0, 0)), Night()])
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_after_any_nights_the_store_equals_a_full_download_and_nothing_superseded_is_lost(
    make_settings, make_client, make_fresh, nights
):
    values = make_settings()
    engine = open_store(values)
    with FakeYahoo() as yahoo:
        batch = Batch(values, engine, yahoo, make_client(yahoo), make_fresh)
        sessions = list_simulated(yahoo)
        batch.update(night(sessions[FIRST]), "META")
        seen = {}
        for position, what in enumerate(nights, start=FIRST + 1):
            arrange(yahoo, sessions, position, what)
            if what.answer == "asleep":
                continue
            if what.answer != "fine":
                yahoo.fail(what.answer)
            before = read_all(engine, "prices", "price_revisions", "price_issues", "corporate_actions")
            batch.update(night(sessions[position]), "META")
            yahoo.heal()
            if what.answer == "fine":
                # a corrected close moves the adjusted ones before the next dividend by less than the tolerance
                batch.assert_equals_a_full_download("META", rtol=1.01e-4)
            else:
                assert read_all(engine, *before) == before
            seen[night(sessions[position])] = read(engine)
        for moment, bars in seen.items():
            pd.testing.assert_frame_equal(read(engine, known_at=moment), bars, check_exact=True)
    engine.dispose()


def read(engine, **options):
    with reading(engine) as connection:
        return read_bars(connection, "META", **options)
