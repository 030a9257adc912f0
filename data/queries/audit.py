"""What was done, out of the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, literal, select, union_all

from data.models import AuditEntry
from data.types import Role

EACH_PAGE = "acting.page"
"""Written for each page that is seen while acting as somebody: many, and between a begin and an end."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the log."""

    id: int
    at: datetime
    action: str
    actor_id: int | None
    actor_name: str
    actor_role: Role | None
    about: str
    reason: str


def latest_about(db: Connection, subject_id: int, limit: int = 20) -> tuple[Entry, ...]:
    """The *limit* newest rows that concern the account *subject_id*, newest first; no single pages.

    A step in the index for each kind of action and *limit* rows of each, however long the log is.
    """
    actions = _actions(db, subject_id)
    if not actions:
        return ()
    newest = [
        select(
            select(AuditEntry.id)
            .where(AuditEntry.subject_id == subject_id, AuditEntry.action == action)
            .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
            .limit(limit)
            .subquery()
            .c.id
        )
        for action in actions
    ]
    rows = db.execute(
        select(
            AuditEntry.id,
            AuditEntry.at,
            AuditEntry.action,
            AuditEntry.actor_id,
            AuditEntry.actor_name,
            AuditEntry.actor_role,
            AuditEntry.about,
            AuditEntry.reason,
        )
        .where(AuditEntry.id.in_(union_all(*newest)))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(limit)
    )
    return tuple(Entry(*row) for row in rows)


def _actions(db: Connection, subject_id: int) -> list[str]:
    """The kinds of actions that there are of *subject_id*: one step in the index each."""
    first = select(func.min(AuditEntry.action).label("action")).where(AuditEntry.subject_id == subject_id)
    found = first.cte("actions", recursive=True)
    following = (
        select(func.min(AuditEntry.action))
        .where(AuditEntry.subject_id == literal(subject_id), AuditEntry.action > found.c.action)
        .scalar_subquery()
    )
    found = found.union_all(select(following).where(found.c.action.is_not(None)))
    wanted = select(found.c.action).where(found.c.action.is_not(None), found.c.action != EACH_PAGE)
    return list(db.scalars(wanted))
