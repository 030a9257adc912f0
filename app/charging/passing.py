"""What becomes due by the passing of time, and what other processes have changed meanwhile.

Each look costs a few index look-ups, however much history there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select, union_all

from data.announcements import Announcement, Topic
from data.database import Database
from data.live import Live
from data.models import (
    Account,
    Charger,
    ChargingSession,
    Connector,
    Mapping,
    Reservation,
    Subscription,
)
from data.queries.chargers import OFFLINE_AFTER

LOOK_EVERY = timedelta(seconds=2)
"""How often changes of other processes are looked for on SQLite, which tells of none."""
AT_ONCE = 1_000
"""New rows that are announced one by one; an import of more is announced once it is over."""
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
        self._newest: Newest | None = None

    async def tick(self, now: datetime) -> datetime:
        """Announce what became due since the last call; returns when the next thing is due."""
        until = self._until
        look = self._database.dialect == "sqlite" and (
            self._looked is None or now - self._looked >= LOOK_EVERY
        )
        found, due, newest = await self._database.ask(_look, until, now, self._newest, look)
        self._until = now
        if look:
            self._looked = now
            self._newest = newest
        if until is not None and _minute(until) < _minute(now):
            found.append(Announcement(Topic.MINUTE))
        self._live.announce(found)
        due.append(_minute(now) + timedelta(minutes=1))
        if self._looked is not None:
            due.append(self._looked + LOOK_EVERY)
        return min(due)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


@dataclass(slots=True)
class Newest:
    """The newest rows that were there at the last look, and the file's state then."""

    versions: dict[int, int] = field(default_factory=dict)
    """`PRAGMA data_version` by connection: it means something on the same one only."""
    ids: dict[str, int] = field(default_factory=dict)


def _look(
    db: Connection, since: datetime | None, now: datetime, newest: Newest | None, look: bool
) -> tuple[list[Announcement], list[datetime], Newest | None]:
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
    if look:
        newest, changes = _others(db, newest)
        found += changes
    return found, due, newest


_WATCHED: dict[str, tuple[type, Topic, str]] = {
    "accounts": (Account, Topic.PEOPLE, "id"),
    "mappings": (Mapping, Topic.PEOPLE, "account_id"),
    "subscriptions": (Subscription, Topic.PLAN, "account_id"),
    "reservations": (Reservation, Topic.RESERVATIONS, "account_id"),
    "chargers": (Charger, Topic.CHARGERS, "id"),
    "connectors": (Connector, Topic.CHARGERS, "charger_id"),
    "sessions": (ChargingSession, Topic.SESSIONS, "account_id"),
}


def _others(db: Connection, before: Newest | None) -> tuple[Newest, list[Announcement]]:
    """What is new in the tables since *before*: rows that this process made are among them, at no harm."""
    key = id(db.connection.dbapi_connection)
    version = db.exec_driver_sql("PRAGMA data_version").scalar_one()
    if before is not None and before.versions.get(key) == version:
        return before, []
    now = Newest({**(before.versions if before else {}), key: version})
    found: dict[tuple[Topic, int], Announcement] = {}
    for name, (table, topic, about) in _WATCHED.items():
        top = db.execute(select(func.max(table.id))).scalar_one() or 0  # type: ignore[attr-defined]
        now.ids[name] = top
        if before is None or top <= before.ids[name]:
            continue
        for subject in _subjects(db, table, about, before.ids[name]):
            found[topic, subject] = Announcement(topic, subject)
            if topic is Topic.PEOPLE:
                found[Topic.SESSIONS, subject] = Announcement(Topic.SESSIONS, subject)
    return now, list(found.values())


def _subjects(db: Connection, table: type, about: str, after: int) -> Iterator[int]:
    column = getattr(table, about)
    statement = select(column).where(table.id > after, column.is_not(None)).distinct()  # type: ignore[attr-defined]
    if table is ChargingSession:
        statement = statement.where(ChargingSession.source != "ocpp")  # this process tells of those itself
    yield from db.execute(statement.limit(AT_ONCE)).scalars()
