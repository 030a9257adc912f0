"""The sessions in progress, as objects that labels bind to.

A reading is assigned here after its commit; NiceGUI's bindings carry it to the open pages. No query
and no poll is on that way (P9).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nicegui import binding

from data.announcements import Announcement, Announcer, Topic, moment


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a session in progress after one more reading."""

    session_id: int
    energy_wh: int | None
    """Wh since the session's start, never falling; ``None`` before the first reading (P8)."""
    power_w: int | None
    power_derived: bool
    """True if the power follows from two register readings instead of being measured."""
    reading_at: datetime | None
    """When the charger took it (device time, corrected)."""
    cost: int | None
    """Estimate in minor units of ``currency``; ``None`` without a tariff (P7)."""
    currency: str | None

    def announcement(self, account_id: int | None) -> Announcement:
        """The announcement of this reading, as told to the pages of *account_id*."""
        # Not by `dataclasses.asdict`, whose deep copies cost more than the reading's way through SQL.
        values = {
            "session_id": self.session_id,
            "energy_wh": self.energy_wh,
            "power_w": self.power_w,
            "power_derived": self.power_derived,
            "reading_at": self.reading_at,
            "cost": self.cost,
            "currency": self.currency,
        }
        return Announcement(Topic.READING, account_id, values)


@binding.bindable_dataclass(
    bindable_fields=["energy_wh", "power_w", "power_derived", "reading_at", "cost", "currency"]
)
class LiveSession:  # type: ignore[call-arg]  # the decorator's overloads hide the class
    """One session in progress. Fields have the units of `Reading`."""

    id: int = 0
    energy_wh: int | None = None
    power_w: int | None = None
    power_derived: bool = False
    reading_at: datetime | None = None
    cost: int | None = None
    currency: str | None = None


class Live(Announcer):
    """What is going on right now in this process: the announcer, and the sessions in progress."""

    def __init__(self) -> None:
        super().__init__()
        self._sessions: dict[int, LiveSession] = {}

    def session(self, reading: Reading) -> LiveSession:
        """The bindable session of *reading*; known from now on, with these values if it was not."""
        if (live := self._sessions.get(reading.session_id)) is None:
            live = self._sessions[reading.session_id] = LiveSession()
            live.id = reading.session_id
            _assign(live, reading)
        return live

    def forget(self, session_id: int) -> None:
        """Let go of a session that ended, and of what is bound to it."""
        if (live := self._sessions.pop(session_id, None)) is not None:
            binding.remove([live])

    def announce(self, announcements: Iterable[Announcement]) -> None:
        """As `Announcer.announce`; readings are assigned to their live session on the way."""
        announcements = list(announcements)
        for announcement in announcements:
            if announcement.topic is Topic.READING and announcement.values is not None:
                reading = _reading(announcement.values)
                if (live := self._sessions.get(reading.session_id)) is not None:
                    _assign(live, reading)
        super().announce(announcements)


def _assign(live: LiveSession, reading: Reading) -> None:
    # The rule that a shown kWh never falls (P7) is kept by the meter; it is kept here again for
    # readings of several processes that cross each other.
    if reading.energy_wh is not None and (live.energy_wh is None or reading.energy_wh >= live.energy_wh):
        live.energy_wh = reading.energy_wh
        live.cost = reading.cost
        live.currency = reading.currency
    live.power_w = reading.power_w
    live.power_derived = reading.power_derived
    live.reading_at = reading.reading_at


def _reading(values: dict[str, Any]) -> Reading:
    return Reading(**{**values, "reading_at": moment(values["reading_at"])})
