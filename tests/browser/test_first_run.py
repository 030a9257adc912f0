"""The first run, from the link that an empty portal prints to a live banner on the driver's phone.

A real process, a real browser (two at the end), a simulated charger. No command line and no reload: pages
are only left by what somebody presses on them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from websockets.exceptions import InvalidStatus

from app.simulation.charge_point import ChargePoint
from tests.browser.plugs import Loop
from tests.browser.server import Server
from tests.browser.test_look import violations
from tests.browser.waiting import body, waiting
from tests.world import PASSWORD

CARD = "04A2B8C1D2"


@pytest.fixture
def phone(chrome_options: webdriver.ChromeOptions) -> Iterator[webdriver.Chrome]:
    """The driver's: another browser, 390 pixels wide."""
    browser = webdriver.Chrome(options=chrome_options)
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield browser
    browser.quit()


@pytest.fixture
def empty(tmp_path: Path, migrated_file: Path) -> Iterator[Server]:
    """A portal whose file is not there: it makes and fills it by itself."""
    server = Server(tmp_path, migrated_file)
    (tmp_path / "polaris.db").unlink()
    yield server
    server.close()


class Person:
    """Somebody before a browser, who reads, types and presses Enter."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser
        self.wait = waiting(browser, poll=0.05)

    def reads(self, *texts: str) -> None:
        """Waits until all of *texts* are on the page."""
        self.wait.until(lambda b: all(text in body(b) for text in texts), f"{texts} on the page")

    def types(self, label: str, text: str) -> None:
        """Fills the box that is called *label*."""
        box = self.wait.until(lambda b: b.find_element(By.CSS_SELECTOR, f'input[aria-label="{label}"]'))
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(text)

    def presses(self, words: str) -> None:
        """The button or link that says *words*, by keyboard."""
        xpath = (
            f'//button[contains(normalize-space(),"{words}")] | //a[contains(normalize-space(),"{words}")]'
        )
        self.wait.until(lambda b: b.find_element(By.XPATH, xpath).is_displayed(), words)
        self.browser.find_element(By.XPATH, xpath).send_keys(Keys.ENTER)

    def copies(self, label: str) -> str:
        """What stands in the box that is called *label*."""
        box = self.wait.until(lambda b: b.find_element(By.CSS_SELECTOR, f'input[aria-label="{label}"]'))
        return str(box.get_attribute("value"))

    def looks(self) -> None:
        """Nothing on the page keeps anybody out, and it fits a phone."""
        assert violations(self.browser) == []
        metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        assert self.browser.execute_script("return document.documentElement.scrollWidth") <= 390
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def fills_in(self, **fields: str) -> None:
        """A form before sign-in, and sends it."""
        for name, text in fields.items():
            box = self.wait.until(lambda b, name=name: b.find_element(By.NAME, name))
            box.clear()
            box.send_keys(text)
        self.browser.find_element(By.CSS_SELECTOR, ".p-submit").send_keys(Keys.ENTER)


def test_the_first_run_to_a_live_banner_on_the_drivers_phone(
    empty: Server, loop: Loop, selenium: webdriver.Chrome, phone: webdriver.Chrome
) -> None:
    """T22, T50, C2, C10, P6, P7, P9: five steps by keyboard, what goes wrong on the way told by push."""
    empty.start()
    began = time.monotonic()
    link = re.search(r"http://127\.0\.0\.1:\d+/welcome/\S+", empty.output())
    assert link is not None
    olga, dana = Person(selenium), Person(phone)

    selenium.get(link[0])
    olga.fills_in(name="Olga Operator", email="olga@example.org", password=PASSWORD)

    olga.reads("Where are your chargers?")
    assert selenium.current_url == f"{empty.url}/admin/setup"
    olga.looks()
    olga.types("Name", "Harbour car park")
    olga.presses("Add the site")

    olga.reads("Connect the first charger")
    olga.looks()
    olga.types("Name for drivers (optional)", "Garage left")
    olga.presses("Add the charger")
    olga.reads("Connect Garage left", "Waiting")
    address, user = olga.copies("OCPP address"), olga.copies("User name")
    password = olga.copies("Password")
    assert address == f"{empty.ocpp}/{user}"
    olga.looks()
    for identity, wrong in (("CPI", password), (user, "a wrong one of 16 bytes")):
        with pytest.raises(InvalidStatus):
            loop(ChargePoint(empty.ocpp, identity, wrong).connect())
    olga.reads("No charger has this identity.", f"tried as {user} from 127.0.0.1 with a wrong password.")
    charger = ChargePoint(empty.ocpp, user, password, vendor="Alfen", model="Eve", serial_number="ACE1")
    loop(charger.connect())
    olga.reads("Connected")
    loop(charger.boot_up())
    olga.reads("Alfen Eve", "ACE1", "1.0.0", "OCPP 1.6")
    olga.presses("Next: Driver")

    olga.reads("Invite the first driver")
    olga.looks()
    olga.types("Name", "Dana Driver")
    olga.types("E-mail", "dana@example.org")
    olga.presses("Invite")
    invitation = olga.copies("Link")
    phone.get(invitation)
    dana.fills_in(password=PASSWORD)
    dana.reads("Your charging", "Garage left")
    phone.execute_script("window.polarisMark = true")
    olga.presses("Close")
    olga.presses("Next: Card")

    olga.reads("Waiting for a card")
    olga.looks()
    assert not loop(charger.authorize(CARD))
    olga.reads(CARD, "Garage left")
    olga.presses("This is it")
    olga.reads(f"Linked: card {CARD} belongs to Dana Driver now.")
    olga.presses("Next: Plan")

    olga.reads("Set the first price")
    olga.looks()
    olga.types("Price per kWh", "0,39")
    olga.presses("Add the plan")
    olga.reads("Ready", "Somebody can charge now")
    olga.looks()
    assert selenium.current_url.endswith("step=ready")

    assert loop(charger.authorize(CARD))
    loop(charger.start(1, CARD, 1_000))
    loop(charger.status(1, "Charging"))
    for wh, kwh in ((1_250, "0.25"), (13_460, "12.46")):
        loop(charger.meter_values(1, wh, power_w=7_200))
        dana.wait.until(lambda b, kwh=kwh: kwh in b.find_element(By.CSS_SELECTOR, ".p-strip").text)
    dana.reads("Garage left", "7.2 kW", "€4.86")
    assert phone.execute_script("return window.polarisMark === true")
    print(f"the first run took {time.monotonic() - began:.1f} s")
    loop(charger.close())
    for browser in (selenium, phone):
        said = [one for one in browser.get_log("browser") if one["level"] in ("SEVERE", "WARNING")]
        assert said == []
    assert password not in empty.output()
    assert CARD not in empty.output()
