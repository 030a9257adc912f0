"""Every field of every form takes whatever is typed or sent, on both databases: never a failure (T41)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote_plus

import nicegui
import pytest
from argon2 import PasswordHasher

from app import clock
from app.access import passwords, tokens
from app.access.account_forms import AccountForms
from app.access.acting import ActingAs
from app.access.acting_forms import ActingForms
from app.access.own_account import OwnAccount
from app.access.route_table import FORM, ROWS, Kind
from data.database import Database
from tests.app.access_site import Site, site
from tests.hostile import PAYLOADS

TOKEN = tokens.new()
LINK = {"token": TOKEN, "page": "x", "time_zone": "Europe/Berlin"}
PASSWORD = {"password": "wrong password"}
FORMS: dict[str, dict[str, str]] = {
    "/auth/sign-in": {"email": "a@x.org", **PASSWORD, "next": "/", "remember": "yes", **LINK},
    "/auth/sign-out": {"sign_in_id": "1", "everybody": "", "page": "x"},
    "/auth/welcome": {"name": "A", "email": "a@x.org", "password": "short", **LINK},
    "/auth/invitation": {"name": "A", "password": "short", **LINK},
    "/auth/password": {"password": "short", **LINK},
    "/auth/enter": LINK,
    "/auth/forgot": {"email": "a@x.org"},
    "/auth/switch": {"sign_in_id": "1", "page": "x"},
    "/auth/confirm": {**PASSWORD, "next": "/"},
    "/auth/acting/begin": {"driver_id": "1", "reason": "a ticket"},
    "/auth/acting/end": {"page": "x"},
    "/auth/account/name": {"name": "Ann", "drawn_for": ""},
    "/auth/account/email": {"email": "ann@x.org"},
    "/auth/account/password": {"current": "wrong password", "new": "a rather good password"},
    "/auth/account/end-sign-in": {"sign_in_id": "1", "others": ""},
    "/auth/account/unlink": {"identity_id": "1"},
    "/auth/account/deletion": {"wanted": "yes"},
}
SENT = (
    *(quote_plus(one) for one in PAYLOADS),
    *("a%00b%40x.org", "%00", "%ED%A0%80%40x.org", "%ff%fe", "\udcff\udc80@x.org", "%F0%9F%94%8C" * 50),
    *("%E2%82%AC%40x.org", "a%0D%0AX: y%1b%85", "%E2%80%AE%E2%80%8B", "x" * 60_000, "9" * 9, "-1", "", "%"),
)
"""As they stand in the body; what no letter stands for is sent as bytes."""
OTHERWISE = (
    *("application/json", "text/plain", "multipart/form-data", "", "x" * 5_000),
    *(
        f"multipart/form-data; boundary=x; charset={one}"
        for one in ("unicode_escape", "utf-7", "undefined", "punycode", "utf-16", "idna", "zip")
    ),
)
A_TRY = timedelta(seconds=7)
"""Until there is another one (T19): else most of what is sent is answered before any form has seen it."""
PART = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n\\ud800+2AA-@x.org\r\n--x--\r\n'


@pytest.fixture
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A thousand are compared here: what is tested is not how long that takes."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


@pytest.mark.usefixtures("_cheap_passwords")
async def test_no_form_fails_whatever_is_sent(database: Database) -> None:
    """A sentence, a redirect or a refusal; nothing that a database or a cookie does not take gets there."""
    forms = {row.path for row in ROWS if row.kind is Kind.FORM and row.encoding == FORM}
    assert FORMS.keys() == forms  # the ones with a file: test_charger_file
    async with site(database) as here:
        linked = here.identities
        ActingForms(here.sign_ins, ActingAs(here.sign_ins)).install(nicegui.app)
        own = OwnAccount(database)
        AccountForms(here.sign_ins, own, here.links.passwords, linked).install(nicegui.app)
        await here.driver("Dana Driver"), await here.driver("Ann Driver"), await here.operator()
        with clock.at(clock.now()):
            failed = [one for path in FORMS for one in await _failures(here, path)]
    assert failed == []


async def _failures(here: Site, path: str) -> list[str]:
    whose = 3 if "acting" in path else 2 if "account" in path or "confirm" in path else None
    failed, token = [], None
    async with here.browser() as browser:
        for name, sent, kind in _bodies(FORMS[path]):
            browser.cookies.clear()
            if whose is not None:
                token = token or await here.sign_ins.issue(whose)
                browser.cookies.set(here.sign_ins.cookie, token)
            clock.advance(A_TRY)
            headers = {"content-type": kind}
            answer = await browser.post(path, content=sent, headers=headers)
            for page in list(nicegui.Client.instances.values()):
                page.delete()  # nobody opens it, and 2,000 that wait for a socket cost more than the rest
            if "set-cookie" in answer.headers:
                token = None
            told = answer.headers.get("location", "")
            too_many = answer.status_code == 429 or "many" in told
            if answer.status_code >= 500 or too_many or (kind != FORM and answer.status_code != 415):
                failed.append(f"{path} {name} {sent[:60]!r} {kind[:60]} {answer.status_code} {told}")
    return failed


def _bodies(fields: dict[str, str]) -> list[tuple[str, bytes, str]]:
    """What to send: each field in each way, the others as they should be."""
    bodies = [("nothing", b"", FORM), ("many", b"&".join(b"k%d=1" % n for n in range(5_000)), FORM)]
    for name in fields:
        rest = {one: quote_plus(value) for one, value in fields.items() if one != name}
        ways = [{name: one, **rest} for one in SENT]
        bodies += [
            (name, "&".join(map("=".join, way.items())).encode("utf-8", "surrogateescape"), FORM)
            for way in ways
        ]
        bodies.append((name, "&".join(map("=".join, rest.items())).encode(), FORM))
        bodies.append((name, f"{name}=1&{name}=%00&{name}=2".encode(), FORM))
    first = next(iter(fields))
    return bodies + [(first, PART % first.encode(), kind) for kind in OTHERWISE]
