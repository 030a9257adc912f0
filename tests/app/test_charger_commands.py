"""Requests to chargers: the row first, sent once, followed to what became of them (C7, C16, T59)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app import clock
from app.charging import command_rows
from app.charging.command_rows import Patience
from app.charging.commands import CannotAsk, Commands
from app.settings import Settings
from app.simulation.charge_point import ChargePoint
from components import asking, words
from data.announcements import Topic
from data.caller import Caller, NotAllowed
from data.database import Change, Database
from data.models import AuditEntry, Charger, ChargerCommand, ChargingSession, Mapping
from data.queries import commands as queries
from tests import world
from tests.app.commands_world import Yard, fill, running, yard
from tests.ocpp_server import ocpp_server

SOON = timedelta(milliseconds=300)
HASTE = Patience(taken=SOON, happened=SOON, rebooted=SOON)
ENGLISH = words.reader("en", None)


@contextlib.asynccontextmanager
async def ready(
    database: Database, patience: Patience | None = None, protocol: str = "ocpp1.6"
) -> AsyncIterator[tuple[Yard, ChargePoint]]:
    """A yard whose CP1 is on the line and has said what it is."""
    async with (
        yard(database, patience) as it,
        ChargePoint(it.server.url, "CP1", protocol=protocol, connectors=2) as point,
    ):
        await point.boot_up()
        yield it, point


def asked(point: ChargePoint) -> list[str]:
    return [action for action, _ in point.received]


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_c16_a_start_is_done_when_its_transaction_is_there(sqlite_database, protocol):
    """C16: accepted is not started; the session that it led to is linked, and a stop ends that one."""
    async with ready(sqlite_database, protocol=protocol) as (it, point):
        plug = asyncio.Event()

        async def on_start(connector: int, tag: str) -> None:
            await plug.wait()
            await point.start(connector, tag)

        point.on_start = on_start
        start = await it.commands.ask(it.people.dana, it.one, "start", connector_id=it.plugs[1])
        accepted = await it.until(start, "accepted")
        assert accepted.session_id is None
        assert "Waiting for the charge to begin" in asking.told(ENGLISH, accepted)
        plug.set()
        done = await it.until(start, "done")
        assert asking.told(ENGLISH, done) == "Charging has begun."
        assert done.session_id is not None
        assert done.finished_at is not None
        stop = await it.commands.ask(it.people.dana, it.one, "stop", session_id=done.session_id)
        ended = await it.until(stop, "done")
        assert asking.told(ENGLISH, ended) == "Charging has ended."
        session = select(ChargingSession.ended_at, ChargingSession.account_id)
        row = await sqlite_database.ask(lambda db: db.execute(session).one())
        assert row.ended_at is not None
        assert row.account_id == it.people.dana.subject_id


SAID: dict[str, Any] = {
    "rejected": {"status": "Rejected"},
    "occupied": {"status": "Occupied"},
    "faulted": {"status": "Faulted"},
    "unavailable": {"status": "Unavailable"},
    "not_supported": {"status": "NotSupported"},
    "failed": {"status": "Perhaps"},
}


async def test_c16_each_refusal_has_its_own_outcome_and_sentence(sqlite_database):
    """C16: rejected, faulted, occupied, and what makes no sense; the charger's own word is kept."""
    async with ready(sqlite_database) as (it, point):
        sentences = set()
        for outcome, answer in SAID.items():
            point.answers["UnlockConnector"] = answer
            unlock = await it.commands.ask(it.people.olga, it.one, "unlock", connector_id=it.plugs[0])
            failed = await it.until(unlock, "failed")
            assert (failed.outcome, failed.said) == (outcome, answer["status"])
            assert failed.answered_at is not None
            sentences.add(asking.told(ENGLISH, failed))
        assert len(sentences) == len(SAID)


async def test_c16_what_is_not_followed_is_done_by_being_accepted(sqlite_database):
    """C16: unlock, trigger, availability, configuration; scheduled and after a restart are said."""
    async with ready(sqlite_database) as (it, point):

        async def done(kind: str, **given: Any) -> str:
            found = await it.until(await it.commands.ask(it.people.olga, it.one, kind, **given), "done")
            return asking.told(ENGLISH, found)

        point.answers["UnlockConnector"] = {"status": "Unlocked"}
        assert await done("unlock", connector_id=it.plugs[0]) == "The connector is unlocked."
        assert "will send" in await done("trigger", message="Heartbeat")
        point.answers["ChangeAvailability"] = {"status": "Scheduled"}
        scheduled = await done("change_availability", operative=False, connector_id=it.plugs[1])
        assert "when the charge that is going on has ended" in scheduled
        assert point.received[-1][1] == {"connectorId": 2, "type": "Inoperative"}
        point.answers["ChangeConfiguration"] = {"status": "RebootRequired"}
        assert "next restart" in await done("set_configuration", key="MeterValueSampleInterval", value="30")


