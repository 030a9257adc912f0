"""Reservations of a driver (P12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class NextReservation:
    """The driver's next or running reservation."""

    id: int
    charger_name: str
    connector_number: int | None
    """``None`` for the whole charger, or where it has only one connector."""
    starts_at: datetime
    ends_at: datetime


def next_reservation(db: Connection, account_id: int, now: datetime) -> NextReservation | None:
    """The earliest by start that is not cancelled and ends after *now*; ties by id (P12)."""
    raise NotImplementedError
