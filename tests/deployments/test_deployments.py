"""The deployments on a real server: what deploying makes, what is refused, and who is told of a failure."""

import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import HTTPError

import pytest
from prefect_api import NAMES, ask, look, send, wait_for_end

from stockrnn.sources.registry import SOURCE_NAMES

pytestmark = pytest.mark.exhaustive


def test_deploying_makes_five_deployments_with_schedules_limits_and_words(deployed):
    found = look(deployed)
    assert set(found) == NAMES
    schedules = {name: [s["schedule"] for s in one["schedules"]] for name, one in found.items()}
    assert [(s["cron"], s["timezone"]) for s in schedules["nightly/nightly"]] == [("35 * * * *", "UTC")]
    assert {name for name, made in schedules.items() if not made} == {"update-prices/update-prices"}
    for one in found.values():
        assert one["global_concurrency_limit"]["limit"] == 1
        assert one["concurrency_options"]["collision_strategy"] == "ENQUEUE"
        assert one["tags"] == ["stockrnn"]
        assert len(one["description"]) > 20
    (night,) = found["nightly/nightly"]["schedules"]
    assert night["parameters"] == {"due_only": True}
    assert {one["name"]: one["enabled"] for one in ask(deployed, "automations/filter")} == {
        "stockrnn: a run that gives no sign of life has crashed": True,
        "stockrnn: a run has failed": False,
        "stockrnn: no night for five days": False,
    }


def test_the_form_has_types_choices_and_help_texts(deployed):
    fields = look(deployed)["nightly/nightly"]["parameter_openapi_schema"]["properties"]
    assert "Yahoo symbols" in fields["tickers"]["description"]
    assert fields["source"]["anyOf"][0]["enum"] == list(SOURCE_NAMES)
    assert fields["due_only"]["default"] is False


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


@pytest.mark.parametrize("wrong", [{"source": "guess"}, {"tickers": ["../../x"]}])
def test_a_wrong_parameter_is_refused_before_a_run_is_made(deployed, wrong):
    with pytest.raises(HTTPError, match="409"):
        deployed.start_night(wrong)
    assert not any(run["parameters"].items() >= wrong.items() for run in ask(deployed, "flow_runs/filter"))


def test_an_unknown_parameter_is_refused_where_a_run_is_started(deployed):
    with pytest.raises(AssertionError, match="not found on the deployment"):
        deployed.prefect("deployment", "run", "nightly/nightly", "-p", "colour=1")
    assert not any("colour" in run["parameters"] for run in ask(deployed, "flow_runs/filter"))


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


def switch_on(url):
    """Let the automation tell the listener, as someone does in the UI; return it."""
    from prefect.automations import Automation
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.events.actions import SendNotification

    body = {"said": "{{subject}}: {{body}}"}
    block = CustomWebhookNotificationBlock(name="a test", url=url, json_data=body).save("a-test", overwrite=True)
    automation = Automation.read(name="stockrnn: a run has failed")
    automation.actions = [
        SendNotification(block_document_id=block, subject="{{ flow_run.name }}", body="{{ flow_run.state.message }}")
    ]
    automation.enabled = True
    automation.update()
    return automation


def wait_for_failures(server, run, *, number):
    """Return the events of a run that failed, as soon as the server has written down so many."""
    wanted = {"any_resource": {"id": [f"prefect.flow-run.{run}"]}, "event": {"name": ["prefect.flow-run.Failed"]}}
    deadline = time.monotonic() + 60
    while len(events := ask(server, "events/filter", filter=wanted)["events"]) < number:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return events


@pytest.mark.exhaustive
@pytest.mark.slow
def test_a_failed_night_is_told_to_a_webhook_once(working, webhook, prefect_api, tmp_path):
    url, told = webhook
    automation = switch_on(url)
    run = working.start_night({"tickers": ["NOPE"], "source": "stored"}, home=tmp_path)
    assert wait_for_end(working, run)["state_type"] == "FAILED"
    (failed,) = wait_for_failures(working, run, number=1)
    # the server takes up an event again where its database was locked: told anew, of the same moment
    again = [failed | {"id": str(uuid.uuid4()), "follows": None} for _ in range(3)]
    send(working, "POST", "events", again)
    wait_for_failures(working, run, number=1 + len(again))
    time.sleep(2)
    automation.enabled = False
    automation.update()
    (message,) = told
    assert "nightly NOPE as of" in message
    assert "0 of 1 tickers done; failed: NOPE: no prices are stored" in message
    logged = (working.folder / "worker.log").read_text()
    assert "Finished in state Failed" in logged
    assert "Traceback" not in logged
