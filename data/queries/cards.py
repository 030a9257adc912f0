"""Cards as the console lists them: every id tag that is or was mapped, or that a charger has reported.

The list is ordered by when a tag was last seen; those that no charger has reported yet come after, the
newest mapping first. Two indexes lead, one after the other, so a page costs the same wherever it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, and_, bindparam, false, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, aliased

from data.models import Account, Charger, ChargingSession, Mapping, Reservation, TagSighting
from data.queries import accounts

SHOWN = 50
"""Cards on a page."""
COUNTED = 100
"""Sessions that are counted of one tag at most."""


class State(StrEnum):
    """How it stands with a card."""

    ACTIVE = "active"
    BLOCKED = "blocked"
    DEACTIVATED = "deactivated"
    """It was somebody's."""
    UNKNOWN = "unknown"
    """It has never been anybody's."""
    IGNORED = "ignored"
    """It is nobody's, and an operator has said that nothing is to be done about it."""


@dataclass(frozen=True, slots=True)
class Card:
    """A tag, whose it is or was last, and where it was last seen."""

    key: str
    """Names it in addresses: ``s12`` by its sighting, ``m7`` by its mapping."""
    id_tag: str
    state: State
    mapping_id: int | None
    account_id: int | None
    """Of the mapping that is active, or was last."""
    driver: str
    linked_at: datetime | None
    ended_at: datetime | None
    last_seen_at: datetime | None
    charger_id: int | None
    charger: str
    connector_number: int | None
    of_nobody: int
    """Sessions that belong to nobody; no more than `COUNTED` are counted."""

    @property
    def is_linked(self) -> bool:
        """Whether it is somebody's."""
        return self.state in (State.ACTIVE, State.BLOCKED)


@dataclass(frozen=True, slots=True)
class Cards:
    """A page of the list."""

    cards: tuple[Card, ...]
    previous: str
    """Cursor of the page before; empty if there is none."""
    next: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """A mapping that a card had."""

    account_id: int
    driver: str
    linked_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class CardDetails:
    """All there is to know of one card."""

    card: Card
    first_seen_at: datetime | None
    times: int
    since: datetime | None
    """Start of the first session that belongs to nobody."""
    energy_wh: int
    """Of the sessions that belong to nobody, as far as they are counted."""
    mappings: tuple[Earlier, ...]
    """Whose it is and was, the latest first."""
    reservations: int
    """Coming ones with it."""


Place: TypeAlias = tuple[datetime, int] | int
"""Where a page begins: behind a sighting (when, its id), or behind a mapping that was never seen (its id)."""

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_CURSOR = re.compile(r"s(\d{1,17})-(\d{1,18})|m(\d{1,9})")
_KEY = re.compile(r"([sm])(\d{1,9})")
_Tag: TypeAlias = InstrumentedAttribute[str]


def place(cursor: str) -> Place | None:
    """What *cursor* means; ``None`` for what is none (T5)."""
    found = _CURSOR.fullmatch(cursor) if cursor.isascii() else None
    if found is None:
        return None
    return int(found[3]) if found[3] else (_EPOCH + int(found[1]) * _MICROSECOND, int(found[2]))


def listed(
    db: Connection,
    search: str = "",
    state: State | None = None,
    *,
    after: Place | None = None,
    before: Place | None = None,
) -> Cards:
    """A page of the cards in *state* whose tag, driver or driver's e-mail holds each word of *search*.

    It begins behind *after*, or ends in front of *before*.
    """
    back = before is not None and after is None
    edge = before if back else after
    found: list[tuple[str, Place]] = []
    branches = (_unseen, _seen) if back else (_seen, _unseen)
    for branch in branches:
        is_in_it = isinstance(edge, int) == (branch is _unseen)
        if edge is not None and not is_in_it and branch is branches[0]:
            continue
        here = edge if is_in_it else None
        found += branch(db, search, state, here, back, SHOWN + 1 - len(found))
        if len(found) > SHOWN:
            break
    more = len(found) > SHOWN
    found = found[:SHOWN]
    if back:
        if not found:  # what was in front of it has gone
            return listed(db, search, state)
        found.reverse()
    first, last = (_cursor(found[0][1]), _cursor(found[-1][1])) if found else ("", "")
    return Cards(
        _cards(db, [tag for tag, _ in found]),
        previous=first if (more if back else edge is not None) else "",
        next=last if (back or more) else "",
    )


