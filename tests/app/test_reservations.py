"""Reservations: one wins (C15, T8), each sent when it begins, and kept with what the charger answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from app import clock
from app.charging import reservation_rows
from app.charging.presence import Presence
from app.charging.reservations import Booking, CannotReserve, Conflict, Reservations
from app.simulation.charge_point import ChargePoint
from data.database import Database
from data.models import AuditEntry, Charger, ChargingSession, Mapping, Reservation
from tests import world
from tests.app.commands_world import Yard, fill, yard

HOUR = timedelta(hours=1)
SOON = timedelta(milliseconds=200)


@contextlib.asynccontextmanager
async def booked(database: Database) -> AsyncIterator[tuple[Yard, Reservations]]:
    """A yard where time passes and reservations are sent, as in the portal."""
    async with yard(database) as it:
        reservations = Reservations(database, it.commands, settled=SOON)
        stop = reservations.listen(it.server.live)
        presence: Presence = it.server.presence
        tasks = [asyncio.create_task(one.run()) for one in (reservations, presence)]
        await presence.tick(clock.now())
        try:
            yield it, reservations
        finally:
            stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def row(database: Database, reservation_id: int) -> Any:
    found = select(Reservation.__table__).where(Reservation.id == reservation_id)
    return await database.ask(lambda db: db.execute(found).one())


async def until(database: Database, reservation_id: int, status: str, answer: str | None = None) -> Any:
    """The reservation, as soon as it is in *status* and the charger has said *answer*."""
    for _ in range(1_000):
        found = await row(database, reservation_id)
        if (found.status, found.charger_answer) == (status, answer):
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"it is still {found}")


async def gone(it: Yard) -> None:
    """As soon as no charger is on the line any more."""
    for _ in range(1_000):
        if not it.server.endpoint.connected():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("a charger is still there")


def sent(point: ChargePoint, action: str) -> list[Any]:
    return [payload for name, payload in point.received if name == action]


def in_a_moment() -> datetime:
    return clock.now() + 2 * SOON


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_c15_it_is_sent_when_it_begins_and_the_answer_is_kept(sqlite_database, protocol):
    """C15: held by us until then; the charger hears the reservation's id, the card and the end."""
    async with (
        booked(sqlite_database) as (it, reservations),
        ChargePoint(it.server.url, "CP1", protocol=protocol, connectors=2) as point,
    ):
        await point.boot_up()
        begins = in_a_moment()
        made = await reservations.create(
            it.people.olga, it.people.dana_card, it.one, 2, begins, begins + HOUR
        )
        assert sent(point, "ReserveNow") == []
        held = await row(sqlite_database, made)
        assert (held.status, held.sent_at, held.account_id) == ("held", None, it.people.dana.subject_id)
        accepted = await until(sqlite_database, made, "accepted", "accepted")
        assert begins <= accepted.sent_at <= accepted.answered_at
        [said] = sent(point, "ReserveNow")
        assert said.get("reservationId", said.get("id")) == made
        assert said.get("connectorId", said.get("evseId")) == 2
        assert (begins + HOUR).isoformat()[:19] in str(said)
        actions = select(AuditEntry.action, AuditEntry.actor_name, AuditEntry.subject_id)
        told = await sqlite_database.ask(lambda db: db.execute(actions).all())
        assert told == [
            ("reservation.create", "Olga Operator", it.people.dana.subject_id),
            ("command.reserve", "reservations", it.people.dana.subject_id),
            ("command.done", "reservations", it.people.dana.subject_id),
        ]


async def test_c15_what_the_charger_refuses_is_kept_too(sqlite_database):
    """C15, C16: one that has begun already is sent at once."""
    async with booked(sqlite_database) as (it, reservations), ChargePoint(it.server.url, "CP1") as point:
        await point.boot_up()
        point.answers["ReserveNow"] = {"status": "Occupied"}
        now = clock.now()
        made = await reservations.create(it.people.dana, it.people.dana_card, it.one, None, now, now + HOUR)
        refused = await until(sqlite_database, made, "refused", "occupied")
        assert refused.answered_at is not None
        assert sent(point, "ReserveNow")[0]["connectorId"] == 0
        await reservations.cancel(it.people.dana, made)
        assert (await row(sqlite_database, made)).status == "cancelled"
        assert sent(point, "CancelReservation") == []  # the charger never held it


async def test_c15_a_charger_that_was_away_is_told_when_it_comes_back(sqlite_database):
    """C15: within the reservation's time; what is cancelled while it is away, is told then too."""
    async with booked(sqlite_database) as (it, reservations):
        now = clock.now()
        made = await reservations.create(it.people.olga, it.people.dana_card, it.one, 1, now, now + HOUR)
        await until(sqlite_database, made, "held", "offline")
        async with ChargePoint(it.server.url, "CP1", connectors=2) as point:
            await point.boot_up()
            await until(sqlite_database, made, "accepted", "accepted")
            assert len(sent(point, "ReserveNow")) == 1
            await point.disconnect()
            await gone(it)
            await reservations.cancel(it.people.olga, made)
            await until(sqlite_database, made, "cancelled", "offline")
            await point.connect()
            await until(sqlite_database, made, "cancelled", "accepted")
            assert sent(point, "CancelReservation") == [{"reservationId": made}]
            assert len(sent(point, "ReserveNow")) == 1


