"""Commands on the record: score it, recompute it, and say in words what it proves so far."""

from datetime import date

import numpy as np
import pytest
from sampled import sample
from scenario import evening
from scipy.stats import ttest_rel

from stockrnn.store.engine import writing
from stockrnn.store.prices import read_bars, write_bars
from stockrnn.store.runs import write_run_end, write_run_start
from stockrnn.types import Bars

# the window is 5 sessions, the volatility and the baselines look at 40: 29 May is the last day to see 2 April
CUTOFFS = ("2012-03-30", "2012-04-02", "2012-04-16", "2012-05-29", "2012-05-30")
OTHER_WINDOW = "the stored prices of its window are not those it was made from, and no revision says so"
OTHER_WEIGHTS = "the stored weights are not those it was made with"


def name(cutoff):
    return f"SIM-FAT-open-tutorial-{cutoff}-live"


@pytest.fixture
def ledger(market):
    """Five live forecasts, none of them scored."""
    for cutoff in CUTOFFS:
        market.issue(cutoff)
    return market


def correct(market, session, *, factor, seen_at):
    """Store another open of a session, as a source that corrects itself does."""
    with writing(market.engine) as connection:
        bars = read_bars(connection, "SIM-FAT")
        bars.loc[session, "open"] *= factor
        kept = {"calendar": "XNYS", "currency": None, "source": "simulated", "observed_at": seen_at}
        assert write_bars(connection, "SIM-FAT", Bars(frame=bars), **kept).revised == 1


def score(cli, as_of):
    result = cli("score", "--ticker", "SIM-FAT", "--as-of", as_of)
    assert (result.code, result.err) == (0, "")
    return result.out


def read_differences(out):
    """Return what the table of a replay says of each forecast, and the line below it."""
    head, _, *rows, empty, summary = out.splitlines()
    assert (head.split(maxsplit=1), empty) == (["forecast", "what differs"], "")
    found = {}
    for row in rows:
        forecast_id, difference = row.split(maxsplit=1)
        found.setdefault(forecast_id, []).append(difference)
    return found, summary


def test_a_settled_forecast_is_scored_once(cli, market):
    market.issue("2012-03-30")
    market.trade("2012-04-02")
    assert score(cli, "2012-04-01") == "SIM-FAT: 0 new, 0 again, 0 nights missed\n"
    assert score(cli, "2012-04-02") == "SIM-FAT: 1 new, 0 again, 0 nights missed\n"
    assert score(cli, "2012-04-02") == "SIM-FAT: 0 new, 0 again, 0 nights missed\n"
    query = "select actual, error, predicted from scores join forecasts using (forecast_id)"
    ((actual, error, predicted),) = market.sql(query)
    assert [(actual,)] == market.sql("select open from prices where session = '2012-04-02'")
    assert error == pytest.approx(predicted - actual, abs=1e-12)


def test_a_corrected_price_is_scored_again_beside_the_earlier_score(cli, market):
    market.issue("2012-03-30")
    market.issue("2012-04-02")
    market.trade("2012-04-03")
    assert score(cli, "2012-04-03") == "SIM-FAT: 2 new, 0 again, 0 nights missed\n"
    correct(market, "2012-04-02", factor=1.01, seen_at=evening(2012, 4, 4))
    assert score(cli, "2012-04-03") == "SIM-FAT: 0 new, 1 again, 0 nights missed\n"
    assert score(cli, "2012-04-03") == "SIM-FAT: 0 new, 0 again, 0 nights missed\n"
    actuals = "select actual from scores where forecast_id = '{}' order by scored_at"
    (before,), (after,) = market.sql(actuals.format(name("2012-03-30")))
    assert after == pytest.approx(before * 1.01)
    assert len(market.sql(actuals.format(name("2012-04-02")))) == 1


