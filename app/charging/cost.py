"""What a session is estimated to cost so far: asked for once, computed at each reading (P7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from app.billing import tariffs
from data.models import Account
from data.queries.plans import CurrentPlan, plan_use

_ZONE = select(Account.time_zone).where(Account.id == bindparam("account_id"))


@dataclass(frozen=True, slots=True)
class Costs:
    """The terms of a driver's plan and what was used of it before this session."""

    plan: CurrentPlan | None
    used_wh: int
    """Wh of the billing period that are not this session's."""
    until: datetime | None
    """The end of the billing period: then it is to be asked for anew."""

    def estimate(self, energy_wh: int) -> tuple[int | None, str | None]:
        """Minor units and currency for *energy_wh* of the session; ``None`` without a price."""
        if self.plan is None:
            return None, None
        cost = tariffs.estimate(energy_wh, self.used_wh, self.plan)
        return (None, None) if cost is None else (cost, self.plan.currency)


def costs(db: Connection, account_id: int, own_wh: int, now: datetime, default_zone: str) -> Costs:
    """The terms of *account_id*; *own_wh* of what it has used are the session's that asks."""
    zone = db.execute(_ZONE, {"account_id": account_id}).scalar_one_or_none() or default_zone
    use = plan_use(db, account_id, zone, now)
    if use is None:
        return Costs(None, 0, None)
    return Costs(use.plan, max(0, use.used_wh - own_wh), use.renews_at)
