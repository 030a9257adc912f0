"""Messages that could not be applied, for the operator who sees to them (C11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from data.models import Charger, QuarantinedMessage

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A message as it came."""

    id: int
    charger_id: int
    charger: str
    session_id: int | None
    """The session it was matched to."""
    received_at: datetime
    last_received_at: datetime
    times: int
    action: str
    payload: dict[str, Any]
    reason: str


_UNRESOLVED = (
    select(
        QuarantinedMessage.id,
        QuarantinedMessage.charger_id,
        Charger.name,
        QuarantinedMessage.session_id,
        QuarantinedMessage.received_at,
        QuarantinedMessage.last_received_at,
        QuarantinedMessage.times,
        QuarantinedMessage.action,
        QuarantinedMessage.payload,
        QuarantinedMessage.reason,
    )
    .join(Charger, Charger.id == QuarantinedMessage.charger_id)
    .where(QuarantinedMessage.resolved_at.is_(None))
    .order_by(QuarantinedMessage.id)
    .limit(SHOWN)
)


def unresolved(db: Connection) -> tuple[Quarantined, ...]:
    """The oldest `SHOWN` that nobody has seen to."""
    return tuple(Quarantined(*row) for row in db.execute(_UNRESOLVED))
