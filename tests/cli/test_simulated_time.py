"""Commands without --as-of look at simulated tickers as of the simulated market's time, at real ones by the clock."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stockrnn.steps.replay import replay_all

SIM = ("--ticker", "SIM-FAT")


@pytest.fixture
def quiet(market):
    """A store in which nobody has run anything since the evening of Monday 2 April 2012, simulated."""
    market.issue("2012-03-30")
    market.trade("2012-04-02")
    return market


def test_scoring_notes_no_night_that_the_simulated_market_has_not_reached(cli, quiet):
    for expected in ("1 new", "0 new"):
        assert cli("score", *SIM).out == f"SIM-FAT: {expected}, 0 again, 0 nights missed\n"
    assert quiet.sql("select * from missed_nights") == []
    ((scored,),) = quiet.sql("select scored_at from scores")
    assert scored == "2012-04-02 22:00:00.000000"


def test_every_command_works_as_of_the_simulated_time(cli, quiet):
    assert "no training due" in cli("retrain", *SIM).out
    assert cli("forecast", *SIM).out.splitlines()[-1].split()[3:5] == ["2012-04-02", "2012-04-03"]
    assert quiet.sql("select kind, issued_at from forecasts where cutoff = '2012-04-02'") == [
        ("live", "2012-04-02 22:00:00.000000")
    ]
    assert cli("backtest", *SIM, "--holdout", "2012-03").code == 0
    assert quiet.sql("select created_at from backtests") == [("2012-04-02 22:00:00.000001",)]
    assert cli("score", *SIM).code == 0
    report = cli("report", *SIM)
    assert (report.code, len(report.out.splitlines())) == (0, 2)
    assert [one.differences for one in replay_all(quiet.engine) if not one.matches] == []
    assert "SIM-FAT" not in cli("status").err


def test_an_earlier_as_of_gives_hindcasts_there_too_and_a_later_one_may_be_ahead_of_the_clock(cli, quiet):
    row = cli("forecast", *SIM, "--as-of", "2012-03-30").out.splitlines()[-1].split()
    assert (row[3], row[-1]) == ("2012-03-30", "hindcast")
    far = date.fromisoformat(f"{datetime.now(UTC):%Y-%m-%d}") + timedelta(days=400)
    assert cli("forecast", *SIM, "--as-of", far).out.splitlines()[-1].split()[-1] == "hindcast"  # of old prices
    refused = cli("score", "--ticker", "META", "--as-of", far)
    assert (refused.code, "is in the future; only the simulated market has one" in refused.err) == (2, True)


def test_beside_simulated_tickers_real_ones_go_by_the_clock(cli, quiet, price_file):
    assert cli("prices", "import", price_file, "--ticker", "META").code == 0
    assert cli("retrain", "--ticker", "META", *SIM).code == 0
    began = datetime.now(UTC)
    assert cli("forecast", "--ticker", "META", *SIM).code == 0
    issued = dict(quiet.sql("select ticker, issued_at from forecasts where cutoff <> '2012-03-30'"))
    assert issued.pop("SIM-FAT") == "2012-04-02 22:00:00.000000"
    assert began < datetime.fromisoformat(issued["META"]).replace(tzinfo=UTC) < datetime.now(UTC)
    problems = [line for line in cli("status").err.splitlines() if line.startswith("problem: SIM-FAT")]
    assert problems == []
