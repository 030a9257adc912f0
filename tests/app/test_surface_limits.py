"""How much one socket may send and one browser may ask for (T34, T35), against a real server."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import nicegui
import pytest
import websockets
from nicegui import core

from app.access import frames, shares
from app.access.frames import Allowance, Breach
from app.access.shares import Limits
from data.database import Database
from tests.app.access_site import Server, Site, Socket, site
from tests.app.test_surface_sockets import button, cookie
from tests.waiting import PATIENCE, until


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Site]:
    async with site(sqlite_database) as made:
        yield made


@pytest.fixture
async def server(here: Site) -> AsyncIterator[Server]:
    async with Server() as running:
        yield running


def limit(**values: Any) -> None:
    """Other limits than the product's."""
    nicegui.app.state.shares.limit(Limits(**values))


def event(message: Any, name: str = "event") -> str:
    """A frame."""
    return "42" + json.dumps([name, message])


@pytest.mark.parametrize(
    "frame",
    [
        *("40", '40{"token":"x"}', "3", "2probe", "5", "1", '430["x"]'),
        *('42["event",{"id":1,"args":["{}"]}]', '420["handshake",{"client_id":"x"}]', '42["ack",{}]'),
        event({"args": [json.dumps("[" * 500)]}),
        event({"text": "{[" * 500 + '"\\'}),
    ],
)
def test_what_pages_send_passes(frame: str) -> None:
    """T35: brackets that somebody types are no nesting."""
    frames.look_at(frame)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ("42" + "[" * 65, "nested"),
        ('42["event",' + '{"a":' * 64 + "1" + "}" * 64 + "]", "nested"),
        (event({"args": ["[" * 65 + "]" * 65]}), "nested"),
        ("4" + "[" * 5000, "nested"),
        (event({"text": "x" * 131_072}), "over the limit"),
        (event({"text": "ü" * 65_536}).replace("\\u00fc", "ü"), "over the limit"),
        ('42["event",{]', "no JSON"),
        ('42["connect",{"HTTP_COOKIE":"x"}]', "no page sends"),
        ('42["disconnect"]', "no page sends"),
        ('42["event"]', "no page sends"),
        ('42["event",{},{}]', "no page sends"),
        ('42[["event"],{}]', "no page sends"),
        ("42[1,{}]", "no page sends"),
        ('451-["event",{"_placeholder":true,"num":0}]', "unknown kind"),
        ('42/admin,["event",{}]', "unknown kind"),
        ("40/admin", "unknown kind"),
        ("", "unknown kind"),
        ("7", "unknown kind"),
        ("bAAAA", "unknown kind"),
        ('44{"message":"x"}', "unknown kind"),
    ],
)
def test_what_no_page_sends_is_a_breach(frame: str, why: str) -> None:
    """T1, T35: too large, too deep (also JSON within JSON), no JSON, other events, other packets."""
    with pytest.raises(Breach, match=why):
        frames.look_at(frame)


def passing(allowance: Allowance, frame: str, times: int) -> int:
    """How many of so many *frame*s pass."""
    for number in range(times):
        try:
            allowance.take(frame)
        except Breach:
            return number
    return times


def test_fifty_events_a_second_pass_and_no_more() -> None:
    """T35: a burst, then as many as the bucket fills; large frames count as many small ones."""
    allowance = Allowance()
    for _ in range(int(frames.BURST)):
        allowance.take("3")
    with pytest.raises(Breach, match="too many"):
        allowance.take("3")
    time.sleep(0.1)
    assert 3 <= passing(allowance, "3", 100) <= 50
    assert passing(Allowance(), event({"text": "x" * 130_000}), 12) == 9


