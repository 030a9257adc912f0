"""Accounts and one-time links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from data.models import Account, Charger, ChargingSession, Identity, Mapping, OneTimeLink, Plan, Site
from data.types import Role


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is checked against."""

    account_id: int
    role: Role
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Inventory:
    """How many there are of what an operator looks after."""

    drivers: int
    mappings: int
    sites: int
    chargers: int
    plans: int
    sessions_in_progress: int


def credentials(db: Connection, email: str) -> list[Credentials]:
    """The accounts that *email* can sign in to, at most one of each role; no disabled ones."""
    rows = db.execute(
        select(Account.id, Account.role, Account.password_hash)
        .where(Account.email == email.strip().lower(), Account.disabled_at.is_(None))
        .order_by(Account.role)
    )
    return [Credentials(*row) for row in rows]


def has_operator(db: Connection) -> bool:
    """True if there is an operator who can sign in."""
    found = select(Account.id).where(Account.role == Role.OPERATOR, Account.disabled_at.is_(None))
    return db.execute(found.limit(1)).first() is not None


def has_joined(db: Connection, account_id: int) -> bool:
    """True if the owner of *account_id* can sign in: they have a password, or an identity of a provider."""
    identity = select(Identity.id).where(Identity.account_id == account_id).exists()
    found = select(Account.id).where(
        Account.id == account_id, or_(Account.password_hash.is_not(None), identity)
    )
    return db.execute(found).first() is not None


def link_is_open(db: Connection, token_hash: str, purpose: str, now: datetime) -> bool:
    """True if the one-time link with *token_hash* can still be used for *purpose*."""
    found = select(OneTimeLink.id).where(
        OneTimeLink.token_hash == token_hash,
        OneTimeLink.purpose == purpose,
        OneTimeLink.used_at.is_(None),
        OneTimeLink.expires_at > now,
    )
    return db.execute(found).first() is not None


def inventory(db: Connection) -> Inventory:
    """The counts of the operator's page."""
    drivers = select(func.count()).select_from(Account).where(Account.role == Role.DRIVER)
    running = select(func.count()).select_from(ChargingSession).where(ChargingSession.ended_at.is_(None))
    mappings = select(func.count()).select_from(Mapping).where(Mapping.active)
    return Inventory(
        drivers=db.scalar(drivers) or 0,
        mappings=db.scalar(mappings) or 0,
        sites=db.scalar(select(func.count()).select_from(Site)) or 0,
        chargers=db.scalar(select(func.count()).select_from(Charger)) or 0,
        plans=db.scalar(select(func.count()).select_from(Plan)) or 0,
        sessions_in_progress=db.scalar(running) or 0,
    )
