"""Lists that are brought up to date while somebody is at them: by keyboard, and by a slow press."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from app.simulation.charge_point import ChargePoint
from data.database import Change
from data.types import Role
from tests.browser.plugs import PASSWORD, Loop
from tests.browser.server import Server
from tests.browser.waiting import waiting
from tests.world import add_account, add_charger, add_driver, add_session, add_sighting, add_site

STILL_THERE = "return document.activeElement.polarisMark === true"
"""Whether the focus is where it was put, on the very element that it was put on."""


@pytest.fixture
def charger(server: Server, loop: Loop) -> Iterator[ChargePoint]:
    """A charger that is connected, one that is not, sessions of Dana, and a card that nobody has."""

    def rows(change: Change) -> None:
        now = datetime.now(UTC)
        add_account(change, "Olga Operator", Role.OPERATOR)
        dana = add_driver(change, "Dana Driver", tag="DANA")
        add_driver(change, "Eva Else", tag="EVA")
        site = add_site(change)
        add_charger(change, "BAY 1", site=site, name="Garage left", password=PASSWORD, connectors=2)
        other = add_charger(change, "BAY 2", site=site, name="Garage right", seen=now)
        add_sighting(change, "04A1B2C3D4", other, now)
        add_session(change, charger=other, connector=3, account=dana, started_at=now - timedelta(hours=30))

    server.database.change_now(rows)
    server.start()
    charger = ChargePoint(server.ocpp, "BAY 1", PASSWORD)
    loop(charger.connect())
    loop(charger.boot_up())
    yield charger
    loop(charger.close())


def test_a_list_that_changes_leaves_what_is_focused_and_pressed(
    server: Server,
    loop: Loop,
    charger: ChargePoint,
    selenium: webdriver.Chrome,
    sign_in: Callable[..., None],
) -> None:
    """Issue 4: three updates of other rows, and the link is the same one; Enter and slow clicks open it."""
    wait = waiting(selenium)
    wh = 1_000

    def see(selector: str, text: str) -> None:
        wait.until(
            lambda b: any(text in one.text for one in b.find_elements(By.CSS_SELECTOR, selector)), text
        )

    def focus(selector: str, text: str) -> None:
        found = [one for one in selenium.find_elements(By.CSS_SELECTOR, selector) if text in one.text]
        selenium.execute_script("arguments[0].focus(); arguments[0].polarisMark = true", found[0])
        assert selenium.execute_script(STILL_THERE)

    def charge(shown: bool = True) -> None:
        nonlocal wh
        wh += 1_230
        loop(charger.meter_values(1, wh, power_w=7_200))
        if shown:
            see("main table", f"{(wh - 1_000) / 1000:.2f}")

    sign_in(selenium, "olga@example.org", "/admin/sessions")
    see("main table", "Dana Driver")
    focus("main tbody a", "Dana Driver")
    loop(charger.start(1, "EVA", wh))
    see("main table", "Eva Else")  # a row before it
    for _ in range(3):
        charge()
        assert selenium.execute_script(STILL_THERE)
    focus("main thead a", "Energy")
    charge()
    assert selenium.execute_script(STILL_THERE)
    focus("main tbody a", "Dana Driver")
    link = selenium.switch_to.active_element
    ActionChains(selenium).click_and_hold(link).perform()
    charge()
    ActionChains(selenium).release().perform()
    see("h1", "Dana Driver")

    selenium.get(f"{server.url}/admin")
    see("main table", "Eva Else")
    focus("main tbody a", "")
    for _ in range(2):
        charge()
        assert selenium.execute_script(STILL_THERE)
    selenium.switch_to.active_element.send_keys(Keys.ENTER)
    wait.until(lambda b: "/admin/sessions/" in b.current_url)

    selenium.get(f"{server.url}/admin/chargers")
    see("main table", "Garage right")
    focus("main tbody a", "Garage right")
    loop(charger.status(2, "Faulted"))
    see("main table", "Fault")
    assert selenium.execute_script(STILL_THERE)


def test_focus_comes_back_to_the_row_that_opened_a_dialog(
    server: Server,
    loop: Loop,
    charger: ChargePoint,
    selenium: webdriver.Chrome,
    sign_in: Callable[..., None],
) -> None:
    """Issue 4: also where the list has changed meanwhile, and where one dialog led to another."""
    wait = waiting(selenium)

    def see(selector: str, text: str) -> None:
        wait.until(
            lambda b: any(text in one.text for one in b.find_elements(By.CSS_SELECTOR, selector)), text
        )

    def unseen(selector: str) -> None:
        wait.until(lambda b: not b.find_elements(By.CSS_SELECTOR, selector))

    sign_in(selenium, "olga@example.org", "/admin/cards")
    see(".p-card-button", "DANA")
    row = next(one for one in selenium.find_elements(By.CSS_SELECTOR, ".p-card-button") if one.text == "DANA")
    selenium.execute_script("arguments[0].focus(); arguments[0].polarisMark = true", row)
    row.send_keys(Keys.ENTER)
    see(".q-dialog h2", "Card DANA")
    loop(charger.authorize("A NEW CARD"))
    see("main table", "A NEW CARD")
    ActionChains(selenium).send_keys(Keys.ESCAPE).perform()
    unseen(".q-dialog")
    wait.until(lambda b: b.execute_script(STILL_THERE))

    row.send_keys(Keys.ENTER)
    see(".q-dialog h2", "Card DANA")
    block = next(
        one for one in selenium.find_elements(By.CSS_SELECTOR, ".q-dialog button") if one.text == "Block"
    )
    block.send_keys(Keys.ENTER)
    see(".q-dialog h2", "Block card DANA")
    named = selenium.execute_script(
        "return [...document.querySelectorAll('[role=dialog]')].map("
        "one => document.getElementById(one.getAttribute('aria-labelledby')).textContent)"
    )
    assert len(set(named)) == len(named)
    wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".q-dialog")) == 1)
    ActionChains(selenium).send_keys(Keys.ESCAPE).perform()
    unseen(".q-dialog")
    wait.until(lambda b: b.execute_script(STILL_THERE))


def test_boxes_look_alike_and_the_keyboard_goes_as_it_is_seen(
    server: Server, charger: ChargePoint, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """Issue 4: one look of boxes, no gap in a card, no line for what is not known on a phone."""
    wait = waiting(selenium)
    boxes = """return [...document.querySelectorAll('.p-filters .q-field__control')].map(one => {
        const edge = getComputedStyle(one, '::before')
        return [getComputedStyle(one).borderRadius, one.offsetHeight, edge.borderTopColor].join(' ')})"""
    sign_in(selenium, "olga@example.org", "/admin/sessions")
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "main tbody tr, .p-listing tbody tr"))
    found = selenium.execute_script(boxes)
    assert len(found) > 3
    assert len(set(found)) == 1, found
    lefts = "return ['[popovertarget=account-menu]', '.p-settings'].map(one => "
    lefts += "document.querySelector(one).getBoundingClientRect().left)"
    account, settings = selenium.execute_script(lefts)
    assert account + 44 <= settings
    metrics = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    selenium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    unknown = selenium.find_elements(By.CSS_SELECTOR, "td[data-unknown]")
    assert unknown
    assert not any(one.is_displayed() for one in unknown)
