"""What goes wrong, in an order that the seed decides: each kind comes as often as every other."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import Reservation
from tests.trust.line import Line, State
from tests.trust.moved_clock import MovedClock
from tests.trust.place import ZONE, Place
from tests.trust.portal import PortalProcess
from tests.world import add_reservation

HANG = 5.0, 90.0
DOWN = 0.0, 20.0
LOST = 3.0, 60.0
BETWEEN = 3.0, 15.0
"""Seconds."""
STEPS = (
    timedelta(minutes=-20),
    timedelta(seconds=-70),
    timedelta(minutes=3),
    timedelta(hours=2),
    timedelta(hours=7),
)
"""How far a clock jumps that was wrong."""
MOMENTS = {"to midnight": (23, 59), "to 04:00": (3, 59), "into the night": (22, 30), "into the day": (9, 0)}
"""Hours of the site's clock that it jumps to."""


class Trouble:
    """Does one thing after the other, and counts them."""

    def __init__(
        self,
        portal: PortalProcess,
        line: Line,
        clock: MovedClock,
        database: Database,
        place: Place,
        chance: random.Random,
        tell: Callable[[str], object],
    ) -> None:
        self._portal = portal
        self._line = line
        self._clock = clock
        self._database = database
        self._place = place
        self._chance = chance
        self._tell = tell
        self._deck: list[str] = []
        self.done: Counter[str] = Counter()
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "restart (SIGTERM)": lambda: self._restart(signal.SIGTERM),
            "kill (SIGKILL)": lambda: self._restart(signal.SIGKILL),
            "short hang": lambda: self._hang(HANG[0], 30),
            "long hang": lambda: self._hang(30, HANG[1]),
            "clock jump by": self._jump_by,
            "clock jump to": self._jump_to,
            "network refuses": lambda: self._lose(State.REFUSES),
            "network swallows": lambda: self._lose(State.SWALLOWS),
            "network delays": lambda: self._lose(State.DELAYS),
            "reservations": self._reserve,
        }

    async def run(self, until: float, longest: float) -> None:
        """Cause trouble until *until* (of the monotonic clock); nothing lasts over *longest* seconds."""
        self._longest = longest
        while time.monotonic() < until:
            if not self._deck:
                self._deck = list(self._kinds)
                self._chance.shuffle(self._deck)
            kind = self._deck.pop()
            await self._kinds[kind]()
            self.done[kind] += 1
            if kind != "reservations":
                await asyncio.sleep(self._chance.uniform(*BETWEEN))

    def _seconds(self, least: float, most: float) -> float:
        return min(self._chance.uniform(least, most), self._longest)

    async def _restart(self, how: signal.Signals) -> None:
        seconds = self._seconds(*DOWN)
        self._tell(f"{how.name}, down for {seconds:.0f} s")
        await self._portal.end(how)
        await asyncio.sleep(seconds)
        await self._portal.start()

    async def _hang(self, least: float, most: float) -> None:
        seconds = self._seconds(least, most)
        self._tell(f"hangs for {seconds:.0f} s")
        self._portal.freeze()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._portal.thaw()

    async def _jump_by(self) -> None:
        by = self._chance.choice(STEPS)
        self._clock.move(by)
        self._tell(f"the clock jumps by {by / timedelta(minutes=1):+.0f} min to {self._here():%H:%M:%S}")

    async def _jump_to(self) -> None:
        what, (hour, minute) = self._chance.choice(sorted(MOMENTS.items()))
        here = self._here()
        there = here.replace(hour=hour, minute=minute, second=45)
        if there <= here:
            there += timedelta(days=1)
        self._clock.move(there.astimezone(ZoneInfo("UTC")) - here.astimezone(ZoneInfo("UTC")))
        self._tell(f"the clock jumps {what}: {self._here():%a %H:%M:%S}")

    def _here(self) -> datetime:
        return self._clock.now().astimezone(ZoneInfo(ZONE))

    async def _lose(self, state: State) -> None:
        seconds = self._seconds(*LOST)
        self._tell(f"the screen's network {state} for {seconds:.0f} s")
        await self._line.become(state, delay=self._chance.uniform(0.2, 1.5))
        await asyncio.sleep(seconds)
        if state is State.SWALLOWS and self._chance.random() < 0.5:
            self._line.cut()  # something on the way has forgotten them
        await self._line.become(State.OPEN)

    async def _reserve(self) -> None:
        """Two chargers are reserved, now or soon, for a few minutes; those that are not reserved yet."""
        now = self._clock.now().replace(microsecond=0)
        for _ in range(2):
            at = self._chance.randrange(len(self._place.chargers))
            starts = now + timedelta(seconds=self._chance.randrange(-30, 90))
            minutes = self._chance.randrange(2, 12)
            made = await asyncio.to_thread(self._database.change_now, self._one, at, starts, minutes)
            if made:
                self._tell(f"bay {at + 1} is reserved for {minutes} min")

    def _one(self, change: Change, at: int, starts: datetime, minutes: int) -> bool:
        charger = self._place.chargers[at]
        account, mapping = self._place.drivers[at]
        mine = (Reservation.charger_id == charger) & (Reservation.ends_at > starts)
        if change.execute(select(func.count()).where(mine)).scalar_one():
            return False
        add_reservation(
            change, account=account, mapping=mapping, charger=charger, starts_at=starts, minutes=minutes
        )
        change.announce(Announcement(Topic.RESERVATIONS, account), Announcement(Topic.CHARGERS, charger))
        return True
