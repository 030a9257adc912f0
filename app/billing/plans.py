"""Plans as operators keep them, and who is subscribed to which.

A plan that anybody is or was subscribed to is never changed under them: `Plans.change` makes another
version of it and retires the one before. Whoever has that one keeps it until they are moved on purpose.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.billing import subscribing
from app.billing.subscribing import AlreadyBilled as AlreadyBilled
from app.billing.subscribing import Begun as Begun
from app.billing.subscribing import CannotSubscribe as CannotSubscribe
from app.billing.subscribing import NoSuchDriver as NoSuchDriver
from app.billing.subscribing import NoSuchPlan as NoSuchPlan
from app.billing.subscribing import NotABorder as NotABorder
from app.billing.subscribing import NotSubscribed as NotSubscribed
from app.billing.subscribing import PlanRetired as PlanRetired
from app.billing.subscribing import WrongDay as WrongDay
from app.billing.terms import Terms as Terms
from app.billing.terms import WrongTerms as WrongTerms
from app.billing.terms import proper
from app.changing import changing
from app.settings import Settings
from data import audit
from data.announcements import Announcement, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import Plan, Subscription
from data.types import Role

log = logging.getLogger("polaris.billing")

AT_ONCE = 50
"""Drivers that are moved in one transaction: what chargers report does not wait for all of them."""


class Plans:
    """The plans and subscriptions. What raises `CannotSubscribe` or `WrongTerms` has changed nothing."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._zone = settings.default_time_zone

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    @changing("plan.add", role=Role.OPERATOR)
    async def add(self, caller: Caller, terms: Terms) -> int:
        """A new plan; its id. Raises `WrongTerms`."""
        terms = proper(terms)
        try:
            plan_id = await self._database.change(_add, caller, terms, clock.now())
        except IntegrityError as error:  # somebody else's of the same name, at the same moment
            raise WrongTerms({"name": "taken"}) from error
        log.info("plan added plan=%s", plan_id)
        return plan_id

    @changing("plan.change", role=Role.OPERATOR)
    async def change(self, caller: Caller, plan_id: int, terms: Terms) -> int:
        """Other terms for the plan; the id of the version that has them.

        That is another one if anybody is or was subscribed to this one, which is retired then.
        Raises `WrongTerms`, `NoSuchPlan`, or `PlanRetired` for an older version.
        """
        terms = proper(terms)
        try:
            changed = await self._database.change(_change, caller, plan_id, terms, clock.now())
        except IntegrityError as error:
            raise WrongTerms({"name": "taken"}) from error
        log.info("plan changed plan=%s version=%s", plan_id, changed)
        return changed

    @changing("plan.retire", role=Role.OPERATOR)
    async def retire(self, caller: Caller, plan_id: int) -> None:
        """Give the plan to nobody anew; who has it keeps it. Raises `NoSuchPlan`; a retired one stays so."""
        await self._database.change(_retire, caller, plan_id, clock.now())
        log.info("plan retired plan=%s", plan_id)

    @changing("subscription.begin", role=Role.OPERATOR)
    async def subscribe(
        self,
        caller: Caller,
        account_id: int,
        plan_id: int,
        anchor_day: int | None = None,
        started_on: date | None = None,
    ) -> Begun:
        """Subscribe a driver to a plan from *started_on* on; what they had before ends on that day.

        Where they have a plan, that day is the first of one of its billing periods; ``None`` is the next
        such day, else today (theirs). *anchor_day* ``None``: as before, else as the plan proposes, else
        the day of *started_on*. Planned changes after that day are dropped. Raises `NoSuchDriver`,
        `NoSuchPlan`, `PlanRetired`, `WrongDay`, `NotABorder` or `AlreadyBilled`.
        """
        begun = await self._database.change(
            subscribing.begin, caller, account_id, plan_id, anchor_day, started_on, clock.now(), self._zone
        )
        log.info("subscribed account=%s plan=%s from=%s", account_id, plan_id, begun.started_on)
        return begun

    @changing("subscription.end", role=Role.OPERATOR)
    async def unsubscribe(self, caller: Caller, account_id: int, ends_on: date | None = None) -> date:
        """End the driver's plan; the first day without it.

        ``None``: when the billing period that runs is over. Raises `NoSuchDriver`, `NotSubscribed`,
        `WrongDay` for a day in the past or more than a year away, `NotABorder` or `AlreadyBilled`.
        """
        ended = await self._database.change(
            subscribing.end, caller, account_id, ends_on, clock.now(), self._zone
        )
        log.info("subscription ends account=%s on=%s", account_id, ended)
        return ended

    @changing("plan.move", role=Role.OPERATOR)
    async def move_subscribers(
        self, caller: Caller, from_plan_id: int, to_plan_id: int, from_day: date | None = None
    ) -> int:
        """Move all who have one plan to another; how many that were.

        Each when their next billing period begins, or the first one from *from_day* on: what runs is
        billed to its end as it was agreed. Raises `NoSuchPlan`, `PlanRetired` or `WrongDay`.
        """
        now = clock.now()
        drivers = await self._database.ask(_subscribed, from_plan_id) if from_plan_id != to_plan_id else ()
        moved = 0
        for start in range(0, max(len(drivers), 1), AT_ONCE):
            moved += await self._database.change(
                _move,
                caller,
                drivers[start : start + AT_ONCE],
                from_plan_id,
                to_plan_id,
                from_day,
                now,
                self._zone,
            )
        await self._database.change(_moved, caller, from_plan_id, to_plan_id, from_day, moved, now)
        log.info("subscribers moved from=%s to=%s drivers=%s", from_plan_id, to_plan_id, moved)
        return moved


