"""What a session has drawn when, cut where its price may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from app.billing.stretches import TICK, Cell, Stretch, bounds, cells, stretches
from app.billing.tariffs import Slice
from data.models import Account, Charger, ChargingSession, Site
from data.periods import Window, billing_period
from data.queries.charges import Subscribed, subscription, subscriptions
from data.queries.usage import cut

Key = tuple[int | None, date | None]
"""A line's subscription and billing period."""

_flow = (
    select(
        ChargingSession.id,
        ChargingSession.account_id,
        ChargingSession.energy_started_at,
        ChargingSession.energy_ended_at,
        ChargingSession.energy_wh,
        Site.time_zone.label("site_zone"),
        Account.time_zone,
    )
    .join(Charger, Charger.id == ChargingSession.charger_id)
    .join(Site, Site.id == Charger.site_id)
    .outerjoin(Account, Account.id == ChargingSession.account_id)
    .where(ChargingSession.id == bindparam("session_id"))
)


@dataclass(frozen=True, slots=True)
class Share:
    """Energy of a session in one billing period of one subscription."""

    held: Subscribed | None
    stretch: Stretch
    slices: tuple[Slice, ...]

    @property
    def key(self) -> Key:
        """What its line is of."""
        if self.held is None or self.stretch.period is None:
            return None, None
        return self.held.id, self.stretch.period.first

    @property
    def energy_wh(self) -> int:
        """Of all slices."""
        return sum(one.energy_wh for one in self.slices)


@dataclass(frozen=True, slots=True)
class Grid:
    """A session's time with what was drawn when, before a change of it."""

    session_id: int
    account_id: int
    zone: str
    """The driver's."""
    stretches: Sequence[Stretch]
    cells: Sequence[Cell]
    drawn: Sequence[int]
    """Wh of each cell."""


def grid_of(
    db: Connection,
    session_id: int,
    default_zone: str,
    until: Sequence[datetime] = (),
    key: Key | None = None,
) -> Grid:
    """The session's. *key*: all of it is in this billing period, whatever holds today."""
    row = db.execute(_flow, {"session_id": session_id}).one()
    account_id = row.account_id
    start = min([row.energy_started_at, *until])
    end = max([row.energy_ended_at, *until])
    zone = row.time_zone or default_zone
    if key is None:
        found = stretches(subscriptions(db, account_id), start, end, zone)
    else:
        held, period = billed_as(db, key, zone)
        found = [Stretch(start, max(end, start + TICK), held, period)]
    made = cells(found, row.site_zone)
    return Grid(session_id, account_id, zone, found, made, drawn_of(db, session_id, made))


def billed_as(db: Connection, key: Key, zone: str) -> tuple[Subscribed | None, Window | None]:
    """What a line of *key* is of, in the driver's *zone*."""
    subscription_id, first = key
    if subscription_id is None or first is None:
        return None, None
    held = subscription(db, subscription_id)
    return held, Window(*billing_period(first, held.anchor_day), zone)


def drawn_of(db: Connection, session_id: int, made: Sequence[Cell]) -> list[int]:
    """Wh of each cell, as it is stored."""
    row = db.execute(_flow, {"session_id": session_id}).one()
    flow: Any = [(row.id, row.energy_started_at, row.energy_ended_at, row.energy_wh)]
    return cut(db, flow, bounds(made))


def shares_of(grid: Grid, drawn: Sequence[int]) -> list[Share]:
    """One for each subscription and billing period; time without a subscription is one."""
    slices: dict[Key, list[Slice]] = {}
    where: dict[Key, Stretch] = {}
    for cell, energy_wh in zip(grid.cells, drawn, strict=True):
        stretch = grid.stretches[cell.stretch]
        key = Share(stretch.held, stretch, ()).key
        where.setdefault(key, stretch)
        slices.setdefault(key, []).append(Slice(energy_wh, cell.price))
    return [Share(where[key].held, where[key], tuple(found)) for key, found in slices.items()]