def test_missed_nights_are_counted_once(cli, market):
    market.issue("2012-03-30")
    market.trade("2012-04-04")
    assert score(cli, "2012-04-04") == "SIM-FAT: 1 new, 0 again, 2 nights missed\n"
    assert score(cli, "2012-04-04") == "SIM-FAT: 0 new, 0 again, 0 nights missed\n"
    assert market.sql("select target_session, cutoff, reason from missed_nights order by cutoff") == [
        ("2012-04-03", "2012-04-02", "the bar of 2012-04-02 was not stored before the open"),
        ("2012-04-04", "2012-04-03", "the bar of 2012-04-03 was not stored before the open"),
    ]


def test_a_ticker_that_can_not_be_scored_is_named_and_does_not_stop_the_others(cli, market):
    market.issue("2012-03-30")
    market.trade("2012-04-02")
    result = cli("score", "--ticker", "NOPE", "--ticker", "SIM-FAT", "--as-of", "2012-04-02")
    assert (result.code, result.out) == (1, "SIM-FAT: 1 new, 0 again, 0 nights missed\n")
    assert result.err == "error: NOPE: no prices are stored; run 'stockrnn prices import FILE --ticker NOPE' first\n"


def test_replay_recomputes_one_forecast_or_all_or_those_since_a_day(cli, ledger):
    for words, count in (
        ((name("2012-04-16"),), 1),
        (("--all",), 5),
        (("--all", "--since", "2012-05-29"), 2),
        (("--all", "--since", "2012-05-31"), 0),
    ):
        result = cli("replay", *words)
        assert (result.code, result.out, result.err) == (0, f"{count} of {count} forecasts match the ledger\n", "")


def test_a_price_changed_by_hand_is_found_in_exactly_the_forecasts_that_it_touches(cli, ledger):
    ledger.sql("update prices set open = open * 1.02 where session = '2012-04-02'")
    result = cli("replay", "--all")
    assert (result.code, result.err) == (1, "")
    found, summary = read_differences(result.out)
    assert list(found) == [name("2012-04-02"), name("2012-04-16"), name("2012-05-29")]
    assert found[name("2012-04-02")][0] == OTHER_WINDOW
    later = {day: [line.split(":")[0] for line in found[name(day)]] for day in ("2012-04-16", "2012-05-29")}
    # the drift is from the first of forty opens to the last
    assert later == {"2012-04-16": ["volatility"], "2012-05-29": ["drift", "volatility"]}
    assert summary == "2 of 5 forecasts match the ledger"
    assert cli("replay", name("2012-03-30")).code == 0
    assert cli("replay", "--all", "--since", "2012-05-30").out == "1 of 1 forecasts match the ledger\n"
    alone = cli("replay", name("2012-04-02"))
    assert (alone.code, read_differences(alone.out)) == (
        1,
        ({name("2012-04-02"): found[name("2012-04-02")]}, "0 of 1 forecasts match the ledger"),
    )


@pytest.mark.exhaustive
def test_a_close_changed_by_hand_touches_the_last_close_alone(cli, ledger):
    ((close,),) = ledger.sql("select close from prices where session = '2012-04-16'")
    ledger.sql("update prices set close = 1.5 where session = '2012-04-16'")
    result = cli("replay", "--all")
    assert result.code == 1
    assert read_differences(result.out) == (
        {name("2012-04-16"): [f"last_close: issued {close}, recomputed 1.5"]},
        "4 of 5 forecasts match the ledger",
    )


@pytest.mark.exhaustive
def test_a_correction_of_the_source_leaves_every_replay_as_it_was(cli, ledger):
    correct(ledger, "2012-04-02", factor=1.02, seen_at=evening(2012, 5, 31))
    assert cli("replay", "--all").out == "5 of 5 forecasts match the ledger\n"


@pytest.mark.exhaustive
def test_changed_weights_are_named_for_every_forecast_made_with_them(cli, ledger):
    ledger.sql("update models set weights = x'00' where cutoff = '2012-03-16'")
    result = cli("replay", "--all")
    assert (result.code, result.err) == (1, "")
    assert read_differences(result.out) == (
        {name("2012-03-30"): [OTHER_WEIGHTS], name("2012-04-02"): [OTHER_WEIGHTS]},
        "3 of 5 forecasts match the ledger",
    )