def details(db: Connection, key: str, now: datetime) -> CardDetails | None:
    """All there is to know of the card that *key* names; ``None``: there is none."""
    tag = tag_of(db, key)
    found = () if tag is None else _cards(db, [tag])
    if tag is None or not found:
        return None
    mappings = db.execute(
        select(Mapping.account_id, Account.name, Mapping.created_at, Mapping.deactivated_at)
        .join(Account, Account.id == Mapping.account_id)
        .where(Mapping.id_tag == tag)
        .order_by(Mapping.active.desc(), Mapping.id.desc())
        .limit(SHOWN)
    )
    seen = db.execute(
        select(TagSighting.first_seen_at, TagSighting.times).where(TagSighting.id_tag == tag)
    ).one_or_none()
    counted = (
        select(ChargingSession.started_at, ChargingSession.energy_wh)
        .where(ChargingSession.account_id.is_(None), ChargingSession.id_tag == tag)
        .order_by(ChargingSession.started_at)
        .limit(COUNTED)
    )
    sessions = db.execute(counted).all()
    coming = select(func.count()).where(
        Reservation.mapping_id == found[0].mapping_id,
        Reservation.ends_at > now,
        Reservation.cancelled_at.is_(None),
    )
    return CardDetails(
        card=found[0],
        first_seen_at=None if seen is None else seen.first_seen_at,
        times=0 if seen is None else seen.times,
        since=sessions[0].started_at if sessions else None,
        energy_wh=sum(row.energy_wh for row in sessions),
        mappings=tuple(Earlier(*row) for row in mappings),
        reservations=(db.scalar(coming) or 0) if found[0].is_linked else 0,
    )


def of_account(db: Connection, account_id: int) -> tuple[Card, ...]:
    """The cards that are or were a driver's, those they have first; one that is another's now is told so."""
    rows = db.execute(
        select(Mapping.id_tag)
        .where(Mapping.account_id == account_id)
        .order_by(Mapping.active.desc(), Mapping.id.desc())
        .limit(SHOWN)
    )
    return _cards(db, list(dict.fromkeys(rows.scalars())))


def tag_of(db: Connection, key: str) -> str | None:
    """The id tag that *key* names."""
    found = _KEY.fullmatch(key) if key.isascii() else None
    if found is None:
        return None
    table = TagSighting if found[1] == "s" else Mapping
    return db.execute(select(table.id_tag).where(table.id == int(found[2]))).scalar_one_or_none()


def key_of(db: Connection, id_tag: str) -> str | None:
    """What names the card *id_tag* (as it may be typed) in addresses; ``None``: nobody knows of it."""
    found = _cards(db, [id_tag.strip().upper()])
    return found[0].key if found else None


def _seen(
    db: Connection, search: str, state: State | None, edge: Place | None, back: bool, limit: int
) -> list[tuple[str, Place]]:
    one, order = TagSighting, (TagSighting.last_seen_at, TagSighting.id)
    which = _which(one.id_tag, search, state, seen=True)
    if isinstance(edge, tuple):
        which.append(tuple_(*order) > edge if back else tuple_(*order) < edge)
    rows = db.execute(
        select(one.id_tag, one.last_seen_at, one.id)
        .where(*which)
        .order_by(*(column.asc() if back else column.desc() for column in order))
        .limit(limit)
    )
    return [(row.id_tag, (row.last_seen_at, row.id)) for row in rows]


def _unseen(
    db: Connection, search: str, state: State | None, edge: Place | None, back: bool, limit: int
) -> list[tuple[str, Place]]:
    one, other = Mapping, aliased(Mapping)
    later = select(other.id).where(other.id_tag == one.id_tag, or_(other.active, other.id > one.id))
    which = _which(one.id_tag, search, state, seen=False)
    which += [
        ~select(TagSighting.id).where(TagSighting.id_tag == one.id_tag).exists(),
        or_(one.active, ~later.exists()),
    ]
    if isinstance(edge, int):
        which.append(one.id > edge if back else one.id < edge)
    rows = db.execute(
        select(one.id_tag, one.id)
        .where(*which)
        .order_by(one.id.asc() if back else one.id.desc())
        .limit(limit)
    )
    return [(row.id_tag, row.id) for row in rows]


