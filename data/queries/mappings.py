"""The cards that belong to a driver."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, bindparam, select

from data.models import ChargingSession, Mapping

_active = select(Mapping.id).where(Mapping.account_id == bindparam("account_id"), Mapping.active).limit(1)

_charged = select(ChargingSession.id).where(ChargingSession.account_id == bindparam("account_id")).limit(1)


class Standing(StrEnum):
    """Whether a driver can charge."""

    LINKED = "linked"
    NOT_YET = "not_yet"
    """No card is linked to the account, and nothing was charged."""
    NO_MORE = "no_more"
    """No card is linked, and it was once: there are sessions."""


def standing(db: Connection, account_id: int) -> Standing:
    """Whether *account_id* has a card, or had one (P4)."""
    if has_active_mapping(db, account_id):
        return Standing.LINKED
    return Standing.NO_MORE if has_charged(db, account_id) else Standing.NOT_YET


def has_charged(db: Connection, account_id: int) -> bool:
    """Whether *account_id* has a session."""
    return db.execute(_charged, {"account_id": account_id}).first() is not None


def has_active_mapping(db: Connection, account_id: int) -> bool:
    """Whether an operator has linked a card to *account_id* that still is (P4)."""
    return db.execute(_active, {"account_id": account_id}).first() is not None
