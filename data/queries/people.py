"""Accounts and one-time links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, false, func, or_, select

from data.models import Account, Charger, ChargingSession, Identity, Mapping, OneTimeLink, Plan, Site
from data.types import Role


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a password is checked against."""

    account_id: int
    role: Role
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """An account as mails to it speak of it, and as its links' pages do."""

    account_id: int
    name: str
    email: str
    role: Role
    language: str | None
    time_zone: str | None


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


def has_joined(db: Connection, account_id: int, *, passwords: bool = True) -> bool:
    """True if the owner of *account_id* can sign in: by an identity, or a password if *passwords* do."""
    identity = select(Identity.id).where(Identity.account_id == account_id).exists()
    found = select(Account.id).where(
        Account.id == account_id, or_(Account.password_hash.is_not(None) if passwords else false(), identity)
    )
    return db.execute(found).first() is not None


def recipient(db: Connection, account_id: int) -> Recipient | None:
    """The account *account_id*, disabled or not."""
    row = db.execute(select(*_RECIPIENT).where(Account.id == account_id)).one_or_none()
    return None if row is None else Recipient(*row)


def resettable(db: Connection, email: str) -> list[Recipient]:
    """The accounts of *email*, at most one of each role, that a mail to it may give a new password.

    No disabled ones; and none that has only ever been entered by an identity provider, whose word for
    the address may be all there is.
    """
    identity = select(Identity.id).where(Identity.account_id == Account.id).exists()
    rows = db.execute(
        select(*_RECIPIENT)
        .where(Account.email == email, Account.disabled_at.is_(None))
        .where(or_(Account.password_hash.is_not(None), ~identity))
        .order_by(Account.role)
    )
    return [Recipient(*row) for row in rows]


def link_is_open(db: Connection, token_hash: str, purpose: str, now: datetime) -> bool:
    """True if the one-time link with *token_hash* can still be used for *purpose*."""
    found = select(OneTimeLink.id).where(*_open(token_hash, purpose, now))
    return db.execute(found).first() is not None


def of_link(db: Connection, token_hash: str, purpose: str, now: datetime) -> Recipient | None:
    """Whom the open link with *token_hash* is for; ``None`` if it is not open, or they are disabled."""
    row = db.execute(
        select(*_RECIPIENT)
        .join(OneTimeLink, OneTimeLink.account_id == Account.id)
        .where(*_open(token_hash, purpose, now), Account.disabled_at.is_(None))
    ).one_or_none()
    return None if row is None else Recipient(*row)


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


_RECIPIENT = (Account.id, Account.name, Account.email, Account.role, Account.language, Account.time_zone)


def _open(token_hash: str, purpose: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        OneTimeLink.token_hash == token_hash,
        OneTimeLink.purpose == purpose,
        OneTimeLink.used_at.is_(None),
        OneTimeLink.expires_at > now,
    )
