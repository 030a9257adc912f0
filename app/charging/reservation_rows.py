"""The rows of reservations: looked at before they are written, guarded by the database itself (C15, T8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.charging import command_rows
from app.charging.command_rows import Patience
from app.charging.command_rules import Granted, Wish, sees, starts_another
from app.logs import masked
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller, NotAllowed
from data.database import Change
from data.models import Account, Charger, ChargerCommand, Connector, Mapping, Reservation
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
    not theirs), ``charger`` (none, not accepted, or not visible to them), ``connector``, ``starting``
    (somebody else is about to charge there); `Conflict`.
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
    # T8: who has asked to charge here now was first.
    now_held = booking.starts_at <= now
    if now_held and starts_another(db, booking.charger_id, booking.connector_number, card.account_id, now):
        raise CannotReserve("starting")
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
        select(
            held.account_id,
            held.charger_id,
            held.status,
            held.charger_answer,
            held.ends_at,
            held.cancelled_at,
        )
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
    # Whoever has not answered may hold it all the same.
    known = row.status in (ReservationStatus.SENT, ReservationStatus.ACCEPTED)
    known = known or row.charger_answer == "no_answer"
    values: dict[str, Any] = {"cancelled_at": now, "status": ReservationStatus.CANCELLED}
    change.execute(update(held).where(held.id == reservation_id).values(**values))
    audit.record(
        change,
        caller,
        "reservation.cancel",
        now,
        about=f"reservation {reservation_id}",
        subject_id=row.account_id,
    )
    if known:
        ask_to_give_up(change, caller, reservation_id, row, now, patience)
    tell(change, row.account_id, row.charger_id)


def give_up(change: Change, caller: Caller, reservation_id: int, now: datetime, patience: Patience) -> int:
    """Cancel a reservation, and ask its charger to, whatever it may know of it; the request's id.

    Raises as `cancel`. One that is cancelled already is asked for again.
    """
    cancel(change, caller, reservation_id, now, patience)
    command = ChargerCommand
    asked = select(command.id).where(
        command.finished_at.is_(None),
        command.kind == "cancel_reservation",
        command.reservation_id == reservation_id,
    )
    if (found := change.execute(asked.order_by(command.id.desc()).limit(1)).scalar()) is not None:
        return int(found)
    held = Reservation
    row = change.execute(select(held.account_id, held.charger_id).where(held.id == reservation_id)).one()
    return ask_to_give_up(change, caller, reservation_id, row, now, patience)


def ask_to_give_up(
    change: Change, caller: Caller, reservation_id: int, row: Row[Any], now: datetime, patience: Patience
) -> int:
    """Ask the charger to give up a reservation that is cancelled; the request's id."""
    asked = {"sent_at": now, "charger_answer": None, "answered_at": None}
    change.execute(update(Reservation).where(Reservation.id == reservation_id).values(**asked))
    return ask_charger(change, caller, "cancel_reservation", reservation_id, row, now, patience)


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


def ask_charger(
    change: Change,
    caller: Caller,
    kind: str,
    reservation_id: int,
    row: Row[Any],
    now: datetime,
    patience: Patience,
) -> int:
    """Write the request of *kind* about a reservation's *row*; its id."""
    charger_id, account_id = row.charger_id, row.account_id
    wish = Wish(charger_id, kind, reservation_id=reservation_id)
    granted = Granted({}, account_id, {"reservation": reservation_id})
    return command_rows.write(change, caller, wish, granted, now, patience)


def tell(change: Change, account_id: int, charger_id: int) -> None:
    """Announce that a reservation came, went or went on."""
    change.announce(Announcement(Topic.RESERVATIONS, account_id), Announcement(Topic.CHARGERS, charger_id))
