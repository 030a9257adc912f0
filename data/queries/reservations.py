"""Reservations of a driver (P12), and what is held of a charger (C15)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, case, func, select

from data.models import Account, Charger, Connector, Reservation
from data.types import ReservationStatus

LONGEST = timedelta(days=7)
"""What a reservation lasts at most."""


@dataclass(frozen=True, slots=True)
class NextReservation:
    """The driver's next or running reservation."""

    id: int
    charger_name: str
    connector_number: int | None
    """``None`` for the whole charger, or where it has only one connector."""
    starts_at: datetime
    ends_at: datetime


held = and_(
    Reservation.cancelled_at.is_(None),
    Reservation.status.not_in((ReservationStatus.CANCELLED.value, ReservationStatus.REFUSED.value)),
)
"""What takes a place: one that its charger refused holds nothing; a used one ends with its charge (C15)."""

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
        held,
    )
    .order_by(Reservation.starts_at, Reservation.id)
    .limit(1)
)


def next_reservation(db: Connection, account_id: int, now: datetime) -> NextReservation | None:
    """The earliest by start that is held and ends after *now*; ties by id (P12)."""
    row = db.execute(_next, {"account_id": account_id, "now": now}).first()
    return None if row is None else NextReservation(*row)


@dataclass(frozen=True, slots=True)
class Overlap:
    """A reservation that holds the place within some time."""

    id: int
    account_id: int | None
    driver_name: str
    """Empty for whoever is not to know it (T6)."""
    connector_number: int | None
    """``None`` for the whole charger."""
    starts_at: datetime
    ends_at: datetime

    def without_name(self) -> Overlap:
        """The same, for whom it is none of their business."""
        return replace(self, account_id=None, driver_name="")


_overlaps = (
    select(
        Reservation.id,
        Reservation.account_id,
        Account.name,
        Reservation.connector_number,
        Reservation.starts_at,
        Reservation.ends_at,
    )
    .join(Account, Account.id == Reservation.account_id)
    .where(
        Reservation.charger_id == bindparam("charger_id"),
        Reservation.ends_at > bindparam("starts_at"),
        Reservation.starts_at < bindparam("ends_at"),
        held,
    )
    .order_by(Reservation.starts_at, Reservation.id)
)


def overlaps(
    db: Connection, charger_id: int, connector_number: int | None, starts_at: datetime, ends_at: datetime
) -> tuple[Overlap, ...]:
    """What is held of the charger's connector, or with None of any of it, within that time (C15)."""
    given = {"charger_id": charger_id, "starts_at": starts_at, "ends_at": ends_at}
    found = (Overlap(*row) for row in db.execute(_overlaps, given))
    return tuple(
        one
        for one in found
        if None in (connector_number, one.connector_number) or one.connector_number == connector_number
    )
