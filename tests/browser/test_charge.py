"""A charge from plug to screen: the real process, real OCPP, a real browser, and not one reload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from app.simulation.charge_point import ChargePoint
from tests.browser.plugs import PASSWORD, Loop
from tests.browser.server import Server
from tests.browser.waiting import until
from tests.world import add_charger, add_driver, add_site


@pytest.fixture
def charger(server: Server, loop: Loop) -> Iterator[ChargePoint]:
    """A charger on the line of a running portal with two drivers, Dana (card DANA) and Eva (card EVA)."""

    def rows(change):  # type: ignore[no-untyped-def]
        add_driver(change, "Dana Driver", tag="DANA")
        add_driver(change, "Eva Else", tag="EVA")
        add_charger(change, "BAY 1", site=add_site(change), name="Garage left", password=PASSWORD)

    server.database.change_now(rows)
    server.start()
    charger = ChargePoint(server.ocpp, "BAY 1", PASSWORD)
    loop(charger.connect())
    loop(charger.boot_up())
    yield charger
    loop(charger.close())


def strips(browser: webdriver.Chrome) -> list[str]:
    """The text of each strip of the banner."""
    return [strip.text for strip in browser.find_elements(By.CSS_SELECTOR, ".p-strip")]


def first_strip(browser: webdriver.Chrome) -> str:
    """The text of the first one, empty without a banner; by one look, for the page may be coming back."""
    return next(iter(strips(browser)), "")


def mark(browser: webdriver.Chrome) -> None:
    """Put a mark on the page that a reload would take away."""
    browser.execute_script("window.polarisMark = true")


def marked(browser: webdriver.Chrome) -> bool:
    """Whether it is still the page that was marked."""
    return bool(browser.execute_script("return window.polarisMark === true"))


def recent(browser: webdriver.Chrome) -> str:
    """The text of the recent sessions."""
    return browser.find_element(By.CSS_SELECTOR, "[aria-labelledby=recent-title]").text


def test_a_charge_comes_climbs_and_goes_without_a_reload(
    server: Server, loop: Loop, charger: ChargePoint, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """P6, P7, P9, P11, P22: start → banner; readings → kWh climb; stop → banner leaves, the row comes."""
    sign_in(selenium)
    assert strips(selenium) == []
    mark(selenium)
    loop(charger.status(1, "Preparing"))
    loop(charger.start(1, "DANA", 1_000))
    loop(charger.status(1, "Charging"))
    until(lambda: strips(selenium))
    assert "Garage left" in strips(selenium)[0]
    assert "0.00" not in strips(selenium)[0]  # P8: unknown is no zero
    shown = []
    for wh in (1_250, 2_460, 13_460):
        loop(charger.meter_values(1, wh, power_w=7_200))
        expected = f"{(wh - 1_000) / 1000:.2f}"
        until(lambda expected=expected: expected in first_strip(selenium))
        shown.append(expected)
    assert shown == ["0.25", "1.46", "12.46"]
    assert "7.2 kW" in strips(selenium)[0]
    until(lambda: "In use" in selenium.page_source)
    loop(charger.stop(1, 13_500))
    loop(charger.status(1, "Available"))
    until(lambda: not strips(selenium))
    until(lambda: "12.5 kWh" in recent(selenium))
    assert "Settling" in recent(selenium)
    assert marked(selenium)


def test_another_driver_sees_nothing_of_it(
    server: Server,
    loop: Loop,
    charger: ChargePoint,
    selenium: webdriver.Chrome,
    sign_in: Callable[..., None],
) -> None:
    """P9: neither in the page nor in any frame that reaches the browser."""
    selenium.execute_cdp_cmd("Network.enable", {})
    sign_in(selenium, "eva@example.org")
    loop(charger.start(1, "DANA", 0))
    for wh in (4_321, 8_642):
        loop(charger.meter_values(1, wh, power_w=7_200))
    loop(charger.status(1, "Charging"))
    until(lambda: "In use" in selenium.page_source)
    assert strips(selenium) == []
    frames = [
        entry["message"]
        for entry in selenium.get_log("performance")
        if "webSocketFrameReceived" in entry["message"]
    ]
    assert frames
    assert not any(number in frame for frame in frames for number in ("4.32", "4321", "8.64", "8642"))


def test_the_server_dies_in_mid_charge_and_the_total_goes_on(
    server: Server, loop: Loop, charger: ChargePoint, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """C8, M18: SIGKILL loses nothing that was answered; the page is back by itself."""
    sign_in(selenium)
    loop(charger.start(1, "DANA", 0))
    loop(charger.meter_values(1, 5_000, power_w=11_000))
    until(lambda: "5.00" in first_strip(selenium))
    server.kill()
    loop(charger.disconnect())
    server.start()
    loop(charger.connect())
    loop(charger.boot_up())
    loop(charger.meter_values(1, 6_250, power_w=11_000))
    until(lambda: "6.25" in first_strip(selenium))
    loop(charger.stop(1, 6_500))
    until(lambda: not strips(selenium))
    until(lambda: "6.5 kWh" in recent(selenium))


def test_a_charger_that_was_cut_off_replays_what_it_kept(
    server: Server, loop: Loop, charger: ChargePoint, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """C13: the charge goes on in the banner after the outage; a whole session of the outage never flashes."""
    sign_in(selenium)
    mark(selenium)
    loop(charger.start(1, "DANA", 0))
    loop(charger.meter_values(1, 1_000, power_w=11_000))
    until(lambda: "1.00" in first_strip(selenium))
    loop(charger.disconnect(abruptly=True))
    now = datetime.now(UTC)
    loop(charger.meter_values(1, 2_000, power_w=11_000, at=now))
    loop(charger.meter_values(1, 3_000, power_w=11_000, at=now + timedelta(seconds=1)))
    assert "1.00" in strips(selenium)[0]
    loop(charger.connect())
    loop(charger.boot_up())
    until(lambda: "3.00" in first_strip(selenium))
    loop(charger.stop(1, 3_000))
    until(lambda: not strips(selenium))

    loop(charger.disconnect(abruptly=True))
    began = datetime.now(UTC) - timedelta(minutes=50)
    loop(charger.start(1, "DANA", 3_000, at=began))
    loop(charger.meter_values(1, 7_000, at=began + timedelta(minutes=20)))
    loop(charger.stop(1, 8_000, at=began + timedelta(minutes=30)))
    selenium.execute_script(
        "window.flashed = false; new MutationObserver(() => {"
        " if (document.querySelector('.p-strip')) window.flashed = true;"
        "}).observe(document.body, {childList: true, subtree: true})"
    )
    loop(charger.connect())
    loop(charger.boot_up())
    until(lambda: "5.0 kWh" in recent(selenium))
    assert not selenium.execute_script("return window.flashed")
    assert marked(selenium)


def test_the_period_is_kept_by_the_address_back_and_reload(
    server: Server, charger: ChargePoint, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> None:
    """P13, P16, P1: sign-in leads back to the address with its query."""
    sign_in(selenium, path="/?period=previous")
    assert selenium.current_url.endswith("/?period=previous")

    def chosen() -> str:
        return selenium.find_element(By.CSS_SELECTOR, ".p-switch [aria-pressed=true]").text

    until(lambda: chosen().lower() == "previous")
    for button in selenium.find_elements(By.CSS_SELECTOR, ".p-switch button"):
        if "year" in button.text.lower():
            button.click()
            break
    until(lambda: "period=year" in selenium.current_url)
    until(lambda: "year" in chosen().lower())
    selenium.back()
    until(lambda: "period=previous" in selenium.current_url)
    until(lambda: chosen().lower() == "previous")
    selenium.refresh()
    until(lambda: chosen().lower() == "previous")
