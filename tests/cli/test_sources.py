"""Where the command line takes prices from: the sources of the settings, in order, or the one that is named."""

import pytest
from present import present_tiingo, present_yahoo
from sampled import sample
from tiingo_server import TOKEN

from stockrnn.settings import Settings
from stockrnn.store.engine import reading
from stockrnn.store.migrate import open_store


@pytest.fixture
def yahoo(monkeypatch):
    with present_yahoo(monkeypatch, "META", "SPY") as present:
        yield present


@pytest.fixture
def tiingo(yahoo, monkeypatch):
    with present_tiingo(monkeypatch, yahoo.server) as server:
        yield server


def vendors():
    with reading(open_store(Settings())) as connection:
        return connection.exec_driver_sql("select source, count(*) from prices group by 1 order by 1").all()


@pytest.mark.parametrize("told", sample(['source = ["yahoo", "tiingo"]', "yahoo,tiingo", "yahoo tiingo"], first=1))
def test_the_next_source_of_the_settings_serves_while_the_first_is_down(
    cli, yahoo, tiingo, tmp_path, monkeypatch, told
):
    if "=" in told:
        (tmp_path / "stockrnn.toml").write_text(told)
    else:
        monkeypatch.setenv("STOCKRNN_SOURCE", told)
    yahoo.server.fail("503")
    result = cli("prices", "update", "--ticker", "META")
    assert result.code == 0
    assert result.out.startswith("META: 401 sessions new, 0 revised, 0 rows quarantined")
    assert vendors() == [("tiingo", 401)]
    yahoo.server.heal()
    assert cli("prices", "update").out.startswith("META: 0 sessions new")  # nothing is due: nobody is asked
    assert cli("prices", "update", "--full").out.startswith("META: 0 sessions new, 401 revised")
    assert vendors() == [("yahoo", 401)]


def test_a_source_that_is_named_is_asked_alone(cli, yahoo, tiingo, monkeypatch):
    monkeypatch.setenv("STOCKRNN_SOURCE", "yahoo,tiingo")
    assert cli("prices", "update", "--source", "tiingo", "--ticker", "META").code == 0
    assert vendors() == [("tiingo", 401)]
    assert yahoo.server.charts == []
    tiingo.fail("404")
    failed = cli("prices", "update", "--source", "tiingo", "--full", "--ticker", "META")
    assert failed.code == 1
    assert "META: Tiingo has no prices of it ('Not found.')" in failed.err
    assert yahoo.server.charts == []


def test_without_its_token_a_source_is_left_out_where_another_serves(cli, yahoo, tiingo, monkeypatch):
    monkeypatch.delenv("TIINGO_API_KEY")
    monkeypatch.setenv("STOCKRNN_SOURCE", "tiingo,yahoo")
    result = cli("prices", "update", "--ticker", "META")
    assert (result.code, vendors()) == (0, [("yahoo", 401)])
    assert "Tiingo needs a token: set TIINGO_API_KEY to that of your account; it is left out of" in result.err
    alone = cli("prices", "update", "--source", "tiingo", "--ticker", "META")
    assert alone.code == 2
    assert alone.err == "error: Tiingo needs a token: set TIINGO_API_KEY to that of your account\n"
    assert tiingo.requests == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("nosuch", "no source 'nosuch'; known: yahoo, tiingo, simulated, stored"),
        ("yahoo,simulated", "source: 'simulated' stands alone, it can't be combined with others"),
        ("stored,tiingo", "source: 'stored' stands alone, it can't be combined with others"),
    ],
)
def test_sources_that_make_no_sense_are_refused_in_one_line(cli, monkeypatch, told, words):
    monkeypatch.setenv("STOCKRNN_SOURCE", told)
    for command in (("prices", "update"), ("nightly",)):
        result = cli(*command, "--ticker", "META")
        assert (result.code, result.err) == (2, f"error: {words}\n")


def test_the_simulated_market_may_be_the_source_of_the_settings(cli, monkeypatch):
    monkeypatch.setenv("STOCKRNN_SOURCE", "simulated")
    assert cli("prices", "update", "--as-of", "2012-03-30").code == 0
    assert [source for source, _ in vendors()] == ["simulated"]


def test_the_doctor_asks_each_source_and_names_a_missing_token(cli, yahoo, tiingo, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("STOCKRNN_SOURCE", "yahoo,tiingo")
    well = cli("doctor")
    assert "ok       Yahoo: it answers" in well.out
    assert "ok       Tiingo: it answers" in well.out
    tiingo.fail("401")
    refused = cli("doctor")
    assert refused.code == 1
    assert (
        "problem  Tiingo: Tiingo can't be reached or gives no usable answer: it refuses the token of" in refused.out
    )
    monkeypatch.delenv("TIINGO_API_KEY")
    missing = cli("doctor")
    assert missing.code == 1
    assert "problem  Tiingo: Tiingo needs a token: set TIINGO_API_KEY to that of your account" in missing.out
    assert TOKEN not in well.out + refused.out + missing.out


@pytest.mark.parametrize("line", ['tiingo_api_key = "x"', 'TIINGO_API_KEY = "x"'])
def test_a_token_in_the_settings_file_is_refused(cli, tmp_path, line):
    (tmp_path / "stockrnn.toml").write_text(line)
    result = cli("status")
    assert result.code == 2
    assert "Extra inputs are not permitted" in result.err
