"""P22 whole, from what happens to an open page: nothing here tells the page by itself.

The portal's own ticker runs in real time; what is moved is its clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import pytest
from click.testing import CliRunner
from nicegui.testing.user import User
from sqlalchemy import select

from app import clock
from app.charging.reports import Place, Start, Status
from app.commands import commands
from app.portal import Portal
from data.models import Mapping
from data.types import ConnectorStatus
from tests.app.dashboard_world import World
from tests.world import NOW

Visit = Callable[..., Awaitable[User]]
NO_CARD = "Your operator still has to link a charging card"
STATUS = 1.0
TIME = 10.0
"""Seconds that P22 gives."""


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


@pytest.fixture
def world(portal: Portal) -> World:
    world = World(portal)
    world.card(world.dana)
    return world


async def shows(user: User, words: str, since: float, within: float) -> None:
    """Fail if *user* does not see *words* *within* seconds of *since*, on the real clock."""
    while True:
        taken = time.monotonic() - since
        try:
            await user.should_see(words, retries=1)
        except AssertionError:
            if taken > within:
                raise
            await asyncio.sleep(0.01)
        else:
            assert taken <= within
            return


@pytest.mark.alone
async def test_p22_a_chargers_status_notification_shows_within_a_second(
    visit: Visit, portal: Portal, world: World
) -> None:
    user = await visit(world.dana)
    await user.should_see("2 of 2 chargers free")
    for status, free in ((ConnectorStatus.PREPARING, 1), (ConnectorStatus.AVAILABLE, 2)):
        clock.advance(timedelta(seconds=1))
        since = time.monotonic()
        await portal.presence.status(world.left, Status(Place(1), status, clock.now(), clock.now()))
        await shows(user, f"{free} of 2 chargers free", since, STATUS)


@pytest.mark.alone
async def test_p6_p22_a_charge_that_starts_shows_within_a_second(
    visit: Visit, portal: Portal, world: World
) -> None:
    user = await visit(world.dana)
    since = time.monotonic()
    await portal.sessions.start(world.left, Start(Place(1), f"TAG{world.dana}", NOW, NOW, 0))
    await shows(user, "Charging now", since, STATUS)


async def test_p20_p22_a_silent_hour_shows_within_ten_seconds(
    visit: Visit, portal: Portal, world: World
) -> None:
    """Nobody sends anything: the charger's hour goes by, and the words that are told relative to now."""
    user = await visit(world.dana)
    await user.should_see("2 of 2 chargers free")
    await portal.presence.seen(world.right)
    clock.advance(timedelta(minutes=59))
    await portal.presence.seen(world.right)
    await asyncio.sleep(0.5)
    await user.should_see("2 of 2 chargers free")
    clock.advance(timedelta(minutes=1, seconds=1))
    since = time.monotonic()
    await shows(user, "1 of 2 chargers free", since, TIME)
    await user.should_see("Last seen 1 h")


async def test_p12_p22_a_reservation_begins_and_ends_within_ten_seconds(visit: Visit, world: World) -> None:
    mapping = await world.database.ask(lambda db: db.scalars(select(Mapping.id)).one())
    world.reserve(world.dana, mapping, NOW + timedelta(minutes=5), minutes=30)
    user = await visit(world.dana)
    await user.should_see("Starts in 5 min")
    for minutes, words in ((1, "Starts in 4 min"), (4, "Running now")):
        clock.advance(timedelta(minutes=minutes))
        await shows(user, words, time.monotonic(), TIME)


async def test_p4_p22_a_card_added_by_a_command_shows_within_ten_seconds(
    visit: Visit, portal: Portal, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite, where no process hears of another; and the driver who loses it is told as well."""
    monkeypatch.setenv("POLARIS_DATABASE_URL", portal.database.url.render_as_string(hide_password=False))
    dana, eve = await visit(world.dana), await visit(world.eve)
    await eve.should_see(NO_CARD)
    await dana.should_not_see(NO_CARD)
    await asyncio.sleep(0.5)  # the ticker has looked once

    words = ["add-mapping", f"TAG{world.dana}", "eve@example.org", "--move"]
    result = await asyncio.to_thread(CliRunner().invoke, commands(print), words)
    assert result.exit_code == 0, result.output
    clock.advance(timedelta(seconds=3))  # the looks are counted by the clock that stands still here
    since = time.monotonic()
    await shows(dana, NO_CARD, since, TIME)
    await eve.should_not_see(NO_CARD)
