"""What is said of a step that was done, one line each; prices in quote currency."""

from stockrnn.steps.backtest import Backtested
from stockrnn.steps.forecast import Issued
from stockrnn.steps.score import Scored


def describe_scored(scored: Scored) -> list[str]:
    """Say how many forecasts were scored, and how many nights were missed; nothing where there was nothing."""
    lines = []
    if scored.new or scored.again:
        lines.append(f"scores: {scored.new} new, {scored.again} again after a revision")
    if scored.missed:
        lines.append(f"nights missed since the last run: {len(scored.missed)}")
    return lines


def describe_issued(issued: Issued) -> str:
    """Say what was forecast, beside naive and the last close."""
    made = issued.forecast
    words = f"{made.spec} forecasts" if issued.new else f"{made.spec}: the forecast stands:"
    behind = f"; sessions closed since: {issued.sessions_behind}" if issued.sessions_behind else ""
    return (
        f"{words} {made.target} of {made.target_session} {made.predicted:.2f}, naive {made.naive:.2f}, "
        f"last close {made.last_close:.2f} ({made.kind}){behind}"
    )


def describe_backtested(done: Backtested) -> str:
    """Say how far the forecasts of a holdout were off, beside naive and the last close."""
    tested = done.backtest
    mae = {name: tested.metrics[name]["mae"] for name in (tested.spec, "naive", "last_close")}
    return (
        f"{tested.spec}: backtest of {tested.holdout}, {len(tested.forecasts)} sessions: mean absolute error "
        f"{mae[tested.spec]:.4f}, naive {mae['naive']:.4f}, last close {mae['last_close']:.4f}"
    )
