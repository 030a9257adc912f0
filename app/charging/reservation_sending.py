"""What chargers are told of reservations, and when (C15): their rows, each looked at again under a lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update

from app.charging.command_rows import Patience
from app.charging.reservation_rows import (
    CannotReserve,
    Conflict,
    ask_charger,
    ask_to_give_up,
    tell,
)
from data import audit
from data.caller import Caller, NotAllowed
from data.database import Change
from data.models import Account, ChargingSession, Connector, Mapping, Reservation
from data.queries.reservations import overlaps
from data.types import ReservationStatus, Role

ASK_AGAIN = timedelta(minutes=1)
"""After which a charger that has not answered is asked again; then after as long as it took so far."""
_PROGRAM = Caller(None, None, label="reservations")
_SHORTEST = timedelta(seconds=1)
_held = Reservation


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done about reservations."""

    send: tuple[int, ...]
    """Their charger is to be told of them now."""
    finish: tuple[int, ...]
    """Their charge has ended."""
    in_use: frozenset[int]
    """The drivers who charge with one."""
    again_at: datetime | None
    """When the next charger that has not answered is asked again."""


def due(db: Connection, now: datetime, back: frozenset[int], again: timedelta = ASK_AGAIN) -> Due:
    """What is to be done *now* (C15); *back* are chargers that have just come back.

    Sent are those that have begun and never were; for chargers in *back*, those that could not be sent, or
    not be cancelled, while they were away; and what a charger has not answered, at doubling intervals,
    which are few until the reservation is over.
    """
    send, again_at = [], None
    for row in db.execute(
        select(
            _held.id,
            _held.charger_id,
            _held.status,
            _held.charger_answer,
            _held.starts_at,
            _held.sent_at,
            _held.cancelled_at,
        )
        .where(
            _held.ends_at > now,
            _held.starts_at <= now,
            _held.status.in_((ReservationStatus.HELD, ReservationStatus.CANCELLED)),
        )
        .order_by(_held.starts_at, _held.id)
    ):
        if row.charger_answer is None:
            if row.status is ReservationStatus.HELD:
                send.append(row.id)
        elif row.charger_answer in ("offline", "no_answer") and row.charger_id in back:
            send.append(row.id)
        elif row.charger_answer == "no_answer":
            since, last = row.cancelled_at or row.starts_at, row.sent_at or now
            at = last + max(again, last - since)
            if at <= now:
                send.append(row.id)
            else:
                again_at = at if again_at is None else min(at, again_at)
    finish, in_use = [], set()
    used = select(_held.id, _held.account_id, _held.charger_id).where(
        _held.ends_at > now, _held.status == ReservationStatus.USED, _held.cancelled_at.is_(None)
    )
    for one, account_id, charger_id in db.execute(used):
        if _is_charging(db, one, charger_id):
            in_use.add(account_id)
        else:
            finish.append(one)
    return Due(tuple(send), tuple(finish), frozenset(in_use), again_at)


def _is_charging(db: Connection, reservation_id: int, charger_id: int) -> bool:
    running = (
        select(ChargingSession.id)
        .join(Connector, Connector.id == ChargingSession.connector_id)
        .where(
            Connector.charger_id == charger_id,
            ChargingSession.ended_at.is_(None),
            ChargingSession.reservation_id == reservation_id,
        )
    )
    return db.execute(running.limit(1)).first() is not None


def finish(change: Change, reservation_id: int, now: datetime) -> None:
    """End a reservation whose charge has ended: the place is free for others."""
    row = change.execute(
        select(_held.account_id, _held.charger_id, _held.status, _held.starts_at, _held.ends_at)
        .where(_held.id == reservation_id)
        .with_for_update()
    ).one_or_none()
    if row is None or row.status is not ReservationStatus.USED:
        return
    ends_at = max(now, row.starts_at + _SHORTEST)
    if row.ends_at <= ends_at or _is_charging(change.connection, reservation_id, row.charger_id):
        return
    _set(change, reservation_id, ends_at=ends_at)
    tell(change, row.account_id, row.charger_id)


