"""How good the quantile model is beside econometrics on real prices, and what it costs.

Trained once on the sessions up to 2019, tested one session ahead on 2020-01 to 2025-09: the close of the next
session, five tickers. Needs the real price files beside the checkout.
"""

import time
from datetime import date

import numpy as np
import pandas as pd
import pytest

from stockrnn.evaluation.econometrics import ewma_quantiles, gjr_garch_quantiles
from stockrnn.evaluation.metrics import pinball_losses
from stockrnn.evaluation.significance import pooled_diebold_mariano
from stockrnn.models.features import make_targets
from stockrnn.models.quantile import QUANTILE_LEVELS as LEVELS
from stockrnn.models.quantile import QuantileSpec
from stockrnn.models.quantile_examples import make_windows_of
from stockrnn.sources.csv_file import read_price_file

TICKERS = ("META", "AAPL", "MSFT", "DIA", "BRK-B")
SPEC = QuantileSpec()
CUTOFF, FIRST, LAST = "2019-12-31", date(2020, 1, 1), "2025-09-30"


def losses_of(actual, quantiles):
    """Return the pinball loss of each forecast."""
    return pinball_losses(actual, dict(zip(LEVELS, quantiles.T, strict=True)))


@pytest.fixture(scope="module")
def files(shared_data):
    return {
        ticker: read_price_file(shared_data / "yahoo" / f"{ticker}.csv").set_index("session") for ticker in TICKERS
    }


@pytest.fixture(scope="module")
def model(files):
    began = time.perf_counter()
    fitted = SPEC.fit({ticker: bars.loc[:CUTOFF] for ticker, bars in files.items()}, target="close", seed=0)
    epochs = [len(losses) for losses in fitted.losses]
    seconds = time.perf_counter() - began
    print(f"\ntraining on {fitted.windows} windows, one thread: {seconds:.0f} s, epochs {epochs}, {fitted.median}")
    return fitted


@pytest.fixture(scope="module")
def tested(files, model):
    """Return one row per forecast: the actual log return, and the quantiles of the model and of econometrics."""
    tables = []
    for ticker, bars in files.items():
        inputs = make_windows_of(bars, lookback=SPEC.lookback, target="close")
        answers = make_targets(bars, inputs, target="close")
        rows = pd.DataFrame({"actual": answers * inputs.scale, "unit": inputs.scale}, index=inputs.sessions)
        rows = rows.join(pd.DataFrame(model.predict_returns(inputs), index=inputs.sessions).add_prefix("lstm"))
        rows.index = pd.DatetimeIndex(pd.Series(bars.index, index=bars.index).shift(-1).reindex(inputs.sessions))
        rows = rows.iloc[:-1]  # what came after the last bar is not known
        returns = np.log(bars["close"]).diff().dropna()
        for name, forecast in (("gjr", gjr_garch_quantiles), ("ewma", ewma_quantiles)):
            other = forecast(returns, first=FIRST, levels=LEVELS).set_axis(range(len(LEVELS)), axis=1)
            rows = rows.join(other.add_prefix(name))
        tables.append(rows.loc[str(FIRST) : LAST].assign(ticker=ticker).rename_axis("session").reset_index())
    return pd.concat(tables, ignore_index=True)


def quantiles_of(tested, name):
    return tested[[f"{name}{at}" for at in range(len(LEVELS))]].to_numpy()


def test_the_model_beside_econometrics(tested):
    actual, ours = tested["actual"].to_numpy(), quantiles_of(tested, "lstm")
    print(f"\n{len(tested)} forecasts")
    for name in ("gjr", "ewma"):
        losses, others = losses_of(actual, ours), losses_of(actual, quantiles_of(tested, name))
        found = pooled_diebold_mariano(losses, others, clusters=tested["session"].to_numpy())
        print(f"pinball over that of {name}: {losses.mean() / others.mean():.4f} (p = {found.p_value:.1e})")
    print(f"relative MAE of the median: {np.abs(actual - ours[:, 4]).sum() / np.abs(actual).sum():.4f}")
    inside = pd.Series((ours[:, 1] <= actual) & (actual <= ours[:, 7]), index=tested.index)
    print(f"coverage of the 90 % interval: {100 * inside.mean():.1f} %")
    groups = {
        "year": tested["session"].dt.year,
        "ticker": tested["ticker"],
        "volatility": pd.qcut(tested["unit"], 3, labels=["low", "middle", "high"]),
    }
    for name, group in groups.items():
        shares = inside.groupby(group, observed=True).mean()
        print(f"  by {name}: " + ", ".join(f"{key} {100 * share:.1f}" for key, share in shares.items()))