@pytest.mark.parametrize(
    ("breach", "code"),
    [
        ([event({"text": "x" * 140_000})], 1009),
        (["42" + "[" * 65], 1008),
        ([b"binary"], 1003),
        (['42["connect",{}]'], 1008),
        ([event({"x": 1}, "ack")] * 200, 1008),
    ],
    ids=["large", "deep", "binary", "event", "flood"],
)
async def test_a_breach_closes_its_own_socket_and_no_other(
    here: Site, server: Server, breach: list[str | bytes], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """T35: also another socket of the same page goes on."""
    mine = await cookie(here)
    pages = [await server.page("/", mine) for _ in range(2)]
    async with server.socket(pages[0], cookie=mine) as bad, server.socket(pages[1], cookie=mine) as good:
        await bad.join()
        await good.join()
        for frame in breach:
            await bad._connection.send(frame)
        assert (await bad.messages(PATIENCE))[-1] == "closed"
        assert bad._connection.close_code == code
        await good.emit("event", button(pages[1]))
        await until(lambda: here.clicks == ["Dana Driver"])
    said = [record.getMessage() for record in caplog.records if "socket closed" in record.getMessage()]
    assert len(said) <= 1
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def poll(browser: httpx.AsyncClient, query: str) -> str:
    """Open a socket by requests; its id."""
    opened = await browser.get(f"/_nicegui_ws/socket.io/?EIO=4&transport=polling&{query}")
    found = re.search(r'"sid":"([^"]+)"', opened.text)
    assert found is not None, opened.text
    return found[1]


async def test_the_limits_hold_for_sockets_by_requests_too(here: Site, server: Server) -> None:
    """T35: a breach ends the socket, the next request is told so."""
    mine = await cookie(here)
    page = await server.page("/", mine)
    headers = {"cookie": mine, "origin": f"http://{server.host}"}
    async with httpx.AsyncClient(headers=headers, base_url=f"http://{server.host}") as browser:
        for body in (
            "4" + "[" * 100,
            "\x1e".join([event({}, "ack")] * 16),
            "41",
            b"\xff\xfe",
            "x" * 140_000,
            '42["connect",{}]',
        ):
            socket = await poll(browser, f"client_id={page.client_id}")
            address = f"/_nicegui_ws/socket.io/?EIO=4&transport=polling&sid={socket}"
            assert (await browser.post(address, content="40")).status_code == 200
            for _ in range(20):
                answer = await browser.post(address, content=body)
                if answer.status_code != 200:
                    break
            assert answer.status_code in (400, 413), body[:20]
            if answer.status_code == 400:
                assert socket not in core.sio.eio.sockets, body[:20]


@pytest.mark.parametrize("transport", ["websocket", "left", "polling"])
async def test_a_socket_of_no_page_is_closed(
    here: Site, server: Server, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    """T34: within ten seconds (here 0.3); one that has left its page at once; one with a page stays."""
    assert shares.Limits().bound_within <= 10
    limit(bound_within=0.3)
    mine = await cookie(here)
    pages = [await server.page("/", mine) for _ in range(2)]
    headers = {"cookie": mine, "sec-fetch-site": "same-origin"}
    async with server.socket(pages[0], cookie=mine) as good:
        stays: Socket = await good.join()
        if transport == "polling":
            async with httpx.AsyncClient(headers=headers, base_url=f"http://{server.host}") as browser:
                socket = await poll(browser, f"client_id={pages[1].client_id}")
            assert socket in core.sio.eio.sockets
            await until(lambda: socket not in core.sio.eio.sockets, 10)
        else:
            leaves = transport == "left"
            query = None if leaves else f"client_id={pages[1].client_id}"
            async with server.socket(pages[1], cookie=mine, query=query) as idle:
                await idle.join()
                if leaves:
                    await idle._connection.send("41")
                assert (await idle.messages(10))[-1] == "closed"
        await asyncio.sleep(0.4)
        await stays.emit("event", button(pages[0]))
        await until(lambda: here.clicks == ["Dana Driver"])


async def test_a_browser_has_twenty_sockets(here: Site, server: Server) -> None:
    """T34 (here three): one more is refused until one has gone; other browsers have their own."""
    assert shares.Limits().sockets == 20
    limit(sockets=3)
    mine, other = await cookie(here), await cookie(here, "Ella Driver")
    page, theirs, nobodys = (
        await server.page("/", mine),
        await server.page("/", other),
        await server.page("/sign-in"),
    )
    async with (
        server.socket(page, cookie=mine),
        server.socket(page, cookie=mine),
        server.socket(theirs, cookie=other) as foreign,
        server.socket(nobodys) as stranger,
    ):
        await foreign.join()
        await stranger.join()
        async with server.socket(page, cookie=mine) as third:
            await third.join()
            with pytest.raises(websockets.InvalidStatus):
                async with server.socket(page, cookie=mine):
                    pass
        await until(lambda: sorted(len(of) for of in nicegui.app.state.shares._sockets.values()) == [1, 1, 2])
        async with server.socket(page, cookie=mine) as again:
            await again.join()
    await until(lambda: nicegui.app.state.shares._sockets == {})
    assert nicegui.app.state.shares._allowances == {}


async def test_a_browser_loads_sixty_pages_a_minute(here: Site) -> None:
    """T34 (here five): then 429, in the visitor's words, with the time to wait; files don't count."""
    assert shares.Limits().loads == 60
    limit(loads=5, loads_of_address=8)
    token, other = [await here.sign_ins.issue(await here.driver(name)) for name in ("Dana", "Ella")]
    async with here.browser(token) as browser, here.browser(other) as second, here.browser() as nobody:
        for path in ("/", "/admin", "/_nicegui/no", "/sessions/1", "/look/nothing.css", "/favicon.ico", "/"):
            assert (await browser.get(path)).status_code != 429, path
        answer = await browser.get("/", headers={"accept-language": "de"})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "12")
        assert answer.headers["cache-control"] == "no-store"
        assert "Bitte etwas langsamer." in answer.text
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert (await browser.get("/", headers={"accept": "*/*"})).text == "Too many requests\n"
        assert (await browser.get("/favicon.ico")).status_code != 429
        assert (await second.get("/")).status_code == 200
        # Invented cookies don't make new browsers: they are counted by their address.
        for number in range(8):
            nobody.cookies.set(here.sign_ins.cookie, f"{number}" * 43)
            assert (await nobody.get("/sign-in")).status_code == 200
        assert (await nobody.get("/sign-in")).status_code == 429
        assert (await second.get("/")).status_code == 200
