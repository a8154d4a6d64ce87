"""Set specs that were backtested on the same holdout beside each other, and beside the benchmarks of their target."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from stockrnn.evaluation.benchmarks import benchmarks_for
from stockrnn.evaluation.standings import Standing, find_errors, place_models
from stockrnn.types import Backtest, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedModel:
    """How far off a spec or a benchmark was, and what it took to learn it.

    Attributes
    ----------
    standing
        Its `mae` is in quote currency where one ticker was tested, else a share of the last close.
    parameters
        How many numbers one model learned; None of a benchmark.
    train_seconds
        How long its trainings took where they ran, of all folds and tickers together; None of a benchmark.
    """

    standing: Standing
    parameters: int | None = None
    train_seconds: float | None = None


def compare_specs(
    backtests: Sequence[Backtest], *, target: Target, specs: Sequence[str], shared: Collection[str]
) -> tuple[ComparedModel, ...]:
    """Compare specs over all their tickers; tickers of one session are one cluster.

    Of one ticker the errors are compared as they are, so that the figures are those of its backtests.

    Parameters
    ----------
    backtests
        At most one of each ticker and spec, all of one holdout.
    specs
        Those to compare, in this order; one without a backtest is left out.
    shared
        Those of which one model serves all tickers: its training counts once.

    Returns
    -------
    tuple of ComparedModel
        The specs, then the benchmarks of the target; empty without backtests.
    """
    if not backtests:
        return ()
    errors = pd.concat([find_errors(backtest) for backtest in backtests], ignore_index=True)
    if len({backtest.ticker for backtest in backtests}) == 1:
        errors["scale"] = 1.0
    places = place_models(errors, target=target, specs=specs, baselines=benchmarks_for(target))
    return tuple(_add_cost(place, backtests, shared) for place in places)


def _add_cost(place: Standing, backtests: Sequence[Backtest], shared: Collection[str]) -> ComparedModel:
    if place.baseline:
        return ComparedModel(standing=place)
    own = [backtest for backtest in backtests if backtest.spec == place.model]
    seconds = [backtest.train_seconds for backtest in own]
    return ComparedModel(
        standing=place,
        parameters=max(backtest.parameters for backtest in own),
        train_seconds=max(seconds) if place.model in shared else sum(seconds),
    )
