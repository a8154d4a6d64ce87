"""The numbers in words that a layman understands, each beside those of the benchmarks. Pure text."""

import math

from stockrnn.evaluation.benchmarks import benchmarks_for, reference_column
from stockrnn.evaluation.holdouts import count_directions, find_interval_verdict, find_verdict
from stockrnn.report.formats import (
    format_amount,
    format_day,
    format_price,
    format_share,
    format_span,
    format_weekday,
)
from stockrnn.types import Backtest, Forecast, Span, Target

TARGET_NAMES: dict[Target, str] = {
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "adj_close": "adjusted close",
}
_FEW_NAMES = 2
_SAME = "practically the same as "
_VERBS: dict[Target, str] = {
    "open": "open at",
    "high": "reach a high of",
    "low": "reach a low of",
    "close": "close at",
    "adj_close": "have an adjusted close of",
}


def count_sessions(count: int) -> str:
    """Write a number of sessions."""
    return "1 session" if count == 1 else f"{count} sessions"


def count_tickers(count: int, *, simulated: bool = False) -> str:
    """Write a number of tickers, real ones or simulated ones."""
    return f"{count} {'simulated ' if simulated else ''}ticker{'' if count == 1 else 's'}"


def metric(backtest: Backtest, model: str, name: str) -> float:
    """Return a metric of the backtest; NaN where it is missing or None."""
    value: float | None = backtest.metrics.get(model, {}).get(name)
    return math.nan if value is None else float(value)


def price_scale(backtest: Backtest) -> float:
    """Return the typical actual price of the holdout, in quote currency: what decides on the decimals."""
    return float(backtest.forecasts["actual"].abs().median())


def describe_forecast(forecast: Forecast, *, currency: str | None) -> str:
    """Say what is forecast for which session, and how far that is from what the benchmarks say."""
    name = TARGET_NAMES[forecast.target]
    hindcast = forecast.kind == "hindcast"
    amount = format_amount(forecast.predicted, scale=forecast.predicted, currency=currency)
    distances = [_distance(forecast.predicted, forecast.naive, name=name)]
    if "last_close" in benchmarks_for(forecast.target):
        distances.append(_distance(forecast.predicted, forecast.last_close, name="close"))
    return (
        f"{forecast.ticker} {'would have been' if hindcast else 'is'} forecast to {_VERBS[forecast.target]} "
        f"{amount} on {format_weekday(forecast.target_session)}"
        f"{' (computed afterwards, not a live forecast)' if hindcast else ''}: {_join(distances)}."
    )


def describe_backtest(backtest: Backtest, *, currency: str | None = None) -> tuple[str, ...]:
    """Say what was tested, and how large the misses were beside those of the benchmarks.

    Returns
    -------
    tuple of str
        Three or four sentences: the test, the average miss, the bias or, of a model that names quantiles, what these
        are worth, and the direction. A sentence whose metric is missing is left out, except the second.
    """
    sentences = (
        _describe_test(backtest),
        _describe_miss(backtest, currency=currency),
        _describe_quantiles(backtest) or _describe_bias(backtest, currency=currency),
        _describe_direction(backtest),
    )
    return tuple(sentence for sentence in sentences if sentence)


def verdict(backtest: Backtest) -> str:
    """Return what the errors prove about the spec beside its benchmarks."""
    return find_verdict(backtest.forecasts, target=backtest.target).words


def interval_verdict(backtest: Backtest) -> str:
    """Return what the pinball losses prove about the spec beside the volatility benchmarks; empty without any."""
    found = find_interval_verdict(backtest.metrics, spec=backtest.spec)
    return "" if found is None else found.words


def chance_points(sessions: int) -> float:
    """Half the width of the 95 % interval of a coin's hit rate, in percentage points, at most 50.

    The normal approximation of the binomial, 1.96 * sqrt(0.25 / n).

    >>> round(chance_points(21))
    21
    """
    return min(100 * 1.96 * math.sqrt(0.25 / sessions), 50.0)


def describe_direction_reference(target: Target) -> str:
    """Name the price that directions are counted from: `the last close`, or `the last adjusted close`."""
    return f"the last {TARGET_NAMES[reference_column(target)]}"


def _distance(predicted: float, reference: float, *, name: str) -> str:
    known = f"its last {name} ({format_price(reference, scale=predicted)})"
    if reference == 0.0 or not (math.isfinite(predicted) and math.isfinite(reference)):
        return f"beside {known}"
    percent = 100 * (predicted - reference) / abs(reference)
    if abs(percent) < 0.05:  # noqa: PLR2004  # would be written as 0.0 %
        return f"{_SAME}{known}"
    return f"{abs(percent):,.1f} % {'above' if percent > 0 else 'below'} {known}"


def _join(distances: list[str]) -> str:
    first, *rest = distances
    # "practically the same as" stands once where it holds for both
    return " and ".join([first, *(text.removeprefix(_SAME) if first.startswith(_SAME) else text for text in rest)])


def _describe_test(backtest: Backtest) -> str:
    count = len(backtest.forecasts)
    each = "forecast" if count == 1 else "each forecast"
    return (
        f"Tested on {count_sessions(count)} {_during(backtest.holdout)}, {each} one session ahead by a model "
        f"({backtest.spec}) that had seen nothing after {format_day(backtest.cutoff)}."
    )


def _during(span: Span) -> str:
    text = format_span(span)
    if span.first == span.last:
        return f"on {text}"
    return f"from {text}" if " to " in text else f"of {text}"


def _describe_miss(backtest: Backtest, *, currency: str | None) -> str:
    scale = price_scale(backtest)
    model, naive, last_close = (
        format_amount(metric(backtest, name, "mae"), scale=scale, currency=currency)
        for name in (backtest.spec, "naive", "last_close")
    )
    last_known = f"the last known {TARGET_NAMES[backtest.target]} (naive)"
    also = f", the last close by {last_close}" if "last_close" in benchmarks_for(backtest.target) else ""
    return f"Its average miss was {model}; repeating {last_known} missed by {naive}{also}."


def _describe_bias(backtest: Backtest, *, currency: str | None) -> str:
    bias, scale = metric(backtest, backtest.spec, "bias"), price_scale(backtest)
    if math.isnan(bias):
        return ""
    size = format_price(abs(bias), scale=scale)
    if float(size.replace(",", "")) == 0.0:
        return "On average it was neither too high nor too low."
    amount = format_amount(abs(bias), scale=scale, currency=currency)
    return f"On average it was too {'high' if bias > 0 else 'low'} by {amount}."


def _describe_direction(backtest: Backtest) -> str:
    share = metric(backtest, backtest.spec, "directional_accuracy")
    count = count_directions(backtest.forecasts, "predicted", target=backtest.target)
    if math.isnan(share) or count == 0:
        return ""
    return (
        f"Counted from {describe_direction_reference(backtest.target)}, it named the right direction in "
        f"{format_share(share)} of {count_sessions(count)}; a coin is right half of the time, give or take "
        f"{chance_points(count):.0f} points over that many."
    )


def _describe_quantiles(backtest: Backtest) -> str:
    found = find_interval_verdict(backtest.metrics, spec=backtest.spec)
    if found is None:
        return ""
    count = len(found.against)
    short = f"{count} volatility benchmarks" if count > _FEW_NAMES else None
    return f"Its quantiles, by their pinball loss: {found.describe(benchmarks=short)}."
