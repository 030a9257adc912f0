"""Which past sessions of a card go along when it gets its driver, or another one (C10, P4).

Those that were made while the card was somebody's, and that nobody has because it was blocked, are not
the next driver's: they are handed over one by one, if at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, or_, select

from data.models import ChargingSession, Mapping

MOST = 200
"""Sessions of the driver before that go along at once: each is billed anew, in one transaction."""
COUNTED = 1_000
"""Sessions of nobody that are counted at most."""


@dataclass(frozen=True, slots=True)
class Going:
    """What goes along."""

    of_nobody: int = 0
    """`COUNTED` at most."""
    theirs: int = 0
    """Of the driver who had the card last; more than `MOST` are too many."""
    running: int = 0
    """How many of both are in progress."""

    @property
    def number(self) -> int:
        """All of them."""
        return self.of_nobody + self.theirs


def going(
    db: Connection,
    id_tag: str,
    account_id: int | None = None,
    since: datetime | None = None,
    *,
    nobodys: bool = True,
) -> Going:
    """What goes along with the card *id_tag*: sessions of nobody, and of *account_id* since *since*."""
    of_nobody = _ended(db, nobodys_sessions(id_tag, since), COUNTED) if nobodys else []
    theirs: list[bool] = []
    if account_id is not None and since is not None:
        theirs = _ended(db, their_sessions(id_tag, account_id, since), MOST + 1)
    return Going(len(of_nobody), len(theirs), [*of_nobody, *theirs].count(False))


def nobodys_sessions(
    id_tag: str, since: datetime | None = None, *, but: int | None = None
) -> list[ColumnElement[bool]]:
    """Sessions that belong to nobody, of times in which the card did too (the mapping *but* is none)."""
    started_at = ChargingSession.started_at
    owned = select(Mapping.id).where(
        Mapping.id_tag == id_tag,
        Mapping.created_at <= started_at,
        or_(Mapping.active, Mapping.deactivated_at > started_at),
    )
    if but is not None:
        owned = owned.where(Mapping.id != but)
    which = [_of(id_tag), ChargingSession.account_id.is_(None), ~owned.exists()]
    return which if since is None else [*which, started_at >= since]


def their_sessions(id_tag: str, account_id: int, since: datetime) -> list[ColumnElement[bool]]:
    """Those of the driver *account_id* that began at *since* or later."""
    return [_of(id_tag), ChargingSession.account_id == account_id, ChargingSession.started_at >= since]


def _of(id_tag: str) -> ColumnElement[bool]:
    # As it is stored, and as earlier imports may have: by the index, not through 3,000,000 rows.
    return ChargingSession.id_tag.in_({id_tag, id_tag.lower()})


def _ended(db: Connection, which: list[ColumnElement[bool]], most: int) -> list[bool]:
    ended = ChargingSession.ended_at.is_not(None)
    found = select(ended.label("ended")).where(*which).limit(most).subquery()
    rows = db.execute(select(found.c.ended, func.count()).group_by(found.c.ended))
    return [bool(is_over) for is_over, number in rows for _ in range(number)]
