"""What a night leaves behind, in its own tables and with Prefect, holds no password of the database."""

from pathlib import Path

import pytest
import services
from present import present_tiingo, present_yahoo
from scenario import FRIDAY_EVENING, SMALL_TOML
from tiingo_server import TOKEN

from flows.batch import opened_store
from flows.nightly import nightly
from stockrnn.settings import load_settings
from stockrnn.store.engine import reading

SECRET = "ZxQvJJ%40/wKqX"  # noqa: S105  # of a server that takes any
NIGHT = {"tickers": ["SIM-A"], "as_of": FRIDAY_EVENING, "source": "simulated"}


def read_prefect():
    """Return all that the Prefect server of this run has stored and logged."""
    told = services.share("prefect_server")
    database = Path(told["database"])
    return b"".join(path.read_bytes() for path in (*database.parent.glob(f"{database.name}*"), Path(told["log"])))


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_neither_a_good_nor_a_failed_night_leaves_the_password_anywhere(postgres, tmp_path, monkeypatch, caplog):
    (tmp_path / "stockrnn.toml").write_text(SMALL_TOML)
    url = postgres.make(password=SECRET)
    monkeypatch.setenv("STOCKRNN_DATABASE_URL", url)
    assert nightly(**NIGHT, return_state=True).is_completed()
    with opened_store(load_settings()) as engine, reading(engine) as connection:
        rows = connection.exec_driver_sql("select * from runs").all()
    assert len(rows) == 1
    monkeypatch.setenv("STOCKRNN_DATABASE_URL", url.replace("/test_", "/gone_"))
    state = nightly(**NIGHT, return_state=True)
    assert state.is_failed()
    assert "does not exist" in state.message
    left = read_prefect() + repr(rows).encode() + caplog.text.encode() + repr(state).encode()
    assert b"SIM-A" in left
    for piece in ("ZxQv", "wKqX"):
        assert piece.encode() not in left


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.usefixtures("prefect_api")
def test_neither_a_served_nor_a_refused_night_leaves_the_token_of_a_source_anywhere(tmp_path, monkeypatch, caplog):
    (tmp_path / "stockrnn.toml").write_text('source = ["yahoo", "tiingo"]\n' + SMALL_TOML)
    with present_yahoo(monkeypatch, "META") as yahoo, present_tiingo(monkeypatch, yahoo.server) as tiingo:
        yahoo.server.fail("503")
        assert nightly(tickers=["META"], return_state=True).is_completed()
        tiingo.fail("token")
        assert nightly(tickers=["META"], as_of=yahoo.server.now, source="tiingo", return_state=True).is_completed()
        bars = yahoo.server.prices("META", settled_by=yahoo.server.now)
        yahoo.server.list("AAPL", bars, calendar=yahoo.server.listing("META").calendar)
        state = nightly(tickers=["AAPL"], return_state=True)
    assert state.is_failed()
    assert "Tiingo: it refuses the request: HTTP status 400, 'the token ... is not welcome'" in state.message
    with opened_store(load_settings()) as engine, reading(engine) as connection:
        rows = connection.exec_driver_sql("select parameters, error from runs order by started_at").all()
    assert "yahoo,tiingo" in rows[0][0]
    home = b"".join(path.read_bytes() for path in load_settings().home.rglob("*") if path.is_file())
    left = read_prefect() + home + repr(rows).encode() + caplog.text.encode() + repr(state).encode()
    assert b"tiingo" in left
    assert TOKEN.encode() not in left
