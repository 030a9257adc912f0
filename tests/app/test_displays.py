"""K1, K3, T60: a screen becomes a display and stays one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from nicegui import Client
from sqlalchemy import func, select
from starlette.requests import Request

from app import clock
from app.access import display_rows
from app.access.cookies import DisplayCookie
from app.access.display_rows import (
    AT_AN_ADDRESS,
    CannotShow,
    NoSiteOfThis,
    NoSuchCode,
    NoSuchDisplay,
    TooManyWait,
)
from app.access.display_rows import Screen as Asking
from app.access.display_rules import NameMissing, NameTaken, WrongBays, WrongLanguages
from app.access.displays import ALPHABET, Displays
from app.access.tokens import hashed
from app.access.tries import TooManyTries
from app.portal import Portal
from app.settings import Settings
from data.caller import Caller
from data.database import Database
from data.models import AuditEntry, Display, Pairing
from data.queries import displays
from data.types import Orientation, Role
from tests import world
from tests.app.access_site import Server, Socket
from tests.app.screens import HALF, LOADS, NAME, Screen

DAY = timedelta(days=1)
TITLES = {"en": "Pair this display", "de": "Dieses Display koppeln"}


@pytest.fixture
async def server(portal: Portal) -> AsyncIterator[Server]:
    """The portal behind a real port."""
    async with Server() as running:
        yield running


async def operator(portal: Portal, name: str = "Olga Operator", address: str = "192.0.2.1") -> Caller:
    """A new operator, who may pair."""
    account = await portal.database.change(world.add_account, name, Role.OPERATOR)
    return Caller(account, Role.OPERATOR, account, address=address)


def count(database: Database, of: type[Display | Pairing]) -> int:
    """How many rows there are."""
    return database.ask_now(lambda db: db.scalar(select(func.count()).select_from(of)) or 0)


@pytest.mark.alone
async def test_k1_a_screen_becomes_a_display_untouched(portal: Portal, server: Server) -> None:
    """K1, T60: within two seconds; the code is good once, and fetching pages costs nothing."""
    caller = await operator(portal)
    site = await portal.database.change(world.add_site)
    screen = Screen(server)
    await screen.get()
    assert count(portal.database, Pairing) == 0
    async with screen.open() as socket:
        code = await screen.code(socket)
        assert len(code) == 8
        assert set(code) <= set(ALPHABET)
        assert not set("0O1IL") & set(ALPHABET)
        typed = f" {code[:4].lower()}-{code[4:]} "
        await portal.displays.confirm(caller, typed, site, "Entrance", languages=("de", "en"))
        assert await screen.until(socket, LOADS) < 2
    with pytest.raises(NoSuchCode):
        await portal.displays.confirm(caller, code, site, "Exit")
    assert (count(portal.database, Pairing), count(portal.database, Display)) == (0, 1)
    async with screen.open() as socket:
        await screen.until(socket, "Harbour car park")
    stored = portal.database.ask_now(lambda db: db.scalar(select(Display.token_hash)))
    assert stored == hashed(screen.token or "")


async def test_k1_a_new_code_comes_by_itself_for_ever(portal: Portal, server: Server) -> None:
    """K1, T60: after ten minutes and not before; the old one is dead; also after the clock was set back."""
    caller = await operator(portal)
    site = await portal.database.change(world.add_site)
    screen = Screen(server)
    with clock.at(world.NOW):
        async with screen.open() as socket:
            codes = [await screen.code(socket)]
            clock.advance(timedelta(minutes=9, seconds=30))
            await screen.until(socket, "New code in 0:30")
            for gone in (timedelta(seconds=31), timedelta(minutes=10), timedelta(hours=-3), 3 * DAY / 4):
                clock.advance(gone)
                codes.append(await screen.code(socket))
            for old in codes[:-1]:
                with pytest.raises(NoSuchCode):
                    await portal.displays.confirm(caller, old, site, "Entrance")
            assert (len(set(codes)), count(portal.database, Pairing)) == (5, 1)
            clock.advance(DAY / 2)
            await screen.until(socket, LOADS)  # so that its cookie lasts
            clock.advance(timedelta(minutes=-5))


async def test_k1_loading_again_keeps_the_code_and_the_button_changes_it(
    portal: Portal, server: Server
) -> None:
    """K1, K20: whoever types it in is not overtaken by a reload; one press makes another."""
    screen = Screen(server)
    async with screen.open() as socket:
        code = await screen.code(socket)
        assert re.search("New code in (10:00|9:50)", screen.heard[-1]), "never more than a code lasts"
    token = screen.token
    async with screen.open() as socket:
        assert (await screen.code(socket), screen.token) == (code, token)
        await press(screen, socket)
        assert await screen.code(socket) != code
    assert count(portal.database, Pairing) == 1


async def press(screen: Screen, socket: Socket) -> None:
    """Press the button of the screen's page."""
    assert screen.page is not None
    client = Client.instances[screen.page.client_id]
    button = next(one for one in client.elements.values() if one.tag == "button")
    listener = next(iter(button._event_listeners.values())).id
    event = {"id": button.id, "client_id": client.id, "listener_id": listener, "args": ["{}"]}
    await socket.emit("event", event)


