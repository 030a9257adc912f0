"""A screen is paired from the console and taken back, in two windows of a real browser (K1, K2, K7)."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from data.database import Change, Database
from data.types import Role, Theme
from tests.browser.server import Server
from tests.browser.test_look import violations
from tests.browser.waiting import body, waiting
from tests.world import add_account, add_charger, add_site


def fill(change: Change) -> None:
    """An operator, and a site with a charger."""
    add_account(change, "Olga Operator", Role.OPERATOR, theme=Theme.DARK)
    add_charger(change, site=add_site(change), name="Bay 1", seen=datetime.now(UTC))


def test_k1_k2_a_screen_is_paired_from_the_console_and_taken_back(
    server: Server, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """Nobody touches the screen, and the console's page says what became of it without a reload."""
    server.database.change_now(fill)
    server.start()
    wait = waiting(selenium)

    def see(text: str) -> None:
        wait.until(lambda b: text in body(b), text)

    def look(within: str = "html") -> None:
        for width in (320, 1440):
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
            selenium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            assert selenium.execute_script("return document.documentElement.scrollWidth") <= width
        assert violations(selenium, within) == []

    console = selenium.current_window_handle
    sign_in(selenium, "olga@example.org", "/admin/displays")
    see(f"Open {server.url}/kiosk on it")
    look()
    selenium.switch_to.new_window("window")
    screen = selenium.current_window_handle
    selenium.get(server.url + "/kiosk")
    code = wait.until(
        lambda b: (
            "".join(one.text for one in b.find_elements(By.CSS_SELECTOR, ".k-pairing-code span"))
            if b.find_elements(By.CSS_SELECTOR, ".k-pairing-qr img[src]")
            else ""
        )
    )

    selenium.switch_to.window(console)
    selenium.get(server.url + "/admin/displays/new")
    wait.until(lambda b: b.switch_to.active_element.get_attribute("aria-label") == "Code on the screen")
    look()
    selenium.switch_to.active_element.send_keys(f"{code[:4].lower()}-{code[4:].lower()}")
    name = selenium.find_element(By.CSS_SELECTOR, "[aria-label='Name']")
    name.send_keys("Entrance", Keys.ENTER)
    see("This display")
    see("The screen shows its board now.")
    look()

    selenium.switch_to.window(screen)
    wait.until(lambda b: [one.text for one in b.find_elements(By.CSS_SELECTOR, ".k-name")] == ["Bay 1"])

    selenium.switch_to.window(console)
    selenium.find_element(By.XPATH, "//button[contains(., 'Take back Entrance')]").send_keys(Keys.ENTER)
    sure = (By.CSS_SELECTOR, ".q-dialog .is-danger")
    wait.until(lambda b: b.find_element(*sure).text == "Take back Entrance")
    selenium.find_element(*sure).send_keys(Keys.ENTER)
    see(f"Open {server.url}/kiosk on it")

    selenium.switch_to.window(screen)
    again = wait.until(
        lambda b: "".join(one.text for one in b.find_elements(By.CSS_SELECTOR, ".k-pairing-code span"))
    )
    assert len(again) == 8
    assert again != code


CODE = ".k-pairing-code span"
SHOWN = "return [...document.querySelectorAll('{}')].map(e => e.textContent).join('')"


def test_k1_k2_the_console_may_be_another_process_than_the_screen_s(
    tmp_path: Path,
    migrated_file: Path,
    server: Server,
    postgres_database: Database,
    selenium: webdriver.Chrome,
    sign_in: Callable[..., None],
    alone: Callable[[], AbstractContextManager[None]],
) -> None:
    """K1, K2: two portals on one PostgreSQL database: the board within 2 s, and within 5 s no more."""
    postgres_database.change_now(fill)
    (tmp_path / "other").mkdir()
    other = Server(tmp_path / "other", migrated_file)
    try:
        for one in (server, other):
            one.database_url = postgres_database.url.render_as_string(hide_password=False)
            one.start()
        wait = waiting(selenium)
        console = selenium.current_window_handle
        sign_in(selenium, "olga@example.org", "/admin/displays/new")
        selenium.switch_to.new_window("window")
        screen = selenium.current_window_handle
        selenium.get(other.url + "/kiosk")
        code = wait.until(lambda b: _code(b))

        selenium.switch_to.window(console)
        wait.until(lambda b: b.switch_to.active_element.get_attribute("aria-label") == "Code on the screen")
        selenium.switch_to.active_element.send_keys(code)
        name = selenium.find_element(By.CSS_SELECTOR, "[aria-label='Name']")
        name.send_keys("Entrance")
        back = (By.XPATH, "//button[contains(., 'Take back Entrance')]")
        sure = (By.CSS_SELECTOR, ".q-dialog .is-danger")
        with alone():
            name.send_keys(Keys.ENTER)
            confirmed = time.monotonic()
            selenium.switch_to.window(screen)
            wait.until(lambda b: b.execute_script(SHOWN.format(".k-name")) == "Bay 1")
            assert time.monotonic() - confirmed < 2

            selenium.switch_to.window(console)
            wait.until(lambda b: b.find_elements(*back))
            selenium.find_element(*back).send_keys(Keys.ENTER)
            wait.until(lambda b: b.find_element(*sure).text == "Take back Entrance")
            selenium.find_element(*sure).send_keys(Keys.ENTER)
            revoked = time.monotonic()
            selenium.switch_to.window(screen)
            wait.until(lambda b: not b.execute_script(SHOWN.format(".k-name")))
            assert time.monotonic() - revoked < 5
        assert wait.until(lambda b: _code(b)) != code
    finally:
        other.close()


def _code(browser: webdriver.Chrome) -> str:
    """The code that a screen shows, or nothing while it has none."""
    shown = str(browser.execute_script(SHOWN.format(CODE)))
    return shown if shown.isalnum() else ""
