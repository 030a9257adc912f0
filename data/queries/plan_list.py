"""Plans as the console lists them, their versions, and who has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from data.models import Account, Plan, Subscription

SHOWN = 50
"""Subscribers on a page."""


@dataclass(frozen=True, slots=True)
class ListedPlan:
    """A version of a plan. Money, tiers and windows as in `data.models.Plan`."""

    id: int
    family_id: int
    version: int
    name: str
    currency: str
    base_fee: int | None
    price_per_kwh: int | None
    included_wh: int | None
    unlimited: bool
    tiers: Sequence[Mapping[str, int]]
    windows: Sequence[Mapping[str, int]]
    anchor_day: int | None
    created_at: datetime | None
    retired_at: datetime | None
    drivers: int
    """Who have it, or will have it from a day to come on."""


@dataclass(frozen=True, slots=True)
class Family:
    """A plan with its versions."""

    newest: ListedPlan
    earlier: tuple[ListedPlan, ...]

    @property
    def drivers_on_earlier(self) -> int:
        """Who have an earlier version."""
        return sum(one.drivers for one in self.earlier)


@dataclass(frozen=True, slots=True)
class PlanPage:
    """A version of a plan, with all versions, newest first, and the plans that drivers can be moved to."""

    plan: ListedPlan
    versions: tuple[ListedPlan, ...]
    others: tuple[ListedPlan, ...]
    ever_used: bool
    """Whether anybody has or had it: then it is versioned, not changed."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A driver who has a plan, or will have it."""

    id: int
    """Of the subscription."""
    account_id: int
    name: str
    anchor_day: int
    started_on: date
    ended_on: date | None


@dataclass(frozen=True, slots=True)
class Subscribers:
    """Those who were subscribed last come first."""

    shown: tuple[Subscriber, ...]
    more: bool


def families(db: Connection, today: date) -> tuple[Family, ...]:
    """All plans by name: those that can be had first."""
    return _families(_plans(db, today))


def plan_page(db: Connection, plan_id: int, today: date) -> PlanPage | None:
    """The version *plan_id*; ``None`` if there is none."""
    plans = _plans(db, today)
    found = next((one for one in plans if one.id == plan_id), None)
    if found is None:
        return None
    versions = tuple(
        sorted((one for one in plans if one.family_id == found.family_id), key=lambda one: -one.version)
    )
    others = tuple(
        family.newest
        for family in _families(plans)
        if family.newest.retired_at is None and family.newest.id != plan_id
    )
    used = db.execute(select(Subscription.id).where(Subscription.plan_id == plan_id).limit(1)).first()
    return PlanPage(found, versions, others, used is not None)


def subscribers(
    db: Connection, plan_id: int, today: date, after: int | None, limit: int = SHOWN
) -> Subscribers:
    """Who have the version *plan_id*, or will; *after* is the last subscription of the page before."""
    query = (
        select(
            Subscription.id,
            Subscription.account_id,
            Account.name,
            Subscription.anchor_day,
            Subscription.started_on,
            Subscription.ended_on,
        )
        .join(Account, Account.id == Subscription.account_id)
        .where(Subscription.plan_id == plan_id, _not_over(today))
        .order_by(Subscription.id.desc())
        .limit(limit + 1)
    )
    if after is not None:
        query = query.where(Subscription.id < after)
    found = tuple(Subscriber(**row) for row in db.execute(query).mappings())
    return Subscribers(found[:limit], len(found) > limit)


def _families(plans: Sequence[ListedPlan]) -> tuple[Family, ...]:
    by_family: dict[int, list[ListedPlan]] = {}
    for one in plans:
        by_family.setdefault(one.family_id, []).append(one)
    found = []
    for versions in by_family.values():
        newest, *earlier = sorted(versions, key=lambda one: -one.version)
        found.append(Family(newest, tuple(earlier)))
    found.sort(key=lambda one: (one.newest.retired_at is not None, one.newest.name.casefold(), one.newest.id))
    return tuple(found)


def _plans(db: Connection, today: date) -> list[ListedPlan]:
    """All of them: a portal has dozens, not thousands."""
    counted = (
        select(Subscription.plan_id, func.count().label("drivers"))
        .where(_not_over(today))
        .group_by(Subscription.plan_id)
        .subquery()
    )
    rows = db.execute(
        select(
            Plan.id,
            func.coalesce(Plan.family_id, Plan.id).label("family_id"),
            Plan.version,
            Plan.name,
            Plan.currency,
            Plan.base_fee,
            Plan.price_per_kwh,
            Plan.included_wh,
            Plan.unlimited,
            Plan.tiers,
            Plan.windows,
            Plan.anchor_day,
            Plan.created_at,
            Plan.retired_at,
            func.coalesce(counted.c.drivers, 0).label("drivers"),
        ).outerjoin(counted, counted.c.plan_id == Plan.id)
    ).mappings()
    return [ListedPlan(**row) for row in rows]


def _not_over(today: date) -> ColumnElement[bool]:
    """Subscriptions that have a day left."""
    return or_(
        Subscription.ended_on.is_(None),
        and_(Subscription.ended_on > today, Subscription.ended_on > Subscription.started_on),
    )
