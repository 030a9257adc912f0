"""What a person sees of their own account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from data.models import Account, ChargingSession, Identity
from data.queries.sign_ins import ListedSignIn, of_account
from data.queries.support_visits import SHOWN, SupportVisit, support_visits


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """A person at an identity provider who signs in to the account."""

    id: int
    provider: str
    """The provider's key in the settings at that time."""
    issuer: str
    email: str | None
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """The account, the ways into it, and who looked at it."""

    has_password: bool
    deletion_requested_at: datetime | None
    sessions: int
    """How many charging sessions there are to download."""
    sign_ins: tuple[ListedSignIn, ...]
    identities: tuple[OwnIdentity, ...]
    visits: tuple[SupportVisit, ...]
    """One more than are shown, if there are older ones."""


def own_account(db: Connection, account_id: int, now: datetime, before: int | None = None) -> OwnAccount:
    """All of it, as of *now*; the support visits *before* the one with that id, or the latest."""
    password_hash, requested_at = db.execute(
        select(Account.password_hash, Account.deletion_requested_at).where(Account.id == account_id)
    ).one()
    count = select(func.count()).select_from(ChargingSession).where(ChargingSession.account_id == account_id)
    return OwnAccount(
        has_password=password_hash is not None,
        deletion_requested_at=requested_at,
        sessions=db.execute(count).scalar_one(),
        sign_ins=of_account(db, account_id, now),
        identities=identities(db, account_id),
        visits=support_visits(db, account_id, before=before, limit=SHOWN + 1),
    )


def identities(db: Connection, account_id: int) -> tuple[OwnIdentity, ...]:
    """The identities that sign in to *account_id*, by age."""
    rows = db.execute(
        select(Identity.id, Identity.provider, Identity.issuer, Identity.email, Identity.last_used_at)
        .where(Identity.account_id == account_id)
        .order_by(Identity.id)
    )
    return tuple(OwnIdentity(*row) for row in rows)
