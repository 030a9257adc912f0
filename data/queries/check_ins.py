"""When a charger was heard of in the last seven days (C4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from data.models import Charger, CheckIn

SLOT = timedelta(minutes=30)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_slots = (
    select(CheckIn.slot)
    .where(
        CheckIn.charger_id == bindparam("charger_id"),
        CheckIn.slot.between(bindparam("first"), bindparam("last")),
    )
    .order_by(CheckIn.slot)
)

_FIRST = select(func.min(CheckIn.slot))
"""Of any charger: before that nobody kept check-ins, and after a while all older ones are gone."""
_CHARGER = select(Charger.created_at, Charger.last_seen_at).where(Charger.id == bindparam("charger_id"))


def slot_of(moment: datetime) -> int:
    """The half hour since 1970 that *moment* is in."""
    return (moment - _EPOCH) // SLOT


def start_of(slot: int) -> datetime:
    """When *slot* began."""
    return _EPOCH + slot * SLOT


@dataclass(frozen=True, slots=True)
class CheckIns:
    """The half hours of a time in which a charger was heard of."""

    heard: frozenset[int]
    known_since: int
    """Nothing is known of the half hours before this one."""
    ever: bool
    """Whether the charger was ever heard of."""


def check_ins(db: Connection, charger_id: int, since: datetime, now: datetime) -> CheckIns:
    """When *charger_id* was heard of from *since* to *now*."""
    asked = {"charger_id": charger_id, "first": slot_of(since), "last": slot_of(now)}
    heard = frozenset(db.execute(_slots, asked).scalars())
    first = db.execute(_FIRST).scalar()
    charger = db.execute(_CHARGER, asked).one_or_none()
    created, seen = (None, None) if charger is None else charger
    known_since = max(slot_of(now) if first is None else first, 0 if created is None else slot_of(created))
    return CheckIns(heard, known_since, seen is not None)
