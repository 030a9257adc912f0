"""The half hours in which each charger was heard of, for the strip of its last seven days (C4).

Written in the same change as the charger's last check-in, once a half hour: nothing of its own on the
way of a message.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from data.database import Change
from data.models import CheckIn
from data.queries.check_ins import slot_of

KEPT = timedelta(days=8)
"""One more than is shown: days begin at midnights of other zones than ours."""
PRUNE_EVERY = timedelta(hours=1)

_OLD = select(CheckIn.slot).where(CheckIn.slot < bindparam("oldest")).limit(1)
_PRUNE = delete(CheckIn).where(CheckIn.slot < bindparam("oldest"))


class CheckIns:
    """Knows which half hours of which chargers are written already."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}

    def news(self, seen: dict[int, datetime]) -> list[dict[str, Any]]:
        """Rows of `CheckIn` that *seen* (moments by charger) has brought, each once."""
        rows = []
        for charger_id, moment in seen.items():
            slot = slot_of(moment)
            if self._slots.get(charger_id) != slot:
                self._slots[charger_id] = slot
                rows.append({"charger_id": charger_id, "slot": slot})
        return rows


def write(change: Change, rows: list[dict[str, Any]]) -> None:
    """Write *rows*; one that another process or an earlier start has written stays."""
    for row in rows:
        change.later(change.insert_once(CheckIn), row)


def too_old(db: Connection, now: datetime) -> bool:
    """Whether there is something to prune."""
    return db.execute(_OLD, {"oldest": slot_of(now - KEPT)}).first() is not None


def prune(change: Change, now: datetime) -> None:
    """Forget the half hours that nobody is shown any more."""
    change.execute(_PRUNE, {"oldest": slot_of(now - KEPT)})
