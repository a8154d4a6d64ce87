"""Every night that was begun leaves a row, also one that is refused before Prefect starts."""

import json
from pathlib import Path

import pytest

from stockrnn.steps.run_process import this_process


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--spec", "nosuch"], 2, "no spec 'nosuch'; known:"),
        (["--ticker", "../../x"], 2, "'../../x' is not a ticker:"),
        (["--source", "stored"], 2, "no tickers: name some with --ticker"),
        (["--ticker", "META", "--as-of", "2126-01-01"], 2, "--as-of 2126-01-01"),
        (["--ticker", "META", "--as-of", "soon"], 2, "can't read 'soon'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_night_that_is_refused_leaves_a_row_with_the_line_that_it_said(cli, market, words, code, said):
    done = cli("nightly", *words)
    assert (done.code, done.err.startswith("error: ")) == (code, True)
    ((flow, state, error, pid, parameters),) = market.sql("select flow, state, error, pid, parameters from runs")
    assert (flow, state, pid) == ("nightly", "failed", this_process().pid)
    assert done.err.strip() == f"error: {error}"
    assert json.loads(parameters)["source"] == ("stored" if "stored" in words else "yahoo")
    status = cli("status")
    assert status.code == 1
    assert f" UTC) failed: {error}" in status.err


def test_a_refused_night_makes_no_store(cli, tmp_path):
    assert cli("nightly", "--spec", "nosuch").code == 2
    assert list(Path().iterdir()) == []


def test_status_says_that_a_night_is_under_way(cli, market):
    process = this_process()
    market.sql(
        "insert into runs "
        "(run_id, flow, as_of, started_at, seen_at, state, host, pid, process, parameters, versions) values "
        "('r', 'nightly', '2026-11-23 20:31:00', '2026-11-23 20:31:00', '2026-11-23 20:31:00', 'running', "
        f"'{process.host}', {process.pid}, '{process.process}', '{{}}', '{{}}')"
    )
    status = cli("status")
    assert status.out.splitlines()[:2] == [
        "last run: nightly, 2026-11-23 20:31 UTC, running",
        f"a run is under way since 2026-11-23 20:31 UTC: nightly, process {process.pid} on {process.host}",
    ]
    assert (status.code, status.err) == (0, "")
    assert json.loads(cli("status", "--format", "json").out)["under_way"] == [status.out.splitlines()[1]]
