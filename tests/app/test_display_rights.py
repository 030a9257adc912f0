"""K2, T32, T33, T60, T61: what a display's token opens, what it does not, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator

import httpx
import nicegui
import pytest
from nicegui import Client, core
from sqlalchemy import delete, text, update
from starlette.requests import Request
from starlette.responses import Response

from app import clock
from app.access import display_rows, open_pages, tokens
from app.access.displays import Displays, KioskPage
from app.access.tokens import hashed
from app.logs import OneLine
from app.portal import Portal
from components import words
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Database
from data.live import Live
from data.models import Display
from data.types import Role
from tests import world
from tests.app.access_site import PAGE, Refused, Server
from tests.app.screens import LOADS, NAME, Screen
from tests.app.test_displays import SETTINGS, code, operator
from tests.app.test_sign_ins_processes import listening, within
from tests.waiting import until

PAIR = "Pair this display"


@pytest.fixture
async def server(portal: Portal) -> AsyncIterator[Server]:
    """The portal behind a real port."""
    async with Server() as running:
        yield running


async def hung(portal: Portal, server: Server, name: str = "Entrance") -> tuple[Screen, int]:
    """A screen that is a display at a site of its own; its id."""
    token = tokens.new()
    site = await portal.database.change(world.add_site, f"Site of {name}")
    row = {"site": site, "token_hash": hashed(token)}
    return Screen(server, token), await portal.database.change(world.add_display, name, **row)


@pytest.mark.alone
async def test_t61_revoking_sends_the_screen_to_pairing_and_closes_its_socket(
    portal: Portal, server: Server
) -> None:
    """K2, T61: within five seconds; its token is never good again, nor is any other display concerned."""
    caller = await operator(portal)
    screen, display = await hung(portal, server)
    other, _ = await hung(portal, server, "Exit")
    old = screen.token
    async with screen.open() as socket, other.open() as others:
        await screen.until(socket, "Site of Entrance")
        await portal.displays.revoke(caller, display)
        assert await screen.until(socket, LOADS) < 2
        assert await screen.end(socket) < 3
        assert screen.page is not None
        assert screen.page.client_id not in Client.instances
        await other.until(others, "Site of Exit")
        with pytest.raises(Refused):
            async with server.socket(screen.page, cookie=screen.brought) as raw:
                await raw.join()
    async with screen.open() as socket:
        await screen.until(socket, PAIR)
        assert screen.token != old
        site = await portal.database.change(world.add_site, "New place")
        await portal.displays.confirm(caller, await screen.code(socket), site, "Again")
    assert await portal.displays.opens(hashed(old or "")) is None


async def test_t61_what_was_revoked_while_nobody_was_told(portal: Portal, server: Server) -> None:
    """K2, T61: after a restart, or by another process that could not tell: the socket is not let in again,
    and a page that is open goes within the minute that is told.
    """
    screen, display = await hung(portal, server)
    async with screen.open() as socket:
        await screen.until(socket, "Site of Entrance")
        row = delete(Display).where(Display.id == display)
        await portal.database.change(lambda change: change.execute(row))
        assert screen.page is not None
        with pytest.raises(Refused):
            async with server.socket(screen.page, cookie=screen.brought) as again:
                await again.join()
        portal.live.announce([Announcement(Topic.MINUTE)])
        await screen.until(socket, LOADS)
        await screen.end(socket)
    assert PAIR in (await screen.get()).text


async def test_what_was_edited_while_nobody_was_told_is_shown_within_the_minute(
    portal: Portal, server: Server
) -> None:
    """K2: by another process that could not tell; a screen whose display is as it was is left alone."""
    screen, display = await hung(portal, server)
    other, _ = await hung(portal, server, "Exit")
    async with screen.open() as socket, other.open() as others:
        await screen.until(socket, "Site of Entrance")
        await other.until(others, "Site of Exit")
        row = update(Display).where(Display.id == display).values(languages="de")
        await portal.database.change(lambda change: change.execute(row))
        portal.live.announce([Announcement(Topic.MINUTE)])
        await screen.until(socket, LOADS)
        with pytest.raises(TimeoutError):
            await other.until(others, LOADS, 0.5)


async def test_t61_what_a_command_did_to_a_display_is_seen(portal: Portal, server: Server) -> None:
    """K1, K2: another process on SQLite tells about whom, and not what: it is looked up."""
    screen, display = await hung(portal, server)
    waiting = Screen(server)
    olga = (await operator(portal)).actor_id
    elsewhere = Database(portal.database.url)
    service, caller = Displays(elsewhere, portal.settings), Caller(olga, Role.OPERATOR, olga)
    try:
        async with screen.open() as socket, waiting.open() as others:
            site = await elsewhere.change(world.add_site, "Third place")
            await service.confirm(caller, await waiting.code(others), site, "Hall")
            await service.revoke(caller, display)
            await waiting.until(others, LOADS)
            await screen.until(socket, LOADS)
            await screen.end(socket)
    finally:
        elsewhere.close()


async def test_k1_k2_processes_on_postgresql_tell_each_other(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K1, K2, T61: the console may be served by another process than the screen."""
    monkeypatch.setattr(core, "loop", asyncio.get_running_loop())
    elsewhere = Database(postgres_database.url)
    live, heard = Live(), list[Announcement]()
    postgres_database.announce = live.announce
    live.listen(Topic.DISPLAYS, heard.append)
    for one in (postgres_database, elsewhere):
        one.start()
    await until(lambda: listening(postgres_database, 2))
    site = postgres_database.change_now(world.add_site)
    olga = postgres_database.change_now(world.add_account, "Olga Operator", Role.OPERATOR)
    there, caller = Displays(elsewhere, SETTINGS), Caller(olga, Role.OPERATOR, olga)
    try:
        display = await there.confirm(caller, code(postgres_database, 1), site, "Entrance")
        await there.revoke(caller, display)

        async def both() -> bool:
            return len(heard) == 2

        assert await within(5, both)
    finally:
        await asyncio.sleep(0.05)
        elsewhere.close()
    assert [(one.about, (one.values or {})["what"]) for one in heard] == [
        (display, display_rows.PAIRED),
        (display, display_rows.REVOKED),
    ]


