"""Displays as the console tells of them: which are seen, and what each has said of itself (K7).

Whether one is seen follows from time alone, so that answers tell when it was and pages whether that is long
ago. All are read at once: there are as many as screens hang somewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, func, select

from data.models import Display, Site
from data.queries.chargers import folded, natural_key
from data.types import Orientation

SEEN_WITHIN = timedelta(seconds=90)
"""A display without a heartbeat for longer is not seen (K7)."""


class State(StrEnum):
    """What displays are looked for by."""

    UNSEEN = "unseen"
    """Not seen now, those too that never were: as the overview counts them."""
    NEVER = "never"
    """Its screen has not answered since it was paired."""
    OLD = "old"
    """Seen, and the portal that answered it last is of another version than the one that runs here."""
    SEEN = "seen"


class Sort(StrEnum):
    """What the list is in the order of."""

    STATE = "state"
    """What needs a hand first: silent, never seen, of another version; then all others."""
    NAME = "name"
    SITE = "site"
    SEEN = "seen"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A display, and when its screen answered last; ``None``: it never has."""

    id: int
    name: str
    """Told apart at its site: at others there may be one that is called alike."""
    site_name: str
    last_seen_at: datetime | None

    def is_seen(self, now: datetime) -> bool:
        """Whether its screen has answered lately; an answer that is still to come is of a clock set back."""
        return self.last_seen_at is not None and abs(now - self.last_seen_at) <= SEEN_WITHIN


Beating = TypeVar("Beating", bound=Heartbeat)


@dataclass(frozen=True, slots=True)
class DisplayFacts(Heartbeat):
    """A display. What it has not said yet is ``None`` or empty."""

    site_id: int
    orientation: Orientation
    languages: tuple[str, ...]
    """Codes, in the order in which they take turns (K16)."""
    bays_per_page: int
    has_address: bool
    """There is a start address for a screen that forgets its cookies (K2)."""
    paired_at: datetime
    version: str
    """Of the portal that answered it then."""
    width: int | None
    height: int | None
    """CSS pixels."""
    browser: str

    def is_old(self, now: datetime, version: str) -> bool:
        """Whether its screen is seen and was answered by a portal of another version than *version*."""
        return self.is_seen(now) and self.version not in ("", version)

    def is_in(self, state: State, now: datetime, version: str) -> bool:
        """Whether *state* is said of it; another one may be as well."""
        match state:
            case State.UNSEEN:
                return not self.is_seen(now)
            case State.NEVER:
                return self.last_seen_at is None
            case State.OLD:
                return self.is_old(now, version)
            case State.SEEN:
                return self.is_seen(now)


@dataclass(frozen=True, slots=True)
class ListedDisplays:
    """What the list is made of, as long as nobody says anything new: time alone changes the states."""

    all: tuple[DisplayFacts, ...]
    """By site and name."""
    sites: tuple[tuple[int, str], ...]
    """By name."""

    def matching(
        self,
        now: datetime,
        version: str,
        *,
        search: str = "",
        site_id: int | None = None,
        state: State | None = None,
        nothing: bool = False,
        sort: Sort = Sort.STATE,
        descending: bool = False,
    ) -> list[DisplayFacts]:
        """Those that are looked for, as they are at *now* where *version* runs; alike ones by site and name.

        None if *nothing* is looked for. What is unknown stands last, whichever way.
        """
        wanted = folded(search).split()
        found = [
            one
            for one in self.all
            if not nothing
            and (site_id is None or one.site_id == site_id)
            and (state is None or one.is_in(state, now, version))
            and (not wanted or all(word in folded(f"{one.name}\n{one.site_name}") for word in wanted))
        ]
        known = [one for one in found if _known(one, sort)]
        known.sort(key=lambda one: _order(one, sort, now, version), reverse=descending)
        return known + [one for one in found if not _known(one, sort)]


def _known(one: DisplayFacts, sort: Sort) -> bool:
    if sort is Sort.VERSION:
        return one.version != ""
    return sort is not Sort.SEEN or one.last_seen_at is not None


def _order(one: DisplayFacts, sort: Sort, now: datetime, version: str) -> tuple[object, ...]:
    match sort:
        case Sort.STATE:
            return (_urgency(one, now, version),)
        case Sort.SITE:
            return (natural_key(one.site_name),)
        case Sort.SEEN:
            return (one.last_seen_at,)
        case Sort.VERSION:
            return (natural_key(one.version),)
        case Sort.NAME:
            return (natural_key(one.name),)


def _urgency(one: DisplayFacts, now: datetime, version: str) -> int:
    if one.last_seen_at is None:
        return 1
    if not one.is_seen(now):
        return 0
    return 2 if one.is_old(now, version) else 3


def until_unseen(found: Iterable[Heartbeat], now: datetime) -> float | None:
    """Seconds until one of those that are seen is not, if it stays silent; ``None`` if none is seen."""
    seen = [one.last_seen_at for one in found if one.last_seen_at is not None and one.is_seen(now)]
    return None if not seen else (min(seen) + SEEN_WITHIN - now).total_seconds() + AFTER


AFTER = 0.5
"""Seconds after the moment at which a display is not seen any more: then it is not by any clock."""


def unseen(now: datetime) -> Select[int, str, str, datetime | None]:
    """Displays that are not seen and had the time for it, the longest first; those that never were last."""
    since = func.coalesce(Display.last_seen_at, Display.created_at)
    return (
        select(Display.id, Display.name, Site.name, Display.last_seen_at)
        .join(Site, Site.id == Display.site_id)
        .where(~since.between(now - SEEN_WITHIN, now + SEEN_WITHIN))
        .order_by(Display.last_seen_at.is_(None), since, Display.id)
    )


def heartbeats(db: Connection) -> tuple[Heartbeat, ...]:
    """When each display answered last, by site and name."""
    answered = select(Display.id, Display.name, Site.name, Display.last_seen_at)
    rows = db.execute(answered.join(Site, Site.id == Display.site_id))
    return _sorted(Heartbeat(*row) for row in rows)


def counted(db: Connection, now: datetime) -> tuple[int, int]:
    """How many displays there are, and how many of them are seen *now*."""
    lately = Display.last_seen_at.between(now - SEEN_WITHIN, now + SEEN_WITHIN)
    is_seen = func.coalesce(lately, False)
    row = db.execute(select(func.count(), func.count().filter(is_seen)).select_from(Display)).one()
    return row[0], row[1]


def listed(db: Connection) -> ListedDisplays:
    """All displays and sites, by one statement each."""
    sites: list[tuple[int, str]] = [(row.id, row.name) for row in db.execute(select(Site.id, Site.name))]
    sites.sort(key=lambda site: (natural_key(site[1]), site[0]))
    return ListedDisplays(_sorted(map(_facts, db.execute(_DISPLAYS))), tuple(sites))


def of_site(db: Connection, site_id: int) -> tuple[DisplayFacts, ...]:
    """The displays of a site by name."""
    return _sorted(map(_facts, db.execute(_DISPLAYS.where(Display.site_id == site_id))))


def _sorted(found: Iterable[Beating]) -> tuple[Beating, ...]:
    return tuple(sorted(found, key=lambda one: (natural_key(one.site_name), natural_key(one.name), one.id)))


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
