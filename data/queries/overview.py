"""The figures of the operator's overview, and the sessions in progress. Nothing here grows with history."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, func, select

from data.announcements import Announcement, Announcer, Topic
from data.models import Account, Charger, ChargingSession, Connector
from data.queries.charger_list import ConsoleStatus as Status
from data.queries.charger_list import statuses
from data.queries.sessions import place_number
from data.types import Admission, Role

T = TypeVar("T")
SHOWN = 15
COUNTED = 10_000
"""Sessions that wait to be settled are counted up to here."""
TOLERANCE = timedelta(seconds=60)
"""A reading is fresh for as long as its charger takes between two, and this (P8)."""


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A session in progress. Unknown is ``None``."""

    id: int
    charger_name: str
    connector_number: int | None
    """``None`` where the charger has only one."""
    driver: str | None
    """``None``: nobody's, its tag is not mapped."""
    started_at: datetime
    energy_wh: int | None
    power_w: int | None
    """``None`` too where the last reading is too old to tell what flows now."""
    reading_at: datetime | None
    stale: bool
    """Its next reading is overdue (P8)."""


@dataclass(frozen=True, slots=True)
class LiveSessions:
    """What runs right now. Replayed sessions are not among it: they may be over for hours (C13)."""

    shown: tuple[LiveRow, ...]
    """At most `SHOWN`: by power, then by energy."""
    number: int
    power_w: int
    """The sum of what is known."""
    unknown: int
    """Sessions of which the power is not known."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures besides those of `LiveSessions` and energy."""

    connectors: int
    chargers: int
    """Accepted ones."""
    offline: int
    """Those of them that are not heard of, as the list of chargers counts them."""
    out_of_service: int
    """Those that are heard of and say that they are not to be used."""
    faults: int
    """Those that are heard of and report a fault."""
    settling: int
    """Ended, with a driver, and not finalized; at most `COUNTED`."""
    oldest_settling: datetime | None
    drivers: int
    """That are not disabled."""


_plugs = select(func.count()).select_from(Connector).where(Connector.number > 0)
_siblings = Connector.__table__.alias("siblings")
_connectors = (
    select(func.count())
    .select_from(_siblings)
    .where(_siblings.c.charger_id == ChargingSession.charger_id, _siblings.c.number > 0)
    .correlate(ChargingSession)
    .scalar_subquery()
)
_live = (
    select(
        ChargingSession.id,
        Charger.name.label("charger_name"),
        place_number.label("place"),
        Connector.number,
        _connectors.label("plugs"),
        Account.name.label("driver"),
        ChargingSession.started_at,
        ChargingSession.has_reading,
        ChargingSession.energy_wh,
        ChargingSession.power_w,
        ChargingSession.reading_at,
        Charger.reading_interval,
    )
    .join(Charger, Charger.id == ChargingSession.charger_id)
    .join(Connector, Connector.id == ChargingSession.connector_id)
    .outerjoin(Account, Account.id == ChargingSession.account_id)
    .where(ChargingSession.ended_at.is_(None), ChargingSession.replayed.is_(False))
)


def live_sessions(db: Connection, now: datetime, sort: str = "power", limit: int = SHOWN) -> LiveSessions:
    """The sessions in progress at *now*, the first *limit* by *sort*: ``power``, ``energy``, ``duration``,
    ``reading`` (the oldest reading first). As many rows are read as there are cables in use.
    """
    rows = []
    for row in db.execute(_live):
        read = row.reading_at
        stale = read is not None and now - read > timedelta(seconds=row.reading_interval) + TOLERANCE
        rows.append(
            LiveRow(
                id=row.id,
                charger_name=row.charger_name,
                connector_number=row.place if row.plugs > 1 and row.number else None,
                driver=row.driver,
                started_at=row.started_at,
                energy_wh=row.energy_wh if row.has_reading else None,
                power_w=None if stale else row.power_w,
                reading_at=read,
                stale=stale,
            )
        )
    rows.sort(key=ORDERS.get(sort, ORDERS["power"]))
    return LiveSessions(
        shown=tuple(rows[:limit]),
        number=len(rows),
        power_w=sum(row.power_w or 0 for row in rows),
        unknown=sum(row.power_w is None for row in rows),
    )


ORDERS: dict[str, Callable[[LiveRow], tuple[Any, ...]]] = {
    "power": lambda row: (-(row.power_w if row.power_w is not None else -1), -(row.energy_wh or 0), row.id),
    "energy": lambda row: (-(row.energy_wh if row.energy_wh is not None else -1), row.id),
    "duration": lambda row: (row.started_at, row.id),
    "reading": lambda row: (row.reading_at is not None, row.reading_at or row.started_at, row.id),
}

_accepted = Charger.admission == Admission.ACCEPTED
_waits = (
    select(ChargingSession.ended_at)
    .where(
        ChargingSession.ended_at.is_not(None),
        ChargingSession.finalized_at.is_(None),
        ChargingSession.account_id.is_not(None),  # what is nobody's waits for its tag, not for us
    )
    .order_by(ChargingSession.ended_at, ChargingSession.id)
)
_settling = select(func.count()).select_from(_waits.limit(COUNTED).subquery())
_drivers = (
    select(func.count())
    .select_from(Account)
    .where(Account.role == Role.DRIVER, Account.disabled_at.is_(None))
)
_connectors_of_all = _plugs.join(Charger, Charger.id == Connector.charger_id).where(_accepted)


def figures(db: Connection, now: datetime) -> Figures:
    """The figures as they are at *now*."""
    of_chargers = statuses(db, now)
    return Figures(
        connectors=db.execute(_connectors_of_all).scalar_one(),
        chargers=of_chargers.total() - of_chargers[Status.PENDING] - of_chargers[Status.BLOCKED],
        offline=of_chargers[Status.OFFLINE],
        out_of_service=of_chargers[Status.OUT_OF_SERVICE],
        faults=of_chargers[Status.FAULT],
        settling=db.execute(_settling).scalar_one(),
        oldest_settling=db.execute(_waits.limit(1)).scalar_one_or_none(),
        drivers=db.execute(_drivers).scalar_one(),
    )


class Shared(Generic[T]):
    """The newest answer of a question that all open pages of this process ask at about the same time.

    It is asked anew when something of *topics* was told since, or *fresh* seconds have gone by.
    """

    def __init__(self, live: Announcer, fresh: float, *topics: Topic) -> None:
        self._fresh = fresh
        self._told = 0
        self._answers: dict[Hashable, tuple[int, float, T]] = {}
        self._lock = threading.Lock()
        for topic in topics:
            live.listen(topic, self._out_of_date)

    def answer(self, ask: Callable[[], T], *which: Hashable) -> T:
        """What *ask* answers about *which*, or has a moment ago; called in any thread."""
        with self._lock:  # whoever comes while one asks waits for that answer
            told, at, known = self._told, time.monotonic(), self._answers.get(which)
            if known is None or known[0] != told or at - known[1] >= self._fresh:
                for old in [key for key, (_, made, _) in self._answers.items() if at - made >= self._fresh]:
                    del self._answers[old]
                known = self._answers[which] = told, at, ask()
            return known[2]

    def _out_of_date(self, announcement: Announcement) -> None:
        self._told += 1
