"""T41: twenty hostile strings in every stored text, on every page, for everybody who may see it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By
from sqlalchemy import insert, select, update

from app.access import sign_in_rows
from app.access.lifetimes import Lifetime
from app.access.link_rows import Purpose
from app.access.route_table import ROWS, Kind
from app.access.sign_in_rows import Arrival
from app.access.tokens import hashed
from data.caller import Caller
from data.database import Change
from data.models import Account, Display, OneTimeLink, SignIn
from data.types import HowSignedIn, Role
from tests import hostile, hostile_world
from tests.browser.server import Server
from tests.browser.test_security import violations
from tests.browser.waiting import connected, waiting

DAY = timedelta(days=1)
STARTED = """
return {
  hacked: window.hacked,
  title: document.title,
  led: [...document.querySelectorAll('[href],[src],[action],[formaction]')]
    .map(e => e.getAttribute('href') || e.getAttribute('src') || e.getAttribute('action') || '')
    .filter(a => !/^(\\/($|[^\\/\\\\])|#|\\?|data:|blob:|$)/.test(a.replace(location.origin, ''))),
  foreign: document.querySelectorAll('iframe, base, object, embed, meta[http-equiv=refresh]').length,
  inline: [...document.querySelectorAll('*')].filter(e => e.onerror || e.onload || e.onfocus).length,
  shown: document.querySelector('h1') && document.querySelector('h1').getBoundingClientRect().height,
  text: document.body.innerText,
}
"""
PARAMETERS = {
    "/admin/chargers/{charger_id}": "charger",
    "/admin/displays/{display_id}": "display",
    "/admin/drivers/{driver_id}": "driver",
    "/admin/operators/{operator_id}": "operator",
    "/admin/plans/{plan_id}": "plan",
    "/admin/plans/{plan_id}/edit": "plan",
    "/admin/sessions/{session_id}": "session",
    "/admin/sites/{site_id}": "site",
}
"""Of whose page each address with a parameter is."""
SHOWN = (
    *("driver /", "driver /account", "acting /", "operator /admin", "operator /admin/audit"),
    *("operator /admin/cards", "operator /admin/drivers", "operator /admin/health"),
    *("operator /admin/quarantine", "operator /admin/sessions", "operator /admin/sites"),
    *(
        "operator /admin/chargers/{charger}",
        "operator /admin/displays",
        "operator /admin/displays/{display}",
        "operator /admin/drivers/{driver}",
        "operator /admin/plans/{plan}",
    ),
    "display /kiosk",
)
"""Pages on which hostile strings have to be read, or nothing was shown: the last of each kind."""
SCREEN = secrets.token_urlsafe(32)
"""The token of a display's screen."""
LINKS = {
    f"/{page}/{secrets.token_urlsafe(32)}": purpose
    for page, purpose in (
        ("invitation", Purpose.INVITATION),
        ("password", Purpose.PASSWORD_RESET),
        ("enter", Purpose.SIGN_IN),
    )
}
"""Addresses of pages that open with a token, and what that is for."""


def test_hostile_texts_do_nothing_anywhere(selenium: webdriver.Chrome, server: Server) -> None:
    """T41–T44: nothing runs, links or leaves the site, no page breaks, no violation of the policy."""
    ids = server.database.change_now(_world)
    server.start()
    hostile_world.talk(server.ocpp)
    seen: dict[str, int] = {}
    cookies = {
        "nobody": None,
        "driver": _sign_in(server, ids["driver"][0]),
        "operator": _sign_in(server, ids["operator"][0]),
        "acting": _acting(server, ids["operator"][0], ids["driver"][0]),
    }
    selenium.get(server.url + "/favicon.ico")
    for who, cookie in cookies.items():
        selenium.delete_all_cookies()
        if cookie is not None:
            selenium.add_cookie({"name": "polaris", "value": cookie, "path": "/"})
        for path in _addresses(ids, who):
            selenium.get(server.url + path)
            seen[f"{who} {path}"] = _look(selenium, f"{who} {path}")
    selenium.add_cookie({"name": "polaris-display", "value": SCREEN, "path": "/"})
    selenium.get(server.url + "/kiosk")
    seen["display /kiosk"] = _look(selenium, "display /kiosk")
    assert violations(selenium) == []
    assert _foreign_requests(selenium, server.url) == []
    # The strings are really there, or nothing was shown.
    for address in SHOWN:
        one = re.sub(r"{(\w+)}", lambda found: str(ids[found[1]][-1]), address)
        assert seen[one] >= 2, (one, seen)
    assert server.database.ask_now(lambda db: len(db.execute(select(Account.id)).all())) >= 20
    assert "Traceback" not in server.output()


def _look(browser: webdriver.Chrome, where: str) -> int:
    """Look at the page that is shown; how many of the hostile strings can be read on it."""
    waiting(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, "h1"), where)
    _check(browser, where)  # as it came
    if browser.find_elements(By.ID, "app"):
        connected(browser)
    browser.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    found = _check(browser, where)  # and when its socket has brought the rest
    return sum(marker in found["text"].lower() for marker in ("hacked=", "evil.example", "drop table", "<"))


def _check(browser: webdriver.Chrome, where: str) -> dict[str, Any]:
    """What is to be seen of the page now; fails if anything of it has run, leads away, or is broken."""
    found: dict[str, Any] = browser.execute_script(STARTED)
    assert found["hacked"] is None, (where, found["hacked"])
    assert found["led"] == [], where
    assert found["foreign"] == 0, where
    assert found["inline"] == 0, where
    assert found["shown"], where
    assert "could not be loaded" not in found["text"], where
    return found


def _addresses(ids: dict[str, tuple[int, ...]], who: str) -> Iterator[str]:
    """Each page that *who* may see."""
    for row in ROWS:
        if row.kind is Kind.PAGE and getattr(row.gets, who) == 200:
            for one in ids[PARAMETERS[row.path]] if "{" in row.path else ("",):
                yield re.sub(r"{\w+}", str(one), row.path)
    if who == "nobody":
        yield from LINKS


def _world(change: Change) -> dict[str, tuple[int, ...]]:
    ids = hostile_world.build(change)
    now = datetime.now(UTC)
    hung = update(Display).where(Display.id == ids["display"][-1]).values(token_hash=hashed(SCREEN))
    change.execute(hung)
    for path, purpose in LINKS.items():
        whose = {Purpose.SIGN_IN: "operator", Purpose.INVITATION: "invited"}.get(purpose, "driver")
        row = {"token_hash": hashed(path.rsplit("/", 1)[1]), "purpose": purpose, "created_at": now}
        change.execute(insert(OneTimeLink), {**row, "account_id": ids[whose][0], "expires_at": now + DAY})
    return ids


def _sign_in(server: Server, account: int) -> str:
    token = secrets.token_urlsafe(32)
    arrival = Arrival(
        account, HowSignedIn.PASSWORD, browser_name=hostile.PAYLOADS[1], address=hostile.PAYLOADS[2]
    )
    now = datetime.now(UTC)
    server.database.change_now(
        sign_in_rows.arrive, arrival, now, lambda role: Lifetime(DAY, DAY), None, hashed(token)
    )
    return token


def _acting(server: Server, operator: int, driver: int) -> str:
    first, token = _sign_in(server, operator), secrets.token_urlsafe(32)
    newest = select(SignIn.id).where(SignIn.account_id == operator).order_by(SignIn.id.desc()).limit(1)
    own = server.database.ask_now(lambda db: db.execute(newest).scalar_one())
    caller = Caller(operator, Role.OPERATOR, operator, own)
    now = datetime.now(UTC)
    begun = server.database.change_now(
        sign_in_rows.begin_acting, caller, driver, hostile.PAYLOADS[0], now, hashed(token)
    )
    assert begun is not None
    assert first != token
    return token


def _foreign_requests(browser: webdriver.Chrome, url: str) -> list[str]:
    asked = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            address = message["params"]["request"]["url"]
            if not address.startswith((url, "data:", "blob:", "chrome", "about:")):
                asked.append(address)
    return asked