async def test_c16_a_reset_is_done_when_the_charger_boots_again(sqlite_database):
    async with ready(sqlite_database) as (it, _):
        reset = await it.commands.ask(it.people.olga, it.one, "reset", at_once=True)
        assert "come back" in asking.told(ENGLISH, await it.until(reset, "accepted"))
        assert asking.told(ENGLISH, await it.until(reset, "done")) == "The charger has restarted."


async def test_the_configuration_is_kept_without_secrets(sqlite_database):
    """T62: what a charger says of its passwords is not."""
    async with ready(sqlite_database) as (it, point):
        point.answers["GetConfiguration"] = {
            "configurationKey": [
                {"key": "HeartbeatInterval", "value": "300", "readonly": False},
                {"key": "WifiPassword", "value": "hunter2", "readonly": False},
            ],
            "unknownKey": ["Nothing"],
        }
        asking_ = await it.commands.ask(it.people.olga, it.one, "get_configuration")
        said = (await it.until(asking_, "done")).configuration
        assert said is not None
        assert [(entry.key, entry.value) for entry in said.entries] == [
            ("HeartbeatInterval", "300"),
            ("WifiPassword", None),
        ]
        assert said.unknown == ("Nothing",)
        assert await sqlite_database.ask(queries.configuration, it.one) == said
        point.answers["ChangeConfiguration"] = {"status": "Accepted"}
        change = await it.commands.ask(
            it.people.olga, it.one, "set_configuration", key="WifiPassword", value="hunter3"
        )
        assert (await it.until(change, "done")).parameters["value"] == "…"
        stored = await sqlite_database.ask(
            lambda db: repr(db.execute(select(ChargerCommand.parameters)).all())
        )
        assert "hunter" not in stored
        assert point.received[-1][1]["value"] == "hunter3"
        with pytest.raises(CannotAsk, match="secret"):
            await it.commands.ask(
                it.people.olga, it.one, "set_configuration", key="AuthorizationKey", value="x" * 16
            )
        audited = await sqlite_database.ask(lambda db: repr(db.execute(select(AuditEntry.details)).all()))
        assert "hunter" not in audited


async def test_c16_offline_is_said_at_once_and_nothing_is_ever_sent(sqlite_database):
    """C16: a start that could not be sent is not sent when the charger comes back."""
    async with yard(sqlite_database) as it:
        start = await it.commands.ask(it.people.dana, it.one, "start")
        failed = await it.until(start, "failed")
        assert asking.told(ENGLISH, failed) == "The charger is offline. Nothing was sent."
        async with ChargePoint(it.server.url, "CP1") as point:
            await point.boot_up()
            done = await it.until(
                await it.commands.ask(it.people.olga, it.one, "trigger", message="Heartbeat"), "done"
            )
            assert done.outcome == "accepted"
            assert asked(point) == ["TriggerMessage"]


async def test_c16_accepted_and_then_nothing_happens_is_timed_out(sqlite_database):
    """C16: each kind that is followed says what did not happen."""
    async with ready(sqlite_database, HASTE) as (it, point):
        point.answers["RemoteStartTransaction"] = {"status": "Accepted"}
        start = await it.commands.ask(it.people.dana, it.one, "start")
        late = await it.until(start, "timed_out")
        assert asking.told(ENGLISH, late).endswith("Was a car plugged in?")
        assert late.finished_at is not None
        point.answers["RemoteStopTransaction"] = point.answers["Reset"] = {"status": "Accepted"}
        session = await point.start(1, "DANA-CARD-1")
        stop = await it.commands.ask(it.people.olga, it.one, "stop", session_id=int(session))
        assert "has not ended in time" in asking.told(ENGLISH, await it.until(stop, "timed_out"))
        reset = await it.commands.ask(it.people.olga, it.one, "reset")
        assert "not come back" in asking.told(ENGLISH, await it.until(reset, "timed_out"))


