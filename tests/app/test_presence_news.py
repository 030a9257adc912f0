"""What other processes change shows on open pages, on SQLite too, which tells nobody (P4, P22)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from app.charging import passing
from app.commands import commands
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import Charger
from data.types import Admission
from tests.app.test_presence import World
from tests.world import NOW, add_charger, add_driver

S = timedelta(seconds=1)
Run = Callable[..., Awaitable[None]]


@pytest.fixture
def run(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command, on a connection of its own as in a process of its own."""
    monkeypatch.setenv("POLARIS_DATABASE_URL", sqlite_database.url.render_as_string(hide_password=False))

    async def run(*words: str) -> None:
        # In a thread: a command has an event loop of its own.
        result = await asyncio.to_thread(CliRunner().invoke, commands(print), list(words))
        assert result.exit_code == 0, result.output

    return run


@pytest.fixture
async def world(sqlite_database: Database) -> World:
    world = World(sqlite_database)
    await world.presence.tick(NOW)
    world.heard()
    return world


async def test_p4_a_card_that_moves_is_told_to_both_drivers(world: World, run: Run) -> None:
    other = world.database.change_now(add_driver, "Eve Other")
    await run("add-mapping", "CARD1", "eve@example.org", "--move")
    await world.presence.tick(NOW + S)
    assert world.heard() == []  # it looks every two seconds
    await world.presence.tick(NOW + 2 * S)
    told = set(world.heard())
    assert {(Topic.PEOPLE, world.driver), (Topic.PEOPLE, other)} <= told
    await world.presence.tick(NOW + 4 * S)
    assert world.heard() == []


async def test_p22_c2_a_charger_that_is_accepted_by_a_command_is_told(world: World, run: Run) -> None:
    def pending(change: Change) -> int:
        return add_charger(change, "NEW", site=1, admission=Admission.PENDING)

    charger = world.database.change_now(pending)
    await run("new-password", "NEW")
    await world.presence.tick(NOW + 2 * S)
    assert set(world.heard()) == {(Topic.CHARGERS, charger), (Topic.SITES, None)}
    admission = await world.database.ask(
        lambda db: db.scalar(select(Charger.admission).where(Charger.id == charger))
    )
    assert admission is Admission.ACCEPTED


async def test_p22_all_accounts_of_a_large_import_are_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, however often each is told, without a row more than one for each of them."""
    monkeypatch.setattr(passing, "AT_ONCE", 100)
    command = Database(world.database.url)

    def tell(change: Change) -> None:
        change.announce(*(Announcement(Topic.SESSIONS, account) for account in range(1, 1501)))

    try:
        for _ in range(2):
            command.change_now(tell)
    finally:
        command.close()
    now, looks = NOW + 2 * S, 0
    while (due := await world.presence.tick(now)) <= now:
        looks += 1
    assert due > now
    assert looks <= 40
    assert sorted(about or 0 for _, about in world.heard()) == list(range(1, 1501))
    assert await world.database.ask(lambda db: db.scalar(text("SELECT count(*) FROM news"))) == 1500


async def test_p22_the_portal_does_not_tell_itself_what_it_told(world: World) -> None:
    """What a started process changes costs no row at all, and what it told before is not told again."""

    def tell(change: Change) -> None:
        change.announce(Announcement(Topic.PLAN, world.driver))

    world.database.change_now(tell)
    assert world.heard() == [(Topic.PLAN, world.driver)]
    world.database.start()
    await world.database.change(tell)
    await world.presence.tick(NOW + 2 * S)
    assert world.heard() == [(Topic.PLAN, world.driver)]
    assert await world.database.ask(lambda db: db.scalar(text("SELECT count(*) FROM news"))) == 1
