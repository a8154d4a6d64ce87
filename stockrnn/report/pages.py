"""The pages of a night, as markdown and rows: what it says of itself wherever markdown is shown."""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from stockrnn.evaluation.benchmarks import is_on_scale
from stockrnn.report.formats import format_price, format_weekday
from stockrnn.report.markdown import escape_markdown
from stockrnn.report.words import describe_forecast, interval_verdict, verdict
from stockrnn.types import Backtest, Forecast, MissedNight

_MAX_ISSUES = 50


class Outcome(Protocol):
    """How a night went for one ticker and spec; `training` says what was trained, one line each."""

    @property
    def ticker(self) -> str: ...  # noqa: D102
    @property
    def spec(self) -> str: ...  # noqa: D102
    @property
    def forecast(self) -> Forecast | None: ...  # noqa: D102
    @property
    def backtest(self) -> Backtest | None: ...  # noqa: D102
    @property
    def report(self) -> Path | None: ...  # noqa: D102
    @property
    def training(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def missed(self) -> tuple[MissedNight, ...]: ...  # noqa: D102
    @property
    def error(self) -> str | None: ...  # noqa: D102


def describe_ticker(outcomes: Sequence[Outcome]) -> str:
    """Return a ticker's page: each spec's forecast beside naive, what it is worth, and the report as a picture."""
    ticker = escape_markdown(outcomes[0].ticker)
    lines = [f"# {ticker}", ""]
    for outcome in outcomes:
        lines += _describe_spec(outcome)
    picture = next((outcome.report for outcome in outcomes if outcome.report), None)
    if picture is not None:
        lines += ["", f"![The report of {ticker}]({_encode(picture)})"]
    return "\n".join(lines)


def list_forecasts(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return tonight's forecasts, one row per ticker and spec; prices in quote currency, as text."""
    made = [outcome.forecast for outcome in outcomes if outcome.forecast]
    return [
        {
            "ticker": one.ticker,
            "spec": one.spec,
            "session": one.target_session.isoformat(),
            "forecast": format_price(one.predicted),
            "naive": format_price(one.naive),
            "80 %": _write_span(one.lower_80, one.upper_80),
            "95 %": _write_span(one.lower_95, one.upper_95),
            "last_close": format_price(one.last_close) if is_on_scale("last_close", one.target) else "-",
            "target": one.target,
            "cutoff": one.cutoff.isoformat(),
            "kind": one.kind,
        }
        for one in made
    ]


def describe_night(
    outcomes: Sequence[Outcome],
    *,
    as_of: datetime,
    summary: str,
    failures: Sequence[str],
    warnings: Sequence[str],
    issues: Sequence[tuple[object, ...]],
) -> str:
    """Return the page of the night: what failed, what was trained and why, missed nights, issues with prices.

    Parameters
    ----------
    issues
        Ticker, session, kind and detail of each open price issue.
    """
    trained = [f"{outcome.ticker}: {line}" for outcome in outcomes for line in outcome.training]
    missed = [
        f"{one.ticker}, {one.spec}: {one.target_session}, {one.reason}"
        for outcome in outcomes
        for one in outcome.missed
    ]
    told = [f"{ticker}, {session}: {kind}, {detail}" for ticker, session, kind, detail in issues[:_MAX_ISSUES]]
    more = len(issues) - _MAX_ISSUES
    rest = [f"- and {more} more; see `stockrnn sql price_issues`"] if more > 0 else []
    return "\n".join(
        [
            f"# The night of {format_weekday(as_of)}",
            "",
            escape_markdown(summary),
            *_list("Failed", failures),
            *_list("Warnings", warnings),
            *_list("Trained", trained, otherwise="Nothing was due."),
            *_list("Nights missed since the last run", missed, otherwise="None."),
            *_list("Open issues with prices", told, otherwise="None."),
            *rest,
        ]
    )


def _describe_spec(outcome: Outcome) -> list[str]:
    lines = [f"## {escape_markdown(outcome.spec)}", ""]
    if outcome.error:
        lines += [f"**Failed:** {escape_markdown(outcome.error)}", ""]
    if outcome.forecast:
        forecast = outcome.forecast
        spans = f"80 %: {_write_span(forecast.lower_80, forecast.upper_80)}"
        spans += f", 95 %: {_write_span(forecast.lower_95, forecast.upper_95)}"
        lines += [escape_markdown(describe_forecast(forecast, currency=None)), "", f"{spans}; {forecast.kind}.", ""]
    if outcome.backtest:
        of_intervals = interval_verdict(outcome.backtest)
        also = f"; its intervals: {escape_markdown(of_intervals)}" if of_intervals else ""
        lines += [
            f"Backtest of {outcome.backtest.holdout}: **{escape_markdown(verdict(outcome.backtest))}**{also}",
            "",
        ]
    return lines


def _list(title: str, items: Iterable[str], *, otherwise: str | None = None) -> list[str]:
    """Return a heading with a list of texts; nothing where the list is empty and nothing is said instead."""
    lines = [f"- {escape_markdown(item)}" for item in items] or ([otherwise] if otherwise else [])
    return ["", f"## {title}", "", *lines] if lines else []


def _encode(picture: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def _write_span(lower: float | None, upper: float | None) -> str:
    return "-" if lower is None or upper is None else f"{format_price(lower)} to {format_price(upper)}"
