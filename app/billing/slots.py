"""Times of day with another price, as stretches of real time (P13). Pure.

What the clock on the site's wall shows decides, minute by minute: an hour that comes twice has its price
twice, one that a zone skips never.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from data.periods import day_start, local_day

DAY_MINUTES = 24 * 60
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of time with one price."""

    starts_at: datetime
    ends_at: datetime
    price: int | None
    """Of the window; ``None`` outside of all."""


def slots(windows: Sequence[Mapping[str, int]], start: datetime, end: datetime, zone: str) -> Iterator[Slot]:
    """The stretches from *start* up to *end* (later), without gaps; neighbours differ in price.

    *windows* are as in `data.models.Plan`, in local time of *zone*.
    """
    if not windows:
        yield Slot(start, end, None)
        return
    key = tuple((one["from_minute"], one["to_minute"], one["price_per_kwh"]) for one in windows)
    local = ZoneInfo(zone)
    since, cost = start, _price(key, start, local)
    day = local_day(start, local)
    while day_start(day, local) < end:
        for moment in _borders(tuple(part[:2] for part in key), day, local):
            if start < moment < end and (then := _price(key, moment, local)) != cost:
                yield Slot(since, moment, cost)
                since, cost = moment, then
        day += _DAY
    yield Slot(since, end, cost)


def _price(windows: tuple[tuple[int, int, int], ...], moment: datetime, zone: ZoneInfo) -> int | None:
    wall = moment.astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    for first, end, price in windows:
        if (minute - first) % DAY_MINUTES < ((end - first) % DAY_MINUTES or DAY_MINUTES):
            return price
    return None


@lru_cache(maxsize=1_024)
def _borders(windows: tuple[tuple[int, int], ...], day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The moments of *day* at which the price may change, in order: its borders, and a changed clock."""
    begins, ends = day_start(day, zone), day_start(day + _DAY, zone)
    found = {begins}
    midnight = datetime.combine(day, time.min)
    for minute in {minute % DAY_MINUTES for window in windows for minute in window}:
        for fold in (0, 1):  # an hour that comes twice
            wall = (midnight + minute * _MINUTE).replace(tzinfo=zone, fold=fold)
            found.add(wall.astimezone(UTC))
    if begins.astimezone(zone).utcoffset() != ends.astimezone(zone).utcoffset():
        found.add(_changed(begins, ends, zone))
    return tuple(sorted(moment for moment in found if begins <= moment < ends))


def _changed(begins: datetime, ends: datetime, zone: ZoneInfo) -> datetime:
    """The moment between the two at which the clock was changed."""
    before = begins.astimezone(zone).utcoffset()
    low, high = 0, (ends - begins) // _SECOND
    while low < high:
        middle = (low + high) // 2
        if (begins + middle * _SECOND).astimezone(zone).utcoffset() != before:
            high = middle
        else:
            low = middle + 1
    return begins + low * _SECOND
