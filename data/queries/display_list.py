"""Displays as the console lists them: which of them are seen, and what each said of itself last (K7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select

from data.models import Display, Site
from data.queries.chargers import natural_key
from data.types import Orientation

SEEN_WITHIN = timedelta(seconds=90)
"""A display without a heartbeat for longer is not seen (K7)."""
SHOWN = 500
"""Displays in the list at most."""


@dataclass(frozen=True, slots=True)
class DisplayFacts:
    """A display. What it has not said yet is ``None`` or empty."""

    id: int
    name: str
    site_id: int
    site_name: str
    orientation: Orientation
    languages: tuple[str, ...]
    """Codes, in the order in which they take turns (K16)."""
    bays_per_page: int
    has_address: bool
    """There is a start address for a screen that forgets its cookies (K2)."""
    paired_at: datetime
    last_seen_at: datetime | None
    """When the screen itself last answered."""
    is_seen: bool
    """Within `SEEN_WITHIN`."""
    version: str
    """Of the program whose page it showed then."""
    width: int | None
    height: int | None
    """CSS pixels."""
    browser: str


@dataclass(frozen=True, slots=True)
class ListedDisplays:
    """The list: what is not seen first, then by site and name."""

    shown: tuple[DisplayFacts, ...]
    """At most `SHOWN`."""
    all: int
    seen: int


@dataclass(frozen=True, slots=True)
class Unseen:
    """A display that is not seen, and since when; ``None``: it never was."""

    id: int
    name: str
    last_seen_at: datetime | None


def is_seen(now: datetime) -> ColumnElement[bool]:
    """Whether a display's screen has answered lately, as a part of a statement."""
    return func.coalesce(Display.last_seen_at >= now - SEEN_WITHIN, False)


def unseen(now: datetime) -> Select[int, str, datetime | None]:
    """Displays that are not seen and had the time for it, the longest first; those that never were last."""
    since = func.coalesce(Display.last_seen_at, Display.created_at)
    return (
        select(Display.id, Display.name, Display.last_seen_at)
        .where(since < now - SEEN_WITHIN)
        .order_by(Display.last_seen_at.is_(None), since, Display.id)
    )


def listed(db: Connection, now: datetime) -> ListedDisplays:
    """All displays as they are *now*. There are as many as screens hang somewhere, so all are read."""
    found = [_facts(row, now) for row in db.execute(_DISPLAYS)]
    found.sort(key=lambda one: (one.is_seen, natural_key(one.site_name), natural_key(one.name), one.id))
    return ListedDisplays(tuple(found[:SHOWN]), len(found), sum(one.is_seen for one in found))


def facts(db: Connection, display_id: int, now: datetime) -> DisplayFacts | None:
    """One display as it is *now*; ``None`` if there is none."""
    row = db.execute(_DISPLAYS.where(Display.id == display_id)).one_or_none()
    return None if row is None else _facts(row, now)


@dataclass(frozen=True, slots=True)
class SeenDisplays:
    """How many of all displays are seen."""

    all: int
    seen: int
    first: tuple[Unseen, ...]
    """Some of the others, the longest unseen first."""


def seen(db: Connection, now: datetime, named: int = 0) -> SeenDisplays:
    """How many are seen *now*, and *named* of those that are not."""
    counts = select(func.count(), func.count().filter(is_seen(now))).select_from(Display)
    counted = db.execute(counts).one()
    rows = db.execute(unseen(now).limit(named)).all() if named else []
    first = tuple(Unseen(id_, name, seen_at) for id_, name, seen_at in rows)
    return SeenDisplays(counted[0], counted[1], first)


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


def _facts(row: Row[*tuple[Any, ...]], now: datetime) -> DisplayFacts:
    return DisplayFacts(
        id=row.id,
        name=row.name,
        site_id=row.site_id,
        site_name=row.site_name,
        orientation=row.orientation,
        languages=tuple(code for code in row.languages.split(",") if code),
        bays_per_page=row.bays_per_page,
        has_address=bool(row.has_address),
        paired_at=row.created_at,
        last_seen_at=row.last_seen_at,
        is_seen=row.last_seen_at is not None and row.last_seen_at >= now - SEEN_WITHIN,
        version=row.version or "",
        width=row.width,
        height=row.height,
        browser=row.browser,
    )
