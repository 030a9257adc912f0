"""Messages that could not be applied as they are: kept whole for the operator, answered OK (C11)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert

from data.models import QuarantinedMessage

KEEP = insert(QuarantinedMessage)


def row(
    *,
    charger_id: int,
    action: str,
    payload: dict[str, Any],
    reason: str,
    received_at: datetime,
    session_id: int | None = None,
) -> dict[str, Any]:
    """The row that keeps *payload* with *reason*, for `KEEP`; *session_id*: the session it was matched to."""
    return {
        "charger_id": charger_id,
        "session_id": session_id,
        "received_at": received_at,
        "action": action[:64],
        "payload": payload,
        "reason": reason[:200],
    }
