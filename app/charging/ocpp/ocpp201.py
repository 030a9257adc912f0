"""OCPP 2.0.1: a charger's requests ↔ calls of the domain, tolerant in and strict out (C6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, cast

from app.charging.metering.device_time import read
from app.charging.ocpp.desk import NO_ROOM, Desk
from app.charging.ocpp.frames import Payload, Refusal
from app.charging.ocpp.ocpp16 import timestamp, whole, written
from app.charging.ocpp.tolerance import Message, clean, is_number, word
from app.charging.ocpp.vocabulary import CONTEXTS, LOCATIONS, MEASURANDS, PHASES, STOP_REASONS_201, UNITS
from app.charging.reports import REGISTER, Boot, Place, Sample, Status, TransactionEvent, Values
from app.logs import masked
from data.types import Authorization

Handler = Callable[[Desk, Message, datetime], Awaitable[Payload]]

LARGEST_MULTIPLIER = 12
"""Power of ten beyond which a multiplier is taken for nonsense."""
LARGEST_EXPONENT = 30
"""Of a value that is scaled; the meter drops what is far smaller already (M16)."""


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
    tag = _tag(message)
    if tag is None:
        return _token_info(Authorization.INVALID)
    tag_status = await desk.sessions.authorize(desk.charger_id, tag)
    desk.answered(tag, tag_status)
    return _token_info(tag_status)


async def _event(desk: Desk, message: Message, received_at: datetime) -> Payload:
    found = event(message, received_at, desk.zone)
    if found is None:
        # Nothing says which session this is about: kept whole for the operator, and done with, for
        # a refusal would only bring it back.
        reason = "no transactionId or eventType"
        message.notes.append(reason)
        await desk.presence.quarantine(desk.charger_id, "TransactionEvent", whole(message.payload), reason)
        return {}
    found = replace(found, connected_at=desk.connected_at)
    if not await desk.has_room(message, found.place):
        # A refusal would lose the energy: the session is kept with the charger itself.
        if found.type == "Started":
            await desk.presence.quarantine(
                desk.charger_id, "TransactionEvent", whole(message.payload), NO_ROOM
            )
        found = replace(found, place=None)
    tag_status = await desk.sessions.event(desk.charger_id, found)
    if found.type != "Updated":
        what = "began" if found.type == "Started" else "ended"
        desk.told(what, masked(found.transaction_id), found.id_tag)
    if tag_status is None or found.id_tag is None:
        return {}
    desk.answered(found.id_tag, tag_status)
    return _token_info(tag_status)


async def _values(desk: Desk, message: Message, received_at: datetime) -> Payload:
    found = values(message, received_at, desk.zone)
    await desk.has_room(message, found.place)
    if found.samples:
        await desk.sessions.values(desk.charger_id, found)
    return {}


def _says(answer: Payload) -> Handler:
    """Answered, and no more."""

    async def say(desk: Desk, message: Message, received_at: datetime) -> Payload:
        return answer

    return say


def _kept(action: str) -> Handler:
    """Kept, the newest of its kind, and answered."""

    async def keep(desk: Desk, message: Message, received_at: datetime) -> Payload:
        await desk.presence.report(desk.charger_id, action, whole(message.payload), received_at)
        return {}

    return keep


_HANDLERS: dict[str, Handler] = {
    "Authorize": _authorize,
    "BootNotification": _boot,
    "Heartbeat": _heartbeat,
    "MeterValues": _values,
    "StatusNotification": _status,
    "TransactionEvent": _event,
    "DataTransfer": _says({"status": "UnknownVendorId"}),
    "Get15118EVCertificate": _says({"status": "Failed", "exiResponse": ""}),
    "GetCertificateStatus": _says({"status": "Failed"}),
    "NotifyEVChargingNeeds": _says({"status": "Rejected"}),
    "NotifyEVChargingSchedule": _says({"status": "Accepted"}),
    "SignCertificate": _says({"status": "Rejected"}),
    # Of no use here, and the second may hold personal data: answered, not kept.
    "ClearedChargingLimit": _says({}),
    "NotifyCustomerInformation": _says({}),
    "NotifyDisplayMessages": _says({}),
    "ReportChargingProfiles": _says({}),
    **{
        action: _kept(action)
        for action in (
            "FirmwareStatusNotification",
            "LogStatusNotification",
            "NotifyChargingLimit",
            "NotifyEvent",
            "NotifyMonitoringReport",
            "NotifyReport",
            "PublishFirmwareStatusNotification",
            "ReservationStatusUpdate",
            "SecurityEventNotification",
        )
    },
}
_WHILE_PENDING = frozenset(["BootNotification", "Heartbeat", "StatusNotification"])
ACTIONS = frozenset(_HANDLERS)
"""All requests that are answered."""


def boot(message: Message, received_at: datetime) -> Boot:
    """What a BootNotification says (B01)."""
    station = message.part("chargingStation") or Message({}, message.notes)
    return Boot(
        received_at,
        vendor=station.text("vendorName", 50),
        model=station.text("model", 20),
        serial_number=station.text("serialNumber", 25),
        firmware=station.text("firmwareVersion", 50),
    )


def status(message: Message, received_at: datetime, zone: str) -> Status:
    """What a StatusNotification says (G01)."""
    raw = timestamp(message, "timestamp", required=False)
    evse = message.number("evseId") or 0
    return Status(
        Place(message.number("connectorId") or (1 if evse else 0), evse),
        message.status("connectorStatus"),
        read(raw, received_at, zone).at if raw is not None else None,
        received_at,
    )


def event(message: Message, received_at: datetime, zone: str) -> TransactionEvent | None:
    """What a TransactionEvent says (E01–E12); None if it does not say of which transaction, or what."""
    info = message.part("transactionInfo") or Message({}, message.notes)
    transaction_id = info.text("transactionId", 36, 64)
    kind = message.payload.get("eventType")
    if transaction_id is None or kind not in ("Started", "Updated", "Ended"):
        return None
    time = read(timestamp(message, "timestamp"), received_at, zone)
    found, flags = samples(message, received_at, zone)
    reason = info.text("stoppedReason", 20, 64)
    if reason is not None and reason not in STOP_REASONS_201:
        message.notes.append("stoppedReason is no word of the standard")
    return TransactionEvent(
        cast(Literal["Started", "Updated", "Ended"], kind),
        transaction_id,
        _seq_no(message),
        time.at,
        received_at,
        trigger_reason=message.text("triggerReason", 20, 64),
        offline=message.payload.get("offline") is True,
        place=_place(message),
        id_tag=_tag(message),
        samples=found,
        charging_state=info.text("chargingState", 20, 64),
        stopped_reason=reason,
        reservation_id=message.number("reservationId"),
        payload=whole(message.payload),
        flags=tuple(sorted({*time.flags, *flags})),
    )


def values(message: Message, received_at: datetime, zone: str) -> Values:
    """What a MeterValues says (J01): values outside of transactions."""
    found, flags = samples(message, received_at, zone)
    evse = message.number("evseId") or 0
    return Values(Place(1 if evse else 0, evse), received_at, found, flags=flags)


def samples(message: Message, received_at: datetime, zone: str) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    """The sampled values of a message, and what `device_time` had to say of their times."""
    found: list[Sample] = []
    flags: set[str] = set()
    notes = message.notes
    for meter_value in message.parts("meterValue"):
        inner = Message(meter_value, notes)
        time = read(timestamp(inner, "timestamp"), received_at, zone)
        flags.update(time.flags)
        for entry in inner.parts("sampledValue"):
            value, unit = _value(entry, notes)
            if value is None:
                continue  # the other values of the message are not lost with it (T58)
            found.append(
                Sample(
                    time.at,
                    value,
                    word(entry, "measurand", REGISTER, 64, MEASURANDS, notes),
                    unit,
                    word(entry, "context", "Sample.Periodic", 32, CONTEXTS, notes),
                    word(entry, "location", "Outlet", 16, LOCATIONS, notes),
                    word(entry, "phase", "", 16, PHASES, notes),
                )
            )
    return tuple(found), tuple(sorted(flags))


def _value(entry: Payload, notes: list[str]) -> tuple[str | None, str]:
    """Value as text, its multiplier applied, and its unit; (None, …) for what is no value at all."""
    value: Any = entry.get("value")
    if type(value) is str:
        notes.append("value is no number")
        value = clean(value)
    elif is_number(value):
        value = repr(value)
    else:
        notes.append("value is no number")
        value = None
    of = entry.get("unitOfMeasure")
    if type(of) is not dict:
        if of is not None:
            notes.append("unitOfMeasure is no object")
        return value, ""
    unit = word(of, "unit", "", 32, UNITS, notes)
    power = of.get("multiplier") or 0
    if value is not None and power != 0:
        if type(power) is not int or abs(power) > LARGEST_MULTIPLIER:
            notes.append("multiplier makes no sense")
            return None, unit
        value = _scaled(value, power)
    return value, unit


def _scaled(value: str, power: int) -> str:
    """*value* times ten to the *power*; a text that is no number stays as it is (M11)."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if not number.is_finite() or abs(number.adjusted()) > LARGEST_EXPONENT:
        return value  # nor is it written out with a million digits
    return format(number.scaleb(power), "f")


def _place(message: Message) -> Place | None:
    evse = message.part("evse")
    number = evse.number("id") if evse is not None else None
    if evse is None or not number:
        return None
    return Place(evse.number("connectorId") or 1, number)


def _seq_no(message: Message) -> int:
    number = message.number("seqNo")
    if number is None:
        message.notes.append("no seqNo")
    return number or 0


def _tag(message: Message) -> str | None:
    """The id token's text; None for NoAuthorization, which has none."""
    token = message.part("idToken")
    if token is None:
        # Some chargers send the text itself where the object should be.
        return message.text("idToken", 0) if type(message.payload.get("idToken")) is str else None
    return token.text("idToken", 36)


def _token_info(status: Authorization) -> Payload:
    return {"idTokenInfo": {"status": status.value}}
