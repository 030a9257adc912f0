"""A session's time, cut where its price may change: subscriptions, billing periods, windows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.billing.slots import slots
from data.periods import Window, billing_period, day_start, local_day
from data.queries.charges import Subscribed

TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time in one billing period of one subscription, or without any."""

    starts_at: datetime
    ends_at: datetime
    held: Subscribed | None
    period: Window | None
    """In the driver's zone; ``None`` without a subscription."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Time of one price: ``stretch`` is an index."""

    starts_at: datetime
    ends_at: datetime
    stretch: int
    price: int | None
    """Of a window of the plan; ``None`` outside of all."""


def stretches(held: Sequence[Subscribed], start: datetime, end: datetime, zone: str) -> list[Stretch]:
    """The stretches from *start* up to *end* in the driver's *zone*; one at least.

    What counts is the subscription that is in force on the local day.
    """
    local = ZoneInfo(zone)
    end = max(end, start + TICK)
    found = []
    while start < end:
        day = local_day(start, local)
        now = [one for one in held if one.started_on <= day and (one.ended_on is None or day < one.ended_on)]
        if now:
            first, after = billing_period(day, now[-1].anchor_day)
            until = after if now[-1].ended_on is None else min(after, now[-1].ended_on)
            stop = min(end, day_start(until, local))
            found.append(Stretch(start, stop, now[-1], Window(first, after, zone)))
        else:
            coming = [day_start(one.started_on, local) for one in held if one.started_on > day]
            stop = min([end, *coming])
            found.append(Stretch(start, stop, None, None))
        start = stop
    return found


def cells(found: Sequence[Stretch], site_zone: str) -> list[Cell]:
    """*found* cut at the borders of their plans' windows, in the site's zone."""
    return [
        Cell(slot.starts_at, slot.ends_at, place, slot.price)
        for place, stretch in enumerate(found)
        for slot in slots(
            stretch.held.windows if stretch.held is not None else (),
            stretch.starts_at,
            stretch.ends_at,
            site_zone,
        )
    ]


def bounds(found: Sequence[Cell]) -> list[datetime]:
    """Where the cells begin, and the end of the last one."""
    return [found[0].starts_at, *(one.ends_at for one in found)]
