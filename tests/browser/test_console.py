"""The console's pages of people in a real browser: search, sign-ins ended by keyboard, look, acting as."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from data.database import Change
from data.types import Role, Theme
from tests.browser.server import Server
from tests.browser.test_look import violations
from tests.browser.waiting import waiting
from tests.data.test_queries_accounts import add_identity, add_sign_in
from tests.world import NOW, add_account, add_driver

LONG = "A name of somebody whose parents could not agree, and who married twice, Unabbreviatedly-Hyphenated"


def people(change: Change) -> int:
    """Olga, Dana and her sign-in, and a hundred more; Dana's id."""
    now = datetime.now(UTC)
    add_account(change, "Olga Operator", Role.OPERATOR, theme=Theme.DARK)
    dana = add_driver(change, "Dana Driver")
    add_identity(change, dana)
    ends = {"ends_at": now.replace(year=now.year + 1), "expires_at": now.replace(year=now.year + 1)}
    add_sign_in(change, dana, now - NOW, browser_name="Firefox on Linux", address="192.0.2.1", **ends)
    add_driver(change, LONG, email="an.address.that.is.as.long.as.its.owner@subdomain.of.example.org")
    for number in range(110):
        add_driver(change, f"Driver {number}", email=f"driver{number}@example.org")
    return dana


def test_an_operator_finds_a_driver_ends_a_sign_in_and_acts_as_them(
    server: Server, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """T16, P23: search and address agree; a row's button works by keyboard; nothing is wider than a phone."""
    dana = server.database.change_now(people)
    server.start()
    wait = waiting(selenium)

    def see(selector: str, text: str) -> None:
        wait.until(
            lambda b: any(text in one.text for one in b.find_elements(By.CSS_SELECTOR, selector)), text
        )

    def look() -> None:
        for width in (390, 1440):
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
            selenium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            assert selenium.execute_script("return document.documentElement.scrollWidth") <= width
        assert violations(selenium) == []

    sign_in(selenium, "olga@example.org", "/admin/drivers")
    see("[role=status]", "The first 100 of 112")
    look()
    selenium.find_element(By.CSS_SELECTOR, "input[type=search]").send_keys("dana example")
    see("[role=status]", "1 of 112")
    assert selenium.current_url.endswith("/admin/drivers?search=dana+example")
    selenium.refresh()
    see("[role=status]", "1 of 112")
    selenium.find_element(By.LINK_TEXT, "Dana Driver").click()
    see("h1", "Dana Driver")
    look()

    end = wait.until(lambda b: b.find_element(By.CSS_SELECTOR, ".p-sign-in button"))
    assert end.get_attribute("aria-label") == "End: Firefox on Linux"
    end.send_keys(Keys.ENTER)
    see(".q-dialog h2", "End the sign-in at Firefox on Linux?")
    sure = selenium.find_element(By.CSS_SELECTOR, ".q-dialog .is-danger")
    assert sure.text == "Sign Dana Driver out there"
    sure.send_keys(Keys.ENTER)
    see(".p-person-sign-ins", "Nowhere at the moment.")
    see(".p-history", "Sign-in ended")
    wait.until(lambda b: not b.find_elements(By.CSS_SELECTOR, ".q-dialog"))

    reason = selenium.find_element(By.NAME, "reason")
    reason.send_keys("Ticket 4711", Keys.ENTER)
    wait.until(lambda b: b.current_url == f"{server.url}/")
    see(".p-acting", "Dana Driver")
    said = [one["message"] for one in selenium.get_log("browser") if one["level"] in ("SEVERE", "WARNING")]
    assert said == []
    assert dana > 0
