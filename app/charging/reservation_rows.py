"""The rows of reservations: looked at before they are written, guarded by the database itself (C15, T8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app.charging import command_rows
from app.charging.command_rows import Patience
from app.charging.command_rules import Granted, Wish, sees
from app.logs import masked
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller, NotAllowed
from data.database import Change
from data.models import Account, Charger, Connector, Mapping, Reservation
from data.queries.reservations import LONGEST, Overlap, overlaps
from data.queries.sessions import place_number
from data.types import Admission, ReservationStatus, Role

FARTHEST = timedelta(days=366)
JUST_NOW = timedelta(minutes=2)
"""How long ago a reservation may begin: whoever types this minute means now."""
NO_OVERLAP = "ex_reservations_no_overlap"
"""What the database calls its refusal of two that overlap."""


class CannotReserve(Exception):
    """Why nothing is reserved or cancelled; ``why`` is a word that pages have a sentence for."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Conflict(CannotReserve):
    """Others hold the place within that time; their names are there for operators only (T6)."""

    def __init__(self, others: tuple[Overlap, ...]) -> None:
        super().__init__("conflict")
        self.others = others


@dataclass(frozen=True, slots=True)
class Booking:
    """What somebody wants to hold; *connector_number* None: the whole charger."""

    mapping_id: int
    charger_id: int
    connector_number: int | None
    starts_at: datetime
    ends_at: datetime


