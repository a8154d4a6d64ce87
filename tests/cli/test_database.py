"""Commands on the database: a store that moved answers as it did."""

import pytest


@pytest.fixture(params=["sqlite", "postgres"])
def target(request, tmp_path):
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'copy.db'}"
    return request.getfixturevalue("postgres").make(empty=True).replace("postgres:@", "postgres@")


# the connections of a command go with its process, which here goes on
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.exhaustive
def test_a_store_that_was_copied_is_replayed_and_asked_as_before(cli, market, target, monkeypatch):
    market.issue("2012-03-30")
    market.issue("2012-04-02")
    assert cli("score", "--ticker", "SIM-FAT", "--as-of", "2012-04-02").code == 0
    looks = (
        ("replay", "--all"), ("status",), ("sql", "latest_forecasts", "--format", "csv"), ("sql", "live_skill"),
    )  # fmt: skip
    before = [cli(*look) for look in looks]
    copied = cli("db", "copy", "--to", target)
    assert copied.code == 0
    assert {tuple(line.split()[:2]) for line in copied.out.splitlines()} >= {("forecasts", "2"), ("scores", "1")}
    assert "rows were copied and read back, with the same checksums" in copied.out
    monkeypatch.setenv("STOCKRNN_DATABASE_URL", target)
    assert [cli(*look) for look in looks] == before
    assert "2 of 2" in before[0].out
    again = cli("db", "copy", "--to", target)
    assert (again.code, "is copied into an empty database only" in again.err) == (1, True)


def test_a_password_in_a_command_is_refused(cli, market):
    refused = cli("db", "copy", "--to", "postgresql+psycopg://me:secret@host/database")
    assert refused.code == 2
    assert "PGPASSWORD" in refused.err
    assert "secret" not in refused.err