async def test_c15_one_that_is_over_is_not_sent_any_more(sqlite_database):
    async with booked(sqlite_database) as (it, reservations):
        now = clock.now()
        made = await reservations.create(it.people.olga, it.people.dana_card, it.one, 1, now, now + 3 * SOON)
        await until(sqlite_database, made, "held", "offline")
        await asyncio.sleep(3 * SOON.total_seconds())
        async with ChargePoint(it.server.url, "CP1", connectors=2) as point:
            await point.boot_up()
            await reservations.tick(clock.now() + HOUR)
            assert sent(point, "ReserveNow") == []


async def test_c15_a_card_that_is_gone_is_not_held_for(sqlite_database):
    """C15: the charger is not asked to hold a place that nobody could use."""
    async with booked(sqlite_database) as (it, reservations), ChargePoint(it.server.url, "CP1") as point:
        await point.boot_up()
        begins = in_a_moment()
        made = await reservations.create(
            it.people.olga, it.people.dana_card, it.one, None, begins, begins + HOUR
        )
        blocked = update(Mapping).where(Mapping.id == it.people.dana_card).values(blocked=True)
        await sqlite_database.change(lambda change: change.execute(blocked) and None)
        await until(sqlite_database, made, "refused", "card")
        assert sent(point, "ReserveNow") == []


async def test_c15_a_start_uses_it(sqlite_database):
    """C15: by the reservation's id, or by the same driver on its connector; not by one on another."""
    async with (
        booked(sqlite_database) as (it, reservations),
        ChargePoint(it.server.url, "CP1", connectors=2) as point,
    ):
        await point.boot_up()
        now = clock.now()
        made = await reservations.create(it.people.dana, it.people.dana_card, it.one, 2, now, now + HOUR)
        await until(sqlite_database, made, "accepted", "accepted")
        await point.start(1, "DANA-CARD-1")
        assert (await row(sqlite_database, made)).status == "accepted"
        await point.start(2, "DANA-CARD-1")
        assert (await row(sqlite_database, made)).status == "used"
        linked = select(ChargingSession.reservation_id).order_by(ChargingSession.id)
        assert await sqlite_database.ask(lambda db: db.execute(linked).scalars().all()) == [None, made]
        with pytest.raises(CannotReserve, match="used"):
            await reservations.cancel(it.people.olga, made)


async def test_t3_a_driver_reserves_and_cancels_for_themselves_only(sqlite_database):
    """T3, T6: what is another's is not there, and a conflict does not tell whose it is."""
    async with yard(sqlite_database) as it:
        reservations = Reservations(sqlite_database, it.commands)
        dana, eve = it.people.dana, it.people.eve
        begins = clock.now() + HOUR
        with pytest.raises(CannotReserve, match="card"):
            await reservations.create(dana, it.people.eve_card, it.one, 1, begins, begins + HOUR)
        made = await reservations.create(eve, it.people.eve_card, it.one, 1, begins, begins + HOUR)
        for unknown in (made, 99):
            with pytest.raises(CannotReserve, match="missing"):
                await reservations.cancel(dana, unknown)
        with pytest.raises(Conflict) as conflict:
            await reservations.create(dana, it.people.dana_card, it.one, None, begins, begins + HOUR)
        [other] = conflict.value.others
        assert (other.driver_name, other.account_id, other.starts_at) == ("", None, begins)
        with pytest.raises(Conflict) as conflict:
            await reservations.create(
                it.people.olga, it.people.dana_card, it.one, 1, begins + HOUR / 2, begins + 2 * HOUR
            )
        [other] = conflict.value.others
        assert (other.id, other.driver_name) == (made, "Eve Other")
        await reservations.create(dana, it.people.dana_card, it.one, 2, begins, begins + HOUR)
        await reservations.create(dana, it.people.dana_card, it.one, 1, begins + HOUR, begins + 2 * HOUR)
        await reservations.cancel(eve, made)
        await reservations.cancel(eve, made)
        await reservations.create(dana, it.people.dana_card, it.one, 1, begins, begins + HOUR)
        hidden = update(Charger).where(Charger.id == it.two).values(visible_to_all=False)
        await sqlite_database.change(lambda change: change.execute(hidden) and None)
        with pytest.raises(CannotReserve, match="charger"):
            await reservations.create(dana, it.people.dana_card, it.two, None, begins, begins + HOUR)