async def test_t32_a_display_s_page_lets_in_its_own_socket_alone(portal: Portal, server: Server) -> None:
    """T32, T60: not one without its cookie, with another screen's, or with an operator's sign-in."""
    caller = await operator(portal)
    screen, _ = await hung(portal, server)
    other, _ = await hung(portal, server, "Exit")
    signed_in = f"{portal.sign_ins.cookie}={await portal.sign_ins.issue(caller.actor_id or 0)}"
    async with screen.open(), Screen(server).open() as waiting:
        assert waiting
        pages = [one.id for one in Client.instances.values() if open_pages.kiosk_of(one) is not None]
        assert len(pages) == 2
        for page in pages:
            assert screen.page is not None
            named = type(screen.page)(page, "")
            for cookie in (None, other.brought, signed_in, f"{NAME}=", f"{NAME}={'x' * 43}"):
                with pytest.raises(Refused):
                    async with server.socket(named, cookie=cookie) as raw:
                        await raw.join()
        async with server.socket(screen.page, cookie=f"{signed_in}; {screen.brought}") as raw:
            await raw.join()


async def test_t33_a_display_s_socket_speaks_for_its_own_page_alone(portal: Portal, server: Server) -> None:
    """T33, K2: it can't press a button of another page, not even of another screen's."""
    screen, _ = await hung(portal, server)
    waiting = Screen(server)
    async with waiting.open() as others, screen.open() as socket:
        shown = await waiting.code(others)
        assert waiting.page is not None
        client = Client.instances[waiting.page.client_id]
        button = next(one for one in client.elements.values() if one.tag == "button")
        listener = next(iter(button._event_listeners.values())).id
        event = {"id": button.id, "client_id": client.id, "listener_id": listener, "args": ["{}"]}
        await socket.emit("event", event)
        with pytest.raises(TimeoutError):
            await waiting.until(others, r'"text":"[2-9A-Z]{4}"', seconds=0.7)
        await others.emit("event", event)  # as its own page may
        assert await waiting.code(others) != shown


async def test_k2_a_start_address_is_good_until_another_is_made(portal: Portal, server: Server) -> None:
    """K2, T61: each start of a screen without memory; the token leaves the address before a page shows."""
    caller = await operator(portal)
    paired, display = await hung(portal, server)
    token = await portal.displays.new_address(caller, display)
    for _ in range(2):
        screen = Screen(server)
        answer = await screen.get(f"/kiosk/{token}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/kiosk")
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert (screen.token, token in answer.text) == (token, False)
        assert int(screen.cookie[NAME]["max-age"]) == 34_560_000
        async with screen.open() as socket:
            await screen.until(socket, "Site of Entrance")
    async with screen.open() as socket, paired.open() as others:
        new = await portal.displays.new_address(caller, display)
        await screen.until(socket, LOADS)
        await screen.end(socket)
        await paired.until(others, "Site of Entrance")
        assert paired.page is not None
        assert paired.page.client_id in Client.instances
    assert PAIR in (await screen.get()).text
    assert (await Screen(server).get(f"/kiosk/{token}")).status_code == 404
    assert (await Screen(server).get(f"/kiosk/{new}")).status_code == 303
    await portal.displays.revoke(caller, display)
    assert (await Screen(server).get(f"/kiosk/{new}")).status_code == 404


