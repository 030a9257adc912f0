"""The one display of many that needs a hand is found with a keyboard alone (K7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sqlalchemy import update

from app.about import VERSION
from data.database import Change
from data.models import Display
from data.types import Role, Theme
from tests.browser.server import Server
from tests.browser.test_look import violations
from tests.browser.waiting import body, waiting
from tests.world import add_account, add_display, add_site

SILENT, OTHER = 22, 5


def fill(change: Change) -> None:
    """Twelve sites with two displays each."""
    add_account(change, "Olga Operator", Role.OPERATOR, theme=Theme.DARK, language="de")
    for n in range(12):
        site = add_site(change, f"Parkhaus Stadtmitte {n + 1}")
        for name in ("Einfahrt", "Kasse"):
            add_display(change, name, site=site, version=VERSION, width=1920, height=1080)


def answer(change: Change) -> None:
    """All screens answer but one, and one of them with another version."""
    now = datetime.now(UTC)
    change.execute(update(Display).values(last_seen_at=now))
    change.execute(update(Display).where(Display.id == SILENT).values(last_seen_at=now - timedelta(hours=7)))
    change.execute(update(Display).where(Display.id == OTHER).values(version="0.0.9"))


def test_k7_one_of_24_displays_is_found_with_a_keyboard_alone(
    server: Server, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """From the overview's link to the display; a search that finds nothing leads back; nothing is cut off."""
    server.database.change_now(fill)
    server.start()
    server.database.change_now(answer)
    wait = waiting(selenium)

    def sized(width: int) -> None:
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
        selenium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def look() -> None:
        assert selenium.execute_script(
            "return document.documentElement.scrollWidth"
        ) <= selenium.execute_script("return innerWidth")
        assert violations(selenium) == []

    def tab_to(text: str) -> None:
        """Press Tab until what is called *text* has the focus."""
        for _ in range(60):
            selenium.switch_to.active_element.send_keys(Keys.TAB)
            here = selenium.switch_to.active_element
            if text in (here.text.strip(), here.get_attribute("aria-label")):
                return
        raise AssertionError(f"the focus never came to {text}")

    def names() -> list[str]:
        cells = selenium.find_elements(By.CSS_SELECTOR, ".p-display-list td.is-first")
        return [one.text for one in cells]

    sized(390)
    sign_in(selenium, "olga@example.org", "/admin")
    wait.until(lambda b: "Ohne Lebenszeichen: Kasse (Parkhaus Stadtmitte 11)" in body(b))
    tab_to("Displays, die sich nicht melden")
    selenium.switch_to.active_element.send_keys(Keys.ENTER)
    wait.until(lambda b: names() == ["Kasse"])
    assert selenium.current_url == f"{server.url}/admin/displays?state=unseen"
    look()
    tab_to("Nach Name oder Standort suchen")
    selenium.switch_to.active_element.send_keys("zzz")
    wait.until(lambda b: "Kein Display passt" in body(b))
    tab_to("Alle Displays zeigen")
    server.database.change_now(answer)
    selenium.switch_to.active_element.send_keys(Keys.ENTER)
    wait.until(lambda b: len(names()) == 24)
    assert selenium.current_url == f"{server.url}/admin/displays"
    first, second = selenium.find_elements(By.CSS_SELECTOR, ".p-display-list tbody tr")[:2]
    assert "Stadtmitte 11" in first.text
    assert "0.0.9" in second.text
    assert max(first.size["height"], second.size["height"]) < 130
    look()
    sized(1440)
    tab_to("Name")
    selenium.switch_to.active_element.send_keys(Keys.ENTER)
    wait.until(lambda b: b.current_url.endswith("?sort=name") and set(names()) == {"Einfahrt", "Kasse"})
    look()
