"""The doors of the Prefect server that `stockrnn server` starts: who gets in without its login. Nobody does."""

import asyncio
import http.client
import json
import os
import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import websockets
from prefect_api import ask, login_header

from flows.server import adopt_login, login_path
from stockrnn.settings import Settings

README = (Path(__file__).parents[2] / "README.md").read_text()
STRANGER = {"Origin": "http://attacker.test"}
FLOW = json.dumps({"name": "made-by-a-stranger"})
JSON = {"Content-Type": "application/json"}
WAYS = {
    "another page's JSON": ("POST", STRANGER | JSON),
    "another page's plain text, for which a browser asks nobody": ("POST", STRANGER | {"Content-Type": "text/plain"}),
    "another page's request without a type, which Prefect takes for JSON": ("POST", STRANGER),
    "a name that now leads here": (
        "POST",
        {"Host": "attacker.test:4200", "Origin": "http://attacker.test:4200"} | JSON,
    ),
    "another user of this machine": ("POST", JSON),
    "a wrong login": ("POST", JSON | {"Authorization": login_header("stockrnn:guess")}),
}
pytestmark = pytest.mark.exhaustive


def request(server, method, path, headers, body=None):
    """Send exactly these headers; return status, headers and text of the answer."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("way", WAYS)
def test_nobody_makes_or_reads_anything_without_the_login(server, way):
    method, headers = WAYS[way]
    assert request(server, method, "/api/flows/", headers, FLOW)[0] == 401
    assert request(server, "GET", "/api/admin/settings", headers)[0] == 401
    assert request(server, "DELETE", "/api/admin/database/clear", headers)[0] == 401
    assert "made-by-a-stranger" not in {flow["name"] for flow in ask(server, "flows/filter")}


def test_the_same_request_with_the_login_is_taken_without_a_type_too(server):
    headers = {"Authorization": login_header(server.login)}
    status, _, text = request(server, "POST", "/api/flows/", headers, json.dumps({"name": "made-with-the-login"}))
    assert (status, json.loads(text)["name"]) == (201, "made-with-the-login")


def test_a_browser_lets_no_other_page_ask_with_a_login_or_read_an_answer(server):
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    status, headers, _ = request(server, "OPTIONS", "/api/flows/", STRANGER | asks)
    assert (status, headers["Access-Control-Allow-Origin"]) == (400, None)
    status, headers, _ = request(server, "GET", "/api/health", STRANGER)
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, None)


@pytest.mark.parametrize("path", ["events/in", "events/out", "logs/out"])
@pytest.mark.parametrize("protocol", [None, "prefect"])
def test_a_socket_which_no_rule_of_browsers_guards_wants_the_login_too(server, path, protocol):
    async def knock():
        url = f"{server.url.replace('http', 'ws')}/{path}"
        async with websockets.connect(
            url, origin="http://attacker.test", subprotocols=protocol and [protocol]
        ) as way:
            await way.send(json.dumps({"type": "auth", "token": "stockrnn:guess"}))
            return await way.recv()

    refused = (websockets.InvalidStatus, websockets.ConnectionClosed)
    with pytest.raises(refused):
        asyncio.run(knock())


def test_what_is_open_to_all_is_the_page_and_whether_the_server_is_well(server):
    assert request(server, "GET", "/api/health", {})[2] == "true"
    status, _, text = request(server, "GET", "/ui-settings", {})
    assert (status, json.loads(text)["auth"], json.loads(text)["api_url"]) == (200, "BASIC", "/api")
    status, _, text = request(server, "GET", "/", {"Accept": "text/html"})
    assert status in {200, 307}
    assert server.login not in text


def test_the_commands_of_prefect_get_address_and_login_as_the_readme_says(server):
    line = next(line for line in README.splitlines() if line.startswith("export $(cat "))
    path = "stockrnn-data/prefect-server/login.env"
    assert line == f"export $(cat {path})"
    script = line.replace(path, str(server.database.with_name("login.env"))) + "; env"
    said = subprocess.run(["sh", "-euc", script], env={}, capture_output=True, text=True, check=True).stdout.split()
    assert {f"PREFECT_API_URL={server.url}", f"PREFECT_API_AUTH_STRING={server.login}"} <= set(said)


def test_the_login_is_for_its_owner_alone_and_found_where_the_server_was_started(server, monkeypatch):
    settings = Settings(home=server.database.parents[1])
    path = login_path(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
        monkeypatch.setenv(name, "unset")  # put back after the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_API_URL", "http://another.test:4200/api")
    adopt_login(settings)
    assert "PREFECT_API_AUTH_STRING" not in os.environ
    monkeypatch.delenv("PREFECT_API_URL")
    adopt_login(settings)
    assert (os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"]) == (server.url, server.login)
