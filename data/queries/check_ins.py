"""When a charger was heard of in the last seven days (C4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from data.models import CheckIn

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


def slot_of(moment: datetime) -> int:
    """The half hour since 1970 that *moment* is in."""
    return (moment - _EPOCH) // SLOT


def start_of(slot: int) -> datetime:
    """When *slot* began."""
    return _EPOCH + slot * SLOT


def check_ins(db: Connection, charger_id: int, since: datetime, now: datetime) -> frozenset[int]:
    """The half hours from *since* to *now* in which *charger_id* was heard of."""
    asked = {"charger_id": charger_id, "first": slot_of(since), "last": slot_of(now)}
    return frozenset(db.execute(_slots, asked).scalars())
