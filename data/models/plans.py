"""Plans and who has which."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from data.models.base import Base


class Plan(Base):
    """A price list with an optional included amount. Prices are integers (P25).

    A row is one version of a plan. What a subscription refers to is never changed: another price is
    another row of the same family, and the one before is retired.
    """

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("NOT (unlimited AND included_wh IS NOT NULL)", name="unlimited_has_no_amount"),
        UniqueConstraint("family_id", "version"),
        Index(
            "uq_plans_current_name",
            "name",
            unique=True,
            sqlite_where=text("retired_at IS NULL"),
            postgresql_where=text("retired_at IS NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    family_id: Mapped[int | None]
    """The id of the plan's first version; null for the first version itself."""
    version: Mapped[int] = mapped_column(default=1)
    name: Mapped[str] = mapped_column(String(200))
    currency: Mapped[str] = mapped_column(String(3))
    base_fee: Mapped[int | None]
    """Minor units a billing period."""
    price_per_kwh: Mapped[int | None]
    """In 1/10,000 of the currency's major unit (up to 4 decimals a kWh); beyond the included amount."""
    included_wh: Mapped[int | None] = mapped_column(BigInteger)
    unlimited: Mapped[bool] = mapped_column(default=False)
    tiers: Mapped[list[dict[str, int]]] = mapped_column(default=list)
    """Other prices beyond so much: ``[{"above_wh": 100000, "price_per_kwh": 4200}, …]``, ascending; Wh of the
    billing period beyond the included amount. Empty with `windows`."""
    windows: Mapped[list[dict[str, int]]] = mapped_column(default=list)
    """Other prices at times of day: ``[{"from_minute": 1320, "to_minute": 360, "price_per_kwh": 1900}, …]``,
    in minutes since the site's midnight; may run over midnight, never overlap. Empty with `tiers`."""
    anchor_day: Mapped[int | None]
    """Proposed to new subscriptions; null: the day on which one begins."""
    created_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    """Since when nobody is subscribed to this version anew."""


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
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"), index=True)
    anchor_day: Mapped[int]
    started_on: Mapped[date]
    ended_on: Mapped[date | None]
    """The first day without it."""
