"""What is truly held, by us and by chargers that answer late or never (C7, C15, C16, T8)."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from app import clock
from app.charging import reservation_sending
from app.charging.command_rows import Patience
from app.charging.commands import CannotAsk
from app.charging.reservations import CannotReserve, Conflict, Reservations
from app.simulation.charge_point import ChargePoint
from data.models import AuditEntry, Reservation
from data.queries.chargers import visible_chargers
from data.queries.reservations import next_reservation
from tests import world
from tests.app.commands_world import Yard, yard
from tests.app.test_reservations import HOUR, SOON, booked, row, sent, until


async def happened(what: Any, **given: Any) -> Any:
    """What *what* returns, as soon as it is something."""
    for _ in range(1_000):
        found = what(**given)
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError("it does not happen")


async def now_held(it: Yard, reservations: Reservations, place: int | None = 1) -> int:
    """A reservation of Dana's that has begun."""
    now = clock.now()
    return await reservations.create(it.people.olga, it.people.dana_card, it.one, place, now, now + HOUR)


async def test_c15_a_charger_is_asked_for_what_has_begun_only(sqlite_database):
    """C15, T3: also by whom it is theirs; and the row knows what was asked."""
    async with yard(sqlite_database) as it, ChargePoint(it.server.url, "CP1", connectors=2) as point:
        await point.boot_up()
        reservations = Reservations(sqlite_database, it.commands)
        begins = clock.now() + HOUR
        made = await reservations.create(
            it.people.dana, it.people.dana_card, it.one, 1, begins, begins + HOUR
        )
        for who in (it.people.dana, it.people.olga):
            with pytest.raises(CannotAsk, match="early"):
                await it.commands.ask(who, it.one, "reserve", reservation_id=made)
        held = await now_held(it, reservations, 2)
        asked = await it.commands.ask(it.people.dana, it.one, "reserve", reservation_id=held)
        await it.until(asked, "done")
        assert (await row(sqlite_database, held)).status == "accepted"
        with pytest.raises(CannotAsk, match="asked"):
            await it.commands.ask(it.people.dana, it.one, "reserve", reservation_id=held)
        assert len(sent(point, "ReserveNow")) == 1


async def test_c15_cancelled_at_the_charger_is_cancelled_with_us(sqlite_database):
    """C15: whichever way it is asked for, row and charger agree."""
    async with (
        booked(sqlite_database) as (it, reservations),
        ChargePoint(it.server.url, "CP1", connectors=2) as point,
    ):
        await point.boot_up()
        made = await now_held(it, reservations)
        await until(sqlite_database, made, "accepted", "accepted")
        asked = await it.commands.ask(it.people.dana, it.one, "cancel_reservation", reservation_id=made)
        await it.until(asked, "done")
        cancelled = await until(sqlite_database, made, "cancelled", "accepted")
        assert cancelled.cancelled_at is not None
        assert sent(point, "CancelReservation") == [{"reservationId": made}]
        await point.start(1, "DANA-CARD-1")
        assert (await row(sqlite_database, made)).status == "cancelled"


async def test_c15_one_that_was_not_answered_is_cancelled_at_the_charger_too(sqlite_database):
    """C7, C15: it may hold it all the same."""
    async with (
        booked(sqlite_database) as (it, reservations),
        ChargePoint(it.server.url, "CP1", connectors=2) as point,
    ):
        await point.boot_up()
        point.answers["ReserveNow"] = None
        made = await now_held(it, reservations)
        await until(sqlite_database, made, "held", "no_answer")
        await reservations.cancel(it.people.dana, made)
        await until(sqlite_database, made, "cancelled", "rejected")
        assert sent(point, "CancelReservation") == [{"reservationId": made}]


async def test_c15_a_charger_that_does_not_answer_is_asked_again_while_it_is_there(sqlite_database):
    """C15: reserving and giving up alike, without waiting for it to connect anew."""
    async with yard(sqlite_database) as it, ChargePoint(it.server.url, "CP1", connectors=2) as point:
        await point.boot_up()
        reservations = Reservations(sqlite_database, it.commands, settled=SOON, again=SOON)
        stop = reservations.listen(it.server.live)
        task = asyncio.create_task(reservations.run())
        try:
            point.answers["ReserveNow"] = point.answers["CancelReservation"] = None
            made = await now_held(it, reservations)
            await happened(lambda: len(sent(point, "ReserveNow")) == 2)
            del point.answers["ReserveNow"]
            await until(sqlite_database, made, "accepted", "accepted")
            await reservations.cancel(it.people.dana, made)
            await happened(lambda: len(sent(point, "CancelReservation")) == 2)
            del point.answers["CancelReservation"]
            await until(sqlite_database, made, "cancelled", "accepted")
        finally:
            stop()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_c15_it_is_asked_again_a_few_times_only(sqlite_database):
    """C15: the longer it has not answered, the later."""

    def work(change: Any) -> int:
        dana = world.add_driver(change, "Dana Driver")
        card = world.add_mapping(change, dana, "DANA-CARD-1")
        charger = world.add_charger(change, "CP1", site=world.add_site(change))
        given = {"status": "held", "charger_answer": "no_answer", "sent_at": world.NOW, "minutes": 24 * 60}
        return world.add_reservation(
            change, account=dana, mapping=card, charger=charger, starts_at=world.NOW, **given
        )

    made = sqlite_database.change_now(work)
    now, times = world.NOW, 0
    while True:
        due = sqlite_database.ask_now(reservation_sending.due, now, frozenset())
        if due.send:
            times += 1
            again = update(Reservation).where(Reservation.id == made).values(sent_at=now)
            sqlite_database.change_now(lambda change, again=again: change.execute(again) and None)
        elif due.again_at is None:
            break
        else:
            now = due.again_at
    assert times == 11


