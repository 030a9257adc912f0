"""Charges: a session's lines, one for each billing period. Written once; what comes later is a further line.

Whoever calls has locked the session's row and its accounts' (`lock_accounts`), so that the included amount
of a billing period is used exactly once. A correction is priced at the end of what was billed in its
billing period: what is added comes after it, what is taken away is its last. So whatever the order, the
lines of a billing period cost what its energy costs under the plan. (With windows, what is taken away has
the price of its own time.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from app.billing import tariffs
from app.billing.stretches import Cell, Stretch, bounds, cells, stretches
from app.billing.tariffs import Part, Slice
from data.database import Change
from data.models import Account, Charge, Charger, ChargingSession, Site
from data.periods import Window, billing_period
from data.queries.charges import (
    BilledLine,
    Subscribed,
    billed_wh,
    lines_of,
    not_billed,
    subscriptions,
)
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
_lock = select(Account.id).where(Account.id == bindparam("account_id")).with_for_update()


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


def lock_accounts(change: Change, account_ids: Iterable[int | None]) -> None:
    """Nobody else bills these accounts, or changes their subscriptions, before the commit (PostgreSQL)."""
    for account_id in sorted({one for one in account_ids if one is not None}):
        change.execute(_lock, {"account_id": account_id})


def bill(
    change: Change, session_id: int, now: datetime, default_zone: str, *, reason: str = ""
) -> list[dict[str, Any]]:
    """Write the lines of a session that has none of its account yet; returns them.

    A driver without a plan gets a line without an amount.
    """
    grid = _grid(change.connection, session_id, default_zone)
    return _bill(change, grid, now, reason)


def measured(
    db: Connection, session_id: int, default_zone: str, until: Sequence[datetime] = ()
) -> Grid | None:
    """What a billed session has drawn when, before its energy is changed; ``None`` if nothing was billed.

    *until* are further moments that the change may reach.
    """
    return _grid(db, session_id, default_zone, until) if lines_of(db, session_id) else None


def adjust(change: Change, before: Grid, reason: str, now: datetime) -> list[dict[str, Any]]:
    """Write what the session's energy, as it is stored by now, costs more or less than *before*."""
    db = change.connection
    drawn = _drawn(db, before.session_id, before.cells)
    lines = [line for line in lines_of(db, before.session_id) if line.account_id == before.account_id]
    was, now_drawn = _shares(before, before.drawn), _shares(before, drawn)
    net = _net(lines)
    if not _fit(was, net):
        last = lines[-1].subscription_id, lines[-1].period_first
        changed = [_along(db, before, last, sum(drawn) - sum(before.drawn))]
        return _write(change, before, changed, reason, now)
    changes = []
    for old, new in zip(was, now_drawn, strict=True):
        less = [_less(a, b) for a, b in zip(old.slices, new.slices, strict=True)]
        more = [_less(b, a) for a, b in zip(old.slices, new.slices, strict=True)]
        changes.append(_Changed(old, tuple(less), tuple(more)))
    return _write(change, before, changes, reason, now)


def take_back(change: Change, session_id: int, now: datetime, default_zone: str, reason: str) -> bool:
    """Take back what was billed for a session, before it is another driver's; then `bill` it anew.

    False if nothing was billed.
    """
    before = measured(change.connection, session_id, default_zone)
    if before is None:
        return False
    lines = [one for one in lines_of(change.connection, session_id) if one.account_id == before.account_id]
    was, net = _shares(before, before.drawn), _net(lines)
    if _fit(was, net):
        changes = [_Changed(one, one.slices, ()) for one in was]
    else:
        changes = [_along(change.connection, before, key, -wh) for key, wh in net.items() if wh]
    _write(change, before, changes, reason, now)
    return True


def used_before(db: Connection, account_id: int, held: Subscribed, stretch: Stretch, own: int) -> int:
    """Wh billed in the billing period, with what was brought along finalized from elsewhere."""
    assert stretch.period is not None
    others = not_billed(db, account_id, stretch.period, over=True)
    others.pop(own, None)
    return billed_wh(db, held.id, stretch.period.first) + sum(others.values())


@dataclass(frozen=True, slots=True)
class _Changed:
    share: Share
    less: tuple[Slice, ...]
    more: tuple[Slice, ...]


def _grid(db: Connection, session_id: int, default_zone: str, until: Sequence[datetime] = ()) -> Grid:
    row = db.execute(_flow, {"session_id": session_id}).one()
    account_id = row.account_id
    start = min([row.energy_started_at, *until])
    end = max([row.energy_ended_at, *until])
    zone = row.time_zone or default_zone
    found = stretches(subscriptions(db, account_id), start, end, zone)
    made = cells(found, row.site_zone)
    return Grid(session_id, account_id, zone, found, made, _drawn(db, session_id, made))


def _drawn(db: Connection, session_id: int, made: Sequence[Cell]) -> list[int]:
    row = db.execute(_flow, {"session_id": session_id}).one()
    flow: Any = [(row.id, row.energy_started_at, row.energy_ended_at, row.energy_wh)]
    return cut(db, flow, bounds(made))


