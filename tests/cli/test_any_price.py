"""Prices of any size, wherever they are printed: never as nothing but zeros, never with an exponent."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from stockrnn.cli.output import print_table
from stockrnn.report.formats import format_number, format_price
from stockrnn.steps.describe import describe_issued
from stockrnn.steps.forecast import Issued
from stockrnn.types import Forecast

PRICES = [digits * 10.0**power for power in range(-6, 7) for digits in (1.0, 4.456, 9.999)]
MADE = Forecast(
    forecast_id="f", ticker="SHIB", target="close", spec="tiny", cutoff=date(2025, 10, 7), kind="live",
    target_session=date(2025, 10, 8), target_opens_at=datetime(2025, 10, 8, tzinfo=UTC),
    live_until=datetime(2025, 10, 8, tzinfo=UTC), model_id="m", issued_at=datetime(2025, 10, 7, 22, tzinfo=UTC),
    predicted=1.0, naive=1.0, last_close=1.0, drift=1.0, moving_average=1.0, window_sha256="0",
)  # fmt: skip


def check(text, price):
    assert "e-" not in text
    assert "e+" not in text
    shown = float(text.replace(",", ""))
    assert shown == pytest.approx(price, rel=5e-3 if price > 0.01 else 1e-3), text


@pytest.mark.parametrize("price", PRICES)
def test_a_price_of_any_size_is_printed_with_its_digits(price, capsys):
    check(format_number(price), price)
    check(format_price(price), price)
    print_table(("ticker", "close"), [("SHIB", price)])
    check(capsys.readouterr().out.splitlines()[-1].split()[-1], price)
    made = replace(MADE, predicted=price, naive=price, last_close=price)
    words = describe_issued(Issued(forecast=made, new=True, sessions_behind=0))
    for text in re.findall(r"(?<=\s)[\d,]+\.?\d*(?=[, ])", words.replace("2025-10-08", "")):
        check(text.rstrip(","), price)


def test_zero_and_what_is_below_zero_are_printed_as_such():
    assert format_number(0.0) == "0.0000"
    assert format_number(-0.000004456) == "-0.000004456"
    assert format_number(-123456.78) == "-123,457"
