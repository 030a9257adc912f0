"""What the screens answer: kept in memory, and written for all of them together (K7)."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, update

from app import about, clock
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import Display

log = logging.getLogger("polaris.boards")

WRITE_EVERY = 30.0
"""Seconds between two writings, however many screens have answered."""
GATHER = 0.5
"""Seconds for which first answers wait for others: after a restart all screens come back together."""
LARGEST = 100_000
"""CSS pixels; whatever says that it is larger is no screen."""
SEEN = "seen"
"""What happened, as `Topic.DISPLAYS` tells it."""

_SEEN = (
    update(Display)
    .where(Display.id == bindparam("display"))
    .values(
        last_seen_at=bindparam("seen"),
        version=bindparam("runs"),
        width=func.coalesce(bindparam("across"), Display.width),
        height=func.coalesce(bindparam("down"), Display.height),
        browser=bindparam("called"),
    )
)


@dataclass(slots=True)
class Answer:
    """The last answer of a screen's page."""

    browser: str
    seen: datetime | None = None
    width: int | None = None
    height: int | None = None

    def sized(self, width: int, height: int) -> None:
        """The screen says how large it is, in CSS pixels; what no screen is is not believed."""
        if 0 < width <= LARGEST and 0 < height <= LARGEST:
            self.width, self.height = width, height


class Heartbeats:
    """The answers of all screens."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._news: dict[int, Answer] = {}
        """Answers that are not written yet, by display."""
        self._at_once = asyncio.Event()

    def answered(self, display_id: int, answer: Answer) -> None:
        """The screen's page has painted a beat. The first answer of a page is written at once."""
        is_first, answer.seen = answer.seen is None, clock.now()
        self._news[display_id] = answer
        if is_first:
            self._at_once.set()

    async def run(self) -> None:
        """Write what is new, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(WRITE_EVERY):
                    await self._at_once.wait()
            except TimeoutError:
                pass
            else:
                await asyncio.sleep(GATHER)
            self._at_once.clear()
            try:
                await self.write()
            except Exception as error:
                log.error("the answers of screens wait for the database: %s", type(error).__name__)

    async def write(self) -> None:
        """Write what is new now, and tell of it. Raises what the database raises, and forgets nothing."""
        news, self._news = self._news, {}
        if not news:
            return
        try:
            # By id, so that two processes, which may know the same screens, lock rows in one order.
            rows = [_row(display_id, news[display_id]) for display_id in sorted(news)]
            await self._database.change(_write, rows)
        except BaseException:
            self._news = {**news, **self._news}
            raise


def _row(display_id: int, answer: Answer) -> dict[str, Any]:
    return {
        "display": display_id,
        "seen": answer.seen,
        "runs": about.VERSION[:32],
        "across": answer.width,
        "down": answer.height,
        "called": answer.browser[:100],
    }


def _write(change: Change, rows: list[dict[str, Any]]) -> None:
    change.execute(_SEEN, rows)
    change.announce(Announcement(Topic.DISPLAYS, values={"what": SEEN}))
