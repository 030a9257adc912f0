"""What a clock on a wall says, as a moment. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def moment(wall: datetime, zone: str, *, last: bool = False) -> datetime | None:
    """The moment, in UTC, at which clocks in *zone* (IANA) show the naive *wall*.

    Where clocks go back they show it twice: the first of the two, or with *last* the second. Where they go
    forward some times are never shown: None.
    """
    there = ZoneInfo(zone)
    found = wall.replace(tzinfo=there, fold=int(last)).astimezone(UTC)
    return found if found.astimezone(there).replace(tzinfo=None) == wall else None