async def test_t19_wrong_start_addresses_are_like_any_unknown_one_and_limited(
    portal: Portal, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """T2, T19, T38, T63: as any other, sixty of an address, in no log; and a screen tries again."""
    caplog.set_level(logging.DEBUG)
    caller = await operator(portal)
    _, display = await hung(portal, server)
    token = await portal.displays.new_address(caller, display)
    wrong = tokens.new()
    with clock.at(clock.now()):
        unknown = await Screen(server).get(f"/sessions/{wrong}")
        for path in (wrong, "short", wrong + "x"):
            answer = await Screen(server).get(f"/kiosk/{path}")
            assert said(answer) == said(unknown) == (404, True)
            assert answer.headers["refresh"] == "5; url=/kiosk"
        scope = {"type": "http", "headers": [], "client": ("127.0.0.1", 1)}
        for _ in range(70):  # a good one takes none
            assert await portal.displays.enter(Request(scope), token, Response())
        for _ in range(57):
            assert not await portal.displays.enter(Request(scope), wrong, Response())
        for path in (wrong, token):
            answer = await Screen(server).get(f"/kiosk/{path}")
            assert (answer.status_code, answer.headers["refresh"]) == (429, "20")
    lines = [OneLine().format(record) for record in caplog.records]
    assert lines
    assert not [line for line in lines if token in line or wrong in line]


def said(answer: httpx.Response) -> tuple[int, bool]:
    """What a page of an address that is not there says."""
    return answer.status_code, words.reader("en", None).text("missing.title") in answer.text


async def test_k19_what_a_screen_loads_is_of_the_version_that_runs(portal: Portal, server: Server) -> None:
    """K19: of another one nothing is left in its browser: each load asks for the page and for our sheets;
    what a browser keeps without asking has NiceGUI's version in its address.
    """
    for screen in ((await hung(portal, server))[0], Screen(server)):
        page = await screen.get()
        assert page.headers["cache-control"] == "no-store"
        files = set(re.findall(r'(?:src|href)="(/[^"]+)"', page.text))
        assert {one for one in files if one.startswith("/look/")} > {"/look/polaris.css"}
        for one in files:
            answer = await screen.get(one)
            assert answer.status_code == 200
            if not one.startswith(f"/_nicegui/{nicegui.__version__}/"):
                assert answer.headers["cache-control"] == "public, max-age=0", one
                assert answer.headers["etag"]


async def test_a_screen_stays_on_no_error(portal: Portal, server: Server) -> None:
    """K4, K6: whatever goes wrong at `/kiosk`, the browser loads again by itself; elsewhere nobody does."""
    screen, _ = await hung(portal, server)

    with portal.database.engine.begin() as db:
        db.execute(text("ALTER TABLE displays RENAME TO away"))
    answer = await screen.get()
    with portal.database.engine.begin() as db:
        db.execute(text("ALTER TABLE away RENAME TO displays"))
    assert (answer.status_code, answer.headers.get("refresh")) == (500, "3")
    assert "refresh" not in (await screen.get()).headers
    assert "refresh" not in (await screen.get("/nothing")).headers
    assert "refresh" not in (await screen.get("/kioskfoo")).headers
    assert (await screen.get("/kiosk/foo")).headers["refresh"] == "5; url=/kiosk"
    async with httpx.AsyncClient(headers={**PAGE, "host": "evil.example"}) as client:
        assert (await client.get(f"http://{server.host}/kiosk")).headers["refresh"] == "20"


async def test_k2_a_page_says_whose_it_is(portal: Portal, server: Server) -> None:
    """T60: an operator's browser may show `/kiosk` as well; it is the screen's page, and nobody's else."""
    caller = await operator(portal)
    token = await portal.sign_ins.issue(caller.actor_id or 0)
    screen = Screen(server)
    answer = await screen.get(cookie=f"{portal.sign_ins.cookie}={token}")
    assert PAIR in answer.text
    assert "Olga" not in answer.text
    assert portal.sign_ins.cookie + "=" not in str(answer.headers)
    shown = [page for page in open_pages.kiosks().values() if page.token_hash == hashed(screen.token or "")]
    assert shown == [KioskPage(portal.displays, hashed(screen.token or ""), None, "127.0.0.1", True)]
