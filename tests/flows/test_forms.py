"""What the forms of flows take: the same values as the command line, refused before a run begins."""

import pytest
from prefect.exceptions import ParameterTypeError

from flows.backtest import backtest
from flows.nightly import nightly

YEARS = ("0001-01-01T00:00:00+23:59", "1899-12-31T00:00:00Z", "9999-12-31T23:59:59Z")


@pytest.mark.parametrize("parameters", [
    *({"as_of": year} for year in YEARS),
    {"epochs": 0}, {"epochs": 999_999_999_999}, {"epochs": "many"}, {"source": "magic"}, {"tickers": ["../x"]},
])  # fmt: skip
def test_a_night_refuses_what_the_command_line_refuses(parameters):
    with pytest.raises(ParameterTypeError):
        nightly.validate_parameters(parameters)


@pytest.mark.parametrize("holdout", ["0000-01", "0001-01", "9999-12", "2020-13", "January", "2020-01:2020-02"])
def test_a_backtest_takes_one_month_of_a_year_that_has_a_calendar(holdout):
    with pytest.raises(ParameterTypeError):
        backtest.validate_parameters({"holdout": holdout})
    assert backtest.validate_parameters({"holdout": "2020-02"})["holdout"] == "2020-02"


def test_the_forms_say_their_bounds():
    epochs = nightly.parameters.properties["epochs"]["anyOf"][0]
    assert (epochs["minimum"], epochs["maximum"]) == (1, 100_000)
    assert backtest.parameters.properties["holdout"]["anyOf"][0]["pattern"] == "^[0-9]{4}-(0[1-9]|1[0-2])$"
