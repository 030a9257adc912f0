"""One look at the chargers for all open pages that were told of the same change.

A thousand pages that each asked for all chargers would take seconds of the processor for one plug.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from sqlalchemy import Connection

from data.announcements import Announcement, Announcer, Topic
from data.queries.chargers import SHOWN, Board, VisibleChargers

FRESH = timedelta(seconds=1)
"""A look is not shared for longer, told or not."""


class SharedBoard:
    """The newest look at the chargers; as old as the newest announcement at most."""

    def __init__(self, live: Announcer) -> None:
        self._told = 0
        self._looked: tuple[int, Board] | None = None
        self._lock = threading.Lock()
        for topic in (Topic.CHARGERS, Topic.SESSIONS, Topic.RESERVATIONS):
            live.listen(topic, self._out_of_date)

    def seen_by(
        self, db: Connection, account_id: int, now: datetime, search: str = "", limit: int = SHOWN
    ) -> VisibleChargers:
        """As `data.queries.chargers.visible_chargers`; called in any thread."""
        with self._lock:  # whoever comes while one looks waits for what that one sees
            told = self._told
            if (
                self._looked is None
                or self._looked[0] != told
                or not timedelta(0) <= now - self._looked[1].made_at < FRESH
            ):
                self._looked = told, Board(db, now)
            board = self._looked[1]
        return board.seen_by(db, account_id, search, limit)

    def _out_of_date(self, announcement: Announcement) -> None:
        self._told += 1
