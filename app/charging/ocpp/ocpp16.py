"""OCPP 1.6: a charger's requests ↔ calls of the domain, tolerant in and strict out (C6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from app.charging.metering.device_time import read
from app.charging.ocpp.desk import NO_ROOM, Desk
from app.charging.ocpp.frames import Payload, Refusal, is_shallow
from app.charging.ocpp.tolerance import Message, clean, is_number, word
from app.charging.ocpp.vocabulary import (
    CONTEXTS,
    FORMATS,
    LOCATIONS,
    MEASURANDS,
    PHASES,
    STOP_REASONS_16,
    UNITS,
)
from app.charging.reports import CHARGER, REGISTER, Boot, Place, Sample, Start, Status, Stop, Values
from data.types import Authorization

Handler = Callable[[Desk, Message, datetime], Awaitable[Payload]]


async def answer(desk: Desk, action: str, message: Message, received_at: datetime) -> Payload:
    """The answer to *action*, after what it says is committed (C8). Raises `Refusal`."""
    handler = _HANDLERS.get(action)
    if handler is None:
        raise Refusal("NotImplemented", "this action is not known here")
    if desk.pending and action not in _WHILE_PENDING:
        raise Refusal("SecurityError", "this charger waits to be accepted by the operator")
    return await handler(desk, message, received_at)


async def _boot(desk: Desk, message: Message, received_at: datetime) -> Payload:
    await desk.presence.boot(desk.charger_id, boot(message, received_at))
    return {
        "status": "Pending" if desk.pending else "Accepted",
        "currentTime": written(received_at),
        "interval": desk.heartbeat_interval,
    }


async def _heartbeat(desk: Desk, message: Message, received_at: datetime) -> Payload:
    return {"currentTime": written(received_at)}


async def _status(desk: Desk, message: Message, received_at: datetime) -> Payload:
    await desk.status(message, status(message, received_at, desk.zone))
    return {}


async def _authorize(desk: Desk, message: Message, received_at: datetime) -> Payload:
    tag = message.text("idTag", 20)
    if tag is None:
        message.notes.append("no idTag")
        return _tag_info(Authorization.INVALID)
    tag_status = await desk.sessions.authorize(desk.charger_id, tag)
    desk.answered(tag, tag_status)
    return _tag_info(tag_status)


async def _start(desk: Desk, message: Message, received_at: datetime) -> Payload:
    begun = replace(start(message, received_at, desk.zone), connected_at=desk.connected_at)
    room = await desk.has_room(message, begun.place)
    if not room:
        # A refusal would lose the energy: the session is kept with the charger itself.
        begun = replace(begun, place=CHARGER)
    started = await desk.sessions.start(desk.charger_id, begun)
    if not room:
        await desk.presence.quarantine(
            desk.charger_id, "StartTransaction", whole(message.payload), NO_ROOM, started.session_id
        )
    desk.told("began", started.session_id, begun.id_tag)
    desk.answered(begun.id_tag, started.authorization)
    return {"transactionId": started.session_id, **_tag_info(started.authorization)}


async def _values(desk: Desk, message: Message, received_at: datetime) -> Payload:
    found = values(message, received_at, desk.zone)
    if found.session_id is None:
        await desk.has_room(message, found.place)
    if found.samples:
        await desk.sessions.values(desk.charger_id, found)
    return {}


async def _stop(desk: Desk, message: Message, received_at: datetime) -> Payload:
    ended = stop(message, received_at, desk.zone)
    tag_status = await desk.sessions.stop(desk.charger_id, ended)
    desk.told("ended", ended.session_id, ended.id_tag)
    return {} if tag_status is None else _tag_info(tag_status)


async def _data_transfer(desk: Desk, message: Message, received_at: datetime) -> Payload:
    return {"status": "UnknownVendorId"}


async def _sign_certificate(desk: Desk, message: Message, received_at: datetime) -> Payload:
    return {"status": "Rejected"}


def _kept(action: str) -> Handler:
    async def keep(desk: Desk, message: Message, received_at: datetime) -> Payload:
        await desk.presence.report(desk.charger_id, action, whole(message.payload), received_at)
        return {}

    return keep


_HANDLERS: dict[str, Handler] = {
    "Authorize": _authorize,
    "BootNotification": _boot,
    "DataTransfer": _data_transfer,
    "Heartbeat": _heartbeat,
    "MeterValues": _values,
    "SignCertificate": _sign_certificate,
    "StartTransaction": _start,
    "StatusNotification": _status,
    "StopTransaction": _stop,
    **{
        action: _kept(action)
        for action in (
            "DiagnosticsStatusNotification",
            "FirmwareStatusNotification",
            "LogStatusNotification",
            "SecurityEventNotification",
            "SignedFirmwareStatusNotification",
        )
    },
}
_WHILE_PENDING = frozenset(["BootNotification", "Heartbeat", "StatusNotification"])
ACTIONS = frozenset(_HANDLERS)
"""All requests that are answered."""


def boot(message: Message, received_at: datetime) -> Boot:
    """What a BootNotification says (§6.3)."""
    return Boot(
        received_at,
        vendor=message.text("chargePointVendor", 20),
        model=message.text("chargePointModel", 20),
        serial_number=message.text("chargePointSerialNumber", 25)
        or message.text("chargeBoxSerialNumber", 25),
        firmware=message.text("firmwareVersion", 50),
    )


def status(message: Message, received_at: datetime, zone: str) -> Status:
    """What a StatusNotification says (§6.47)."""
    raw = timestamp(message, "timestamp", required=False)
    error = message.text("errorCode", 50, 64)
    info = [message.text("info", 50), message.text("vendorErrorCode", 50)]
    return Status(
        Place(message.number("connectorId") or 0),
        message.status("status"),
        read(raw, received_at, zone).at if raw is not None else None,
        received_at,
        error_code=None if error == "NoError" else error,
        info=" · ".join(part for part in info if part)[:255] or None,
    )


def start(message: Message, received_at: datetime, zone: str) -> Start:
    """What a StartTransaction says (§6.45)."""
    time = read(timestamp(message, "timestamp"), received_at, zone)
    number = message.number("connectorId")
    if not number:
        message.notes.append("no connectorId")
    return Start(
        Place(number or 1),  # it must be somewhere, and most chargers have one
        message.text("idTag", 20) or "",
        time.at,
        received_at,
        message.register("meterStart"),
        reservation_id=message.number("reservationId"),
        flags=tuple(time.flags),
    )


def values(message: Message, received_at: datetime, zone: str) -> Values:
    """What a MeterValues says (§6.31)."""
    found, flags = samples(message, "meterValue", received_at, zone)
    place = Place(message.number("connectorId") or 0)
    return Values(place, received_at, found, session_id=_transaction(message), flags=flags)


def stop(message: Message, received_at: datetime, zone: str) -> Stop:
    """What a StopTransaction says (§6.49)."""
    time = read(timestamp(message, "timestamp"), received_at, zone)
    found, flags = samples(message, "transactionData", received_at, zone)
    reason = message.text("reason", 20, 64)
    if reason is not None and reason not in STOP_REASONS_16:
        message.notes.append("reason is no word of the standard")
    return Stop(
        time.at,
        received_at,
        message.register("meterStop"),
        session_id=_transaction(message),
        id_tag=message.text("idTag", 20),
        reason=reason,
        samples=found,
        payload=whole(message.payload),
        flags=tuple(sorted({*time.flags, *flags})),
    )


def samples(
    message: Message, key: str, received_at: datetime, zone: str
) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """The sampled values under *key* (§7.33, §7.43), and what `device_time` had to say of their times."""
    found: list[Sample] = []
    flags: set[str] = set()
    notes = message.notes
    for meter_value in message.parts(key):
        inner = Message(meter_value, notes)
        time = read(timestamp(inner, "timestamp"), received_at, zone)
        flags.update(time.flags)
        for entry in inner.parts("sampledValue"):
            value = entry.get("value")
            if type(value) is not str:
                notes.append("value is no text")
                if not is_number(value):
                    continue  # the other values of the message are not lost with it (T58)
                value = str(value)
            found.append(
                Sample(
                    time.at,
                    clean(value),
                    word(entry, "measurand", REGISTER, 64, MEASURANDS, notes),
                    word(entry, "unit", "", 32, UNITS, notes),
                    word(entry, "context", "Sample.Periodic", 32, CONTEXTS, notes),
                    word(entry, "location", "Outlet", 16, LOCATIONS, notes),
                    word(entry, "phase", "", 16, PHASES, notes),
                    word(entry, "format", "Raw", 16, FORMATS, notes),
                )
            )
    return tuple(found), tuple(sorted(flags))


def timestamp(message: Message, key: str, *, required: bool = True) -> str | None:
    """The text of a moment, for `device_time.read`."""
    value = message.payload.get(key)
    if type(value) is str:
        return value[:64]
    if value is not None or required:
        message.notes.append(f"no {key}")
    return None


def whole(payload: Payload) -> Payload:
    """*payload* as it can be kept: what nests too deep is left out."""
    return payload if is_shallow(payload) else {"left out": "nested too deep"}


def written(moment: datetime) -> str:
    """*moment* as OCPP writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _transaction(message: Message) -> int | None:
    """The transaction id, ours from StartTransaction; 0 and below are what chargers say for none."""
    number = message.integer("transactionId")
    return number if number is not None and number > 0 else None


def _tag_info(status: Authorization) -> Payload:
    return {"idTagInfo": {"status": status.value}}
