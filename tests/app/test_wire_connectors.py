"""A charger names connectors as it likes; there is an end to them, and no energy is lost by it (C5, T49)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import func, select

from app.charging.reports import CONNECTORS_AT_MOST
from app.simulation.charge_point import ChargePoint
from data.database import Database
from data.models import ChargingSession, Connector, QuarantinedMessage
from data.types import Admission, ConnectorStatus
from tests.ocpp_server import OcppServer, ocpp_server
from tests.world import add_charger, add_site

NO_ROOM = f"more than {CONNECTORS_AT_MOST} connectors"
T = "2026-11-22T12:0{}:00Z"


@pytest.fixture
async def server(database: Database) -> AsyncIterator[OcppServer]:
    def fill(change):
        site = add_site(change)
        add_charger(change, "OPEN", site=site, connectors=2)
        add_charger(change, "NEW", site=site, connectors=1, admission=Admission.PENDING)

    database.change_now(fill)
    async with ocpp_server(database) as server:
        yield server


async def plugs(server: OcppServer) -> int:
    return await server.database.ask(
        lambda db: db.scalar(select(func.count(Connector.id)).where(Connector.number > 0)) or 0
    )


async def rows(server: OcppServer, table: type[Any]) -> list[Any]:
    return await server.database.ask(lambda db: list(db.execute(select(table.__table__))))


async def fill_up(point: ChargePoint) -> None:
    for number in range(1, CONNECTORS_AT_MOST + 40):
        payload = {"connectorId": number * 7, "errorCode": "NoError", "status": "Available"}
        if point.subprotocol == "ocpp2.0.1":
            payload = {
                "timestamp": T.format(0),
                "connectorStatus": "Available",
                "evseId": number % 50,
                "connectorId": number,
            }
        assert await point.call("StatusNotification", payload) == {}


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_c5_a_charger_has_no_more_connectors_than_a_charger_can_have(server, version):
    """Each is a row that every dashboard would read; the messages are answered, and counted."""
    async with ChargePoint(server.url, "OPEN", protocol=version) as point:
        await fill_up(point)
        [charger] = server.endpoint.connected()
        assert await plugs(server) == CONNECTORS_AT_MOST + 1  # and that of the other charger
        assert server.endpoint.deviations(charger)[f"StatusNotification: {NO_ROOM}"] >= 38
        # The ones that are there go on.
        payload = {"connectorId": 7, "errorCode": "NoError", "status": "Charging"}
        if version == "ocpp2.0.1":
            payload = {
                "timestamp": T.format(1),
                "connectorStatus": "Occupied",
                "evseId": 1,
                "connectorId": 1,
            }
        await point.call("StatusNotification", payload)
    expected = ConnectorStatus.CHARGING if version == "ocpp1.6" else ConnectorStatus.OCCUPIED
    assert [row.status for row in await rows(server, Connector)].count(expected) == 1


async def test_c5_c6_a_start_beyond_them_loses_no_energy(server):
    """1.6: kept with the charger itself, its message whole in quarantine; the same answer twice (C9)."""
    start = {"connectorId": 9_999, "idTag": "A", "meterStart": 1_000, "timestamp": T.format(0)}
    stop = {"meterStop": 8_500, "timestamp": T.format(9)}
    async with ChargePoint(server.url, "OPEN") as point:
        await fill_up(point)
        answer = await point.call("StartTransaction", start)
        assert await point.call("StartTransaction", start) == answer
        transaction = answer["transactionId"]
        value = {"timestamp": T.format(5), "sampledValue": [{"value": "5000"}]}
        values = {"connectorId": 9_999, "transactionId": transaction, "meterValue": [value]}
        assert await point.call("MeterValues", values) == {}
        assert await point.call("MeterValues", {"connectorId": 9_999, "meterValue": [value]}) == {}
        await point.call("StopTransaction", {"transactionId": transaction, **stop})
    [session] = await rows(server, ChargingSession)
    assert (session.id, session.energy_wh, session.ended_at is not None) == (transaction, 7_500, True)
    [kept] = await rows(server, QuarantinedMessage)
    assert (kept.action, kept.payload, kept.times) == ("StartTransaction", start, 2)
    assert (kept.reason, kept.session_id) == (NO_ROOM, transaction)
    assert await plugs(server) == CONNECTORS_AT_MOST + 1


async def test_c5_c14_a_transaction_beyond_them_loses_no_energy(server):
    """2.0.1: the same."""

    def event(number: int, kind: str, value: int) -> dict[str, Any]:
        return {
            "eventType": kind,
            "timestamp": T.format(number),
            "triggerReason": "Authorized",
            "seqNo": number,
            "transactionInfo": {"transactionId": "TX"},
            "evse": {"id": 4_711, "connectorId": 1},
            "meterValue": [{"timestamp": T.format(number), "sampledValue": [{"value": value}]}],
        }

    async with ChargePoint(server.url, "OPEN", protocol="ocpp2.0.1") as point:
        await fill_up(point)
        for number, (kind, value) in enumerate((("Started", 100), ("Updated", 900), ("Ended", 2_600))):
            await point.call("TransactionEvent", event(number, kind, value))
    [session] = await rows(server, ChargingSession)
    assert (session.energy_wh, session.ended_at is not None) == (2_500, True)
    [kept] = await rows(server, QuarantinedMessage)
    assert (kept.reason, kept.payload) == (NO_ROOM, event(0, "Started", 100))
    assert await plugs(server) == CONNECTORS_AT_MOST + 1


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_t49_a_charger_that_waits_to_be_accepted_makes_no_connectors(server, version):
    """What an operator has entered shows its status all the same."""
    async with ChargePoint(server.url, "NEW", protocol=version) as point:
        began = time.monotonic()
        await fill_up(point)
        await point.status(1, "Faulted")
        assert time.monotonic() - began < 10
        [charger] = server.endpoint.connected()
        assert NO_ROOM not in str(server.endpoint.deviations(charger))
    assert await plugs(server) == 3
    if version == "ocpp1.6":
        assert ConnectorStatus.FAULTED in [row.status for row in await rows(server, Connector)]