REFUSED = {
    "order": {"starts_at": HOUR, "ends_at": HOUR},
    "past": {"starts_at": -HOUR, "ends_at": HOUR},
    "long": {"starts_at": HOUR, "ends_at": timedelta(days=8)},
    "far": {"starts_at": timedelta(days=400), "ends_at": timedelta(days=400, hours=1)},
    "card": {"mapping_id": 99},
    "charger": {"charger_id": 99},
    "connector": {"connector_number": 3},
}


async def test_what_cannot_be_reserved_is_refused_with_its_own_word(sqlite_database):
    async with yard(sqlite_database) as it:
        reservations = Reservations(sqlite_database, it.commands)
        now = clock.now()
        for why, given in REFUSED.items():
            wish: dict[str, Any] = {
                "mapping_id": it.people.dana_card,
                "charger_id": it.one,
                "connector_number": 1,
                "starts_at": HOUR,
                "ends_at": 2 * HOUR,
                **given,
            }
            wish |= {"starts_at": now + wish["starts_at"], "ends_at": now + wish["ends_at"]}
            with pytest.raises(CannotReserve, match=f"^{why}$"):
                await reservations.create(it.people.olga, **wish)
        where = {"account": 1, "mapping": it.people.dana_card, "charger": it.one}
        old = sqlite_database.change_now(
            lambda change: world.add_reservation(change, starts_at=now - 3 * HOUR, **where)
        )
        with pytest.raises(CannotReserve, match="over"):
            await reservations.cancel(it.people.olga, old)


def test_t8_of_50_who_reserve_at_once_one_wins(database):
    """C15, T8: 50 connections in 50 threads; the others are told who was first."""
    people, one, _ = fill(database)
    begins = clock.now() + HOUR
    databases = [Database(database.url, readers=1) for _ in range(50)]

    def reserve(number: int) -> str:
        booking = Booking(people.dana_card, one, None if number % 2 else 1, begins, begins + HOUR)
        try:
            databases[number].change_now(reservation_rows.create, people.olga, booking, clock.now())
        except Conflict as conflict:
            return "after " + ", ".join(other.driver_name for other in conflict.others)
        except IntegrityError as error:
            return "at once" if reservation_rows.is_overlap(error) else str(error)
        return "made"

    try:
        with ThreadPoolExecutor(50) as threads:
            became = list(threads.map(reserve, range(50)))
    finally:
        for each in databases:
            each.close()
    assert became.count("made") == 1
    assert set(became) <= {"made", "after Dana Driver", "at once"}
    stored = database.ask_now(lambda db: db.execute(select(Reservation.id)).scalars().all())
    assert len(stored) == 1


def test_c15_the_database_itself_refuses_of_50_at_once_all_but_one(database):
    """C15: whoever writes without looking first, past all services."""
    people, one, _ = fill(database)
    begins = clock.now() + HOUR
    databases = [Database(database.url, readers=1) for _ in range(50)]
    held = {
        "account_id": people.dana.subject_id,
        "mapping_id": people.dana_card,
        "charger_id": one,
        "starts_at": begins,
        "ends_at": begins + HOUR,
        "created_at": begins,
    }

    def write(number: int) -> str:
        row = {**held, "connector_number": None if number % 2 else 1}
        try:
            databases[number].change_now(lambda change: change.execute(insert(Reservation), row) and None)
        except DBAPIError as error:
            known = ("ex_reservations_no_overlap", "deadlock")  # two wait for each other, and one gives up
            return next((one for one in known if one in str(error)), str(error))
        return "made"

    try:
        with ThreadPoolExecutor(50) as threads:
            became = list(threads.map(write, range(50)))
    finally:
        for each in databases:
            each.close()
    assert became.count("made") == 1
    assert set(became) <= {"made", "ex_reservations_no_overlap", "deadlock"}


async def test_c15_the_refusal_of_the_database_tells_who_was_faster(postgres_database):
    """C15: for whoever looked while the other one had written, and not yet committed."""
    async with yard(postgres_database) as it:
        reservations = Reservations(postgres_database, it.commands)
        begins = clock.now() + HOUR
        other = {
            "account_id": it.people.eve.subject_id,
            "mapping_id": it.people.eve_card,
            "charger_id": it.one,
            "starts_at": begins,
            "ends_at": begins + HOUR,
            "created_at": begins,
            "status": "held",
        }
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with postgres_database.engine.connect() as faster:
            faster.execute(insert(Reservation), other)
            wish = (it.people.dana_card, it.one, 1, begins, begins + HOUR)
            slower = asyncio.create_task(reservations.create(it.people.olga, *wish))
            while not await postgres_database.ask(lambda db: db.execute(waits).scalar()):
                assert not slower.done()
            faster.commit()
        with pytest.raises(Conflict) as conflict:
            await slower
        assert [one.driver_name for one in conflict.value.others] == ["Eve Other"]
