"""What a Prefect server knows, asked over its API."""

import base64
import json
import time
import urllib.error
import urllib.request

from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

NAMES = {
    "nightly/nightly", "retrain/retrain", "backtest/backtest", "update-prices/update-prices", "prune/prune"
}  # fmt: skip


def _is_busy(error):
    """Whether the server asks to come again, as while its SQLite file is locked; Prefect's own clients do."""
    return isinstance(error, urllib.error.HTTPError) and error.code in {429, 502, 503}


@retry(retry=retry_if_exception(_is_busy), wait=wait_fixed(1), stop=stop_after_delay(60), reraise=True)
def ask(server, path, **body):
    return json.loads(_send(server, "POST", path, body))


@retry(retry=retry_if_exception(_is_busy), wait=wait_fixed(1), stop=stop_after_delay(60), reraise=True)
def send(server, method, path, body):
    _send(server, method, path, body)


def _send(server, method, path, body):
    headers = {"Content-Type": "application/json", "Authorization": login_header(server.login)}
    request = urllib.request.Request(  # noqa: S310  # the loopback
        f"{server.url}/{path}", json.dumps(body).encode(), headers, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            return answer.read()
    except urllib.error.HTTPError as error:
        with error:
            error.add_note(error.read().decode(errors="replace"))
        raise


def login_header(login):
    return "Basic " + base64.b64encode(login.encode()).decode()


def look(server):
    """Return what the server knows of each deployment, by flow and name."""
    flows = {flow["id"]: flow["name"] for flow in ask(server, "flows/filter")}
    return {f"{flows[one['flow_id']]}/{one['name']}": one for one in ask(server, "deployments/filter")}


def wait_for_end(server, run_id, *, seconds=240):
    """Return a run when it has ended, well or not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        (run,) = ask(server, "flow_runs/filter", flow_runs={"id": {"any_": [run_id]}})
        if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return run
        time.sleep(0.5)
    raise AssertionError(f"{run['state_name']} after {seconds} s")
