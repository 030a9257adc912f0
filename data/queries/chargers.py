"""The chargers that a driver can see (P19–P22)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

OFFLINE_AFTER = timedelta(minutes=60)
"""Silence longer than this is offline; exactly this is not yet (P20)."""
SHOWN = 50


class ChargerStatus(StrEnum):
    """The four words of P20, first match wins, in this order."""

    OFFLINE = "offline"
    IN_USE = "in_use"
    RESERVED = "reserved"
    ONLINE = "online"


@dataclass(frozen=True, slots=True)
class VisibleCharger:
    """One charger card (P19). Moments and numbers that are unknown are ``None``."""

    id: int
    name: str
    site_name: str
    connector_types: tuple[str, ...]
    """Distinct, in the order of the connectors."""
    max_power_w: int | None
    status: ChargerStatus
    since: datetime | None
    """in_use: since when."""
    until: datetime | None
    """reserved: until when, if a reservation of ours says so."""
    last_seen_at: datetime | None
    """offline by silence: when it was heard last; ``None`` there means never."""
    out_of_service: str | None
    """offline because every connector is unavailable or faulted: the error code, or ``Unavailable``."""
    connectors: int
    free: int
    """Connectors that are ready to use now (P20)."""
    mine: bool
    """A session of the asking driver runs here."""


@dataclass(frozen=True, slots=True)
class VisibleChargers:
    """What the chargers card and the counts pill show."""

    shown: tuple[VisibleCharger, ...]
    """At most `SHOWN`: the driver's running session first, then online, then natural order of the name."""
    online: int
    """Chargers with status online among all that are visible, beyond the 50 too (P21)."""
    visible: int
    matching: int
    """How many match the search; equal to ``visible`` without one."""


def visible_chargers(
    db: Connection, account_id: int, now: datetime, search: str = "", limit: int = SHOWN
) -> VisibleChargers:
    """The chargers that *account_id* can see, those whose name or site contains *search* in ``shown``."""
    raise NotImplementedError
