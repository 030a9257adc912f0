"""OCPP 2.0.1 transactions in whatever order they come (C14), on both databases."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any, Literal

import pytest

from app.charging.reports import Place, TransactionEvent
from data.announcements import Topic
from data.database import Database
from data.models import ChargingSession, Connector, QuarantinedMessage
from data.models import TransactionEvent as EventRow
from data.types import Authorization
from tests.app.test_sessions import MIN, S, World, sample
from tests.world import NOW

HOUR = 3600
EVSE = Place(1, 1)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def event(
    kind: Literal["Started", "Updated", "Ended"],
    seq_no: int,
    seconds: float,
    wh: int | None = None,
    *,
    late: float = 0,
    **values: Any,
) -> TransactionEvent:
    context = {"Started": "Transaction.Begin", "Updated": "Sample.Periodic", "Ended": "Transaction.End"}
    samples = () if wh is None else (sample(seconds, wh, context=context[kind]),)
    at = NOW + seconds * S
    return TransactionEvent(
        **{
            "type": kind,
            "transaction_id": "tx-1",
            "seq_no": seq_no,
            "at": at,
            "received_at": at + late * S,
            "samples": samples,
            "place": EVSE,
            **values,
        }
    )


STARTED = event("Started", 0, 0, 1000, id_tag="CARD1")
UPDATED = event("Updated", 1, 60, 1100)
MORE = event("Updated", 2, 120, 1250)
ENDED = event("Ended", 3, 180, 1300, stopped_reason="Local")


async def only(world: World) -> Any:

    (session,) = await world.rows(ChargingSession)
    return session


async def kept(world: World) -> list[str]:
    return [row.reason for row in await world.rows(QuarantinedMessage)]


async def test_a_whole_transaction(world: World) -> None:
    """C14: start, readings and stop in one kind of message."""
    assert await world.sessions.event(world.charger, STARTED) is Authorization.ACCEPTED
    assert await world.sessions.event(world.charger, UPDATED) is None
    await world.sessions.event(world.charger, MORE)
    assert world.topics(Topic.READING) == [world.driver] * 3
    await world.sessions.event(world.charger, ENDED)
    session = await only(world)
    assert (session.energy_wh, session.ended_at, session.stop_reason) == (300, NOW + 3 * MIN, "Local")
    assert await world.steps(session.id) == [(0, 60, 100), (60, 120, 150), (120, 180, 50)]
    assert [row.seq_no for row in await world.rows(EventRow)] == [0, 1, 2, 3]
    assert await kept(world) == []


ORDERS = [order for order in permutations((STARTED, UPDATED, MORE, ENDED)) if order[0] is not STARTED]


@pytest.mark.parametrize("restart", [False, True], ids=["", "restarts between"])
async def test_any_order(world: World, restart: bool) -> None:
    """C13, C14: no energy is lost, the end is final, and the driver is found once the tag is known."""
    for order in ORDERS:
        name = "-".join(str(event.seq_no) for event in order)
        for told in order:
            await world.sessions.event(world.charger, replace(told, transaction_id=name))
            if restart:
                world.restart()
        session = next(s for s in await world.rows(ChargingSession) if s.ocpp_transaction_id == name)
        assert (session.energy_wh, session.started_at, session.ended_at) == (300, NOW, NOW + 3 * MIN), name
        assert (session.account_id, session.authorization) == (world.driver, Authorization.ACCEPTED), name
        assert await world.steps(session.id) == [(0, 60, 100), (60, 120, 150), (120, 180, 50)], name
        assert session.flags == [], name
    assert await kept(world) == []


async def test_an_event_twice_counts_once(world: World) -> None:
    """C14: (transaction, seqNo) is unique; a retry gets the same answer, after a restart too."""
    answers = [await world.sessions.event(world.charger, STARTED) for _ in range(2)]
    await world.sessions.event(world.charger, UPDATED)
    world.restart()
    answers.append(await world.sessions.event(world.charger, STARTED))
    await world.sessions.event(world.charger, UPDATED)
    assert answers == [Authorization.ACCEPTED] * 3
    assert len(await world.rows(EventRow)) == 2
    assert (await only(world)).energy_wh == 100
    assert await kept(world) == []


async def test_a_charger_that_does_not_count(world: World) -> None:
    """C14, C6: seqNo 0 in every event: kept for the operator, and no energy is lost."""
    for told in (STARTED, UPDATED, MORE, ENDED):
        await world.sessions.event(
            world.charger,
            event(told.type, 0, (told.at - NOW) / S, int(told.samples[0].value), id_tag=told.id_tag),
        )
    session = await only(world)
    assert (session.energy_wh, session.ended_at) == (300, NOW + 3 * MIN)
    assert await kept(world) == ["sequence number used twice"] * 3


async def test_ended_is_final(world: World) -> None:
    """C14: nothing that comes later opens it again or moves its end."""
    for told in (STARTED, UPDATED, ENDED):
        await world.sessions.event(world.charger, told)
    await world.sessions.event(world.charger, event("Updated", 4, 240, 1500))
    await world.sessions.event(world.charger, event("Ended", 5, 300, 1600))
    await world.sessions.event(world.charger, event("Started", 6, 360, 1600, id_tag="CARD1"))
    session = await only(world)
    assert (session.energy_wh, session.ended_at) == (300, NOW + 3 * MIN)
    assert await kept(world) == ["ended twice"]


async def test_a_tag_that_comes_later(world: World) -> None:
    """A transaction can begin with the plug; the card comes with a later event."""
    await world.sessions.event(world.charger, event("Started", 0, 0, 1000))
    assert (await only(world)).account_id is None
    world.hush()
    answer = await world.sessions.event(world.charger, event("Updated", 1, 30, 1000, id_tag="card1"))
    assert answer is Authorization.ACCEPTED
    assert (await only(world)).account_id == world.driver
    assert world.topics(Topic.SESSIONS) == [world.driver]
    assert world.topics(Topic.READING) == [world.driver]


async def test_the_tag_that_ends_is_not_the_owner(world: World) -> None:
    """A foreign tag at the end is answered and changes no owner."""
    await world.sessions.event(world.charger, STARTED)
    answer = await world.sessions.event(world.charger, event("Ended", 1, 60, 1100, id_tag="NOBODY"))
    assert answer is Authorization.INVALID
    assert (await only(world)).account_id == world.driver


async def test_offline_is_replay(world: World) -> None:
    """C14: offline=true is told after the fact, however near its time is; live events show it."""
    await world.sessions.event(world.charger, event("Started", 0, 0, 1000, id_tag="CARD1", offline=True))
    await world.sessions.event(world.charger, event("Updated", 1, 1, 1001, offline=True))
    assert (await only(world)).replayed is True
    assert world.topics(Topic.READING) == []
    world.hush()
    await world.sessions.event(world.charger, event("Updated", 2, 2, 1002))
    assert (await only(world)).replayed is False
    assert world.topics(Topic.SESSIONS) == [world.driver]
    assert world.topics(Topic.READING) == [world.driver]


async def test_a_start_long_ago_is_hidden_without_the_word_too(world: World) -> None:
    """C13: chargers forget to say offline=true."""
    await world.sessions.event(world.charger, event("Started", 0, 0, 1000, id_tag="CARD1", late=HOUR))
    assert (await only(world)).replayed is True


async def test_an_event_without_place(world: World) -> None:
    """C6: evse may be missing: on a charger with one plug it is that one."""
    await world.sessions.event(world.other, event("Started", 0, 0, 1000, place=None))
    (plug,) = [row for row in await world.rows(Connector) if row.charger_id == world.other]
    assert (await only(world)).connector_id == plug.id


async def test_the_place_comes_with_a_later_event(world: World) -> None:
    """C6: known plugs are taken over from their 1.6 numbers, and the session moves to its own."""
    await world.sessions.event(world.charger, event("Updated", 1, 60, 1100, place=None))
    await world.sessions.event(world.charger, STARTED)
    plugs = {row.id: (row.evse, row.number) for row in await world.rows(Connector)}
    session = await only(world)
    assert plugs[session.connector_id] == (1, 1)
    assert (session.account_id, session.energy_wh) == (world.driver, 100)
    assert len(plugs) == 4  # two here, one at the other charger, and the charger as a whole


async def test_an_unlisted_transaction_ends_the_one_before(world: World) -> None:
    """C12: a new transaction on the connector."""
    await world.sessions.event(world.charger, STARTED)
    await world.sessions.event(world.charger, UPDATED)
    await world.sessions.event(
        world.charger, event("Started", 0, 600, 1200, transaction_id="tx-2", id_tag="CARD1")
    )
    rows = {row.ocpp_transaction_id: row for row in await world.rows(ChargingSession)}
    assert (rows["tx-1"].ended_at, rows["tx-1"].flags) == (NOW + MIN, ["ended_by_new_start"])
    assert rows["tx-2"].ended_at is None
