"""The open boards: each beats by itself, and all that changes with time goes out with its beat (K12).

A beat is one message: whatever a page shows anew at that moment leaves together. In between a board sends
something only if its site has changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from app import clock
from app.boards import rhythm
from app.boards.heartbeats import Answer, Heartbeats
from app.boards.rhythm import Turn
from app.boards.sites import Seen, Site, Sites
from data.announcements import Announcer
from data.database import Database
from data.queries.displays import KnownDisplay
from data.queries.site_board import SiteBoard

log = logging.getLogger("polaris.boards")

PUNCTUAL = timedelta(seconds=1)
"""A timer that is off by less has come in time; by more, the clock was set, or the process stood still."""
SHORTEST, LONGEST = 0.5, 15.0
"""Seconds between two beats, whatever a clock says that is set while a timer runs."""
ANSWERS = 90.0
"""Seconds for which a screen counts as answering: every third beat asks it."""
AGAIN = 0.5
"""Seconds from the beat for a browser that has just connected to the next one."""
CHOSEN = 24.0
"""Seconds for which a page of bays stays that somebody turned to."""


class Page(Protocol):
    """A page of a display, as its rhythm sees it."""

    @property
    def is_there(self) -> bool:
        """Whether a browser is connected."""

    def pages(self, board: SiteBoard) -> int:
        """How many pages of bays *board* has."""

    def show(self, seen: Seen, turn: Turn) -> None:
        """Show it; what does not differ from before sends nothing."""

    def beat(self, number: int) -> None:
        """Say that the server is there."""

    def reload(self) -> None:
        """Load the whole page anew."""


class Screen:
    """One open page of a display. Made by `Screens.open`."""

    def __init__(self, display: KnownDisplay, page: Page, heartbeats: Heartbeats, browser: str) -> None:
        self.page = page
        self._display = display
        self._heartbeats = heartbeats
        self._answer = Answer(browser)
        self._answered_at: float | None = None
        """By the event loop's clock, which nobody sets."""
        self._behind = rhythm.lag(display.id)
        self._loaded_at = clock.now()
        self._number = 0
        self._due = self._loaded_at
        self._timer: asyncio.TimerHandle | None = None
        self._chosen: tuple[int, float] | None = None
        self._site: Site
        self._unfollow: Callable[[], None] = lambda: None

    async def follow(self, sites: Sites) -> None:
        """Learn what the site shows. Raises `app.boards.sites.NoSite`, and what the database raises."""
        self._site, self._unfollow = await sites.follow(self._display.site_id, self.changed)

    def begin(self) -> None:
        """Show the first face, on a page that is drawn now, and beat from now on."""
        self._show(clock.now())
        self._beat_later(clock.now())

    def connected(self) -> None:
        """A browser is there, for the first time or again: what it says of the server may be old.

        Two beats: one of them differs from the last that it has painted, however many were lost since.
        """
        self._beat(clock.now())
        asyncio.get_running_loop().call_later(AGAIN, lambda: self._beat(clock.now()))

    def changed(self) -> None:
        """The site shows something else."""
        if self.page.is_there:
            self._show(clock.now())

    def answered(self) -> None:
        """The screen has painted a beat (K7)."""
        self._answered_at = asyncio.get_running_loop().time()
        self._heartbeats.answered(self._display.id, self._answer)

    def sized(self, width: int, height: int) -> None:
        """The screen has said how large it is, in CSS pixels."""
        self._answer.sized(width, height)

    def turned(self, page: int) -> None:
        """Somebody wants to see this page of bays (K20)."""
        self._chosen = page, asyncio.get_running_loop().time() + CHOSEN
        self._show(clock.now())

    def leave(self) -> None:
        """The server goes away in a moment: what the board shows will not be renewed until it is back."""
        if self.page.is_there:
            self.page.show(replace(self._site.seen, is_failing=True), self._turn(clock.now()))

    def close(self) -> None:
        """The page has gone."""
        self._unfollow()
        if self._timer is not None:
            self._timer.cancel()

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._site.seen.board.time_zone)

    @property
    def _pages(self) -> int:
        return self.page.pages(self._site.seen.board)

    def _turn(self, now: datetime) -> Turn:
        turn = rhythm.turn(now, self._zone, len(self._display.languages), self._pages, self._behind)
        if self._chosen is not None:
            page, until = self._chosen
            if asyncio.get_running_loop().time() < until:
                turn = rhythm.at_page(turn, page)
            else:
                self._chosen = None
        return turn

    def _show(self, now: datetime) -> None:
        self.page.show(self._site.seen, self._turn(now))

    def _beat(self, now: datetime) -> None:
        if not self.page.is_there:
            return
        self._show(now)
        self.page.beat(self._number)
        self._number += 1

    def _came_due(self) -> None:
        now = clock.now()
        if abs(now - self._due) < PUNCTUAL:
            now = max(now, self._due)  # timers are early by a hair
        try:
            if not self._reload(now):
                self._beat(now)
        except Exception:  # the next beat is another try; the screen itself tells that this one was missed
            log.exception("a board could not be drawn display=%s", self._display.id)
        self._beat_later(now)

    def _beat_later(self, now: datetime) -> None:
        self._due = rhythm.next_beat(now, self._pages, self._behind)
        wait = min(LONGEST, max(SHORTEST, (self._due - clock.now()).total_seconds()))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(wait, self._came_due)

    def _reload(self, now: datetime) -> bool:
        """Load the page anew if it is time (K13); not one that does not answer: it might not come back."""
        if now < rhythm.next_reload(self._loaded_at, self._zone, self._display.id):
            return False
        if not self.page.is_there or not self._answers:
            return False
        self._loaded_at = now
        self.page.reload()
        return True

    @property
    def _answers(self) -> bool:
        at = self._answered_at
        return at is not None and asyncio.get_running_loop().time() - at < ANSWERS


class Screens:
    """All open boards of this process."""

    def __init__(self, database: Database) -> None:
        self._sites = Sites(database)
        self._heartbeats = Heartbeats(database)
        self._open: set[Screen] = set()

    def __len__(self) -> int:
        return len(self._open)

    def listen(self, live: Announcer) -> Callable[[], None]:
        """Hear what changes; returns what ends it."""
        return self._sites.listen(live)

    async def run(self) -> None:
        """Write down what screens answer, until cancelled."""
        await self._heartbeats.run()

    async def open(self, display: KnownDisplay, page: Page, browser: str) -> Screen:
        """A screen of *display*, whose browser is called *browser*; draw its page, then let it `begin`.

        Close it when its page has gone. Raises `app.boards.sites.NoSite`, and what the database raises.
        """
        screen = Screen(display, page, self._heartbeats, browser)
        await screen.follow(self._sites)
        self._open.add(screen)
        return screen

    def close(self, screen: Screen) -> None:
        """The page of *screen* has gone."""
        self._open.discard(screen)
        screen.close()

    def leave(self) -> None:
        """The server goes away in a moment, and says so while it can."""
        for screen in list(self._open):
            try:
                screen.leave()
            except Exception:  # neither the others nor the end wait for one board
                log.exception("a board was not told of the end")
