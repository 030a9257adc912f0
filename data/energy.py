"""Energy over time, cut into local days to the Wh (P15). Pure: no clock, no database.

Energy flows evenly within a span. What has flowed until a moment is rounded to whole Wh, and what
flowed between two moments is the difference of two such numbers: so parts always add up to the
whole, however a span is cut.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from data.periods import Window

_MICROSECOND = timedelta(microseconds=1)


class Span(Protocol):
    """Anything that says how much energy flowed from when to when; moments in UTC, energy in Wh."""

    @property
    def started_at(self) -> datetime:
        """Where it begins."""

    @property
    def ended_at(self) -> datetime:
        """Where it ends; a span that does not end after its start is a single moment."""

    @property
    def energy_wh(self) -> int:
        """Whole Wh, not negative."""


@dataclass(frozen=True, slots=True)
class EnergySpan:
    """``energy_wh`` that flowed evenly from ``started_at`` to ``ended_at`` (UTC)."""

    started_at: datetime
    ended_at: datetime
    energy_wh: int


def energy_until(spans: Iterable[Span], moment: datetime) -> int:
    """The Wh that have flowed in *spans* before *moment*, each span rounded half up to whole Wh.

    Never falls with *moment*; is 0 before all spans and their sum after them. Spans may overlap.
    """
    return sum(_until(span, moment) for span in spans)


def energy_between(spans: Iterable[Span], start: datetime, end: datetime) -> int:
    """The Wh that flowed in *spans* from *start* up to *end*; adjacent stretches add up exactly."""
    return sum(_until(span, end) - _until(span, start) for span in spans)


def by_day(spans: Iterable[Span], window: Window) -> tuple[int, ...]:
    """The Wh of each day of *window* (`Window.days`); they add up to `energy_between` of its bounds (P15).

    Costs one look a span, and one for each midnight that a span crosses.
    """
    return by_bounds(spans, window.bounds)


def by_bounds(spans: Iterable[Span], bounds: Sequence[datetime]) -> tuple[int, ...]:
    """The Wh between each two neighbours of *bounds*, which rise."""
    parts = [0] * (len(bounds) - 1)
    for span in spans:
        start, end = span.started_at, span.ended_at
        first = bisect_right(bounds, start) - 1
        last = bisect_left(bounds, end) - 1 if end > start else first
        if first == last:
            if 0 <= first < len(parts):
                parts[first] += span.energy_wh
            continue
        before = _until(span, bounds[0]) if first < 0 else 0
        for index in range(max(first, 0), min(last + 1, len(parts))):
            until = _until(span, bounds[index + 1])
            parts[index] += until - before
            before = until
    return tuple(parts)


def _until(span: Span, moment: datetime) -> int:
    start, end = span.started_at, span.ended_at
    if moment <= start:
        return 0
    if moment >= end:
        return span.energy_wh
    whole = (end - start) // _MICROSECOND
    return (2 * span.energy_wh * ((moment - start) // _MICROSECOND) + whole) // (2 * whole)
