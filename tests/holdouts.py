"""A holdout forecast by a plain function, as the pipeline does it with a network."""

import numpy as np
import pandas as pd

from stockrnn.evaluation.holdouts import compare_with_baselines


def run_holdout(split, close, *, lookback, fit):
    """Fit on training values (T,), forecast from windows (N, lookback, 1), join with actual values and baselines."""
    predict = fit(split.training.to_numpy(dtype=np.float64))
    values = split.inputs.to_numpy(dtype=np.float64)
    windows = np.stack([values[i - lookback : i] for i in range(lookback, len(values))])
    return compare_with_baselines(
        split, close, pd.DataFrame({"predicted": predict(windows[:, :, np.newaxis])}, index=split.held_out)
    )
