"""What was billed, and what a bill is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select

from data.models import Charge, ChargingSession, Plan, SessionCorrection, Subscription
from data.periods import Window
from data.queries.usage import by_session


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription with its plan's terms. Money, tiers and windows as in `data.models.Plan`."""

    id: int
    plan_id: int
    anchor_day: int
    started_on: date
    ended_on: date | None
    """The first day without it."""
    currency: str
    price_per_kwh: int | None
    included_wh: int | None
    unlimited: bool
    tiers: Sequence[Mapping[str, int]]
    windows: Sequence[Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class BilledLine:
    """A charge, as it is shown and as further ones go on from it."""

    id: int
    account_id: int
    subscription_id: int | None
    plan_id: int | None
    plan_name: str | None
    period_first: date | None
    revision: int
    energy_wh: int
    amount: int | None
    currency: str | None
    reason: str
    details: dict[str, Any] | None
    """``parts``: a list of ``kind``, ``energy_wh``, ``price_per_kwh``, ``amount``."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BilledPart:
    """What a line says of a billing period."""

    session_id: int
    energy_wh: int
    details: dict[str, Any] | None
    """As `BilledLine.details`."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What was changed of a session, and the values before."""

    at: datetime
    by: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]


_subscribed = select(
    Subscription.id,
    Subscription.plan_id,
    Subscription.anchor_day,
    Subscription.started_on,
    Subscription.ended_on,
    Plan.currency,
    Plan.price_per_kwh,
    Plan.included_wh,
    Plan.unlimited,
    Plan.tiers,
    Plan.windows,
).join(Plan, Plan.id == Subscription.plan_id)
_subscription = _subscribed.where(Subscription.id == bindparam("subscription_id"))
_subscriptions = _subscribed.where(
    Subscription.account_id == bindparam("account_id"),
    or_(Subscription.ended_on.is_(None), Subscription.ended_on > Subscription.started_on),
).order_by(Subscription.started_on, Subscription.id)
_lines = (
    select(
        Charge.id,
        Charge.account_id,
        Charge.subscription_id,
        Charge.plan_id,
        Plan.name,
        Charge.period_first,
        Charge.revision,
        Charge.energy_wh,
        Charge.amount,
        Charge.currency,
        Charge.reason,
        Charge.details,
        Charge.created_at,
    )
    .outerjoin(Plan, Plan.id == Charge.plan_id)
    .where(Charge.session_id == bindparam("session_id"))
    .order_by(Charge.id)
)
_corrections = (
    select(
        SessionCorrection.at,
        SessionCorrection.by,
        SessionCorrection.reason,
        SessionCorrection.before,
        SessionCorrection.after,
    )
    .where(SessionCorrection.session_id == bindparam("session_id"))
    .order_by(SessionCorrection.id)
)
_billed = (
    select(Charge.session_id, Charge.energy_wh, Charge.details)
    .where(
        Charge.subscription_id == bindparam("subscription_id"),
        Charge.period_first == bindparam("period_first"),
    )
    .order_by(Charge.id)
)
_charged = select(Charge.session_id).where(Charge.session_id.in_(bindparam("session_ids", expanding=True)))
_open = select(ChargingSession.id).where(
    ChargingSession.id.in_(bindparam("session_ids", expanding=True)), ChargingSession.finalized_at.is_(None)
)
AT_ONCE = 1_000


def subscriptions(db: Connection, account_id: int) -> tuple[Subscribed, ...]:
    """All subscriptions that *account_id* has or had, the earliest first."""
    return tuple(Subscribed(*row) for row in db.execute(_subscriptions, {"account_id": account_id}))


def lines_of(db: Connection, session_id: int) -> tuple[BilledLine, ...]:
    """What was billed for a session, in the order in which it was; its cost is the sum of them."""
    return tuple(BilledLine(*tuple(row)) for row in db.execute(_lines, {"session_id": session_id}))


def corrections_of(db: Connection, session_id: int) -> tuple[Correction, ...]:
    """What was changed of a session, the earliest first."""
    return tuple(Correction(*row) for row in db.execute(_corrections, {"session_id": session_id}))


def subscription(db: Connection, subscription_id: int) -> Subscribed:
    """One, whether it has a day or not any more."""
    return Subscribed(*tuple(db.execute(_subscription, {"subscription_id": subscription_id}).one()))


def billed_in(db: Connection, subscription_id: int, period_first: date) -> tuple[BilledPart, ...]:
    """The lines of a billing period of a subscription, in the order in which they were billed."""
    key = {"subscription_id": subscription_id, "period_first": period_first}
    return tuple(BilledPart(*tuple(row)) for row in db.execute(_billed, key))


def not_billed(db: Connection, account_id: int, period: Window, *, over: bool) -> dict[int, int]:
    """What those sessions of *account_id* have drawn in *period* of which nothing was billed (yet).

    *over*: only finalized ones, which are not going to be: they were brought along from elsewhere, and
    have used up the included amount all the same (P17).
    """
    parts = by_session(db, account_id, period)
    ids = list(parts)
    for at in range(0, len(ids), AT_ONCE):
        some = {"session_ids": ids[at : at + AT_ONCE]}
        for statement in (_charged, _open) if over else (_charged,):
            for id_ in db.execute(statement, some).scalars():
                parts.pop(id_, None)
    return parts
