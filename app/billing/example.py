"""What an example month costs under terms: the preview of a plan, by the functions that bill. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from app.billing import tariffs
from app.billing.slots import slots
from app.billing.tariffs import Kind, Part, Slice, Terms

DAYS = 30
"""Of the example month, each like the others."""
NIGHT_BEGINS, NIGHT_ENDS = 22 * 60, 6 * 60
"""Minutes of the day: when the share at night is drawn, evenly; the rest evenly by day."""
_MIDNIGHT = datetime(2026, 6, 1, tzinfo=UTC)
"""Of a day without a change of clocks."""


@dataclass(frozen=True, slots=True)
class Example:
    """What the month costs; money in minor units of the terms' currency."""

    parts: tuple[Part, ...]
    """One for each price, with its energy and amount."""
    energy_amount: int | None
    """``None``: the plan has no price for energy."""
    base_fee: int | None

    @property
    def total(self) -> int | None:
        """Energy and base fee; ``None`` where energy has no price."""
        return None if self.energy_amount is None else self.energy_amount + (self.base_fee or 0)


def example(energy_wh: int, night_percent: int, terms: Terms, base_fee: int | None) -> Example:
    """The month with *energy_wh*, *night_percent* of it at night."""
    priced = tariffs.price(_slices(energy_wh, night_percent, terms), 0, terms)
    if priced is None:
        return Example((), None, base_fee)
    merged: dict[tuple[Kind, int], Part] = {}
    for part in priced.parts:
        key = part.kind, part.price_per_kwh
        before = merged.get(key)
        if before is not None:
            part = replace(
                part, energy_wh=part.energy_wh + before.energy_wh, amount=part.amount + before.amount
            )
        merged[key] = part
    return Example(tuple(merged.values()), priced.amount, base_fee)


def _slices(energy_wh: int, night_percent: int, terms: Terms) -> Iterator[Slice]:
    """The energy of each day in order of time; what is left of a whole Wh goes to the next slice."""
    stretches = list(_stretches(terms))
    minutes = {
        night: sum(length for length, _, at_night in stretches if at_night is night)
        for night in (True, False)
    }
    told, exact = 0, 0
    scale = 100 * DAYS * minutes[True] * minutes[False]
    for _ in range(DAYS):
        for length, price, at_night in stretches:
            share = night_percent if at_night else 100 - night_percent
            exact += energy_wh * share * length * minutes[not at_night]
            until = exact // scale
            yield Slice(until - told, price)
            told = until


def _stretches(terms: Terms) -> Iterator[tuple[int, int | None, bool]]:
    """The stretches of a day: minutes, price of the window, and whether it is night."""
    borders = (0, NIGHT_ENDS, NIGHT_BEGINS, 24 * 60)
    for first, end in pairwise(borders):
        start, stop = (_MIDNIGHT + timedelta(minutes=minute) for minute in (first, end))
        at_night = first != NIGHT_ENDS
        for slot in slots(terms.windows, start, stop, "UTC"):
            yield (slot.ends_at - slot.starts_at) // timedelta(minutes=1), slot.price, at_night
