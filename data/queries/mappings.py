"""The cards that belong to a driver."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from data.models import Mapping

_active = select(Mapping.id).where(Mapping.account_id == bindparam("account_id"), Mapping.active).limit(1)


def has_active_mapping(db: Connection, account_id: int) -> bool:
    """Whether an operator has linked a card to *account_id* that still is (P4)."""
    return db.execute(_active, {"account_id": account_id}).first() is not None
