"""Every request that a charger may send, in both versions, over real sockets: answered as the official
schemas say, and stored where it is of use.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select, text

from app import clock
from app.charging.ocpp import ocpp16, ocpp201, schemas
from app.simulation.charge_point import ChargePoint, Refused
from data.database import Database
from data.models import Charger, ChargerReport, ChargingSession, Connector, MeterSample, QuarantinedMessage
from data.types import Authorization
from tests.ocpp_server import OcppServer, ocpp_server
from tests.waiting import PATIENCE, until
from tests.world import add_charger, add_driver, add_site

OFFICIAL_16 = """
    Authorize BootNotification DataTransfer DiagnosticsStatusNotification FirmwareStatusNotification
    Heartbeat MeterValues StartTransaction StatusNotification StopTransaction LogStatusNotification
    SecurityEventNotification SignCertificate SignedFirmwareStatusNotification
"""
OFFICIAL_201 = """
    Authorize BootNotification ClearedChargingLimit DataTransfer FirmwareStatusNotification
    Get15118EVCertificate GetCertificateStatus Heartbeat LogStatusNotification MeterValues
    NotifyChargingLimit NotifyCustomerInformation NotifyDisplayMessages NotifyEVChargingNeeds
    NotifyEVChargingSchedule NotifyEvent NotifyMonitoringReport NotifyReport
    PublishFirmwareStatusNotification ReportChargingProfiles ReservationStatusUpdate
    SecurityEventNotification SignCertificate StatusNotification TransactionEvent
