"""The account page in real browsers: P25, T16."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sqlalchemy import text

from tests import world
from tests.browser.conftest import SignIn
from tests.browser.server import Server
from tests.browser.test_look import violations
from tests.browser.waiting import body, connected, waiting


@pytest.fixture
def elsewhere(chrome_options: webdriver.ChromeOptions) -> Iterator[webdriver.Chrome]:
    """Another browser."""
    browser = webdriver.Chrome(options=chrome_options)
    yield browser
    browser.quit()


def test_t16_everywhere_else_is_within_two_seconds(
    selenium: webdriver.Chrome,
    elsewhere: webdriver.Chrome,
    server: Server,
    sign_in: SignIn,
    alone: Callable[[], AbstractContextManager[None]],
) -> None:
    """T16: another browser's open page goes, with nobody touching it; and all of the page by keyboard."""
    server.database.change_now(world.add_driver, "Dana Driver")
    server.start()
    sign_in(elsewhere)
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    selenium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    sign_in(selenium, path="/account")
    wait = waiting(selenium)
    wait.until(lambda b: b.find_elements(By.NAME, "others"))
    assert selenium.execute_script("return document.documentElement.scrollWidth") <= 390
    assert violations(selenium) == []
    connected(elsewhere)

    others = selenium.find_element(By.XPATH, "//button[contains(., 'Sign out everywhere else')]")
    with alone():
        others.send_keys(Keys.ENTER)
        begun = time.monotonic()
        waiting(elsewhere, poll=0.05).until(lambda b: "/sign-in" in b.current_url)
        assert time.monotonic() - begun <= 2
    waiting(elsewhere).until(lambda b: "this sign-in was ended elsewhere" in body(b))
    wait.until(lambda b: "You are signed out everywhere else." in body(b))
    assert not selenium.find_elements(By.NAME, "others")

    # P25: what is typed finds a zone; a name that is typed meanwhile stays.
    selenium.find_element(By.NAME, "name").send_keys(" the Second")
    zone = selenium.find_element(By.CSS_SELECTOR, ".p-fields input[type=search]")
    selenium.execute_script("arguments[0].scrollIntoView({block: 'center'})", zone)
    zone.click()
    zone.send_keys(Keys.CONTROL, "a")
    zone.send_keys("ber")
    wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".q-menu .q-item")) > 1)
    zone.send_keys(Keys.TAB)
    wait.until(lambda b: "Several in the list match “ber”" in body(b))
    assert zone.get_attribute("value") == "Europe/Berlin"
    # What alone fits is taken: no arrow is needed.
    for typed, key, taken in (
        ("lisbo", Keys.ENTER, "Europe/Lisbon"),
        ("Vienna", Keys.TAB, "Europe/Vienna"),
    ):
        zone.click()
        zone.send_keys(Keys.CONTROL, "a")
        zone.send_keys(typed)
        wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".q-menu .q-item")) == 1)
        zone.send_keys(key)
        wait.until(lambda b, taken=taken: zone.get_attribute("value") == taken)
        wait.until(lambda b: not b.find_elements(By.CSS_SELECTOR, ".q-menu .q-item"))
    assert "Several in the list" not in body(selenium)
    zone.click()
    zone.send_keys(Keys.CONTROL, "a")
    zone.send_keys("kathm")
    wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".q-menu .q-item")) == 1)
    zone.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    assert selenium.find_element(By.NAME, "name").get_attribute("value") == "Dana Driver the Second"
    selenium.execute_script("window.polarisMark = true")
    selenium.find_element(By.CSS_SELECTOR, ".p-fields .p-button").send_keys(Keys.ENTER)
    wait.until(lambda b: kept(server, "time_zone") == "Asia/Kathmandu")
    wait.until(lambda b: b.execute_script("return !window.polarisMark"))  # the page is loaded anew

    # A dialog by keyboard: the careful way has the focus, Escape goes back to where one was.
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "button[popovertarget=deletion]"))
    ask = wait.until(lambda b: b.find_element(By.CSS_SELECTOR, "button[popovertarget=deletion]"))
    ask.send_keys(Keys.ENTER)
    wait.until(lambda b: b.switch_to.active_element.text == "Keep my account")
    selenium.switch_to.active_element.send_keys(Keys.ESCAPE)
    wait.until(lambda b: b.switch_to.active_element == ask)
    ask.send_keys(Keys.ENTER)
    selenium.find_element(By.CSS_SELECTOR, "#deletion button[type=submit]").click()
    wait.until(lambda b: "Withdraw the request" in body(b))
    assert kept(server, "deletion_requested_at") is not None
    complaints = [entry["message"] for entry in selenium.get_log("browser") if entry["level"] != "INFO"]
    assert complaints == []


def kept(server: Server, column: str) -> object:
    """What the account's *column* holds."""
    found = text(f"SELECT {column} FROM accounts")
    return server.database.ask_now(lambda db: db.execute(found).scalar())
