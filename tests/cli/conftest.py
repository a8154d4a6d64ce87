"""The command line, run in this process as a user would type it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import pytest

from stockrnn.cli import main
from stockrnn.sources.simulated import simulate_bars


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
        return Result(code, printed.out, printed.err)

    return run


@pytest.fixture
def price_file(tmp_path):
    """Five years of prices as Yahoo exports them, under a name of our own."""
    sessions = pd.DatetimeIndex(pd.bdate_range("2015-01-02", "2020-01-31"))
    from stockrnn.calendars import load_calendar

    sessions = load_calendar("XNYS", through_year=2021).sessions(sessions[0].date(), sessions[-1].date())
    frame = simulate_bars("TEST", sessions).rename(columns={"adj_close": "Adj Close"})
    frame.columns = [name.title() for name in frame.columns]
    path = tmp_path / "prices.csv"
    frame.rename_axis("Date").to_csv(path)
    return path
