"""Simulated nights: the real client asks a loopback Yahoo, on SQLite and, in the exhaustive run, on a real Postgres.

After each scenario the store equals, to the row, a new one filled by a full download at the same moment, and every
value that was superseded is kept with its times.
"""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from loopback import make_session_class
from nights import LISTED, Batch, list_simulated, night
from pydantic import SecretStr
from sqlalchemy import Engine
from tiingo_server import TOKEN, FakeTiingo
from yahoo_server import FakeYahoo

from stockrnn.settings import Settings
from stockrnn.sources.tiingo import client as tiingo_module
from stockrnn.sources.tiingo.client import TiingoClient
from stockrnn.sources.yahoo import session as yahoo_session
from stockrnn.sources.yahoo.client import YahooClient
from stockrnn.store.engine import make_engine
from stockrnn.store.migrate import open_store
from stockrnn.store.url import DATABASE_FILE


@pytest.fixture(scope="session")
def migrated(tmp_path_factory) -> Path:
    """A migrated SQLite file, to be copied."""
    home = tmp_path_factory.mktemp("migrated")
    open_store(Settings(home=home)).dispose()
    return home / DATABASE_FILE


@pytest.fixture(scope="session")
def make_sqlite(migrated) -> Callable[[Path], Engine]:
    """Make a fresh store in a folder."""

    def make(home: Path) -> Engine:
        home.mkdir(parents=True)
        shutil.copy(migrated, home / DATABASE_FILE)
        return make_engine(Settings(home=home))

    return make


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.exhaustive)])
def database(request) -> str:
    """The database that the test runs on; `on_both_databases` adds Postgres to the run that is not exhaustive."""
    return request.param


@pytest.fixture
def make_settings(request, database, tmp_path, make_sqlite) -> Callable[[], Settings]:
    """Make settings of a fresh, migrated store on either database."""
    numbers = itertools.count()

    def make() -> Settings:
        home = tmp_path / f"home {next(numbers)}"
        values = {"home": home, "history_from": LISTED, "requests_per_second": 1e6}
        if database == "sqlite":
            make_sqlite(home).dispose()
            return Settings(**values)
        return Settings(**values, database_url=SecretStr(request.getfixturevalue("postgres").make()))

    return make


@pytest.fixture
def settings(make_settings) -> Settings:
    return make_settings()


@pytest.fixture
def engine(settings) -> Iterator[Engine]:
    engine = open_store(settings)
    yield engine
    engine.dispose()


@pytest.fixture
def yahoo() -> Iterator[FakeYahoo]:
    with FakeYahoo() as server:
        yield server


@pytest.fixture
def make_client(tmp_path, monkeypatch) -> Callable[[FakeYahoo], YahooClient]:
    """Make our real client, on the real yfinance, whose session reaches a loopback server."""
    session = yahoo_session.YahooSession

    def make(yahoo: FakeYahoo, **options) -> YahooClient:
        monkeypatch.setattr(yahoo_session, "YahooSession", make_session_class(yahoo.port, session))
        options = {"requests_per_second": 1e6, "retry_seconds": 0.01} | options
        return YahooClient(cache=tmp_path / "yfinance", **options)

    return make


@pytest.fixture
def client(yahoo, make_client) -> YahooClient:
    return make_client(yahoo)


@pytest.fixture
def tiingo(yahoo) -> Iterator[FakeTiingo]:
    """A Tiingo that tells of the same market."""
    with FakeTiingo(yahoo) as server:
        yield server


@pytest.fixture
def tiingo_client(tiingo, monkeypatch) -> TiingoClient:
    session = make_session_class(tiingo.port, tiingo_module.SourceSession, domain="tiingo.com")
    monkeypatch.setattr(tiingo_module, "SourceSession", session)
    return TiingoClient(token=SecretStr(TOKEN), requests_per_second=1e6, retry_seconds=0.01)


@pytest.fixture
def make_fresh(make_sqlite, tmp_path) -> Callable[[], Engine]:
    """Make a fresh, empty store beside the one under test."""
    numbers = itertools.count()
    return lambda: make_sqlite(tmp_path / f"fresh {next(numbers)}")


@pytest.fixture
def batch(settings, engine, yahoo, client, make_fresh) -> Batch:
    return Batch(settings, engine, yahoo, client, make_fresh)


@pytest.fixture
def sessions(yahoo) -> pd.DatetimeIndex:
    """META is listed on 2024-01-02."""
    return list_simulated(yahoo)


@pytest.fixture
def started(batch, sessions) -> Batch:
    """Thirty sessions of META are stored; the next night's is `sessions[30]`."""
    batch.update(night(sessions[29]), "META")
    return batch
