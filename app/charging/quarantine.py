"""Messages that could not be applied as they are: kept whole for the operator, answered OK (C11).

A charger that repeats one for ever adds to a counter, not a row. And there is an end to the different
ones: beyond `LIMIT` rows of a charger the least needed go — first those whose session was found, which
has their energy and their flag, then the oldest. So a new message about a transaction is always kept;
how many went is in the log and in a row of the quarantine itself (`LEFT_OUT`), where the operator sees
it. Refusing the new ones instead would keep a charger's queue from ever moving on to the next session.
"""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, select, text

from data.database import Change
from data.models import QuarantinedMessage
from data.types import Utc

log = logging.getLogger("polaris.charging")

LIMIT = 1_000
"""Rows of one charger. `trim` keeps to it each minute: until then a burst of a minute is beyond it."""
LEFT_OUT = "left out"
"""Digest of the row that counts what went."""

_rows = QuarantinedMessage
KEEP = text(
    "INSERT INTO quarantined_messages"
    " (charger_id, session_id, received_at, last_received_at, times, action, payload, reason, digest)"
    " VALUES (:charger_id, :session_id, :received_at, :received_at, :times, :action, :payload, :reason,"
    " :digest) ON CONFLICT (charger_id, digest) DO UPDATE SET"
    " times = quarantined_messages.times + excluded.times, last_received_at = excluded.last_received_at,"
    " session_id = coalesce(quarantined_messages.session_id, excluded.session_id)"
).bindparams(
    bindparam("session_id", type_=BigInteger),
    bindparam("received_at", type_=Utc),
    bindparam("payload", type_=_rows.__table__.c.payload.type),
)
"""Keeps a `row`; one that is there already counts up."""
_TOO_MANY = (
    select(_rows.charger_id, func.count().label("rows"))
    .where(_rows.digest != LEFT_OUT)
    .group_by(_rows.charger_id)
    .having(func.count() > bindparam("limit"))
)
_LEAST_NEEDED = (
    select(_rows.id)
    .where(_rows.charger_id == bindparam("charger"), _rows.digest != LEFT_OUT)
    .order_by(_rows.session_id.is_(None), _rows.last_received_at, _rows.id)
    .limit(bindparam("number"))
)


def row(
    *,
    charger_id: int,
    action: str,
    payload: dict[str, Any],
    reason: str,
    received_at: datetime,
    session_id: int | None = None,
) -> dict[str, Any]:
    """The row that keeps *payload* with *reason*, for `KEEP`; *session_id*: the session it was matched to.

    Two messages are the same if their action and payload are: the message id is not part of it.
    """
    return {
        "charger_id": charger_id,
        "session_id": session_id,
        "received_at": received_at,
        "times": 1,
        "action": action[:64],
        "payload": payload,
        "reason": reason[:200],
        "digest": hashlib.sha256(json.dumps([action, payload], sort_keys=True).encode()).hexdigest(),
    }


def too_many(db: Connection) -> dict[int, int]:
    """Chargers with more rows than `LIMIT`, and how many those are. Reads an index only."""
    return {row.charger_id: row.rows for row in db.execute(_TOO_MANY, {"limit": LIMIT})}


def trim(change: Change, now: datetime) -> None:
    """Take the least needed rows from the chargers that have more than `LIMIT`, and count them."""
    for charger_id, rows in too_many(change.connection).items():
        number = rows - LIMIT
        which = change.execute(_LEAST_NEEDED, {"charger": charger_id, "number": number}).scalars().all()
        change.execute(delete(_rows).where(_rows.id.in_(which)))
        counted = row(
            charger_id=charger_id,
            action="",
            payload={},
            reason=f"more than {LIMIT} messages could not be applied: so many were left out",
            received_at=now,
        )
        change.execute(KEEP, {**counted, "digest": LEFT_OUT, "times": number})
        log.error("charger %d: its quarantine is full, the %d least needed were left out", charger_id, number)
