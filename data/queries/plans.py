"""A driver's plan (P13, P17, P18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class CurrentPlan:
    """A subscription that runs, with its plan's terms. Money as in `data.models.Plan`."""

    name: str
    currency: str
    anchor_day: int
    base_fee: int | None
    price_per_kwh: int | None
    included_wh: int | None
    unlimited: bool
    started_on: date


@dataclass(frozen=True, slots=True)
class PlanUse:
    """What the plan card shows: the terms, and the energy of the *current billing period* (P17)."""

    plan: CurrentPlan
    used_wh: int
    renews_at: datetime
    """The local midnight at which the next billing period begins, UTC."""


def current_plan(db: Connection, account_id: int) -> CurrentPlan | None:
    """The plan that *account_id* is subscribed to now."""
    raise NotImplementedError


def plan_use(db: Connection, account_id: int, zone: str, now: datetime) -> PlanUse | None:
    """The plan of *account_id* and its use in the billing period that holds *now*."""
    raise NotImplementedError
