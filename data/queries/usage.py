"""Energy of a driver by local day (P13–P15).

A session that crosses none of the moments asked about is told by its own row. Only of one that
crosses are steps read, and of those only a sum and the step that lies across the moment.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import cycle, pairwise
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    cast,
    column,
    exists,
    func,
    select,
    text,
)

from data.energy import EnergySpan, energy_until
from data.models import ChargingSession, EnergyStep
from data.periods import Window
from data.types import Utc

AT_ONCE = 512
"""Moments that sessions cross of one question: a statement may have so many parameters and no more."""


Drawn: TypeAlias = dict[tuple[int, int, datetime], int]
"""What a session (its id, and the Wh of all of it) had drawn until a moment."""


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


def usage(db: Connection, account_id: int, window: Window) -> Usage:
    """The energy of all mappings of *account_id* in *window*, sessions in progress included (P14)."""
    energy = _energy_between(db, account_id, window.bounds)
    days = tuple(DayEnergy(day, energy_wh) for day, energy_wh in zip(window.days, energy, strict=True))
    return Usage(window, sum(energy), days)


def total_wh(db: Connection, account_id: int, window: Window) -> int:
    """The total of `usage`, without the days: only what crosses the window's ends is cut."""
    return sum(_energy_between(db, account_id, (window.starts_at, window.ends_at)))


def by_session(db: Connection, account_id: int, window: Window) -> dict[int, int]:
    """What each session of *account_id* has drawn in *window*; these add up to `total_wh`."""
    parts: dict[int, int] = {}
    _energy_between(db, account_id, (window.starts_at, window.ends_at), parts)
    return parts


def _energy_between(
    db: Connection, account_id: int, cuts: Sequence[datetime], parts: dict[int, int] | None = None
) -> list[int]:
    """Whole Wh of *account_id* from each of *cuts* to the next one; into *parts* what each session drew."""
    window = {"account_id": account_id, "starts_at": cuts[0], "ends_at": cuts[-1]}
    return cut(db, db.execute(_overlapping, window).all(), cuts, parts)


def cut(
    db: Connection,
    sessions: Iterable[Row[int, datetime, datetime, int]],
    cuts: Sequence[datetime],
    parts: dict[int, int] | None = None,
    known: Drawn | None = None,
) -> list[int]:
    """The Wh that *sessions* drew from each of *cuts* to the next one (P15).

    A session is a row of its id, when its energy began and ended to flow, and its Wh. What *known* tells is
    not asked for again; what is asked for is kept there.
    """
    energy = [0] * (len(cuts) - 1)
    crossing = []
    for id_, starts_at, ends_at, energy_wh in sessions:
        first = bisect_right(cuts, starts_at)
        beyond = bisect_left(cuts, ends_at)
        if first < beyond:
            crossing.append((id_, EnergySpan(starts_at, ends_at, energy_wh), first, cuts[first:beyond]))
        elif 0 < first < len(cuts):
            energy[first - 1] += energy_wh
            if parts is not None:
                parts[id_] = energy_wh
    known = {} if known is None else known
    asked = [
        (id_, moment)
        for id_, whole, _, crossed in crossing
        for moment in crossed
        if (id_, whole.energy_wh, moment) not in known
    ]
    drawn: dict[tuple[int, datetime], int] = {}
    for at in range(0, len(asked), AT_ONCE):
        drawn |= _drawn_until(db, asked[at : at + AT_ONCE])
    for id_, whole, first, crossed in crossing:
        until = []
        for moment in crossed:
            if (already_known := known.get(key := (id_, whole.energy_wh, moment))) is None:
                # Without steps (an import may know no more) the energy is spread over the whole session.
                already_known = drawn.get((id_, moment), energy_until((whole,), moment))
                known[key] = already_known
            until.append(already_known)
        until = [min(energy_wh, whole.energy_wh) for energy_wh in until]
        for place, (already, then) in enumerate(pairwise([0, *until, whole.energy_wh]), first - 1):
            if 0 <= place < len(energy):
                energy[place] += then - already
                if parts is not None:
                    parts[id_] = parts.get(id_, 0) + then - already
    return energy


def _drawn_until(db: Connection, asked: Collection[tuple[int, datetime]]) -> dict[tuple[int, datetime], int]:
    """The Wh of each session *asked* until its moment, by its steps; nothing for one that has none.

    Steps don't overlap: of those that began before the moment all but the last are over by then, and
    the database adds them up.
    """
    if not asked:
        return {}
    parameters: dict[str, Any] = {}
    size = 1 << (len(asked) - 1).bit_length()
    for number, (session_id, cut) in zip(range(size), cycle(asked), strict=False):
        parameters[f"session_{number}"], parameters[f"cut_{number}"] = session_id, cut
    drawn = {}
    for session_id, cut, has_steps, begun_wh, started_at, ended_at, energy_wh in db.execute(
        _steps_before(size), parameters
    ):
        if started_at is not None:
            last = EnergySpan(started_at, ended_at, energy_wh)
            drawn[session_id, cut] = begun_wh - energy_wh + energy_until((last,), cut)
        elif has_steps:
            drawn[session_id, cut] = 0
    return drawn


@lru_cache
def _steps_before(size: int) -> Select[Any]:
    """What is asked of *size* sessions: made and compiled once, as `values()` of SQLAlchemy is not."""
    rows = ", ".join(f"(:session_{number}, :cut_{number})" for number in range(size))
    types: list[BindParameter[Any]] = [
        bindparam(f"session_{number}", type_=BigInteger) for number in range(size)
    ]
    types += [bindparam(f"cut_{number}", type_=Utc) for number in range(size)]
    # SQLite and PostgreSQL give the columns of VALUES the same names.
    asked = text(f"VALUES {rows}").bindparams(*types)
    pairs = asked.columns(column("column1", BigInteger), column("column2", Utc())).cte("asked")
    session_id, cut = pairs.c.column1, pairs.c.column2
    steps, last = EnergyStep.__table__.alias("steps"), EnergyStep.__table__.alias("last_step")
    begun = and_(steps.c.session_id == session_id, steps.c.started_at < cut)
    begun_wh = select(cast(func.sum(steps.c.energy_wh), BigInteger)).where(begun)
    last_began = select(func.max(steps.c.started_at)).where(begun).correlate(pairs)
    return select(
        session_id,
        cut,
        exists().where(steps.c.session_id == session_id).correlate(pairs),
        begun_wh.correlate(pairs).scalar_subquery(),
        last.c.started_at,
        last.c.ended_at,
        last.c.energy_wh,
    ).outerjoin_from(
        pairs,
        last,
        and_(last.c.session_id == session_id, last.c.started_at == last_began.scalar_subquery()),
    )
