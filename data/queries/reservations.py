"""Reservations of a driver (P12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, case, func, select

from data.models import Charger, Connector, Reservation
from data.types import ReservationStatus


@dataclass(frozen=True, slots=True)
class NextReservation:
    """The driver's next or running reservation."""

    id: int
    charger_name: str
    connector_number: int | None
    """``None`` for the whole charger, or where it has only one connector."""
    starts_at: datetime
    ends_at: datetime


not_cancelled = and_(
    Reservation.cancelled_at.is_(None), Reservation.status != ReservationStatus.CANCELLED.value
)

_connectors = (
    select(func.count())
    .select_from(Connector)
    .where(Connector.charger_id == Reservation.charger_id, Connector.number > 0)
    .correlate(Reservation)
    .scalar_subquery()
)

_next = (
    select(
        Reservation.id,
        Charger.name,
        case((_connectors > 1, Reservation.connector_number)),
        Reservation.starts_at,
        Reservation.ends_at,
    )
    .join(Charger, Charger.id == Reservation.charger_id)
    .where(
        Reservation.account_id == bindparam("account_id"),
        Reservation.ends_at > bindparam("now"),
        not_cancelled,
    )
    .order_by(Reservation.starts_at, Reservation.id)
    .limit(1)
)


def next_reservation(db: Connection, account_id: int, now: datetime) -> NextReservation | None:
    """The earliest by start that is not cancelled and ends after *now*; ties by id (P12)."""
    row = db.execute(_next, {"account_id": account_id, "now": now}).first()
    return None if row is None else NextReservation(*row)
