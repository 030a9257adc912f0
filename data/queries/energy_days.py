"""What all sessions of the portal have drawn by local day, exact to the Wh (P14, P15).

A session that has ended within a day is told by an index alone, where the database adds up; only of
those that cross a midnight are steps read, as for a driver (`data.queries.usage`). What runs is asked apart,
so that no reading writes to that index.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, Connection, Row, bindparam, cast, func, select

from data.models import ChargingSession
from data.periods import Window, day_start, local_day
from data.queries.usage import DayEnergy, Drawn, Usage, cut

DAYS = 30
PAST_KEPT = timedelta(minutes=10)
"""The days before today are added up again after so long: only what chargers tell late changes them."""
THEN_KEPT = timedelta(minutes=1)
WEEK = timedelta(days=7)

_row = (
    ChargingSession.id,
    ChargingSession.energy_started_at,
    ChargingSession.energy_ended_at,
    ChargingSession.energy_wh,
)
_has_ended = (ChargingSession.ended_at.is_not(None), ChargingSession.energy_wh > 0)
_within = select(cast(func.coalesce(func.sum(ChargingSession.energy_wh), 0), BigInteger)).where(
    *_has_ended,
    ChargingSession.energy_ended_at >= bindparam("starts_at"),
    ChargingSession.energy_ended_at <= bindparam("ends_at"),
    ChargingSession.energy_started_at >= bindparam("starts_at"),
    ChargingSession.energy_started_at < bindparam("ends_at"),
)
_begun_before = select(*_row).where(
    *_has_ended,
    ChargingSession.energy_ended_at > bindparam("starts_at"),
    ChargingSession.energy_ended_at <= bindparam("ends_at"),
    ChargingSession.energy_started_at < bindparam("starts_at"),
)
_over_the_end = select(*_row).where(
    *_has_ended,
    ChargingSession.energy_ended_at > bindparam("ends_at"),
    ChargingSession.energy_started_at < bindparam("ends_at"),
)
_running = select(*_row).where(ChargingSession.ended_at.is_(None))
"""Without more conditions: SQLite would take an index of all sessions for them."""


def energy_between(db: Connection, cuts: Sequence[datetime], known: Drawn | None = None) -> list[int]:
    """The Wh of all sessions from each of *cuts* (UTC, rising) to the next one.

    Reads the index entries of sessions that ended since the first of *cuts*: nothing older. *known* keeps
    what ended sessions had drawn until one of *cuts*, for the next time.
    """
    energy = [0] * (len(cuts) - 1)
    crossing: list[Row[int, datetime, datetime, int]] = []
    for place, (starts_at, ends_at) in enumerate(pairwise(cuts)):
        span = {"starts_at": starts_at, "ends_at": ends_at}
        energy[place] = int(db.execute(_within, span).scalar_one())
        crossing += db.execute(_begun_before, span).all()
    crossing += db.execute(_over_the_end, {"ends_at": cuts[-1]}).all()
    ended = cut(db, crossing, cuts, known=known)
    running = cut(db, db.execute(_running), cuts)
    return [sum(parts) for parts in zip(energy, ended, running, strict=True)]


@dataclass(frozen=True, slots=True)
class Today:
    """What was drawn today, and a week ago until the same time of day."""

    energy_wh: int
    then_wh: int | None
    """``None``: not asked for yet."""
    then: date
    """The day a week ago."""


class EnergyDays:
    """The days of all sessions, added up once for all pages of this process that show them.

    Called in any thread. A figure of the past is at most `PAST_KEPT` old, today's as fresh as the question.
    """

    def __init__(self) -> None:
        self._past: dict[str, tuple[datetime, Window, list[int]]] = {}
        self._then: dict[str, tuple[datetime, date, int]] = {}
        self._drawn: Drawn = {}
        """Of the midnights of the last days: steps are what costs, and of ended sessions they stay."""
        self._adding, self._comparing = threading.Lock(), threading.Lock()

    def last(self, db: Connection, zone: str, now: datetime) -> Usage:
        """The last `DAYS` local days of *zone*, today the last of them."""
        window = _window(zone, now)
        with self._adding:  # whoever comes while one adds up waits for it
            past = self._known(zone, now)
            if past is None:
                oldest = window.bounds[0]
                self._drawn = {key: wh for key, wh in list(self._drawn.items()) if key[2] >= oldest}
                past = energy_between(db, window.bounds[:-1], self._drawn)
                self._past[zone] = now, window, past
            energy = [*past, *energy_between(db, window.bounds[-2:], self._drawn)]
        return Usage(
            window,
            sum(energy),
            tuple(DayEnergy(day, wh) for day, wh in zip(window.days, energy, strict=True)),
        )

    def knows(self, zone: str, now: datetime) -> bool:
        """Whether `last` costs no more than today."""
        return self._known(zone, now) is not None

    def today(self, db: Connection, zone: str, now: datetime, *, compared: bool = True) -> Today:
        """Today's energy, and that of a week ago up to the same time on the wall, if that is *compared*."""
        tz = ZoneInfo(zone)
        day = local_day(now, tz)
        then = day - WEEK
        cuts = (day_start(day, tz), day_start(day + timedelta(days=1), tz))
        (energy_wh,) = energy_between(db, cuts, self._drawn)
        with self._comparing:
            known = self._then.get(zone)
            if known is not None and (known[1] != then or not timedelta(0) <= now - known[0] < THEN_KEPT):
                known = None
            if known is None and compared:
                until = (now.astimezone(tz) - WEEK).astimezone(UTC)  # the same time on the wall
                begun = day_start(then, tz)
                cuts = (begun, max(until, begun + timedelta(seconds=1)))
                known = self._then[zone] = now, then, sum(energy_between(db, cuts))
        return Today(energy_wh, None if known is None else known[2], then)

    def _known(self, zone: str, now: datetime) -> list[int] | None:
        known = self._past.get(zone)
        if known is None or known[1] != _window(zone, now):
            return None
        return known[2] if timedelta(0) <= now - known[0] < PAST_KEPT else None


def _window(zone: str, now: datetime) -> Window:
    today = local_day(now, ZoneInfo(zone))
    return Window(today - timedelta(days=DAYS - 1), today + timedelta(days=1), zone)
