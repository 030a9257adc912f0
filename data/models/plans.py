"""Plans and who has which."""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base


class Plan(Base):
    """A price list with an optional included amount. Prices are integers (P25)."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("NOT (unlimited AND included_wh IS NOT NULL)", name="unlimited_has_no_amount"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    currency: Mapped[str] = mapped_column(String(3))
    base_fee: Mapped[int | None]
    """Minor units a billing period."""
    price_per_kwh: Mapped[int | None]
    """In 1/10,000 of the currency's major unit (up to 4 decimals a kWh); beyond the included amount."""
    included_wh: Mapped[int | None] = mapped_column(BigInteger)
    unlimited: Mapped[bool] = mapped_column(default=False)


class Subscription(Base):
    """One driver's use of a plan, with the day of the month on which a billing period begins."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        CheckConstraint("anchor_day BETWEEN 1 AND 31", name="anchor_day_is_a_day"),
        Index(
            "uq_subscriptions_current_account",
            "account_id",
            unique=True,
            sqlite_where=text("ended_on IS NULL"),
            postgresql_where=text("ended_on IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"), index=True)
    anchor_day: Mapped[int]
    started_on: Mapped[date]
    ended_on: Mapped[date | None]
