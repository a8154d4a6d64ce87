"""Models on the command line: which there are, which is in use, going back, and what pruning frees."""

import json

import pytest


@pytest.fixture
def weeks(market):
    """Two weeks, a model each."""
    market.issue("2012-03-30")
    market.issue("2012-04-09")
    return [row[0] for row in market.sql("select model_id from models order by cutoff")]


def in_use(cli):
    return [line.split()[0] for line in cli("models", "list").out.splitlines() if "in use" in line]


def test_the_list_shows_each_decision_with_its_reason_and_marks_the_model_in_use(cli, market, weeks):
    listed = cli("models", "list").out
    assert listed.splitlines()[0].split() == ["model", "ticker", "decision", "now", "as_of", "reason"]
    assert [line.split()[0] for line in listed.splitlines()[2:]] == weeks[::-1]
    decided = market.sql("select decision from promotions order by as_of")[1][0]
    assert in_use(cli) == [weeks[1] if decided == "promoted" else weeks[0]]
    assert cli("models", "list", "--spec", "quantile").out.count("\n") == 2
    assert cli("models", "list", "--ticker", "META").out.count("\n") == 2


def test_a_model_is_shown_with_all_that_made_it_and_the_evidence(cli, weeks):
    shown = json.loads(cli("models", "show", weeks[1]).out)
    assert shown["model"]["cutoff"] == "2012-03-23"
    assert shown["model"]["weights"].endswith(" bytes")
    (decision,) = shown["decisions"]
    assert decision["evidence"]["sessions"] == 10
    assert cli("models", "show", "nosuch").err == (
        "error: no model 'nosuch'; 'stockrnn models list' shows those there are\n"
    )


def test_a_rollback_and_a_promotion_by_hand_decide_what_forecasts_next(cli, market, weeks):
    if in_use(cli) == weeks[:1]:
        assert cli("models", "promote", weeks[1]).code == 0
    back = cli("models", "rollback", "--ticker", "SIM-FAT")
    assert back.out == f"{weeks[0]} is in use again, instead of {weeks[1]}\n"
    assert in_use(cli) == [weeks[0]]
    market.issue("2012-04-10")
    assert market.sql("select model_id from forecasts where cutoff = '2012-04-10'") == [(weeks[0],)]
    assert cli("models", "promote", weeks[1]).out == f"{weeks[1]} is in use now, before it {weeks[0]}\n"
    market.issue("2012-04-11")
    assert market.sql("select model_id from forecasts where cutoff = '2012-04-11'") == [(weeks[1],)]


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("rollback",), 2, "name a ticker with --ticker"),
        (("rollback", "--spec", "quantile", "--ticker", "META"), 2, "a model of quantile serves all tickers"),
        (("rollback", "--spec", "nosuch"), 2, "no spec 'nosuch'"),
        (("rollback", "--spec", "quantile"), 1, "all tickers, quantile, open: no model is in use"),
        (("promote", "nosuch"), 1, "no model 'nosuch'"),
    ],
)
@pytest.mark.exhaustive
def test_what_cannot_be_is_refused_with_the_reason(cli, weeks, words, code, problem):
    result = cli("models", *words)
    assert result.code == code
    assert problem in result.err


def test_pruning_says_what_it_frees_and_a_dry_run_changes_nothing(cli, market, weeks):
    words = "the weights of 1 of 2 models, which nothing of the last 730 days needs\n"  # all this was in 2012
    assert cli("db", "prune", "--dry-run").out == f"would free 0.0 MB: {words}"
    assert market.sql("select count(*) from models where length(weights) = 0") == [(0,)]
    pruned = cli("db", "prune")
    assert (pruned.err, pruned.out) == ("", f"freed 0.0 MB: {words}")
    sizes = dict(market.sql("select model_id, length(weights) from models"))
    (kept,) = in_use(cli)
    assert [name for name, size in sizes.items() if size] == [kept]
    (gone,) = set(weeks) - {kept}
    assert json.loads(cli("models", "show", gone).out)["model"]["weights"] == "pruned"
    assert "were pruned" in cli("models", "promote", gone).err
