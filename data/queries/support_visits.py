"""When operators looked at the portal on a driver's behalf, as the driver is told (P24, T30)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.orm import aliased

from data.models import AuditEntry
from data.types import Role

SHOWN = 20

_End = aliased(AuditEntry, name="their_end")
_ended_at = (
    select(_End.at)
    .where(
        _End.subject_id == AuditEntry.subject_id,
        _End.action == "acting.end",
        _End.id > AuditEntry.id,
        _End.about == AuditEntry.about,  # both rows name the sign-in that it was
    )
    .order_by(_End.id)
    .limit(1)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class SupportVisit:
    """One time that an operator acted as the driver. It does not say which operator."""

    id: int
    """Of the audit row; grows with time."""
    begun_at: datetime
    ended_at: datetime | None
    """``None`` if no end is written down yet: it goes on, or ran out unseen."""
    role: Role | None
    """Of whoever looked."""
    reason: str


def support_visits(
    db: Connection, account_id: int, *, before: int | None = None, limit: int = SHOWN
) -> tuple[SupportVisit, ...]:
    """The visits to *account_id*, newest first; *before* names the one that they are older than."""
    found = select(AuditEntry.id, AuditEntry.at, _ended_at, AuditEntry.actor_role, AuditEntry.reason).where(
        AuditEntry.subject_id == account_id, AuditEntry.action == "acting.begin"
    )
    if before is not None:
        found = found.where(AuditEntry.id < before)
    rows = db.execute(found.order_by(AuditEntry.id.desc()).limit(limit))
    return tuple(SupportVisit(*row) for row in rows)
