"""A year of nights in one go on the simulated market, and a model that was given the answer."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from holdouts import run_holdout
from simulated import update_simulated

from stockrnn import networks
from stockrnn.evaluation.holdouts import find_verdict, split_holdout
from stockrnn.evaluation.verdicts import decide_verdict
from stockrnn.market.calendars import load_calendar
from stockrnn.models.spec import PriceSpec
from stockrnn.settings import Settings
from stockrnn.sources.simulated import FIRST_SESSION, RANDOM_WALK, SIGNAL, simulate_bars
from stockrnn.steps import replay
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.job import Job
from stockrnn.steps.replay import replay_all
from stockrnn.steps.retrain import retrain_if_due
from stockrnn.steps.score import score_forecasts
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store
from stockrnn.types import Span

NEW_YORK = load_calendar("XNYS", through_year=2014)
NIGHTS = NEW_YORK.sessions(date(2012, 1, 3), date(2013, 6, 28))[:250]
TICKERS = (RANDOM_WALK, SIGNAL)
SPEC = PriceSpec(
    lookback=2, layers=1, units=8, dropout=0.0, epochs=200, batch_size=64, learning_rate=0.01, train_sessions=480,
    every="week", mode="full",
)  # fmt: skip


@pytest.fixture(scope="module")
def year(tmp_path_factory, pytestconfig):
    """The engine of a store in which 250 nights of two tickers were run, closes being forecast."""
    if not pytestconfig.getoption("--all-nights"):
        pytest.skip("a year takes minutes; tests/flows/test_many_nights.py runs a week each time")
    settings = Settings(home=tmp_path_factory.mktemp("year"), specs={"tutorial": SPEC}, target="close")
    engine = open_store(settings)
    for day in NIGHTS:
        now = datetime(day.year, day.month, day.day, 22, tzinfo=UTC)
        for ticker in TICKERS:
            job = Job(settings=settings, engine=engine, ticker=ticker, spec_name="tutorial", as_of=now, now=now)
            update_simulated(job)
            score_forecasts(job)
            retrain_if_due(job)
            forecast_next(job)
    yield engine
    engine.dispose()


def read(engine, statement):
    with reading(engine) as connection:
        return pd.DataFrame([dict(row) for row in connection.exec_driver_sql(statement).mappings()])


def test_the_ledger_holds_one_live_forecast_a_ticker_and_session_and_no_night_is_missed(year):
    ledger = read(year, "select ticker, target_session, kind from forecasts")
    assert len(ledger) == 500
    assert set(ledger["kind"]) == {"live"}
    assert ledger.groupby(["ticker", "target_session"]).size().max() == 1
    assert read(year, "select * from missed_nights").empty
    assert len(read(year, "select * from scores")) == 498  # the last night's session is still to come


def test_nothing_beats_naive_on_the_random_walk_and_the_planted_signal_is_found(year):
    record = read(
        year,
        "select ticker, error, naive_error from scores join forecasts using (forecast_id) order by target_session",
    )
    verdicts = {}
    for ticker, rows in record.groupby("ticker"):
        losses = {name: rows[name].abs().to_numpy() for name in ("error", "naive_error")}
        verdicts[ticker] = decide_verdict(losses["error"], {"naive": losses["naive_error"]}).words
    assert verdicts[RANDOM_WALK] == "no better than naive"
    assert verdicts[SIGNAL].startswith("better than naive (p")
    assert "leak" not in verdicts[SIGNAL]


def test_intervals_cover_about_what_they_say(year):
    coverage = read(year, "select ticker, coverage_80, coverage_95, intervals from live_skill where span = 0")
    assert (coverage["intervals"] > 220).all()
    assert coverage["coverage_80"].between(0.72, 0.88).all()
    assert coverage["coverage_95"].between(0.90, 0.99).all()


def test_every_night_can_be_recomputed(year, monkeypatch):
    assert sum(one.matches for one in replay_all(year)) == 500
    # other libraries are named only where the numbers differ
    monkeypatch.setattr(replay.networks, "versions", lambda: networks.versions() | {"keras": "0"})
    assert all(one.matches for one in replay_all(year, since=NIGHTS[-3].date()))


def test_a_model_that_is_given_the_answer_is_reported_as_a_leak():
    sessions = NEW_YORK.sessions(FIRST_SESSION, date(2012, 12, 31))
    bars = simulate_bars(RANDOM_WALK, sessions)
    split = split_holdout(bars["open"], Span(date(2012, 1, 1), date(2012, 12, 31)), ticker="T", lookback=5)

    def fit_knowing(future):
        answers = dict(zip(bars["open"], future, strict=True))
        return lambda _: lambda x: np.array([answers[value] for value in x[:, -1, 0]])

    def compute_scores(future):
        table = run_holdout(split, bars["close"], lookback=5, fit=fit_knowing(future))
        return find_verdict(table, target="open")

    noise = np.random.default_rng(0).normal(0, 0.1, len(bars))
    leaked = compute_scores(bars["open"].shift(-1) + noise)
    assert leaked.suspicious
    assert leaked.words.endswith("suspiciously so, look for a leak")
    honest = compute_scores(bars["close"])
    assert not honest.suspicious
