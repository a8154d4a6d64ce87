"""Score the forecasts whose session has settled, and note the nights on which none was issued."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from stockrnn.evaluation.benchmarks import direction_reference
from stockrnn.evaluation.intervals import QUANTILES
from stockrnn.evaluation.metrics import pinball
from stockrnn.steps.run import History, Job
from stockrnn.store.calendar_changes import read_changes
from stockrnn.store.engine import writing
from stockrnn.store.order import INSTANT, date_write
from stockrnn.store.scores import (
    has_bar_by,
    has_run_between,
    read_live_cutoffs,
    read_live_sessions,
    read_missed_sessions,
    read_to_score,
    write_missed,
    write_scores,
)
from stockrnn.types import MissedNight, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """How many forecasts were scored for the first time, how many again, and the nights found missing."""

    new: int
    again: int
    missed: tuple[MissedNight, ...]


def score_forecasts(job: Job) -> Scored:
    """Score what has settled since, once more where a price was revised, and note missed nights of the job's spec.

    Raises
    ------
    UnknownTickerError, NotEnoughHistoryError
    """
    history, clock = job.history, job.clock
    with writing(job.engine) as connection:
        clock = date_write(connection, clock, ticker=job.ticker)
        rows = read_to_score(connection, job.ticker, through=history.cutoff)
        write_scores(connection, [make_score(row._asdict(), clock=clock) for row in rows])
        missed = _find_missed(connection, job, history, clock)
        write_missed(connection, missed)
    again = sum(row.last_scored_at is not None for row in rows)
    return Scored(new=len(rows) - again, again=again, missed=missed)


def make_score(row: Mapping[str, Any], *, clock: datetime) -> Score:
    """Score one row of `forecast_vs_actual`; `scored_at` is `clock`, but later than the score before it.

    All prices of the row are in the shares of its `actual`, so a split between them makes no direction.
    """
    actual, reference = row["actual"], row[direction_reference(row["target"])]
    before = row["last_scored_at"]
    moved, named = np.sign(actual - reference), np.sign(row["predicted"] - reference)
    quantiles = {level: row[name] for level, name in QUANTILES.items()}
    complete = all(value is not None for value in quantiles.values())
    return Score(
        forecast_id=row["forecast_id"],
        scored_at=clock if before is None else max(clock, before + INSTANT),
        basis=row["basis"],
        actual=actual,
        error=row["error"],
        naive_error=row["naive_error"],
        last_close_error=row["last_close_error"],
        drift_error=row["drift_error"],
        moving_average_error=row["moving_average_error"],
        inside_80=_is_inside(row, 80),
        inside_95=_is_inside(row, 95),
        direction_correct=bool(moved == named) if moved and named else None,
        pinball=pinball(actual, quantiles) if complete else None,
    )


def _is_inside(row: Mapping[str, Any], level: int) -> bool | None:
    lower, upper = row[f"lower_{level}"], row[f"upper_{level}"]
    return None if lower is None or upper is None else bool(lower <= row["actual"] <= upper)


def _find_missed(connection: Connection, job: Job, history: History, clock: datetime) -> tuple[MissedNight, ...]:
    """Return the sessions since the first live forecast that closed without one and are not noted yet.

    Only those whose prices, or later ones, are stored: that they took place is not for a clock to say.
    """
    key: dict[str, Any] = {"ticker": job.ticker, "target": job.target, "spec": job.spec_name}
    live = read_live_sessions(connection, **key)
    if not live:
        return ()
    calendar = history.calendar
    surprises = {one.session for one in read_changes(connection, calendar.name) if one.kind == "session"}
    issued = read_live_cutoffs(connection, **key)
    closed = calendar.known_sessions(min(live), history.cutoff)
    noted = live | read_missed_sessions(connection, **key)
    missing = [session for session in (pd.Timestamp(moment).date() for moment in closed) if session not in noted]
    found = []
    for session in missing:
        cutoff = calendar.session_offset(session, -1)
        # nobody could know of the one, and of the other the night was made: its session turned out closed
        if session in surprises or cutoff in issued:
            continue
        too_late = history.live_until(job.target, cutoff=cutoff)
        if not has_bar_by(connection, job.ticker, cutoff, too_late):
            reason = f"the bar of {cutoff} was not stored before the open"
        elif has_run_between(
            connection, job.ticker, calendar.closes_at(cutoff), too_late, simulated=history.simulated
        ):
            reason = "a run was made and issued no forecast"
        else:
            reason = "no run was made"
        found.append(MissedNight(**key, target_session=session, cutoff=cutoff, reason=reason, detected_at=clock))
    return tuple(found)