async def test_t19_codes_are_limited_and_the_one_that_is_shown_stays(portal: Portal, server: Server) -> None:
    """K1, T19: sixty of an address; whoever presses for ever keeps the last one, until it is over."""
    screen = Screen(server)
    with clock.at(world.NOW):
        async with screen.open() as socket:
            code = await screen.code(socket)
            for _ in range(58):
                await portal.displays.code(asked(screen))
            await press(screen, socket)
            assert code != (code := await screen.code(socket))
            await press(screen, socket)
            with pytest.raises(TimeoutError):
                await screen.until(socket, HALF.pattern, 0.7)
            with pytest.raises(TooManyTries):
                await portal.displays.code(asked(screen))
            clock.advance(timedelta(minutes=10, seconds=1))
            assert await screen.code(socket) != code


def asked(screen: Screen) -> Request:
    """The request that the screen's page was loaded with."""
    assert screen.page is not None
    request = Client.instances[screen.page.client_id]._request
    assert request is not None
    return request


async def test_k1_what_a_screen_says_before_anybody_told_it_a_language(
    portal: Portal, server: Server
) -> None:
    """K1: both languages, the browser's own first; each text says which it is."""
    for asked, first, second in (("de-AT,de;q=0.9", "de", "en"), ("fr", "en", "de")):
        screen = Screen(server)
        async with screen.open(**{"accept-language": asked}) as socket:
            await screen.code(socket)
        page = screen.heard[0]
        assert f'lang="{first}' in page
        assert page.index(TITLES[first]) < page.index(TITLES[second])
        assert f'"lang":"{second}"' in page
        assert "/admin/displays/new" in page


async def test_t19_wrong_codes_are_limited_and_right_ones_are_not(portal: Portal) -> None:
    """T19: ten of an account, sixty of an address; a right code takes none, and others still may."""
    site = await portal.database.change(world.add_site)
    olga, paul = await operator(portal), await operator(portal, "Paul Operator", "198.51.100.1")
    with clock.at(world.NOW):
        for number in range(12):
            one = code(portal.database, number)
            await portal.displays.confirm(olga, one, site, f"Display {number}")
        one = code(portal.database, 99)
        for _ in range(12):
            with pytest.raises(NameTaken):
                await portal.displays.confirm(olga, one, site, "Display 0")
        for _ in range(10):
            with pytest.raises(NoSuchCode):
                await portal.displays.confirm(olga, "22222222", site, "X")
        with pytest.raises(TooManyTries) as many:
            await portal.displays.confirm(olga, one, site, "X")
        assert many.value.seconds <= 7
        await portal.displays.confirm(paul, one, site, "X")
        others = [await operator(portal, f"O{number} Operator") for number in range(6)]
        for other in others[:5] * 10:
            with pytest.raises(NoSuchCode):
                await portal.displays.confirm(other, "22222222", site, "Y")
        with pytest.raises(TooManyTries):
            await portal.displays.confirm(others[5], code(portal.database, 98), site, "Y")


def code(database: Database, number: int, address: str = "192.0.2.9") -> str:
    """The code of a screen that waits."""
    screen = Asking(f"{number:064}", address, "Chromium on Linux")
    return database.change_now(display_rows.wait, screen, make, clock.now(), anew=False).code


def make() -> str:
    """A code that no other test has."""
    make.number = getattr(make, "number", 0) + 1  # type: ignore[attr-defined]
    return f"C{make.number:07}"  # type: ignore[attr-defined]


def test_t60_a_flood_from_one_address_pushes_nobody_out(database: Database) -> None:
    """K1, T60: so many wait at one address and no more; elsewhere others may; what is over goes."""
    there = "198.51.100.7"
    with clock.at(world.NOW):
        other = code(database, 1_000, there)
        codes = [code(database, number) for number in range(AT_AN_ADDRESS)]
        with pytest.raises(TooManyWait):
            code(database, AT_AN_ADDRESS)
        assert [code(database, number) for number in range(AT_AN_ADDRESS)] == codes
        assert code(database, 1_000, there) == other
        assert code(database, 1_001, there) != other
        clock.advance(timedelta(minutes=10))
        assert code(database, AT_AN_ADDRESS) not in codes
        assert count(database, Pairing) == 1


async def test_t60_a_screen_that_gets_no_code_says_so_and_asks_again(portal: Portal, server: Server) -> None:
    """K1: untouched, as soon as there is room."""
    with clock.at(world.NOW):
        for number in range(AT_AN_ADDRESS):
            code(portal.database, number, "127.0.0.1")
        screen = Screen(server)
        async with screen.open() as socket:
            await screen.until(socket, "Too many screens wait")
            clock.advance(timedelta(minutes=11))
            await screen.code(socket)