def _shares(grid: Grid, drawn: Sequence[int]) -> list[Share]:
    """One for each subscription and billing period; time without a subscription is one."""
    slices: dict[Key, list[Slice]] = {}
    where: dict[Key, Stretch] = {}
    for cell, energy_wh in zip(grid.cells, drawn, strict=True):
        stretch = grid.stretches[cell.stretch]
        key = Share(stretch.held, stretch, ()).key
        where.setdefault(key, stretch)
        slices.setdefault(key, []).append(Slice(energy_wh, cell.price))
    return [Share(where[key].held, where[key], tuple(found)) for key, found in slices.items()]


def _bill(change: Change, grid: Grid, now: datetime, reason: str) -> list[dict[str, Any]]:
    found = _shares(grid, grid.drawn)
    drawn = [share for share in found if share.energy_wh] or found[:1]
    return _write(
        change, grid, [_Changed(share, (), share.slices) for share in drawn], reason, now, empty=True
    )


def _write(
    change: Change,
    grid: Grid,
    changes: Sequence[_Changed],
    reason: str,
    now: datetime,
    *,
    empty: bool = False,
) -> list[dict[str, Any]]:
    """Write a line for each of *changes*; *empty*: also for one that is of nothing."""
    lines = lines_of(change.connection, grid.session_id)
    taken = {(line.period_first, line.revision) for line in lines}
    revision = max((line.revision for line in lines), default=-1) + 1
    rows = []
    for one in changes:
        mine = [
            line
            for line in lines
            if line.account_id == grid.account_id
            and (line.subscription_id, line.period_first) == one.share.key
        ]
        used = 0
        parts: tuple[Part, ...] | None = None
        held = one.share.held
        if held is not None:
            used = used_before(change.connection, grid.account_id, held, one.share.stretch, grid.session_id)
            parts, used = _parts(one, used, held)
            if parts is not None:
                parts = tariffs.amounts(parts, held.currency, _exact(mine))
        energy_wh = sum(a.energy_wh for a in one.more) - sum(a.energy_wh for a in one.less)
        if not (empty or energy_wh or sum(part.exact for part in parts or ())):
            continue
        _, period_first = one.share.key
        at = revision
        while (period_first, at) in taken:
            at += 1
        taken.add((period_first, at))
        rows.append(
            {
                "key": f"session:{grid.session_id}:{period_first or '-'}:{at}",
                "session_id": grid.session_id,
                "account_id": grid.account_id,
                "subscription_id": None if held is None else held.id,
                "plan_id": None if held is None else held.plan_id,
                "period_first": period_first,
                "revision": at,
                "energy_wh": energy_wh,
                "amount": None if parts is None else sum(part.amount for part in parts),
                "currency": None if held is None else held.currency,
                "reason": reason,
                "details": {"used_wh": used, "parts": [asdict(part) for part in parts or ()]},
                "created_at": now,
            }
        )
    if rows:
        change.execute(insert(Charge), rows)
    return rows


def _parts(one: _Changed, used: int, held: Subscribed) -> tuple[tuple[Part, ...] | None, int]:
    """The parts of a change, and after how many Wh of the billing period they come."""
    used -= sum(a.energy_wh for a in one.less)
    less, more = tariffs.split(one.less, used, held), tariffs.split(one.more, used, held)
    if less is None or more is None:
        return None, used
    return (*(replace(part, energy_wh=-part.energy_wh) for part in less), *more), used


def _fit(was: Sequence[Share], net: dict[Key, int]) -> bool:
    """Whether the shares are what was billed: another subscription or zone since would cut them otherwise."""
    return {one.key: one.energy_wh for one in was if one.energy_wh} == {k: wh for k, wh in net.items() if wh}


def _less(a: Slice, b: Slice) -> Slice:
    return Slice(max(0, a.energy_wh - b.energy_wh), a.price)


def _net(lines: Sequence[BilledLine]) -> dict[Key, int]:
    net: dict[Key, int] = {}
    for line in lines:
        key = line.subscription_id, line.period_first
        net[key] = net.get(key, 0) + line.energy_wh
    return net


def _exact(lines: Sequence[BilledLine]) -> int:
    """Wh × price of what was billed."""
    parts = [part for line in lines for part in (line.details or {}).get("parts", ())]
    return sum(part["energy_wh"] * part["price_per_kwh"] for part in parts)


def _along(db: Connection, grid: Grid, key: Key, energy_wh: int) -> _Changed:
    """A difference that can't be told apart by time: in the billing period of *key*, outside of windows."""
    subscription_id, first = key
    held = [one for one in subscriptions(db, grid.account_id) if one.id == subscription_id]
    stretch = replace(grid.stretches[0], held=None, period=None)
    if held and first is not None:
        period = Window(*billing_period(first, held[0].anchor_day), grid.zone)
        stretch = replace(stretch, held=held[0], period=period)
    one = (Slice(abs(energy_wh)),)
    return _Changed(Share(stretch.held, stretch, ()), *(((), one) if energy_wh > 0 else (one, ())))
