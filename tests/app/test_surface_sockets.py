"""Page sockets against a real server: origin, binding, rooms, and their end (T16, T31–T33, T54)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import nicegui
import pytest
import websockets
from nicegui import Client, ui
from sqlalchemy import select, update
from starlette.websockets import WebSocket

from app import clock
from app.access import open_pages
from app.access.route_table import To, page
from app.access.visitor import Driver
from data.announcements import Announcement, Topic
from data.caller import COMMAND_LINE
from data.database import Database
from data.models import Account, SignIn
from tests.app.access_site import PageIds, Refused, Server, Site, site
from tests.waiting import PATIENCE, until
from tests.world import NOW

FOREIGN = ("http://evil.example", "null", "https://{host}", "http://localhost:{port}")


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Site]:
    async with site(sqlite_database) as made:
        yield made


@pytest.fixture
async def server(here: Site) -> AsyncIterator[Server]:
    async with Server() as running:
        yield running


async def cookie(here: Site, name: str = "Dana Driver") -> str:
    """The cookie header of a new driver, signed in."""
    return f"{here.sign_ins.cookie}={await here.sign_ins.issue(await here.driver(name))}"


def button(page: PageIds) -> dict[str, Any]:
    """A click on the button of *page*, as its script would tell it."""
    client = Client.instances[page.client_id]
    element = next(e for e in client.elements.values() if isinstance(e, ui.button))
    listener = next(iter(element._event_listeners.values()))
    return {
        "id": element.id,
        "client_id": page.client_id,
        "listener_id": listener.id,
        "args": ["{}"],
    }


async def test_a_page_s_own_socket_gets_in_and_its_click_counts(here: Site, server: Server) -> None:
    """T32, T33: the honest way, so that the refusals below mean something."""
    mine = await cookie(here)
    page = await server.page("/", mine)
    async with server.socket(page, cookie=mine) as raw:
        socket = await raw.join()
        await socket.emit("event", button(page))
        await socket.emit("ack", {"client_id": page.client_id, "next_message_id": 1})
        await until(lambda: here.clicks == ["Dana Driver"])
    page = await server.page("/sign-in")
    async with server.socket(page) as raw:
        await raw.join()


async def test_a_foreign_origin_gets_no_socket(here: Site, server: Server) -> None:
    """T31: on both transports; a page socket without an origin is no browser's."""
    mine = await cookie(here)
    page = await server.page("/", mine)
    url = f"http://{server.host}/_nicegui_ws/socket.io/?EIO=4&transport=polling&client_id={page.client_id}"
    for template in (*FOREIGN, None):
        origin = None if template is None else template.format(host=server.host, port=server.port)
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with server.socket(page, cookie=mine, origin=origin):
                pass
        assert refused.value.response.status_code == 403, origin
        headers = {"cookie": mine} | ({"origin": origin} if origin else {})
        async with httpx.AsyncClient(headers=headers) as client:
            answers = [await client.get(url), await client.post(url + "&sid=x", content="40")]
        assert [answer.status_code for answer in answers] == [403, 403], origin
        assert "access-control-allow-origin" not in answers[0].headers


async def test_polling_from_our_own_page_works(here: Site, server: Server) -> None:
    """T31: the way for those whose proxy takes no websockets; same-origin GETs carry no Origin."""
    mine = await cookie(here)
    page = await server.page("/", mine)
    url = f"http://{server.host}/_nicegui_ws/socket.io/?EIO=4&transport=polling&client_id={page.client_id}"
    async with httpx.AsyncClient(headers={"cookie": mine, "sec-fetch-site": "same-origin"}) as client:
        answer = await client.get(url)
    assert answer.status_code == 200
    assert answer.text.startswith("0{")


