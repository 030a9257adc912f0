"""Who has which plan, from which day: rows that only ever end where a billing period does.

A change of plan ends the old subscription on the first day of one of its billing periods and begins the
new one on that day, so that no period is priced by two plans. What was billed already stays as it is:
a day that would take it from its subscription is refused. So nobody has the included amount of a billing
period twice by ending a plan and beginning one on the same day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert, or_, select, update

from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change
from data.models import Account, Charge, Plan, Subscription
from data.periods import billing_period, local_day
from data.types import Role

EARLIEST = timedelta(days=3_660)
"""Before today: histories are brought along from elsewhere."""
LATEST = timedelta(days=366)
"""After today."""
_ONE_DAY = timedelta(days=1)


class CannotSubscribe(Exception):
    """Why it stays as it is; ``why`` is a word that pages have a sentence for."""

    why = ""

    def __init__(self) -> None:
        super().__init__(self.why)


class NoSuchPlan(CannotSubscribe):
    """There is no plan with this id."""

    why = "plan"


class PlanRetired(CannotSubscribe):
    """This version of the plan is not given to anybody any more, nor changed."""

    why = "retired"


class NoSuchDriver(CannotSubscribe):
    """There is no driver with this id, or not any more: the account was erased."""

    why = "driver"


class NotSubscribed(CannotSubscribe):
    """The driver has no plan that could end."""

    why = "none"


class WrongDay(CannotSubscribe):
    """The day is too far from today, or the anchor day is none from 1 to 31."""

    why = "day"


class NotABorder(CannotSubscribe):
    """On this day the driver's billing period is in full swing; ``before`` and ``after`` are its borders."""

    why = "border"

    def __init__(self, before: date, after: date) -> None:
        super().__init__()
        self.before = before
        self.after = after


class AlreadyBilled(CannotSubscribe):
    """Energy from this day on was billed under the plan that the driver has now."""

    why = "billed"


@dataclass(frozen=True, slots=True)
class Begun:
    """A subscription that was made."""

    started_on: date
    anchor_day: int


@dataclass(frozen=True, slots=True)
class _Held:
    id: int
    plan_id: int
    anchor_day: int
    started_on: date
    ended_on: date | None


def begin(
    change: Change,
    caller: Caller,
    account_id: int,
    plan_id: int,
    anchor_day: int | None,
    started_on: date | None,
    now: datetime,
    default_zone: str,
) -> Begun:
    """Subscribe the driver to the plan; see `app.billing.plans.Plans.subscribe`."""
    today = _today(change, account_id, now, default_zone)
    if change.execute(select(Account.erased_at).where(Account.id == account_id)).scalar() is not None:
        raise NoSuchDriver
    plan = current(change, plan_id)
    held = [one for one in _held(change, account_id) if one.ended_on is None or one.ended_on > today]
    if started_on is None:
        started_on = next_border(held[0], today) if held else today
    if not today - EARLIEST <= started_on <= today + LATEST:
        raise WrongDay
    if anchor_day is None:
        anchor_day = held[0].anchor_day if held else plan.anchor_day or started_on.day
    if not 1 <= anchor_day <= 31:
        raise WrongDay
    for one in _held(change, account_id):
        if one.ended_on is None or one.ended_on > started_on:
            _cut(change, one, started_on)
    row = {
        "account_id": account_id,
        "plan_id": plan_id,
        "anchor_day": anchor_day,
        "started_on": started_on,
    }
    change.execute(insert(Subscription), row)
    details = {
        "plan": plan.name,
        "version": plan.version,
        "from": started_on.isoformat(),
        "anchor_day": anchor_day,
    }
    _told(change, caller, "subscription.begin", account_id, plan.name, now, details)
    return Begun(started_on, anchor_day)


def end(
    change: Change,
    caller: Caller,
    account_id: int,
    ends_on: date | None,
    now: datetime,
    default_zone: str,
    *,
    for_good: bool = False,
) -> date:
    """End what the driver is subscribed to; see `app.billing.plans.Plans.unsubscribe`.

    *for_good*: nobody is subscribed again by this account, and so has the included amount of a billing
    period once, on whatever day it ends.
    """
    today = _today(change, account_id, now, default_zone)
    held = [one for one in _held(change, account_id) if one.ended_on is None or one.ended_on > today]
    if not held:
        raise NotSubscribed
    if ends_on is None:
        ends_on = next_border(held[0], today)
    if not today <= ends_on <= today + LATEST:
        raise WrongDay
    for one in held:
        if one.ended_on is None or one.ended_on > ends_on:
            _cut(change, one, ends_on, anyhow=for_good)
    name = change.execute(select(Plan.name).where(Plan.id == held[0].plan_id)).scalar_one()
    details = {"plan": name, "ended_on": ends_on.isoformat()}
    _told(change, caller, "subscription.end", account_id, name, now, details)
    return ends_on


