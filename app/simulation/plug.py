"""A simulated connector and the charge on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Payload = dict[str, Any]


@dataclass(slots=True)
class Transaction:
    """A charge going on. ``id`` is negative (1.6) until the central system has given one."""

    id: int | str
    connector: int
    id_tag: str
    seq_no: int = 0
    accepted: bool = True
    """False if the central system did not accept the tag; real chargers then stop by themselves."""


@dataclass(slots=True)
class Plug:
    """One connector: what it last reported, and the charge on it."""

    number: int
    status: str = "Available"
    meter_wh: int = 0
    """Lifetime register, kept by `ChargePoint.meter_values` and `ChargePoint.stop`."""
    transaction: Transaction | None = None
    reservation_id: int | None = None