async def test_a_socket_without_the_page_s_cookie_is_sent_away(here: Site, server: Server) -> None:
    """T32: no cookie, another person's, an invented one; and the page's own for a page of nobody."""
    mine, other = await cookie(here), await cookie(here, "Ella Driver")
    page = await server.page("/", mine)
    for brought in (None, other, f"{here.sign_ins.cookie}=invented", "theme=dark"):
        async with server.socket(page, cookie=brought) as raw:
            with pytest.raises(Refused, match="Implicit handshake failed"):
                await raw.join()
    assert not Client.instances[page.client_id].has_socket_connection
    nobodys = await server.page("/sign-in")
    async with server.socket(nobodys, cookie=mine) as raw:
        with pytest.raises(Refused):
            await raw.join()


async def test_a_socket_of_an_ended_sign_in_is_sent_away(here: Site, server: Server) -> None:
    """T32: the cookie is the right one, and worth nothing any more."""
    mine = await cookie(here)
    page = await server.page("/", mine)
    await here.database.change(lambda change: change.execute(update(Account).values(disabled_at=NOW)))
    here.sign_ins._known.clear()
    async with server.socket(page, cookie=mine) as raw:
        with pytest.raises(Refused):
            await raw.join()


NO_PAGE = (
    "x=y",
    "client_id=",
    "client_id=00000000-0000-0000-0000-000000000000",
    "implicit_handshake=true",
    "client_id=00000000-0000-0000-0000-000000000000&implicit_handshake=true",
    "client_id={client}&implicit_handshake=true",
)


async def test_a_socket_of_no_page_is_sent_away(here: Site, server: Server) -> None:
    """T32, T34: unknown pages (a restart: the browser loads again), none, and half a handshake."""
    mine = await cookie(here)
    page = await server.page("/", mine)
    for query in NO_PAGE:
        async with server.socket(page, cookie=mine, query=query.format(client=page.client_id)) as raw:
            with pytest.raises(Refused):
                await raw.join()


async def test_a_socket_may_name_its_own_page_only(here: Site, server: Server) -> None:
    """T33: events, answers and log lines for another page are not taken, whoever's page it is."""
    mine, other = await cookie(here), await cookie(here, "Ella Driver")
    page, foreign = await server.page("/", mine), await server.page("/", other)
    second = await server.page("/", mine)
    async with server.socket(page, cookie=mine) as raw, server.socket(foreign, cookie=other) as theirs:
        socket = await raw.join()
        await theirs.join()
        await socket.emit("event", button(foreign))
        await socket.emit("event", button(second))
        await socket.emit("ack", {"client_id": foreign.client_id, "next_message_id": 99})
        await socket.emit("javascript_response", {"client_id": foreign.client_id, "request_id": "x"})
        await socket.emit("log", {"client_id": foreign.client_id, "level": "error", "message": "forged"})
        await socket.emit("event", button(page))
        await until(lambda: bool(here.clicks))
        await asyncio.sleep(0.1)
    assert here.clicks == ["Dana Driver"]


async def test_a_socket_can_t_take_over_another_page(here: Site, server: Server) -> None:
    """T32, T33: an explicit handshake for a page whose cookie it does not have."""
    mine, other = await cookie(here), await cookie(here, "Ella Driver")
    page, foreign = await server.page("/", mine), await server.page("/", other)
    async with server.socket(page, cookie=mine, query=f"client_id={page.client_id}") as raw:
        socket = await raw.join()
        for client_id in (foreign.client_id, "nobody", None, ["x"]):
            message = {"client_id": client_id, "tab_id": "t", "document_id": "d", "next_message_id": 0}
            await socket.emit("handshake", message, ask=True)
            assert (await socket.receive()).endswith("[false]")
        for nonsense in (None, "x", [], 5, {}):
            await socket.emit("handshake", nonsense, ask=True)
            assert (await socket.receive()).endswith("[false]")
        message = {"client_id": page.client_id, "tab_id": "t", "document_id": "d", "next_message_id": 0}
        await socket.emit("handshake", message, ask=True)
        assert (await socket.receive()).endswith("[true]")
    assert not Client.instances[foreign.client_id].has_socket_connection


