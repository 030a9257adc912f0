"""What a screen shows that waits to be paired, and what reaches its browser afterwards (K1, K8, K17, K20)."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import httpx
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys
from sqlalchemy import select

from app.access.displays import Displays
from app.settings import Settings
from data.caller import Caller
from data.models import Display, Pairing
from data.types import Role
from tests import boards
from tests.app import kiosk_world
from tests.browser.codes import read_code
from tests.browser.looking import serving
from tests.browser.server import Server
from tests.browser.waiting import body, waiting

SCREENS = ((1280, 720), (1920, 1080), (3840, 2160), (1080, 1920))
MEASURE = """
const box = e => e.getBoundingClientRect(), root = document.documentElement, problems = [];
if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) problems.push('the page scrolls');
const page = document.querySelector('.k-pairing');
if (page.scrollWidth > innerWidth || page.scrollHeight > innerHeight) problems.push('the page is clipped');
const shown = 'h1, h1 + span, li, .k-pairing-code span, img, progress, button, p span';
const parts = [...page.querySelectorAll(shown + ', .k-pairing-address')]
  .filter(e => getComputedStyle(e).visibility !== 'hidden');
const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
  && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
for (const e of parts) {
  const b = box(e);
  const is_in = b.left >= 0 && b.top >= 0 && b.right <= innerWidth && b.bottom <= innerHeight;
  if (!is_in) problems.push('outside: ' + e.outerHTML);
  if (e.scrollWidth > Math.ceil(b.width) + 1) problems.push('clipped: ' + e.outerHTML);
}
for (const a of parts) for (const b of parts) {
  if (a === b || a.contains(b) || b.contains(a)) continue;
  if (over(box(a), box(b))) problems.push(a.outerHTML + ' is over ' + b.outerHTML);
}
const bar = box(page.querySelector('progress'));
if (bar.width < .12 * innerWidth) problems.push('the bar is ' + bar.width);
const qr = box(page.querySelector('img')), code = [...document.querySelectorAll('.k-pairing-code span')];
return {
  problems, code: code.map(e => e.textContent).join(''), halves: code.length,
  letters: parseFloat(getComputedStyle(code[0]).fontSize),
  qr: [qr.left, qr.top, qr.width, qr.height].map(Math.round),
};
"""

IS_DRAWN = """
return document.fonts.status === 'loaded' && !!document.querySelector('.k-pairing progress[max]')
  && !!document.querySelector('.k-pairing-address')
