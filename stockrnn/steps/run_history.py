"""What the rows of the runs say, in words: what is under way, and what ended badly and was not made good since."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection

from stockrnn.steps.run_process import explain_death
from stockrnn.store.runs import Run, read_last_run, read_running, read_runs_since_completed

_MAX_NAMED = 5
_NIGHTLY = "nightly"
"""The flow that does what all others do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHistory:
    """The runs since the last ones that completed.

    Attributes
    ----------
    last
        The run that began last; one that is gone without a word is `crashed`. None where no run ever began.
    under_way
        Runs that live, one line each.
    problems
        What someone should look at, one line per flow.
    """

    last: Run | None
    under_way: tuple[str, ...]
    problems: tuple[str, ...]


def read_run_history(connection: Connection, *, now: datetime) -> RunHistory:
    """Look at the runs as they are at `now`; runs that died without a word are found, and nothing is written."""
    last = read_last_run(connection)
    running = [run for run in read_running(connection) if not explain_death(run, now=now)]
    begun = [_judge(run, now) for run in read_runs_since_completed(connection)]
    return RunHistory(
        last=last and _judge(last, now),
        under_way=tuple(_describe_living(run) for run in running),
        problems=tuple(_find_problems(begun)) if last else ("no run yet; 'stockrnn nightly' makes one",),
    )


def _judge(run: Run, now: datetime) -> Run:
    """Return a run as it is: one that is dead says so only when the next run begins."""
    reason = explain_death(run, now=now) if run.state == "running" else None
    return replace(run, state="crashed", error=reason) if reason else run


def _find_problems(begun: Sequence[Run]) -> list[str]:
    ended = [run for run in begun if run.state not in {"running", "skipped"}]
    nights = [run.started_at for run in ended if run.flow == _NIGHTLY and run.state == "completed"]
    open_ones = [run for run in ended if run.flow == _NIGHTLY or not nights or run.started_at > nights[-1]]
    by_flow = groupby(sorted(open_ones, key=lambda run: (run.flow, run.started_at)), key=lambda run: run.flow)
    return [problem for _, runs in by_flow if (problem := _describe(list(runs)))]


def _describe(runs: Sequence[Run]) -> str | None:
    """Say what is wrong with a flow's runs since it completed, and with that one; None where nothing is."""
    bad, newest = [run for run in runs if run.state != "completed"], runs[-1]
    if not bad:
        return f"the last run ({_name(newest)}): {newest.error}" if newest.error else None
    ended = "was cancelled" if newest.state == "cancelled" else newest.state
    words = f"the last run ({_name(newest)}) {ended}" + (f": {newest.error}" if newest.error else "")
    before = ", ".join(f"{run.started_at:%Y-%m-%d %H:%M} {run.state}" for run in reversed(bad[-_MAX_NAMED:-1]))
    more = f" and {len(bad) - _MAX_NAMED} more" if len(bad) > _MAX_NAMED else ""
    return words + (f"; before it {before}{more}" if before else "")


def _describe_living(run: Run) -> str:
    where = f", process {run.process.pid} on {run.process.host}" if run.process else ""
    return f"a run is under way since {run.started_at:%Y-%m-%d %H:%M} UTC: {run.flow}{where}"


def _name(run: Run) -> str:
    return f"{run.flow}, {run.started_at:%Y-%m-%d %H:%M} UTC"
