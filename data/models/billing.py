"""What was billed, and what was corrected."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base, BigId


class Charge(Base):
    """One billed line: a session's energy in one billing period. Appended only (triggers refuse the rest).

    A session's cost is the sum of its lines; what came after it was finalized is a further line, which
    may be negative. ``key`` is made of session, billing period and revision, so that neither a crash nor
    a second worker bills twice.
    """

    __tablename__ = "charges"
    __table_args__ = (
        Index("ix_charges_account_id", "account_id", "id"),
        Index("ix_charges_session_id", "session_id", "id"),
        Index("ix_charges_subscription_period", "subscription_id", "period_first", "energy_wh"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    session_id: Mapped[int] = mapped_column(BigId, ForeignKey("sessions.id"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    subscription_id: Mapped[int | None] = mapped_column(ForeignKey("subscriptions.id"))
    """Null for a driver without a plan: nothing is owed then."""
    plan_id: Mapped[int | None] = mapped_column(ForeignKey("plans.id"))
    """The version of the plan that priced it."""
    period_first: Mapped[date | None]
    """First local day of the billing period; null without a subscription."""
    revision: Mapped[int] = mapped_column(default=0)
    """0: what was billed first; from 1 on: corrections."""
    energy_wh: Mapped[int] = mapped_column(BigInteger)
    """Wh; of a correction the difference."""
    amount: Mapped[int | None] = mapped_column(BigInteger)
    """Minor units of ``currency``; of a correction the difference; null where the plan has no price."""
    currency: Mapped[str | None] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(Text, default="")
    """Of a correction."""
    details: Mapped[dict[str, Any] | None]
    """How it was computed: parts with their Wh, price and amount."""
    created_at: Mapped[datetime] = mapped_column(index=True)


class SessionCorrection(Base):
    """What an operator, or late data, changed of a session; the values before stay here."""

    __tablename__ = "session_corrections"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    session_id: Mapped[int] = mapped_column(BigId, ForeignKey("sessions.id"), index=True)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(String(200))
    """Name of the operator, ``late data``."""
    by_id: Mapped[int | None]
    """The operator's account: it may be erased, and the name with it."""
    reason: Mapped[str] = mapped_column(Text)
    before: Mapped[dict[str, Any]]
    """The changed values as they were: ``energy_wh``, ``account_id`` …"""
    after: Mapped[dict[str, Any]]
