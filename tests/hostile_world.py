"""A world with a row of each kind that has texts, and a charger that says hostile things (T41)."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import websockets
from sqlalchemy import insert, select, update

from app.access import sign_in_rows
from app.access.lifetimes import Lifetime
from app.access.sign_in_rows import Arrival
from app.access.tokens import hashed
from app.simulation.charge_point import ChargePoint
from data.database import Change
from data.models import (
    Account,
    AuditEntry,
    Charge,
    Charger,
    ChargerCommand,
    ChargerGroup,
    ChargerReport,
    ChargingSession,
    Connector,
    GroupAccount,
    GroupCharger,
    Identity,
    MeterSample,
    Plan,
    QuarantinedMessage,
    SessionCorrection,
    Site,
    TransactionEvent,
)
from data.types import Admission, CommandState, ConnectorStatus, HowSignedIn, Role
from tests import hostile, world
from tests.browser.test_look import rich

DAY = timedelta(days=1)
LIVE = "LIVE-1"
"""The identity of the charger that connects."""
ALL = " ".join(hostile.PAYLOADS)
REPORTS = ("FirmwareStatusNotification", "DiagnosticsStatusNotification", "SecurityEventNotification")
COMMANDS = {
    "start": {"id_tag": "x"},
    "stop": {},
    "unlock": {},
    "reset": {"at_once": True},
    "change_availability": {"operative": True},
    "trigger": {"message": "x"},
    "get_configuration": {"keys": ["x"]},
    "set_configuration": {"key": "x", "value": "x"},
}
"""Each kind with the parameters that it has."""


def build(change: Change) -> dict[str, tuple[int, ...]]:
    """Fill the database and plant hostile texts everywhere; ids of what has pages of its own."""
    rich(change)
    driver = change.execute(select(Account.id).where(Account.name == "Dana Driver")).scalar_one()
    operator = world.add_account(change, "Olga Operator", Role.OPERATOR)
    for number in range(20):
        world.add_account(change, f"N{number} Driver", Role.DRIVER)
    invited = world.add_account(change, "Ivy Invited", Role.DRIVER, password_hash=None)
    arrival = Arrival(driver, HowSignedIn.PASSWORD, address="x", browser_name="x")
    token = hashed(secrets.token_urlsafe(32))
    now = datetime.now(UTC)
    sign_in_rows.arrive(change, arrival, now, lambda role: Lifetime(DAY, DAY), None, token)
    chargers = tuple(change.execute(select(Charger.id).order_by(Charger.id)).scalars())
    sessions = tuple(change.execute(select(ChargingSession.id).order_by(ChargingSession.id)).scalars())
    _of_chargers(change, chargers, sessions, driver, now)
    _of_sessions(change, sessions, driver, now)
    site = change.execute(select(Site.id).order_by(Site.id).limit(1)).scalar_one()
    told = {"last_seen_at": now, "version": "x", "browser": "x", "width": 1920, "height": 1080}
    displays = tuple(world.add_display(change, name, site=site, **told) for name in ("x", "y"))
    hostile.plant(change)
    for row in hostile.audit_rows(driver, operator):
        change.execute(insert(AuditEntry), row)
    plan = change.execute(select(Plan.id).order_by(Plan.id).limit(1)).scalar_one()
    live = world.add_charger(change, LIVE, site=site, name=ALL[:200])
    for session, number in ((sessions[0], 0), (sessions[1], 0), (sessions[1], 1)):
        row = {
            "key": f"{session}:{number}",
            "session_id": session,
            "account_id": driver,
            "plan_id": plan,
            "revision": number,
            "energy_wh": 7_000,
            "amount": 196,
            "currency": "EUR",
            "reason": ALL,
            "details": {ALL: ALL},
            "created_at": now,
        }
        change.execute(insert(Charge), row)
    return {
        "plan": (plan,),
        "driver": (driver,),
        "invited": (invited,),
        "operator": (operator,),
        "charger": (chargers[0], live),
        "session": (sessions[0], sessions[1], sessions[-1]),
        "site": (site,),
        "display": displays,
    }


def _of_chargers(
    change: Change, chargers: tuple[int, ...], sessions: tuple[int, ...], driver: int, now: datetime
) -> None:
    for number, charger in enumerate(chargers[:2]):
        for action in (
            "FirmwareStatusNotification",
            "DiagnosticsStatusNotification",
            "SecurityEventNotification",
        ):
            report = {"charger_id": charger, "action": action, "payload": {"status": "x"}, "received_at": now}
            change.execute(insert(ChargerReport), report)
            message = {"charger_id": charger, "action": "x", "payload": {"a": {"b": ["x"]}}, "reason": "x"}
            times = {"received_at": now, "last_received_at": now, "digest": action, "session_id": sessions[0]}
            change.execute(insert(QuarantinedMessage), {**message, **times})
        for kind, parameters in COMMANDS.items():
            entries = [{"key": "x", "value": "x", "read_only": False}]
            row = {
                "charger_id": charger,
                "kind": kind,
                "parameters": parameters,
                "state": CommandState.DONE,
                "said": "x",
                "answer": {"entries": entries, "unknown": ["x"]} if "configuration" in kind else {},
                "asked_by": "x",
                "requested_at": now - timedelta(minutes=3),
                "deadline": now - timedelta(minutes=2),
                "answered_at": now - timedelta(minutes=2),
                "finished_at": now - timedelta(minutes=2),
            }
            change.execute(insert(ChargerCommand), row)
        world.add_sighting(change, f"SEEN {number}", charger, now)
    group = world.key(change.execute(insert(ChargerGroup), {"name": "x"}))
    change.execute(insert(GroupCharger), {"group_id": group, "charger_id": chargers[0]})
    change.execute(insert(GroupAccount), {"group_id": group, "account_id": driver})
    pending = update(Charger).where(Charger.id == chargers[-1]).values(admission=Admission.PENDING)
    change.execute(pending)
    faulted = {"status": ConnectorStatus.FAULTED, "error_code": "x", "info": "x"}
    change.execute(update(Connector).where(Connector.charger_id.in_(chargers[1:3])).values(**faulted))
    change.execute(
        update(Charger).values(
            protocol="ocpp1.6", vendor="x", model="x", serial_number="x", firmware="x", booted_at=now
        )
    )


def _of_sessions(change: Change, sessions: tuple[int, ...], driver: int, now: datetime) -> None:
    for session in sessions[:2]:
        values = {"energy_wh": 1, "account_id": driver}
        row = {"session_id": session, "at": now, "by": "x", "reason": "x", "before": values, "after": values}
        change.execute(insert(SessionCorrection), row)
        event = {"session_id": session, "seq_no": 0, "event_type": "Started", "trigger_reason": "x"}
        change.execute(insert(TransactionEvent), {**event, "at": now, "received_at": now})
        connector = select(ChargingSession.connector_id).where(ChargingSession.id == session)
        sample = {"session_id": session, "connector_id": change.execute(connector).scalar_one(), "at": now}
        change.execute(insert(MeterSample), {**sample, "received_at": now, "measurand": "x", "value": "x"})
    of_nobody = update(ChargingSession).where(ChargingSession.id.in_(sessions[2:4]))
    change.execute(of_nobody.values(account_id=None, mapping_id=None))
    told = {"flags": ["x"], "stop_reason": "x"}
    change.execute(update(ChargingSession).where(ChargingSession.id.in_(sessions[:2])).values(**told))
    person = {"account_id": driver, "provider": "x", "issuer": "x", "subject": "x", "email": "x"}
    change.execute(insert(Identity), {**person, "created_at": now, "last_used_at": now})


def talk(url: str) -> None:
    """Let a charger say hostile things to the portal at *url* (``ws://…/ocpp``), and others knock."""
    asyncio.run(_talk(url))


async def _talk(url: str) -> None:
    for payload in (hostile.PAYLOADS[0], hostile.PAYLOADS[1], "UNKNOWN-1"):
        try:
            async with websockets.connect(f"{url}/{quote(payload, safe='')}", proxy=None):
                raise AssertionError(f"{payload} was let in")
        except websockets.exceptions.InvalidStatus:
            pass
    one, two, three = (payload[:20] for payload in hostile.PAYLOADS[:3])
    async with ChargePoint(url, LIVE, vendor=one, model=two, serial_number=three, firmware=one) as point:
        await point.boot()
        await point.status(1, "Faulted", "OtherError", info=hostile.PAYLOADS[1][:50])
        await point.authorize(one)
        for payload in hostile.PAYLOADS:
            data = {"vendorId": payload[:255], "messageId": payload[:50], "data": payload}
            await point.call("DataTransfer", data)
        await point.start(1, one, 1_000)
        await point.meter_values(1, 2_000)
    async with websockets.connect(f"{url}/{LIVE}", subprotocols=["ocpp1.6"], proxy=None) as raw:
        for payload in hostile.PAYLOADS[:3]:
            for frame in (payload, json.dumps([2, payload, payload, {payload: payload}])):
                await raw.send(frame)
        await raw.send(json.dumps([2, "last", "Heartbeat", {}]))
        async for answer in raw:
            if json.loads(answer)[1] == "last":
                break
