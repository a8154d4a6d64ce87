"""How a night went: for each ticker and spec, and as a whole, in words."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from stockrnn.errors import HoldoutError, NotEnoughHistoryError
from stockrnn.steps.failures import group_failures, summarize
from stockrnn.steps.forecast import Issued
from stockrnn.steps.retrain import Retrained, describe_retrained
from stockrnn.steps.score import Scored
from stockrnn.types import Backtest, Forecast, MissedNight

LOG = logging.getLogger("stockrnn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the night went for one ticker and spec.

    Attributes
    ----------
    error
        What stopped it; None where nothing did.
    postponed
        Why the spec has to wait for more history, while another forecast the ticker; None where it has not.
    """

    ticker: str
    spec: str
    scored: Scored | None = None
    retrained: Retrained | None = None
    issued: Issued | None = None
    backtest: Backtest | None = None
    report: Path | None = None
    error: str | None = None
    postponed: str | None = None

    @property
    def forecast(self) -> Forecast | None:
        """The forecast that stands."""
        return self.issued.forecast if self.issued else None

    @property
    def missed(self) -> tuple[MissedNight, ...]:
        """The nights that were found missing."""
        return self.scored.missed if self.scored else ()

    @property
    def training(self) -> tuple[str, ...]:
        """What was trained, why, and what became of it, one line each; nothing where nothing was due."""
        done = self.retrained
        return tuple(describe_retrained(done, spec=self.spec)) if done and done.reason else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """How the night went.

    Attributes
    ----------
    notes
        What is to be said of the exchanges' sessions, of when it was run, and of the models in use.
    """

    as_of: datetime
    outcomes: tuple[Outcome, ...]
    leaderboard: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def broken_trainings(self) -> tuple[str, ...]:
        """The trainings that failed while a model in use could go on: one line each, one for a shared model."""
        lines = {
            one.retrained.failure: (
                f"{one.retrained.model.ticker or 'all tickers'}: the training of {one.spec} failed, "
                f"{one.retrained.model.model_id} stays in use: {one.retrained.failure}"
            )
            for one in self.outcomes
            if one.retrained and one.retrained.failure
        }
        return tuple(lines.values())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What did not fail the night and is to be said of it."""
        return self.broken_trainings + self.postponed + self.notes

    @property
    def postponed(self) -> tuple[str, ...]:
        """The specs that have to wait for more history of a ticker which others forecast, one line each."""
        waiting = [one for one in self.outcomes if one.postponed]
        return tuple(dict.fromkeys(f"{one.spec} does not forecast yet: {one.postponed}" for one in waiting))

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers that were worked on."""
        return tuple(dict.fromkeys(outcome.ticker for outcome in self.outcomes))

    @property
    def failed(self) -> tuple[str, ...]:
        """The tickers that failed, with one spec or with all."""
        return tuple(dict.fromkeys(outcome.ticker for outcome in self.outcomes if outcome.error))

    @property
    def all_failed(self) -> bool:
        """Whether nothing at all came of the night."""
        return all(outcome.error for outcome in self.outcomes)

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong: one line per ticker, but one for all that a single outage stopped."""
        return group_failures((outcome.ticker, outcome.error) for outcome in self.outcomes if outcome.error)

    @property
    def summary(self) -> str:
        """One line: how many tickers were forecast, and which failed and why."""
        return summarize(self.tickers, self.failed, self.failures)

    @property
    def error(self) -> str | None:
        """What the run's row says of failures, None where there were none."""
        said = [self.summary] if self.failed else []
        return "; ".join([*said, *self.broken_trainings]) or None


def settle_postponed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Let a spec wait for more history where another forecast the ticker; where none did, that is a failure."""
    if any(outcome.issued for outcome in outcomes):
        return list(outcomes)
    for reason in dict.fromkeys(outcome.postponed for outcome in outcomes if outcome.postponed):
        LOG.error("%s", reason)
    return [replace(one, error=one.error or one.postponed, postponed=None) for one in outcomes]


@contextmanager
def noting_short_history(done: dict[str, Any]) -> Iterator[None]:
    """Note in `done` that a spec needs more history than there is, which is not to be called a failure yet."""
    try:
        yield
    except (HoldoutError, NotEnoughHistoryError) as error:
        done["postponed"] = str(error)