@pytest.mark.parametrize("cancelled", [False, True])
async def test_c7_a_late_acceptance_counts_or_is_taken_back(sqlite_database, cancelled):
    """C7, C15: what the charger holds after all is ours, or it is told that nobody wants it."""
    async with (
        booked(sqlite_database) as (it, reservations),
        ChargePoint(it.server.url, "CP1", connectors=2) as point,
    ):
        await point.boot_up()
        point.answers["ReserveNow"] = None
        made = await now_held(it, reservations)
        await until(sqlite_database, made, "held", "no_answer")
        if cancelled:
            await reservations.cancel(it.people.dana, made)
            await until(sqlite_database, made, "cancelled", "rejected")
            point.answers["CancelReservation"] = {"status": "Accepted"}
        [call] = [frame for frame in point.frames if "ReserveNow" in frame]
        connection = point._connection
        assert connection is not None
        await connection.send(f'[3,"{call.split(chr(34))[1]}",{{"status":"Accepted"}}]')
        await until(sqlite_database, made, "cancelled" if cancelled else "accepted", "accepted")
        assert len(sent(point, "CancelReservation")) == (2 if cancelled else 0)


async def test_c15_refused_holds_nothing_until_it_is_asked_for_again(sqlite_database):
    """C15, P12, P20: nobody waits for a place that is not kept; whoever comes next gets it."""
    async with (
        booked(sqlite_database) as (it, reservations),
        ChargePoint(it.server.url, "CP1", connectors=2) as point,
    ):
        await point.boot_up()
        point.answers["ReserveNow"] = {"status": "Occupied"}
        made = await now_held(it, reservations, None)
        await until(sqlite_database, made, "refused", "occupied")
        del point.answers["ReserveNow"]
        dana = it.people.dana.subject_id
        now = clock.now()
        assert await sqlite_database.ask(next_reservation, dana, now) is None
        seen = await sqlite_database.ask(visible_chargers, dana, now)
        assert [(one.status, one.free) for one in seen.shown if one.id == it.one] == [("online", 2)]
        eve = it.people.eve
        other = await reservations.create(eve, it.people.eve_card, it.one, 1, now, now + HOUR)
        for who, name in ((it.people.olga, "Eve Other"), (it.people.dana, "")):
            with pytest.raises(Conflict) as conflict:
                await reservations.ask_again(who, made)
            assert [one.driver_name for one in conflict.value.others] == [name]
        await until(sqlite_database, other, "accepted", "accepted")
        await point.start(1, "DANA-CARD-1")  # hers is not used by it: it holds nothing
        await reservations.cancel(it.people.olga, other)
        await until(sqlite_database, other, "cancelled", "accepted")
        with pytest.raises(CannotReserve, match="missing"):
            await reservations.ask_again(it.people.eve, made)
        point.answers["ReserveNow"] = {"status": "Accepted"}
        await reservations.ask_again(it.people.dana, made)
        await until(sqlite_database, made, "accepted", "accepted")
        assert (await sqlite_database.ask(next_reservation, dana, clock.now())).id == made


async def test_c15_a_used_one_ends_with_its_charge(sqlite_database):
    """C15: the place is free for others at once, and it is nobody's next one any more (P12)."""
    async with (
        booked(sqlite_database) as (it, reservations),
        ChargePoint(it.server.url, "CP1", connectors=2) as point,
    ):
        await point.boot_up()
        made = await now_held(it, reservations)
        ends = (await row(sqlite_database, made)).ends_at
        await until(sqlite_database, made, "accepted", "accepted")
        await point.start(1, "DANA-CARD-1")
        await until(sqlite_database, made, "used", "accepted")
        now = clock.now()
        with pytest.raises(Conflict):
            await reservations.create(it.people.eve, it.people.eve_card, it.one, 1, now, now + HOUR)
        with pytest.raises(CannotAsk, match="used"):
            await it.commands.ask(it.people.dana, it.one, "cancel_reservation", reservation_id=made)
        await point.stop(1)

        async def over() -> bool:
            return (await row(sqlite_database, made)).ends_at <= clock.now()

        await happened(over)
        now = clock.now()
        assert now < ends
        assert await sqlite_database.ask(next_reservation, it.people.dana.subject_id, now) is None
        await reservations.create(it.people.eve, it.people.eve_card, it.one, 1, now, now + HOUR)


