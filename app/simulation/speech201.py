"""What the simulated charge point says in OCPP 2.0.1. Its connector *n* is connector 1 of EVSE *n*."""

from __future__ import annotations

import uuid
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from app.simulation.plug import Payload, Plug, Transaction

if TYPE_CHECKING:
    from app.simulation.charge_point import ChargePoint

_OCCUPIED = ("Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing")
_REASONS = {"HardReset": "ImmediateReset", "SoftReset": "ImmediateReset", "UnlockCommand": "Other"}
_VARIABLES = {
    ("OCPPCommCtrlr", "HeartbeatInterval"): "HeartbeatInterval",
    ("SampledDataCtrlr", "TxUpdatedInterval"): "MeterValueSampleInterval",
}
_TRIGGERS = {"Transaction.Begin": "ChargingStateChanged", "Trigger": "Trigger"}


class Speech201:
    """Payloads in and out; the charge point itself sends, queues and keeps time.

    Both versions have the same methods, so that the charge point need not ask which it speaks.
    """

    def boot(self, point: ChargePoint) -> Payload:
        """B01."""
        station = {
            "vendorName": point.vendor,
            "model": point.model,
            "serialNumber": point.serial_number,
            "firmwareVersion": point.firmware,
        }
        return {"reason": "PowerUp", "chargingStation": station}

    def status(self, number: int, status: str, error_code: str, info: str | None, at: str) -> Payload:
        """G01; the 1.6 words for a connector in use become Occupied."""
        return {
            "timestamp": at,
            "connectorStatus": "Occupied" if status in _OCCUPIED else status,
            "evseId": number,
            "connectorId": 1 if number else 0,
        }

    def authorize(self, tag: str) -> Payload:
        """C01."""
        return {"idToken": _token(tag)}

    def accepted(self, answer: Payload) -> bool:
        """Whether an idTokenInfo says Accepted; without one it counts as accepted."""
        return bool(answer.get("idTokenInfo", {}).get("status", "Accepted") == "Accepted")

    def begin(self, point: ChargePoint, plug: Plug, tag: str) -> Transaction:
        """A transaction with an id of its own."""
        return Transaction(str(uuid.uuid4()), plug.number, tag)

    def start(
        self, charge: Transaction, meter_start: float, at: str, offline: bool, extra: Payload
    ) -> tuple[str, Payload]:
        """E01: Started, with the register as it stands."""
        samples = self.sampled(meter_start, None, None, "Transaction.Begin")
        payload = self._event("Started", "Authorized", charge, at, offline, samples)
        payload["idToken"] = _token(charge.id_tag)
        payload["transactionInfo"]["chargingState"] = "Charging"
        return "TransactionEvent", {**payload, **extra}

    def learn(self, charge: Transaction, answer: Payload) -> None:
        """Take note of what was said about the token."""
        if "idTokenInfo" in answer:
            charge.accepted = self.accepted(answer)

    def address(self, payload: Payload, charge: Transaction) -> None:
        """Nothing to do: the id was the charger's own from the start."""

    def sampled(
        self, energy_wh: float | None, power_w: float | None, soc: float | None, context: str
    ) -> list[Payload]:
        """SampledValue entries."""
        samples: list[Payload] = []
        if energy_wh is not None:
            samples.append({"value": energy_wh, "context": context, "unitOfMeasure": {"unit": "Wh"}})
        if power_w is not None:
            unit = {"unit": "W"}
            samples.append(
                {
                    "value": power_w,
                    "context": context,
                    "measurand": "Power.Active.Import",
                    "unitOfMeasure": unit,
                }
            )
        if soc is not None:
            unit = {"unit": "Percent"}
            samples.append({"value": soc, "context": context, "measurand": "SoC", "unitOfMeasure": unit})
        return samples

    def values(
        self, connector: int, charge: Transaction | None, samples: list[Payload], at: str, offline: bool
    ) -> tuple[str, Payload]:
        """E02 Updated in a transaction, J01 MeterValues outside one."""
        if charge is None:
            return "MeterValues", {
                "evseId": connector,
                "meterValue": [{"timestamp": at, "sampledValue": samples}],
            }
        trigger = _TRIGGERS.get(samples[0].get("context", "") if samples else "", "MeterValuePeriodic")
        return "TransactionEvent", self._event("Updated", trigger, charge, at, offline, samples)

    def stop(
        self,
        charge: Transaction,
        meter_stop: float,
        reason: str,
        at: str,
        offline: bool,
        samples: list[Payload],
    ) -> tuple[str, Payload]:
        """E06: Ended, with the register as it stands."""
        samples = [*samples, *self.sampled(meter_stop, None, None, "Transaction.End")]
        trigger = "RemoteStop" if reason == "Remote" else "StopAuthorized"
        payload = self._event("Ended", trigger, charge, at, offline, samples)
        payload["transactionInfo"]["stoppedReason"] = _REASONS.get(reason, reason)
        return "TransactionEvent", payload

    def incoming(
        self, point: ChargePoint, action: str, payload: Payload
    ) -> tuple[Payload, Coroutine[Any, Any, None] | None] | None:
        """Answer a command, and say what follows from it; ``None``: not implemented."""
        handler = getattr(self, f"_{action}", None)
        if handler is None:
            return None
        answer: tuple[Payload, Coroutine[Any, Any, None] | None] = handler(point, payload)
        return answer

    def _event(
        self, kind: str, trigger: str, charge: Transaction, at: str, offline: bool, samples: list[Payload]
    ) -> Payload:
        payload: Payload = {
            "eventType": kind,
            "timestamp": at,
            "triggerReason": trigger,
            "seqNo": charge.seq_no,
            "transactionInfo": {"transactionId": charge.id},
            "evse": {"id": charge.connector, "connectorId": 1},
        }
        charge.seq_no += 1
        if offline:
            payload["offline"] = True
        if samples:
            payload["meterValue"] = [{"timestamp": at, "sampledValue": samples}]
        return payload

    # The names of the methods below are OCPP's.

    def _RequestStartTransaction(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        number = payload.get("evseId") or next(
            (plug.number for plug in point.plugs.values() if plug.transaction is None), 0
        )
        plug = point.plugs.get(number)
        if plug is None or plug.transaction is not None or plug.status in ("Unavailable", "Faulted"):
            return {"status": "Rejected"}, None
        return {"status": "Accepted"}, point.begin_charge(number, payload["idToken"]["idToken"])

    def _RequestStopTransaction(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        for plug in point.plugs.values():
            if plug.transaction is not None and plug.transaction.id == payload["transactionId"]:
                return {"status": "Accepted"}, point.end_charge(plug.number)
        return {"status": "Rejected"}, None

    def _ReserveNow(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        plug = point.plugs.get(payload.get("evseId", 1))
        if plug is None:
            return {"status": "Rejected"}, None
        if plug.transaction is not None:
            return {"status": "Occupied"}, None
        if plug.status in ("Unavailable", "Faulted"):
            return {"status": plug.status}, None
        plug.reservation_id = payload["id"]
        return {"status": "Accepted"}, point.status(plug.number, "Reserved")

    def _CancelReservation(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        for plug in point.plugs.values():
            if plug.reservation_id == payload["reservationId"]:
                plug.reservation_id = None
                return {"status": "Accepted"}, point.status(plug.number, "Available")
        return {"status": "Rejected"}, None

    def _TriggerMessage(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        number = payload.get("evse", {}).get("id")
        match payload["requestedMessage"]:
            case "BootNotification":
                return {"status": "Accepted"}, _drop(point.boot())
            case "Heartbeat":
                return {"status": "Accepted"}, _drop(point.heartbeat())
            case "StatusNotification":
                return {"status": "Accepted"}, point.report_all()
            case "MeterValues" | "TransactionEvent":
                return {"status": "Accepted"}, _values(point, number)
        return {"status": "NotImplemented"}, None

    def _Reset(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        if payload["type"] == "OnIdle" and any(plug.transaction for plug in point.plugs.values()):
            return {"status": "Scheduled"}, None
        return {"status": "Accepted"}, point.restart("HardReset")

    def _UnlockConnector(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        plug = point.plugs.get(payload["evseId"])
        if plug is None:
            return {"status": "UnknownConnector"}, None
        if plug.transaction is not None:
            return {"status": "OngoingAuthorizedTransaction"}, None
        return {"status": "Unlocked"}, None

    def _ChangeAvailability(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        number = payload.get("evse", {}).get("id", 0)
        plugs = [plug for plug in point.plugs.values() if number in (0, plug.number)]
        if any(plug.transaction is not None for plug in plugs):
            return {"status": "Scheduled"}, None
        status = "Available" if payload["operationalStatus"] == "Operative" else "Unavailable"
        return {"status": "Accepted"}, _all_status(point, plugs, status)

    def _GetVariables(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        results = []
        for data in payload["getVariableData"]:
            key = _VARIABLES.get((data["component"]["name"], data["variable"]["name"]))
            result = {"component": data["component"], "variable": data["variable"]}
            if key is None:
                results.append({**result, "attributeStatus": "UnknownVariable"})
            else:
                value = point.configuration[key]
                results.append({**result, "attributeStatus": "Accepted", "attributeValue": value})
        return {"getVariableResult": results}, None

    def _SetVariables(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        results = []
        for data in payload["setVariableData"]:
            key = _VARIABLES.get((data["component"]["name"], data["variable"]["name"]))
            if key is not None:
                point.configuration[key] = data["attributeValue"]
            status = "Accepted" if key is not None else "UnknownVariable"
            results.append(
                {"component": data["component"], "variable": data["variable"], "attributeStatus": status}
            )
        return {"setVariableResult": results}, None

    def _ClearCache(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        return {"status": "Accepted"}, None

    def _DataTransfer(self, point: ChargePoint, payload: Payload) -> Any:  # noqa: N802
        return {"status": "UnknownVendorId"}, None


def _token(tag: str) -> Payload:
    return {"idToken": tag, "type": "ISO14443"}


async def _drop(work: Coroutine[Any, Any, Any]) -> None:
    await work


async def _values(point: ChargePoint, number: int | None) -> None:
    for plug in point.plugs.values():
        if number in (None, 0, plug.number):
            await point.meter_values(plug.number, plug.meter_wh, context="Trigger")


async def _all_status(point: ChargePoint, plugs: list[Plug], status: str) -> None:
    for plug in plugs:
        await point.status(plug.number, status)
