"""The download of the audit log, with an operator's filters: CSV, written piece by piece (T46)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import Connection

from app import clock
from app.access.pieces import pieces
from app.changing import changing
from components import audit_csv
from components.words import Reader
from data import audit
from data.caller import Caller
from data.database import Change, Database
from data.queries import audit_log
from data.queries.audit_log import Place, Wanted
from data.types import Role

log = logging.getLogger("polaris.access")

PIECE = 250
"""Rows that are asked for and written at once."""


class AuditLog:
    """The log as a file. It changes nothing but the log itself: who takes it away is written down."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @changing("audit.csv", role=Role.OPERATOR)
    async def csv(self, caller: Caller, wanted: Wanted, reader: Reader) -> AsyncIterator[bytes]:
        """The rows that *wanted* names, newest first, in the words and the time zone of *reader*."""
        await self.database.change(_note, caller, clock.now())
        log.info("audit log downloaded")

        def piece(db: Connection, after: Place | None) -> tuple[bytes, Place | None]:
            found = audit_log.page(db, wanted, after=after, limit=PIECE)
            written = audit_csv.lines(found.rows, reader).encode()
            return written, found.rows[-1].place if found.older else None

        return pieces(self.database, audit_csv.head(reader).encode(), piece)


def _note(change: Change, caller: Caller, now: datetime) -> None:
    audit.record(change, caller, "audit.csv", now)
