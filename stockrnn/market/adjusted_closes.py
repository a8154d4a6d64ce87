"""Adjusted closes that can't be: below zero, as vendors compute them after large dividends."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from stockrnn.types import PriceIssue

ADJ_CLOSE_NOT_POSITIVE = "adj_close_not_positive"


def drop_impossible(rows: pd.DataFrame, good: np.ndarray) -> tuple[pd.DataFrame, tuple[PriceIssue, ...]]:
    """Take adjusted closes that are not positive for missing; the bars stay.

    Parameters
    ----------
    rows
        Columns `session` (naive midnight, ascending) and `adj_close`.
    good
        Which rows are good bars. Shape (N,).

    Returns
    -------
    tuple
        The rows, and one issue for all of them, at the last such session; none where there is none.
    """
    wrong = good & (rows["adj_close"].to_numpy() <= 0)  # (N,)
    if not wrong.any():
        return rows, ()
    affected = rows.loc[wrong]
    first, last = (pd.Timestamp(affected["session"].iloc[at]).date() for at in (0, -1))
    value = float(affected["adj_close"].iloc[-1])
    raw: Mapping[str, object] = {"session": str(last), "adj_close": value}
    issue = PriceIssue(
        session=last,
        kind=ADJ_CLOSE_NOT_POSITIVE,
        detail=f"adj_close is not positive in {len(affected)} sessions from {first} to {last}, there {value}; it is "
        "taken for missing, and the bars for what they are",
        raw=raw,
    )
    return rows.assign(adj_close=rows["adj_close"].mask(wrong)), (issue,)
