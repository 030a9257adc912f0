"""In a real browser: sign-in to dashboard under the content security policy, and sign-out (T16, T44)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from sqlalchemy import text

from data.database import Change
from tests import world
from tests.browser.conftest import SignIn
from tests.browser.server import Server
from tests.browser.waiting import body, connected, waiting


def violations(browser: webdriver.Chrome) -> list[str]:
    """What the browser complains about since the last look, except for one missing page's own 404."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING") or "Content Security Policy" in entry["message"]
    ]


def test_from_sign_in_to_the_dashboard_nothing_breaks_the_policy(
    selenium: webdriver.Chrome, server: Server, sign_in: SignIn
) -> None:
    """T44: not one violation, with the chart loaded; P1: back to where one wanted to go; P25: the zone."""
    start = datetime.now(UTC) - timedelta(hours=30)

    def fill(change: Change) -> None:
        driver = world.add_driver(change, tag="04AA", time_zone=None)
        charger = world.add_charger(change, site=world.add_site(change))
        world.add_plan(change, driver)
        world.add_session(change, charger=charger, connector=1, account=driver, started_at=start)

    server.database.change_now(fill)
    server.start()
    selenium.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kathmandu"})
    sign_in(selenium, path="/?period=year")
    assert selenium.current_url == f"{server.url}/?period=year"
    wait = waiting(selenium)
    wait.until(lambda b: "Charger CP1" in body(b))
    selenium.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".js-plotly-plot"))
    assert start.astimezone(ZoneInfo("Asia/Kathmandu")).strftime("%H:%M") in body(selenium)
    assert violations(selenium) == []
    zone = server.database.ask_now(lambda db: db.execute(text("SELECT time_zone FROM accounts")).scalar())
    assert zone in ("Asia/Kathmandu", "Asia/Katmandu")


@pytest.mark.alone
def test_sign_out_takes_every_window_along(
    selenium: webdriver.Chrome, server: Server, sign_in: SignIn
) -> None:
    """T16: within two seconds; T17: and back shows nothing."""
    server.database.change_now(world.add_driver)
    server.start()
    sign_in(selenium)
    waiting(selenium).until(lambda b: "Dana" in b.page_source)
    first = selenium.current_window_handle
    selenium.switch_to.new_window("tab")
    selenium.get(server.url + "/?period=year")
    waiting(selenium).until(lambda b: b.find_elements(By.CSS_SELECTOR, "h1"))
    connected(selenium)
    selenium.switch_to.window(first)
    connected(selenium)
    selenium.find_element(By.CSS_SELECTOR, "button[popovertarget=account-menu]").click()
    selenium.find_element(By.CSS_SELECTOR, "form[action='/auth/sign-out'] button").click()
    waiting(selenium, 2).until(lambda b: "/sign-in" in b.current_url)
    selenium.switch_to.window(selenium.window_handles[-1])
    waiting(selenium, 2).until(lambda b: "/sign-in" in b.current_url)
    waiting(selenium).until(lambda b: "You are signed out." in body(b))
    selenium.back()
    waiting(selenium).until(lambda b: b.find_elements(By.NAME, "password"))
    assert "Dana" not in selenium.page_source


def test_the_first_operator_comes_in(selenium: webdriver.Chrome, server: Server) -> None:
    """T22: by the link that the start printed, in a real form."""
    server.start()
    link = next(line.strip() for line in server.output().splitlines() if "/welcome/" in line)
    selenium.get(link)
    wait = waiting(selenium)
    wait.until(lambda b: b.find_elements(By.NAME, "name"))
    for name, value in (("name", "Olga"), ("email", "olga@example.org"), ("password", world.PASSWORD)):
        selenium.find_element(By.NAME, name).send_keys(value)
    selenium.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait.until(lambda b: b.current_url == f"{server.url}/admin/setup")
    wait.until(lambda b: "Where are your chargers?" in body(b))
    assert violations(selenium) == []
    assert link.rsplit("/", 1)[1] not in server.output().replace(link, "")


@pytest.mark.parametrize("width", [320, 390])
def test_sign_in_fits_a_phone(selenium: webdriver.Chrome, server: Server, width: int) -> None:
    """Nothing to scroll sideways, and nothing to hit that is smaller than a finger."""
    server.start()
    metrics = {"width": width, "height": 700, "deviceScaleFactor": 2, "mobile": True}
    selenium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    selenium.get(server.url + "/sign-in?problem=wrong")
    waiting(selenium).until(lambda b: b.find_elements(By.NAME, "email"))
    assert selenium.execute_script("return document.documentElement.scrollWidth") <= width
    for control in selenium.find_elements(By.CSS_SELECTOR, ".p-field input, .p-check, .p-submit"):
        assert control.size["height"] >= 44
    selenium.get(server.url + "/no-such-page")
    waiting(selenium).until(lambda b: "There is no such page." in body(b))
