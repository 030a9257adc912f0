"""Takes the README's picture: ``.venv/bin/python -m tests.browser.picture`` writes docs/dashboard.png.

The demo runs, its driver charges for a while, and what Chromium shows is saved as it is.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.browser.flags import FLAGS, take_the_driver_of_this_machine
from tests.browser.waiting import waiting

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "a password for a picture"
WIDTH, HEIGHT = 1280, 1330


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
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(15)


def take(address: str, seconds: float) -> None:
    """Sign in, wait, and save what is seen."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--hide-scrollbars"):
        options.add_argument(flag)
    take_the_driver_of_this_machine()
    browser = webdriver.Chrome(options=options)
    try:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False},
        )
        browser.get(address)
        wait = waiting(browser, 20)
        wait.until(lambda b: b.find_elements(By.NAME, "email"))
        browser.find_element(By.NAME, "email").send_keys("robin@demo.example")
        browser.find_element(By.NAME, "password").send_keys(PASSWORD)
        browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
        wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-strip"))
        wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-chart .bars path"))
        time.sleep(seconds)
        browser.refresh()
        wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-chart .bars path"))
        time.sleep(2)
        browser.save_screenshot(str(ROOT / "docs" / "dashboard.png"))
    finally:
        browser.quit()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 240)
