"""How failures of several specs are put into words."""

from stockrnn.steps.failures import name_failed_specs

SPECS = ("small", "large", "echo")


def test_what_failed_for_every_spec_is_said_once_of_the_ticker():
    failures = {("NOPE", spec): "NOPE: no prices are stored" for spec in SPECS}
    assert name_failed_specs(failures, specs=SPECS) == ("NOPE: no prices are stored",)


def test_what_failed_for_some_specs_names_them():
    failures = {
        ("META", "small"): "META: 3 sessions are stored",
        ("META", "echo"): "META: 3 sessions are stored",
        ("META", "large"): "no ticker has prices to train on",
        ("MSFT", "large"): "no ticker has prices to train on",
    }
    assert name_failed_specs(failures, specs=SPECS) == (
        "META, spec small, echo: 3 sessions are stored",
        "META, spec large: no ticker has prices to train on",
        "MSFT, spec large: no ticker has prices to train on",
    )