"""


@pytest.fixture
async def server(sqlite_database: Database) -> AsyncIterator[OcppServer]:
    def fill(change):
        add_charger(change, "CP1", site=add_site(change))
        add_driver(change, tag="TAG")

    sqlite_database.change_now(fill)
    async with ocpp_server(sqlite_database, call_timeout=1) as server:
        yield server


def example(schema: dict[str, Any], whole: bool, root: dict[str, Any] | None = None) -> Any:
    """A payload as *schema* says: only what is required, or *whole*."""
    root = root or schema
    if "$ref" in schema:
        return example(root["definitions"][schema["$ref"].split("/")[-1]], whole, root)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            names = schema.get("properties", {}) if whole else schema.get("required", [])
            return {
                name: example(schema["properties"][name], whole, root)
                for name in names
                if name != "customData"
            }
        case "array":
            return [example(schema["items"], whole, root)]
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "number":
            return 1.5
        case "boolean":
            return True
        case _:
            if schema.get("format") == "date-time":
                return "2026-11-22T12:00:00Z"
            return "X"[: schema.get("maxLength", 1)]


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_c6_every_official_request_is_answered_as_the_schema_says(server, version):
    """With what is required alone, and with everything that is allowed."""
    async with ChargePoint(server.url, "CP1", protocol=version) as point:
        for action in (OFFICIAL_16 if version == "ocpp1.6" else OFFICIAL_201).split():
            name = action if version == "ocpp1.6" else f"{action}Request"
            path = schemas._folder(version) / f"{name}.json"
            schema = orjson.loads(path.read_text(encoding="utf-8-sig"))
            for whole in (False, True):
                payload = example(schema, whole)
                schemas.check_request(version, action, payload)
                schemas.check_answer(version, action, await point.call(action, payload))


def test_the_actions_that_are_answered_are_all_that_a_charger_may_send():
    assert set(OFFICIAL_16.split()) == ocpp16.ACTIONS
    assert set(OFFICIAL_201.split()) == ocpp201.ACTIONS


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_c5_an_unknown_action_is_not_implemented(server, version):
    async with ChargePoint(server.url, "CP1", protocol=version) as point:
        for action in ("Nonsense", "RemoteStartTransaction", "heartbeat"):
            with pytest.raises(Refused) as refused:
                await point.call(action, {})
            assert refused.value.code == "NotImplemented"


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_charge_from_boot_to_stop_is_in_the_database(server, version):
    db = server.database
    async with ChargePoint(server.url, "CP1", protocol=version, vendor="Acme", firmware="7.1") as point:
        await point.boot_up()
        row = await db.ask(
            lambda c: c.execute(select(Charger.vendor, Charger.firmware, Charger.protocol)).one()
        )
        assert tuple(row) == ("Acme", "7.1", version)
        assert await point.authorize("TAG")
        await point.start(1, "TAG", 1_000)
        await point.status(1, "Charging")
        await point.meter_values(1, 1_500, power_w=11_000, soc=40)
        rows = await db.ask(lambda c: c.execute(select(MeterSample.measurand, MeterSample.value)).all())
        assert {tuple(row) for row in rows} >= {("Power.Active.Import", "11000"), ("SoC", "40")}
        await point.stop(1, 2_250)
    row = await db.ask(
        lambda c: c.execute(
            select(
                ChargingSession.energy_wh,
                ChargingSession.ended_at,
                ChargingSession.authorization,
                ChargingSession.stop_reason,
            )
        ).one()
    )
    assert row.energy_wh == 1_250
    assert row.ended_at is not None
    assert (row.authorization, row.stop_reason) == (Authorization.ACCEPTED, "Local")
    statuses = await db.ask(
        lambda c: c.execute(select(Connector.status).where(Connector.number == 1)).scalars().all()
    )
    assert {"Charging", "Occupied"} & set(statuses)


async def test_a_report_is_kept_the_newest_of_its_kind(server):
    async with ChargePoint(server.url, "CP1") as point:
        await point.call("FirmwareStatusNotification", {"status": "Downloading"})
        await point.call("FirmwareStatusNotification", {"status": "Installed"})
    rows = await server.database.ask(
        lambda c: c.execute(select(ChargerReport.action, ChargerReport.payload)).all()
    )
    assert [tuple(row) for row in rows] == [("FirmwareStatusNotification", {"status": "Installed"})]


async def test_c11_an_event_that_names_no_transaction_is_kept_whole_and_not_refused(server):
    async with ChargePoint(server.url, "CP1", protocol="ocpp2.0.1") as point:
        assert await point.call("TransactionEvent", {"eventType": "Ended", "seqNo": 4}) == {}
    payloads = await server.database.ask(
        lambda c: c.execute(select(QuarantinedMessage.payload)).scalars().all()
    )
    assert payloads == [{"eventType": "Ended", "seqNo": 4}]


async def test_c6_deviations_are_counted_and_logged_once(server, caplog):
    async with ChargePoint(server.url, "CP1") as point:
        for number in range(3):
            await point.start(1, "X" * 21, 10.5 + number)
            await point.stop(1, 100 + number, reason="Because")
    [charger_id] = await server.database.ask(lambda c: c.execute(select(Charger.id)).scalars().all())
    counted = server.endpoint.deviations(charger_id)
    assert counted["StartTransaction: meterStart is no integer"] == 3
    assert counted["StartTransaction: idTag is too long"] == 3
    assert counted["StopTransaction: reason is no word of the standard"] == 3
    assert len([r for r in caplog.records if "meterStart is no integer" in r.getMessage()]) == 1


async def test_c8_nothing_is_answered_before_it_is_committed(server):
    """Another process holds the database: the charger gets its answer when it lets go, not before."""
    async with ChargePoint(server.url, "CP1") as point:
        await point.boot_up()
        assert server.database.url.database is not None
        other = sqlite3.connect(server.database.url.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        starting = asyncio.create_task(point.start(1, "TAG", 0))
        await asyncio.sleep(0.3)
        assert not starting.done()
        other.execute("ROLLBACK")
        transaction = await asyncio.wait_for(starting, PATIENCE)
        rows = other.execute("SELECT id FROM sessions").fetchall()
        other.close()
    assert rows == [(transaction,)]


async def test_c8_what_could_not_be_committed_is_an_error_that_the_charger_repeats(server, caplog):
    """The write fails; the charger, told so, repeats, and nothing is lost."""
    await server.database.change(
        lambda change: change.execute(
            text("CREATE TRIGGER no BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
    )
    async with ChargePoint(server.url, "CP1") as point:
        payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": point.time()}
        with pytest.raises(Refused) as refused:
            await point.call("StartTransaction", payload)
        assert refused.value.code == "InternalError"
        assert "full" not in str(refused.value)
        await server.database.change(lambda change: change.execute(text("DROP TRIGGER no")))
        assert (await point.call("StartTransaction", payload))["transactionId"] > 0


async def test_c9_a_start_repeated_on_a_new_connection_is_the_same_session(server):
    """The charger comes back while the first one is still being written."""
    assert server.database.url.database is not None
    old, new = ChargePoint(server.url, "CP1"), ChargePoint(server.url, "CP1")
    await old.connect()
    await old.boot_up()
    other = sqlite3.connect(server.database.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    first = asyncio.create_task(old.start(1, "TAG", 0, at="2026-11-22T11:00:00Z"))
    await asyncio.sleep(0.1)
    connecting = asyncio.create_task(new.connect())
    await asyncio.sleep(0.1)
    other.execute("ROLLBACK")
    other.close()
    await connecting
    again = await new.start(1, "TAG", 0, at="2026-11-22T11:00:00Z")
    await asyncio.wait([first])
    ids = await server.database.ask(lambda c: c.execute(select(ChargingSession.id)).scalars().all())
    assert ids == [again]
    await old.close()
    await new.close()


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_simulated_charger_queues_while_offline_and_replays(server, version):
    begun = clock.now() - timedelta(minutes=10)
    minutes = [begun + timedelta(minutes=minute) for minute in range(5)]
    async with ChargePoint(server.url, "CP1", protocol=version) as point:
        await point.boot_up()
        await point.start(1, "TAG", 100, at=minutes[0])
        await point.disconnect(abruptly=True)
        await point.meter_values(1, 200, at=minutes[1])
        await point.stop(1, 300, at=minutes[2])
        await point.start(1, "TAG", 300, at=minutes[3])
        await point.stop(1, 450, at=minutes[4])
        assert point.backlog == 4
        await point.connect()
        await point.boot_up()
        assert point.backlog == 0
    rows = await server.database.ask(
        lambda c: c.execute(select(ChargingSession.energy_wh, ChargingSession.ended_at)).all()
    )
    assert sorted(row.energy_wh for row in rows) == [150, 200]
    assert all(row.ended_at is not None for row in rows)


async def test_a_persistent_charger_comes_back_by_itself(server):
    async with ChargePoint(server.url, "CP1", persistent=True) as point:
        await point.boot_up()
        [charger_id] = server.endpoint.connected()
        server.endpoint.hang_up(charger_id)
        await until(lambda: charger_id not in server.endpoint.connected() or not point.online)
        await until(lambda: server.endpoint.connected() and point.online)
        await point.heartbeat()