def send(change: Change, reservation_id: int, now: datetime, patience: Patience) -> None:
    """Ask the charger to hold a reservation that has begun, or to give up one that was cancelled meanwhile.

    One process does it: the row is locked and looked at again.
    """
    row = _row(change, reservation_id)
    if row is None or row.ends_at <= now:
        return
    if row.status is ReservationStatus.CANCELLED:
        if row.charger_answer in ("offline", "no_answer"):
            ask_to_give_up(change, _PROGRAM, reservation_id, row, now, patience)
    elif row.status is ReservationStatus.HELD:
        if _is_gone(row):
            # Nobody could use it: the card is gone since it was made.
            _set(change, reservation_id, status=ReservationStatus.REFUSED, charger_answer="card")
        else:
            _send(change, _PROGRAM, reservation_id, row, now, patience)
    else:
        return
    tell(change, row.account_id, row.charger_id)


def ask(change: Change, caller: Caller, reservation_id: int, now: datetime, patience: Patience) -> int:
    """Ask the charger to hold a reservation, now, because *caller* wants it; the request's id.

    Also one that it has refused. Raises `NotAllowed`, or `CannotReserve`: ``missing`` (none, or not theirs),
    ``over``, ``early`` (it has not begun), ``asked`` (the charger was, already), ``card``; `Conflict` where
    the place is somebody else's since it was refused.
    """
    if caller.role not in (Role.OPERATOR, Role.DRIVER):
        raise NotAllowed("reservation.send")
    row = _row(change, reservation_id)
    if row is None or (caller.role is Role.DRIVER and row.account_id != caller.subject_id):
        raise CannotReserve("missing")
    if row.ends_at <= now or row.status in (ReservationStatus.CANCELLED, ReservationStatus.USED):
        raise CannotReserve("over")
    if row.starts_at > now:
        raise CannotReserve("early")
    if row.status in (ReservationStatus.SENT, ReservationStatus.ACCEPTED):
        raise CannotReserve("asked")
    if _is_gone(row):
        raise CannotReserve("card")
    if row.status is ReservationStatus.REFUSED:
        place = row.charger_id, row.connector_number, now, row.ends_at
        others = tuple(one for one in overlaps(change.connection, *place) if one.id != reservation_id)
        if others:
            is_operator = caller.role is Role.OPERATOR
            raise Conflict(others if is_operator else tuple(one.without_name() for one in others))
    command_id = _send(change, caller, reservation_id, row, now, patience)
    tell(change, row.account_id, row.charger_id)
    return command_id


def retry(change: Change, caller: Caller, reservation_id: int, now: datetime, patience: Patience) -> None:
    """As `ask`, and kept in the audit log as what was done with the reservation."""
    ask(change, caller, reservation_id, now, patience)
    row = change.execute(select(_held.account_id).where(_held.id == reservation_id)).one()
    about = f"reservation {reservation_id}"
    audit.record(change, caller, "reservation.send", now, about=about, subject_id=row.account_id)


def _row(change: Change, reservation_id: int) -> Row[Any] | None:
    return change.execute(
        select(
            _held.account_id,
            _held.charger_id,
            _held.connector_number,
            _held.status,
            _held.charger_answer,
            _held.starts_at,
            _held.ends_at,
            Mapping.active,
            Mapping.blocked,
            Account.disabled_at,
        )
        .join(Mapping, Mapping.id == _held.mapping_id)
        .join(Account, Account.id == _held.account_id)
        .where(_held.id == reservation_id)
        .with_for_update(of=_held)
    ).one_or_none()


def _is_gone(row: Row[Any]) -> bool:
    return not row.active or row.blocked or row.disabled_at is not None


def _send(
    change: Change, caller: Caller, reservation_id: int, row: Row[Any], now: datetime, patience: Patience
) -> int:
    sent = {"status": ReservationStatus.SENT, "sent_at": now, "charger_answer": None, "answered_at": None}
    _set(change, reservation_id, **sent)
    return ask_charger(change, caller, "reserve", reservation_id, row, now, patience)


def _set(change: Change, reservation_id: int, **values: Any) -> None:
    change.execute(update(_held).where(_held.id == reservation_id).values(**values))
