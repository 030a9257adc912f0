"""One-time links in a real browser, on a phone: T22, T37, T41, T44."""

from __future__ import annotations

import asyncio

from selenium import webdriver
from selenium.webdriver.common.by import By

from data.caller import COMMAND_LINE
from data.types import Role
from tests.app.test_links import NEW, service
from tests.browser.server import Server
from tests.browser.test_security import body, violations
from tests.browser.waiting import waiting
from tests.world import add_account

HOSTILE = "Dana <img src=x onerror=alert(1)>{{7*7}}"


def test_an_invitation_and_the_break_glass_link(selenium: webdriver.Chrome, server: Server) -> None:
    """T22: from the link to the dashboard, and into the console, by plain forms that fit 320 pixels (T44).

    T41: the invited one's name is text. T37: coming back to a used link changes nothing and says so.
    """
    server.start()
    links = service(server.database, public_url=server.url)
    dana = asyncio.run(links.invite(COMMAND_LINE, name=HOSTILE, email="dana@example.org", role=Role.DRIVER))
    olga = server.database.change_now(add_account, "Olga Operator", Role.OPERATOR)
    enter = asyncio.run(links.sign_in_link(COMMAND_LINE, olga))
    metrics = {"width": 320, "height": 700, "deviceScaleFactor": 2, "mobile": True}
    selenium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wait = waiting(selenium)

    selenium.get(dana.address)
    wait.until(lambda b: b.find_elements(By.NAME, "password"))
    assert f"Welcome, {HOSTILE}" in body(selenium)
    assert selenium.execute_script("return document.documentElement.scrollWidth") <= 320
    for control in selenium.find_elements(By.CSS_SELECTOR, ".p-field input, .p-submit"):
        assert control.size["height"] >= 44
    name = selenium.find_element(By.NAME, "name")
    assert name.get_attribute("value") == HOSTILE
    name.clear()
    name.send_keys("Dana Driver")
    selenium.find_element(By.NAME, "password").send_keys(NEW)
    selenium.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait.until(lambda b: b.current_url == f"{server.url}/")
    wait.until(lambda b: "Your charging" in body(b))

    selenium.get(enter.address)
    wait.until(lambda b: "This link was made on the server and signs Olga Operator in" in body(b))
    selenium.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait.until(lambda b: b.current_url == f"{server.url}/admin")
    assert violations(selenium) == []

    selenium.get(enter.address)
    wait.until(lambda b: "This link can't be used any more." in body(b))
    assert enter.address.rsplit("/", 1)[1] not in server.output()
    assert dana.address.rsplit("/", 1)[1] not in server.output()
