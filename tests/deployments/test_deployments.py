"""The deployments on a real server: what deploying makes, and a night by hand through a real worker."""

import json

import pytest
from prefect_api import NAMES, ask, look


def test_deploying_makes_five_deployments_with_schedules_limits_and_words(deployed):
    found = look(deployed)
    assert set(found) == NAMES
    schedules = {name: [s["schedule"] for s in one["schedules"]] for name, one in found.items()}
    assert [(s["cron"], s["timezone"]) for s in schedules["nightly/nightly"]] == [
        ("30 20 * * 1-5", "America/New_York")
    ]
    assert {name for name, made in schedules.items() if not made} == {"update-prices/update-prices"}
    for one in found.values():
        assert one["global_concurrency_limit"]["limit"] == 1
        assert one["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert one["tags"] == ["stockrnn"]
        assert len(one["description"]) > 20
    (night,) = found["nightly/nightly"]["schedules"]
    assert night["parameters"] == {"sessions_only": True}
    assert {one["name"]: one["enabled"] for one in ask(deployed, "automations/filter")} == {
        "stockrnn: a run that gives no sign of life has crashed": True,
        "stockrnn: a run has failed": False,
        "stockrnn: no night for five days": False,
    }


def test_the_form_has_types_choices_and_help_texts(deployed):
    fields = look(deployed)["nightly/nightly"]["parameter_openapi_schema"]["properties"]
    assert "Yahoo symbols" in fields["tickers"]["description"]
    assert fields["source"]["enum"] == ["yahoo", "simulated", "stored"]
    assert fields["sessions_only"]["default"] is False


def test_deploying_again_changes_nothing(deployed):
    kept = ("id", "version", "schedules", "parameters", "tags", "description", "concurrency_options", "entrypoint")
    before = {name: {key: one[key] for key in kept} for name, one in look(deployed).items()}
    deployed.deploy()
    after = {name: {key: one[key] for key in kept} for name, one in look(deployed).items()}
    for one in (*before.values(), *after.values()):
        for schedule in one["schedules"]:
            schedule.pop("updated", None)
    assert after == before
    assert len(ask(deployed, "automations/filter")) == 3


@pytest.mark.parametrize("option", ['source="guess"', 'tickers=["../../x"]', "colour=1"])
def test_a_wrong_parameter_is_refused_before_a_run_is_made(deployed, option):
    with pytest.raises(AssertionError, match=r"Validation failed|not found on the deployment"):
        deployed.prefect("deployment", "run", "nightly/nightly", "-p", option)
    name, _, value = option.partition("=")
    made = ask(deployed, "flow_runs/filter")
    assert not any(run["parameters"].get(name) == json.loads(value) for run in made)
