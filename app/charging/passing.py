"""What becomes due by the passing of time, and what other processes have changed meanwhile.

Each look costs a few index look-ups, however much history there is.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, union_all

from app import clock
from data import news
from data.announcements import Announcement, Topic
from data.database import Database
from data.live import Live
from data.models import Charger, Reservation
from data.queries.chargers import OFFLINE_AFTER

LOOK_EVERY = timedelta(seconds=2)
"""How often announcements of other processes are looked for on SQLite, which tells of none."""
AT_ONCE = 1_000
"""Announcements that one look takes; an import's further ones are taken by the next looks, at once."""
_TICK = timedelta(microseconds=1)

_SILENT = select(Charger.id).where(
    Charger.last_seen_at >= bindparam("after"), Charger.last_seen_at < bindparam("before")
)
_NEXT_SILENT = select(func.min(Charger.last_seen_at)).where(Charger.last_seen_at >= bindparam("before"))
_DUE = union_all(
    *(
        select(Reservation.account_id, Reservation.charger_id).where(
            column > bindparam("after"), column <= bindparam("until"), Reservation.cancelled_at.is_(None)
        )
        for column in (Reservation.starts_at, Reservation.ends_at)
    )
)
_NEXT = tuple(
    select(func.min(column)).where(column > bindparam("until"))
    for column in (Reservation.starts_at, Reservation.ends_at)
)


class Passing:
    """Remembers until when it has looked."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live
        self._until: datetime | None = None
        self._looked: datetime | None = None
        self._heard: int | None = None
        """The number of the newest announcement of other processes that was told here."""

    async def tick(self, now: datetime) -> datetime:
        """Announce what became due since the last call; returns when the next thing is due."""
        until = self._until
        look = self._database.dialect == "sqlite" and (
            self._looked is None or clock.is_over(self._looked, LOOK_EVERY, now)
        )
        found, due, self._heard = await self._database.ask(
            _look, until, now, self._heard, look, self._database.origin
        )
        self._until = now
        if look:
            self._looked = None if now in due else now  # there is more
        if until is not None and _minute(until) != _minute(now):
            found.append(Announcement(Topic.MINUTE))
        self._live.announce(found)
        due.append(_minute(now) + timedelta(minutes=1))
        if self._looked is not None:
            due.append(self._looked + LOOK_EVERY)
        return min(due)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _look(
    db: Connection, since: datetime | None, now: datetime, heard: int | None, look: bool, origin: str
) -> tuple[list[Announcement], list[datetime], int | None]:
    found: list[Announcement] = []
    if since is not None:
        span = {"after": since - OFFLINE_AFTER, "before": now - OFFLINE_AFTER}
        found += [Announcement(Topic.CHARGERS, charger) for charger in db.execute(_SILENT, span).scalars()]
        for row in db.execute(_DUE, {"after": since, "until": now}):
            found.append(Announcement(Topic.RESERVATIONS, row.account_id))
            found.append(Announcement(Topic.CHARGERS, row.charger_id))
    due = []
    silent = db.execute(_NEXT_SILENT, {"before": now - OFFLINE_AFTER}).scalar_one()
    if silent is not None:
        due.append(silent + OFFLINE_AFTER + _TICK)
    due += [
        moment
        for statement in _NEXT
        if (moment := db.execute(statement, {"until": now}).scalar_one()) is not None
    ]
    if look and heard is None:
        heard = news.newest(db)
    elif look and heard is not None:
        before = heard
        heard, told = news.since(db, before, origin, AT_ONCE)
        found += told
        if heard - before >= AT_ONCE:
            due.append(now)
    return found, due, heard
