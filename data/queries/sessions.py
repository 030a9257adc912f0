"""Sessions of a driver: those in progress and the latest (P6–P11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from data.live import Reading


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session in progress, for its strip in the banner. Unknown is ``None``."""

    id: int
    charger_name: str
    connector_number: int | None
    """``None`` where the charger has only one, so that naming it would say nothing."""
    connector_type: str | None
    started_at: datetime
    reading_interval: int
    """Seconds between readings that the charger keeps; older than this + 60 s is stale (P8)."""
    reading: Reading


@dataclass(frozen=True, slots=True)
class RecentSession:
    """One of the latest sessions."""

    id: int
    charger_name: str
    started_at: datetime
    """When energy flowed at the charger (P10)."""
    ended_at: datetime | None
    """``None`` while it is in progress."""
    energy_wh: int | None
    """``None`` while it is in progress and without a reading."""
    finalized: bool


def active(db: Connection, account_id: int) -> list[ActiveSession]:
    """The sessions in progress of *account_id*, by start (P6); replayed ones are not among them (C13)."""
    raise NotImplementedError


def recent(db: Connection, account_id: int, limit: int = 5) -> list[RecentSession]:
    """The latest sessions of *account_id* by start, newest first (P10)."""
    raise NotImplementedError
