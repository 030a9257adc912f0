"""What a session is estimated to cost so far: asked for now and then, computed at each reading (P7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, select

from app.billing import tariffs
from data.models import Account, ChargingSession
from data.periods import Period, local_day, window
from data.queries.plans import CurrentPlan, current_plan
from data.queries.usage import by_session

ANEW = timedelta(minutes=1)
"""How often what is used is asked for again while the driver charges in two places."""

_ZONE = select(Account.time_zone).where(Account.id == bindparam("account_id"))
_ANOTHER = (
    select(ChargingSession.id)
    .where(
        ChargingSession.account_id == bindparam("account_id"),
        ChargingSession.ended_at.is_(None),
        ChargingSession.id != bindparam("session_id"),
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Costs:
    """The terms of a driver's plan and what was used of it, without the session they are for."""

    plan: CurrentPlan | None
    used_wh: int
    """Wh of the billing period that are not this session's."""
    until: datetime | None
    """When it is to be asked for anew: at the end of the billing period at the latest."""
    parts: Mapping[int, int] = field(default_factory=dict)
    """Wh of the billing period by session, if it was asked for none of them."""

    def of(self, session_id: int) -> Costs:
        """The same for one session, if it was asked for none."""
        return replace(self, used_wh=self.used_wh - self.parts.get(session_id, 0), parts={})

    def estimate(self, energy_wh: int) -> tuple[int | None, str | None]:
        """Minor units and currency for *energy_wh* of the session; ``None`` without a price."""
        if self.plan is None:
            return None, None
        cost = tariffs.estimate(energy_wh, self.used_wh, self.plan)
        return (None, None) if cost is None else (cost, self.plan.currency)


def costs(db: Connection, account_id: int, session_id: int, now: datetime, default_zone: str) -> Costs:
    """The terms of *account_id* for *session_id*; with 0 for any session of it, see `Costs.of`."""
    zone = db.execute(_ZONE, {"account_id": account_id}).scalar_one_or_none() or default_zone
    plan = current_plan(db, account_id, local_day(now, ZoneInfo(zone)))
    if plan is None:
        return Costs(None, 0, None)
    period = window(Period.CURRENT, now, zone, plan.anchor_day)
    parts = by_session(db, account_id, period)
    until = period.ends_at
    if db.execute(_ANOTHER, {"account_id": account_id, "session_id": session_id}).first() is not None:
        until = min(until, now + ANEW)
    every = Costs(plan, sum(parts.values()), until, parts)
    return every.of(session_id) if session_id else every
