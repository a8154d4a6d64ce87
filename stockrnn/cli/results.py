"""What the work gave, for a person to read: always beside naive."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stockrnn.cli.output import print_table
from stockrnn.report.formats import format_seconds
from stockrnn.types import VOLATILITY_BENCHMARKS

if TYPE_CHECKING:
    from stockrnn.evaluation.comparison import ComparedModel
    from stockrnn.steps.comparison import Comparison
    from stockrnn.steps.forecast import Issued
    from stockrnn.steps.outcomes import Night, Outcome
    from stockrnn.types import Backtest

FORECAST_COLUMNS = (
    "ticker", "spec", "target", "cutoff", "session", "forecast", "naive", "last_close", "lower_80", "upper_80", "kind"
)  # fmt: skip
_COMPARED = ("relative_mae", "low_95", "high_95", "p_value", "parameters", "train_seconds", "verdict")
_METRICS_FIRST = ("rmse", "mae", "mape", "bias", "directional_accuracy", "relative_mae", "skill", "dm_p_value")
"""The others follow by name: a backtest out of the store keeps no order of its own."""


def forecast_row(issued: "Issued") -> list[object]:
    """Return a forecast as a row under `FORECAST_COLUMNS`."""
    from stockrnn.evaluation.benchmarks import is_on_scale

    made = issued.forecast
    return [
        made.ticker,
        made.spec,
        made.target,
        made.cutoff,
        made.target_session,
        made.predicted,
        made.naive,
        made.last_close if is_on_scale("last_close", made.target) else None,
        made.lower_80,
        made.upper_80,
        made.kind,
    ]


def print_night(night: "Night", *, home: Path) -> None:
    """Print the closing table, where the reports are, and which tickers failed and why."""
    from stockrnn.report.words import verdict

    done = [outcome for outcome in night.outcomes if outcome.issued]
    if done:
        typer.echo("")
        print_table((*FORECAST_COLUMNS, "mae", "naive_mae", "sessions"), [_night_row(outcome) for outcome in done])
        typer.echo("")
    for tested in [outcome.backtest for outcome in done if outcome.backtest]:
        typer.echo(f"{tested.ticker}: {tested.spec}, backtest of {tested.holdout}: {verdict(tested)}")
    for outcome in [outcome for outcome in done if outcome.report]:
        typer.echo(f"{outcome.ticker}: report {outcome.report}")
    if night.leaderboard:
        typer.echo(f"all tickers: {night.leaderboard}")
    _warn_of_stale_prices(done)
    for warning in night.warnings:
        typer.echo(f"warning: {warning}", err=True)
    for failure in night.failures:
        typer.echo(f"error: {failure}", err=True)
    count = len(night.tickers)
    typer.echo(f"{count - len(night.failed)} of {count} tickers done; everything is in {home}")


def _warn_of_stale_prices(done: Sequence["Outcome"]) -> None:
    for outcome in done:
        count = outcome.issued.sessions_behind if outcome.issued else 0
        if count:
            typer.echo(f"warning: {outcome.ticker}: sessions closed since the last stored one: {count}", err=True)


def print_backtest(backtest: "Backtest") -> None:
    """Print what was trained on, what was forecast, and the metrics of the spec beside those of the baselines."""
    from stockrnn.evaluation.benchmarks import baselines_for
    from stockrnn.report.words import interval_verdict, verdict

    sessions, first, last = len(backtest.forecasts), backtest.losses[0], backtest.losses[-1]
    of_training, of_holdout = _describe_arrays(backtest)
    walk = backtest.folds > 1
    of_first, of_last = ("fold 1", f"fold {backtest.folds}") if walk else ("epoch 1", f"epoch {backtest.epochs}")
    typer.echo(
        f"{backtest.ticker} {backtest.target}, spec {backtest.spec}, backtest {backtest.backtest_id}\n"
        f"training  {backtest.training_sessions} sessions, {backtest.trained_from} to {backtest.cutoff}; "
        f"{of_training}\n"
        f"holdout   {sessions} sessions of {backtest.holdout}{of_holdout}\n"
        f"loss      {first:.4f} after {of_first}, {last:.4f} after {of_last}; seed {backtest.seed}\n"
        f"model     {backtest.parameters:,} parameters; training took {format_seconds(backtest.train_seconds)} s"
        f"{f' in {backtest.folds} folds' if walk else ''}\n"
    )
    judged = backtest.metrics[backtest.spec]
    names = [name for name in _METRICS_FIRST if name in judged]
    names += sorted(set(judged).difference(names))
    methods = [name for name in VOLATILITY_BENCHMARKS if name in backtest.metrics]
    models = [backtest.spec, *baselines_for(backtest.target), *methods]
    print_table(("metric", *models), [_metric_row(backtest, name, models) for name in names])
    typer.echo(f"\nverdict   {verdict(backtest)}")
    of_intervals = interval_verdict(backtest)
    if of_intervals:
        typer.echo(f"intervals {of_intervals}")
    typer.echo("")


def print_comparison(comparison: "Comparison") -> None:
    """Print specs and benchmarks beside each other: on each ticker, and on all of several together."""
    tickers, together = list(comparison.by_ticker), comparison.together
    sessions = max(model.standing.sessions for model in together)
    about = f"{comparison.target}, backtests of {comparison.holdout}, {sessions} sessions"
    typer.echo(f"{about}; errors in quote currency")
    rows = [(ticker, model) for ticker, models in comparison.by_ticker.items() for model in models]
    print_table(("ticker", "model", "mae", *_COMPARED), [_compared_row(ticker, model) for ticker, model in rows])
    if len(tickers) > 1:
        typer.echo(f"\nall {len(tickers)} tickers together; errors as shares of the last close")
        counts = [len(model.standing.by_ticker) for model in together]
        table = [_compared_row(count, model) for count, model in zip(counts, together, strict=True)]
        print_table(("tickers", "model", "mae", *_COMPARED), table)


def _compared_row(of: object, model: "ComparedModel") -> list[object]:
    """Return a row under a column for `of`, then `model`, `mae` and those of `_COMPARED`."""
    place = model.standing
    words, p_value = (None, None) if place.verdict is None else (place.verdict.words, place.verdict.p_value)
    figures = (place.mae, place.relative_mae, place.low, place.high, p_value)
    return [of, place.model, *figures, model.parameters, model.train_seconds, words]


def _describe_arrays(backtest: "Backtest") -> tuple[str, str]:
    """Say what the network was trained on and what its forecasts are made from; of one ticker alone by shapes."""
    lookback = backtest.training_sessions - backtest.windows
    if lookback <= 0 or "ewma" in backtest.metrics:
        return f"{backtest.windows} windows of all tickers", ""
    shapes = f"arrays ({backtest.windows}, {lookback}, 1) and ({backtest.windows},)"
    return shapes, f"; {lookback + len(backtest.forecasts)} values for its inputs"


def _metric_row(backtest: "Backtest", name: str, models: Sequence[str]) -> list[object]:
    values = [backtest.metrics.get(model, {}).get(name) for model in models]
    # the store keeps counts as floats, too
    whole = name.endswith("_sessions")
    return [name, *(int(value) if whole and value is not None else value for value in values)]


def _night_row(outcome: "Outcome") -> list[object]:
    tested = outcome.backtest
    if tested is None:
        judged: list[object] = [None, None, None]
    else:
        judged = [tested.metrics[tested.spec]["mae"], tested.metrics["naive"]["mae"], len(tested.forecasts)]
    return [*(forecast_row(outcome.issued) if outcome.issued else ()), *judged]
