"""Whatever Yahoo's answer holds: numbers and names that can be used, or nothing in their place."""

import math

import pytest
from any_input import any_number, any_text
from hypothesis import given, settings
from hypothesis import strategies as st

from stockrnn.sources.yahoo.chart import read_actions
from stockrnn.sources.yahoo.client import _read_currency

META = {"exchangeTimezoneName": "America/New_York"}
DAY = 1_709_217_000  # 2024-02-29, 09:30 in New York
amounts = st.floats() | st.integers(-(10**12), 10**12)


@settings(max_examples=100)
@given(amounts, amounts, amounts)
def test_an_action_has_a_positive_finite_value_whatever_its_numbers(amount, numerator, denominator):
    events = {
        "dividends": {"a": {"date": DAY, "amount": amount}},
        "splits": {"b": {"date": DAY, "numerator": numerator, "denominator": denominator}},
    }
    for action in read_actions({"meta": META, "events": events}):
        assert 0 < action.value < math.inf
        assert str(action.ex_date) == "2024-02-29"


@given(any_text | any_number | st.none() | st.lists(any_text))
def test_a_currency_is_three_letters_or_none(said):
    currency = _read_currency(said)
    assert currency is None or (currency.isascii() and currency.isalpha() and len(currency) == 3)


@pytest.mark.parametrize(
    ("said", "read"), [("USD", "USD"), ("GBp", "GBp"), (None, None), ({}, None), ("US DOLLAR", None)]
)
def test_the_currencies_that_yahoo_names_are_kept(said, read):
    assert _read_currency(said) == read
