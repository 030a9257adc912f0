"""What can't be applied is kept whole, once each, and never without an end (C5, C11)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import clock
from app.charging import quarantine
from app.charging.reports import Stop
from data.database import Database
from data.models import QuarantinedMessage
from tests.app.test_presence import World
from tests.app.test_sessions import start
from tests.world import NOW

S = timedelta(seconds=1)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def kept(world: World) -> list[Any]:
    table = QuarantinedMessage.__table__
    return await world.database.ask(lambda db: list(db.execute(select(table).order_by(table.c.id))))


async def test_c11_a_message_is_kept_whole(world: World) -> None:
    with clock.at(NOW):
        await world.presence.quarantine(world.charger, "TransactionEvent", {"a": [1]}, "no transactionId")
    [row] = await kept(world)
    assert (row.action, row.payload, row.reason) == ("TransactionEvent", {"a": [1]}, "no transactionId")
    assert (row.received_at, row.last_received_at, row.times) == (NOW, NOW, 1)


async def test_c11_the_same_message_is_one_row_that_counts(world: World) -> None:
    """An unknown stop that is sent again and again: first, last and how often; the order of keys is none."""
    for n in range(20):
        payload = {"transactionId": 77, "meterStop": 5}
        if n % 2:
            payload = dict(reversed(payload.items()))
        stop = Stop(NOW, NOW + n * S, 5, session_id=77, payload=payload)
        await world.sessions.stop(world.charger, stop)
    await world.sessions.stop(world.charger, Stop(NOW, NOW, 6, session_id=77, payload={"meterStop": 6}))
    first, second = await kept(world)
    assert (first.times, first.received_at, first.last_received_at) == (20, NOW, NOW + 19 * S)
    assert (second.times, second.payload) == (1, {"meterStop": 6})


async def test_c5_c11_a_full_quarantine_keeps_the_new_ones_and_counts_what_went(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Those with a session go first, then the oldest; how many is in the log and in the list."""
    monkeypatch.setattr(quarantine, "LIMIT", 3)
    session = (await world.sessions.start(world.charger, start())).session_id
    matched = {"transactionId": session, "meterStop": -5}
    stop = Stop(NOW + 60 * S, NOW + 60 * S, 5_000, session_id=session, payload=matched)
    for _ in range(2):  # the second one is a stop twice
        await world.sessions.stop(world.charger, stop)
    for n in range(5):
        received = NOW + n * S
        await world.sessions.stop(
            world.charger, Stop(NOW, received, n, session_id=77, payload={"meterStop": n})
        )
    assert [row.session_id for row in await kept(world)] == [session, *[None] * 5]
    await world.presence.tick(NOW + 600 * S)
    *left, count = await kept(world)
    assert [row.payload for row in left] == [{"meterStop": n} for n in (2, 3, 4)]
    assert (count.digest, count.times) == (quarantine.LEFT_OUT, 3)
    [error] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "3 least needed" in error.getMessage()

    await world.sessions.stop(world.charger, Stop(NOW, NOW + 9 * S, 9, session_id=7, payload={"new": 9}))
    await world.presence.tick(NOW + 630 * S)
    assert len(await kept(world)) == 5  # once a minute
    await world.presence.tick(NOW + 660 * S)
    rows = await kept(world)
    assert [row.payload for row in rows] == [{"meterStop": 3}, {"meterStop": 4}, {}, {"new": 9}]
    assert rows[2].times == 4
