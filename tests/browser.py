"""A real browser on Prefect's UI: chromium, which draws nothing on a screen."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@contextmanager
def start_chrome(*options: str) -> Iterator[Chrome]:
    """Run a browser with a profile of its own until the block ends."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        pytest.fail(f"{' and '.join(missing)} not found; on Debian: apt-get install chromium chromium-driver")
    chosen = ChromeOptions()
    chosen.binary_location = programs["chromium"]
    for option in (*OPTIONS, *options):
        chosen.add_argument(option)
    driver = Chrome(options=chosen, service=Service(programs["chromedriver"]))
    try:
        yield driver
    finally:
        driver.quit()


class Browser:
    """A browser of one page at a time, which keeps a picture of each."""

    def __init__(self, driver, server, folder):
        self.driver = driver
        self._root = server.url.removesuffix("/api")
        self._login = server.login
        self._folder = folder

    def log_in(self):
        """Give the login to the page that asks for it."""
        self.open("", until="Login")
        self.driver.find_element(By.TAG_NAME, "input").send_keys(self._login)
        self.click("Login")
        self.wait_for("Dashboard")

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
