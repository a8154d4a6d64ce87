"""What a Prefect server knows, asked over its API."""

import json
import urllib.request

NAMES = {
    "nightly/nightly", "retrain/retrain", "backtest/backtest", "update-prices/update-prices", "prune/prune"
}  # fmt: skip


def ask(server, path, **body):
    with urllib.request.urlopen(_post(f"{server.url}/{path}", body), timeout=30) as answer:  # noqa: S310  # loopback
        return json.load(answer)


def _post(url, body):
    return urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310


def look(server):
    """Return what the server knows of each deployment, by flow and name."""
    flows = {flow["id"]: flow["name"] for flow in ask(server, "flows/filter")}
    return {f"{flows[one['flow_id']]}/{one['name']}": one for one in ask(server, "deployments/filter")}