"""
SAY = """
for (const e of document.querySelectorAll('.k-pairing-foot p')) {
  const which = arguments[0] || 'p:first-child';
  e.style.animation = 'none';
  e.style.visibility = e.matches(which) ? 'visible' : 'hidden';
}
"""
"""Has the foot say one of what stands there, instead of the other two."""


def test_k1_k2_k8_a_screen_from_its_code_to_its_board_and_back(
    selenium: webdriver.Chrome, server: Server
) -> None:
    """K1, K8, K17, K20: all fits, the QR code is read, one button by keyboard; then the board by itself, and
    not a word about anybody in all that the browser is sent. T61: revoked while the portal is down.
    """
    now = datetime.now(UTC)
    yard = server.database.change_now(kiosk_world.build, now)
    server.start()
    selenium.get(server.url + "/kiosk")
    wait = waiting(selenium, 40)
    left = wait.until(lambda b: re.search(r"New code in (\d+:\d\d)", body(b)))
    assert len(left[1]) == 4 or left[1] == "10:00"
    for size in SCREENS:
        _fits(selenium, server, *size)
    _keyboard(selenium, server)
    _says_that_it_hears_nothing(selenium)
    asyncio.run(_confirm(server, yard))
    wait.until(lambda b: b.find_elements("css selector", ".k-bay"))
    asyncio.run(_live(selenium, server))
    heard = [*_frames(selenium), selenium.page_source]
    assert any("Out of service" in one for one in heard)
    assert kiosk_world.found(heard) == []
    assert not kiosk_world.MONEY.search("\n".join(heard))
    assert not kiosk_world.ENERGY.search("\n".join(heard))
    _revoked_between_two_runs(selenium, server, yard)


def test_k9_a_page_that_pairs_fits_at_any_address(tmp_path: Path, selenium: webdriver.Chrome) -> None:
    """K9, K1: in either order of the languages, and whatever the foot says; the address stands once, whole,
    unless it is longer than any that somebody types.
    """
    wrong, short = [], "https://charge.example.org"
    long = "https://charging.stadtwerke-irgendwo-am-see.example.org:8443"
    longest = "https://" + ".".join(["w" * 63] * 3) + ".example.org:8443"
    with serving(tmp_path / "output.log") as url:
        for address, first, full in (
            (short, "de", False),
            (long, "en", False),
            (boards.LONG_ADDRESS, "de", True),
            (longest, "de", False),
        ):
            query = {"address": address, "first": first, "full": full}
            selenium.get(str(httpx.URL(url + "/pairing", params=query)))
            waiting(selenium, 30).until(lambda b: b.execute_script(IS_DRAWN))
            for said in ("", ".k-pairing-trouble", ".k-pairing-silent"):
                selenium.execute_script(SAY, said)
                for size in (*SCREENS, (800, 480), (480, 800), (1024, 768)):
                    _be(selenium, *size)
                    found = selenium.execute_script(MEASURE)["problems"]
                    wrong += [f"{address} {first} {said} {size}: {one}" for one in found]
            shown = selenium.find_element("css selector", ".k-pairing-address").text
            if address is not longest:
                assert shown == address + "/admin/displays/new"
    assert wrong == []


def test_k3_a_browser_that_keeps_no_cookies_says_so(
    chrome_options: webdriver.ChromeOptions, chrome_service: Service, server: Server
) -> None:
    """K3: it would load its page for ever, and nobody before it would know why."""
    server.start()
    chrome_options.add_experimental_option(
        "prefs", {"profile.default_content_setting_values.cookies": 2, "intl.accept_languages": "de"}
    )
    with webdriver.Chrome(options=chrome_options, service=chrome_service) as browser:
        browser.get(server.url + "/kiosk")
        browser.execute_cdp_cmd("Animation.enable", {})
        browser.execute_cdp_cmd("Animation.setPlaybackRate", {"playbackRate": 50})
        wait = waiting(browser, 40)
        wait.until(lambda b: "Es kommt kein Code." in body(b))
        browser.execute_script("location.reload()")  # as NiceGUI does where a socket is refused
        wait.until(lambda b: "Dieser Browser behält keine Cookies" in body(b))
        assert browser.get_cookies() == []


def _revoked_between_two_runs(browser: webdriver.Chrome, server: Server, yard: kiosk_world.Yard) -> None:
    """K2, T61: while the portal is down; the screen finds its own way to pairing, with another token."""
    before = browser.get_cookie("polaris-display")
    server.kill()
    asyncio.run(_revoke(server, yard))
    server.start()
    waiting(browser, 60).until(lambda b: re.search(r"New code in \d", body(b)))
    after = browser.get_cookie("polaris-display")
    assert before is not None
    assert after is not None
    assert after["value"] != before["value"]


async def _revoke(server: Server, yard: kiosk_world.Yard) -> None:
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    display = server.database.ask_now(lambda db: db.scalar(select(Display.id)))
    caller = Caller(yard.olga, Role.OPERATOR, yard.olga)
    await Displays(server.database, settings).revoke(caller, int(display or 0))


def _fits(browser: webdriver.Chrome, server: Server, width: int, height: int) -> None:
    _be(browser, width, height)
    found = browser.execute_script(MEASURE)
    assert found["problems"] == [], (width, height)
    assert (found["halves"], len(found["code"])) == (2, 8)
    smaller = min(width, height)
    assert found["letters"] >= 0.09 * width, (width, height)  # read from 3 m
    assert min(found["qr"][2:]) >= 0.15 * smaller
    if smaller <= 720:  # the same picture everywhere; reading a large one takes seconds
        address = f"{server.url}/admin/displays/new?code={found['code']}"
        assert read_code(browser, found["qr"]) == address


def _be(browser: webdriver.Chrome, width: int, height: int) -> None:
    """A screen of this size."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def _keyboard(browser: webdriver.Chrome, server: Server) -> None:
    """K20: the one thing that can be pressed is reached by Tab, seen to be, and does it."""
    before = browser.execute_script(MEASURE)["code"]
    browser.switch_to.active_element.send_keys(Keys.TAB)
    ring = browser.execute_script(
        "const s = getComputedStyle(document.activeElement);"
        "return [document.activeElement.tagName, s.outlineStyle, parseFloat(s.outlineWidth)]"
    )
    assert ring[:2] == ["BUTTON", "solid"]
    assert ring[2] >= 3
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    waiting(browser, 40).until(lambda b: b.execute_script(MEASURE)["code"] not in ("", before))


def _says_that_it_hears_nothing(browser: webdriver.Chrome) -> None:
    """K5: after 14 s, as the board does, instead of NiceGUI's own popup; the next beat takes it away."""
    state = (
        "const seen = e => getComputedStyle(e).visibility;"
        "const sign = document.querySelector('.k-pairing-trouble');"
        "const popup = document.querySelector('.nicegui-error-popup');"
        "return [seen(sign), seen(sign.previousElementSibling), popup && getComputedStyle(popup).display]"
    )
    assert browser.execute_script(state)[:2] == ["hidden", "visible"]
    browser.execute_cdp_cmd("Animation.enable", {})
    browser.execute_cdp_cmd("Animation.setPlaybackRate", {"playbackRate": 50})
    wait = waiting(browser, 40)
    wait.until(lambda b: b.execute_script(state) == ["visible", "hidden", "none"])
    browser.execute_cdp_cmd("Animation.setPlaybackRate", {"playbackRate": 1})
    wait.until(lambda b: b.execute_script(state) == ["hidden", "visible", "none"])
    browser.execute_cdp_cmd("Animation.disable", {})


async def _confirm(server: Server, yard: kiosk_world.Yard) -> None:
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    code = server.database.ask_now(lambda db: db.scalar(select(Pairing.code)))
    caller = Caller(yard.olga, Role.OPERATOR, yard.olga)
    await Displays(server.database, settings).confirm(caller, str(code), yard.site, "Entrance")


async def _live(browser: webdriver.Chrome, server: Server) -> None:
    points = await kiosk_world.charge(server.ocpp)
    try:
        seen = await asyncio.to_thread(
            waiting(browser, 40).until,
            lambda b: {"In use", "Reserved", "Out of service"} <= set(body(b).split("\n")),
        )
        assert seen
        assert await server.database.change(kiosk_world.is_going_on)
    finally:
        for point in points:
            await point.close()


def _frames(browser: webdriver.Chrome) -> list[str]:
    """Each frame that the browser was sent, and what it was sent by polling."""
    found = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.webSocketFrameReceived":
            found.append(message["params"]["response"]["payloadData"])
    return found
