"""T60: whose token is kept while its screen waits, and which one is never made good again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from nicegui import Client

from app import clock
from app.access.display_rows import IsPaired
from app.portal import Portal
from data.models import Pairing
from tests import world
from tests.app.access_site import Server
from tests.app.screens import LOADS, Screen
from tests.app.test_displays import asked, count, operator
from tests.held_up import held_up
from tests.waiting import until

ELSEWHERE = "127.0.0.2"
CODE = "INSERT INTO pairings"
"""The row of a screen that waits."""


@pytest.fixture
async def server(portal: Portal) -> AsyncIterator[Server]:
    """The portal behind a real port."""
    async with Server() as running:
        yield running


async def test_k1_two_pages_of_one_browser_show_one_code(portal: Portal, server: Server) -> None:
    """T60: loaded at once, before either has shown any: what is confirmed is what both become. A token that
    nobody has used for a minute, or from elsewhere, is never made good.
    """
    first = Screen(server)
    with clock.at(world.NOW):
        await first.get()
        token = first.token
        assert (await first.get()).status_code == 200
        assert first.token == token
        clock.advance(timedelta(seconds=61))
        await first.get()
        assert first.token != token
    async with first.open() as socket:
        second = Screen(server, first.token)
        async with second.open() as other:
            assert await first.code(socket) == await second.code(other)
    assert (first.token, count(portal.database, Pairing)) == (second.token, 1)


async def test_k1_the_first_of_two_pages_shows_no_dead_code(portal: Portal, server: Server) -> None:
    """T60: it had joined before the second one's cookie came: its own token is nobody's any more then. It
    loads once more, and brings what the browser has now; one that brought its token never does, and none
    that is elsewhere.
    """
    caller = await operator(portal)
    site = await portal.database.change(world.add_site)
    first, second, other = Screen(server), Screen(server), Screen(server)
    third = Screen(server, None, ELSEWHERE)
    await other.get()
    async with other.open() as others, third.open() as thirds, first.open() as socket:
        dead = await first.code(socket)
        await other.code(others)
        await third.code(thirds)
        async with second.open() as later:
            code = await second.code(later)
            await first.until(socket, LOADS)
        first.token = second.token  # its browser's
        async with first.open() as again:
            assert await first.code(again) == code != dead
            await portal.displays.confirm(caller, code, site, "Entrance")
            await first.until(again, LOADS)
        left_alone = [one.until(its, LOADS, 0.5) for one, its in ((other, others), (third, thirds))]
        for told in await asyncio.gather(*left_alone, return_exceptions=True):
            assert isinstance(told, TimeoutError)


async def test_k1_a_token_stays_good_while_its_page_is_open(portal: Portal, server: Server) -> None:
    """T60: its code is over and not yet renewed when a second page of the browser is loaded."""
    screen = Screen(server)
    with clock.at(world.NOW):
        async with screen.open() as socket:
            await screen.code(socket)
            token = screen.token
            clock.advance(timedelta(minutes=10, seconds=1))
            await screen.get()
            assert screen.token == token


async def test_k1_a_token_stays_good_until_its_code_is_there(portal: Portal, server: Server) -> None:
    """T60: its page has asked for one and was left; the browser loads another before the row is there."""
    screen = Screen(server)
    with held_up(portal.database, CODE) as (begun, goes_on):
        async with screen.open():
            token, page = screen.token, asked(screen)
            assert await asyncio.to_thread(begun.wait, 20)
        await until(lambda: not is_connected(page.scope))
        await screen.get()
        goes_on.set()
        await until(lambda: count(portal.database, Pairing) == 1)
    assert screen.token == token


def is_connected(scope: object) -> bool:
    """Whether a page that was loaded with this request has its socket."""
    pages = [one for one in Client.instances.values() if one._request is not None]
    return any(one.has_socket_connection for one in pages if one._request.scope is scope)  # type: ignore[union-attr]


async def test_t60_a_token_is_kept_where_it_was_given_alone(portal: Portal, server: Server) -> None:
    """Brought from another address it is never made good: just given, with a code that is good, or while
    its page is open.
    """
    screen = Screen(server)

    async def is_kept_elsewhere() -> bool:
        there = Screen(server, screen.token, ELSEWHERE)
        await there.get()
        return there.token == screen.token

    with clock.at(world.NOW):
        await screen.get()
        assert not await is_kept_elsewhere()
        async with screen.open() as socket:
            await screen.code(socket)
            page = asked(screen)
        await until(lambda: not is_connected(page.scope))
        assert not await is_kept_elsewhere()
        async with screen.open() as socket:
            await screen.code(socket)
            clock.advance(timedelta(minutes=10, seconds=1))
            assert not await is_kept_elsewhere()


async def test_t60_a_revoked_token_is_never_made_good_again(portal: Portal, server: Server) -> None:
    """Though pages that waited with it ignore that they are to load again: they get no code any more, do
    not keep it, and are taken away; one too that had not joined yet.
    """
    caller = await operator(portal)
    site = await portal.database.change(world.add_site)
    screen = Screen(server)
    async with screen.open() as socket:
        code = await screen.code(socket)
        page, token = asked(screen), screen.token
        beside = (await Screen(server, token).load()).client_id
        display = await portal.displays.confirm(caller, code, site, "Entrance")
        await portal.displays.revoke(caller, display)
        await screen.until(socket, LOADS)
        with pytest.raises(IsPaired):
            await portal.displays.code(page)
        await screen.get()
        assert screen.token != token
        await screen.end(socket)
    await until(lambda: beside not in Client.instances)
    assert count(portal.database, Pairing) == 0
