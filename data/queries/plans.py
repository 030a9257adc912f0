"""A driver's plan (P13, P17, P18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, bindparam, exists, or_, select
from sqlalchemy.orm import aliased

from data.models import Plan, Subscription
from data.periods import Period, Window, local_day, window
from data.queries.usage import total_wh


@dataclass(frozen=True, slots=True)
class CurrentPlan:
    """A subscription that runs, with its plan's terms. Money, tiers and windows as in `data.models.Plan`."""

    name: str
    currency: str
    anchor_day: int
    base_fee: int | None
    price_per_kwh: int | None
    included_wh: int | None
    unlimited: bool
    started_on: date
    tiers: Sequence[Mapping[str, int]] = ()
    windows: Sequence[Mapping[str, int]] = ()
    ended_on: date | None = None
    """The first day without it, if it ends and no other one follows."""


@dataclass(frozen=True, slots=True)
class ComingPlan:
    """Another plan that somebody's next subscription is to. Its terms are as in `data.models.Plan`."""

    name: str
    currency: str
    price_per_kwh: int | None
    unlimited: bool
    started_on: date
    base_fee: int | None = None
    included_wh: int | None = None
    tiers: Sequence[Mapping[str, int]] = ()
    windows: Sequence[Mapping[str, int]] = ()


@dataclass(frozen=True, slots=True)
class PlanUse:
    """What the plan card shows: the terms, and the energy of the *current billing period* (P17)."""

    plan: CurrentPlan
    used_wh: int
    renews_at: datetime
    """The local midnight at which the next billing period begins, UTC."""
    coming: ComingPlan | None = None


_held = and_(
    Subscription.account_id == bindparam("account_id"),
    Subscription.started_on <= bindparam("day"),
    or_(Subscription.ended_on.is_(None), Subscription.ended_on > bindparam("day")),
)
_following = (
    select(Subscription.plan_id, Subscription.started_on, Subscription.ended_on)
    .where(
        Subscription.account_id == bindparam("account_id"),
        Subscription.started_on >= bindparam("day"),
        or_(Subscription.ended_on.is_(None), Subscription.ended_on > Subscription.started_on),
    )
    .order_by(Subscription.started_on)
)
_current = (
    select(
        Plan.name,
        Plan.currency,
        Subscription.anchor_day,
        Plan.base_fee,
        Plan.price_per_kwh,
        Plan.included_wh,
        Plan.unlimited,
        Subscription.started_on,
        Plan.tiers,
        Plan.windows,
        Subscription.ended_on,
        Subscription.plan_id,
    )
    .join(Plan, Plan.id == Subscription.plan_id)
    .where(_held)
)
_now = aliased(Subscription)
_goes_on = exists().where(  # on the same terms, from another anchor day, say
    _now.account_id == Subscription.account_id,
    _now.plan_id == Subscription.plan_id,
    _now.ended_on == Subscription.started_on,
    _now.started_on < _now.ended_on,
)
_coming = (
    select(
        Plan.name,
        Plan.currency,
        Plan.price_per_kwh,
        Plan.unlimited,
        Subscription.started_on,
        Plan.base_fee,
        Plan.included_wh,
        Plan.tiers,
        Plan.windows,
    )
    .join(Plan, Plan.id == Subscription.plan_id)
    .where(
        Subscription.account_id == bindparam("account_id"),
        Subscription.started_on > bindparam("day"),
        or_(Subscription.ended_on.is_(None), Subscription.ended_on > Subscription.started_on),
        ~_goes_on,
    )
    .order_by(Subscription.started_on, Subscription.id)
    .limit(1)
)
_anchor_day = select(Subscription.anchor_day).where(_held)


def current_plan(db: Connection, account_id: int, day: date) -> CurrentPlan | None:
    """The plan that *account_id* is subscribed to on *day*, a day of theirs."""
    row = db.execute(_current, {"account_id": account_id, "day": day}).mappings().first()
    if row is None:
        return None
    terms = dict(row)
    plan_id, end = terms.pop("plan_id"), terms.pop("ended_on")
    if end is not None:
        for following in db.execute(_following, {"account_id": account_id, "day": end}):
            if following.started_on != end:
                break  # some days without any plan
            # The same plan that goes on has an end of its own; of another one its beginning is told.
            end = following.ended_on if following.plan_id == plan_id else None
            if end is None:
                break
    return CurrentPlan(**terms, ended_on=end)


def coming_plan(db: Connection, account_id: int, day: date) -> ComingPlan | None:
    """The plan that *account_id* changes to next after *day*; the same one going on is no change."""
    row = db.execute(_coming, {"account_id": account_id, "day": day}).mappings().first()
    return None if row is None else ComingPlan(**row)


def period_window(db: Connection, account_id: int, period: Period, zone: str, now: datetime) -> Window:
    """The local days of *period* for *account_id*: from the anchor day of its subscription, if any (P13)."""
    day = local_day(now, ZoneInfo(zone))
    anchor_day = db.execute(_anchor_day, {"account_id": account_id, "day": day}).scalar()
    return window(period, now, zone, anchor_day)


def plan_use(db: Connection, account_id: int, zone: str, now: datetime) -> PlanUse | ComingPlan | None:
    """The plan of *account_id* and its use in the billing period that holds *now*, and what comes after it.

    Before their first subscription begins, that alone.
    """
    day = local_day(now, ZoneInfo(zone))
    plan, coming = current_plan(db, account_id, day), coming_plan(db, account_id, day)
    if plan is None:
        return coming
    billing_period = window(Period.CURRENT, now, zone, plan.anchor_day)
    return PlanUse(plan, total_wh(db, account_id, billing_period), billing_period.ends_at, coming)
