"""The whole audit log as the console reads it: newest first, filtered, page by page.

Each filter has an index that leads in the order of the log, and a page is read from where the last one
ended (keyset paging): page 1,000 costs what page 1 does, however long the log is. What a filter stands for
several things (a family of actions, the accounts that a search finds) is one step in the index for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    func,
    literal,
    or_,
    select,
    union_all,
)

from data.models import Account, AuditEntry
from data.queries.accounts import holds, words_of
from data.row_id import row_id
from data.types import Role

SHOWN = 50
"""Rows on a page."""
MOST_ACCOUNTS = 10
"""That a search for whom it concerns reaches; whoever has more in mind writes more of the name."""
MOST_OPERATORS = 200
MOST_STEPS = 200
"""SQLite puts no more than 500 selects into one."""
PROGRAM = 0
"""In the place of an actor's id: the command line and the program itself."""
REFUSED = ".refused"
"""How the name of an attempt that was refused ends."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; ``None`` asks for everything, an empty tuple for nothing."""

    actor_id: int | None = None
    """Who did it; `PROGRAM` for nobody's account."""
    actions: tuple[str, ...] | None = None
    subjects: tuple[int, ...] | None = None
    """Accounts, one of which it concerns."""
    since: datetime | None = None
    until: datetime | None = None
    """The first moment after."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in the log."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """A row of the log."""

    id: int
    at: datetime
    action: str
    subject_id: int | None
    subject_name: str
    subject_role: Role | None
    """Of the account as it is now; ``None`` if there is none any more."""
    actor_id: int | None
    actor_name: str
    actor_role: Role | None
    about: str
    reason: str
    address: str
    request_id: str
    details: dict[str, Any] | None

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.at, self.id)


@dataclass(frozen=True, slots=True)
class LogPage:
    """Rows, newest first, and whether there are newer and older ones."""

    rows: tuple[LoggedAction, ...]
    newer: bool
    older: bool


def page(
    db: Connection,
    wanted: Wanted,
    *,
    after: Place | None = None,
    before: Place | None = None,
    limit: int = SHOWN,
) -> LogPage:
    """The *limit* newest rows, or the ones that follow *after*, or those that stand just before *before*."""
    forward = before is None
    rows = _rows(db, wanted, after if forward else before, limit + 1, forward=forward)
    more = len(rows) > limit
    rows = rows[:limit]
    if forward:
        return LogPage(rows, newer=after is not None, older=more)
    return LogPage(rows[::-1], newer=more, older=bool(rows))


def place(db: Connection, row_id: int) -> Place | None:
    """Where the row *row_id* stands; ``None`` if there is none."""
    found = db.execute(select(AuditEntry.at, AuditEntry.id).where(AuditEntry.id == row_id)).first()
    return None if found is None else Place(*found)


def operators(db: Connection) -> tuple[tuple[int, str], ...]:
    """Who may have done it: all who keep or kept the console, by name."""
    rows = db.execute(
        select(Account.id, Account.name)
        .where(Account.role == Role.OPERATOR)
        .order_by(Account.name, Account.id)
        .limit(MOST_OPERATORS)
    )
    return tuple((id_, name) for id_, name in rows)


def found(db: Connection, search: str) -> tuple[int, ...]:
    """The accounts whose name or address holds all words of *search*; of ``#12`` the one with that number."""
    number = row_id(search.removeprefix("#")) if search.startswith("#") else None
    if number is not None:
        return (number,)
    words = words_of(search)
    if not words:
        return ()
    query = select(Account.id).where(*(holds(word) for word in words)).order_by(Account.name, Account.id)
    return tuple(db.scalars(query.limit(MOST_ACCOUNTS)))


def actions(db: Connection) -> tuple[str, ...]:
    """Every action that the log has: one step in the index each."""
    first = select(func.min(AuditEntry.action).label("action")).cte("actions", recursive=True)
    following = select(func.min(AuditEntry.action)).where(AuditEntry.action > first.c.action)
    found = first.union_all(select(following.scalar_subquery()).where(first.c.action.is_not(None)))
    return tuple(db.scalars(select(found.c.action).where(found.c.action.is_not(None))))


def _rows(
    db: Connection, wanted: Wanted, place: Place | None, limit: int, *, forward: bool
) -> tuple[LoggedAction, ...]:
    steps = _steps(wanted)
    if not steps:
        return ()
    also = _conditions(wanted, place, forward=forward)
    led = [_in_order(select(AuditEntry.id).where(step, *also), forward).limit(limit) for step in steps]
    parts: list[Any] = [select(one.subquery().c.id) for one in led]
    ids: Any = union_all(*parts) if len(parts) > 1 else parts[0]
    query = (
        select(
            AuditEntry.id,
            AuditEntry.at,
            AuditEntry.action,
            AuditEntry.subject_id,
            AuditEntry.subject_name,
            Account.role.label("subject_role"),
            AuditEntry.actor_id,
            AuditEntry.actor_name,
            AuditEntry.actor_role,
            AuditEntry.about,
            AuditEntry.reason,
            AuditEntry.address,
            AuditEntry.request_id,
            AuditEntry.details,
        )
        .outerjoin(Account, Account.id == AuditEntry.subject_id)
        .where(AuditEntry.id.in_(ids))
    )
    return tuple(LoggedAction(**row) for row in db.execute(_in_order(query, forward).limit(limit)).mappings())


def _in_order(query: Any, forward: bool) -> Any:
    if forward:
        return query.order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    return query.order_by(AuditEntry.at, AuditEntry.id)


def _steps(wanted: Wanted) -> Sequence[ColumnElement[bool]]:
    """What leads: one condition for each way into an index that is needed."""
    if wanted.subjects is not None and wanted.actions is not None:
        pairs = list(product(wanted.subjects, wanted.actions))
        if len(pairs) > MOST_STEPS:
            any_of_them = AuditEntry.action.in_(wanted.actions)
            return [and_(AuditEntry.subject_id == one, any_of_them) for one in wanted.subjects]
        return [and_(AuditEntry.subject_id == one, AuditEntry.action == action) for one, action in pairs]
    if wanted.subjects is not None:
        return [AuditEntry.subject_id == one for one in wanted.subjects]
    if wanted.actions is not None:
        return [AuditEntry.action == one for one in wanted.actions]
    return [literal(True)]


def _conditions(wanted: Wanted, place: Place | None, *, forward: bool) -> list[ColumnElement[bool]]:
    """What is asked of each step."""
    found: list[ColumnElement[bool]] = []
    if wanted.actor_id is not None:
        same = AuditEntry.actor_id == wanted.actor_id
        found.append(AuditEntry.actor_id.is_(None) if wanted.actor_id == PROGRAM else same)
    if wanted.since is not None:
        found.append(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditEntry.at < wanted.until)
    if place is not None and forward:
        found += [AuditEntry.at <= place.at, or_(AuditEntry.at < place.at, AuditEntry.id < place.id)]
    elif place is not None:
        found += [AuditEntry.at >= place.at, or_(AuditEntry.at > place.at, AuditEntry.id > place.id)]
    return [and_(*found)] if found else []
