"""What can be asked of a charger: typed functions, the same for OCPP 1.6 and 2.0.1 (C7, C16).

*Accepted* means that the charger will try, not that it has happened: a transaction that was asked
for is there when the charger reports it. None of these raises for what a charger or a connection
does; the `Result` says it.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from app.charging.ocpp.endpoint import Endpoint
from app.charging.ocpp.frames import Payload
from app.charging.ocpp.line import CallRefused, NoAnswer, Offline
from app.charging.ocpp.ocpp16 import written
from app.charging.ocpp.schemas import AgainstSchema
from app.charging.reports import Place


class Outcome(StrEnum):
    """What became of a request; each has its own sentence on the page (C16)."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    """Accepted, to be done when the charge that is going on has ended."""
    REBOOT_REQUIRED = "reboot_required"
    """Accepted, in effect after the next restart."""
    REJECTED = "rejected"
    OCCUPIED = "occupied"
    FAULTED = "faulted"
    UNAVAILABLE = "unavailable"
    NOT_SUPPORTED = "not_supported"
    """The charger can't do this, or does not know the key, the connector or the message."""
    CHARGING = "charging"
    """Refused because of a charge that is going on (2.0.1 UnlockConnector)."""
    OFFLINE = "offline"
    NO_ANSWER = "no_answer"
    """Not in time. It may still do it; a late answer goes to ``late``."""
    FAILED = "failed"
    """The charger answered with an error, or with something that makes no sense."""
    UNSENDABLE = "unsendable"
    """OCPP can't say this, for instance a tag over 20 characters in 1.6: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a request."""

    outcome: Outcome
    said: str | None = None
    """The charger's word as it came, or what was wrong; for logs and operators."""

    @property
    def accepted(self) -> bool:
        """Whether the charger will do it, at once or later."""
        return self.outcome in (Outcome.ACCEPTED, Outcome.SCHEDULED, Outcome.REBOOT_REQUIRED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a charger's configuration. ``value`` is None where the charger keeps it to itself."""

    key: str
    value: str | None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a charger says of its configuration."""

    result: Result
    entries: tuple[Entry, ...] = ()
    unknown: tuple[str, ...] = ()


Late = Callable[[Result], Awaitable[None]]
"""What to do with an answer that comes after the time-out. It must not ask the same charger again."""

Message = Literal[
    "BootNotification", "FirmwareStatusNotification", "Heartbeat", "MeterValues", "StatusNotification"
]
"""What both versions can be asked to send."""

_OUTCOMES = {
    "Accepted": Outcome.ACCEPTED,
    "Unlocked": Outcome.ACCEPTED,
    "Scheduled": Outcome.SCHEDULED,
    "RebootRequired": Outcome.REBOOT_REQUIRED,
    "Rejected": Outcome.REJECTED,
    "UnlockFailed": Outcome.REJECTED,
    "Occupied": Outcome.OCCUPIED,
    "Faulted": Outcome.FAULTED,
    "Unavailable": Outcome.UNAVAILABLE,
    "NotSupported": Outcome.NOT_SUPPORTED,
    "NotImplemented": Outcome.NOT_SUPPORTED,
    "UnknownConnector": Outcome.NOT_SUPPORTED,
    "UnknownComponent": Outcome.NOT_SUPPORTED,
    "UnknownVariable": Outcome.NOT_SUPPORTED,
    "NotSupportedAttributeType": Outcome.NOT_SUPPORTED,
    "OngoingAuthorizedTransaction": Outcome.CHARGING,
}
_VARIABLES = {
    "HeartbeatInterval": ("OCPPCommCtrlr", "HeartbeatInterval"),
    "WebSocketPingInterval": ("OCPPCommCtrlr", "WebSocketPingInterval"),
    "MeterValueSampleInterval": ("SampledDataCtrlr", "TxUpdatedInterval"),
    "MeterValuesSampledData": ("SampledDataCtrlr", "TxUpdatedMeasurands"),
    "ClockAlignedDataInterval": ("AlignedDataCtrlr", "Interval"),
    "MeterValuesAlignedData": ("AlignedDataCtrlr", "Measurands"),
    "ConnectionTimeOut": ("TxCtrlr", "EVConnectionTimeOut"),
    "LocalPreAuthorize": ("AuthCtrlr", "LocalPreAuthorize"),
}
"""Keys of OCPP 1.6 and where 2.0.1 has them; its other variables are asked for as ``Component.Variable``."""


async def start(
    endpoint: Endpoint, charger_id: int, id_tag: str, place: Place | None = None, *, late: Late | None = None
) -> Result:
    """Begin a transaction for *id_tag* (1.6 §5.11, 2.0.1 F01). The start itself is reported later."""
    if _is_16(endpoint, charger_id):
        payload: Payload = {"idTag": id_tag}
        if place is not None:
            payload["connectorId"] = place.number
        return await _ask(endpoint, charger_id, "RemoteStartTransaction", payload, late)
    payload = {"idToken": _token(id_tag), "remoteStartId": secrets.randbelow(2**31 - 1) + 1}
    if place is not None:
        payload["evseId"] = place.evse or place.number
    return await _ask(endpoint, charger_id, "RequestStartTransaction", payload, late)


async def stop(
    endpoint: Endpoint,
    charger_id: int,
    session_id: int,
    transaction_id: str | None = None,
    *,
    late: Late | None = None,
) -> Result:
    """End a transaction: by *session_id* in 1.6 (§5.12), by the charger's *transaction_id* in 2.0.1 (F03)."""
    if _is_16(endpoint, charger_id):
        return await _ask(endpoint, charger_id, "RemoteStopTransaction", {"transactionId": session_id}, late)
    payload = {"transactionId": str(session_id) if transaction_id is None else transaction_id}
    return await _ask(endpoint, charger_id, "RequestStopTransaction", payload, late)


async def reserve(
    endpoint: Endpoint,
    charger_id: int,
    reservation_id: int,
    id_tag: str,
    until: datetime,
    place: Place | None = None,
    *,
    late: Late | None = None,
) -> Result:
    """Reserve at once (1.6 §5.13, 2.0.1 H01): a connector or, without *place*, any.

    The reservation's row is there before (C15).
    """
    if _is_16(endpoint, charger_id):
        payload: Payload = {
            "connectorId": 0 if place is None else place.number,
            "expiryDate": written(until),
            "idTag": id_tag,
            "reservationId": reservation_id,
        }
    else:
        payload = {"id": reservation_id, "expiryDateTime": written(until), "idToken": _token(id_tag)}
        if place is not None:
            payload["evseId"] = place.evse or place.number
    return await _ask(endpoint, charger_id, "ReserveNow", payload, late)


async def cancel_reservation(
    endpoint: Endpoint, charger_id: int, reservation_id: int, *, late: Late | None = None
) -> Result:
    """Give up a reservation (1.6 §5.1, 2.0.1 H02)."""
    return await _ask(endpoint, charger_id, "CancelReservation", {"reservationId": reservation_id}, late)


async def trigger(
    endpoint: Endpoint,
    charger_id: int,
    message: Message,
    place: Place | None = None,
    *,
    late: Late | None = None,
) -> Result:
    """Have *message* sent (1.6 §5.17, 2.0.1 F06)."""
    payload: Payload = {"requestedMessage": message}
    if place is not None and _is_16(endpoint, charger_id):
        payload["connectorId"] = place.number
    elif place is not None:
        payload["evse"] = _evse(place)
    return await _ask(endpoint, charger_id, "TriggerMessage", payload, late)


async def reset(
    endpoint: Endpoint, charger_id: int, *, at_once: bool = False, late: Late | None = None
) -> Result:
    """Restart the charger (1.6 §5.14 Soft or Hard, 2.0.1 B11/B12 OnIdle or Immediate)."""
    if _is_16(endpoint, charger_id):
        kind = "Hard" if at_once else "Soft"
    else:
        kind = "Immediate" if at_once else "OnIdle"
    return await _ask(endpoint, charger_id, "Reset", {"type": kind}, late)


async def unlock(endpoint: Endpoint, charger_id: int, place: Place, *, late: Late | None = None) -> Result:
    """Let go of the cable (1.6 §5.18, 2.0.1 F05)."""
    if _is_16(endpoint, charger_id):
        payload: Payload = {"connectorId": place.number}
    else:
        evse = _evse(place)
        payload = {"evseId": evse["id"], "connectorId": evse.get("connectorId", 1)}
    return await _ask(endpoint, charger_id, "UnlockConnector", payload, late)


async def change_availability(
    endpoint: Endpoint,
    charger_id: int,
    operative: bool,
    place: Place | None = None,
    *,
    late: Late | None = None,
) -> Result:
    """Take a connector, or without *place* the charger, in or out of service (1.6 §5.2, 2.0.1 G03, G04)."""
    kind = "Operative" if operative else "Inoperative"
    if _is_16(endpoint, charger_id):
        payload: Payload = {"connectorId": 0 if place is None else place.number, "type": kind}
    else:
        payload = {"operationalStatus": kind}
        if place is not None:
            payload["evse"] = _evse(place)
    return await _ask(endpoint, charger_id, "ChangeAvailability", payload, late)


async def get_configuration(endpoint: Endpoint, charger_id: int, *keys: str) -> Configuration:
    """Values of the configuration (1.6 §5.8, 2.0.1 B06).

    *keys* are those of 1.6; for 2.0.1 the usual ones are translated and ``Component.Variable`` reaches
    the others. Without *keys*: everything (1.6), or the usual ones (2.0.1).
    """
    if _is_16(endpoint, charger_id):
        payload: Payload = {"key": list(keys)} if keys else {}
        said = await _said(endpoint, charger_id, "GetConfiguration", payload)
        if isinstance(said, Result):
            return Configuration(said)
        entries = tuple(
            Entry(str(entry.get("key")), _text(entry.get("value")), entry.get("readonly") is True)
            for entry in _objects(said.get("configurationKey"))
        )
        unknown = said.get("unknownKey")
        named = tuple(str(key) for key in unknown) if isinstance(unknown, list) else ()
        return Configuration(Result(Outcome.ACCEPTED), entries, named)
    asked = keys or tuple(_VARIABLES)
    said = await _said(
        endpoint, charger_id, "GetVariables", {"getVariableData": [_variable(key) for key in asked]}
    )
    if isinstance(said, Result):
        return Configuration(said)
    return _variables(asked, _objects(said.get("getVariableResult")))


async def set_configuration(
    endpoint: Endpoint, charger_id: int, key: str, value: str, *, late: Late | None = None
) -> Result:
    """Change one value of the configuration (1.6 §5.3, 2.0.1 B05); *key* as for `get_configuration`."""
    if _is_16(endpoint, charger_id):
        return await _ask(endpoint, charger_id, "ChangeConfiguration", {"key": key, "value": value}, late)
    payload = {"setVariableData": [{**_variable(key), "attributeValue": value}]}
    return await _ask(endpoint, charger_id, "SetVariables", payload, late)


# -- the way there and back


def _is_16(endpoint: Endpoint, charger_id: int) -> bool:
    return endpoint.version(charger_id) != "ocpp2.0.1"


async def _ask(
    endpoint: Endpoint, charger_id: int, action: str, payload: Payload, late: Late | None = None
) -> Result:
    async def tell(answer: Payload) -> None:
        assert late is not None
        await late(_result(answer))

    said = await _said(endpoint, charger_id, action, payload, None if late is None else tell)
    return said if isinstance(said, Result) else _result(said)


async def _said(
    endpoint: Endpoint,
    charger_id: int,
    action: str,
    payload: Payload,
    late: Callable[[Payload], Awaitable[None]] | None = None,
) -> Payload | Result:
    """The charger's answer, or the result that stands for the lack of one."""
    try:
        return await endpoint.call(charger_id, action, payload, late=late)
    except Offline:
        return Result(Outcome.OFFLINE)
    except NoAnswer:
        return Result(Outcome.NO_ANSWER)
    except CallRefused as refused:
        known = refused.code in ("NotImplemented", "NotSupported")
        return Result(Outcome.NOT_SUPPORTED if known else Outcome.FAILED, refused.code)
    except (AgainstSchema, LookupError) as error:  # the latter: it came back with the other version
        return Result(Outcome.UNSENDABLE, str(error))


def _result(answer: Payload) -> Result:
    of_variable = _objects(answer.get("setVariableResult"))
    status = of_variable[0].get("attributeStatus") if of_variable else answer.get("status")
    if not isinstance(status, str):
        return Result(Outcome.FAILED, "no status")
    return Result(_OUTCOMES.get(status, Outcome.FAILED), status[:64])


def _variables(asked: tuple[str, ...], results: list[Payload]) -> Configuration:
    keys = {_names(_variable(key)): key for key in asked}
    entries, unknown = [], []
    for result in results:
        names = _names(result)
        key = keys.get(names, ".".join(names))
        if result.get("attributeStatus") == "Accepted":
            entries.append(Entry(key, _text(result.get("attributeValue"))))
        elif result.get("attributeStatus") == "Rejected":  # write-only, such as a password
            entries.append(Entry(key, None))
        else:
            unknown.append(key)
    return Configuration(Result(Outcome.ACCEPTED), tuple(entries), tuple(unknown))


def _variable(key: str) -> Payload:
    component, variable = _VARIABLES.get(key) or _split(key)
    return {"component": {"name": component}, "variable": {"name": variable}}


def _split(key: str) -> tuple[str, str]:
    component, _, variable = key.partition(".")
    return (component, variable) if variable else ("OCPPCommCtrlr", component)


def _names(data: Payload) -> tuple[str, str]:
    parts = (data.get("component"), data.get("variable"))
    component, variable = (str(part.get("name")) if isinstance(part, dict) else "" for part in parts)
    return component, variable


def _objects(value: object) -> list[Payload]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _evse(place: Place) -> Payload:
    return {"id": place.evse, "connectorId": place.number} if place.evse else {"id": place.number}


def _token(id_tag: str) -> Payload:
    return {"idToken": id_tag, "type": "ISO14443"}
