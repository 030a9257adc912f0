"""How the pages hold up in a real browser: width, accessibility, console."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from sqlalchemy import update

from data.database import Change
from data.models import Account
from data.types import ConnectorStatus, Theme
from tests.browser.conftest import configured
from tests.browser.server import Server
from tests.browser.waiting import waiting
from tests.world import (
    add_charger,
    add_driver,
    add_mapping,
    add_plan,
    add_reservation,
    add_session,
    add_site,
)

spec = importlib.util.find_spec("axe_playwright_python")
assert spec is not None
assert spec.origin is not None
AXE = (Path(spec.origin).parent / "axe.min.js").read_text()
"""axe-core itself; the package around it, made for another driver, is not used."""


def rich(change: Change, **account: Any) -> None:
    """Dana's world: a session in progress, five past ones, a reservation, a plan, chargers in each status."""
    now = datetime.now(UTC)
    dana = add_driver(change, "Dana Driver", **account)
    card = add_mapping(change, dana, "DANA")
    site = add_site(change)
    chargers = [
        add_charger(change, f"BAY {number}", site=site, name=name, status=status, seen=now - silent)
        for number, (name, status, silent) in enumerate(
            [
                ("Garage left", ConnectorStatus.CHARGING, timedelta()),
                ("Garage right", ConnectorStatus.AVAILABLE, timedelta()),
                ("Roof 1", ConnectorStatus.RESERVED, timedelta()),
                ("Roof 2", ConnectorStatus.AVAILABLE, timedelta(hours=3)),
                ("Roof 3", ConnectorStatus.FAULTED, timedelta()),
                (
                    "A name that is as long as the longest ones that operators give to their bays",
                    "Available",
                    timedelta(),
                ),
                *((f"Bay {n}", ConnectorStatus.AVAILABLE, timedelta()) for n in range(7, 14)),
            ],
            1,
        )
    ]
    add_plan(change, dana)
    add_reservation(
        change, account=dana, mapping=card, charger=chargers[1], starts_at=now + timedelta(minutes=40)
    )
    for days in range(1, 8):
        add_session(
            change,
            charger=chargers[1],
            connector=2,
            account=dana,
            started_at=now - timedelta(days=days, hours=days),
            minutes=90 + 100 * days,
            energy_wh=7_000 * days,
            finalized=days > 1,
        )
    add_session(
        change,
        charger=chargers[0],
        connector=1,
        account=dana,
        started_at=now - timedelta(minutes=42),
        minutes=41,
        energy_wh=12_460,
        ended=False,
        power_w=7_200,
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Server]:
    """One portal for all looks at it: nothing here changes more than how Dana wants to see it."""
    server = Server(tmp_path_factory.mktemp("look"), migrated_file)
    server.database.change_now(rich)
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    """One for all looks: to start it costs more than a look."""
    browser = webdriver.Chrome(options=configured(webdriver.ChromeOptions()))
    yield browser
    browser.quit()


@pytest.fixture
def selenium(browser: webdriver.Chrome, server: Server) -> webdriver.Chrome:
    """As if it had just been started: nothing is kept, emulated or said."""
    browser.get("about:blank")
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": server.url, "storageTypes": "all"})
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.set_window_size(1440, 900)
    for log in ("browser", "performance"):
        browser.get_log(log)
    return browser


@pytest.fixture
def dashboard(
    server: Server, selenium: webdriver.Chrome, sign_in: Callable[..., None]
) -> Callable[..., None]:
    """Sign in to the rich dashboard: ``dashboard(theme=…, language=…)``."""

    def dashboard(theme: Theme = Theme.LIGHT, language: str = "en") -> None:
        wanted = update(Account).values(theme=theme, language=language)
        server.database.change_now(lambda change: change.execute(wanted))
        sign_in(selenium)
        waiting(selenium).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-chargers li"))

    return dashboard


def violations(browser: webdriver.Chrome, within: str = "html") -> list[str]:
    """What axe-core finds, one line each; *within* an open dialog, what is behind it is not looked at."""
    browser.execute_script(AXE)
    # The bar of a request under way: axe itself makes it come, and it is gone before anybody reads it.
    where = {"include": [[within]], "exclude": [["#q-loading-bar"]]}
    found = browser.execute_async_script("axe.run(arguments[0]).then(arguments[1])", where)
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:160]} — {node['failureSummary'][:300]}"
        for v in found["violations"]
        for node in v["nodes"]
    ]


def scroll_through(browser: webdriver.Chrome) -> None:
    """Let everything be drawn that is drawn only when it is seen."""
    chart = browser.find_element(By.CSS_SELECTOR, ".p-chart")
    browser.execute_script("arguments[0].scrollIntoView()", chart)
    waiting(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".p-chart .bars path"))


@pytest.fixture
def console(selenium: webdriver.Chrome) -> Iterator[None]:
    """After the test the console is empty: no error, no violation of the content security policy."""
    yield
    said = [
        entry["message"] for entry in selenium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
    ]
    assert said == []


@pytest.mark.parametrize(("width", "height"), [(320, 700), (390, 844), (768, 1024), (1440, 900)])
def test_no_sideways_scroll(
    dashboard: Callable[..., None], selenium: webdriver.Chrome, console: None, width: int, height: int
) -> None:
    """From 320 px up, nothing is wider than the screen; targets are at least 44 px high."""
    selenium.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    dashboard()
    scroll_through(selenium)
    assert selenium.execute_script("return document.documentElement.scrollWidth") <= width
    small = selenium.execute_script(
        "return [...document.querySelectorAll('main button, header button, summary')]"
        ".filter(b => b.offsetParent && b.getBoundingClientRect().height < 43.5).map(b => b.outerHTML)"
    )
    assert small == []


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("theme", [Theme.LIGHT, Theme.DARK])
def test_axe_finds_nothing_on_the_dashboard(
    dashboard: Callable[..., None], selenium: webdriver.Chrome, console: None, theme: Theme, language: str
) -> None:
    dashboard(theme=theme, language=language)
    scroll_through(selenium)
    assert selenium.find_element(By.TAG_NAME, "html").get_attribute("lang").startswith(language)
    dark = selenium.execute_script("return document.body.classList.contains('body--dark')")
    assert dark is (theme is Theme.DARK)
    assert violations(selenium) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_at_the_door(
    server: Server, selenium: webdriver.Chrome, console: None, scheme: str
) -> None:
    """Signed out the pages follow the device's own scheme."""
    link = server.output().split("/welcome/")[1].split()[0]
    selenium.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    for path in ("/sign-in", f"/welcome/{link}"):
        selenium.get(server.url + path)
        waiting(selenium).until(lambda b: b.find_elements(By.NAME, "password"))
        assert violations(selenium) == [], path


def test_the_first_visit_is_small(dashboard: Callable[..., None], selenium: webdriver.Chrome) -> None:
    """Plotly is not loaded before its chart is scrolled to (it is 70 % of a first visit's bytes)."""
    selenium.set_window_size(390, 700)
    dashboard()
    assert 100_000 < received(selenium) <= 650_000
    scroll_through(selenium)
    assert received(selenium) > 400_000


def received(browser: webdriver.Chrome) -> int:
    """The bytes that the browser has received since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return int(
        sum(e["params"]["encodedDataLength"] for e in events if e["method"] == "Network.loadingFinished")
    )
