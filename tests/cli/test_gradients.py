"""The command `gradients`: numbers, words and a picture, of networks in use and of such that are trained for it."""

import csv
import io
import json

import pytest
from scenario import SMALL

HEAD = ["ticker", "spec", "cell", "weights", "sessions_back", "forecast_by_input", "last_state_by_state"]


@pytest.fixture
def specs(market, monkeypatch):
    """Two small recurrent specs and one that has no gradient."""
    small = SMALL.model_dump(exclude_none=True)
    known = {
        "tutorial": small,
        "rnn": {**small, "cell": "rnn", "nightly": False},
        "quantile": {"nightly": False},
        "echo_state": {"lookback": 5, "units": 20, "train_sessions": 200},
    }
    monkeypatch.setenv("STOCKRNN_SPECS", json.dumps(known))
    monkeypatch.setenv("STOCKRNN_TASK_RUNNER", "single")
    return market


@pytest.mark.exhaustive
def test_the_numbers_are_a_table_or_csv_or_json_and_the_picture_is_written(cli, specs):
    specs.issue("2012-03-30")
    words = ("gradients", "--ticker", "SIM-FAT", "--spec", "tutorial", "--spec", "rnn", "--spec", "tutorial")
    picture = specs.settings.reports / "gradients-SIM-FAT.png"
    before = specs.sql("select count(*) from models")

    table = cli(*words)
    assert table.code == 0, table.err
    *rows, blank, sentence, path = table.out.splitlines()
    assert (blank, path) == ("", str(picture))
    assert "sessions ago" in sentence
    assert [row.split()[:4] for row in rows[2:6]] == [
        ["tutorial", "lstm", "untrained", back] for back in ("1", "2", "3", "5")
    ]
    drawn = picture.read_bytes()
    assert drawn.startswith(b"\x89PNG")

    as_csv = cli(*words, "--format", "csv")
    found = list(csv.DictReader(io.StringIO(as_csv.out)))
    assert list(found[0]) == HEAD
    assert len(found) == 2 * 2 * 5
    assert [float(row["last_state_by_state"]) for row in found if row["sessions_back"] == "1"] == [1.0] * 4
    assert as_csv.err.endswith(f"{picture}\n")

    as_json = json.loads(cli(*words, "--format", "json").out)
    assert [[str(value) for value in row.values()] for row in as_json] == [list(row.values()) for row in found]
    assert picture.read_bytes() == drawn
    # the network in use was looked at, the other was trained for this alone
    assert specs.sql("select count(*) from models") == before == [(1,)]


def test_a_kind_without_a_gradient_is_bad_usage_and_is_told_which_have_one(cli, specs):
    specs.trade("2012-03-30")
    said = cli("gradients", "--ticker", "SIM-FAT", "--spec", "tutorial", "--spec", "echo_state")
    assert (said.code, said.out) == (2, "")
    assert "training" not in said.err
    assert said.err.splitlines()[-1] == (
        "error: spec 'echo_state' is of kind 'echo_state', which has no gradient that goes back in time: "
        "name specs of recurrent networks, such as rnn, gru, tutorial or quantile"
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--ticker", "NOPE"), 1, "NOPE: no prices are stored"),
        (("--ticker", "SIM-FAT", "--spec", "nosuch"), 2, "no spec 'nosuch'; known: "),
        (("--ticker", "SIM-FAT", "--format", "xml"), 2, "'xml' is not one of 'table', 'csv', 'json'"),
        ((), 2, "Missing option '--ticker'"),
    ],
)
def test_what_can_not_be_looked_at_is_said_in_words(cli, specs, words, code, says):
    specs.trade("2012-03-30")
    said = cli("gradients", *words)
    assert (said.code, said.out) == (code, "")
    assert says in said.err
