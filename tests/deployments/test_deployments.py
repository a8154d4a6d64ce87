"""The deployments on a real server: what deploying makes, what is refused, and who is told of a failure."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prefect_api import NAMES, ask, look, send, wait_for_end

from stockrnn.sources.registry import SOURCE_NAMES


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
    assert fields["source"]["enum"] == list(SOURCE_NAMES)
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


SWITCH_ON = """
import sys
from prefect.automations import Automation
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.events.actions import SendNotification

block = CustomWebhookNotificationBlock(name="a test", url=sys.argv[1], json_data={"said": "{{subject}}: {{body}}"})
told = block.save("a-test", overwrite=True)
automation = Automation.read(name="stockrnn: a run has failed")
automation.actions = [
    SendNotification(block_document_id=told, subject="{{ flow_run.name }}", body="{{ flow_run.state.message }}")
]
automation.enabled = True
automation.update()
"""


@pytest.fixture
def webhook():
    """A listener that notes what it is told."""
    told = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", told
        server.shutdown()


@pytest.mark.slow
def test_a_failed_night_is_told_to_a_webhook(deployed, start_worker, webhook):
    url, told = webhook
    subprocess.run([sys.executable, "-c", SWITCH_ON, url], env=deployed.environment, check=True)
    start_worker(STOCKRNN_HOME=str(deployed.folder / "failed"))
    nightly = look(deployed)["nightly/nightly"]["id"]
    parameters = {"tickers": ["NOPE"], "source": "stored"}
    run = ask(deployed, f"deployments/{nightly}/create_flow_run", parameters=parameters)
    assert wait_for_end(deployed, run["id"])["state_type"] == "FAILED"
    for _ in range(60):
        if told:
            break
        threading.Event().wait(0.5)
    (automation,) = [one for one in ask(deployed, "automations/filter") if one["name"].endswith("a run has failed")]
    send(deployed, "PATCH", f"automations/{automation['id']}", enabled=False)
    (message,) = told
    assert "nightly NOPE as of" in message
    assert "0 of 1 tickers done; failed: NOPE: no prices are stored" in message