def _which(tag: _Tag, search: str, state: State | None, *, seen: bool) -> list[ColumnElement[bool]]:
    which: list[ColumnElement[bool]] = []
    for word in accounts.words_of(search):
        mine = aliased(Mapping)
        owned = (
            select(mine.id)
            .join(Account, Account.id == mine.account_id)
            .where(mine.id_tag == tag, accounts.holds(word))
        )
        which.append(or_(tag.contains(word.upper(), autoescape=True), owned.exists()))
    if state is not None:
        mine = aliased(Mapping)
        ever = select(mine.id).where(mine.id_tag == tag)
        ignored = TagSighting.ignored_at.is_not(None) if seen else false()
        which.append(
            {
                State.ACTIVE: ever.where(mine.active, ~mine.blocked).exists(),
                State.BLOCKED: ever.where(mine.active, mine.blocked).exists(),
                State.DEACTIVATED: and_(ever.exists(), ~ever.where(mine.active).exists(), ~ignored),
                State.UNKNOWN: and_(~ever.exists(), ~ignored),
                State.IGNORED: and_(ignored, ~ever.where(mine.active).exists()),
            }[state]
        )
    return which


def _cards(db: Connection, tags: Sequence[str]) -> tuple[Card, ...]:
    """The cards of *tags*, in their order."""
    owners: dict[str, Any] = {}
    for row in db.execute(
        select(
            Mapping.id_tag,
            Mapping.id,
            Mapping.account_id,
            Mapping.active,
            Mapping.blocked,
            Mapping.created_at,
            Mapping.deactivated_at,
            Account.name,
        )
        .join(Account, Account.id == Mapping.account_id)
        .where(Mapping.id_tag.in_(tags))
        .order_by(Mapping.active.desc(), Mapping.id.desc())
    ):
        owners.setdefault(row.id_tag, row)
    seen = {
        row.id_tag: row
        for row in db.execute(
            select(
                TagSighting.id_tag,
                TagSighting.id,
                TagSighting.last_seen_at,
                TagSighting.charger_id,
                TagSighting.connector_number,
                TagSighting.ignored_at,
                Charger.name,
            )
            .join(Charger, Charger.id == TagSighting.charger_id)
            .where(TagSighting.id_tag.in_(tags))
        )
    }
    return tuple(
        _card(tag, owners.get(tag), seen.get(tag), _of_nobody(db, tag))
        for tag in tags
        if tag in owners or tag in seen
    )


def _card(tag: str, owner: Any, seen: Any, of_nobody: int) -> Card:
    state = State.UNKNOWN
    if owner is not None and owner.active:
        state = State.BLOCKED if owner.blocked else State.ACTIVE
    elif seen is not None and seen.ignored_at is not None:
        state = State.IGNORED
    elif owner is not None:
        state = State.DEACTIVATED
    return Card(
        key=f"s{seen.id}" if seen is not None else f"m{owner.id}",
        id_tag=tag,
        state=state,
        mapping_id=None if owner is None else owner.id,
        account_id=None if owner is None else owner.account_id,
        driver="" if owner is None else owner.name,
        linked_at=None if owner is None else owner.created_at,
        ended_at=None if owner is None else owner.deactivated_at,
        last_seen_at=None if seen is None else seen.last_seen_at,
        charger_id=None if seen is None else seen.charger_id,
        charger="" if seen is None else seen.name,
        connector_number=None if seen is None else seen.connector_number,
        of_nobody=of_nobody,
    )


_OF_NOBODY = select(func.count()).select_from(
    select(ChargingSession.id_tag)
    .where(ChargingSession.account_id.is_(None), ChargingSession.id_tag == bindparam("tag"))
    .limit(COUNTED)
    .subquery()
)


def _of_nobody(db: Connection, tag: str) -> int:
    return int(db.execute(_OF_NOBODY, {"tag": tag}).scalar_one())


def _cursor(at: Place) -> str:
    return f"m{at}" if isinstance(at, int) else f"s{(at[0] - _EPOCH) // _MICROSECOND}-{at[1]}"
