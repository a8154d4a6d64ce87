"""A migrated store for each test, and makers of what goes into it."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from guarded_store import fill
from pydantic import SecretStr
from sqlalchemy import Engine

from stockrnn.settings import Settings
from stockrnn.store.engine import make_engine, writing
from stockrnn.store.migrate import open_store
from stockrnn.store.prices import write_bars
from stockrnn.store.url import DATABASE_FILE
from stockrnn.types import BAR_COLUMNS, Backtest, Bars, Forecast, Model, Span

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("migrated")
    open_store(Settings(home=home)).dispose()
    return home / DATABASE_FILE


@pytest.fixture
def engine(_migrated: Path, settings: Settings) -> Iterator[Engine]:
    """A fresh store, migrated once and copied for each test."""
    settings.home.mkdir()
    shutil.copy(_migrated, settings.home / DATABASE_FILE)
    engine = make_engine(settings)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., pd.DataFrame]:
    """Make bars: session -> (open, high, low, close, adj_close, volume)."""

    def make(bars: dict[str, tuple[float, ...]]) -> pd.DataFrame:
        sessions = pd.DatetimeIndex(list(bars), name="session").as_unit("ns")
        return pd.DataFrame(list(bars.values()), index=sessions, columns=list(BAR_COLUMNS), dtype="float64")

    return make


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Model]:
    """Make a model; arguments change what differs."""

    def make(**changes: object) -> Model:
        values = {
            "model_id": "META-open-tutorial-1",
            "spec": "tutorial",
            "ticker": "META",
            "market": "real",
            "target": "open",
            "lookback": 40,
            "trained_from": date(2019, 1, 2),
            "cutoff": date(2024, 1, 4),
            "seed": 0,
            "epochs": 100,
            "loss": 0.1 + 0.2,
            "windows": 1218,
            "weights": b"\x00\xff" * 100,
            "weights_sha256": "a" * 64,
            "config": {"spec": {"units": 45, "dropout": 0.2}, "scaler": {"data_min": 78.580002}},
            "data_sha256": "b" * 64,
            "versions": {"keras": "3.15.0"},
            "trained_at": NOON,
            "train_seconds": 1.5,
        }
        return Model(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def make_forecast() -> Callable[..., Forecast]:
    """Make a live forecast from Thursday for Friday; arguments change what differs, the session its times too."""

    def make(**changes: object) -> Forecast:
        session: date = changes.get("target_session", date(2024, 1, 5))  # type: ignore[assignment]
        values = {
            "forecast_id": "META-open-tutorial-2024-01-04-live",
            "ticker": "META",
            "target": "open",
            "spec": "tutorial",
            "cutoff": date(2024, 1, 4),
            "kind": "live",
            "target_session": session,
            "target_opens_at": datetime.combine(session, time(14, 30), UTC),
            "model_id": "META-open-tutorial-1",
            "issued_at": datetime.combine(session, time(12), UTC),
            "predicted": 346.1 + 0.2,
            "naive": 344.5,
            "last_close": 347.12,
            "drift": 344.75,
            "moving_average": 343.25,
            "window_sha256": "c" * 64,
        }
        values |= changes
        return Forecast(**({"live_until": values["target_opens_at"]} | values))  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def make_backtest() -> Callable[..., Backtest]:
    """Make a backtest of two sessions; arguments change what differs."""

    def make(**changes: object) -> Backtest:
        sessions = pd.DatetimeIndex(["2020-01-02", "2020-01-03"], name="session")
        table = {
            "actual": [10.0, 11.0],
            "predicted": [10.5, 10.1 + 0.2],
            "naive": [9.0, 10.0],
            "last_close": [9.5, 10.25],
            "drift": [9.0, 10.5],
            "moving_average": [9.25, 9.5],
            "volatility": [0.02, 0.1 + 0.2],
            "lower_80": [float("nan"), 9.0],
            "upper_80": [float("nan"), 12.0],
            "lower_95": [float("nan"), 8.0],
            "upper_95": [float("nan"), 13.0],
        }
        values = {
            "backtest_id": "META-open-tutorial-2020-01-02-1",
            "ticker": "META",
            "spec": "tutorial",
            "target": "open",
            "trained_from": date(2015, 1, 2),
            "cutoff": date(2019, 12, 31),
            "holdout": Span(date(2020, 1, 1), date(2020, 1, 31)),
            "seed": 0,
            "epochs": 2,
            "training_sessions": 1258,
            "windows": 1218,
            "losses": [0.05, 0.1 + 0.2],
            "parameters": 10_451,
            "train_seconds": 2.5,
            "verdict": "no better than naive (p = 0.5)",
            "created_at": NOON,
            "forecasts": pd.DataFrame(table, index=sessions),
            "metrics": {
                "tutorial": {"mae": 0.6, "rmse": 0.7, "skill": 0.4, "directional_accuracy": 0.5},
                "naive": {"mae": 1.0, "rmse": 1.1, "skill": 0.0, "directional_accuracy": float("nan")},
                "last_close": {"mae": 0.625, "rmse": 0.65, "skill": 0.375, "directional_accuracy": 1.0},
            },
        }
        return Backtest(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def write(engine: Engine, make_frame: Callable[..., pd.DataFrame]) -> Callable[..., object]:
    """Write bars of META as a CSV import at noon would; arguments change what differs."""

    def write(bars: dict[str, tuple[float, ...]], **changes: object) -> object:
        given: dict[str, object] = {"calendar": "XNYS", "currency": "USD", "source": "csv", "observed_at": NOON}
        ticker, issues = changes.pop("ticker", "META"), changes.pop("issues", ())
        with writing(engine) as connection:
            made = Bars(frame=make_frame(bars), issues=issues)  # type: ignore[arg-type]
            return write_bars(connection, ticker, made, **(given | changes))  # type: ignore[arg-type]

    return write


@pytest.fixture
def write_simulated(write: Callable[..., object]) -> Callable[..., object]:
    """Write bars as the simulated market does, whose time is its own: only there may 2024 be live today."""
    return partial(write, source="simulated")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A store with a record, on either database. Nothing changes it, so that all tests of a file share it."""
    settings = Settings(home=tmp_path_factory.mktemp("ledger"))
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").make()
        settings = settings.model_copy(update={"database_url": SecretStr(url)})
    engine = open_store(settings)
    fill(engine)
    yield engine
    engine.dispose()
