"""What operators do to an account reaches its open pages and their sockets (T7, T16)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from nicegui import Client

from app.access.people import People
from data.caller import Caller
from data.database import Database
from data.types import Role
from tests.app.access_site import Refused, Server, Site, site


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Site]:
    async with site(sqlite_database) as made:
        yield made


@pytest.mark.alone
async def test_t7_t16_disabling_and_another_role_close_open_pages_within_two_seconds(here: Site) -> None:
    """T7, T16: the pages leave and their sockets are taken away; nobody else notices."""
    olga = await here.operator()
    names = ("Dana Driver", "Eve Driver", "Finn Driver")
    dana, eve, finn = [await here.driver(name) for name in names]
    cookies = {
        account: f"{here.sign_ins.cookie}={await here.sign_ins.issue(account)}"
        for account in (dana, eve, finn)
    }
    people, caller = People(here.database), Caller(olga, Role.OPERATOR, olga)
    async with Server() as server:
        pages = {account: await server.page("/", cookie) for account, cookie in cookies.items()}
        async with (
            server.socket(pages[dana], cookie=cookies[dana]) as danas,
            server.socket(pages[eve], cookie=cookies[eve]) as eves,
            server.socket(pages[finn], cookie=cookies[finn]) as finns,
        ):
            leaving = [await danas.join(), await eves.join()]
            stays = await finns.join()
            started = time.monotonic()
            await people.disable(caller, dana, "Contract ended")
            await people.change_role(caller, eve, Role.OPERATOR)
            for got in await asyncio.gather(*(socket.messages(2) for socket in leaving)):
                assert any('"open"' in text and "/sign-in" in text for text in got)
                assert got[-1] == "closed"
            assert time.monotonic() - started < 2
            assert {pages[one].client_id for one in (dana, eve)} & set(Client.instances) == set()
            assert await stays.messages(0.05) == []
            assert pages[finn].client_id in Client.instances
        for account in (dana, eve):
            async with server.socket(pages[account], cookie=cookies[account]) as raw:
                with pytest.raises(Refused):
                    await raw.join()
