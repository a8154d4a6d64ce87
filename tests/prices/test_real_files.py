"""Five real histories, 2020 to 2025, served night by night as they were known then: splits, dividends and all."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from nights import NEW_YORK, Batch, night, revisions

from stockrnn.settings import Settings
from stockrnn.sources.csv_file import read_price_file
from stockrnn.store.engine import reading
from stockrnn.store.prices import read_bars
from stockrnn.types import BAR_COLUMNS

FIRST, LAST = date(2020, 1, 2), date(2025, 10, 6)  # the files' last row is of a session still open
SPLITS = {"AAPL": {date(2020, 8, 31): 4.0}}
OHLC = ["open", "high", "low", "close"]


def read_file(folder, ticker) -> pd.DataFrame:
    rows = read_price_file(folder / "yahoo" / f"{ticker}.csv").set_index("session")
    return rows.loc[pd.Timestamp(FIRST) : pd.Timestamp(LAST), list(BAR_COLUMNS)]


def list_as_traded(yahoo, ticker, bars) -> int:
    """List the file's bars in the shares of their day, with the dividends that its adjusted closes imply."""
    splits = SPLITS.get(ticker, {})
    traded = bars.copy()
    traded[OHLC] *= np.prod([*splits.values(), 1.0])
    traded["volume"] /= np.prod([*splits.values(), 1.0])
    yahoo.list(ticker, traded, calendar=NEW_YORK)
    for ex_date, ratio in splits.items():
        yahoo.split(ticker, ex_date=ex_date, ratio=ratio)
    factor = bars["adj_close"] / bars["close"]
    paid = 1 - factor.shift(1) / factor
    dividends = paid[paid > 5e-5].index
    for session in dividends:
        day = session.date()
        shares = np.prod([ratio for ex_date, ratio in splits.items() if ex_date > day] or [1.0])
        before = bars["close"].shift(1)[session]
        yahoo.dividend(ticker, ex_date=day, amount=float(before * paid[session] * shares))
    return len(dividends)


def choose_nights(sessions: pd.DatetimeIndex, quiet: tuple[str, str] | None) -> pd.DatetimeIndex:
    """Return the nights on which the batch runs: all but those of a quiet span."""
    if quiet is None:
        return sessions
    return sessions[(sessions < quiet[0]) | (sessions >= quiet[1])]


@pytest.fixture
def serve(shared_data, yahoo, make_client, make_sqlite, tmp_path):
    """Serve a file's history night by night, as it was known then; return the store and the file's bars."""

    def serve(ticker: str, *, quiet: tuple[str, str] | None):
        bars = read_file(shared_data, ticker)
        dividends = list_as_traded(yahoo, ticker, bars)
        settings = Settings(home=tmp_path / "home", history_from=FIRST)
        engine = make_sqlite(tmp_path / "home")
        batch = Batch(settings, engine, yahoo, make_client(yahoo), lambda: engine)
        for session in choose_nights(bars.index, quiet):
            done = batch.update(night(session), ticker)[ticker]
            assert done.inserted >= 1, done
        return engine, bars, dividends

    return serve


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.parametrize(
    ("ticker", "quiet", "dividends"),
    # to be quick, most years are caught up with in one night; --all-nights serves every one
    [
        ("AAPL", ("2021-01-01", "2025-01-01"), 23),
        ("BRK-B", ("2020-01-01", "2025-01-01"), 0),
        ("DIA", ("2020-01-01", "2025-01-01"), 69),
        ("META", ("2020-01-01", "2025-01-01"), 7),
        ("MSFT", ("2020-01-01", "2025-01-01"), 23),
    ],
    ids=["AAPL", "BRK-B", "DIA", "META", "MSFT"],
)
def test_a_real_history_served_night_by_night_ends_as_the_file(pytestconfig, serve, ticker, quiet, dividends):
    if ticker != "AAPL" and not pytestconfig.getoption("--all-nights"):
        pytest.skip("one with splits and dividends is enough each time; run with --all-nights")
    engine, bars, found = serve(ticker, quiet=None if pytestconfig.getoption("--all-nights") else quiet)
    assert found == dividends
    with reading(engine) as connection:
        stored = read_bars(connection, ticker)
    # the file's adjusted closes have the precision of their vendor's 32 bits
    pd.testing.assert_frame_equal(
        stored, bars, check_freq=False, check_index_type=False, check_names=False, rtol=1e-5
    )
    pd.testing.assert_frame_equal(stored[OHLC], bars[OHLC], check_freq=False, check_index_type=False, rtol=1e-12)
    kept = revisions(engine, ticker)
    splits = [(bars.index < pd.Timestamp(day)).sum() for day in SPLITS.get(ticker, {})]
    assert sum(row[2] == "split" for row in kept) == sum(splits)
    assert {row[2] for row in kept} <= {"split", "dividend"}
    engine.dispose()
