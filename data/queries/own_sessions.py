"""All sessions of a driver with what was billed for them, page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Integer, bindparam, select

from data.models import Charge
from data.queries import session_list
from data.queries.session_list import Found, Place, Wanted

SHOWN = 25
"""Sessions on a page."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A line that was added after the first bill; *amount* (minor units) and *energy_wh* may be negative."""

    created_at: datetime
    energy_wh: int
    amount: int | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class OwnSessions:
    """A page of them, newest first."""

    found: Found = field(default_factory=Found)
    corrected: Mapping[int, tuple[Corrected, ...]] = field(default_factory=dict)
    """By session, oldest first; of this driver alone."""


_CORRECTED = (
    select(Charge.session_id, Charge.created_at, Charge.energy_wh, Charge.amount, Charge.currency)
    .where(
        Charge.session_id.in_(bindparam("ids", expanding=True, type_=Integer)),
        Charge.account_id == bindparam("account_id"),
        Charge.revision > 0,
    )
    .order_by(Charge.session_id, Charge.id)
)


def page(
    db: Connection, account_id: int, after: Place | None = None, before: Place | None = None
) -> OwnSessions:
    """The sessions of *account_id* *after* a place, else *before* one, else the newest.

    The newest, too, where there are none: nobody who has sessions is told that there are none.
    """
    found = session_list.page(db, Wanted(drivers=(account_id,)), after, before, SHOWN)
    if not found.sessions and (after or before):
        found = session_list.page(db, Wanted(drivers=(account_id,)), limit=SHOWN)
    ids = [one.id for one in found.sessions]
    corrected: dict[int, tuple[Corrected, ...]] = {}
    if ids:
        for row in db.execute(_CORRECTED, {"ids": ids, "account_id": account_id}):
            line = Corrected(row.created_at, row.energy_wh, row.amount, row.currency)
            corrected[row.session_id] = (*corrected.get(row.session_id, ()), line)
    return OwnSessions(found, corrected)
