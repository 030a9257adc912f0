"""A transaction begins: found if it was told before (C9), stored if not, whoever's tag it is (C10)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from app.charging import sightings, tags
from app.charging.connectors import connector
from app.charging.metering.device_time import TimeFlag
from app.charging.reports import Start
from app.charging.running import Note
from data.announcements import Announcement, Topic
from data.database import Change
from data.models import ChargingSession, Reservation
from data.queries.reservations import held
from data.types import Authorization, ReservationStatus

GUESSED = frozenset({TimeFlag.NOT_SET.value, TimeFlag.UNREADABLE.value, TimeFlag.SKEW.value})
"""Times that follow from the moment of receipt: a repeated message gets another one."""

_sessions = ChargingSession
_OF_TRANSACTION = select(_sessions.id, _sessions.authorization, _sessions.connector_id).where(
    _sessions.charger_id == bindparam("charger_id"),
    _sessions.ocpp_transaction_id == bindparam("transaction_id"),
)
_AT = select(_sessions.id, _sessions.authorization, _sessions.meter_start).where(
    _sessions.connector_id == bindparam("connector_id"),
    _sessions.started_at == bindparam("started_at"),
    _sessions.id_tag == bindparam("id_tag"),
    _sessions.ocpp_transaction_id.is_(None),
    _sessions.source == "ocpp",
)
_ACTIVE = select(
    _sessions.id,
    _sessions.authorization,
    _sessions.id_tag,
    _sessions.account_id,
    _sessions.started_at,
    _sessions.reading_at,
    _sessions.meter_start,
    _sessions.ocpp_transaction_id,
    _sessions.flags,
).where(_sessions.connector_id == bindparam("connector_id"), _sessions.ended_at.is_(None))
_NEWER = (
    select(_sessions.id)
    .where(
        _sessions.connector_id == bindparam("connector_id"), _sessions.started_at > bindparam("started_at")
    )
    .limit(1)
)
_INSERT = insert(_sessions)
_END = (
    update(_sessions)
    .where(_sessions.id == bindparam("session_id"), _sessions.ended_at.is_(None))
    .values(
        ended_at=bindparam("end"),
        stop_received_at=bindparam("told"),
        power_w=None,
        power_derived=False,
        flags=bindparam("notes"),
    )
)
_RESERVED = select(Reservation.id, Reservation.account_id).where(
    Reservation.id == bindparam("reservation_id"),
    Reservation.charger_id == bindparam("charger_id"),
    held,
)
_COVERING = select(Reservation.id, Reservation.account_id).where(
    Reservation.charger_id == bindparam("charger_id"),
    Reservation.account_id == bindparam("account_id"),
    Reservation.starts_at <= bindparam("at"),
    Reservation.ends_at > bindparam("at"),
    held,
    or_(Reservation.connector_number.is_(None), Reservation.connector_number == bindparam("number")),
)
_USED = (
    update(Reservation)
    .where(Reservation.id == bindparam("reservation_id"))
    .values(status=ReservationStatus.USED)
)


@dataclass(frozen=True, slots=True)
class Begun:
    """What became of a start."""

    session_id: int
    authorization: Authorization
    new: bool
    over: bool = False
    """It is an older one than what the connector had since: stored as over."""
    ended: tuple[int, ...] = ()
    """Sessions that it ended."""


def begin(change: Change, charger_id: int, start: Start, *, live: bool, over: bool = False) -> Begun:
    """Store the session of *start*, or find it. *live*: it happens now; else it may be replayed (C13).

    A session in progress on the connector ends at its last known reading, unless *start* is the older
    one; then, or with *over*, *start* is stored as over already.
    """
    if start.transaction_id is not None:
        key = {"charger_id": charger_id, "transaction_id": start.transaction_id}
        if (told := change.execute(_OF_TRANSACTION, key).one_or_none()) is not None:
            return Begun(told.id, told.authorization, new=False)
    plug = connector(change, charger_id, start.place)
    id_tag = tags.normal(start.id_tag)
    active = change.execute(_ACTIVE, {"connector_id": plug}).one_or_none()
    if (told := _told_before(change, plug, id_tag, start, active)) is not None:
        return Begun(told.id, told.authorization, new=False)

    bearer = tags.bearer(change.connection, id_tag)
    over = over or (
        not live
        and change.execute(_NEWER, {"connector_id": plug, "started_at": start.at}).first() is not None
    )
    ended: tuple[int, ...] = ()
    if active is not None and not over:
        end_without_stop(change, charger_id, active, Note.ENDED_BY_NEW_START)
        ended = (active.id,)
    reservation_id = _use_reservation(change, charger_id, start, bearer.account_id)
    notes = {*start.flags, *((Note.ENDED_BY_NEW_START.value,) if over else ())}
    row: dict[str, Any] = {
        "ocpp_transaction_id": start.transaction_id,
        "charger_id": charger_id,
        "connector_id": plug,
        "id_tag": id_tag,
        "authorization": bearer.authorization,
        "mapping_id": bearer.mapping_id,
        "account_id": bearer.account_id,
        "reservation_id": reservation_id,
        "started_at": start.at,
        "received_at": start.received_at,
        "ended_at": start.at if over else None,
        "meter_start": start.meter_start,
        "energy_started_at": start.at,
        "energy_ended_at": start.at,
        "replayed": not live,
        "flags": sorted(notes),
    }
    inserted = change.execute(_INSERT, row).inserted_primary_key
    assert inserted is not None
    seen_at = min(start.at, start.received_at)
    sightings.note(change, id_tag, charger_id, seen_at, start.place.number)
    tell(change, charger_id, bearer.account_id)
    return Begun(int(inserted[0]), bearer.authorization, new=True, over=over, ended=ended)


def end_without_stop(
    change: Change, charger_id: int, active: Any, why: Note, told_at: datetime | None = None
) -> None:
    """End *active* at its last known reading: no stop came (C12).

    *told_at* is when an operator said so.
    """
    end: datetime = max(active.reading_at or active.started_at, active.started_at)
    notes = sorted({*active.flags, why.value})
    change.execute(_END, {"session_id": active.id, "end": end, "told": told_at, "notes": notes})
    tell(change, charger_id, active.account_id)


def active_session(db: Connection, session_id: int) -> Any:
    """The columns that `end_without_stop` wants; ``None`` if it is not in progress."""
    return db.execute(
        select(
            _sessions.id,
            _sessions.charger_id,
            _sessions.account_id,
            _sessions.started_at,
            _sessions.reading_at,
            _sessions.flags,
        ).where(_sessions.id == session_id, _sessions.ended_at.is_(None))
    ).one_or_none()


def tell(change: Change, charger_id: int, account_id: int | None) -> None:
    """Announce that a session of *account_id* (``None``: nobody's) began, ended or changed hands."""
    if account_id is not None:
        change.announce(Announcement(Topic.SESSIONS, account_id))
    change.announce(Announcement(Topic.CHARGERS, charger_id))


def _told_before(change: Change, plug: int, id_tag: str, start: Start, active: Any) -> Any:
    """The session that a repeated StartTransaction means (C9)."""
    if start.transaction_id is not None:
        return None
    key = {"connector_id": plug, "started_at": start.at, "id_tag": id_tag}
    for told in change.execute(_AT, key):
        if told.meter_start == start.meter_start:
            return told
    # The time was guessed from the moment of receipt: the same register tells that it is the same one.
    if (
        active is not None
        and active.ocpp_transaction_id is None
        and GUESSED & set(start.flags)
        and GUESSED & set(active.flags)
        and (active.id_tag, active.meter_start) == (id_tag, start.meter_start)
    ):
        return active
    return None


def _use_reservation(change: Change, charger_id: int, start: Start, account_id: int | None) -> int | None:
    """The reservation that the start makes use of: the one it names, else the driver's that covers it."""
    if account_id is None:
        return None
    found = None
    if start.reservation_id is not None:
        key = {"reservation_id": start.reservation_id, "charger_id": charger_id}
        found = change.execute(_RESERVED, key).one_or_none()
    if found is None or found.account_id != account_id:
        number = start.place.evse or start.place.number
        where = {"charger_id": charger_id, "account_id": account_id, "at": start.at, "number": number}
        found = change.execute(_COVERING, where).first()
    if found is None:
        return None
    change.execute(_USED, {"reservation_id": found.id})
    change.announce(Announcement(Topic.RESERVATIONS, account_id))
    return int(found.id)
