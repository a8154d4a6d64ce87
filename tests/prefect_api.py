"""What a Prefect server knows, asked over its API."""

import json
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
    with urllib.request.urlopen(_post(f"{server.url}/{path}", body), timeout=30) as answer:  # noqa: S310  # loopback
        return json.load(answer)


def _post(url, body):
    return urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310


def look(server):
    """Return what the server knows of each deployment, by flow and name."""
    flows = {flow["id"]: flow["name"] for flow in ask(server, "flows/filter")}
    return {f"{flows[one['flow_id']]}/{one['name']}": one for one in ask(server, "deployments/filter")}
