"""Work on many jobs: one that fails does not stop the others."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from stockrnn.cli.output import showing_progress
from stockrnn.errors import StockrnnError

if TYPE_CHECKING:
    from stockrnn.steps.run import Job

T = TypeVar("T")


def work_on(jobs: "list[Job]", work: "Callable[[Job], T]", failed: list[StockrnnError]) -> list[T]:
    """Return what each job gave, in order; what went wrong with the others goes to `failed`."""
    results: list[T] = []
    with showing_progress() as progress:
        progress.begin([job.ticker for job in jobs])
        for job in jobs:
            try:
                results.append(work(job))
            except StockrnnError as error:
                failed.append(error)
            progress.finish(job.ticker)
    return results
