"""Boards that are left alone: K4, K5, K12, K13 and K19, with the real process and Chromium."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import psutil
from selenium import webdriver
from selenium.webdriver.common.by import By
from sqlalchemy import select, update

from app.access import tokens
from data.database import Change
from data.models import Display, Site
from tests.browser.flags import FLAGS
from tests.browser.server import Server
from tests.browser.waiting import body, waiting
from tests.trust.moved_clock import MovedClock
from tests.world import add_charger, add_display, add_site

BERLIN = ZoneInfo("Europe/Berlin")
WATCH = """
setInterval(() => {
  const seen = name => {
    const element = document.querySelector(name);
    return element !== null && element.checkVisibility({opacityProperty: true, visibilityProperty: true});
  };
  const now = [seen(".k-clock") || seen(".k-stale"), seen(".k-trouble"), seen(".k-stale")].join();
  if (now !== localStorage.last) {
    localStorage.last = now;
    localStorage.signs = (localStorage.signs || "") + Date.now() / 1000 + "," + now + " ";
  }
}, 50);
"""
"""Has each page of the test's browser write down when its signs came and went: the driver itself hangs
while the page waits for an answer of the server.
"""
AT_ONCE = 13
"""A display whose turn to load anew comes two seconds after four."""


def hang(server: Server, **values: object) -> str:
    """A display at a site with three chargers, in *server*'s database; its token."""
    token = tokens.new()

    def rows(change: Change) -> None:
        site = add_site(change, "Harbour car park")
        for number in range(1, 4):
            add_charger(change, f"CP{number}", name=f"Bay {number}", site=site, seen=datetime.now(UTC))
        add_display(change, site=site, token_hash=tokens.hashed(token), **values)

    server.database.change_now(rows)
    return token


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser whose driver does not wait for pages that the server can't give."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--window-size=1920,1080"):
        options.add_argument(flag)
    options.page_load_strategy = "none"
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    browser = webdriver.Chrome(options=options)
    try:
        yield browser
    finally:
        browser.quit()


def show_board(browser: webdriver.Chrome, server: Server, token: str) -> None:
    """Open the board of the display with *token*, and wait until its screen has answered."""
    browser.get(server.url + "/look/polaris.css")
    waiting(browser, 20).until(lambda b: "polaris.css" in b.current_url)
    browser.add_cookie({"name": "polaris-display", "value": token})
    browser.get(server.url + "/kiosk")
    waiting(browser, 30).until(lambda b: b.find_element(By.CLASS_NAME, "k-clock").is_displayed())
    waiting(browser, 30).until(lambda b: display(server).last_seen_at is not None)


def display(server: Server) -> Display:
    """The display as it is stored."""
    statement = select(Display.last_seen_at, Display.version, Display.width, Display.height, Display.browser)
    found: Display = server.database.ask_now(lambda db: db.execute(statement).one())
    return found


def is_seen(name: str) -> Callable[[webdriver.Chrome], bool]:
    """Whether what has this class can be seen."""
    return lambda browser: browser.find_element(By.CLASS_NAME, name).is_displayed()


def is_not_seen(name: str) -> Callable[[webdriver.Chrome], bool]:
    """The opposite, of something that is there."""
    return lambda browser: not browser.find_element(By.CLASS_NAME, name).is_displayed()


@dataclass(frozen=True)
class Sign:
    """Which of board, sign of trouble and stale mark could be seen from a moment on."""

    at: float
    """Unix time."""
    shows: str


def signs(browser: webdriver.Chrome) -> list[Sign]:
    """What `WATCH` has written down."""
    noted = str(browser.execute_script("return localStorage.signs || ''")).split()
    return [Sign(float(one.partition(",")[0]), one.partition(",")[2]) for one in noted]


def loaded_at(browser: webdriver.Chrome) -> float:
    """When its page was loaded: another load is another moment."""
    return float(browser.execute_script("return performance.timeOrigin"))


def test_boards_outlive_their_server(
    tmp_path: Path, migrated_file: Path, alone: Callable[[], AbstractContextManager[None]]
) -> None:
    """K5 beside K4, K19 and K13: most of it is waiting, so each has a server and a screen and both wait.

    What the portal and Chromium do in their seconds is measured with the machine to themselves.
    """
    with Hung(tmp_path / "hung", migrated_file) as hung, Killed(tmp_path / "killed", migrated_file) as killed:
        hung.stop()
        time.sleep(60)
        killed.kill()
        time.sleep(15)
        with alone():
            hung.goes_on()
            killed.comes_back()
        killed.loads_anew_at_four()


