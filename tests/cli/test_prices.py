"""The commands on prices: from a loopback Yahoo at the present time, from files, and what is wrong with them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from broken_calendars import break_calendar
from present import present_yahoo, show_saturday

from stockrnn.settings import Settings
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_tickers
from stockrnn.store.migrate import open_store

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"
ROWS = "2024-04-01,10,12,9,11,11,1000\n2024-04-02,10,12,9,11,11,1000\n2024-04-03,10,12,9,11,11,1000\n"


@pytest.fixture
def yahoo(monkeypatch):
    with present_yahoo(monkeypatch, "AAPL", "META") as present:
        yield present


def stored():
    with reading(open_store(Settings())) as connection:
        return connection.exec_driver_sql("select ticker, count(*), max(session) from prices group by 1").all()


def test_an_update_brings_the_history_of_the_named_tickers_and_then_nothing_new(cli, yahoo):
    first = cli("prices", "update", "--ticker", "META", "--ticker", "AAPL")
    assert (first.code, first.err) == (0, "")
    assert first.out.splitlines() == [
        f"{ticker}: 401 sessions new, 0 revised, 0 rows quarantined" for ticker in ("META", "AAPL")
    ]
    assert stored() == [("AAPL", 401, str(yahoo.last)), ("META", 401, str(yahoo.last))]
    again = cli("prices", "update")  # every active ticker of the store
    assert again.out.splitlines() == [
        f"{ticker}: 0 sessions new, 0 revised, 0 rows quarantined" for ticker in ("AAPL", "META")
    ]


def test_the_tickers_of_the_settings_are_updated_but_inactive_ones_only_when_asked_for(cli, yahoo, monkeypatch):
    monkeypatch.setenv("STOCKRNN_TICKERS", "META AAPL")
    assert cli("prices", "update").out.count("401 sessions new") == 2
    with open_store(Settings()).begin() as connection:
        connection.exec_driver_sql("update instruments set active = false where ticker = 'META'")
    assert cli("prices", "update", "--full").out.splitlines() == [
        "AAPL: 0 sessions new, 0 revised, 0 rows quarantined"
    ]
    monkeypatch.setenv("STOCKRNN_TICKERS", "META")
    assert "inactive ones count only where --ticker names them" in cli("prices", "update").err
    assert cli("prices", "update", "--full", "--ticker", "META").code == 0
    with reading(open_store(Settings())) as connection:
        assert read_tickers(connection, simulated=False) == ["AAPL", "META"]


def test_a_calendar_that_cannot_be_loaded_is_one_line_and_stays_with_its_ticker(cli, yahoo, monkeypatch):
    break_calendar(monkeypatch, "XTAE")
    result = cli("prices", "update", "--ticker", "TEVA.TA", "--ticker", "META")
    assert result.code == 1
    (line,) = result.err.splitlines()
    assert line.startswith(
        "error: TEVA.TA: calendar XTAE can't be loaded (TypeError: unsupported operand); install the versions"
    )
    assert result.out.splitlines() == ["META: 401 sessions new, 0 revised, 0 rows quarantined"]


def test_a_session_that_was_believed_is_asked_for_and_who_fails_there_is_one_line(cli, yahoo):
    saturday = show_saturday(yahoo, "AAPL", "META")
    yahoo.server.fail("404", tickers=["AAPL"], skip=1)  # its second request, the first of the second round
    result = cli("prices", "update", "--ticker", "META", "--ticker", "AAPL")
    assert result.code == 1
    (line,) = result.err.splitlines()
    assert line.startswith("error: AAPL: ")
    assert result.out.splitlines()[-2:] == [
        f"XNYS has no session on Saturday {saturday}, but 2 of its tickers were traded: taken as a session",
        "META: 1 sessions new, 0 revised, 0 rows quarantined",
    ]


def test_a_full_update_finds_what_was_corrected_long_ago(cli, yahoo):
    cli("prices", "update", "--ticker", "META")
    session = yahoo.server.prices("META", settled_by=yahoo.server.now).index[5]
    yahoo.server.correct("META", session.date(), at=yahoo.server.now, volume=1.0)
    assert "0 revised" in cli("prices", "update").out
    assert "1 revised" in cli("prices", "update", "--full").out
    assert f"{session.date()}  " in cli("sql", "price_revisions").out


def test_a_wrong_symbol_fails_alone_and_is_named(cli, yahoo):
    done = cli("prices", "update", "--ticker", "ZZZZ", "--ticker", "META")
    assert done.code == 1
    assert done.out == "META: 401 sessions new, 0 revised, 0 rows quarantined\n"
    assert done.err.startswith("error: ZZZZ: Yahoo has no prices of it (No data found, symbol may be delisted)")


def test_an_outage_is_said_once_and_what_to_do(cli, yahoo):
    yahoo.server.fail("503")
    done = cli("prices", "update", "--ticker", "META", "--ticker", "AAPL")
    assert done.code == 1
    assert (
        done.err.count("error: Yahoo can't be reached or gives no usable answer: it answers with HTTP status 503")
        == 1
    )
    assert "'stockrnn prices import FILE --ticker META', or try '--source simulated'" in done.err
    assert stored() == []


@pytest.mark.exhaustive
def test_without_a_network_it_says_so_within_thirty_seconds(tmp_path):
    """Everything leaves through a proxy that is not there."""
    environment = os.environ | dict.fromkeys(("https_proxy", "HTTPS_PROXY", "http_proxy"), "http://127.0.0.1:9")
    words = [sys.executable, "-m", "stockrnn", "prices", "update", "--ticker", "META", "--ticker", "AAPL"]
    started = time.perf_counter()
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert time.perf_counter() - started < 30
    assert done.returncode == 1
    assert done.stderr.count("error: Yahoo can't be reached") == 1
    assert "prices import" in done.stderr
    assert "--source simulated" in done.stderr
    assert "Traceback" not in done.stderr


def test_stored_is_no_source_to_update_from(cli):
    done = cli("prices", "update", "--source", "stored")
    assert (done.code, done.err) == (
        2, "error: --source stored downloads nothing; name a source, such as --source yahoo\n"
    )  # fmt: skip


def test_the_simulated_market_is_a_source_too(cli):
    done = cli("prices", "update", "--source", "simulated", "--as-of", "2012-03-30")
    assert done.code == 0
    assert [line.split(":")[0] for line in done.out.splitlines()] == ["SIM-WALK", "SIM-SIGNAL", "SIM-FAT"]


def test_an_update_needs_a_ticker(cli):
    done = cli("prices", "update")
    assert done.code == 2
    assert "no tickers: name some with --ticker" in done.err


def test_what_is_wrong_is_listed_with_the_state_of_each_ticker(cli, yahoo):
    yahoo.server.hide("META", yahoo.last, until=yahoo.hidden_until)
    done = cli("prices", "update", "--ticker", "META", "--ticker", "AAPL")
    assert done.out.splitlines()[0] == "META: 400 sessions new, 0 revised, 0 rows quarantined, 1 sessions missing"
    lines = cli("prices", "check").out.splitlines()
    assert lines[0].split() == ["ticker", "session", "kind", "detail", "detected_at"]
    assert lines[2].startswith(f"META    {yahoo.last}  missing_session")
    health = {line.split()[0]: line.split() for line in lines[4:] if line.startswith(("AAPL", "META"))}
    assert health["AAPL"][5:9] == ["401", "0", "0", "0"]  # sessions, missing, open issues, days since the update
    assert health["META"][5:9] == ["400", "1", "1", "0"]
    assert lines[-1] == "1 open issues"
    assert cli("prices", "check", "--ticker", "AAPL").out.splitlines()[-1] == "no open issues"


def test_checking_a_ticker_that_is_not_stored_says_so(cli, yahoo):
    cli("prices", "update", "--ticker", "META")
    done = cli("prices", "check", "--ticker", "ZZZZ")
    assert (done.code, done.err) == (1, "error: ZZZZ: no prices are stored; see 'stockrnn prices update --help'\n")


def test_without_a_ticker_the_names_of_the_files_say_it(cli, tmp_path):
    for name in ("META.csv", "NA.csv", "%5EGSPC.csv", "brk-b.csv"):
        (tmp_path / name).write_text(HEADER + ROWS)
    done = cli("prices", "import", *sorted(tmp_path.glob("*.csv")))
    assert done.code == 0
    assert sorted(line.split(":")[0] for line in done.out.splitlines()) == ["BRK-B", "META", "NA", "^GSPC"]
    assert [row[0] for row in stored()] == ["BRK-B", "META", "NA", "^GSPC"]


def test_of_many_files_a_bad_one_fails_alone(cli, tmp_path):
    (tmp_path / "AAPL.csv").write_text("nothing")
    (tmp_path / "META.csv").write_text(HEADER + ROWS)
    done = cli("prices", "import", "AAPL.csv", "META.csv")
    assert done.code == 1
    assert done.out == "META: META.csv: 3 sessions new, 0 revised, 0 rows quarantined\n"
    assert done.err.startswith("error: AAPL.csv")


def test_a_file_whose_name_is_no_ticker_is_refused_before_anything_is_read(cli, tmp_path):
    Path("my prices.csv").write_text(HEADER + ROWS)
    done = cli("prices", "import", "my prices.csv")
    assert done.code == 2
    assert "'my prices' is not a ticker" in done.err
    assert not (tmp_path / "stockrnn-data").exists()