def _add(change: Change, caller: Caller, terms: Terms, now: datetime) -> int:
    _check_name(change, terms.name, None)
    plan_id = _insert(change, terms, now, None, 1)
    _told(change, caller, "plan.add", terms.name, now, {"plan": plan_id})
    return plan_id


def _change(change: Change, caller: Caller, plan_id: int, terms: Terms, now: datetime) -> int:
    before = subscribing.current(change, plan_id)
    row = change.execute(select(Plan).where(Plan.id == plan_id)).mappings().one()
    values = asdict(terms)
    changed = {name: [row[name], value] for name, value in values.items() if row[name] != value}
    if not changed:
        return plan_id
    _check_name(change, terms.name, plan_id)
    version, changed_id = before.version, plan_id
    if change.execute(select(Subscription.id).where(Subscription.plan_id == plan_id).limit(1)).first():
        family = before.family_id or before.id
        version = (
            1
            + change.execute(
                select(func.max(Plan.version)).where(or_(Plan.id == family, Plan.family_id == family))
            ).scalar_one()
        )
        change.execute(update(Plan).where(Plan.id == plan_id).values(retired_at=now))
        changed_id = _insert(change, terms, now, family, version)
    else:
        change.execute(update(Plan).where(Plan.id == plan_id).values(**values))
    details = {"plan": plan_id, "version": version, "changed": changed}
    _told(change, caller, "plan.change", terms.name, now, details)
    return changed_id


def _retire(change: Change, caller: Caller, plan_id: int, now: datetime) -> None:
    try:
        plan = subscribing.current(change, plan_id)
    except PlanRetired:
        return
    change.execute(update(Plan).where(Plan.id == plan_id).values(retired_at=now))
    _told(change, caller, "plan.retire", plan.name, now, {"plan": plan_id, "version": plan.version})


def _subscribed(db: Any, plan_id: int) -> Sequence[int]:
    found = select(Subscription.account_id).where(
        Subscription.plan_id == plan_id, Subscription.ended_on.is_(None)
    )
    return db.scalars(found.order_by(Subscription.account_id)).all()  # type: ignore[no-any-return]


def _move(
    change: Change,
    caller: Caller,
    drivers: Sequence[int],
    from_plan_id: int,
    to_plan_id: int,
    from_day: date | None,
    now: datetime,
    zone: str,
) -> int:
    subscribing.current(change, to_plan_id)
    return sum(
        subscribing.move(change, caller, driver, from_plan_id, to_plan_id, from_day, now, zone)
        for driver in drivers
    )


def _moved(
    change: Change,
    caller: Caller,
    from_plan_id: int,
    to_plan_id: int,
    from_day: date | None,
    moved: int,
    now: datetime,
) -> None:
    names = {
        row.id: row
        for row in change.execute(
            select(Plan.id, Plan.name, Plan.version).where(Plan.id.in_((from_plan_id, to_plan_id)))
        )
    }
    if from_plan_id not in names:
        raise NoSuchPlan
    before, after = names[from_plan_id], names[to_plan_id]
    details = {
        "plan": [before.name, after.name],
        "version": [before.version, after.version],
        "from": from_day.isoformat() if from_day is not None else None,
        "drivers": moved,
    }
    _told(change, caller, "plan.move", after.name, now, details)


def _insert(change: Change, terms: Terms, now: datetime, family: int | None, version: int) -> int:
    row = asdict(terms) | {"family_id": family, "version": version, "created_at": now}
    key = change.execute(insert(Plan), row).inserted_primary_key
    assert key is not None
    return int(key[0])


def _check_name(change: Change, name: str, own: int | None) -> None:
    """Raises `WrongTerms` if another plan that is given to drivers has this name."""
    found = select(Plan.id).where(Plan.name == name, Plan.retired_at.is_(None), Plan.id != (own or 0))
    if change.execute(found).first() is not None:
        raise WrongTerms({"name": "taken"})


def _told(
    change: Change, caller: Caller, action: str, about: str, now: datetime, details: dict[str, Any]
) -> None:
    audit.record(change, caller, action, now, about=about, details=details)
    change.announce(Announcement(Topic.PLANS))