class Hung:
    """K5: trouble after 15 s at the latest, stale after 35 s, and both gone 5 s after the server goes on."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        folder.mkdir()
        self.server = Server(folder, migrated)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        token = hang(self.server)
        with self._open:
            self._open.callback(self.server.close)
            self.server.start()
            self.browser = self._open.enter_context(chromium())
            show_board(self.browser, self.server, token)
            assert is_not_seen("k-trouble")(self.browser)
            assert is_not_seen("k-stale")(self.browser)
            self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
            self.browser.execute_script(WATCH)
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._signal(signal.SIGCONT)
        self._open.close()

    def stop(self) -> None:
        """It hangs from now on."""
        self._signal(signal.SIGSTOP)
        self.stopped = time.time()

    def goes_on(self) -> None:
        """It does, and all is well again in time."""
        self._signal(signal.SIGCONT)
        goes_on = time.time()
        waiting(self.browser, 60).until(
            lambda b: signs(b)[-1].shows == "true,false,false", "all is well again"
        )
        seen = [one for one in signs(self.browser) if one.at > self.stopped]
        first = {one.shows: one.at for one in reversed(seen)}
        assert first["true,true,false"] - self.stopped <= 15, "a sign of trouble"
        stale = next(one for one in seen if one.shows.endswith("true"))
        assert stale.at - self.stopped <= 35, "the stale mark"
        after = [one for one in seen if one.at > stale.at and one.shows.startswith("true")]
        assert min(one.at for one in after if one.shows.endswith("false")) > goes_on, "as long as it is true"
        assert after[-1].at - goes_on <= 5, "gone when all is well"

    def _signal(self, which: signal.Signals) -> None:
        assert self.server.process is not None
        self.server.process.send_signal(which)


class Killed:
    """K4, K19: back after 15 s as another version; K13: at four it loads its page anew, once."""

    def __init__(self, folder: Path, migrated: Path) -> None:
        folder.mkdir()
        self.clock = MovedClock(folder / "clock")
        now = datetime.now(UTC)
        self.at_night = now.astimezone(BERLIN).replace(hour=3, minute=40, second=0)
        self.clock.move(self.at_night - now)
        self.server = Server(folder, migrated)
        self.server.program = ["-m", "tests.moved_portal", str(folder / "clock"), "1.0"]
        self._open = ExitStack()

    def __enter__(self) -> Self:
        token = hang(self.server, id=AT_ONCE)
        with self._open:
            self._open.callback(self.server.close)
            self.server.start()
            self.browser = self._open.enter_context(chromium())
            show_board(self.browser, self.server, token)
            self.first = loaded_at(self.browser)
            assert display(self.server).version == "1.0"
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def kill(self) -> None:
        """It is gone, and its site gets another name meanwhile."""
        self.server.kill()
        self.server.database.change_now(
            lambda change: change.execute(update(Site).values(name="New harbour"))
        )

    def comes_back(self) -> None:
        """It does, and the board lives again in time."""
        self.server.program[-1] = "2.0"
        self.server.start()
        back = time.monotonic()
        name = (By.CLASS_NAME, "k-site")
        waiting(self.browser, 10).until(lambda b: b.find_element(*name).text == "New harbour", "live again")
        waiting(self.browser, back + 10.5 - time.monotonic()).until(is_not_seen("k-trouble"))
        waiting(self.browser, 20).until(
            lambda b: display(self.server).version == "2.0", "the new version is there"
        )

    def loads_anew_at_four(self) -> None:
        """Once a night."""
        browser, clock = self.browser, self.clock
        second = loaded_at(browser)
        assert second > self.first
        clock.move(self.at_night.replace(minute=59, second=56) - clock.now())
        waiting(browser, 40).until(lambda b: loaded_at(b) > second, "loaded anew at four")
        third = loaded_at(browser)
        assert clock.now().astimezone(BERLIN).hour == 4
        time.sleep(14)
        assert loaded_at(browser) == third, "once a day"
        assert is_not_seen("k-trouble")(browser)


def test_k12_an_idle_board_costs_next_to_nothing(server: Server) -> None:
    """At most 3 % of a core for all of Chromium, and one message in 10 s. K7: what it is is known.

    And when its server ends as it should, it says so at once.
    """
    token = hang(server)
    server.start()
    with chromium() as browser:
        show_board(browser, server, token)
        time.sleep(5)
        messages(browser)
        before, started = cpu(browser), time.monotonic()
        time.sleep(31)
        share = (cpu(browser) - before) / (time.monotonic() - started)
        received = messages(browser)
        assert share <= 0.03, f"{share:.1%} of a core"
        assert 3 <= len(received) <= 4, received
        assert all("k-beat" in frame for frame in received), "each of them is a beat"
        known = display(server)
        assert (known.width, known.height) == tuple(
            browser.execute_script("return [innerWidth, innerHeight]")
        )
        assert "Chrom" in known.browser
        server.stop()
        waiting(browser, 40).until(lambda b: "Maintenance" in body(b), "told while the socket is open")


def cpu(browser: webdriver.Chrome) -> float:
    """CPU seconds that all processes of *browser* have used."""
    driver = psutil.Process(browser.service.process.pid)  # type: ignore[attr-defined]
    times = [process.cpu_times() for process in driver.children(recursive=True)]
    return float(sum(one.user + one.system for one in times))


def messages(browser: webdriver.Chrome) -> list[str]:
    """Socket.IO events that it has received since the last call."""
    entries = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    frames = [
        str(entry["params"]["response"]["payloadData"])
        for entry in entries
        if entry["method"] == "Network.webSocketFrameReceived"
    ]
    return [frame for frame in frames if frame.startswith("42")]
