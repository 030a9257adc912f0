"""Whose an id tag is, and what a charger is answered about it (C10)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from data.models import Account, Mapping
from data.types import Authorization


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a tag belongs to; nobody unless it is accepted."""

    authorization: Authorization
    mapping_id: int | None = None
    account_id: int | None = None


NOBODY = Bearer(Authorization.INVALID)

_ACTIVE = (
    select(Mapping.id, Mapping.account_id, Mapping.blocked, Account.disabled_at)
    .join(Account, Account.id == Mapping.account_id)
    .where(Mapping.id_tag == bindparam("id_tag"), Mapping.active)
)


def normal(id_tag: str) -> str:
    """*id_tag* as it is stored: tags are compared without regard to case (OCPP 1.6 CiString)."""
    return id_tag.replace("\0", "").upper()[:255]


def bearer(db: Connection, id_tag: str) -> Bearer:
    """Who presents *id_tag* (any case): the driver of its active mapping, or nobody."""
    row = db.execute(_ACTIVE, {"id_tag": normal(id_tag)}).one_or_none()
    if row is None:
        return NOBODY
    if row.blocked or row.disabled_at is not None:
        return Bearer(Authorization.BLOCKED)
    return Bearer(Authorization.ACCEPTED, row.id, row.account_id)
