"""Energy of a driver by local day (P13–P15).

A session that crosses none of the moments asked about is told by its own row. Only of one that
crosses are steps read, and of those only a sum and the step that lies across the moment.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    select,
    values,
)

from data.energy import EnergySpan, energy_until
from data.models import ChargingSession, EnergyStep
from data.periods import Window
from data.types import Utc


@dataclass(frozen=True, slots=True)
class DayEnergy:
    """One bar: a local day and the whole Wh drawn in it."""

    day: date
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The energy in a window; the days add up to the total exactly (P15)."""

    window: Window
    total_wh: int
    days: tuple[DayEnergy, ...]
    """Each local day of the window, in order, days to come included (0 Wh)."""


_overlapping = select(
    ChargingSession.id,
    ChargingSession.energy_started_at,
    ChargingSession.energy_ended_at,
    ChargingSession.energy_wh,
).where(
    ChargingSession.account_id == bindparam("account_id"),
    ChargingSession.energy_ended_at >= bindparam("starts_at"),
    ChargingSession.energy_started_at < bindparam("ends_at"),
    ChargingSession.energy_wh > 0,
)

_any_step = EnergyStep.__table__.alias("any_step")


def usage(db: Connection, account_id: int, window: Window) -> Usage:
    """The energy of all mappings of *account_id* in *window*, sessions in progress included (P14)."""
    energy = _energy_between(db, account_id, window.bounds)
    days = tuple(DayEnergy(day, energy_wh) for day, energy_wh in zip(window.days, energy, strict=True))
    return Usage(window, sum(energy), days)


def total_wh(db: Connection, account_id: int, window: Window) -> int:
    """The total of `usage`, without the days: only what crosses the window's ends is cut."""
    return sum(_energy_between(db, account_id, (window.starts_at, window.ends_at)))


def _energy_between(db: Connection, account_id: int, cuts: Sequence[datetime]) -> list[int]:
    """Whole Wh of *account_id* from each of *cuts* to the next one."""
    energy = [0] * (len(cuts) - 1)
    crossing = []
    window = {"account_id": account_id, "starts_at": cuts[0], "ends_at": cuts[-1]}
    for id_, starts_at, ends_at, energy_wh in db.execute(_overlapping, window).all():
        first = bisect_right(cuts, starts_at)
        beyond = bisect_left(cuts, ends_at)
        if first < beyond:
            crossing.append((id_, EnergySpan(starts_at, ends_at, energy_wh), first, cuts[first:beyond]))
        elif 0 < first < len(cuts):
            energy[first - 1] += energy_wh
    drawn = _drawn_until(db, {(id_, cut) for id_, _, _, crossed in crossing for cut in crossed})
    for id_, whole, first, crossed in crossing:
        # Without steps (an import may know no more) the energy is spread over the whole session.
        until = [drawn.get((id_, cut), energy_until((whole,), cut)) for cut in crossed]
        until = [min(energy_wh, whole.energy_wh) for energy_wh in until]
        for place, (already, then) in enumerate(pairwise([0, *until, whole.energy_wh]), first - 1):
            if 0 <= place < len(energy):
                energy[place] += then - already
    return energy


def _drawn_until(db: Connection, asked: Collection[tuple[int, datetime]]) -> dict[tuple[int, datetime], int]:
    """The Wh of each session *asked* until its moment, by its steps; nothing for one that has none.

    Steps don't overlap: of those that began before the moment all but one are over by then, and the
    database adds them up.
    """
    if not asked:
        return {}
    drawn = {}
    for row in db.execute(_steps_before(asked)):
        if row.has_steps:
            drawn[row.session_id, row.cut] = row.over_wh or 0
        if row.across_from is not None:
            across = EnergySpan(row.across_from, row.across_to, row.across_wh)
            drawn[row.session_id, row.cut] += energy_until((across,), row.cut)
    return drawn


def _steps_before(asked: Collection[tuple[int, datetime]]) -> Select[Any]:
    pairs = (
        values(column("session_id", BigInteger), column("cut", Utc), name="asked")
        .data(list(asked))
        .cte("asked")
    )
    over = EnergyStep.ended_at <= pairs.c.cut
    across = EnergyStep.ended_at > pairs.c.cut
    return (
        select(
            pairs.c.session_id,
            pairs.c.cut,
            cast(func.sum(case((over, EnergyStep.energy_wh))), BigInteger).label("over_wh"),
            # At most one lies across: `max` only picks it out of the group.
            func.max(case((across, EnergyStep.started_at))).label("across_from"),
            func.max(case((across, EnergyStep.ended_at))).label("across_to"),
            func.max(case((across, EnergyStep.energy_wh))).label("across_wh"),
            exists().where(_any_step.c.session_id == pairs.c.session_id).correlate(pairs).label("has_steps"),
        )
        .outerjoin_from(
            pairs,
            EnergyStep,
            and_(EnergyStep.session_id == pairs.c.session_id, EnergyStep.started_at < pairs.c.cut),
        )
        .group_by(pairs.c.session_id, pairs.c.cut)
    )
