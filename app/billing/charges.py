"""Charges: a session's lines, one for each billing period. Written once; what comes later is a further line.

Whoever calls has locked the session's row and its accounts' (`lock_accounts`), so that the included amount
of a billing period is used exactly once. What is taken back is taken from the parts that were billed, at
their price, whatever has become of the plan, the zones or the subscription since: a session without energy
costs nothing, always. What is added is priced as the next energy of its billing period. What a session
gives back of the included amount, or of a tier, goes to the driver's other sessions of the billing period
by lines of 0 Wh.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from app.billing import recorded, tariffs
from app.billing.drawing import Grid, Key, billed_as, drawn_of, grid_of, shares_of
from app.billing.tariffs import Part, Slice
from data.database import Change
from data.models import Account, Charge
from data.periods import Window
from data.queries.charges import (
    BilledLine,
    BilledPart,
    Subscribed,
    billed_in,
    lines_of,
    not_billed,
)

_lock = select(Account.id).where(Account.id == bindparam("account_id")).with_for_update()


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
    grid = grid_of(change.connection, session_id, default_zone)
    return _bill(change, grid, now, reason)


def measured(
    db: Connection, session_id: int, default_zone: str, until: Sequence[datetime] = ()
) -> Grid | None:
    """What a billed session has drawn when, before its energy is changed; ``None`` if nothing was billed.

    *until* are further moments that the change may reach.
    """
    lines = lines_of(db, session_id)
    if not lines:
        return None
    grid = grid_of(db, session_id, default_zone, until)
    mine = [line for line in lines if line.account_id == grid.account_id]
    net = _net(mine)
    drawn = {one.key: one.energy_wh for one in shares_of(grid, grid.drawn) if one.energy_wh}
    if mine and drawn != {key: energy_wh for key, energy_wh in net.items() if energy_wh}:
        # Another subscription or zone since: what is billed already stays where it was billed.
        key = next((key for key in reversed(net) if net[key]), _key(mine[-1]))
        return grid_of(db, session_id, default_zone, until, key)
    return grid


def adjust(change: Change, before: Grid, reason: str, now: datetime) -> list[dict[str, Any]]:
    """Write what the session's energy, as it is stored by now, costs more or less than *before*."""
    drawn = drawn_of(change.connection, before.session_id, before.cells)
    if not sum(drawn):
        return _reverse(change, before, reason, now)
    net = _net(_mine(change.connection, before.session_id, before.account_id))
    changes, left = [], 0
    for old, new in zip(shares_of(before, before.drawn), shares_of(before, drawn), strict=True):
        moved = _by_price(new.slices)
        for price, energy_wh in _by_price(old.slices).items():
            moved[price] = moved.get(price, 0) - energy_wh
        more = tuple(Slice(wh, price) for price, wh in moved.items() if wh > 0)
        less, stands = [], net.pop(old.key, 0)
        for price, wh in moved.items():
            here = min(stands, max(0, -wh))
            stands, left = stands - here, left + max(0, -wh) - here
            if here:
                less.append(Slice(here, price))
        changes.append(_Changed(old.held, old.stretch.period, tuple(less), more))
    for key in reversed(net):  # the rest from where it was billed, the last first
        if here := min(left, max(0, net[key])):
            changes.append(_of(change.connection, before, key, (Slice(here),)))
            left -= here
    return _write(change, before, changes, reason, now)