async def test_c7_a_late_answer_still_counts(sqlite_database):
    """C7: no answer within the time-out is said; what comes after it is shown all the same."""
    async with ready(sqlite_database) as (it, point):
        point.answers["RemoteStartTransaction"] = None
        start = await it.commands.ask(it.people.dana, it.one, "start")
        assert "may still do it" in asking.told(ENGLISH, await it.until(start, "failed"))
        [call] = [frame for frame in point.frames if "RemoteStartTransaction" in frame]
        connection = point._connection
        assert connection is not None
        await connection.send(f'[3,"{call.split(chr(34))[1]}",{{"status":"Accepted"}}]')
        assert (await it.until(start, "accepted")).finished_at is None
        await point.start(1, "DANA-CARD-1")
        assert (await it.until(start, "done")).session_id is not None


async def test_c7_requests_to_one_charger_go_one_after_another(sqlite_database):
    """C7, C16: in the order in which they were asked for."""
    async with ready(sqlite_database) as (it, point):
        messages = ["Heartbeat", "StatusNotification", "MeterValues", "BootNotification"]
        made = [await it.commands.ask(it.people.olga, it.one, "trigger", message=one) for one in messages]
        for one in made:
            await it.until(one, "done")
        assert [payload["requestedMessage"] for _, payload in point.received] == messages


async def test_c16_a_restart_forgets_nothing_and_starts_nothing_late(sqlite_database):
    """C16: what was open when the process ended is finished, or followed on; an old start is not sent."""
    people, one, _ = fill(sqlite_database)
    async with ocpp_server(sqlite_database, call_timeout=1) as server:
        dead = Commands(sqlite_database, Settings(_env_file=None), server.endpoint)  # never runs
        waiting = await dead.ask(people.olga, one, "start", id_tag="DANA-CARD-1")
        sent = await dead.ask(people.olga, one, "reset")
        await sqlite_database.change(command_rows.claim, sent, clock.now(), dead.patience)
        async with ChargePoint(server.url, "CP1") as point:
            await point.boot_up()
            with clock.at(clock.now() + timedelta(minutes=3)):
                async with running(server) as commands:
                    it = Yard(server, commands, people, one, 0, (0, 0))
                    assert (await it.until(waiting, "failed")).outcome == "offline"
                    assert (await it.until(sent, "done")).state == "done"  # it has booted since
            assert asked(point) == []


async def test_t8_of_two_starts_on_one_connector_one_wins(sqlite_database):
    """T8: while the first is under way, the second is refused before anything is sent."""
    async with ready(sqlite_database) as (it, point):
        point.answers["RemoteStartTransaction"] = {"status": "Accepted"}
        asks = [
            it.commands.ask(who, it.one, "start", connector_id=it.plugs[0])
            for who in (it.people.dana, it.people.eve)
        ]
        made = await asyncio.gather(*asks, return_exceptions=True)
        refused = [one for one in made if isinstance(one, CannotAsk)]
        assert [one.why for one in refused] == ["under_way"]
        [start] = [one for one in made if isinstance(one, int)]
        await it.until(start, "accepted")
        await it.commands.ask(it.people.eve, it.one, "start", connector_id=it.plugs[1])


async def test_t3_a_driver_may_ask_for_their_own_and_for_nothing_else(sqlite_database):
    """T3, T4: whatever ids come; what is another's is answered as what is not there."""
    async with yard(sqlite_database) as it:
        dana, eve = it.people.dana, it.people.eve

        def more(change: Change) -> tuple[int, int]:
            session = world.add_session(
                change,
                charger=it.one,
                connector=it.plugs[0],
                account=eve.subject_id,
                started_at=clock.now(),
                ended=False,
            )
            held = world.add_reservation(
                change,
                account=eve.subject_id or 0,
                mapping=it.people.eve_card,
                charger=it.two,
                starts_at=clock.now() - timedelta(minutes=1),
            )
            return session, held

        session, held = sqlite_database.change_now(more)

        async def refused(charger: int, kind: str, **given: Any) -> str:
            with pytest.raises((CannotAsk, NotAllowed)) as error:
                await it.commands.ask(dana, charger, kind, **given)
            return getattr(error.value, "why", "not allowed")

        assert await refused(it.one, "stop", session_id=session) == "missing"
        assert await refused(it.one, "stop", session_id=99) == "missing"
        assert await refused(it.two, "reserve", reservation_id=held) == "missing"
        assert await refused(it.two, "cancel_reservation", reservation_id=held) == "missing"
        assert await refused(it.one, "start", mapping_id=it.people.eve_card) == "card"
        assert await refused(it.one, "start", id_tag="EVE-CARD-1") == "card"
        assert await refused(it.one, "start", id_tag="NOBODYS-1") == "card"
        assert await refused(it.two, "start") == "reserved"
        assert await refused(99, "start") == "missing"
        assert await refused(it.one, "start", connector_id=99) == "missing"
        for kind in ("unlock", "reset", "change_availability", "trigger", "get_configuration"):
            assert await refused(it.one, kind) == "not allowed"
        sqlite_database.change_now(
            lambda change: change.execute(
                update(Charger).where(Charger.id == it.one).values(visible_to_all=False)
            )
        )
        assert await refused(it.one, "start") == "missing"  # P19
        sqlite_database.change_now(
            lambda change: change.execute(update(Mapping).where(Mapping.id == 1).values(blocked=True))
        )
        with pytest.raises(NotAllowed):
            await it.commands.ask(Caller(None, None), it.one, "start")
        rows = await sqlite_database.ask(lambda db: db.execute(select(ChargerCommand.id)).all())
        assert rows == []