@pytest.mark.parametrize(
    ("words", "says"),
    sample(
        [
            (("replay",), "name a forecast, or --all of them"),
            (("replay", "SIM", "--all"), "name a forecast, or --all of them"),
            (("replay", "SIM", "--since", "2012-04-02"), "name a forecast, or --all of them"),
            (("replay", "--since", "2012-04-02"), "name a forecast, or --all of them"),
            (("replay", "--all", "--since", "soon"), "can't read 'soon' as a date"),
            (("replay", "SIM"), "no forecast 'SIM' in the ledger; 'stockrnn sql forecast_origin' lists them"),
            (("score", "--ticker", "SIM-FAT", "--spec", "magic"), "no spec 'magic'; known: echo_state, gru, "),
            (("score", "--ticker", "SIM-FAT", "--as-of", "soon"), "can't read 'soon' as a time"),
            (("score", "--ticker", "../../x"), "'../../x' is not a ticker"),
            (("score",), "no tickers: name some with --ticker"),
        ],
        first=3,
    ),
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_request_is_bad_usage_and_says_why(cli, market, words, says):
    market.issue("2012-03-30")
    market.trade("2012-04-02")
    result = cli(*words)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: {says}")
    assert result.err.count("\n") == 1
    assert market.sql("select * from scores") == []


def test_without_a_store_nothing_is_scored_or_replayed(cli):
    for words in (("score", "--ticker", "SIM-FAT"), ("replay", "--all")):
        result = cli(*words)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith("error: no store at ")


def status(cli, market, day):
    """Return what status says after the night of `day`, by the name of the column."""
    as_of = market.job(day).as_of
    with writing(market.engine) as connection:
        run = {"run_id": day, "flow": "nightly", "as_of": as_of, "started_at": as_of, "flow_run_id": None}
        write_run_start(connection, **run, parameters={}, versions={})
        write_run_end(connection, day, state="completed", ended_at=as_of, error=None)
    result = cli("status")
    assert result.code == 0
    # not a problem, but nothing to keep quiet about
    record = result.out.splitlines()[-2]
    assert ("warning: SIM-FAT: the live forecasts of tutorial are worse" in result.err) == ("worse than" in record)
    last_run, head, _, row, last = result.out.splitlines()
    assert last_run == f"last run: nightly, {day} 22:00 UTC, completed"
    assert last == ("all is well, but for the warnings" if "warning:" in result.err else "all is well")
    return dict(zip(head.split(), row.split(maxsplit=5), strict=True))


def test_status_says_in_words_what_the_live_record_proves(cli, market):
    sessions = market.job("2012-05-01").run.calendar("SIM-FAT").sessions(date(2012, 3, 30), date(2012, 4, 20))
    days = [f"{session:%Y-%m-%d}" for session in sessions]
    said = []
    for at, day in enumerate(days, 1):
        market.issue(day)
        if at in {1, 10, len(days)}:
            score(cli, day)
            said.append(status(cli, market, day))
    assert said[0] == {
        "ticker": "SIM-FAT", "last_session": "2012-03-30", "last_cutoff": "2012-03-30", "next_session": "2012-04-02",
        "missed": "0", "live_record": "nothing scored yet",
    }  # fmt: skip
    # a night scores the forecast of the night before
    assert said[1]["live_record"] == "too few sessions to tell (n = 9)"
    errors = market.sql("select error, naive_error, last_close_error from scores")
    assert len(errors) == len(days) - 1
    model, *baselines = np.abs(errors).T
    # two epochs teach a network nothing
    assert all(ttest_rel(model, other).pvalue < 0.001 < np.mean(model - other) for other in baselines)
    assert said[2]["live_record"] == "worse than naive and the last close (p < 0.001)"
