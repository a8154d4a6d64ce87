"""Compare the backtests of several specs, and draw them as one picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stockrnn.evaluation.comparison import ComparedModel, compare_specs
from stockrnn.report.words import count_tickers
from stockrnn.steps.run import Job
from stockrnn.types import Backtest, Span, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several specs beside each other.

    Attributes
    ----------
    by_ticker
        What was compared on each ticker alone.
    together
        On all tickers together; on the only one the same.
    simulated
        All prices are those of the simulated market.
    """

    target: Target
    holdout: Span
    simulated: bool
    by_ticker: Mapping[str, tuple[ComparedModel, ...]]
    together: tuple[ComparedModel, ...]


def compare(jobs: Sequence[Job], backtests: Sequence[Backtest]) -> Comparison:
    """Compare what the jobs' backtests of one holdout gave, at least one of them.

    Parameters
    ----------
    jobs
        Those of one ticker together; those without a backtest are left out.
    """
    target, specs = jobs[0].target, list(dict.fromkeys(job.spec_name for job in jobs))
    shared = {job.spec_name for job in jobs if job.spec.scope == "market"}
    tested = {backtest.ticker: [one for one in backtests if one.ticker == backtest.ticker] for backtest in backtests}
    return Comparison(
        target=target,
        holdout=backtests[0].holdout,
        simulated=all(job.history.simulated for job in jobs if job.ticker in tested),
        by_ticker={
            ticker: compare_specs(own, target=target, specs=specs, shared=shared) for ticker, own in tested.items()
        },
        together=compare_specs(backtests, target=target, specs=specs, shared=shared),
    )


def write_comparison(reports: Path, comparison: Comparison) -> Path:
    """Draw a comparison as a PNG in the folder of reports; that of the same holdout and target is replaced.

    Returns
    -------
    Path
        Such as `backtest-2019-01-2020-12-close.png`.

    Raises
    ------
    StockrnnError
        The folder of reports can't be written.
    """
    from stockrnn.report.comparison import draw_comparison

    holdout, tickers = comparison.holdout, list(comparison.by_ticker)
    months = dict.fromkeys(f"{day:%Y-%m}" for day in (holdout.first, holdout.last))
    path = reports / f"backtest-{'-'.join(months)}-{comparison.target}.png"
    market = tickers[0] if len(tickers) == 1 else count_tickers(len(tickers), simulated=comparison.simulated)
    draw_comparison(path, models=comparison.together, target=comparison.target, holdout=holdout, market=market)
    return path
