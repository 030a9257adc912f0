"""What a charger reports, in the words of the domain and of neither OCPP version.

`ocpp16` and `ocpp201` make these, `sessions` and `presence` take them. Register values stay text
until `meter` reads them; moments are what the charger sent, as text, and are read by
`device_time` with the moment of receipt beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from data.types import Authorization, ConnectorStatus

REGISTER = "Energy.Active.Import.Register"
INTERVAL = "Energy.Active.Import.Interval"
POWER = "Power.Active.Import"


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled value, with the defaults of OCPP filled in where the charger left them out.

    ``unit`` is empty where none was sent (2.0.1: the unit with its multiplier applied to ``value``).
    """

    at: datetime
    """Device time, corrected (M13–M15), UTC."""
    value: str
    measurand: str = REGISTER
    unit: str = ""
    context: str = "Sample.Periodic"
    location: str = "Outlet"
    phase: str = ""
    format: str = "Raw"


@dataclass(frozen=True, slots=True)
class Place:
    """A connector as a charger names it. ``evse`` is 0 for OCPP 1.6."""

    number: int
    evse: int = 0


CHARGER = Place(0)
"""The charger itself, which is no plug."""
CONNECTORS_AT_MOST = 64
"""Connectors of one charger (C5); each is read whenever a dashboard lists the chargers."""


@dataclass(frozen=True, slots=True)
class Start:
    """A transaction began."""

    place: Place
    id_tag: str
    at: datetime
    """Device time, corrected."""
    received_at: datetime
    meter_start: int | None
    """Wh; null where it was not sent or makes no sense."""
    transaction_id: str | None = None
    """The charger's own (2.0.1); null in 1.6, where ours is the answer."""
    reservation_id: int | None = None
    flags: tuple[str, ...] = ()
    connected_at: datetime | None = None
    """Since when the charger has been on the line, by our clock; null where nobody knows."""


@dataclass(frozen=True, slots=True)
class Started:
    """The answer to `Start`: the same for a repeated one (C9)."""

    session_id: int
    authorization: Authorization


@dataclass(frozen=True, slots=True)
class Values:
    """Meter values: of a transaction, or of a connector outside one."""

    place: Place
    received_at: datetime
    samples: tuple[Sample, ...]
    session_id: int | None = None
    """1.6: the transactionId sent. 2.0.1: found by ``transaction_id``."""
    transaction_id: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """A transaction ended."""

    at: datetime
    received_at: datetime
    meter_stop: int | None
    """Wh; −1 and nonsense are null (M10)."""
    session_id: int | None = None
    transaction_id: str | None = None
    id_tag: str | None = None
    reason: str | None = None
    samples: tuple[Sample, ...] = ()
    payload: dict[str, Any] | None = None
    """The message whole, for the quarantine (C11)."""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TransactionEvent:
    """OCPP 2.0.1 TransactionEvent; carries start, values and stop alike (C14)."""

    type: Literal["Started", "Updated", "Ended"]
    transaction_id: str
    seq_no: int
    at: datetime
    received_at: datetime
    trigger_reason: str | None = None
    offline: bool = False
    place: Place | None = None
    id_tag: str | None = None
    samples: tuple[Sample, ...] = ()
    charging_state: str | None = None
    stopped_reason: str | None = None
    reservation_id: int | None = None
    payload: dict[str, Any] | None = None
    flags: tuple[str, ...] = ()
    connected_at: datetime | None = None
    """As `Start.connected_at`."""


@dataclass(frozen=True, slots=True)
class Status:
    """A connector's (or with number 0 the charger's) status."""

    place: Place
    status: ConnectorStatus
    at: datetime | None
    """Device time, corrected; null where none was sent. Older than the known status: stale (C13)."""
    received_at: datetime
    error_code: str | None = None
    info: str | None = None


@dataclass(frozen=True, slots=True)
class Boot:
    """What the charger says it is."""

    received_at: datetime
    vendor: str | None = None
    model: str | None = None
    serial_number: str | None = None
    firmware: str | None = None
