"""Whatever rows Tiingo tells, they become bars of the span, or one error that says so."""

import math
from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stockrnn.errors import PriceSourceError
from stockrnn.sources.tiingo.rows import read_download
from stockrnn.types import BAR_COLUMNS, Span

SPAN = Span(date(2024, 1, 2), date(2024, 12, 31))
NAMES = ("date", "open", "high", "low", "close", "adjClose", "volume", "divCash", "splitFactor")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=12), st.lists(st.none())
)
DAYS = st.dates(min_value=date(2023, 12, 1), max_value=date(2025, 1, 31))
NUMBERS = st.floats(min_value=0.01, max_value=1e6)
GOOD = st.fixed_dictionaries(
    dict.fromkeys(NAMES[1:7], NUMBERS)
    | {
        "date": DAYS.map(lambda day: f"{day}T00:00:00.000Z"),
        "divCash": st.sampled_from([0.0, 0.0, 0.5]),
        "splitFactor": st.sampled_from([1.0, 1.0, 1.0, 4.0, 0.1, 0.0]),
    }
)


def told(rows):
    try:
        return read_download(rows, SPAN)
    except PriceSourceError:
        return None


@given(st.lists(st.one_of(VALUES, st.dictionaries(st.sampled_from(NAMES), VALUES), GOOD), max_size=6))
def test_any_rows_are_bars_or_one_error(rows):
    found = told(rows)
    if found is not None:
        assert list(found.rows.columns) == ["session", *BAR_COLUMNS]
        assert found.rows["session"].is_monotonic_increasing
        assert found.rows["session"].is_unique
        assert all(0 < action.value < math.inf for action in found.actions)


@given(st.lists(GOOD, max_size=12, unique_by=lambda row: row["date"]))
def test_prices_are_those_traded_over_the_splits_after_them(rows):
    found = told(rows)
    by_day = {row["date"][:10]: row for row in rows}
    for bar in found.rows.itertuples():
        day = str(bar.session.date())
        splits = [row["splitFactor"] for later, row in by_day.items() if later > day and row["splitFactor"] > 0]
        row = by_day[day]
        np.testing.assert_allclose(bar.close, row["close"] / np.prod(splits))
        np.testing.assert_allclose(bar.volume, row["volume"] * np.prod(splits))
        assert bar.adj_close == row["adjClose"]
    assert len(found.rows) == sum(str(SPAN.first) <= day <= str(SPAN.last) for day in by_day)
