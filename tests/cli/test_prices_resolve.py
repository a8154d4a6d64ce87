"""A person takes a jump as it is: `stockrnn prices resolve`."""

from datetime import UTC, datetime

import pytest

from stockrnn.settings import Settings
from stockrnn.store.engine import writing
from stockrnn.store.migrate import open_store
from stockrnn.store.runs import write_run_end, write_run_start

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"
DAYS = ("2022-06-01", "2022-06-02", "2022-06-03", "2022-06-06", "2022-06-07", "2022-06-08")
BEFORE, AFTER = "2440,2460,2430,2447,2447,3000000", "122.3,124,121,122.35,122.35,60000000"


@pytest.fixture
def imported(cli, tmp_path):
    """Raw prices of AMZN over its split of 20 for 1, with what the import printed."""
    rows = [f"{day},{BEFORE if position < 3 else AFTER}\n" for position, day in enumerate(DAYS)]
    (tmp_path / "AMZN.csv").write_text(HEADER + "".join(rows))
    return cli("prices", "import", tmp_path / "AMZN.csv")


def test_an_import_over_a_split_says_so_and_check_lists_it_with_what_to_do(cli, imported):
    assert imported.code == 0
    assert imported.out.splitlines() == [
        "AMZN: AMZN.csv: 6 sessions new, 0 revised, 0 rows quarantined, 1 jumps as of a split",
        "what is wrong and why: stockrnn prices check --ticker AMZN",
    ]
    checked = cli("prices", "check").out
    assert "AMZN    2022-06-06  possible_split" in checked
    assert "from 2447 to 122.3, as by a split of 20 for 1" in " ".join(checked.split())
    assert checked.splitlines()[-1] == "1 open issues"


def test_what_a_person_resolves_is_no_open_issue_and_stays_so_when_the_file_comes_again(cli, imported, tmp_path):
    done = cli("prices", "resolve", "--ticker", "amzn", "--session", "2022-06-06")
    assert (done.code, done.err) == (0, "")
    assert (
        done.out == "AMZN: the jump into 2022-06-06 is taken as it is; only another one there opens an issue again\n"
    )
    again = cli("prices", "import", tmp_path / "AMZN.csv")
    assert again.out == "AMZN: AMZN.csv: 0 sessions new, 0 revised, 0 rows quarantined\n"
    assert cli("prices", "check").out.splitlines()[-1] == "no open issues"
    twice = cli("prices", "resolve", "--ticker", "AMZN", "--session", "2022-06-06")
    assert twice.code == 1


@pytest.mark.parametrize(
    ("ticker", "session", "code", "words"),
    [
        (
            "AMZN",
            "2022-06-07",
            1,
            "AMZN: no possible split is open at 2022-06-07; 'stockrnn prices check --ticker AMZN'",
        ),
        ("META", "2022-06-06", 1, "META: no possible split is open at 2022-06-06"),
        ("AMZN", "6/6/2022", 2, "can't read '6/6/2022' as a date: expected one such as 2015-01-02"),
        ("A B", "2022-06-06", 2, "'A B' is not a ticker"),
    ],
)
def test_what_is_not_open_or_can_not_be_read_is_said(cli, imported, ticker, session, code, words):
    done = cli("prices", "resolve", "--ticker", ticker, "--session", session)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert cli("prices", "check").out.splitlines()[-1] == "1 open issues"


def test_status_shows_it_and_an_inactive_ticker_as_warnings_and_does_not_say_that_nothing_is_to_be_said(
    cli, imported
):
    now, run = datetime.now(UTC), {"run_id": "r", "flow": "nightly", "flow_run_id": None}
    with writing(open_store(Settings())) as connection:
        write_run_start(connection, **run, as_of=now, started_at=now, parameters={}, versions={})
        write_run_end(connection, "r", state="completed", ended_at=now, error=None)
    seen = cli("status")
    assert "warning: AMZN: the price jumps into 2022-06-06 as by a split" in seen.err
    assert seen.code == 1  # no forecast was ever issued
    with writing(open_store(Settings())) as connection:
        connection.exec_driver_sql("update instruments set active = false")
    seen = cli("status")
    assert seen.code == 0
    assert "warning: AMZN: inactive; nights leave it out" in seen.err
    assert seen.out.splitlines()[-1] == "all is well, but for the warnings"
