"""The sessions in progress, as objects that labels bind to.

A reading is assigned here after its commit; NiceGUI's bindings carry it to the open pages. No query
and no poll is on that way (P9).
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

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


class LiveSession:
    """One session in progress, for labels to bind to.

    One property holds all that a reading tells: one assignment, one round of bindings, and no label
    that is made of two values ever shows an old one beside a new one.
    """

    reading = binding.BindableProperty()

    def __init__(self, reading: Reading) -> None:
        self.reading = reading

    def take(self, reading: Reading) -> None:
        """Show *reading*. A kWh that was shown never falls (P7).

        The meter keeps that rule; it is kept here again for readings that cross on their way from
        another process, and for a session that is counted anew after a late message.
        """
        shown: Reading = self.reading
        if shown.energy_wh is not None and (reading.energy_wh is None or reading.energy_wh < shown.energy_wh):
            reading = replace(reading, energy_wh=shown.energy_wh, cost=shown.cost, currency=shown.currency)
        self.reading = reading


KEPT_SECONDS = 60.0
"""How long a reading is kept for the pages that asked before it was told and draw after it."""


class Live(Announcer):
    """What is going on right now in this process: the announcer, and the sessions in progress."""

    def __init__(self) -> None:
        super().__init__()
        # A binding holds its source: a live session is here as long as something is bound to it.
        self._sessions: WeakValueDictionary[int, LiveSession] = WeakValueDictionary()
        self._told: dict[int, tuple[float, dict[str, Any]]] = {}
        """The last reading of each session, and when it was told; the latest told stand last."""

    def session(self, reading: Reading) -> LiveSession:
        """The bindable session of *reading*, which a page has asked for some time ago.

        It shows what was told meanwhile, if that is news; and follows while something is bound to it.
        """
        told = self._told.get(reading.session_id)
        if told is not None and not _is_news(reading, last := _reading(told[1])):
            reading = last
        if (live := self._sessions.get(reading.session_id)) is None:
            live = self._sessions[reading.session_id] = LiveSession(reading)
        elif _is_news(reading, live.reading):
            live.take(reading)
        return live

    def announce(self, announcements: Iterable[Announcement]) -> None:
        """As `Announcer.announce`; readings are assigned to their live session on the way."""
        announcements = list(announcements)
        for announcement in announcements:
            if announcement.topic is Topic.READING and announcement.values is not None:
                self._tell(announcement.values)
        super().announce(announcements)

    def _tell(self, values: dict[str, Any]) -> None:
        session_id, now = values["session_id"], time.monotonic()
        self._told.pop(session_id, None)
        self._told[session_id] = (now, values)
        while now - self._told[oldest := next(iter(self._told))][0] > KEPT_SECONDS:
            del self._told[oldest]
        if (live := self._sessions.get(session_id)) is not None:
            live.take(_reading(values))


def _is_news(reading: Reading, known: Reading) -> bool:
    """Whether *reading* tells more than *known* does."""
    if reading.reading_at is None or known.reading_at is None:
        return known.reading_at is None and reading.reading_at is not None
    if reading.reading_at == known.reading_at:
        return (reading.energy_wh or 0) > (known.energy_wh or 0)
    return reading.reading_at > known.reading_at


def _reading(values: dict[str, Any]) -> Reading:
    return Reading(**{**values, "reading_at": moment(values["reading_at"])})
