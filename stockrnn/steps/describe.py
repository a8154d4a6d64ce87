"""What is said of a step that was done, one line each; prices in quote currency."""

from stockrnn.evaluation.benchmarks import BASELINE_TITLES, is_on_scale
from stockrnn.report.formats import format_number, format_price
from stockrnn.steps.backtest import Backtested
from stockrnn.steps.forecast import Issued
from stockrnn.steps.score import Scored

_SHOWN = ("naive", "last_close")


def describe_scored(scored: Scored) -> list[str]:
    """Say how many forecasts were scored, and how many nights were missed; nothing where there was nothing."""
    lines = []
    if scored.new or scored.again:
        lines.append(f"scores: {scored.new} new, {scored.again} again after a revision")
    if scored.missed:
        lines.append(f"nights missed since the last run: {len(scored.missed)}")
    return lines


def describe_issued(issued: Issued) -> str:
    """Say what was forecast, beside naive and, where it is on the same scale, the last close."""
    made = issued.forecast
    words = f"{made.spec} forecasts" if issued.new else f"{made.spec}: the forecast stands:"
    behind = f"; sessions closed since: {issued.sessions_behind}" if issued.sessions_behind else ""
    shown = {name: getattr(made, name) for name in _SHOWN if is_on_scale(name, made.target)}
    beside = ", ".join(f"{BASELINE_TITLES[name]} {format_price(price)}" for name, price in shown.items())
    price = format_price(made.predicted)
    return f"{words} {made.target} of {made.target_session} {price}, {beside} ({made.kind}){behind}"


def describe_backtested(done: Backtested) -> str:
    """Say how far the forecasts of a holdout were off, beside the same."""
    tested = done.backtest
    shown = {name: tested.metrics[name]["mae"] for name in _SHOWN if is_on_scale(name, tested.target)}
    beside = ", ".join(f"{BASELINE_TITLES[name]} {format_number(mae)}" for name, mae in shown.items())
    return (
        f"{tested.spec}: backtest of {tested.holdout}, {len(tested.forecasts)} sessions: mean absolute error "
        f"{format_number(tested.metrics[tested.spec]['mae'])}, {beside}"
    )
