"""The times of signs of life: an outage that a run waits for, or does not notice, declares no living run dead."""

from pathlib import Path

import yaml

from flows.automations import deployments_folder
from flows.prefect_home import _WITH_SERVER
from stockrnn.settings import Settings
from stockrnn.steps.run_process import MAX_SILENCE
from stockrnn.steps.signs_of_life import SECONDS_BETWEEN

HEARTBEAT = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"


def read(name):
    return yaml.safe_load(Path(deployments_folder() / name).read_text())


def test_an_outage_that_a_run_waits_for_is_over_long_before_the_run_is_declared_dead():
    (automation,) = [one for one in read("automations.yaml")["automations"] if "no sign of life" in one["name"]]
    within = automation["trigger"]["within"]
    assert within == 600
    assert automation["actions"][0]["message"].startswith("No sign of life for ten minutes")
    pools = read("prefect.yaml")["definitions"]["work_pools"]
    beats = {float(pools["process"]["job_variables"]["env"][HEARTBEAT]), float(_WITH_SERVER[HEARTBEAT])}
    assert beats == {SECONDS_BETWEEN}
    assert within == MAX_SILENCE.total_seconds()
    # the last sign may have come a beat before the outage, the next comes a beat after it, and one may be lost
    assert within > Settings().database_wait_seconds + 3 * SECONDS_BETWEEN
    assert within > 150 + 3 * SECONDS_BETWEEN  # an outage that was seen to kill a night
