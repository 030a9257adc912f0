"""Identities at identity providers, and the accounts that they lead to (T12)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from data.models import Account, AuditEntry, Identity, SignIn
from data.types import Role

OWN_EMAIL = "own_account.email"
"""What the audit calls it that somebody changes their own address."""


@dataclass(frozen=True, slots=True)
class Linked:
    """An account that an identity leads to."""

    identity_id: int
    account_id: int
    role: Role
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class SameAddress:
    """An account that has an e-mail address."""

    account_id: int
    role: Role
    is_disabled: bool
    has_identity: bool
    """Somebody at a provider signs in to it already."""
    is_own_choice: bool
    """Its owner has changed the address themselves, and nobody has checked that it is theirs."""


@dataclass(frozen=True, slots=True)
class WaysIn:
    """How somebody can sign in to an account."""

    has_password: bool
    providers: tuple[tuple[int, str], ...]
    """Each identity's id, and the key of its provider."""


def linked(db: Connection, issuer: str, subject: str) -> tuple[Linked, ...]:
    """The accounts that (*issuer*, *subject*) leads to, disabled ones too; at most one of each role."""
    rows = db.execute(
        select(Identity.id, Account.id, Account.role, Account.disabled_at.is_not(None))
        .join(Account, Account.id == Identity.account_id)
        .where(Identity.issuer == issuer, Identity.subject == subject)
        .order_by(Identity.id)
    )
    return tuple(Linked(identity, account, role, bool(off)) for identity, account, role, off in rows)


def with_email(db: Connection, email: str) -> tuple[SameAddress, ...]:
    """The accounts with *email*, disabled ones too; at most one of each role."""
    has_identity = select(Identity.id).where(Identity.account_id == Account.id).exists()
    changed = AuditEntry.subject_id == Account.id, AuditEntry.action == OWN_EMAIL
    own_choice = select(AuditEntry.id).where(*changed).exists()
    rows = db.execute(
        select(Account.id, Account.role, Account.disabled_at.is_not(None), has_identity, own_choice)
        .where(Account.email == email)
        .order_by(Account.id)
    )
    return tuple(SameAddress(one, role, *map(bool, flags)) for one, role, *flags in rows)


def ways_in(db: Connection, account_id: int) -> WaysIn:
    """How somebody can sign in to *account_id*."""
    password = db.execute(select(Account.password_hash).where(Account.id == account_id)).scalar()
    rows = db.execute(select(Identity.id, Identity.provider).where(Identity.account_id == account_id))
    return WaysIn(password is not None, tuple((row.id, row.provider) for row in rows))


def provider_of(db: Connection, identity_id: int) -> str | None:
    """The key of the provider of *identity_id*, as it was when last used."""
    return db.execute(select(Identity.provider).where(Identity.id == identity_id)).scalar()


def is_used_by(db: Connection, identity_id: int, sign_in_ids: Collection[int]) -> bool:
    """True if one of *sign_in_ids* came from the person of *identity_id* too, to whichever account."""
    person = select(Identity.issuer, Identity.subject).where(Identity.id == identity_id).subquery()
    found = (
        select(SignIn.id)
        .join(Identity, Identity.id == SignIn.identity_id)
        .join(person, (person.c.issuer == Identity.issuer) & (person.c.subject == Identity.subject))
        .where(SignIn.id.in_(sign_in_ids))
    )
    return db.execute(found.limit(1)).first() is not None
