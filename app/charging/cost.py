"""What a session is estimated to cost so far: asked for now and then, computed at each reading (P7).

By the same functions that bill it (`app.billing`). Under a plan without windows, within one billing period,
that is a sum over the energy alone; else the energy is counted by the price of its time, and each
reading adds to that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from app.billing import tariffs
from app.billing.charges import Used, used_before
from app.billing.stretches import Cell, Stretch, bounds, cells, stretches
from app.billing.tariffs import Slice
from data.energy import Span, by_bounds
from data.models import Account, Charger, ChargingSession, Site
from data.queries.charges import BilledPart, Subscribed, billed_in, not_billed, subscriptions
from data.queries.usage import cut

ANEW = timedelta(minutes=1)
"""How often what is used is asked for again while the driver charges in two places."""
AHEAD = timedelta(days=1)
"""How far ahead the times of prices are known."""
TICK = timedelta(microseconds=1)

_ZONE = select(Account.time_zone).where(Account.id == bindparam("account_id"))
_FLOW = (
    select(
        ChargingSession.energy_started_at,
        ChargingSession.energy_ended_at,
        ChargingSession.energy_wh,
        Site.time_zone,
        ChargingSession.started_at,
        ChargingSession.ended_at,
    )
    .join(Charger, Charger.id == ChargingSession.charger_id)
    .join(Site, Site.id == Charger.site_id)
    # By nothing but its id: a planner without statistics would walk through the driver's history.
    .where(ChargingSession.id == bindparam("session_id"))
)
_RUNNING = select(ChargingSession.id, ChargingSession.started_at).where(
    ChargingSession.account_id == bindparam("account_id"), ChargingSession.ended_at.is_(None)
)

Turn = tuple[bool, datetime, int]
"""Which of the sessions of a driver that are not billed uses up the included amount first: those that ended,
or were brought along finalized, then those in progress as they began."""


class Costs:
    """The terms that a session is priced by, and what was used of them without it."""

    __slots__ = ("_bounds", "_cells", "_drawn", "_held", "_stretches", "_used", "until")

    def __init__(
        self,
        found: Sequence[Stretch],
        used: Sequence[Used],
        until: datetime | None,
        site_zone: str,
        flow: tuple[int, datetime, datetime, int] | None = None,
        db: Connection | None = None,
    ) -> None:
        """*used* of the billing period of each of *found* before the session."""
        self.until = until
        """When it is to be asked for anew: at the end of the billing period at the latest."""
        self._stretches, self._used = found, used
        self._held: Subscribed | None = found[0].held if len(found) == 1 else None
        self._cells: list[Cell] = []
        if len(found) > 1 or (self._held is not None and self._held.windows):
            self._cells = cells(found, site_zone)
            self._bounds = bounds(self._cells)
            self._drawn = [0] * len(self._cells)
            if db is not None and flow is not None:
                rows: Any = [flow]
                self._drawn = cut(db, rows, self._bounds)

    def count(self, steps: Sequence[Span], *, anew: bool = False) -> None:
        """The session has drawn *steps*, beside what is stored; *anew*: these are all that it has drawn."""
        if not self._cells:
            return
        if anew:
            self._drawn = [0] * len(self._cells)
        for step in steps:
            parts = by_bounds((step,), self._bounds)
            # What lies beyond the times that are known has the last price until that is asked for.
            left = step.energy_wh - sum(parts)
            self._drawn = [drawn + part for drawn, part in zip(self._drawn, parts, strict=True)]
            self._drawn[0 if step.started_at < self._bounds[0] else -1] += left

    def estimate(self, energy_wh: int) -> tuple[int | None, str | None]:
        """Minor units and currency of all that it has drawn, *energy_wh*; ``None`` without a price."""
        if self._cells:
            return self._by_time()
        if self._held is None:
            return None, None
        cost = tariffs.estimate(energy_wh, self._used[0].included_wh, self._held, self._used[0].charged_wh)
        return (None, None) if cost is None else (cost, self._held.currency)

    def _by_time(self) -> tuple[int | None, str | None]:
        slices: dict[int, list[Slice]] = {}
        for cell, energy_wh in zip(self._cells, self._drawn, strict=True):
            slices.setdefault(cell.stretch, []).append(Slice(energy_wh, cell.price))
        total: int | None = None
        currencies = set()
        for place, found in slices.items():
            held = self._stretches[place].held
            used = self._used[place]
            priced = None if held is None else tariffs.price(found, used.included_wh, held, used.charged_wh)
            if held is not None and priced is not None:
                total = (total or 0) + priced.amount
                currencies.add(held.currency)
        return (total, currencies.pop()) if len(currencies) == 1 else (None, None)


def costs(
    db: Connection, account_id: int, session_ids: Collection[int], now: datetime, default_zone: str
) -> dict[int, Costs]:
    """The terms of *account_id* for each of its *session_ids*, with what is stored of these."""
    zone = db.execute(_ZONE, {"account_id": account_id}).scalar_one_or_none() or default_zone
    held = subscriptions(db, account_id)
    rows = db.execute(_RUNNING, {"account_id": account_id})
    running = {one.id: _turn(one.id, one.started_at, None) for one in rows}
    known: dict[tuple[int, date], _Known] = {}
    alone = len(session_ids) == 1 and running.keys() <= set(session_ids)
    made = {}
    for id_ in session_ids:
        row = db.execute(_FLOW, {"session_id": id_}).one_or_none()
        if row is None:
            continue
        starts_at, ends_at, energy_wh, site_zone, started_at, ended_at = row
        reached = max(now, ends_at, starts_at + TICK)
        found = stretches(held, starts_at, reached + AHEAD, zone)
        found = [one for one in found if one.starts_at <= reached]
        turn = _turn(id_, started_at, ended_at)
        others = [_used(db, account_id, one, turn, running, known) for one in found]
        until = found[-1].ends_at if alone else min(found[-1].ends_at, now + ANEW)
        flow = (id_, starts_at, ends_at, energy_wh)
        made[id_] = Costs(found, others, until if held else None, site_zone, flow, db)
    return made


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored of a billing period."""

    billed: tuple[BilledPart, ...]
    parts: Mapping[int, int]
    """Wh of the sessions that are not billed."""


def _turn(session_id: int, started_at: datetime, ended_at: datetime | None) -> Turn:
    return ended_at is None, started_at if ended_at is None else ended_at, session_id


def _used(
    db: Connection,
    account_id: int,
    stretch: Stretch,
    turn: Turn,
    running: Mapping[int, Turn],
    known: dict[tuple[int, date], _Known],
) -> Used:
    """What was used of the stretch's billing period by all that comes before the session of this *turn*.

    So the estimates of two that run add up to what both cost.
    """
    if stretch.held is None or stretch.period is None:
        return Used(0, 0)
    key = stretch.held.id, stretch.period.first
    if key not in known:
        known[key] = _Known(billed_in(db, *key), not_billed(db, account_id, stretch.period, over=False))
    found, own = known[key], turn[2]
    others = [wh for id_, wh in found.parts.items() if id_ != own and running.get(id_, turn) <= turn]
    return used_before(found.billed, sum(others))
