"""What the console's page of one driver shows besides the account: plan, reservations, groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, or_, select

from data.models import Charger, ChargerGroup, GroupAccount, Plan, Reservation, Subscription
from data.types import ReservationStatus

SHOWN = 10
"""Rows of a list on the page; the rest is a link away."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription that runs or is to come. The plan's terms are as in `data.models.Plan`."""

    plan_id: int
    name: str
    """Of the plan."""
    version: int
    currency: str
    price_per_kwh: int | None
    unlimited: bool
    anchor_day: int
    started_on: date
    ended_on: date | None
    """The first day without it."""
    base_fee: int | None
    included_wh: int | None
    tiers: Sequence[Mapping[str, int]]
    windows: Sequence[Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """A plan that somebody can be subscribed to."""

    id: int
    name: str
    currency: str
    anchor_day: int | None


@dataclass(frozen=True, slots=True)
class Booked:
    """A reservation that is not over."""

    id: int
    charger: str
    connector_number: int | None
    starts_at: datetime
    ends_at: datetime
    status: ReservationStatus


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of chargers that the driver sees, and all there are."""

    mine: tuple[str, ...]
    all: tuple[str, ...]


def subscriptions(db: Connection, account_id: int, today: date) -> tuple[Subscribed, ...]:
    """What the driver is subscribed to on *today* (their day) or will be, in order."""
    rows = db.execute(
        select(
            Plan.id,
            Plan.name,
            Plan.version,
            Plan.currency,
            Plan.price_per_kwh,
            Plan.unlimited,
            Subscription.anchor_day,
            Subscription.started_on,
            Subscription.ended_on,
            Plan.base_fee,
            Plan.included_wh,
            Plan.tiers,
            Plan.windows,
        )
        .join(Plan, Plan.id == Subscription.plan_id)
        .where(
            Subscription.account_id == account_id,
            or_(Subscription.ended_on.is_(None), Subscription.ended_on > today),
        )
        .order_by(Subscription.started_on, Subscription.id)
    )
    return tuple(
        Subscribed(*tuple(row)) for row in rows if row.ended_on is None or row.ended_on > row.started_on
    )


def plans(db: Connection) -> tuple[PlanChoice, ...]:
    """The plans that somebody can be subscribed to, by name."""
    rows = db.execute(
        select(Plan.id, Plan.name, Plan.currency, Plan.anchor_day)
        .where(Plan.retired_at.is_(None))
        .order_by(Plan.name)
    )
    return tuple(PlanChoice(*row) for row in rows)


def reservations(db: Connection, account_id: int, now: datetime) -> tuple[Booked, ...]:
    """The driver's next reservations that are neither over nor cancelled, the earliest first."""
    rows = db.execute(
        select(
            Reservation.id,
            Charger.name,
            Reservation.connector_number,
            Reservation.starts_at,
            Reservation.ends_at,
            Reservation.status,
        )
        .join(Charger, Charger.id == Reservation.charger_id)
        .where(
            Reservation.account_id == account_id,
            Reservation.ends_at > now,
            Reservation.cancelled_at.is_(None),
        )
        .order_by(Reservation.starts_at, Reservation.id)
        .limit(SHOWN)
    )
    return tuple(Booked(*row) for row in rows)


def groups(db: Connection, account_id: int) -> Groups:
    """The driver's groups among all."""
    mine = (
        select(ChargerGroup.name)
        .join(GroupAccount, GroupAccount.group_id == ChargerGroup.id)
        .where(GroupAccount.account_id == account_id)
        .order_by(ChargerGroup.name)
    )
    everything = select(ChargerGroup.name).order_by(ChargerGroup.name)
    return Groups(tuple(db.execute(mine).scalars()), tuple(db.execute(everything).scalars()))