def check(db: Connection, caller: Caller, booking: Booking, now: datetime) -> tuple[int, str, str]:
    """The account, the card and the charger's identity of *booking*. Raises `NotAllowed`, or `CannotReserve`:

    ``order`` (ends before it begins), ``past``, ``long``, ``far``, ``card`` (none, not active, blocked, or
    not theirs), ``charger`` (none, not accepted, or not visible to them), ``connector``; `Conflict`.
    """
    if caller.role not in (Role.OPERATOR, Role.DRIVER):
        raise NotAllowed("reservation.create")
    if booking.ends_at <= booking.starts_at:
        raise CannotReserve("order")
    if booking.starts_at < now - JUST_NOW or booking.ends_at <= now:
        raise CannotReserve("past")
    if booking.ends_at - booking.starts_at > LONGEST:
        raise CannotReserve("long")
    if booking.starts_at > now + FARTHEST:
        raise CannotReserve("far")
    card = db.execute(
        select(Mapping.account_id, Mapping.id_tag, Mapping.blocked)
        .join(Account, Account.id == Mapping.account_id)
        .where(Mapping.id == booking.mapping_id, Mapping.active, Account.disabled_at.is_(None))
    ).one_or_none()
    is_driver = caller.role is Role.DRIVER
    if card is None or card.blocked or (is_driver and card.account_id != caller.subject_id):
        raise CannotReserve("card")
    # Locked: two who come at once are looked at one after the other, and the database has the last word.
    charger = db.execute(
        select(Charger.identity, Charger.admission, Charger.visible_to_all)
        .where(Charger.id == booking.charger_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if charger is None or charger.admission is not Admission.ACCEPTED:
        raise CannotReserve("charger")
    if is_driver and not (charger.visible_to_all or sees(db, caller.subject_id, booking.charger_id)):
        raise CannotReserve("charger")
    if booking.connector_number is not None:
        plug = select(Connector.id).where(
            Connector.charger_id == booking.charger_id,
            Connector.number > 0,
            place_number == booking.connector_number,
        )
        if db.execute(plug.limit(1)).first() is None:
            raise CannotReserve("connector")
    if others := conflicts(db, caller, booking):
        raise Conflict(others)
    return card.account_id, card.id_tag, charger.identity


def conflicts(db: Connection, caller: Caller, booking: Booking) -> tuple[Overlap, ...]:
    """What stands in the way of *booking*; a driver is not told whose it is (T6)."""
    found = overlaps(db, booking.charger_id, booking.connector_number, booking.starts_at, booking.ends_at)
    if caller.role is Role.OPERATOR:
        return found
    return tuple(one if one.account_id == caller.subject_id else one.without_name() for one in found)


def create(change: Change, caller: Caller, booking: Booking, now: datetime) -> int:
    """Store *booking*; its id. Raises as `check` does, and what the database raises for an overlap."""
    account_id, id_tag, identity = check(change.connection, caller, booking, now)
    row = {
        "account_id": account_id,
        "mapping_id": booking.mapping_id,
        "charger_id": booking.charger_id,
        "connector_number": booking.connector_number,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "created_at": now,
    }
    inserted = change.execute(insert(Reservation), row).inserted_primary_key
    assert inserted is not None
    reservation_id = int(inserted[0])
    details = {
        "charger": identity,
        "connector": booking.connector_number,
        "card": masked(id_tag),
        "from": booking.starts_at.isoformat(),
        "to": booking.ends_at.isoformat(),
    }
    about = f"reservation {reservation_id}"
    audit.record(
        change, caller, "reservation.create", now, about=about, subject_id=account_id, details=details
    )
    tell(change, account_id, booking.charger_id)
    return reservation_id


def is_overlap(error: IntegrityError) -> bool:
    """Whether the database refused because of another reservation (C15)."""
    return NO_OVERLAP in str(error.orig)


def cancel(change: Change, caller: Caller, reservation_id: int, now: datetime, patience: Patience) -> None:
    """Give up a reservation; the charger is asked to, if it knows of it. Cancelled twice is cancelled once.

    Raises `NotAllowed`, or `CannotReserve`: ``missing`` (none, or not theirs), ``over``, ``used``.
    """
    if caller.role not in (Role.OPERATOR, Role.DRIVER):
        raise NotAllowed("reservation.cancel")
    held = Reservation
    row = change.execute(
        select(held.account_id, held.charger_id, held.status, held.sent_at, held.ends_at, held.cancelled_at)
        .where(held.id == reservation_id)
        .with_for_update()
    ).one_or_none()
    if row is None or (caller.role is Role.DRIVER and row.account_id != caller.subject_id):
        raise CannotReserve("missing")
    if row.cancelled_at is not None:
        return
    if row.ends_at <= now:
        raise CannotReserve("over")
    if row.status is ReservationStatus.USED:
        raise CannotReserve("used")
    knows = row.status in (ReservationStatus.SENT, ReservationStatus.ACCEPTED)
    values: dict[str, Any] = {"cancelled_at": now, "status": ReservationStatus.CANCELLED}
    if knows:
        values |= {"charger_answer": None, "answered_at": None}
    change.execute(update(held).where(held.id == reservation_id).values(**values))
    audit.record(
        change,
        caller,
        "reservation.cancel",
        now,
        about=f"reservation {reservation_id}",
        subject_id=row.account_id,
    )
    if knows:
        _ask(change, caller, "cancel_reservation", reservation_id, row, now, patience)
    tell(change, row.account_id, row.charger_id)


def replace(
    change: Change,
    caller: Caller,
    reservation_id: int,
    booking: Booking,
    now: datetime,
    patience: Patience,
) -> int:
    """*booking* instead of a reservation; the new one's id. Raises as `cancel` and `create` do."""
    cancel(change, caller, reservation_id, now, patience)
    return create(change, caller, booking, now)


_PROGRAM = Caller(None, None, label="reservations")


def due(db: Connection, now: datetime, back: frozenset[int]) -> list[int]:
    """Reservations that their charger is to be told of now (C15).

    Those that have begun and were never sent; and for the chargers in *back*, which have just come back,
    those that could not be sent, or not be cancelled, while they were away.
    """
    held = Reservation
    away = and_(held.charger_answer.in_(("offline", "no_answer")), held.charger_id.in_(back))
    begun = and_(
        held.status == ReservationStatus.HELD,
        held.cancelled_at.is_(None),
        or_(held.charger_answer.is_(None), away),
    )
    unheard = and_(held.status == ReservationStatus.CANCELLED, away)
    found = (
        select(held.id)
        .where(held.ends_at > now, held.starts_at <= now, or_(begun, unheard))
        .order_by(held.starts_at, held.id)
    )
    return list(db.execute(found).scalars())


def send(change: Change, reservation_id: int, now: datetime, patience: Patience) -> None:
    """Ask the charger to hold a reservation that has begun, or to give up one that was cancelled meanwhile.

    One process does it: the row is locked and looked at again.
    """
    held = Reservation
    row = change.execute(
        select(
            held.account_id,
            held.charger_id,
            held.status,
            held.charger_answer,
            held.ends_at,
            Mapping.active,
            Mapping.blocked,
            Account.disabled_at,
        )
        .join(Mapping, Mapping.id == held.mapping_id)
        .join(Account, Account.id == held.account_id)
        .where(held.id == reservation_id)
        .with_for_update(of=held)
    ).one_or_none()
    if row is None or row.ends_at <= now:
        return
    if row.status is ReservationStatus.CANCELLED:
        if row.charger_answer in ("offline", "no_answer"):
            _set(change, reservation_id, charger_answer=None)
            _ask(change, _PROGRAM, "cancel_reservation", reservation_id, row, now, patience)
    elif row.status is ReservationStatus.HELD:
        if not row.active or row.blocked or row.disabled_at is not None:
            # Nobody could use it: the card is gone since it was made.
            _set(change, reservation_id, status=ReservationStatus.REFUSED, charger_answer="card")
        else:
            _set(
                change,
                reservation_id,
                status=ReservationStatus.SENT,
                sent_at=now,
                charger_answer=None,
                answered_at=None,
            )
            _ask(change, _PROGRAM, "reserve", reservation_id, row, now, patience)
    else:
        return
    tell(change, row.account_id, row.charger_id)


def _set(change: Change, reservation_id: int, **values: Any) -> None:
    change.execute(update(Reservation).where(Reservation.id == reservation_id).values(**values))


def _ask(
    change: Change,
    caller: Caller,
    kind: str,
    reservation_id: int,
    row: Row[Any],
    now: datetime,
    patience: Patience,
) -> None:
    charger_id, account_id = row.charger_id, row.account_id
    wish = Wish(charger_id, kind, reservation_id=reservation_id)
    granted = Granted({}, account_id, {"reservation": reservation_id})
    command_rows.write(change, caller, wish, granted, now, patience)


def tell(change: Change, account_id: int, charger_id: int) -> None:
    """Announce that a reservation came, went or went on."""
    change.announce(Announcement(Topic.RESERVATIONS, account_id), Announcement(Topic.CHARGERS, charger_id))
