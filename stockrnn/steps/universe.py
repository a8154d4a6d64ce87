"""What a model serves and learns from: one ticker, or all of a market."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from stockrnn.errors import NotEnoughHistoryError, UnknownTickerError
from stockrnn.steps.run import Job, Run
from stockrnn.store.engine import reading
from stockrnn.store.instruments import read_tickers

_TRIAL_PART = 5
"""Of a short history, a fifth is kept for the trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """The histories of the tickers that share a model, cut into what it is trained on and what it is tried on.

    Attributes
    ----------
    bars
        Ticker to all bars known, index `session`.
    trial
        The sessions that are kept from the training, ascending; of all tickers together.
    """

    bars: Mapping[str, pd.DataFrame]
    trial: pd.DatetimeIndex

    @property
    def known_through(self) -> date:
        """The last session of any ticker."""
        return max(pd.Timestamp(bars.index[-1]).date() for bars in self.bars.values())

    def before(self, session: pd.Timestamp) -> "Universe":
        """Return what was known before a session, all of it to train on."""
        cut = {name: _cut(bars, session) for name, bars in self.bars.items()}
        return Universe(bars={name: bars for name, bars in cut.items() if len(bars)}, trial=self.trial[:0])

    def training(self, sessions: int, *, begin: date | None = None) -> dict[str, pd.DataFrame]:
        """Return the last `sessions` bars of each ticker before the trial, or all from `begin` on, where it is named.

        A ticker without one is left out.
        """
        cut = {name: _cut(bars, self.trial[0]) if len(self.trial) else bars for name, bars in self.bars.items()}
        if begin is None:
            known = {name: bars.iloc[-sessions:] for name, bars in cut.items()}
        else:
            known = {name: bars.loc[pd.Timestamp(begin) :] for name, bars in cut.items()}
        return {name: bars for name, bars in known.items() if len(bars)}


def read_universe(job: Job) -> Universe:
    """Read the prices that the job's model is trained and tried on.

    A model for all is trained on the tickers of the settings, else on all that are stored, inactive ones too: what
    happened to them is as true as what happens to others.
    """
    scope = job.scope
    if scope.ticker is not None:
        bars = {job.ticker: job.history.bars}
    else:
        with reading(job.engine) as connection:
            stored = read_tickers(connection, simulated=scope.market == "simulated")
        named = [ticker for ticker in stored if ticker in job.settings.tickers]
        bars = {ticker: known for ticker in named or stored if (known := _read_bars(job.run, ticker)) is not None}
    return Universe(bars=bars, trial=_split_trial(job, bars))


def _cut(bars: pd.DataFrame, session: pd.Timestamp) -> pd.DataFrame:
    """Return the bars before a session, as a view."""
    return bars.iloc[: bars.index.searchsorted(session)]


def _read_bars(run: Run, ticker: str) -> pd.DataFrame | None:
    try:
        return run.history(ticker).bars
    except (NotEnoughHistoryError, UnknownTickerError):
        return None


def _split_trial(job: Job, bars: Mapping[str, pd.DataFrame]) -> pd.DatetimeIndex:
    """Return the newest sessions: as many as the spec says, fewer where the history is short."""
    if not bars:
        return pd.DatetimeIndex([])
    sessions = pd.DatetimeIndex(np.unique(np.concatenate([known.index.to_numpy() for known in bars.values()])))
    spare = len(sessions) - job.spec.lookback - 1
    count = max(min(job.spec.trial_sessions, len(sessions) // _TRIAL_PART, spare), 0)
    return sessions[len(sessions) - count :]
