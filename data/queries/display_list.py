"""Displays as the console tells of them: which are seen, and what each has said of itself (K7).

Whether one is seen follows from time alone, so that answers tell when it was and pages whether that is long
ago. All are read at once: there are as many as screens hang somewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from data.models import Display, Site
from data.queries.chargers import natural_key
from data.types import Orientation

SEEN_WITHIN = timedelta(seconds=90)
"""A display without a heartbeat for longer is not seen (K7)."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A display, and when its screen answered last; ``None``: it never has."""

    id: int
    name: str
    last_seen_at: datetime | None

    def is_seen(self, now: datetime) -> bool:
        """Whether its screen has answered lately; an answer that is still to come is of a clock set back."""
        return self.last_seen_at is not None and abs(now - self.last_seen_at) <= SEEN_WITHIN


@dataclass(frozen=True, slots=True)
class DisplayFacts(Heartbeat):
    """A display. What it has not said yet is ``None`` or empty."""

    site_id: int
    site_name: str
    orientation: Orientation
    languages: tuple[str, ...]
    """Codes, in the order in which they take turns (K16)."""
    bays_per_page: int
    has_address: bool
    """There is a start address for a screen that forgets its cookies (K2)."""
    paired_at: datetime
    version: str
    """Of the program whose page it showed then."""
    width: int | None
    height: int | None
    """CSS pixels."""
    browser: str


def until_unseen(found: Iterable[Heartbeat], now: datetime) -> float | None:
    """Seconds until one of those that are seen is not, if it stays silent; ``None`` if none is seen."""
    seen = [one.last_seen_at for one in found if one.last_seen_at is not None and one.is_seen(now)]
    return None if not seen else (min(seen) + SEEN_WITHIN - now).total_seconds() + AFTER


AFTER = 0.5
"""Seconds after the moment at which a display is not seen any more: then it is not by any clock."""


def unseen(now: datetime) -> Select[int, str, datetime | None]:
    """Displays that are not seen and had the time for it, the longest first; those that never were last."""
    since = func.coalesce(Display.last_seen_at, Display.created_at)
    return (
        select(Display.id, Display.name, Display.last_seen_at)
        .where(~since.between(now - SEEN_WITHIN, now + SEEN_WITHIN))
        .order_by(Display.last_seen_at.is_(None), since, Display.id)
    )


def heartbeats(db: Connection) -> tuple[Heartbeat, ...]:
    """When each display answered last, by name."""
    rows = db.execute(select(Display.id, Display.name, Display.last_seen_at)).all()
    found = [Heartbeat(id_, name, seen_at) for id_, name, seen_at in rows]
    return tuple(sorted(found, key=lambda one: (natural_key(one.name), one.id)))


def counted(db: Connection, now: datetime) -> tuple[int, int]:
    """How many displays there are, and how many of them are seen *now*."""
    lately = Display.last_seen_at.between(now - SEEN_WITHIN, now + SEEN_WITHIN)
    is_seen = func.coalesce(lately, False)
    row = db.execute(select(func.count(), func.count().filter(is_seen)).select_from(Display)).one()
    return row[0], row[1]


def listed(db: Connection) -> tuple[DisplayFacts, ...]:
    """All displays by site and name."""
    found = [_facts(row) for row in db.execute(_DISPLAYS)]
    found.sort(key=lambda one: (natural_key(one.site_name), natural_key(one.name), one.id))
    return tuple(found)


def facts(db: Connection, display_id: int) -> DisplayFacts | None:
    """One display; ``None`` if there is none."""
    row = db.execute(_DISPLAYS.where(Display.id == display_id)).one_or_none()
    return None if row is None else _facts(row)


_DISPLAYS = select(
    Display.id,
    Display.name,
    Display.site_id,
    Site.name.label("site_name"),
    Display.orientation,
    Display.languages,
    Display.bays_per_page,
    Display.address_hash.is_not(None).label("has_address"),
    Display.created_at,
    Display.last_seen_at,
    Display.version,
    Display.width,
    Display.height,
    Display.browser,
).join(Site, Site.id == Display.site_id)


def _facts(row: Row[*tuple[Any, ...]]) -> DisplayFacts:
    return DisplayFacts(
        id=row.id,
        name=row.name,
        last_seen_at=row.last_seen_at,
        site_id=row.site_id,
        site_name=row.site_name,
        orientation=row.orientation,
        languages=tuple(code for code in row.languages.split(",") if code),
        bays_per_page=row.bays_per_page,
        has_address=bool(row.has_address),
        paired_at=row.created_at,
        version=row.version or "",
        width=row.width,
        height=row.height,
        browser=row.browser,
    )
