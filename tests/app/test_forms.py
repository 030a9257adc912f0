"""Plain forms that come late, from another tab, or with odd letters: T7, T16, T37, T41, P3."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import nicegui
import pytest
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from app.access.door import Door
from app.access.route_table import RouteTable
from app.portal import Portal
from app.settings import Settings
from data.models import Account, SignIn
from data.types import Role
from tests import world
from tests.app.access_site import Server
from tests.app.window import WHY, Window, window

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def here(portal: Portal) -> AsyncIterator[Window]:
    async with window(portal) as made:
        yield made


def name(portal: Portal, account_id: int) -> str:
    """That it has now."""
    return portal.database.ask_now(
        lambda db: str(db.execute(select(Account.name).where(Account.id == account_id)).scalar_one())
    )


async def test_t7_t16_a_form_that_is_held_open_has_the_rights_of_its_end(portal: Portal) -> None:
    """A sign-in that ends while its form is still on the way changes nothing any more."""
    dana = portal.database.change_now(lambda change: world.add_driver(change, "Dana Driver"))
    body = b"name=Mallory"
    async with Server() as server:
        for is_ended in (True, False):
            token = await portal.sign_ins.issue(dana)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            head = (
                f"POST /auth/account/name HTTP/1.1\r\nHost: {server.host}\r\nOrigin: http://{server.host}\r\n"
                f"Cookie: {portal.sign_ins.cookie}={token}\r\nContent-Type: {FORM}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body[:7])
            await writer.drain()
            await asyncio.sleep(0.2)  # the server waits for the rest by now
            if is_ended:
                await portal.sign_ins._end(SignIn.account_id == dana)
            writer.write(body[7:])
            answer = (await reader.read()).decode()
            writer.close()
            leads_to = re.findall(r"(?im)^location: (\S+)", answer)
            assert [one.partition("?")[0] for one in leads_to] == ["/sign-in" if is_ended else "/account"]
            assert name(portal, dana) == ("Dana Driver" if is_ended else "Mallory")


async def test_t37_a_form_has_a_deadline() -> None:
    """Whoever holds one open is sent away; one that is all here may be worked at for longer."""
    slow = 0.05

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 3 * slow)
        await PlainTextResponse("done")(scope, receive, send)

    door = Door(
        app,
        settings=Settings(_env_file=None),
        routes=RouteTable(),
        body_seconds=slow,
    )
    for complete in (False, True):
        came: list[Message] = [{"type": "http.request", "body": b"a=", "more_body": not complete}]
        sent: list[Message] = []

        async def receive(came: list[Message] = came) -> Message:
            if not came:
                await asyncio.sleep(60)
            return came.pop()

        async def send(message: Message, sent: list[Message] = sent) -> None:
            sent.append(message)

        headers = [(b"host", b"127.0.0.1"), (b"origin", b"http://127.0.0.1")]
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/auth/switch", "scheme": "http"}
        more = {
            "headers": headers,
            "query_string": b"",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        async with asyncio.timeout(5):
            await door({**scope, **more, "app": nicegui.app}, receive, send)
        assert sent[0]["status"] == (200 if complete else 408)


async def test_p3_t3_a_page_of_another_account_changes_nothing(portal: Portal, here: Window) -> None:
    """Two tabs: a form belongs to the account that its page shows, not to whoever is current by now."""

    def people(change: Any) -> tuple[int, int, int]:
        return (
            world.add_driver(change, "Dana Driver"),
            world.add_driver(change, "Eve Driver"),
            world.add_account(change, "Olga Operator", Role.OPERATOR),
        )

    dana, eve, olga = portal.database.change_now(people)
    await here.enter(olga)
    consoles = await here.get(f"/admin/drivers/{dana}")
    of_dana = await here.enter(dana)
    account, confirm = await here.get("/account"), await here.get("/confirm")
    of_eve = await here.enter(eve)
    told = "/switch?problem=other-account"
    theirs = {"drawn_for": of_dana}
    for form, fields in {
        "account/name": {"name": "Changed"},
        "account/email": {"email": "changed@example.org"},
        "account/password": {"current": world.PASSWORD, "new": "another good password"},
        "account/end-sign-in": {"others": "yes"},
        "account/unlink": {"identity_id": 1},
        "account/deletion": {"wanted": "yes"},
        "confirm": {"password": world.PASSWORD},
    }.items():
        page = confirm if form == "confirm" else account
        assert f"/auth/{form}" in page or form == "account/unlink", form
        assert await here.post(f"/auth/{form}", **theirs, **fields) == told, form
    operators = (await here.ids())[olga]
    begin = {"driver_id": dana, "reason": WHY}
    assert await here.post("/auth/acting/begin", drawn_for=operators, **begin) == told
    assert (name(portal, dana), name(portal, eve), await here.audit()) == ("Dana Driver", "Eve Driver", [])
    assert "belongs to another account" in await here.get(told)
    for page, sign_in in ((account, of_dana), (confirm, of_dana), (consoles, operators)):
        assert re.search(rf"drawn_for[^<>]*[^\d]{sign_in}[^\d]", page)
    # Signing out means whoever the page shows, too.
    assert await here.post("/auth/sign-out", sign_in_id=of_dana) == "/switch"
    assert await here.ids() == {olga: operators, eve: of_eve}
    assert await here.post("/auth/account/name", drawn_for=of_eve, name="Eve") == "/account?said=name-saved"


@pytest.mark.parametrize("typed", ["€@x.org", "😀" * 60, "a\x1b[2J@x.org", "дана@пример.рф", 'a";\\,=%41'])
async def test_t19_any_mistyped_address_comes_back_to_the_form(here: Window, typed: str) -> None:
    """Also what a cookie has no letters for."""
    assert await here.post("/auth/sign-in", email=typed, password="x") == "/sign-in?problem=wrong"
    page = await here.get("/sign-in?problem=wrong")
    found = re.search(r'"value":"((?:[^"\\]|\\.)*)","type":"email"', page)
    assert found is not None
    assert json.loads(f'"{found[1]}"') == typed.lower()
