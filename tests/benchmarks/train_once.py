"""Train the tutorial's network once, in a process of its own: `train_once.py ours|keras PRICES.npy EPOCHS SEED CELL`.

Prints JSON: seconds in all (imports and compilation counted), seconds of the first and of a later epoch, first and
last loss, and the RMSE on the last 21 values, each forecast from the 40 before it. `keras` is the tutorial's recipe
with Keras' own layers and `fit`; `ours` is the way stockrnn does it.
"""

import json
import sys
import time

STARTED = time.perf_counter()
HOLDOUT, LOOKBACK = 21, 40
KERAS = {"gru": "GRU", "lstm": "LSTM", "rnn": "SimpleRNN"}


def train_keras(training, epochs, seed, cell):
    import os

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import numpy as np

    keras.utils.set_random_seed(seed)
    low, high = training.min(), training.max()
    scaled = (training - low) / (high - low)
    x = np.stack([scaled[i - LOOKBACK : i] for i in range(LOOKBACK, len(scaled))])[:, :, np.newaxis]
    model = keras.Sequential([keras.Input((LOOKBACK, 1))])
    for more in (True, True, True, False):
        model.add(getattr(keras.layers, KERAS[cell])(45, return_sequences=more))
        model.add(keras.layers.Dropout(0.2))
    model.add(keras.layers.Dense(1))
    model.compile(optimizer="adam", loss="mean_squared_error")
    ends = []
    stamp = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: ends.append(time.perf_counter()))
    began = time.perf_counter()
    history = model.fit(x, scaled[LOOKBACK:], epochs=epochs, batch_size=32, verbose=0, callbacks=[stamp])

    def predict(windows):
        return model.predict((windows - low) / (high - low), verbose=0)[:, 0] * (high - low) + low

    return predict, history.history["loss"], [began, *ends]


def train_ours(training, epochs, seed, cell):
    import pandas as pd

    from stockrnn.models.price import PriceSpec

    ends = []
    sessions = pd.bdate_range("2015-01-01", periods=len(training), name="session")
    fitted = PriceSpec(epochs=epochs, cell=cell).fit(
        {"FB": pd.DataFrame({"open": training}, index=sessions)},
        target="open",
        seed=seed,
        on_epoch=lambda _epoch, _loss: ends.append(time.perf_counter()),
    )
    return fitted.predict, fitted.losses, ends


def main():
    import numpy as np

    how, path, epochs, seed, cell = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    values = np.load(path)
    train = {"ours": train_ours, "keras": train_keras}[how]
    predict, losses, ends = train(values[:-HOLDOUT], epochs, seed, cell)
    total = time.perf_counter() - STARTED
    tail = values[-HOLDOUT - LOOKBACK :]
    windows = np.stack([tail[i - LOOKBACK : i] for i in range(LOOKBACK, len(tail))])[:, :, np.newaxis]
    errors = predict(windows) - tail[LOOKBACK:]
    lasting = np.diff(ends)
    print(
        json.dumps(
            {
                "total_seconds": total,
                "first_epoch_seconds": float(lasting[0]),
                "epoch_seconds": float(np.median(lasting[1:])),
                "first_loss": float(losses[0]),
                "last_loss": float(losses[-1]),
                "rmse": float(np.sqrt(np.mean(errors**2))),
            }
        )
    )


if __name__ == "__main__":
    main()
