"""Requests of ours to chargers, in both versions, over real sockets (C7, C16)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import orjson
import pytest
from sqlalchemy import select

from app.charging.ocpp import calls, schemas
from app.charging.ocpp.calls import Outcome, Result
from app.charging.ocpp.line import NoAnswer, Offline
from app.charging.reports import Place
from app.simulation.charge_point import ChargePoint
from data.database import Database
from data.models import Charger, ChargingSession
from tests.ocpp_server import OcppServer, ocpp_server
from tests.waiting import PATIENCE, until
from tests.world import add_charger, add_driver, add_site

UNTIL = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
VERSIONS = ["ocpp1.6", "ocpp2.0.1"]


@pytest.fixture
async def server(sqlite_database: Database) -> AsyncIterator[OcppServer]:
    def fill(change):
        add_charger(change, "CP1", site=add_site(change), connectors=2)
        add_driver(change, tag="TAG")

    sqlite_database.change_now(fill)
    async with ocpp_server(sqlite_database, call_timeout=1) as server:
        yield server


@pytest.fixture(params=VERSIONS)
async def point(server: OcppServer, request: pytest.FixtureRequest) -> AsyncIterator[ChargePoint]:
    async with ChargePoint(server.url, "CP1", protocol=request.param, connectors=2) as point:
        await point.boot_up()
        yield point


@pytest.fixture
async def charger(server: OcppServer) -> int:
    [charger_id] = await server.database.ask(lambda db: db.execute(select(Charger.id)).scalars().all())
    return charger_id


def place(point: ChargePoint, number: int) -> Place:
    return Place(number) if point.protocol == "ocpp1.6" else Place(1, number)


async def test_start_really_starts_and_stop_really_stops(server, point, charger):
    result = await calls.start(server.endpoint, charger, "TAG", place(point, 2))
    assert result == Result(Outcome.ACCEPTED, "Accepted")
    assert result.accepted
    await until(lambda: point.plugs[2].transaction and point.plugs[2].status == "Charging")
    assert point.plugs[1].transaction is None
    session, transaction = await server.database.ask(
        lambda db: db.execute(select(ChargingSession.id, ChargingSession.ocpp_transaction_id)).one()
    )
    assert (await calls.stop(server.endpoint, charger, session + 99, "other")).outcome is Outcome.REJECTED
    assert (await calls.stop(server.endpoint, charger, session, transaction)).accepted
    await until(lambda: point.plugs[2].transaction is None and point.plugs[2].status == "Available")


async def test_c16_each_refusal_has_its_own_word(server, point, charger):
    at = place(point, 1)
    start, reserve = ("RemoteStartTransaction", "ReserveNow")
    if point.protocol != "ocpp1.6":
        start = "RequestStartTransaction"
    point.answers[start] = {"status": "Rejected"}
    assert (await calls.start(server.endpoint, charger, "TAG", at)).outcome is Outcome.REJECTED
    for said, outcome in [
        ("Rejected", Outcome.REJECTED),
        ("Occupied", Outcome.OCCUPIED),
        ("Faulted", Outcome.FAULTED),
        ("Unavailable", Outcome.UNAVAILABLE),
        ("Something else", Outcome.FAILED),
    ]:
        point.answers[reserve] = {"status": said}
        result = await calls.reserve(server.endpoint, charger, 5, "TAG", UNTIL, at)
        assert result == Result(outcome, said)
        assert not result.accepted


async def test_reserve_and_cancel(server, point, charger):
    assert (await calls.reserve(server.endpoint, charger, 5, "TAG", UNTIL, place(point, 2))).accepted
    await until(lambda: point.plugs[2].status == "Reserved")
    assert (await calls.cancel_reservation(server.endpoint, charger, 6)).outcome is Outcome.REJECTED
    assert (await calls.cancel_reservation(server.endpoint, charger, 5)).accepted
    await until(lambda: point.plugs[2].status == "Available")


async def test_trigger_brings_the_message(server, point, charger):
    assert (await calls.trigger(server.endpoint, charger, "StatusNotification")).accepted
    assert (await calls.trigger(server.endpoint, charger, "MeterValues", place(point, 1))).accepted
    result = await calls.trigger(server.endpoint, charger, "FirmwareStatusNotification")
    assert result.outcome is Outcome.NOT_SUPPORTED


@pytest.mark.parametrize("at_once", [False, True])
async def test_reset_makes_it_boot_again(server, point, charger, at_once):
    booted = await server.database.ask(lambda db: db.scalar(select(Charger.booted_at)))
    assert (await calls.reset(server.endpoint, charger, at_once=at_once)).accepted
    kind = {"ocpp1.6": ("Soft", "Hard"), "ocpp2.0.1": ("OnIdle", "Immediate")}[point.protocol][at_once]
    assert point.received[-1] == ("Reset", {"type": kind})
    await until(lambda: not point.online)
    await until(lambda: point.online)
    await until(lambda: server.database.ask_now(lambda db: db.scalar(select(Charger.booted_at))) > booted)


async def test_unlock(server, point, charger):
    assert (await calls.unlock(server.endpoint, charger, place(point, 1))).accepted
    assert (await calls.unlock(server.endpoint, charger, place(point, 9))).outcome is Outcome.NOT_SUPPORTED
    if point.protocol == "ocpp2.0.1":
        await point.start(1, "TAG", 0)
        assert (await calls.unlock(server.endpoint, charger, place(point, 1))).outcome is Outcome.CHARGING


async def test_change_availability_of_a_connector_and_of_all(server, point, charger):
    assert (await calls.change_availability(server.endpoint, charger, False, place(point, 2))).accepted
    await until(lambda: point.plugs[2].status == "Unavailable")
    assert point.plugs[1].status == "Available"
    await point.start(1, "TAG", 0)
    assert (await calls.change_availability(server.endpoint, charger, False)).outcome is Outcome.SCHEDULED
    await point.stop(1, 0)
    assert (await calls.change_availability(server.endpoint, charger, True)).accepted
    await until(lambda: point.plugs[2].status == "Available")


async def test_configuration_is_read_and_written_by_the_same_keys_in_both_versions(server, point, charger):
    found = await calls.get_configuration(server.endpoint, charger, "HeartbeatInterval", "Nonsense.Key")
    assert found.result.accepted
    assert [(entry.key, entry.value) for entry in found.entries] == [("HeartbeatInterval", "300")]
    assert found.unknown == ("Nonsense.Key",)
    result = await calls.set_configuration(server.endpoint, charger, "MeterValueSampleInterval", "5")
    assert result.accepted
    assert point.configuration["MeterValueSampleInterval"] == "5"
    result = await calls.set_configuration(server.endpoint, charger, "Nonsense.Key", "5")
    assert result.outcome is Outcome.NOT_SUPPORTED
    everything = await calls.get_configuration(server.endpoint, charger)
    assert "MeterValueSampleInterval" in {entry.key for entry in everything.entries}


async def test_c6_everything_sent_is_valid_by_the_official_schemas(server, point, charger):
    at = place(point, 1)
    point.answers["Reset"] = {"status": "Rejected"}
    for where in (at, None):
        await calls.start(server.endpoint, charger, "TAG", where)
        await calls.reserve(server.endpoint, charger, 1, "TAG", UNTIL, where)
        await calls.trigger(server.endpoint, charger, "StatusNotification", where)
        await calls.change_availability(server.endpoint, charger, True, where)
    await calls.stop(server.endpoint, charger, 1, "1")
    await calls.unlock(server.endpoint, charger, at)
    await calls.reset(server.endpoint, charger)
    await calls.get_configuration(server.endpoint, charger, "A.B")
    await calls.set_configuration(server.endpoint, charger, "A.B", "1")
    assert len(point.received) == 13
    for action, payload in point.received:
        schemas.check_request(point.protocol, action, payload)


async def test_c6_what_ocpp_can_not_say_is_not_sent(server, point, charger):
    result = await calls.start(server.endpoint, charger, "X" * 40)
    assert result.outcome is Outcome.UNSENDABLE
    assert not point.received


async def test_c16_offline(server, charger):
    assert (await calls.reset(server.endpoint, charger)).outcome is Outcome.OFFLINE
    assert (await calls.get_configuration(server.endpoint, charger)).result.outcome is Outcome.OFFLINE
    with pytest.raises(Offline):
        await server.endpoint.call(999, "Reset", {"type": "Soft"})


async def test_c16_a_connection_that_breaks_before_the_answer_is_offline(server, point, charger):
    """And told before the time for the answer is over: that would be `NO_ANSWER`."""
    point.answers["Reset"] = None
    asking = asyncio.create_task(calls.reset(server.endpoint, charger))
    await until(lambda: point.received)
    await point.disconnect(abruptly=True)
    assert (await asyncio.wait_for(asking, PATIENCE)).outcome is Outcome.OFFLINE


@pytest.mark.alone
async def test_c7_no_answer_in_time_and_a_late_one_still_counts(server, point, charger):
    point.answers["CancelReservation"] = None
    late: list[Result] = []

    async def note(result: Result) -> None:
        late.append(result)

    begun = time.monotonic()
    result = await calls.cancel_reservation(server.endpoint, charger, 5, late=note)
    assert result.outcome is Outcome.NO_ANSWER
    assert 0.9 < time.monotonic() - begun < 1.5
    message_id = orjson.loads(point.frames[-1])[1]
    await point.send_raw(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
    await until(lambda: late)
    assert late == [Result(Outcome.ACCEPTED, "Accepted")]
    await point.send_raw(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
    await point.heartbeat()
    assert len(late) == 1, "an answer counts once"


async def test_c7_one_request_at_a_time(server, point, charger):
    point.answers["Reset"] = None
    asking = [asyncio.create_task(calls.reset(server.endpoint, charger)) for _ in range(3)]
    await asyncio.sleep(0.2)
    assert len(point.received) == 1
    await point.send_raw(
        orjson.dumps([3, orjson.loads(point.frames[-1])[1], {"status": "Rejected"}]).decode()
    )
    await until(lambda: len(point.received) == 2)
    await point.send_raw(
        orjson.dumps([3, orjson.loads(point.frames[-1])[1], {"status": "Accepted"}]).decode()
    )
    await point.disconnect()
    outcomes = [result.outcome for result in await asyncio.gather(*asking)]
    assert outcomes == [Outcome.REJECTED, Outcome.ACCEPTED, Outcome.OFFLINE]


async def test_c7_another_charger_does_not_wait(server, charger):
    other = await server.database.change(lambda change: add_charger(change, "CP2", site=1))
    async with ChargePoint(server.url, "CP1") as silent, ChargePoint(server.url, "CP2") as quick:
        silent.answers["Reset"] = None
        quick.answers["Reset"] = {"status": "Rejected"}
        asking = asyncio.create_task(calls.reset(server.endpoint, charger))
        await until(lambda: silent.received)
        assert (await calls.reset(server.endpoint, other)).outcome is Outcome.REJECTED
        assert not asking.done()
        assert (await asking).outcome is Outcome.NO_ANSWER


async def test_c7_what_works_on_a_message_can_not_wait_for_the_same_charger(server, point, charger):
    """It would wait for an answer in the task that has to read it: refused at once, not after 30 s."""
    caught: list[BaseException] = []

    async def ask_again(result: Result) -> None:
        try:
            await calls.reset(server.endpoint, charger)
        except RuntimeError as error:
            caught.append(error)

    point.answers["CancelReservation"] = None
    await calls.cancel_reservation(server.endpoint, charger, 5, late=ask_again)
    message_id = orjson.loads(point.frames[-1])[1]
    await point.send_raw(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
    await until(lambda: caught)
    await point.heartbeat()


async def test_c5_c7_a_late_answer_that_can_not_be_worked_on_does_not_end_the_connection(
    server, point, charger, caplog
):
    async def fail(result: Result) -> None:
        raise ValueError("not today")

    point.answers["CancelReservation"] = None
    await calls.cancel_reservation(server.endpoint, charger, 5, late=fail)
    message_id = orjson.loads(point.frames[-1])[1]
    await point.send_raw(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
    await point.heartbeat()
    assert [record for record in caplog.records if record.exc_info and "failed" in record.getMessage()]


async def test_c13_a_new_connection_waits_for_what_the_old_one_is_about(server, point, charger):
    """One message of a charger after another, also when it comes back in the middle of one."""
    go_on = asyncio.Event()

    async def take_long(result: Result) -> None:
        await go_on.wait()

    point.answers["CancelReservation"] = None
    await calls.cancel_reservation(server.endpoint, charger, 5, late=take_long)
    message_id = orjson.loads(point.frames[-1])[1]
    await point.send_raw(orjson.dumps([3, message_id, {"status": "Accepted"}]).decode())
    async with ChargePoint(server.url, "CP1", protocol=point.protocol) as new:
        asking = asyncio.create_task(new.heartbeat())
        await asyncio.sleep(0.2)
        assert not asking.done()
        go_on.set()
        await asyncio.wait_for(asking, PATIENCE)


async def test_c5_answers_that_make_no_sense_are_failures(server, point, charger):
    for nonsense in ({}, {"status": 7}, {"status": ["Accepted"]}, {"status": "x" * 5_000}, {"status": None}):
        point.answers["CancelReservation"] = nonsense
        result = await calls.cancel_reservation(server.endpoint, charger, 5)
        assert result.outcome is Outcome.FAILED
        assert len(result.said or "") <= 64
    for key in ("GetConfiguration", "GetVariables"):
        point.answers[key] = {"configurationKey": 7, "unknownKey": "x", "getVariableResult": [1, {}]}
    assert (await calls.get_configuration(server.endpoint, charger)).result.accepted


async def test_an_error_answer_of_the_charger_is_a_failure(server, point, charger):
    point.answers["CancelReservation"] = None
    for code, outcome in (("NotImplemented", Outcome.NOT_SUPPORTED), ("InternalError", Outcome.FAILED)):
        seen = len(point.received)
        asking = asyncio.create_task(calls.cancel_reservation(server.endpoint, charger, 5))
        await until(lambda seen=seen: len(point.received) > seen)
        message_id = orjson.loads(point.frames[-1])[1]
        await point.send_raw(orjson.dumps([4, message_id, code, "because", {}]).decode())
        assert await asking == Result(outcome, code)


async def test_c7_waiting_for_ones_turn_ends_too(server, point, charger):
    point.answers["Reset"] = None
    with pytest.raises(NoAnswer):
        await asyncio.gather(*(server.endpoint.call(charger, "Reset", _reset(point)) for _ in range(2)))


def _reset(point: ChargePoint) -> dict[str, str]:
    return {"type": "Soft" if point.protocol == "ocpp1.6" else "OnIdle"}
