"""Takes the README's pictures: ``.venv/bin/python -m tests.browser.picture`` writes them into docs.

The demo runs, its driver charges for a while, and what Chromium shows is saved as it is: the driver's
dashboard, and the overview of the operator's console. The board of a display is drawn beside it, of a site
that has each state: ``.venv/bin/python -m tests.browser.picture board`` takes that one alone.
"""

from __future__ import annotations

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
from tests.browser.waiting import waiting

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "a password for a picture"
WIDTH, HEIGHT = 1280, 1330
CONSOLE_HEIGHT = 1080


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


def take_board() -> None:
    """What a display shows."""
    take_the_driver_of_this_machine()
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--hide-scrollbars"):
        options.add_argument(flag)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "output.log") as url:
        browser = webdriver.Chrome(options=options)
        try:
            with httpx.Client() as client:
                looking = Looking(browser, url, client, minute=6)
                looking.screen(1920, 1080)
                looking.open()
                looking.show(count=8)
                browser.save_screenshot(str(ROOT / "docs" / "kiosk.png"))
        finally:
            browser.quit()


if __name__ == "__main__":
    if sys.argv[1:] != ["board"]:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 240)
    take_board()