async def test_t60_of_two_confirmations_at_once_one_counts(database: Database) -> None:
    """K1, T60: the code is good once, whoever comes first."""
    site = database.change_now(world.add_site)
    olga = database.change_now(world.add_account, "Olga Operator", Role.OPERATOR)
    service, caller = Displays(database, SETTINGS), Caller(olga, Role.OPERATOR, olga)
    waiting = code(database, 1)
    came = await asyncio.gather(
        *(service.confirm(caller, waiting, site, f"Display {number}") for number in range(5)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in came) == ["NoSuchCode"] * 4 + ["int"]
    assert count(database, Display) == 1


async def test_t60_a_code_is_over_although_its_screen_has_gone(database: Database) -> None:
    """K1, T60: nobody has renewed or swept it; a second earlier it was good."""
    site = database.change_now(world.add_site)
    olga = database.change_now(world.add_account, "Olga Operator", Role.OPERATOR)
    service, caller = Displays(database, SETTINGS), Caller(olga, Role.OPERATOR, olga)
    with clock.at(world.NOW):
        first, second = code(database, 1), code(database, 2)
        clock.advance(timedelta(minutes=9, seconds=59))
        await service.confirm(caller, first, site, "Entrance")
        clock.advance(timedelta(seconds=1))
        with pytest.raises(NoSuchCode):
            await service.confirm(caller, second, site, "Exit")


SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]


async def test_k2_what_an_operator_may_say_of_a_display(database: Database) -> None:
    """K1, K2: each site has a name once; what can't be kept changes nothing, and uses up no code."""
    site, other = (database.change_now(world.add_site, name) for name in ("North", "South"))
    olga = database.change_now(world.add_account, "Olga Operator", Role.OPERATOR)
    service, caller = Displays(database, SETTINGS), Caller(olga, Role.OPERATOR, olga)
    first, second, third = (code(database, number) for number in range(3))
    display = await service.confirm(caller, first, site, "Entrance")
    wrong: list[tuple[type[CannotShow], tuple[object, ...]]] = [
        (NameTaken, (site, "Entrance")),
        (NameMissing, (site, " ")),
        (NoSiteOfThis, (other + 1, "Exit")),
        (WrongLanguages, (site, "Exit", Orientation.AUTO, ())),
        (WrongLanguages, (site, "Exit", Orientation.AUTO, ("en", "en"))),
        (WrongLanguages, (site, "Exit", Orientation.AUTO, ("xx",))),
        (WrongBays, (site, "Exit", Orientation.AUTO, ("en",), 9)),
    ]
    for error, values in wrong:
        with pytest.raises(error):
            await service.confirm(caller, second, *values)  # type: ignore[arg-type]
    assert await service.confirm(caller, second, other, "Entrance") != display
    await service.confirm(caller, third, site, "Exit", Orientation.LEFT, ("de", "en"), 12)
    given = {"orientation": Orientation.RIGHT, "languages": ["de"], "bays_per_page": 8}
    with pytest.raises(NameTaken):
        await service.edit(caller, display, site_id=site, name="Exit", **given)  # type: ignore[arg-type]
    for _ in range(2):  # the second time nothing is different
        await service.edit(caller, display, site_id=other, name="Hall", **given)  # type: ignore[arg-type]
    known = database.ask_now(displays.by_token, f"{0:064}")
    assert known == displays.KnownDisplay(display, other, "Hall", Orientation.RIGHT, ("de",), 8)
    await service.revoke(caller, display)
    for gone in (service.revoke(caller, display), service.new_address(caller, display)):
        with pytest.raises(NoSuchDisplay):
            await gone
    rows = database.ask_now(lambda db: db.execute(select(AuditEntry.action, AuditEntry.about)).all())
    assert [tuple(row) for row in rows[-2:]] == [
        ("display.edit", "display Hall"),
        ("display.revoke", "display Hall"),
    ]


async def test_k3_a_display_is_never_signed_out_by_time(portal: Portal, server: Server) -> None:
    """K3: its cookie lasts 400 days from each load on; nothing here counts the days."""
    caller = await operator(portal)
    site = await portal.database.change(world.add_site)
    screen = Screen(server)
    with clock.at(world.NOW):
        async with screen.open() as socket:
            display = await portal.displays.confirm(caller, await screen.code(socket), site, "Entrance")
        token = screen.token
        for gone in (15 * DAY, 399 * DAY, 399 * DAY):
            clock.advance(gone)
            async with screen.open() as socket:
                await screen.until(socket, "Harbour car park")
            assert screen.token == token
            said = screen.cookie[NAME]
            assert (said["max-age"], said["path"], said["samesite"]) == ("34560000", "/", "lax")
            assert said["httponly"] is True
        opened = await portal.database.ask(displays.opened, [hashed(token or "")])
        assert [known.id for known in opened.values()] == [display]


def test_k3_behind_tls_the_cookie_is_the_host_s_own() -> None:
    """K3, T14: and never sent without it."""
    settings = Settings(_env_file=None, public_url="https://charge.example")  # type: ignore[call-arg]
    given = DisplayCookie(settings).given("x" * 43)
    assert given.startswith("__Host-polaris-display=")
    assert "Secure" in given
    assert "Domain" not in given
