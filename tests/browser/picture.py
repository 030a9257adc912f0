"""Takes the README's pictures: ``.venv/bin/python -m tests.browser.picture`` writes them into docs.

The demo runs, its driver charges for a while, and what Chromium shows is saved as it is: the driver's
dashboard, and the overview of the operator's console. The board of a display is drawn beside it, of a site
that has each state: ``.venv/bin/python -m tests.browser.picture board`` takes that one alone, and ``signs``
the one of what else a screen says.
"""

from __future__ import annotations

import base64
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.flags import FLAGS, take_the_driver_of_this_machine
from tests.browser.looking import Looking, serving
from tests.browser.server import Server
from tests.browser.waiting import waiting

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "a password for a picture"
WIDTH, HEIGHT = 1280, 1330
CONSOLE_HEIGHT = 1080
SIGN = 600, 338
"""Width and height of each of the screens in one picture."""
SIGNS = """<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 12px; background: #fff; font: 17px/1.5 sans-serif; color: #222; }
main { display: grid; grid-template-columns: auto auto; gap: 12px; width: max-content; }
figure { margin: 0 } img { display: block }
</style><main>"""


def main(seconds: float) -> None:
    """Let the demo run for *seconds*, then take the picture."""
    demo = subprocess.Popen(
        [sys.executable, "main.py", "demo", "--port", "0", "--password", PASSWORD],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert demo.stdout is not None
        address = ""
        while not address:
            found = re.search(r"is at (http://\S+)", demo.stdout.readline())
            address = found[1] if found else ""
        take(address, seconds)
        take_console(address)
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(15)


@contextmanager
def signed_in(address: str, email: str, height: int) -> Iterator[webdriver.Chrome]:
    """A browser in which *email* is signed in."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--hide-scrollbars"):
        options.add_argument(flag)
    take_the_driver_of_this_machine()
    browser = webdriver.Chrome(options=options)
    try:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        browser.get(address)
        wait = waiting(browser, 20)
        wait.until(lambda b: b.find_elements(By.NAME, "email"))
        browser.find_element(By.NAME, "email").send_keys(email)
        browser.find_element(By.NAME, "password").send_keys(PASSWORD)
        browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
        wait.until(lambda b: "/sign-in" not in b.current_url)
        yield browser
    finally:
        browser.quit()


def take(address: str, seconds: float) -> None:
    """The dashboard of a driver who has been charging for *seconds*."""
    with signed_in(address, "robin@demo.example", HEIGHT) as browser:
        wait = waiting(browser, 20)
        wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-strip"))
        wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-chart .bars path"))
        time.sleep(seconds)
        browser.refresh()
        wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-chart .bars path"))
        time.sleep(2)
        browser.save_screenshot(str(ROOT / "docs" / "dashboard.png"))


def take_console(address: str) -> None:
    """The overview of the console."""
    with signed_in(address, "olga@demo.example", CONSOLE_HEIGHT) as browser:
        waiting(browser, 20).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-live tbody tr"))
        time.sleep(5)
        browser.save_screenshot(str(ROOT / "docs" / "console.png"))


@contextmanager
def before_a_board() -> Iterator[Looking]:
    """A browser before a board that is told what to show."""
    take_the_driver_of_this_machine()
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--hide-scrollbars"):
        options.add_argument(flag)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "output.log") as url:
        browser = webdriver.Chrome(options=options)
        try:
            with httpx.Client() as client:
                yield Looking(browser, url, client, minute=6)
        finally:
            browser.quit()


def take_board() -> None:
    """What a display shows."""
    with before_a_board() as looking:
        looking.screen(1920, 1080)
        looking.open()
        looking.show(count=8)
        looking.browser.save_screenshot(str(ROOT / "docs" / "kiosk.png"))


def take_signs() -> None:
    """What else a screen says: by night, without a database, without a connection, unpaired."""
    with before_a_board() as looking:
        looking.screen(*SIGN)
        looking.open()
        shots = {}
        looking.show(count=8, night=True)
        shots["Between 22:00 and 6:00"] = looking.browser.get_screenshot_as_png()
        looking.show(count=8, failing=True)
        shots["Maintenance"] = looking.browser.get_screenshot_as_png()
        looking.show(count=8)
        looking.tell(beat=1)
        shown = waiting(looking.browser, 60)
        shown.until(lambda _: looking.style(".k-stale", "visibility") == "visible")
        shots["Nothing heard for 35 seconds"] = looking.browser.get_screenshot_as_png()
        shots["Not paired"] = _code(looking)
        looking.screen(2 * SIGN[0] + 36, 2 * (SIGN[1] + 26) + 36)
        with tempfile.NamedTemporaryFile("w", suffix=".html") as page:
            page.write(SIGNS)
            for words, shot in shots.items():
                picture = base64.b64encode(shot).decode()
                page.write(f'<figure><img src="data:image/png;base64,{picture}">{words}</figure>')
            page.flush()
            looking.browser.get(f"file://{page.name}")
            looking.browser.save_screenshot(str(ROOT / "docs" / "kiosk-signs.png"))


def _code(looking: Looking) -> bytes:
    """The page of a screen that is not paired, of a portal of its own."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.db"
        empty.touch()
        portal = Server(Path(folder), empty).start()
        try:
            looking.browser.get(f"{portal.url}/kiosk")
            code = ".k-pairing-code"
            waiting(looking.browser, 30).until(
                lambda b: re.search(r"\w{4}", b.find_element(By.CSS_SELECTOR, code).text)
            )
            time.sleep(1)
            return looking.browser.get_screenshot_as_png()
        finally:
            portal.kill()


if __name__ == "__main__":
    if not {"board", "signs"} & set(sys.argv):
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 240)
    if "signs" not in sys.argv:
        take_board()
    if "board" not in sys.argv:
        take_signs()
