"""A board whose network loses all packets without a word (K5).

By docs/kiosk: the launcher, its plain Chromium and the settings of the kernel, on a virtual screen and in a
network of their own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from math import inf
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from sqlalchemy import update

from app.access import tokens
from data.models import Display
from tests.browser.cable import Cable, Namespace, NoNetworks
from tests.browser.launcher import launched
from tests.browser.server import ROOT, Server
from tests.browser.test_board_life import WATCH, hang, loaded_at, signs
from tests.browser.virtual_screen import require, virtual_screen
from tests.browser.waiting import until, waiting

KERNEL = ROOT / "docs" / "kiosk" / "90-polaris-kiosk.conf"
PORTAL, ADDRESS, PORT = "0.0.0.0", "10.9.0.1", 8080
WELL = "true,false,false"
LOSSES = 17.0, 40.0
"""Seconds. After the first the kernel of the portal would try again only six seconds later, and the page
still waits for a ping; the other outlasts that wait, and the one for the stale mark.
"""


@pytest.fixture
def cable() -> Iterator[Cable]:
    """Between the portal and the screen. Skips only where the kernel refuses it; then there is no K5 here."""
    require()
    try:
        with Namespace() as portal, Namespace() as screen, Cable(portal, screen) as cable:
            for name, value in re.findall(r"^(net\.\S+) = (\S+)$", KERNEL.read_text(), re.MULTILINE):
                screen.set(name, value)
            yield cable
    except NoNetworks as why:
        pytest.skip(f"needs networks of its own, as root has them: {why}")


@contextmanager
def board(folder: Path, migrated: Path, cable: Cable) -> Iterator[webdriver.Chrome]:
    """The board at the other end of *cable*, by the launcher; its browser writes down what it shows."""
    folder.mkdir()
    server = Server(folder, migrated, host=PORTAL, extra_hosts=ADDRESS)
    server.port = PORT
    address = tokens.new()
    hang(server)
    server.database.change_now(
        lambda change: change.execute(update(Display).values(address_hash=tokens.hashed(address)))
    )
    (folder / "token").write_text(address)
    try:
        with cable.one.inside():
            server.start()
        flags = "--remote-debugging-port=0"
        with (
            cable.other.inside(),
            virtual_screen(folder) as screen,
            launched(folder, screen, f"http://{ADDRESS}:{PORT}", folder / "token", flags),
            driver(folder / "state" / "profile" / "DevToolsActivePort") as browser,
        ):
            yield browser
    finally:
        server.close()


@contextmanager
def driver(port_file: Path) -> Iterator[webdriver.Chrome]:
    """Attached to the launcher's browser once it shows the board."""
    options = webdriver.ChromeOptions()
    options.debugger_address = f"127.0.0.1:{until(lambda: port(port_file), 60)}"
    options.page_load_strategy = "none"
    browser = webdriver.Chrome(options=options)
    try:
        waiting(browser, 60).until(lambda b: b.current_url == f"http://{ADDRESS}:{PORT}/kiosk")
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        browser.execute_script(WATCH)
        yield browser
    finally:
        browser.quit()


def port(file: Path) -> str:
    """Where the browser whose *file* it is listens, if it does yet."""
    return (file.read_text().splitlines() or [""])[0] if file.exists() else ""


def test_k5_a_network_that_loses_all_without_a_word(
    tmp_path: Path, migrated_file: Path, cable: Cable, alone: Callable[[], AbstractContextManager[None]]
) -> None:
    """Trouble after 15 s at the latest, stale after 35 s, and both gone 5 s after the network is back."""
    with board(tmp_path / "board", migrated_file, cable) as browser:
        for seconds in LOSSES:
            wait_for_a_beat(browser)
            cable.is_cut, lost = True, time.time()
            time.sleep(seconds)
            with alone():
                cable.is_cut, back = False, time.time()
                waiting(browser, 60).until(is_well, "all is well again")
            seen = [one for one in signs(browser) if one.at > lost]
            first = {one.shows: one.at for one in reversed(seen)}
            assert first.get("true,true,false", inf) - lost <= 15, "a sign of trouble"
            if back - lost > 35:
                assert first.get("true,false,true", inf) - lost <= 35, "the stale mark"
            well = [one.at for one in seen if one.shows == WELL]
            assert min(well) > back, "as long as it is true"
            assert max(well) - back <= 5, "gone when all is well"


def wait_for_a_beat(browser: webdriver.Chrome) -> None:
    """The next one is ten seconds later, and a page that was just loaded waits longest for a ping."""
    before = loaded_at(browser)
    browser.refresh()
    waiting(browser, 60).until(lambda b: loaded_at(b) > before and is_well(b) and "is-" in beat(b))
    last = beat(browser)
    waiting(browser, 30).until(lambda b: beat(b) != last, "it beats")


def beat(browser: webdriver.Chrome) -> str:
    """Differs from that of the beat before."""
    return browser.find_element(By.CLASS_NAME, "k-beat").get_attribute("class") or ""


def is_well(browser: webdriver.Chrome) -> bool:
    """The board is seen and no sign; a page that is just being left is not well."""
    try:
        seen = signs(browser)
    except WebDriverException:
        return False
    return bool(seen) and seen[-1].shows == WELL