def take_back(change: Change, session_id: int, now: datetime, default_zone: str, reason: str) -> bool:
    """Take back what was billed for a session, before it is another driver's; then `bill` it anew.

    False if nothing was billed.
    """
    if not lines_of(change.connection, session_id):
        return False
    _reverse(change, grid_of(change.connection, session_id, default_zone), reason, now)
    return True


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of a billing period by other energy, in Wh."""

    included_wh: int
    """What uses up the included amount."""
    charged_wh: int
    """Beyond it: what has a price."""


def used_before(billed: Iterable[BilledPart], others_wh: int) -> Used:
    """What the lines *billed* in a billing period and *others_wh*, which have none, have used of it."""
    found = list(billed)
    charged = recorded.charged_wh(recorded.parts_of(one.details for one in found))
    return Used(sum(one.energy_wh for one in found) - charged + others_wh, charged)


@dataclass(frozen=True, slots=True)
class _Changed:
    held: Subscribed | None
    period: Window | None
    less: tuple[Slice, ...]
    more: tuple[Slice, ...]

    @property
    def key(self) -> Key:
        if self.held is None or self.period is None:
            return None, None
        return self.held.id, self.period.first


def _of(db: Connection, grid: Grid, key: Key, less: tuple[Slice, ...]) -> _Changed:
    return _Changed(*billed_as(db, key, grid.zone), less, ())


def _bill(change: Change, grid: Grid, now: datetime, reason: str) -> list[dict[str, Any]]:
    found = shares_of(grid, grid.drawn)
    drawn = [share for share in found if share.energy_wh] or found[:1]
    changes = [_Changed(share.held, share.stretch.period, (), share.slices) for share in drawn]
    return _write(change, grid, changes, reason, now, empty=True)


def _reverse(change: Change, grid: Grid, reason: str, now: datetime) -> list[dict[str, Any]]:
    """Take back all of it: the exact negative of what its lines add up to."""
    db = change.connection
    mine = _mine(db, grid.session_id, grid.account_id)
    changes = [_of(db, grid, key, (Slice(max(0, wh)),)) for key, wh in _net(mine).items()]
    return _write(change, grid, changes, reason, now, whole=True)


def _write(
    change: Change,
    grid: Grid,
    changes: Sequence[_Changed],
    reason: str,
    now: datetime,
    *,
    empty: bool = False,
    whole: bool = False,
) -> list[dict[str, Any]]:
    """Write a line for each of *changes*; *empty*: also for one of nothing; *whole*: nothing is left."""
    db = change.connection
    lines = lines_of(db, grid.session_id)
    rows: list[dict[str, Any]] = []
    for one in changes:
        mine = [line for line in lines if (line.account_id, *_key(line)) == (grid.account_id, *one.key)]
        billed = recorded.parts_of(line.details for line in mine)
        stands = recorded.standing(billed)
        back = [replace(part, energy_wh=-part.energy_wh) for part in stands]
        if not whole:
            back = recorded.taken(stands, one.less)
        more: Sequence[Part] | None = ()
        before = 0
        if one.held is not None and one.period is not None and not whole:
            others = not_billed(db, grid.account_id, one.period, over=True)
            others.pop(grid.session_id, None)
            used = used_before(billed_in(db, *_period(one)), sum(others.values()))
            less_wh = sum(a.energy_wh for a in one.less)
            charged = used.charged_wh + recorded.charged_wh(back)
            before = used.included_wh + used.charged_wh - less_wh
            more = tariffs.split(one.more, before - charged, one.held, charged)
        energy_wh = sum(a.energy_wh for a in one.more) - sum(a.energy_wh for a in one.less)
        parts = recorded.merged([*back, *(more or ())]) if one.less else list(more or ())
        amount, told = _money(one, mine, parts, more is not None, whole)
        if empty or energy_wh or amount or any(part.exact for part in told):
            rows.append(_row(grid, one, lines, rows, energy_wh, amount, told, before, reason, now))
    if rows:
        change.execute(insert(Charge), rows)
    for one in changes:
        if any(a.energy_wh for a in one.less):
            rows += _given_back(change, grid, one, reason, now)
    return rows


def _money(
    one: _Changed, mine: Sequence[BilledLine], parts: Sequence[Part], priced: bool, whole: bool
) -> tuple[int | None, tuple[Part, ...]]:
    """The amount of a line, and its parts with theirs; ``None`` where the plan has no price."""
    known = [line.amount for line in mine if line.amount is not None]
    if one.held is None or not (known or (priced and not (mine and one.less and not one.more))):
        return None, ()
    billed = recorded.parts_of(line.details for line in mine)
    told = tariffs.amounts(parts, one.held.currency, sum(part.exact for part in billed))
    return (-sum(known) if whole else sum(part.amount for part in told)), told


def _row(
    grid: Grid,
    one: _Changed,
    lines: Sequence[BilledLine],
    written: Sequence[dict[str, Any]],
    energy_wh: int,
    amount: int | None,
    parts: Sequence[Part],
    used_wh: int,
    reason: str,
    now: datetime,
) -> dict[str, Any]:
    """A further line of the session *grid* is of, after its *lines* and the rows *written*."""
    subscription_id, period_first = one.key
    taken = {(line.period_first, line.revision) for line in lines}
    taken |= {(row["period_first"], row["revision"]) for row in written}
    at = max((line.revision for line in lines), default=-1) + 1
    while (period_first, at) in taken:
        at += 1
    return {
        "key": f"session:{grid.session_id}:{period_first or '-'}:{at}",
        "session_id": grid.session_id,
        "account_id": grid.account_id,
        "subscription_id": subscription_id,
        "plan_id": None if one.held is None else one.held.plan_id,
        "period_first": period_first,
        "revision": at,
        "energy_wh": energy_wh,
        "amount": amount,
        "currency": None if one.held is None else one.held.currency,
        "reason": reason,
        "details": {"used_wh": used_wh, "parts": [asdict(part) for part in parts]},
        "created_at": now,
    }


def _given_back(
    change: Change, grid: Grid, one: _Changed, reason: str, now: datetime
) -> list[dict[str, Any]]:
    """Lines of 0 Wh that give what was taken back of the included amount, or of a tier, to other sessions."""
    db, held = change.connection, one.held
    if held is None or one.period is None or held.unlimited or held.price_per_kwh is None:
        return []
    billed = billed_in(db, *_period(one))
    others = not_billed(db, grid.account_id, one.period, over=True)
    others.pop(grid.session_id, None)
    by_session: dict[int, list[Part]] = {}
    for line in billed:
        by_session.setdefault(line.session_id, []).extend(recorded.parts_of((line.details,)))
    stands = {session_id: recorded.standing(parts) for session_id, parts in by_session.items()}
    has = recorded.merged(part for parts in stands.values() for part in parts)
    total, free, others_wh = sum(p.energy_wh for p in has), held.included_wh or 0, sum(others.values())
    included = max(recorded.included_wh(has), min(total, max(0, free - others_wh)))
    beyond = tariffs.split((Slice(total - included),), max(free, others_wh), held) or ()
    wanted = [Part(tariffs.Kind.INCLUDED, included, 0), *beyond]
    rows = []
    for session_id, parts in recorded.shifted(stands, wanted, any_price=bool(held.windows)).items():
        lines = lines_of(db, session_id)
        mine = [line for line in lines if (line.account_id, *_key(line)) == (grid.account_id, *one.key)]
        amount, told = _money(one, mine, parts, True, False)
        of, why = replace(grid, session_id=session_id), reason
        if session_id != grid.session_id:
            why = f"session {grid.session_id}: {reason}"
        rows.append(_row(of, one, lines, (), 0, amount, told, 0, why, now))
    if rows:
        change.execute(insert(Charge), rows)
    return rows


def _period(one: _Changed) -> tuple[int, date]:
    assert one.held is not None
    assert one.period is not None
    return one.held.id, one.period.first


def _key(line: BilledLine) -> Key:
    return line.subscription_id, line.period_first


def _mine(db: Connection, session_id: int, account_id: int) -> list[BilledLine]:
    return [line for line in lines_of(db, session_id) if line.account_id == account_id]


def _by_price(slices: Iterable[Slice]) -> dict[int | None, int]:
    found: dict[int | None, int] = {}
    for one in slices:
        found[one.price] = found.get(one.price, 0) + one.energy_wh
    return found


def _net(lines: Iterable[BilledLine]) -> dict[Key, int]:
    """Wh of each billing period, in the order in which they were billed."""
    net: dict[Key, int] = {}
    for line in lines:
        net[_key(line)] = net.get(_key(line), 0) + line.energy_wh
    return net
