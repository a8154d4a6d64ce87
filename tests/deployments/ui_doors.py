"""What another web page may do to the Prefect server, tried in a real browser: `make test-ui`."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from browser import Browser, start_chrome
from prefect_api import ask
from selenium.webdriver.common.by import By

ATTACK = """
const [api, done] = arguments;
const flow = name => JSON.stringify({name});
const socket = path => new Promise(resolve => {
    const way = new WebSocket(api.replace('http', 'ws') + path);
    way.onopen = () => way.send(JSON.stringify({type: 'filter', filter: {}, event: 'attack', resource: {
        'prefect.resource.id': 'attack'}, occurred: new Date().toISOString(), id: crypto.randomUUID()}));
    way.onmessage = message => resolve('read ' + message.data);
    way.onclose = end => resolve('closed ' + end.code);
    setTimeout(() => resolve('open'), 3000);
});
const ways = {
    read: () => fetch(api + '/flows/filter', {method: 'POST'}).then(answer => answer.text()),
    settings: () => fetch(api + '/admin/settings').then(answer => answer.text()),
    json: () => fetch(api + '/flows/', {method: 'POST', body: flow('attack-json'),
        headers: {'Content-Type': 'application/json'}}).then(answer => answer.text()),
    plain: () => fetch(api + '/flows/', {method: 'POST', mode: 'no-cors', body: flow('attack-plain')}),
    untyped: () => fetch(api + '/flows/', {method: 'POST', mode: 'no-cors',
        body: new Blob([flow('attack-untyped')])}),
    events_in: () => socket('/events/in'),
    events_out: () => socket('/events/out'),
};
(async () => {
    const found = {};
    for (const [name, way] of Object.entries(ways)) {
        try { found[name] = String(await way()); } catch (error) { found[name] = String(error); }
    }
    done(JSON.stringify(found));
})();
"""
"""Everything that a page can try: what it read, or why it could not."""


@pytest.fixture(scope="module")
def chrome(server):
    port = urlsplit(server.url).port
    # a name of an attacker's, which first led to his page and now leads to this machine
    with start_chrome(f"--host-resolver-rules=MAP attacker.test:{port} 127.0.0.1:{port}") as driver:
        driver.set_script_timeout(60)
        yield driver


@pytest.fixture
def page():
    """A web page of another origin."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<p>hello</p>")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}/"
        served.shutdown()


def attack(chrome, url, api):
    chrome.get(url)
    found = json.loads(chrome.execute_async_script(ATTACK, api))
    print(json.dumps(found, indent=2)[:3000])
    return found


def check_that_nothing_was_made(server):
    assert not {flow["name"] for flow in ask(server, "flows/filter") if flow["name"].startswith("attack")}
    assert ask(server, "events/filter", filter={"event": {"name": ["attack"]}})["events"] == []


def test_another_page_makes_and_reads_nothing(chrome, server, page):
    found = attack(chrome, page, server.url)
    assert {found[name] for name in ("read", "settings", "json")} == {"TypeError: Failed to fetch"}
    assert found["events_in"].startswith("closed")
    assert found["events_out"].startswith("closed")
    check_that_nothing_was_made(server)


def test_a_page_whose_name_now_leads_here_makes_and_reads_nothing(chrome, server):
    root = f"http://attacker.test:{urlsplit(server.url).port}"
    found = attack(chrome, root, f"{root}/api")
    assert {found[name] for name in ("read", "settings", "json")} == {'{"exception_message":"Unauthorized"}'}
    assert found["events_in"].startswith("closed")
    assert found["events_out"].startswith("closed")
    check_that_nothing_was_made(server)


def test_the_page_asks_for_the_login_once_and_refuses_a_guess(chrome, server, screenshots):
    page = Browser(chrome, server, screenshots)
    page.open("", until="Login")
    page.picture("login")
    chrome.find_element(By.TAG_NAME, "input").send_keys("stockrnn:guess")
    page.click("Login")
    page.wait_for("Invalid credentials")
    page.log_in()
    page.open("deployments", until="Deployments")
    page.open("v2/variables", until="Add a variable")
    page.picture("logged-in")
