"""Several processes on one PostgreSQL: what one ends, none believes any more (T7, T13, T16)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from nicegui import core
from sqlalchemy import text
from starlette.responses import Response

from app.access.sign_ins import SignIns
from app.settings import Settings
from data.database import Database
from data.live import Live
from tests.app.test_sign_ins import Visit, people
from tests.waiting import until


@pytest.fixture
async def two(postgres_database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[SignIns]]:
    """The sign-ins of two processes: two connections to one database, each hearing the other."""
    monkeypatch.setattr(core, "loop", asyncio.get_running_loop())
    databases = [postgres_database, Database(postgres_database.url)]
    made, stops = [], []
    for database in databases:
        live = Live()
        database.announce = live.announce
        database.start()
        made.append(SignIns(database, Settings(_env_file=None)))  # type: ignore[call-arg]
        stops.append(made[-1].listen(live))
    await until(lambda: listening(postgres_database, 2))
    yield made
    await asyncio.sleep(0.05)
    for stop in stops:
        stop()
    databases[1].close()


async def listening(database: Database, processes: int) -> bool:
    """Whether so many hear what is announced there."""
    found = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE :q")
    return await database.ask(lambda db: db.scalar(found, {"q": "LISTEN %"})) == processes


async def within(seconds: float, holds: Callable[[], Awaitable[bool]]) -> bool:
    """Whether *holds* comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await holds():
            return True
        await asyncio.sleep(0.05)
    return False


async def test_an_old_token_is_dead_in_all_processes(two: list[SignIns]) -> None:
    """T13, T16: after a switch and after a sign-out, although the other process knew it a moment ago."""
    here, there = two
    dana, ella, _ = await people(here.database)
    browser = Visit(here)
    await browser.enter(dana)
    await browser.enter(ella)

    async def unknown(token: str | None) -> bool:
        return await there.find(token) is None

    first = browser.cookie
    assert not await unknown(first)  # and believed for five seconds from here
    response = Response()
    await here.switch(browser.request(), response, (await browser.ids())[dana])
    assert await within(2, lambda: unknown(first))
    browser.take(response)
    assert not await unknown(browser.cookie)
    await here.leave(browser.request(), Response(), everybody=True)
    assert await within(2, lambda: unknown(browser.cookie))


async def test_of_two_switches_at_once_one_counts(two: list[SignIns]) -> None:
    """T13: in two processes, with the same token: no answer brings one that is dead already."""
    here, there = two
    dana, ella, olga = await people(here.database)
    browser = Visit(here)
    for account in (dana, ella, olga):
        await browser.enter(account)
    ids = await browser.ids()
    for _ in range(10):
        answers = Response(), Response()
        await asyncio.gather(
            here.switch(browser.request(), answers[0], ids[dana]),
            there.switch(browser.request(), answers[1], ids[ella]),
        )
        (won,) = [answer for answer in answers if "set-cookie" in answer.headers]
        browser.take(won)
        assert await browser.who() in (dana, ella)
