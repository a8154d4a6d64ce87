"""What training costs beside the tutorial's own recipe, and what many tickers cost: printed, not asserted."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stockrnn.models.price import PriceSpec
from stockrnn.models.windows import make_windows
from stockrnn.networks import cell_names, fit_network, make_examples

EPOCHS = 100
KERAS = ("gru", "lstm", "rnn")
"""Cells that Keras has, too."""


@pytest.fixture(scope="module")
def prices(tmp_path_factory) -> Path:
    """The tutorial's 1279 opens where they are at hand, else a random walk of that length."""
    path = tmp_path_factory.mktemp("bench") / "prices.npy"
    folder = Path(__file__).parents[3] / "shared" / "data" / "tutorial"
    if folder.is_dir():
        from stockrnn.sources.csv_file import read_price_file

        files = (folder / "FB_training_data.csv", folder / "FB_test_data.csv")
        values = np.concatenate([read_price_file(file)["open"].to_numpy() for file in files])
    else:
        values = 100 * np.exp(np.random.default_rng(0).normal(0, 0.02, 1279).cumsum())
    np.save(path, values)
    return path


def _train(how, prices, *, epochs=EPOCHS, seed=0, cell="lstm"):
    script = Path(__file__).with_name("train_once.py")
    words = [sys.executable, str(script), how, str(prices), str(epochs), str(seed), cell]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_training_beside_the_tutorials_recipe(prices):
    keras, ours = _train("keras", prices), _train("ours", prices)
    print(f"\n{EPOCHS} epochs of the tutorial's network, one process each, imports and compilation counted")
    print(f"{'':24}{'keras':>10}{'ours':>10}{'ratio':>10}")
    for name in ("total_seconds", "epoch_seconds", "first_epoch_seconds"):
        print(f"{name:24}{keras[name]:10.2f}{ours[name]:10.2f}{keras[name] / ours[name]:10.2f}")
    for name in ("first_loss", "last_loss", "rmse"):
        print(f"{name:24}{keras[name]:10.4f}{ours[name]:10.4f}")


def test_the_spec_over_five_seeds(prices):
    print("\nseed  first_loss  last_loss    rmse   (ours)")
    for seed in range(5):
        ours = _train("ours", prices, seed=seed)
        print(f"{seed:4}{ours['first_loss']:12.4f}{ours['last_loss']:11.4f}{ours['rmse']:8.4f}")


def test_an_epoch_of_each_cell_beside_keras_own_layer(prices):
    print("\nthe tutorial's shape, each cell in a process of its own; the median of later epochs")
    print(f"{'cell':16}{'seconds an epoch':>18}{'Keras':>10}{'ratio':>10}{'first epoch':>14}")
    for cell in cell_names():
        ours = _train("ours", prices, epochs=8, cell=cell)
        keras = _train("keras", prices, epochs=8, cell=cell)["epoch_seconds"] if cell in KERAS else float("nan")
        seconds, first = ours["epoch_seconds"], ours["first_epoch_seconds"]
        print(f"{cell:16}{seconds:18.2f}{keras:10.2f}{keras / seconds:10.2f}{first:14.2f}")


def test_twenty_tickers_in_one_process():
    print("\nticker  first epoch s  second epoch s  memory MB")
    for ticker in range(20):
        values = np.random.default_rng(ticker).random(1258 + ticker)
        ends = []
        windows = make_windows(values, lookback=40)
        fit_network(
            PriceSpec().network,
            make_examples(windows.x, windows.y),
            epochs=2,
            seed=ticker,
            on_epoch=lambda _epoch, _loss, ends=ends: ends.append(time.perf_counter()),
        )
        if ticker in (0, 1, 2, 19):
            first, second = np.diff(ends)
            print(f"{ticker + 1:6}{first:15.2f}{second:16.2f}{_memory():11.0f}")


def _memory() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
