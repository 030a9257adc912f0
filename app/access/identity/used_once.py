"""What must not be used a second time, by any process: states (T9) and ids of logout tokens."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import delete

from data.database import Change
from data.models.people import UsedOnce


def use(change: Change, purpose: str, key: str, expires_at: datetime, now: datetime) -> bool:
    """True the first time that *key* is used for *purpose*. Forgets what has expired.

    After *expires_at* the thing has to be void by itself.
    """
    key_hash = hashlib.sha256(f"{purpose}\0{key}".encode()).hexdigest()
    change.execute(delete(UsedOnce).where(UsedOnce.expires_at < now))
    row = {"key_hash": key_hash, "purpose": purpose, "expires_at": expires_at}
    # Asked for by RETURNING: with psycopg, rowcount is -1 after an INSERT.
    done = change.execute(change.insert_once(UsedOnce).returning(UsedOnce.key_hash), row)
    return done.first() is not None
