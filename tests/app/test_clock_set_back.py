"""The server's clock is set back by hours: what looks every few seconds goes on so (P4, P6, P22, T19)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app import clock
from app.access.tries import TooManyTries, Tries
from app.charging.hidden import Hidden
from app.charging.pace import PROOF, Pace
from data.announcements import Announcement, Topic
from data.database import Database
from tests.app.test_presence import World
from tests.app.test_sessions import start
from tests.world import NOW

S = timedelta(seconds=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def world(sqlite_database: Database) -> World:
    return World(sqlite_database)


async def test_p22_what_other_processes_tell_is_looked_for(world: World) -> None:
    await world.presence.tick(NOW)
    world.heard()
    other = Database(world.database.url)
    other.change_now(lambda change: change.announce(Announcement(Topic.PEOPLE, world.driver)))
    other.close()
    await world.presence.tick(NOW - HOUR)
    assert set(world.heard()) == {(Topic.PEOPLE, world.driver), (Topic.MINUTE, None)}


async def test_c4_check_ins_of_before_are_written(world: World) -> None:
    with clock.at(NOW):
        await world.presence.seen(world.charger)
        clock.advance(20 * S)
        await world.presence.seen(world.charger)
        await world.presence.tick(NOW - HOUR)
    assert (await world.charger_row()).last_seen_at == NOW + 20 * S


async def test_p6_a_replayed_session_is_shown(world: World) -> None:
    await world.sessions.start(world.charger, start(late=3600))
    await world.presence.tick(NOW + HOUR + S)
    world.heard()
    await world.presence.tick(NOW - HOUR)
    assert (Topic.SESSIONS, world.driver) in world.heard()


def test_c13_a_charger_is_quiet_again() -> None:
    hidden = Hidden()
    hidden.hear(1, NOW)
    assert not hidden.is_quiet(1, NOW + 9 * S)
    assert hidden.is_quiet(1, NOW - HOUR)


def test_c13_the_clocks_of_chargers_are_learned_anew() -> None:
    pace = Pace()
    pace.observe(1, NOW, NOW)
    pace.observe(1, NOW + PROOF, NOW + PROOF)
    pace.observe(1, NOW + 2 * PROOF, NOW - HOUR)
    assert pace.offset(1) is None
    pace.observe(1, NOW + 3 * PROOF, NOW - HOUR + PROOF)
    assert pace.offset(1) == HOUR + 2 * PROOF


def test_t19_nobody_is_kept_out_until_it_has_caught_up() -> None:
    tries = Tries(burst=1, per_minute=10)
    with clock.at(NOW):
        tries.take("dana")
        clock.advance(-HOUR)
        with pytest.raises(TooManyTries):
            tries.take("dana")
        clock.advance(6 * S)
        tries.take("dana")
