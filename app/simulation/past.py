"""Months of charging of one driver, with realistic energies and steps."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select

from app.charging import sightings
from app.simulation.car import Car, is_dc
from data.database import Change
from data.models import ChargingSession, EnergyStep

STEP = timedelta(minutes=15)
SETTLING = timedelta(hours=26)
"""Sessions that ended this recently are not billed yet."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Spot:
    """A connector to charge at."""

    charger_id: int
    connector_id: int
    type: str
    max_power_w: int


@dataclass(slots=True)
class PastSession:
    """A session and its steps: (from, to, Wh)."""

    spot: Spot
    started_at: datetime
    ended_at: datetime
    steps: list[tuple[datetime, datetime, int]] = field(default_factory=list)

    @property
    def energy_wh(self) -> int:
        """Whole Wh."""
        return sum(energy for _, _, energy in self.steps)


def sessions(
    spots: Sequence[Spot], now: datetime, days: int, zone: str, chance: random.Random, often: float
) -> Iterator[PastSession]:
    """A driver's sessions of the *days* before *now*, one after the other, *often* a day.

    Among them: some over midnight, one across each change of the clocks, and a very large one.
    """
    place = ZoneInfo(zone)
    slow = [spot for spot in spots if not is_dc(spot.type)]
    fast = sorted((spot for spot in spots if is_dc(spot.type)), key=lambda spot: spot.max_power_w)
    today = now.astimezone(place).date()
    large = today - _DAY * min(47, days // 2)
    free = now - _DAY * (days + 1)
    for back in range(days, 0, -1):
        day = today - _DAY * back
        if day + _DAY == large:
            continue  # the battery is to be empty
        if _clocks_change(day + _DAY, place):
            start, spot, soc = _at(day, 23, 20, place), chance.choice(slow), 0.12
        elif day == large:
            start, spot, soc = _at(day, 13, 5, place), fast[-1], 0.03
        elif back == 1:
            start, spot, soc = _at(day, 17, 48, place), chance.choice(slow), 0.55
        elif chance.random() >= often:
            continue
        elif chance.random() < 0.3:
            start = _at(day, chance.randrange(9, 20), chance.randrange(60), place)
            spot, soc = chance.choice(fast), chance.uniform(0.1, 0.35)
        else:
            start = _at(day, chance.choice((16, 17, 18, 19, 21, 22, 23)), chance.randrange(60), place)
            spot, soc = chance.choice(slow), chance.uniform(0.25, 0.7)
        if start <= free:
            continue
        battery = 105_000 if day == large else 58_000
        until = 1.0 if day == large else chance.uniform(0.75, 1.0)
        session = _charged(spot, start, Car(battery_wh=battery, soc=soc, dc_w=150_000), until, chance)
        if session.ended_at < now:
            free = session.ended_at
            yield session


def store(
    change: Change,
    past: Sequence[PastSession],
    *,
    account: int,
    mapping: int,
    id_tag: str,
    now: datetime,
    register: int = 4_000_000,
) -> None:
    """Store *past*; the latest of them are settling."""
    rows: list[dict[str, Any]] = []
    for session in past:
        energy = session.energy_wh
        rows.append(
            {
                "charger_id": session.spot.charger_id,
                "connector_id": session.spot.connector_id,
                "id_tag": id_tag,
                "mapping_id": mapping,
                "account_id": account,
                "started_at": session.started_at,
                "received_at": session.started_at,
                "ended_at": session.ended_at,
                "stop_received_at": session.ended_at,
                "finalized_at": None
                if session.ended_at > now - SETTLING
                else session.ended_at + timedelta(minutes=10),
                "stop_reason": "Local",
                "meter_start": register,
                "meter_stop": register + energy,
                "energy_wh": energy,
                "has_reading": True,
                "energy_started_at": session.steps[0][0],
                "energy_ended_at": session.steps[-1][1],
                "reading_at": session.ended_at,
                "flags": [],
            }
        )
        register += energy
    if not rows:
        return
    change.execute(insert(ChargingSession), rows)
    sightings.note_past(change, rows)
    mine = select(ChargingSession.started_at, ChargingSession.id).where(ChargingSession.mapping_id == mapping)
    ids = {row.started_at: row.id for row in change.execute(mine)}
    change.execute(
        insert(EnergyStep),
        [
            {"session_id": ids[session.started_at], "started_at": start, "ended_at": end, "energy_wh": energy}
            for session in past
            for start, end, energy in session.steps
        ],
    )


def _charged(spot: Spot, start: datetime, car: Car, until: float, chance: random.Random) -> PastSession:
    dc = is_dc(spot.type)
    step = STEP if not dc else STEP / 3
    session = PastSession(spot, start, start)
    at, drawn, told = start, 0.0, 0
    while car.soc < until - 1e-6:
        drawn += car.charge(step.total_seconds(), spot.max_power_w, dc=dc)
        session.steps.append((at, at + step, round(drawn) - told))
        at, told = at + step, round(drawn)
    # Fast charging is left at once, slow charging when somebody comes to drive away.
    session.ended_at = at + timedelta(minutes=chance.randrange(1, 6 if dc else 90))
    return session


def _clocks_change(day: date, place: ZoneInfo) -> bool:
    return (
        datetime.combine(day, time(0), place).utcoffset()
        != datetime.combine(day, time(12), place).utcoffset()
    )


def _at(day: date, hour: int, minute: int, place: ZoneInfo) -> datetime:
    return datetime.combine(day, time(hour, minute), place).astimezone(UTC)
