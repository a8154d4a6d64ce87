"""The command line, run in this process as a user would type it."""

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import date

import pandas as pd
import pytest
from inline import retrain_if_due, update_simulated
from scenario import SMALL, evening
from sqlalchemy import Engine

from stockrnn.cli import main
from stockrnn.settings import Settings, load_settings
from stockrnn.sources.simulated import simulate_bars
from stockrnn.steps.forecast import forecast_next
from stockrnn.steps.run import Job, Run
from stockrnn.store.migrate import open_store


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(monkeypatch, capsys) -> Cli:
    """Run `stockrnn` with the given words; returns exit code and what it printed."""

    def run(*words: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["stockrnn", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        assert "error: unexpected" not in printed.err, printed.err  # a bug is no answer that a test may ask for
        return Result(code, printed.out, printed.err)

    return run


@pytest.fixture
def price_file(tmp_path):
    """Five years of prices as Yahoo exports them, under a name of our own."""
    sessions = pd.DatetimeIndex(pd.bdate_range("2015-01-02", "2020-01-31"))
    from stockrnn.market.calendars import load_calendar

    sessions = load_calendar("XNYS", through_year=2021).sessions(sessions[0].date(), sessions[-1].date())
    frame = simulate_bars("TEST", sessions).rename(columns={"adj_close": "Adj Close"})
    frame.columns = [name.title() for name in frame.columns]
    path = tmp_path / "prices.csv"
    frame.rename_axis("Date").to_csv(path)
    return path


@dataclass(frozen=True)
class Market:
    """The simulated market in the store that the command line opens; the test steps its clock."""

    settings: Settings
    engine: Engine

    def job(self, day: str, ticker: str = "SIM-FAT") -> Job:
        moment = date.fromisoformat(day)
        as_of = evening(moment.year, moment.month, moment.day)
        return Run(settings=self.settings, engine=self.engine, as_of=as_of, now=as_of).job(ticker, "tutorial")

    def trade(self, day: str, *tickers: str) -> None:
        """Store what was traded up to the evening of `day`."""
        for ticker in tickers or ("SIM-FAT",):
            update_simulated(self.job(day, ticker))

    def issue(self, day: str, *tickers: str) -> None:
        """Store the prices up to the evening of `day`, and issue a live forecast from them."""
        self.trade(day, *tickers)
        for ticker in tickers or ("SIM-FAT",):
            retrain_if_due(self.job(day, ticker))
            assert forecast_next(self.job(day, ticker)).forecast.kind == "live"

    def sql(self, statement: str) -> list[tuple]:
        """Run plain SQL, as anyone with the file can."""
        with closing(sqlite3.connect(self.settings.home / "stockrnn.db")) as connection, connection:
            return connection.execute(statement).fetchall()


@pytest.fixture
def market(monkeypatch) -> Market:
    idle = {"nightly": False}
    monkeypatch.setenv("STOCKRNN_SPECS", json.dumps({"tutorial": SMALL.model_dump(), "quantile": idle}))
    monkeypatch.setenv("STOCKRNN_SPEC", "tutorial")
    settings = load_settings()
    return Market(settings, open_store(settings))
