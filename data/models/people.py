"""Accounts, how they sign in, and what they did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, BigId
from data.types import HowSignedIn, Role, Theme


class Account(Base):
    """Somebody who can sign in. One person may own one of each role, so e-mail is unique per role."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("email", "role"),
        CheckConstraint("email = lower(email)", name="email_is_lower_case"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[Role]
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    """IANA name; unknown until the account or its browser says one."""
    language: Mapped[str | None] = mapped_column(String(16))
    """`en` or `de`; unset means: as the browser asks."""
    theme: Mapped[Theme] = mapped_column(default=Theme.SYSTEM)
    disabled_at: Mapped[datetime | None]
    deletion_requested_at: Mapped[datetime | None]
    """When the person asked for their account to be deleted; an operator sees to it."""
    erased_at: Mapped[datetime | None]
    """When that was done: the row stands for somebody in the books, and says no more who."""
    created_at: Mapped[datetime]


class Browser(Base):
    """One browser: its cookie carries a token, the row only the token's hash (T13, T14).

    Several accounts can be signed in at it (P3); one of them is current.
    """

    __tablename__ = "browsers"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    """Replaced, with the token, at each sign-in and at the beginning and end of acting as (T13)."""
    previous_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    """Of the token before: good for signing out alone, for a minute, when two answers crossed (T16)."""
    current_sign_in_id: Mapped[int | None] = mapped_column(Integer, index=True)
    """No foreign key: the sign-in refers to its browser, and that one has."""
    created_at: Mapped[datetime]
    cookie_at: Mapped[datetime]
    """When the browser was last given its cookie, which is renewed now and then."""
    stale: Mapped[bool] = mapped_column(default=False)
    """Its token is to be replaced at the next request: an acting as ended without one (T13)."""


class SignIn(Base):
    """One account signed in at one browser, or (with an actor) an operator acting as a driver there."""

    __tablename__ = "sign_ins"
    __table_args__ = (
        CheckConstraint(
            "(actor_id IS NULL) = (actor_sign_in_id IS NULL) AND (actor_id IS NULL) = (reason IS NULL)",
            name="acting_is_told_whole",
        ),
        CheckConstraint("actor_id IS NULL OR actor_id <> account_id", name="nobody_acts_as_themselves"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    browser_id: Mapped[int] = mapped_column(ForeignKey("browsers.id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    how: Mapped[HowSignedIn]
    created_at: Mapped[datetime]
    fresh_at: Mapped[datetime]
    """When the person last proved who they are: at sign-in, or since when asked again (T24)."""
    last_seen_at: Mapped[datetime]
    """Written once a minute at most."""
    idle_seconds: Mapped[int]
    """How long it lasts without use (T15)."""
    ends_at: Mapped[datetime] = mapped_column(index=True)
    """When it ends unless it is used before: the idle end or the absolute one, whichever comes first."""
    expires_at: Mapped[datetime]
    """The end in any case (T15)."""
    remembered: Mapped[bool] = mapped_column(default=False)
    address: Mapped[str] = mapped_column(String(64), default="")
    """Network address that it was begun from."""
    browser_name: Mapped[str] = mapped_column(String(100), default="")
    """In words: `Mobile Safari on iOS`."""
    identity_id: Mapped[int | None] = mapped_column(ForeignKey("identities.id"), index=True)
    """The identity that it came from, for sign-ins by an identity provider."""
    provider_session: Mapped[str | None] = mapped_column(String(255))
    """The provider's name for its own session (`sid`), for back-channel logout."""
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    """The operator who acts as the account (P23)."""
    actor_sign_in_id: Mapped[int | None] = mapped_column(Integer, index=True)
    """The operator's own sign-in; when it ends, this one does (T28)."""
    reason: Mapped[str | None] = mapped_column(Text)
    """Why the operator acts as the account."""


class Identity(Base):
    """A person at an identity provider who signs in to an account: known by (issuer, subject) (T12)."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject", "account_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    provider: Mapped[str] = mapped_column(String(64))
    """The key of the provider in the settings at that time."""
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(254))
    """As the provider said last; tells a person which of their identities it is."""
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]


class UsedOnce(Base):
    """What must not be used a second time: states of sign-ins by a provider, ids of logout tokens (T9)."""

    __tablename__ = "used_once"
    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    """After it the thing itself is void, and the row can go."""


class OneTimeLink(Base):
    """A link that lets somebody in once: the first operator (T22), an invitation, a new password."""

    __tablename__ = "one_time_links"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    purpose: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    """The account that it is for; the first operator's is made by it."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did what to what, when, from where, why. Appended only: triggers refuse the rest (T30)."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_at", "at", "id"),
        Index("ix_audit_action", "action", "at", "id"),
        Index("ix_audit_action_actor_id", "action", "actor_id", "at", "id"),
        Index("ix_audit_actor_id", "actor_id", "at", "id"),
        Index("ix_audit_subject_id", "subject_id", "at", "id"),
        Index("ix_audit_subject_id_action", "subject_id", "action", "at", "id"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(64))
    subject_id: Mapped[int | None]
    """The account that it concerns. No foreign key: the row outlives it."""
    subject_name: Mapped[str] = mapped_column(String(200), default="")
    actor_id: Mapped[int | None]
    actor_name: Mapped[str] = mapped_column(String(200), default="")
    actor_role: Mapped[Role | None]
    about: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    request_id: Mapped[str] = mapped_column(String(32), default="")
    details: Mapped[dict[str, Any] | None]
