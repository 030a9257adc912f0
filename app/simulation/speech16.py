"""What the simulated charge point says in OCPP 1.6."""

from __future__ import annotations

import itertools
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from app.simulation.plug import Payload, Plug, Transaction

if TYPE_CHECKING:
    from app.simulation.charge_point import ChargePoint

_READ_ONLY = ("NumberOfConnectors", "SupportedFeatureProfiles")


class Speech16:
    """Payloads in and out; the charge point itself sends, queues and keeps time.

    Both versions have the same methods, so that the charge point need not ask which it speaks.
    """

    def __init__(self) -> None:
        self._local_ids = itertools.count(-1, -1)

    def boot(self, point: ChargePoint) -> Payload:
        """§6.3."""
        return {
            "chargePointVendor": point.vendor,
            "chargePointModel": point.model,
            "chargePointSerialNumber": point.serial_number,
            "firmwareVersion": point.firmware,
        }

    def status(self, number: int, status: str, error_code: str, info: str | None, at: str) -> Payload:
        """§6.47."""
        payload = {"connectorId": number, "errorCode": error_code, "status": status, "timestamp": at}
        return payload if info is None else {**payload, "info": info}

    def authorize(self, tag: str) -> Payload:
        """§6.1."""
        return {"idTag": tag}

    def accepted(self, answer: Payload) -> bool:
        """Whether an idTagInfo says Accepted; without one it counts as accepted."""
        return bool(answer.get("idTagInfo", {}).get("status", "Accepted") == "Accepted")

    def begin(self, point: ChargePoint, plug: Plug, tag: str) -> Transaction:
        """A transaction with a negative id until the central system has given one."""
        return Transaction(next(self._local_ids), plug.number, tag)

    def start(
        self, charge: Transaction, meter_start: float, at: str, offline: bool, extra: Payload
    ) -> tuple[str, Payload]:
        """§6.45."""
        return "StartTransaction", {
            "connectorId": charge.connector,
            "idTag": charge.id_tag,
            "meterStart": meter_start,
            "timestamp": at,
            **extra,
        }

    def learn(self, charge: Transaction, answer: Payload) -> None:
        """Take the transaction id that the central system gave."""
        if "transactionId" in answer:
            charge.id = answer["transactionId"]
        charge.accepted = self.accepted(answer)

    def address(self, payload: Payload, charge: Transaction) -> None:
        """Put the id that is known by now into a message that waited."""
        if "transactionId" in payload:
            payload["transactionId"] = charge.id

    def sampled(
        self, energy_wh: float | None, power_w: float | None, soc: float | None, context: str
    ) -> list[Payload]:
        """SampledValue entries of §7.43."""
        found = [
            ("Energy.Active.Import.Register", "Wh", energy_wh),
            ("Power.Active.Import", "W", power_w),
            ("SoC", "Percent", soc),
        ]
        return [
            {
                "value": str(value if value % 1 else round(value)),
                "context": context,
                "measurand": measurand,
                "unit": unit,
            }
            for measurand, unit, value in found
            if value is not None
        ]

    def values(
        self, connector: int, charge: Transaction | None, samples: list[Payload], at: str, offline: bool
    ) -> tuple[str, Payload]:
        """§6.31."""
        payload: Payload = {
            "connectorId": connector,
            "meterValue": [{"timestamp": at, "sampledValue": samples}],
        }
        if charge is not None:
            payload["transactionId"] = charge.id
        return "MeterValues", payload

    def stop(
        self,
        charge: Transaction,
        meter_stop: float,
        reason: str,
        at: str,
        offline: bool,
        samples: list[Payload],
    ) -> tuple[str, Payload]:
        """§6.49."""
        payload: Payload = {
            "transactionId": charge.id,
            "idTag": charge.id_tag,
            "meterStop": meter_stop,
            "timestamp": at,
            "reason": reason,
        }
        if samples:
            payload["transactionData"] = [{"timestamp": at, "sampledValue": samples}]
        return "StopTransaction", payload

    def incoming(
        self, point: ChargePoint, action: str, payload: Payload
    ) -> tuple[Payload, Coroutine[Any, Any, None] | None] | None:
        """Answer a command, and say what follows from it; ``None``: not implemented."""
        handler = getattr(self, f"_{action}", None)
        if handler is None:
            return None
        answer: tuple[Payload, Coroutine[Any, Any, None] | None] = handler(point, payload)
        return answer

    # The names of the methods below are OCPP's.

    def _RemoteStartTransaction(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        connector = payload.get("connectorId") or next(
            (plug.number for plug in point.plugs.values() if plug.transaction is None), 0
        )
        plug = point.plugs.get(connector)
        if plug is None or plug.transaction is not None or plug.status in ("Unavailable", "Faulted"):
            return {"status": "Rejected"}, None
        return {"status": "Accepted"}, point.begin_charge(connector, payload["idTag"])

    def _RemoteStopTransaction(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        for plug in point.plugs.values():
            if plug.transaction is not None and plug.transaction.id == payload["transactionId"]:
                return {"status": "Accepted"}, point.end_charge(plug.number)
        return {"status": "Rejected"}, None

    def _ReserveNow(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        plug = point.plugs.get(payload["connectorId"])
        if plug is None:
            return {"status": "Rejected"}, None
        if plug.transaction is not None:
            return {"status": "Occupied"}, None
        if plug.status in ("Unavailable", "Faulted"):
            return {"status": plug.status}, None
        plug.reservation_id = payload["reservationId"]
        return {"status": "Accepted"}, point.status(plug.number, "Reserved")

    def _CancelReservation(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        for plug in point.plugs.values():
            if plug.reservation_id == payload["reservationId"]:
                plug.reservation_id = None
                return {"status": "Accepted"}, point.status(plug.number, "Available")
        return {"status": "Rejected"}, None

    def _TriggerMessage(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        match payload["requestedMessage"]:
            case "BootNotification":
                return {"status": "Accepted"}, _drop(point.boot())
            case "Heartbeat":
                return {"status": "Accepted"}, _drop(point.heartbeat())
            case "StatusNotification":
                number = payload.get("connectorId")
                if number is None:
                    return {"status": "Accepted"}, point.report_all()
                status = point.plugs[number].status if number in point.plugs else "Available"
                return {"status": "Accepted"}, point.status(number, status)
            case "MeterValues":
                return {"status": "Accepted"}, _values(point, payload.get("connectorId"))
        return {"status": "NotImplemented"}, None

    def _Reset(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        return {"status": "Accepted"}, point.restart(f"{payload['type']}Reset")

    def _UnlockConnector(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        plug = point.plugs.get(payload["connectorId"])
        if plug is None:
            return {"status": "NotSupported"}, None
        if plug.transaction is not None:
            return {"status": "Unlocked"}, point.end_charge(plug.number, "UnlockCommand")
        return {"status": "Unlocked"}, None

    def _ChangeAvailability(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        number = payload["connectorId"]
        plugs = [plug for plug in point.plugs.values() if number in (0, plug.number)]
        if any(plug.transaction is not None for plug in plugs):
            return {"status": "Scheduled"}, None
        status = "Available" if payload["type"] == "Operative" else "Unavailable"
        return {"status": "Accepted"}, _all_status(point, plugs, status)

    def _GetConfiguration(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        keys = payload.get("key") or list(point.configuration)
        known = [
            {"key": key, "readonly": key in _READ_ONLY, "value": point.configuration[key]}
            for key in keys
            if key in point.configuration
        ]
        unknown = [key for key in keys if key not in point.configuration]
        return {"configurationKey": known, **({"unknownKey": unknown} if unknown else {})}, None

    def _ChangeConfiguration(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        if payload["key"] not in point.configuration:
            return {"status": "NotSupported"}, None
        if payload["key"] in _READ_ONLY:
            return {"status": "Rejected"}, None
        point.configuration[payload["key"]] = payload["value"]
        return {"status": "Accepted"}, None

    def _ClearCache(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        return {"status": "Accepted"}, None

    def _DataTransfer(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        return {"status": "UnknownVendorId"}, None


async def _drop(work: Coroutine[Any, Any, Any]) -> None:
    await work


async def _values(point: ChargePoint, number: int | None) -> None:
    for plug in point.plugs.values():
        if number in (None, 0, plug.number):
            await point.meter_values(plug.number, plug.meter_wh, context="Trigger")


async def _all_status(point: ChargePoint, plugs: list[Plug], status: str) -> None:
    for plug in plugs:
        await point.status(plug.number, status)
