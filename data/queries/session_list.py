"""All sessions as the console lists them: filtered, sorted by number, page by page.

A page costs the same wherever it is and however much has been charged. An index leads, in the order of
the list; its entries are read from where the last page ended (keyset paging). What a filter asks besides
is looked at in the rows that the index led to, and after so many of them the page ends as it is, with
the place to go on at (`Found.cut_short`): no combination of filters ever reads the whole history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)

from data.models import Account, Charger, ChargingSession
from data.queries import listed_sessions
from data.queries.listed_sessions import ListedSession, State

SHOWN = 50
"""Sessions on a page."""
LOOKED_AT = (450, 1500)
"""Entries of the index that are looked at beyond the first page's worth, where a filter takes most away."""
MERGED_LOOKED_AT = (150, 150)
"""The same, where many short ways are gone at once: the chargers of a site."""

_s = ChargingSession


class Sort(StrEnum):
    """What a list can be sorted by."""

    START = "start"
    ENERGY = "energy"
    """Of sessions that have ended: what still grows has no place in such an order."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to list, and in which order."""

    site: int | None = None
    charger: int | None = None
    drivers: tuple[int, ...] | None = None
    """Accounts; none of them: nothing. ``None``: of everybody."""
    state: State | None = None
    since: datetime | None = None
    until: datetime | None = None
    """The first moment after it. Both are about when it was plugged in."""
    sort: Sort = Sort.START
    ascending: bool = False
    nothing: bool = False
    """A filter was not understood: that never shows more (T5)."""

    @property
    def sorts(self) -> tuple[Sort, ...]:
        """The orders that an index serves with these filters."""
        few = self.state in (State.SETTLING, State.REVIEW)
        if few or self.since is not None or self.until is not None:
            return (Sort.START,)
        return (Sort.START, Sort.ENERGY)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one page ends and the next begins: the number that is sorted by, and the session's id."""

    key: datetime | int
    id: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page."""

    sessions: tuple[ListedSession, ...] = ()
    previous: Place | None = None
    """The page before it ends before this; ``None``: there is none."""
    next: Place | None = None
    """The page after it begins after this."""
    cut_short: datetime | int | None = None
    """So far was looked, and there may be more beyond: the number of the last entry, if that is so."""


@dataclass(slots=True)
class _Way:
    """An index to go along, and what to look at in the rows that it leads to."""

    key: ColumnElement[Any]
    along: list[ColumnElement[bool]]
    """What the index itself answers."""
    since: datetime | None = None
    until: datetime | None = None
    looked_at: list[ColumnElement[bool]] = field(default_factory=list)
    column: ColumnElement[Any] | None = None
    """With `values`: the index begins with it, and there is a way for each value."""
    values: Any = None
    """A statement for them: its only column."""


def page(
    db: Connection,
    wanted: Wanted,
    after: Place | None = None,
    before: Place | None = None,
    limit: int = SHOWN,
) -> Found:
    """The page *after* a place, else the one *before* a place, else the first.

    Nothing for an order that no index serves with these filters (`Wanted.sorts`).
    """
    if wanted.nothing or wanted.drivers == () or wanted.sort not in wanted.sorts:
        return Found()
    back = after is None and before is not None
    places, goes_on, cut = _walk(db, wanted, before if back else after, back, limit)
    if back:
        places.reverse()
        return Found(
            listed_sessions.many(db, [place.id for place in places]),
            previous=goes_on,
            next=places[-1] if places else before,
            cut_short=cut,
        )
    previous = (places[0] if places else after) if after is not None else None
    return Found(
        listed_sessions.many(db, [place.id for place in places]),
        previous=previous,
        next=goes_on,
        cut_short=cut,
    )


def piece(
    db: Connection, wanted: Wanted, after: Place | None, limit: int
) -> tuple[tuple[ListedSession, ...], Place | None]:
    """The next *limit* sessions at most, for a download; and where to go on, ``None`` at the end.

    A piece can be empty and not the last.
    """
    if wanted.nothing or wanted.drivers == () or wanted.sort not in wanted.sorts:
        return (), None
    places, goes_on, _ = _walk(db, wanted, after, False, limit)
    return listed_sessions.many(db, [place.id for place in places]), goes_on


def oldest(db: Connection, wanted: Wanted) -> datetime | None:
    """When the session was plugged in that stands last in a list by start with these filters, or so.

    For an estimate: what no index answers is left out.
    """
    if wanted.nothing or wanted.drivers == ():
        return None
    way = _way(db, wanted, Sort.START)
    found = _candidates(db, way, None, descending=False, limit=1)
    key = found[0].key if found else None
    return key if isinstance(key, datetime) else None


def _walk(
    db: Connection, wanted: Wanted, start: Place | None, back: bool, limit: int
) -> tuple[list[Place], Place | None, datetime | int | None]:
    """The places of *limit* sessions, where to go on if there may be more, and how far if cut short."""
    way = _way(db, wanted, wanted.sort)
    descending = wanted.ascending is back
    merged = way.values is not None
    at, found = start, list[Place]()
    rounds = (limit + 1, *(MERGED_LOOKED_AT if merged else LOOKED_AT)) if way.looked_at else (limit + 1,)
    for number in rounds:
        candidates = _candidates(db, way, at, descending=descending, limit=number)
        found += _fitting(db, way, candidates)
        if len(found) > limit:
            return found[:limit], found[limit - 1], None
        if len(candidates) < number:
            return found, None, None
        at = candidates[-1]
    assert at is not None
    return found, at, at.key


def _way(db: Connection, wanted: Wanted, sort: Sort) -> _Way:
    """Which index leads: the one that leaves the least to look at."""
    key: ColumnElement[Any] = _s.started_at if sort is Sort.START else _s.energy_wh  # type: ignore[assignment]
    along: list[ColumnElement[bool]] = []
    if sort is Sort.ENERGY and wanted.state is not State.CHARGING:
        along.append(_s.ended_at.is_not(None))
    way = _Way(key, along, since=wanted.since, until=wanted.until)
    left: dict[str, ColumnElement[bool]] = {}
    if wanted.drivers is not None:
        left["drivers"] = _s.account_id.in_(wanted.drivers)
    if wanted.charger is not None:
        left["charger"] = _s.charger_id == wanted.charger
    if wanted.site is not None:
        left["site"] = _s.charger_id.in_(select(Charger.id).where(Charger.site_id == wanted.site))
    if wanted.state is not None:
        left["state"] = _STATES[wanted.state]
    if wanted.state is State.FINALIZED and sort is Sort.START and left.keys() != {"state"}:
        # What is newer than the newest finalized one need not be looked at.
        newest = db.scalar(select(func.max(_s.started_at)).where(left["state"]))
        if newest is not None and (way.until is None or newest < way.until):
            way.until = newest + timedelta(microseconds=1)
    if wanted.state is State.CHARGING:  # no more of them than connectors
        along.append(left.pop("state"))
    elif wanted.drivers is not None:
        del left["drivers"]
        _lead(way, _s.account_id, wanted.drivers, select(Account.id).where(Account.id.in_(wanted.drivers)))
    elif wanted.charger is not None:
        along.append(left.pop("charger"))
    elif wanted.state in (State.SETTLING, State.REVIEW, State.NOBODY) or (
        wanted.state is State.FINALIZED and wanted.site is None and sort is Sort.START
    ):
        along.append(left.pop("state"))
    elif wanted.site is not None:
        del left["site"]
        _lead(way, _s.charger_id, None, select(Charger.id).where(Charger.site_id == wanted.site))
    way.looked_at = list(left.values())
    return way


def _lead(way: _Way, column: Any, values: Sequence[int] | None, statement: Any) -> None:
    if values is not None and len(values) == 1:
        way.along.append(column == values[0])
    else:
        way.column, way.values = column, statement


_STATES: dict[State, ColumnElement[bool]] = {
    State.CHARGING: _s.ended_at.is_(None),
    State.SETTLING: and_(_s.ended_at.is_not(None), _s.finalized_at.is_(None), _s.account_id.is_not(None)),
    State.FINALIZED: _s.finalized_at.is_not(None),
    State.NOBODY: _s.account_id.is_(None),
    # Word for word as in the index, which both databases find by it.
    State.REVIEW: and_(_s.reviewed_at.is_(None), cast(_s.flags, Text) != literal_column("'[]'")),
}


def _candidates(
    db: Connection, way: _Way, start: Place | None, *, descending: bool, limit: int
) -> list[Place]:
    """The next *limit* entries along *way*, out of the index alone."""
    conditions = way.along + _bounds(way, start, descending)
    if way.values is None:
        rows = db.execute(_some(way.key, conditions, descending, limit))
        return [Place(key, id_) for key, id_ in rows]
    return _merged(db, way, conditions, descending, limit)


def _merged(
    db: Connection, way: _Way, conditions: list[ColumnElement[bool]], descending: bool, limit: int
) -> list[Place]:
    """As `_candidates`, from one way for each value.

    A way whose first entry comes after the first entries of *limit* others has none among the first
    *limit* of all; and one with r first entries before its own has at most *limit* - r.
    """
    assert way.column is not None
    values = way.values.subquery("ways")
    first = (
        select(way.key)
        .where(way.column == values.c[0], *conditions)
        .order_by(way.key.desc() if descending else way.key)
        .limit(1)
        .correlate(values)
        .scalar_subquery()
    )
    begins = [(key, value) for value, key in db.execute(select(values.c[0], first)) if key is not None]
    begins.sort(reverse=descending)
    if not begins:
        return []
    parts = []
    before, last = 0, begins[0][0]
    for rank, (key, value) in enumerate(begins):
        if key != last:
            before, last = rank, key  # equal ones may stand in any order
        if before >= limit:
            break
        some = _some(way.key, [way.column == value, *conditions], descending, limit - before).subquery()
        parts.append(select(some.c[0], some.c[1]))
    entries = [Place(key, id_) for key, id_ in db.execute(parts[0] if len(parts) == 1 else union_all(*parts))]
    entries.sort(key=lambda place: (place.key, place.id), reverse=descending)
    return entries[:limit]


def _some(
    key: ColumnElement[Any], conditions: list[ColumnElement[bool]], descending: bool, limit: int
) -> Any:
    order = (key.desc(), _s.id.desc()) if descending else (key, _s.id)
    return select(key, _s.id).where(*conditions).order_by(*order).limit(limit)


def _bounds(way: _Way, start: Place | None, descending: bool) -> list[ColumnElement[bool]]:
    """The stretch of the index: one bound at each end, for of two a database may take the wider one."""
    since, until = way.since, way.until
    if start is not None and isinstance(start.key, datetime):
        if descending and (until is None or start.key < until):
            until = None
        elif not descending and (since is None or start.key >= since):
            since = None
        else:
            start = None  # it lies outside of what is wanted
    bounds: list[ColumnElement[bool]] = []
    if since is not None:
        bounds.append(_s.started_at >= since)
    if until is not None:
        bounds.append(_s.started_at < until)
    if start is not None:
        bounds.append(_beyond(way.key, start, descending))
    return bounds


def _beyond(key: ColumnElement[Any], start: Place, descending: bool) -> ColumnElement[bool]:
    at = tuple_(
        bindparam("at", start.key, type_=key.type, unique=True),
        bindparam("at_id", start.id, type_=BigInteger, unique=True),
    )
    here = tuple_(key, _s.id)
    return here < at if descending else here > at


def _fitting(db: Connection, way: _Way, candidates: list[Place]) -> list[Place]:
    """Those of *candidates* whose rows are as wanted."""
    if not way.looked_at or not candidates:
        return candidates
    # What is wanted is an answer here and no condition: else another index might seem to lead faster.
    fits = case((and_(true(), *way.looked_at), 1), else_=0)
    ids = [place.id for place in candidates]
    fitting = {id_ for id_, fit in db.execute(select(_s.id, fits).where(_s.id.in_(ids))) if fit}
    return [place for place in candidates if place.id in fitting]
