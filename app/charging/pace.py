"""Tells what happens now from what a charger replays after an outage (C13), whatever its clock says (M14).

A clock that is wrong by hours is told from a message that is hours late by its pace: two messages
whose device times lie as far apart as their receptions were sent as they happened, and their offset
is the clock's. In a burst the receptions lie together and the device times do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LATE = timedelta(seconds=5)
"""A start that arrives later than this after its device time may be a replayed one."""
QUIET = timedelta(seconds=10)
"""No message about a transaction for this long: the burst is over."""
SETTLED = timedelta(minutes=5)
"""A connection as old as this has nothing left to replay."""
PROOF = timedelta(seconds=5)
"""Receptions at least this far apart tell the offset of a clock."""
TOLERANCE = timedelta(seconds=2)


def is_live_pace(device: timedelta, received: timedelta, least: timedelta = TOLERANCE) -> bool:
    """True if messages *device* apart by the charger's clock came *received* apart, as they happened."""
    if received < least:
        return False
    return abs(device - received) <= max(TOLERANCE, received / 10)


@dataclass(slots=True)
class _Clock:
    at: datetime
    received_at: datetime
    offset: timedelta | None = None
    """How far the clock is ahead, once its pace has proved it."""


class Pace:
    """The clocks of the chargers, as far as their messages prove them. In memory: learned anew in seconds."""

    def __init__(self) -> None:
        self._clocks: dict[int, _Clock] = {}

    def observe(self, charger_id: int, at: datetime, received_at: datetime) -> None:
        """A message with device time *at* came at *received_at*."""
        clock = self._clocks.get(charger_id)
        if clock is None or received_at < clock.received_at:  # ours was set back: nothing is proved
            self._clocks[charger_id] = _Clock(at, received_at)
            return
        if received_at - clock.received_at >= PROOF:
            if is_live_pace(at - clock.at, received_at - clock.received_at, PROOF):
                clock.offset = at - received_at
            clock.at, clock.received_at = at, received_at
        elif at > clock.at:  # of a burst, its end is the nearest to now
            clock.at, clock.received_at = at, received_at

    def offset(self, charger_id: int) -> timedelta | None:
        """How far the charger's clock is ahead of ours; ``None`` if nothing has proved it yet."""
        clock = self._clocks.get(charger_id)
        return None if clock is None else clock.offset

    def is_live(
        self,
        charger_id: int,
        at: datetime,
        received_at: datetime,
        connected_at: datetime | None = None,
        *,
        quiet: bool = False,
    ) -> bool:
        """True if what the charger dates *at* has just happened; false if it may be a replay (C13).

        Since *connected_at* it is on the line; *quiet*: it was in no burst of messages before this one.
        """
        lag = received_at - at
        offset = self.offset(charger_id)
        if offset is not None:
            return abs(lag) <= LATE or lag + offset <= LATE
        if lag <= LATE:
            return True  # a clock that is ahead is wrong, and its message is not from the future
        # The clock is behind, or this was kept for later; and it is kept only while there is no line.
        return connected_at is not None and (
            at >= connected_at or (quiet and received_at - connected_at >= SETTLED)
        )

    def corrected(self, charger_id: int, at: datetime, received_at: datetime) -> datetime:
        """*at* by our clock, as far as the charger's offset is known; never later than *received_at*."""
        offset = self.offset(charger_id)
        if offset is not None and abs(offset) > LATE:
            at -= offset
        return min(at, received_at)
