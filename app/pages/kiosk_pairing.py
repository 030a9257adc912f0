"""The code that a screen shows until an operator has confirmed it: for ever, untouched (K1)."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nicegui import background_tasks, ui
from starlette.requests import Request

from app import clock
from app.access.display_rows import LASTS
from app.access.displays import IsPaired, told_of
from app.access.languages import preferred
from app.access.own_address import own_address
from app.access.tries import TooManyTries
from components import theme, words
from components.pairing import Pairing
from components.texts import languages
from data.announcements import Announcement, Topic
from data.queries.displays import Waiting
from data.types import Theme

if TYPE_CHECKING:
    from app.portal import Portal

log = logging.getLogger("polaris.pages")

AGAIN = timedelta(seconds=10)
"""After a failure, such as of the database."""
A_DAY = timedelta(days=1)
"""After which the page loads itself anew, so that its cookie lasts however long nobody comes."""
CONFIRM = "/admin/displays/new"


def draw(portal: Portal, request: Request) -> None:
    """Draw the page of a screen that `portal.displays` does not know."""
    first = preferred(request.headers.get("accept-language"))
    others = sorted(code for code in languages() if code != first)
    readers = [words.reader(code, None) for code in (first, *others[:1])]
    theme.dress(readers[0], Theme.DARK)
    ui.context.client.title = readers[0].text("pairing.title")
    _Screen(portal, request, readers)


class _Screen:
    """One waiting screen, as long as its page is open."""

    def __init__(self, portal: Portal, request: Request, readers: list[words.Reader]) -> None:
        self._portal = portal
        self._request = request
        self._client = ui.context.client
        self._waiting: Waiting | None = None
        self._not_before: datetime | None = None
        self._began = clock.now()
        self._one_at_a_time = asyncio.Lock()
        address = own_address(portal.settings, request) + CONFIRM
        self._drawn = Pairing(readers, address, self._anew)
        stops = (
            portal.live.listen(Topic.DISPLAYS, self._told),
            portal.live.listen(Topic.MINUTE, self._look_again),
        )
        self._client.on_delete(lambda: [stop() for stop in stops])
        # The row is made now that somebody looks: a page that is only fetched costs nothing.
        ui.timer(1.0, self._tick)

    async def _tick(self) -> None:
        now = clock.now()
        self._drawn.beat(now)
        if abs(now - self._began) > A_DAY:
            self._began = now
            self._client.open("/kiosk")
        elif self._waiting is None or not timedelta() < self._waiting.expires_at - now <= LASTS:
            await self._renew(anew=False)
        else:
            self._drawn.show(self._waiting.code, self._waiting.expires_at - now, LASTS)

    async def _anew(self) -> None:
        await self._renew(anew=True)

    async def _renew(self, *, anew: bool) -> None:
        async with self._one_at_a_time:
            now = clock.now()
            if self._not_before is not None and timedelta() < self._not_before - now <= A_DAY:
                return
            try:
                self._waiting = await self._portal.displays.code(self._request, anew=anew)
            except TooManyTries as many:
                if self._waiting is None or self._waiting.expires_at <= now:
                    self._waiting = None
                    self._drawn.wait()
                self._not_before = now + timedelta(seconds=many.seconds)
                return
            except IsPaired:
                self._leave()
                return
            except Exception:
                log.exception("no code for a waiting screen")
                self._not_before = now + AGAIN
                return
            self._not_before = None
            self._drawn.show(self._waiting.code, self._waiting.expires_at - now, LASTS)

    def _told(self, announcement: Announcement) -> None:
        is_mine = self._waiting is not None and told_of(self._waiting, announcement)
        if is_mine:
            self._leave()
        elif is_mine is None:
            self._look_again(announcement)

    def _look_again(self, announcement: Announcement) -> None:
        """Each minute too, in case that nobody told: the connection to the database may have been lost."""
        background_tasks.create(self._look(), name="is the screen paired")

    async def _look(self) -> None:
        if await self._portal.displays.is_paired(self._request):
            self._leave()

    def _leave(self) -> None:
        self._portal.displays.send_to_board(self._request)
