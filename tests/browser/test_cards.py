"""The console's page of cards in a real browser: a row by keyboard, a driver found by typing, both looks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sqlalchemy import select

from data.database import Change
from data.models import ChargingSession, Mapping
from data.queries import cards
from data.types import Role, Theme
from tests.browser.server import Server
from tests.browser.test_look import violations
from tests.browser.waiting import waiting
from tests.world import add_account, add_charger, add_driver, add_session, add_sighting, add_site


def fill(change: Change) -> None:
    """An unknown card with a session, and more drivers than a choice begins with."""
    now = datetime.now(UTC)
    add_account(change, "Olga Operator", Role.OPERATOR, theme=Theme.DARK)
    charger = add_charger(change, site=add_site(change), name="Garage left", seen=now)
    add_sighting(change, "04A1B2C3D4", charger, now)
    add_session(
        change,
        charger=charger,
        connector=1,
        account=None,
        id_tag="04A1B2C3D4",
        started_at=now - timedelta(hours=3),
        finalized=False,
    )
    for number in range(30):
        add_driver(change, f"Driver {number:02}", email=f"driver{number}@example.org", tag=f"CARD{number}")
    add_driver(change, "Zoe Last")


def test_an_unknown_card_finds_its_driver_by_keyboard(
    server: Server, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """Issue 4: the row's button works by keyboard, the search reaches all drivers, the list follows."""
    server.database.change_now(fill)
    server.start()
    wait = waiting(selenium)

    def see(selector: str, text: str) -> None:
        wait.until(
            lambda b: any(text in one.text for one in b.find_elements(By.CSS_SELECTOR, selector)), text
        )

    def look(within: str = "html") -> None:
        # Neither half faded in, nor with the bar that tells that something is being loaded.
        wait.until(lambda b: not b.find_elements(By.CSS_SELECTOR, ".q-loading-bar:not([aria-hidden])"))
        for width in (390, 1440):
            metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
            selenium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            assert selenium.execute_script("return document.documentElement.scrollWidth") <= width
        still = "return document.getAnimations().every(one => one.playState !== 'running')"
        wait.until(lambda b: b.execute_script(still))
        assert violations(selenium, within) == []

    sign_in(selenium, "olga@example.org", "/admin/cards?state=unknown")
    see(".p-card-button", "04A1B2C3D4")
    look()
    selenium.find_element(By.CSS_SELECTOR, ".p-card-button").send_keys(Keys.ENTER)
    see(".q-dialog h2", "Card 04A1B2C3D4")
    see(".q-dialog dd", "Garage left")
    look(".q-dialog .p-dialog")
    link = next(
        one
        for one in selenium.find_elements(By.CSS_SELECTOR, ".q-dialog button")
        if one.text == "Link to a driver"
    )
    link.send_keys(Keys.ENTER)
    see(".q-dialog h2", "Link card 04A1B2C3D4 to a driver")
    wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".q-dialog")) == 1)
    box = wait.until(lambda b: b.find_element(By.CSS_SELECTOR, ".p-card-choice input"))
    box.send_keys("zoe")
    see(".q-menu .q-item", "Zoe Last")
    wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".q-menu .q-item")) == 1)
    box.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    wait.until(lambda b: "Zoe Last" in (box.get_attribute("value") or ""))
    sure = selenium.find_element(By.CSS_SELECTOR, ".q-dialog .is-main")
    assert sure.text == "Link card 04A1B2C3D4"

    def is_linked(b: webdriver.Chrome) -> bool:
        if not b.find_elements(By.CSS_SELECTOR, ".q-dialog"):
            return True
        if sure.is_enabled():  # not while what goes along is still being counted
            sure.send_keys(Keys.ENTER)
        return False

    waiting(selenium, 40, 1).until(is_linked)
    see(".p-empty", "No card matches.")  # it is unknown no more
    names = select(Mapping.account_id).where(Mapping.id_tag == "04A1B2C3D4", Mapping.active)
    owner = server.database.ask_now(lambda db: db.execute(names).scalar_one())
    sessions = select(ChargingSession.account_id)
    assert server.database.ask_now(lambda db: db.execute(sessions).scalars().all()) == [owner]


def test_the_focus_goes_on_where_what_had_it_has_gone(
    server: Server, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """P22: after the dialog that an address opens, which is not opened again; after an import's button."""
    server.database.change_now(fill)
    server.start()
    wait = waiting(selenium)
    key = server.database.ask_now(cards.key_of, "04A1B2C3D4")

    def focus_is_at(tag: str, text: str) -> None:
        wait.until(
            lambda b: (b.switch_to.active_element.tag_name, b.switch_to.active_element.text) == (tag, text)
        )

    def press(text: str) -> None:
        there = f"//button[contains(., '{text}')]"
        wait.until(lambda b: b.find_element(By.XPATH, there).is_enabled())
        selenium.find_element(By.XPATH, there).click()

    sign_in(selenium, "olga@example.org", f"/admin/cards?card={key}")
    focus_is_at("button", "Close")
    selenium.switch_to.active_element.send_keys(Keys.ESCAPE)
    focus_is_at("h1", "Cards")
    wait.until(lambda b: b.current_url.endswith("/admin/cards"))
    selenium.get(selenium.current_url.replace("/cards", "/chargers/import"))
    wait.until(lambda b: b.find_element(By.TAG_NAME, "textarea")).send_keys("CP-NEW")
    press("See what would happen")
    press("Import 1 charger")
    focus_is_at("h2", "1 charger was added")
