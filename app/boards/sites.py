"""What the boards of each site show, asked once for all of them.

Two hundred boards that each asked for their site would take a second of the processor for one plug. Here a
site that has boards is asked once for each thing that was told of it, and hands the answer to all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from app import clock
from app.boards import rhythm
from data.announcements import Announcement, Announcer, Topic
from data.database import Database
from data.queries.site_board import Look, SiteBoard, look

log = logging.getLogger("polaris.boards")

TICK = 10.0
"""Seconds between the looks at whether a site is to be asked untold: a little before its boards beat."""
SPREAD = 0.3
"""Seconds within which sites look: not all in one instant."""
SOONEST = 1.0
"""Seconds between two questions because of something that may not be about the site."""
AT_ONCE = 10
"""Boards that are told before others have their turn: chargers are not to wait for two hundred."""

Told = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a site."""

    board: SiteBoard
    as_of: datetime
    """When the database was asked last, and answered."""
    is_failing: bool = False
    """It was asked since, and did not answer."""


class NoSite(LookupError):
    """There is no such site."""


class Site:
    """One site that has boards. Made by `Sites`."""

    def __init__(self, site_id: int, database: Database) -> None:
        self.site_id = site_id
        self._database = database
        self._seen: Seen | None = None
        self._look: Look | None = None
        self._followers: dict[object, Told] = {}
        self._asking: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        """Of two questions at once the older may be answered last, and what it says would stay."""
        self._again = self._has_readings = False
        self._asked_at = -SOONEST
        """By the event loop's clock."""
        self._soon: asyncio.TimerHandle | None = None
        self._tick: asyncio.TimerHandle | None = None

    @property
    def seen(self) -> Seen:
        """What is known now. Raises `NoSite` before the first answer."""
        if self._seen is None:
            raise NoSite(self.site_id)
        return self._seen

    @property
    def boards(self) -> int:
        """How many follow the site."""
        return len(self._followers)

    def follow(self, told: Told) -> Callable[[], None]:
        """Call *told* when the boards are to show something else at once; returns what ends it.

        Not for energy, which is taken up at a board's next beat.
        """
        token = object()
        self._followers[token] = told
        if self._tick is None:
            self._tick_later()

        def stop() -> None:
            self._followers.pop(token, None)
            if not self._followers:
                self._rest()

        return stop

    async def first(self) -> None:
        """Wait until there is an answer. Raises `NoSite`, and what the database raises."""
        async with self._one_at_a_time:
            if self._seen is None:
                await self._look_again(first=True)

    def end(self) -> None:
        """Ask nothing more."""
        self._followers.clear()
        self._rest()
        if self._asking is not None:
            self._asking.cancel()

    def ask(self) -> None:
        """Ask now, or again as soon as the answer under way is there."""
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if not self._followers:
            return
        if self._asking is not None and not self._asking.done():
            self._again = True
        else:
            self._asking = asyncio.create_task(self._ask(), name=f"board of site {self.site_id}")

    def ask_soon(self) -> None:
        """Something was told that may be about this site."""
        if self._soon is None:
            loop = asyncio.get_running_loop()
            wait = self._asked_at + SOONEST - loop.time()
            if wait <= 0:
                self.ask()
            else:
                self._soon = loop.call_later(wait, self.ask)

    def has_charger(self, charger_id: int) -> bool:
        """Whether the charger stands here, accepted or not; before the first answer each might."""
        return self._look is None or charger_id in self._look.chargers

    def read(self, session_id: object) -> None:
        """A session has a new reading: if its energy is shown, the next beat has it."""
        if self._look is not None and session_id in self._look.sessions:
            self._has_readings = True

    async def _ask(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            async with self._one_at_a_time:
                await self._look_again()

    async def _look_again(self, *, first: bool = False) -> None:
        self._asked_at = asyncio.get_running_loop().time()
        self._has_readings = False
        before, now = self._seen, clock.now()
        try:
            found = await self._database.ask(look, self.site_id, now)
            if found is None:
                raise NoSite(self.site_id)
        except Exception as error:
            if first:
                raise
            if before is None:
                return
            if not before.is_failing:
                log.error("a site's boards show what was known site=%s", self.site_id, exc_info=error)
            self._seen = replace(before, is_failing=True)
        else:
            self._look, self._seen = found, Seen(found.board, now)
        if before is not None and _at_once(before) != _at_once(self._seen):
            await self._tell()

    async def _tell(self) -> None:
        for number, token in enumerate(list(self._followers), 1):
            if (told := self._followers.get(token)) is not None:
                try:
                    told()
                except Exception:  # one board's trouble is no other's
                    log.exception("a board failed site=%s", self.site_id)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def _tick_later(self) -> None:
        wait = TICK - clock.now().timestamp() % TICK + SPREAD * (self.site_id * rhythm.GOLDEN % 1)
        self._tick = asyncio.get_running_loop().call_later(wait, self._ticked)

    def _ticked(self) -> None:
        """Ask each minute, whatever was told: an hour of silence and a reservation's end are not (P20)."""
        self._tick_later()
        seen = self._seen
        is_old = seen is None or _minute(seen.as_of) != _minute(clock.now())
        if is_old or self._has_readings or (seen is not None and seen.is_failing):
            self.ask()

    def _rest(self) -> None:
        for timer in (self._soon, self._tick):
            if timer is not None:
                timer.cancel()
        self._soon = self._tick = None


class Sites:
    """The sites that have boards, and what is told of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sites: dict[int, Site] = {}

    def __len__(self) -> int:
        return len(self._sites)

    def listen(self, live: Announcer) -> Callable[[], None]:
        """Hear what changes; returns what ends it, and all questions: the database is let go of next."""
        stops = [
            live.listen(Topic.CHARGERS, self._charger),
            live.listen(Topic.READING, self._reading),
            live.listen(Topic.SITES, self._all),
            live.listen(Topic.SESSIONS, self._any),
            live.listen(Topic.RESERVATIONS, self._any),
        ]

        def stop() -> None:
            for one in stops:
                one()
            for site in self._sites.values():
                site.end()

        return stop

    async def follow(self, site_id: int, told: Told) -> tuple[Site, Callable[[], None]]:
        """The site *site_id* with an answer, and what ends following it (see `Site.follow`).

        Raises `NoSite`, and what the database raises.
        """
        site = self._sites.get(site_id)
        if site is None:
            site = self._sites[site_id] = Site(site_id, self._database)
        unfollow = site.follow(told)

        def stop() -> None:
            unfollow()
            if not site.boards and self._sites.get(site_id) is site:
                del self._sites[site_id]

        try:
            await site.first()
        except BaseException:
            stop()
            raise
        return site, stop

    def _charger(self, announcement: Announcement) -> None:
        for site in self._sites.values():
            if announcement.about is None or site.has_charger(announcement.about):
                site.ask()

    def _reading(self, announcement: Announcement) -> None:
        if announcement.values is not None:
            for site in self._sites.values():
                site.read(announcement.values.get("session_id"))

    def _all(self, announcement: Announcement) -> None:
        for site in self._sites.values():
            site.ask()

    def _any(self, announcement: Announcement) -> None:
        if announcement.values is None:  # else it is how often a session is read
            for site in self._sites.values():
                site.ask_soon()


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _at_once(seen: Seen) -> tuple[object, ...]:
    """What of *seen* the boards show as soon as it changes."""
    bays = tuple(replace(bay, energy_wh=None) for bay in seen.board.bays)
    return replace(seen.board, bays=bays), seen.is_failing
