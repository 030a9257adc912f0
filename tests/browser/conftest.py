"""A real browser before the real process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.flags import FLAGS, take_the_driver_of_this_machine
from tests.browser.plugs import Loop
from tests.browser.server import Server
from tests.browser.waiting import waiting
from tests.world import PASSWORD


@pytest.fixture(scope="session", autouse=True)
def _driver_of_this_machine() -> None:
    take_the_driver_of_this_machine()


@pytest.fixture
def chrome_options(chrome_options: webdriver.ChromeOptions) -> webdriver.ChromeOptions:
    """Chromium for a machine without a screen and without a network."""
    return configured(chrome_options)


def configured(options: webdriver.ChromeOptions) -> webdriver.ChromeOptions:
    """*options* with what this machine wants; for who starts a browser without the fixture."""
    for flag in (*FLAGS, "--window-size=1440,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options


@pytest.fixture
def server(tmp_path: Path, migrated_file: Path) -> Iterator[Server]:
    """A portal that is not started yet: add rows to its ``database`` first."""
    server = Server(tmp_path, migrated_file)
    yield server
    server.close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    """Where simulated chargers run beside a test that waits for the browser."""
    loop = Loop()
    yield loop
    loop.close()


SignIn = Callable[..., None]


@pytest.fixture
def sign_in(server: Server) -> SignIn:
    """Sign a driver in by the form: ``sign_in(browser, email)``; waits for the dashboard."""

    def sign_in(browser: webdriver.Chrome, email: str = "dana@example.org", path: str = "/") -> None:
        browser.get(server.url + path)
        wait = waiting(browser)
        wait.until(lambda b: b.find_elements(By.NAME, "email"))
        browser.find_element(By.NAME, "email").send_keys(email)
        browser.find_element(By.NAME, "password").send_keys(PASSWORD)
        browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
        wait.until(lambda b: "/sign-in" not in b.current_url)

    return sign_in