def move(
    change: Change,
    caller: Caller,
    account_id: int,
    from_plan_id: int,
    to_plan_id: int,
    from_day: date | None,
    now: datetime,
    default_zone: str,
) -> bool:
    """Move the driver at the first border of theirs after today that is not before *from_day*.

    ``False`` if they are not on the plan any more.
    """
    today = _today(change, account_id, now, default_zone)
    for one in _held(change, account_id):
        if one.plan_id == from_plan_id and one.ended_on is None:
            day = max(from_day or today, today)
            day = next_border(one, day - _ONE_DAY if day > today else today)
            begin(change, caller, account_id, to_plan_id, one.anchor_day, day, now, default_zone)
            return True
    return False


def current(change: Change, plan_id: int) -> Plan:
    """The plan, locked. Raises `NoSuchPlan` or `PlanRetired`."""
    plan = change.execute(
        select(Plan.id, Plan.family_id, Plan.version, Plan.name, Plan.anchor_day, Plan.retired_at)
        .where(Plan.id == plan_id)
        .with_for_update()
    ).one_or_none()
    if plan is None:
        raise NoSuchPlan
    if plan.retired_at is not None:
        raise PlanRetired
    return plan  # type: ignore[return-value]


def next_border(held: _Held, day: date) -> date:
    """The first day after *day* on which the subscription can end: a border, its own end or beginning."""
    if held.started_on > day:
        return held.started_on
    _, end = billing_period(day, held.anchor_day)
    return end if held.ended_on is None else min(end, held.ended_on)


def _today(change: Change, account_id: int, now: datetime, default_zone: str) -> date:
    """The driver's local day; nobody else changes their subscriptions before the commit."""
    found = change.execute(
        select(Account.time_zone)
        .where(Account.id == account_id, Account.role == Role.DRIVER)
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise NoSuchDriver
    return local_day(now, ZoneInfo(found.time_zone or default_zone))


def _held(change: Change, account_id: int) -> list[_Held]:
    """The subscriptions of the driver that have, or had, a day at all; the earliest first."""
    rows = change.connection.execute(
        select(
            Subscription.id,
            Subscription.plan_id,
            Subscription.anchor_day,
            Subscription.started_on,
            Subscription.ended_on,
        )
        .where(
            Subscription.account_id == account_id,
            or_(Subscription.ended_on.is_(None), Subscription.ended_on > Subscription.started_on),
        )
        .order_by(Subscription.started_on, Subscription.id)
    )
    return [_Held(*row) for row in rows]


def _cut(change: Change, held: _Held, day: date, *, anyhow: bool = False) -> None:
    """End *held* on *day*, or, where it begins later, without a day of its own; *anyhow*: amid a period."""
    ended_on = max(day, held.started_on)
    if not anyhow:
        _can_end(change, held, day)
    change.execute(update(Subscription).where(Subscription.id == held.id).values(ended_on=ended_on))


def _can_end(change: Change, held: _Held, day: date) -> None:
    """Raises `NotABorder` or `AlreadyBilled`."""
    if held.started_on < day:
        first, after = billing_period(day, held.anchor_day)
        if day != first:
            raise NotABorder(max(first, held.started_on), after)
    billed = select(Charge.id).where(Charge.subscription_id == held.id)
    if held.started_on < day:
        billed = billed.where(Charge.period_first >= day)
    if change.execute(billed.limit(1)).first() is not None:
        raise AlreadyBilled


def _told(
    change: Change,
    caller: Caller,
    action: str,
    account_id: int,
    about: str,
    now: datetime,
    details: dict[str, object],
) -> None:
    audit.record(change, caller, action, now, about=about, subject_id=account_id, details=details)
    change.announce(Announcement(Topic.PLAN, account_id), Announcement(Topic.PLANS))
