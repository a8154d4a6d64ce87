"""A night as Prefect's UI shows it, in a real browser: `make test-ui`.

Pictures of the pages are kept in the folder of --screenshots, else in pytest's own.
"""

import json
import shutil
from urllib.parse import quote

import pytest
from prefect_api import ask, look, wait_for_end
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

NIGHT = {"tickers": ["SIM-A", "SIM-B"], "source": "simulated", "as_of": "2012-03-30T22:00:00+00:00"}
WITH_A_BAD_ONE = {"tickers": ["SIM-A", "NOPE"], "source": "stored", "as_of": "2012-03-30T22:00:00+00:00"}


class Browser:
    """A browser of one page at a time, which keeps a picture of each."""

    def __init__(self, driver, server, folder):
        self.driver = driver
        self._root = server.url.removesuffix("/api")
        self._folder = folder

    def open(self, path, *, until):
        """Open a page of the UI and wait until it shows a text."""
        self.driver.get(f"{self._root}/{path}")
        self.wait_for(until)

    def wait_for(self, words, *, seconds=60):
        try:
            WebDriverWait(self.driver, seconds).until(lambda _: words in self.text())
        except TimeoutException:
            self.picture("failed")
            raise AssertionError(f"{words!r} does not show in:\n{self.text()}") from None

    def click(self, words):
        self.driver.find_element(By.XPATH, f"//button[normalize-space()='{words}']").click()

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def picture(self, name):
        path = self._folder / f"{name}.png"
        # as high as the page, so that all of it is on the picture
        height = self.driver.execute_script(
            "return Math.max(...[...document.querySelectorAll('*')].map(one => one.scrollHeight))"
        )
        self.driver.set_window_size(1400, min(max(height + 150, 900), 6000))
        self.driver.save_screenshot(str(path))
        self.driver.set_window_size(1400, 1000)
        print(path)


@pytest.fixture(scope="module")
def browser(server, tmp_path_factory, request):
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        pytest.fail(f"{' and '.join(missing)} not found; on Debian: apt-get install chromium chromium-driver")
    folder = request.config.getoption("--screenshots") or tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    options = ChromeOptions()
    options.binary_location = programs["chromium"]
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"):
        options.add_argument(option)
    driver = Chrome(options=options, service=Service(programs["chromedriver"]))
    yield Browser(driver, server, folder)
    driver.quit()


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
    for words in ("as_of", "source", "spec", "epochs", "sessions_only", "An earlier one gives hindcasts"):
        assert words in browser.text()
    runs = len(ask(deployed, "flow_runs/filter"))
    wrong = quote(json.dumps({"tickers": ["../../x"], "source": "simulated"}))
    browser.open(f"deployments/deployment/{deployment}/run?parameters={wrong}", until="Yahoo symbols")
    browser.click("Submit")
    browser.wait_for("is not valid under any of the given schemas")
    browser.picture("form-refused")
    assert len(ask(deployed, "flow_runs/filter")) == runs
