"""How good the quantile model is beside econometrics on real prices, and what it costs.

One session ahead, nothing is trained on the test span or after it: the five tickers, trained on together and then
each left out of the training in turn, 2020-01 to 2025-09; and tickers that no model was trained on, 2012 to 2017.
Needs the real price files beside the checkout.
"""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from stockrnn.evaluation.benchmarks import VOLATILITY_TITLES
from stockrnn.evaluation.econometrics import ewma_quantiles, gjr_garch_quantiles
from stockrnn.evaluation.har import HarRegression, find_moves, har_fhs_quantiles
from stockrnn.evaluation.metrics import pinball_losses
from stockrnn.evaluation.significance import pooled_diebold_mariano
from stockrnn.market.bars import check_bars
from stockrnn.market.calendars import load_calendar
from stockrnn.models.quantile import QUANTILE_LEVELS as LEVELS
from stockrnn.models.quantile import QuantileSpec
from stockrnn.models.quantile_examples import count_days_ahead
from stockrnn.sources.csv_file import read_price_file

TICKERS = ("META", "AAPL", "MSFT", "DIA", "BRK-B")
SPEC = QuantileSpec()
MIDDLE = LEVELS.index(0.5)
GROUPS = pytest.mark.parametrize("group", ["together", "left_out", "unseen"])
TARGETS = pytest.mark.parametrize("target", ["close", "open"])


@dataclass(frozen=True)
class Case:
    """Tickers that a model is trained on, up to the session before `first`, and those that it is tested on."""

    training: dict
    tested: dict
    first: date
    last: date


def read_files(folder):
    """Return the bars of each file that an import would keep."""
    sessions = load_calendar("XNYS", through_year=2026).sessions(date(1990, 1, 1), date(2025, 12, 31))
    closes = pd.Series(sessions.tz_localize("UTC") + pd.Timedelta(hours=21), index=sessions)
    return {
        path.stem: check_bars(read_price_file(path), closes=closes, as_of=datetime(2026, 1, 2, tzinfo=UTC)).frame
        for path in sorted(folder.glob("*.csv"))
    }


def cases_of(group, shared_data):
    files = read_files(shared_data / "yahoo")
    five = {name: files[name] for name in TICKERS}
    if group == "together":
        return [Case(five, five, date(2020, 1, 1), date(2025, 9, 30))]
    if group == "left_out":
        others = ({name: bars for name, bars in five.items() if name != left} for left in five)
        return [
            Case(rest, {left: five[left]}, date(2020, 1, 1), date(2025, 9, 30))
            for left, rest in zip(five, others, strict=True)
        ]
    unseen = {name: bars for name, bars in read_files(shared_data / "djia").items() if name not in five}
    return [Case(five, unseen, date(2012, 1, 1), date(2017, 12, 31))]


def run(case, target):
    """Return one row per forecast: the move, and the quantiles of the model and of each benchmark."""
    known = {name: bars.loc[: str(case.first)].iloc[:-1] for name, bars in case.training.items()}
    known = {name: bars for name, bars in known.items() if len(bars) > SPEC.min_sessions}
    began = time.perf_counter()
    model = SPEC.fit(known, target=target, seed=0)
    epochs = [len(losses) for losses in model.losses]
    seconds = time.perf_counter() - began
    print(f"\ntraining on {model.windows} windows of {', '.join(known)}: {seconds:.0f} s, epochs {epochs}")
    regression = HarRegression.fit(known, target=target, levels=LEVELS)
    return pd.concat(
        [forecast_ticker(case, name, model, regression, target) for name in case.tested], ignore_index=True
    )


def forecast_ticker(case, name, model, regression, target):
    bars = case.tested[name].loc[: str(case.last)]
    actual = find_moves(bars, target=target).loc[str(case.first) :].rename("actual")
    newest = len(actual)
    said = model.forecast_newest(
        bars.iloc[:-1], count_days_ahead(bars.index).iloc[:-1], target=target, newest=newest
    ).returns
    rows = pd.DataFrame(actual.iloc[newest - len(said) :])
    rows = rows.join(pd.DataFrame(said, index=rows.index).add_prefix("quantile"))
    moves = find_moves(bars, target=target).dropna()
    options = {"first": case.first, "levels": LEVELS}
    others = {
        "ewma": ewma_quantiles(moves, **options),
        "gjr_garch": gjr_garch_quantiles(moves, **options),
        "har_fhs": har_fhs_quantiles(bars, rows.index, target=target, levels=LEVELS),
        "har_quantiles": regression.forecast(bars, rows.index, target=target),
    }
    for method, table in others.items():
        rows = rows.join(table.set_axis(range(len(LEVELS)), axis=1).add_prefix(method))
    return rows.assign(ticker=name).rename_axis("session").reset_index()


def losses_of(tested, method):
    quantiles = tested[[f"{method}{at}" for at in range(len(LEVELS))]].to_numpy()
    return pinball_losses(tested["actual"].to_numpy(), dict(zip(LEVELS, quantiles.T, strict=True)))


def inside(tested, level):
    """Whether each move lay in the model's interval."""
    low, high = (LEVELS.index(round(end, 3)) for end in ((1 - level) / 2, (1 + level) / 2))
    return (tested[f"quantile{low}"] <= tested["actual"]) & (tested["actual"] <= tested[f"quantile{high}"])


def span_of(shares):
    return f"{100 * shares.min():.1f} to {100 * shares.max():.1f} %"


@TARGETS
@GROUPS
def test_the_model_beside_econometrics(group, target, shared_data):
    tested = pd.concat([run(case, target) for case in cases_of(group, shared_data)], ignore_index=True)
    losses = {name: losses_of(tested, name) for name in ("quantile", *VOLATILITY_TITLES)}
    by_ticker = pd.DataFrame(losses).groupby(tested["ticker"]).mean()
    print(f"\n{group}, {target}: {len(tested)} forecasts of {len(by_ticker)} tickers; pinball loss over that of")
    for name, title in VOLATILITY_TITLES.items():
        found = pooled_diebold_mariano(losses["quantile"], losses[name], clusters=tested["session"].to_numpy())
        ratio = losses["quantile"].mean() / losses[name].mean()
        each = ", ".join(f"{key} {one:.3f}" for key, one in (by_ticker["quantile"] / by_ticker[name]).items())
        print(f"  {title:24}{ratio:.4f} (p = {found.p_value:.1e})  {each}")
    missed, move = (tested["actual"] - tested[f"quantile{MIDDLE}"]).abs(), tested["actual"].abs()
    noise = pooled_diebold_mariano(missed.to_numpy(), move.to_numpy(), clusters=tested["session"].to_numpy()).p_value
    misses, moved = (errors.groupby(tested["ticker"]).sum() for errors in (missed, move))
    each = ", ".join(f"{key} {one:.4f}" for key, one in (misses / moved).items())
    print(f"  relative MAE of the median{misses.sum() / moved.sum():9.4f} (p = {noise:.2f})  {each}")
    for level in (0.9, 0.95):
        held = inside(tested, level)
        year, ticker = (held.groupby(key).mean() for key in (tested["session"].dt.year, tested["ticker"]))
        rolled = pd.concat([part.rolling(250).mean() for _, part in held.groupby(tested["ticker"])]).dropna()
        print(
            f"  coverage of {100 * level:.0f} %: {100 * held.mean():.1f} %; by ticker {span_of(ticker)}, by year "
            f"{span_of(year)}, over any 250 sessions of a ticker {span_of(rolled)}"
        )
        print("    " + ", ".join(f"{key} {100 * share:.1f}" for key, share in ticker.items()))
