"""Bytes of a first visit in a real browser, before anybody scrolls."""

from __future__ import annotations

import asyncio
import json
import time

from selenium import webdriver

from tests.bench import world
from tests.bench.measures import Result, cookies, portal
from tests.browser.flags import FLAGS, take_the_driver_of_this_machine


async def first_visit() -> list[Result]:
    """Encoded bytes of all that Chromium fetches for the dashboard with an empty cache, phone size."""
    async with portal(world.VISIBLE) as (process, http):
        cookie = await cookies(http, process, 1)
        kilobytes = await asyncio.to_thread(_visit, process.url, cookie)
    return [Result("first visit before scrolling", "≤ 650 kB", f"{kilobytes:.0f} kB", kilobytes <= 650)]


def _visit(url: str, cookie: dict[str, str]) -> float:
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, "--window-size=390,844"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    take_the_driver_of_this_machine()
    browser = webdriver.Chrome(options=options)
    try:
        browser.get(url + "/favicon.ico")
        for name, value in cookie.items():
            browser.add_cookie({"name": name, "value": value})
        browser.execute_cdp_cmd("Network.enable", {})
        browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        browser.get_log("performance")
        browser.get(url + "/")
        time.sleep(6)
        events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    finally:
        browser.quit()
    finished = [event for event in events if event["method"] == "Network.loadingFinished"]
    return float(sum(event["params"]["encodedDataLength"] for event in finished)) / 1000