async def test_what_cannot_be_asked_is_refused_before_it_is_written(sqlite_database):
    async with yard(sqlite_database) as it:
        for kind, given in (
            ("start", {}),
            ("start", {"id_tag": "A\x00B\n"}),
            ("start", {"id_tag": "TAG", "other": 1}),
            ("unlock", {}),
            ("reset", {"at_once": "yes"}),
            ("trigger", {"message": "Everything"}),
            ("set_configuration", {"key": "", "value": "1"}),
            ("set_configuration", {"key": "A", "value": None}),
            ("explode", {}),
        ):
            with pytest.raises(CannotAsk, match="parameters"):
                await it.commands.ask(it.people.olga, it.one, kind, **given)
        sqlite_database.change_now(
            lambda change: change.execute(
                update(Charger).where(Charger.id == it.one).values(admission="pending")
            )
        )
        with pytest.raises(CannotAsk, match="pending"):
            await it.commands.ask(it.people.olga, it.one, "reset")


async def test_t59_each_request_is_audited_with_whoever_made_it(sqlite_database):
    """T59, T63: who, what, which charger; the card only as far as it tells two apart."""
    async with yard(sqlite_database) as it:
        start = await it.commands.ask(it.people.olga, it.one, "start", id_tag="dana-card-1")
        entries = select(AuditEntry.__table__).where(AuditEntry.action == "command.start")
        entry = await sqlite_database.ask(lambda db: db.execute(entries).mappings().one())
        assert entry["action"] == "command.start"
        assert entry["about"] == f"charger {it.one}"
        assert (entry["actor_id"], entry["subject_id"]) == (
            it.people.olga.subject_id,
            it.people.dana.subject_id,
        )
        assert entry["details"] == {"charger": "CP1", "card": "DA…-1", "command": start}
        assert "id_tag" not in (await it.shown(start)).parameters
        [latest] = await sqlite_database.ask(queries.latest, it.one, 5)
        assert (latest.id, latest.asked_by) == (start, "Olga Operator")


async def test_c16_each_step_is_announced(sqlite_database):
    """C16: pages follow by what is told about the charger."""
    async with ready(sqlite_database) as (it, _):
        told: list[Any] = []
        it.server.live.listen(Topic.COMMANDS, lambda one: told.append(one.values), about=it.one)
        trigger = await it.commands.ask(it.people.olga, it.one, "trigger", message="Heartbeat")
        await it.until(trigger, "done")
        assert [values for values in told if values] == [{"command": trigger}] * 3


async def test_c16_with_several_processes_the_one_that_has_the_charger_sends_it_once(postgres_database):
    """C16: asked for in one process, sent by another; who has no charger waits until it counts as offline."""
    url = postgres_database.url
    other = Database(url)
    try:
        async with (
            yard(postgres_database) as it,
            ocpp_server(other, call_timeout=1) as there,
            running(there),
            running(there),  # as eager as a third process with the same charger could be
            ChargePoint(there.url, "CP1", connectors=2) as point,
        ):
            await point.boot_up()
            start = await it.commands.ask(it.people.dana, it.one, "start")
            assert (await it.until(start, "done")).session_id is not None
            assert asked(point) == ["RemoteStartTransaction"]
            it.commands.patience = HASTE
            nobody = await it.commands.ask(it.people.olga, it.two, "reset")
            assert (await it.until(nobody, "failed")).outcome == "offline"
    finally:
        other.close()
