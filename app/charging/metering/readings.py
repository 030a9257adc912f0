"""Sampled values of one moment → one register, interval and power (M1, M2, M8, M11, M17, M20). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import NamedTuple

from app.charging.reports import INTERVAL, POWER, REGISTER, Sample

RELEVANT = frozenset({REGISTER, INTERVAL, POWER})
LARGEST_WH = 10**13
"""Beyond what any register shows: 10,000 GWh."""
LARGEST_W = 10**8
BEGIN = "Transaction.Begin"
CLOCK = "Sample.Clock"
PERIODIC = "Sample.Periodic"
END = "Transaction.End"

_ENERGY_UNITS = {"": 1, "wh": 1, "kwh": 1_000, "mwh": 1_000_000}
_POWER_UNITS = {"": 1, "w": 1, "kw": 1_000}
_PHASES = {"L1": 1, "L2": 2, "L3": 3, "L1-N": 1, "L2-N": 2, "L3-N": 3}
# Of several values of one moment the one that says most about the outlet at that moment is taken.
_CONTEXTS = {END: 0, PERIODIC: 1, "": 1, CLOCK: 2, "Trigger": 3, BEGIN: 9}

Key = tuple[str, str, str, str]


class Value(NamedTuple):
    """Energy of one moment."""

    rank: tuple[int, int, int]
    """Location, unphased before phased, context: the lowest is taken (M8)."""
    energy: int
    """Register: whole Wh. Interval: millionths of a Wh, whose sum is rounded."""
    quantum: int
    """Wh of the last digit sent; 0 where that is 1 Wh or less."""
    phases: int
    """Bits of the phases summed; 0 for an unphased value."""
    context: str


def key(sample: Sample) -> Key:
    """What makes a sample one of its own among those of its session and moment (M20)."""
    return sample.measurand, sample.phase, sample.context, sample.location


def relevant(sample: Sample) -> bool:
    """True for what tells energy or power at all; signed data never does (M11)."""
    return sample.measurand in RELEVANT and sample.format != "SignedData"


def energy_of(samples: Iterable[Sample], scale: int) -> tuple[Value | None, bool]:
    """The one value of *samples* (one measurand, one moment) in 1/*scale* Wh, and whether junk was met."""
    junk = False
    found: list[Value] = []
    for sample in samples:
        unit = _ENERGY_UNITS.get(sample.unit.lower())
        number = _number(sample.value)
        if unit is None or number is None or not 0 <= (wh := number * unit) <= LARGEST_WH:
            junk = True
            continue
        phase = _PHASES.get(sample.phase, 0)
        if sample.phase and not phase:
            continue
        rank = (_location(sample.location), 1 if phase else 0, _CONTEXTS.get(sample.context, 4))
        bit = 1 << phase if phase else 0
        found.append(Value(rank, round(wh * scale), _quantum(sample.value, unit), bit, sample.context))
    if not found:
        return None, junk
    best = min(found, key=lambda value: value.rank)
    if not best.phases:
        return best, junk
    energy, phases, quantum = 0, 0, 0
    for value in found:
        if value.rank == best.rank and not phases & value.phases:
            energy += value.energy
            phases |= value.phases
            quantum = max(quantum, value.quantum)
    return Value(best.rank, energy, quantum, phases, best.context), junk


def power_of(samples: Iterable[Sample]) -> int | None:
    """The import power in W that *samples* (of one moment) tell: the unphased value, else the phases' sum."""
    best: tuple[int, int, int] | None = None
    phases = 0
    total = 0.0
    for sample in samples:
        unit = _POWER_UNITS.get(sample.unit.lower())
        number = _number(sample.value)
        if unit is None or number is None or abs(number * unit) > LARGEST_W:
            continue
        phase = _PHASES.get(sample.phase, 0)
        if sample.phase and not phase:
            continue
        rank = (_location(sample.location), 1 if phase else 0, _CONTEXTS.get(sample.context, 4))
        if best is None or rank < best:
            best, phases, total = rank, 0, 0.0
        if rank == best and not (phases >> phase) & 1:
            phases |= 1 << phase
            total += number * unit
    return None if best is None else max(0, round(total))


def _number(text: str) -> float | None:
    # float() also takes what no meter means: "1_000", "nan", "1e999" (M11).
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) and "_" not in text else None


def _location(location: str) -> int:
    if location in ("Outlet", ""):
        return 0
    return 2 if location == "EV" else 1


def _quantum(text: str, unit: int) -> int:
    if unit == 1:
        return 0
    decimals = len(text.strip().partition(".")[2])
    return 0 if 10**decimals >= unit else unit // 10**decimals
