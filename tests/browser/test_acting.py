"""In a real browser: several accounts at one browser, and an operator who acts as a driver (P3, P23, P24)."""

from __future__ import annotations

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from data.types import Role
from tests import world
from tests.browser.conftest import SignIn
from tests.browser.server import Server
from tests.browser.test_look import violations
from tests.browser.test_security import body
from tests.browser.test_security import violations as complaints
from tests.browser.waiting import until

WHY = "Ticket 4711: <b>bill</b> looks wrong"
BANNER = "You are acting as Dana <i>Driver</i>. You see the portal as they do. Nothing can be changed."


def _moving(browser: webdriver.Chrome) -> object:
    return browser.execute_script("return document.getAnimations().length")


def button(browser: webdriver.Chrome, place: str, words: str = "") -> WebElement:
    """What is to be clicked within *place*, as soon as it is there."""
    found: list[WebElement] = []

    def look() -> bool:
        found[:] = [one for one in browser.find_elements(By.CSS_SELECTOR, place) if words in one.text]
        return bool(found)

    until(look)
    return found[0]


def test_an_operator_acts_as_a_driver_and_both_are_told(
    selenium: webdriver.Chrome, server: Server, sign_in: SignIn
) -> None:
    """P23, P24, T29 and the driver's list of visits; P3 with the sockets of pages out of reach."""
    dana = server.database.change_now(lambda change: world.add_driver(change, "Dana <i>Driver</i>"))
    server.database.change_now(lambda change: world.add_account(change, "Olga Operator", Role.OPERATOR))
    server.start()
    sign_in(selenium, "olga@example.org", f"/admin/drivers/{dana}")
    button(selenium, "form[action='/auth/acting/begin'] input[name=reason]").send_keys(WHY)
    button(selenium, "form[action='/auth/acting/begin'] button").click()
    until(lambda: selenium.current_url == server.url + "/")
    until(lambda: BANNER in body(selenium))
    assert "30 min left" in body(selenium)

    # Nothing can be changed, and the page says so.
    button(selenium, ".p-settings").click()
    button(selenium, ".p-dialog .q-field", "Appearance").click()
    button(selenium, ".q-menu .q-item", "Dark").click()
    button(selenium, ".p-dialog .q-btn", "Save").click()
    said = button(selenium, ".q-notification", "you can look at everything and change nothing")
    assert said.get_attribute("role") == "alert"
    # Half faded in or out, no text has its contrast: looked at while it stands still.
    until(lambda: said.value_of_css_property("opacity") == "1" and not _moving(selenium))
    until(lambda: not selenium.find_elements(By.CSS_SELECTOR, ".p-dialog"))
    assert violations(selenium) == []
    assert selenium.find_elements(By.CSS_SELECTOR, "body.body--light")

    # It stays in sight, on the other pages too; on a phone with the places at the bottom.
    metrics = {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": True}
    selenium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    button(selenium, ".p-nav a", "Account").click()
    until(lambda: selenium.current_url.endswith("/account"))
    until(lambda: BANNER in body(selenium))
    assert selenium.find_element(By.CSS_SELECTOR, ".p-nav a[aria-current=page]").text == "Account"
    assert selenium.execute_script("return document.documentElement.scrollWidth") <= 320
    selenium.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    assert selenium.execute_script(
        "return document.querySelector('.p-acting').getBoundingClientRect().top === 0"
    )
    for control in selenium.find_elements(By.CSS_SELECTOR, ".p-acting button, .p-nav a"):
        assert control.size["height"] >= 44
    selenium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    button(selenium, ".p-acting button").click()
    until(lambda: selenium.current_url == server.url + "/admin")
    assert not selenium.find_elements(By.CSS_SELECTOR, ".p-acting")

    # The driver signs in beside the operator, and reads of the visit.
    button(selenium, "[popovertarget=account-menu]").click()
    button(selenium, ".p-menu a", "Switch account").click()
    until(lambda: "Olga Operator" in body(selenium))
    assert violations(selenium) == []
    button(selenium, ".p-other").click()
    sign_in(selenium, path="/sign-in?another=yes")
    until(lambda: selenium.current_url == server.url + "/")
    selenium.get(server.url + "/account")
    until(lambda: f"Reason: {WHY}" in body(selenium))
    assert "Olga" not in body(selenium)  # by which role, not by whom

    # Back, with nothing but a form.
    selenium.execute_cdp_cmd("Network.enable", {})
    selenium.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*_nicegui_ws*"]})
    assert complaints(selenium) == []
    selenium.get(server.url + "/switch")
    until(lambda: "Current" in body(selenium))
    button(selenium, ".p-account", "Olga").click()
    until(lambda: selenium.current_url == server.url + "/admin")