async def test_malformed_messages_harm_nobody(
    here: Site, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """T35, T63: whatever is sent, the page goes on; what a page says is quoted in the log, in one line."""
    mine = await cookie(here)
    page = await server.page("/", mine)
    own = {"client_id": page.client_id}
    click = button(page)
    async with server.socket(page, cookie=mine) as raw:
        socket = await raw.join()
        for name in ("event", "ack", "log", "javascript_response", "handshake"):
            for message in (None, 5, "x", [], {}, own, {"client_id": {}}, {"client_id": 7}):
                await socket.emit(name, message)
        for change in ({"args": 5}, {"args": ["{"]}, {"listener_id": "x"}, {"id": "x"}, {"id": {}}):
            await socket.emit("event", {**click, **change})
        await socket.emit(
            "log", {**own, "level": "critical", "message": "one\nERROR two\x1b[31m" + "x" * 5000}
        )
        await socket.emit("event", click)
        await until(lambda: here.clicks == ["Dana Driver"])
    quoted = [record.getMessage() for record in caplog.records if "a page says" in record.getMessage()]
    assert any("one\\nERROR two\\x1b[31m" in line for line in quoted)
    assert all(len(line) < 400 and "\n" not in line for line in quoted)


@pytest.mark.alone
async def test_sign_out_closes_every_open_page_and_socket_of_it_within_two_seconds(
    here: Site, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """T16: pages go to sign-in, then nothing of them is left; other sign-ins notice nothing."""
    mine, other = await cookie(here), await cookie(here, "Ella Driver")
    pages = [await server.page("/", mine), await server.page("/sessions/1", mine)]
    unconnected = await server.page("/", mine)
    foreign = await server.page("/", other)
    async with (
        server.socket(pages[0], cookie=mine) as first,
        server.socket(pages[1], cookie=mine) as second,
        server.socket(foreign, cookie=other) as theirs,
    ):
        mines = [await first.join(), await second.join()]
        stays = await theirs.join()
        started = time.monotonic()
        async with httpx.AsyncClient(headers={"cookie": mine, "origin": f"http://{server.host}"}) as browser:
            assert (await browser.post(f"http://{server.host}/auth/sign-out")).status_code == 303
        for got in await asyncio.gather(*(socket.messages(2) for socket in mines)):
            assert any('"open"' in text and "/sign-in" in text for text in got)
            assert got[-1] == "closed"
        assert time.monotonic() - started < 2
        left = {page.client_id for page in (*pages, unconnected)} & set(Client.instances)
        assert left == set()
        assert foreign.client_id in Client.instances
        await stays.emit("event", button(foreign))
        await until(lambda: here.clicks == ["Ella Driver"])
    async with server.socket(pages[0], cookie=mine) as raw:
        with pytest.raises(Refused):
            await raw.join()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_page_that_is_being_built_while_its_sign_in_ends_gets_no_socket(
    here: Site, server: Server
) -> None:
    """T16, T32: between the question who asks and the answer the sign-in may be gone."""
    entered, go = asyncio.Event(), asyncio.Event()

    @ui.page("/slow")
    async def slow(driver: Driver) -> None:
        entered.set()
        await go.wait()
        ui.label(driver.name)

    nicegui.app.state.routes.add(page("/slow", To.DRIVERS))
    mine = await cookie(here)
    fetching = asyncio.create_task(server.page("/slow", mine))
    await entered.wait()
    found = await here.sign_ins.find(mine.split("=", 1)[1])
    assert found is not None
    await here.sign_ins.end_of_account(COMMAND_LINE, found.account_id)
    go.set()
    fetched = await fetching
    async with server.socket(fetched, cookie=mine) as raw:
        with pytest.raises(Refused):
            await raw.join()


@pytest.mark.parametrize("how", ["time", "account"])
async def test_open_pages_leave_when_their_sign_in_ends_otherwise(
    here: Site, server: Server, how: str
) -> None:
    """T7, T15: by time, found out at the next minute; by the account's end, at once."""
    driver = await here.driver()
    mine = f"{here.sign_ins.cookie}={await here.sign_ins.issue(driver)}"
    page = await server.page("/", mine)
    async with server.socket(page, cookie=mine) as raw:
        socket = await raw.join()
        if how == "time":
            with clock.at(clock.now() + timedelta(hours=9)):
                here.live.announce([Announcement(Topic.MINUTE)])
                got = await socket.messages(PATIENCE)
        else:

            def disable(change: Any) -> None:
                change.execute(update(Account).values(disabled_at=NOW))
                change.announce(Announcement(Topic.PEOPLE, driver))

            await here.database.change(disable)
            got = await socket.messages(PATIENCE)
    assert any('"open"' in text and "/sign-in" in text for text in got)
    assert page.client_id not in Client.instances


async def test_a_browser_gets_no_charger_s_socket(here: Site, server: Server) -> None:
    """T54: whatever origin it says, our own included; a charger says none."""

    async def charger(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello charger")

    nicegui.app.add_api_websocket_route("/ocpp/{identity:path}", charger)
    async with websockets.connect(f"ws://{server.host}/ocpp/CP1", proxy=None) as connection:
        assert await connection.recv() == "hello charger"
    for path in ("/ocpp/CP1", "/ocpp/x/y"):
        for origin in (f"http://{server.host}", "http://evil.example", "null"):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with websockets.connect(
                    f"ws://{server.host}{path}", origin=websockets.Origin(origin), proxy=None
                ):
                    pass
            assert refused.value.response.status_code == 403


async def test_a_foreign_host_gets_no_socket(here: Site, server: Server) -> None:
    """T20: also where the origin agrees with it (a foreign name that points at us)."""
    mine = await cookie(here)
    page = await server.page("/", mine)
    url = f"ws://{server.host}/_nicegui_ws/socket.io/?EIO=4&transport=websocket&client_id={page.client_id}"
    headers = {"host": "evil.example", "origin": "http://evil.example", "cookie": mine}
    with pytest.raises(websockets.InvalidStatus):
        async with websockets.connect(url, additional_headers=headers, proxy=None):
            pass


async def test_a_click_puts_the_idle_end_off(here: Site, server: Server) -> None:
    """T15: somebody who only clicks on an open page, and fetches none, is there."""

    def lasting(db: Any) -> Any:
        return db.scalar(select(SignIn.ends_at))

    mine = await cookie(here)
    with clock.at(NOW):
        page = await server.page("/", mine)
        async with server.socket(page, cookie=mine) as raw:
            socket = await raw.join()
            clock.advance(timedelta(hours=3))
            assert await here.database.ask(lasting) != clock.now() + timedelta(hours=8)
            await socket.emit("event", button(page))
            async with asyncio.timeout(20):
                while await here.database.ask(lasting) != clock.now() + timedelta(hours=8):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)


async def test_a_sign_out_that_ends_nothing_keeps_no_page_longer(
    here: Site, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T16: a page that waits for the answer to its form keeps its socket; one that has had it does not."""
    monkeypatch.setattr(open_pages, "ANSWER", 3 * PATIENCE)  # kept, it would be so for longer than is waited
    mine = await cookie(here)
    page = await server.page("/", mine)
    async with server.socket(page, cookie=mine) as raw:
        socket = await raw.join()
        headers = {"cookie": mine, "origin": f"http://{server.host}"}
        form = {"sign_in_id": "4711", "page": page.client_id}
        async with httpx.AsyncClient(headers=headers) as browser:
            answer = await browser.post(f"http://{server.host}/auth/sign-out", data=form)
        assert answer.status_code == 303
        headers["cookie"] = answer.headers["set-cookie"].split(";")[0]
        async with httpx.AsyncClient(headers=headers) as elsewhere:
            assert (await elsewhere.post(f"http://{server.host}/auth/sign-out")).status_code == 303
        assert (await socket.messages(PATIENCE))[-1] == "closed"
