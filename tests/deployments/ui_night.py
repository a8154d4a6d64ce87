"""A night as Prefect's UI shows it, in a real browser: `make test-ui`.

Pictures of the pages are kept in the folder of --screenshots, else in pytest's own.
"""

import json
from urllib.parse import quote

import pytest
from prefect_api import ask, look, wait_for_end
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

NIGHT = {"tickers": ["SIM-A", "SIM-B"], "source": "simulated", "as_of": "2012-03-30T22:00:00+00:00"}
WITH_A_BAD_ONE = {"tickers": ["SIM-A", "NOPE"], "source": "stored", "as_of": "2012-03-30T22:00:00+00:00"}


@pytest.fixture(scope="module")
def nights(working):
    """Run a night of two tickers, then one with a ticker that is not there; return their runs."""
    home = working.folder / "ui"
    return [wait_for_end(working, working.start_night(night, home=home)) for night in (NIGHT, WITH_A_BAD_ONE)]


def artifact(server, run, key):
    (found,) = ask(
        server, "artifacts/filter", artifacts={"key": {"any_": [key]}, "flow_run_id": {"any_": [run["id"]]}}
    )
    return f"artifacts/artifact/{found['id']}"


def test_a_tickers_page_shows_the_verdict_in_words_and_the_report(browser, deployed, nights):
    browser.open(artifact(deployed, nights[0], "forecast-sim-a"), until="Backtest of 2012-03")
    assert "SIM-A is forecast to open at" in browser.text()
    image = browser.driver.find_element(By.CSS_SELECTOR, 'img[src^="data:image/png"]')
    loaded = "return arguments[0].complete && arguments[0].naturalWidth"
    WebDriverWait(browser.driver, 30).until(lambda driver: driver.execute_script(loaded, image))
    assert image.is_displayed()
    assert image.size["width"] > 500
    browser.picture("ticker")


def test_the_table_of_forecasts(browser, deployed, nights):
    browser.open(artifact(deployed, nights[0], "forecasts"), until="SIM-B")
    for words in ("ticker", "cutoff", "session", "forecast", "naive", "80 %", "95 %", "2012-04-02", "tiny"):
        assert words.lower() in browser.text().lower()
    browser.picture("forecasts")


def test_the_page_of_the_night_says_what_was_trained_and_what_failed(browser, deployed, nights):
    browser.open(artifact(deployed, nights[0], "night"), until="Open issues with prices")
    assert "trained from scratch (no model yet)" in browser.text()
    browser.picture("night")
    browser.open(artifact(deployed, nights[1], "night"), until="NOPE")
    assert "Nothing was due." in browser.text()
    browser.picture("night-with-a-bad-ticker")


def test_a_run_shows_its_steps_by_name_and_its_log(browser, deployed, nights):
    run = nights[0]
    assert run["name"] == "nightly SIM-A, SIM-B as of 2012-03-30 22:00"
    browser.open(f"runs/flow-run/{run['id']}", until="SIM-A: tiny, retrain")
    browser.wait_for("tiny forecasts open of 2012-04-02")
    browser.picture("run")


def test_the_form_says_what_each_field_is_and_refuses_a_bad_ticker(browser, deployed, nights):
    deployment = look(deployed)["nightly/nightly"]["id"]
    browser.open(f"deployments/deployment/{deployment}/run?parameters={quote('{}')}", until="Yahoo symbols")
    browser.picture("form")
    for words in ("as_of", "source", "spec", "epochs", "due_only", "An earlier one gives hindcasts"):
        assert words in browser.text()
    runs = len(ask(deployed, "flow_runs/filter"))
    wrong = quote(json.dumps({"tickers": ["../../x"], "source": "simulated"}))
    browser.open(f"deployments/deployment/{deployment}/run?parameters={wrong}", until="Yahoo symbols")
    browser.click("Submit")
    browser.wait_for("is not valid under any of the given schemas")
    browser.picture("form-refused")
    assert len(ask(deployed, "flow_runs/filter")) == runs
