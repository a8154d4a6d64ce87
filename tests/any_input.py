"""Hostile input for property tests: values that have broken programs before, and whatever hypothesis thinks of."""

import os

import pytest
from hypothesis import strategies as st

_MORE = int(os.environ.get("EXAMPLES", "1"))

DATES = (
    "0000-00-00",
    "0001-01-01",
    "9999-12-31",
    "1900-01-01",
    "2200-12-31",
    "2024-02-30",
    "2023-02-29",
    "2038-01-19",
)
MOMENTS = (
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2024-03-10T02:30:00-05:00",
    "2038-01-19T03:14:08Z",
)
MONTHS = ("0000-00", "0001-01:9999-12", "2020-13", "2020-01:2019-12", "1900-01", "9999-12", "2020-1", ":", "2020-01:")
NUMBERS = ("0", "-1", "1e400", "inf", "-inf", "nan", "999999999999", "1" * 5000, "0x10", "1_0", "1e-320", "٣")
TEXTS = (
    "",
    " ",
    "-",
    "--",
    "'",
    '"; drop table prices; --',
    "%s%n",
    "../../etc/passwd",
    "\x1b[31m",
    "\udcff",
    "a" * 5000,
)

nasty = st.sampled_from((*DATES, *MOMENTS, *MONTHS, *NUMBERS, *TEXTS))
any_text = nasty | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
any_number = (
    st.sampled_from([float("inf"), float("-inf"), float("nan"), 10**10, -(10**10), 10**400, 1e-320, True])
    | st.integers()
    | st.floats()
)


def feeding(few: int | None, many: int) -> pytest.MarkDecorator:
    """Feed a test so many examples, and many more where all tests are run; EXAMPLES=10 makes it ten times as many.

    `few` is None where even a few take seconds: then it is fed where all tests are run alone.
    """
    counts = [pytest.param(many * _MORE, id="many", marks=pytest.mark.exhaustive)]
    if few is not None:
        counts.append(pytest.param(few * _MORE, id="few"))
    return pytest.mark.parametrize("examples", counts)
