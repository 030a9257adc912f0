"""The download of all sessions with an operator's filters: CSV, with a progress that its page shows."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from app import clock
from app.access.pieces import pieces
from app.changing import changing
from components import all_sessions_csv
from components.words import Reader
from data import audit
from data.caller import Caller
from data.database import Change, Database
from data.queries import session_list
from data.queries.session_list import Place, Wanted
from data.types import Role

log = logging.getLogger("polaris.access")

PIECE = 250
"""Sessions that are asked for and written at once."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download has come."""

    sent: int
    """Rows."""
    about: int | None
    """Rows that there will be, as far as can be told from the time that they cover."""
    ended: bool
    whole: bool = True
    """False if it ended before its last row."""


class AllSessions:
    """The downloads, and who looks on."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._watchers: dict[str, Callable[[Progress], object]] = {}

    def watch(self, token: str, told: Callable[[Progress], object]) -> Callable[[], None]:
        """Call *told*, on the event loop, as downloads that name *token* go on; returns what ends it."""
        self._watchers[token] = told

        def stop() -> None:
            self._watchers.pop(token, None)

        return stop

    @changing("sessions.csv", role=Role.OPERATOR)
    async def csv(
        self, caller: Caller, wanted: Wanted, reader: Reader, token: str = ""
    ) -> AsyncIterator[bytes]:
        """The sessions that *wanted* names, in its order, in the words and the time zone of *reader*.

        It changes nothing but the audit log: such a file holds what many drivers did.
        """
        oldest = await self.database.ask(session_list.oldest, wanted)
        await self.database.change(_note, caller, clock.now())
        log.info("all sessions downloaded")
        return self._told(wanted, reader, token, oldest)

    async def _told(
        self, wanted: Wanted, reader: Reader, token: str, oldest: datetime | None
    ) -> AsyncIterator[bytes]:
        sent, newest, at = 0, None, None

        def piece(db: Connection, after: Place | None) -> tuple[bytes, Place | None]:
            nonlocal sent, newest, at
            sessions, following = session_list.piece(db, wanted, after, PIECE)
            if sessions:
                newest = newest or sessions[0].started_at
                at = sessions[-1].started_at
                sent += len(sessions)
            return all_sessions_csv.lines(sessions, reader).encode(), following

        whole = False
        try:
            async for written in pieces(self.database, all_sessions_csv.head(reader).encode(), piece):
                yield written
                about = None if wanted.ascending else _about(sent, newest, at, oldest)
                self._tell(token, Progress(sent, about, ended=False))
            whole = True
        finally:
            self._tell(token, Progress(sent, None, ended=True, whole=whole))

    def _tell(self, token: str, progress: Progress) -> None:
        if (told := self._watchers.get(token)) is not None:
            told(progress)


def _about(sent: int, newest: datetime | None, at: datetime | None, oldest: datetime | None) -> int | None:
    """How many rows there will be, if the rest of the time held as many as what was sent of it."""
    if newest is None or at is None or oldest is None or at >= newest:
        return None
    done = (newest - at) / (newest - oldest) if newest > oldest else 1.0
    return max(sent, round(sent / done)) if 0 < done <= 1 else None


def _note(change: Change, caller: Caller, now: datetime) -> None:
    audit.record(change, caller, "sessions.csv", now)