async def test_one_that_cannot_be_sent_keeps_no_other_waiting(sqlite_database, caplog):
    """It is told once, however often it is tried."""
    async with yard(sqlite_database) as it, ChargePoint(it.server.url, "CP1", connectors=2) as point:
        await point.boot_up()
        reservations = Reservations(sqlite_database, it.commands)
        odd = await now_held(it, reservations)
        good = await now_held(it, reservations, 2)
        refuses = text(
            "CREATE TRIGGER odd BEFORE UPDATE ON reservations "
            f"WHEN NEW.id = {odd} BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        await sqlite_database.change(lambda change: change.execute(refuses) and None)
        with caplog.at_level(logging.ERROR, "polaris.charging"):
            assert await reservations.tick(clock.now()) is not None
            await reservations.tick(clock.now())
        await until(sqlite_database, good, "accepted", "accepted")
        assert [one.getMessage() for one in caplog.records if one.name == "polaris.charging"] == [
            f"a reservation could not be sent reservation={odd}"
        ]


async def test_t8_who_starts_was_first_and_who_reserves_was_first(sqlite_database):
    """T8: a start under way keeps others from reserving that place now, and the other way round."""
    slow = Patience(taken=timedelta(minutes=1), happened=timedelta(minutes=1))
    async with yard(sqlite_database, slow) as it, ChargePoint(it.server.url, "CP1", connectors=2) as point:
        await point.boot_up()

        async def nothing(*_: Any) -> None:
            """It accepts, and then does not start."""

        point.on_start = nothing  # type: ignore[assignment]
        reservations = Reservations(sqlite_database, it.commands)
        dana, eve = it.people.dana, it.people.eve
        start = await it.commands.ask(dana, it.one, "start", connector_id=it.plugs[0])
        await it.until(start, "accepted")
        now = clock.now()
        for place in (1, None):
            with pytest.raises(CannotReserve, match="starting"):
                await reservations.create(eve, it.people.eve_card, it.one, place, now, now + HOUR)
        await reservations.create(eve, it.people.eve_card, it.one, 1, now + HOUR, now + 2 * HOUR)
        await reservations.create(dana, it.people.dana_card, it.one, 1, now, now + HOUR)
        await reservations.create(eve, it.people.eve_card, it.one, 2, now, now + HOUR)
        with pytest.raises(CannotAsk, match="reserved"):
            await it.commands.ask(dana, it.one, "start", connector_id=it.plugs[1])


async def test_c13_a_replayed_session_is_not_what_a_start_led_to(sqlite_database):
    """C13, C16: told since the request, begun before it; the start that happens is what counts."""
    async with yard(sqlite_database) as it, ChargePoint(it.server.url, "CP1", connectors=2) as point:
        await point.boot_up()

        async def nothing(*_: Any) -> None:
            """It accepts, and then does not start."""

        point.on_start = nothing  # type: ignore[assignment]
        start = await it.commands.ask(it.people.dana, it.one, "start", connector_id=it.plugs[0])
        await it.until(start, "accepted")
        for ago in (timedelta(hours=3), timedelta(minutes=2)):
            began = clock.now() - ago
            kept = {"connectorId": 1, "idTag": "DANA-CARD-1", "meterStart": 0, "timestamp": began.isoformat()}
            told = await point.call("StartTransaction", kept)
            ended = (began + ago / 2).isoformat()
            over = {"transactionId": told["transactionId"], "meterStop": 500, "timestamp": ended}
            await point.call("StopTransaction", over)
            await it.commands.tick(clock.now())
            assert (await it.shown(start)).state == "accepted"
        await point.start(1, "DANA-CARD-1")
        done = await it.until(start, "done")
        assert done.session_id == 3


async def test_t59_the_end_of_a_request_is_audited_too(sqlite_database):
    """T59: what became of it, once, about the driver whom it concerned."""
    async with yard(sqlite_database) as it, ChargePoint(it.server.url, "CP1", connectors=2) as point:
        await point.boot_up()
        start = await it.commands.ask(it.people.olga, it.one, "start", id_tag="DANA-CARD-1")
        await it.until(start, "done")
        point.answers["UnlockConnector"] = {"status": "UnlockFailed"}
        unlock = await it.commands.ask(it.people.olga, it.one, "unlock", connector_id=it.plugs[1])
        await it.until(unlock, "failed")
        columns = (AuditEntry.action, AuditEntry.actor_id, AuditEntry.subject_id, AuditEntry.details)
        found = select(*columns).where(AuditEntry.action.in_(("command.done", "command.failed")))
        olga, dana = it.people.olga.subject_id, it.people.dana.subject_id
        told = await sqlite_database.ask(lambda db: db.execute(found.order_by(AuditEntry.id)).all())
        shown = await it.shown(unlock)
        assert [tuple(one) for one in told] == [
            ("command.done", olga, dana, {"command": start, "kind": "start", "outcome": "accepted"}),
            ("command.failed", olga, None, {"command": unlock, "kind": "unlock", "outcome": shown.outcome}),
        ]
