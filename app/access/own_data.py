"""The download of all that is stored of whoever asks: JSON, and sessions as CSV (T2, T46).

Both are written piece by piece (`app.access.pieces`), however many years somebody has been charging.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from app import clock
from app.access.pieces import pieces
from app.changing import changing
from components import sessions_csv
from components.words import Reader
from data import audit
from data.caller import Caller
from data.database import Change, Database
from data.queries.own_data import (
    PAGE,
    OwnedSession,
    energy_corrections,
    owned_charges,
    owned_data,
    owned_sessions,
)

log = logging.getLogger("polaris.access")

After = tuple[datetime, int] | None
"""The session that the last piece ended with."""
Write = Callable[[Connection, tuple[OwnedSession, ...], bool], bytes]
"""How sessions are written; the last is whether they are the first ones."""


class OwnData:
    """The downloads. They change nothing but the audit log, and are for the person's own hand alone (P24)."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @changing("own_data.json")
    async def json(self, caller: Caller) -> AsyncIterator[bytes]:
        """Everything, the sessions and what was billed for them last."""
        assert caller.subject_id is not None
        await self._noted(caller, "own_data.json")
        head = await self.database.ask(_json_head, caller.subject_id, clock.now())
        return self._json_pieces(caller.subject_id, head)

    @changing("own_data.csv")
    async def csv(self, caller: Caller, reader: Reader) -> AsyncIterator[bytes]:
        """The sessions, in the words and the time zone of *reader*."""
        assert caller.subject_id is not None
        await self._noted(caller, "own_data.csv")

        def piece(db: Connection, sessions: tuple[OwnedSession, ...], first: bool) -> bytes:
            return sessions_csv.lines(sessions, reader).encode()

        return self._sessions(caller.subject_id, sessions_csv.head(reader).encode(), piece)

    async def _noted(self, caller: Caller, action: str) -> None:
        await self.database.change(_note, caller, action, clock.now())
        log.info("own data downloaded what=%s", action)

    async def _json_pieces(self, account_id: int, head: bytes) -> AsyncIterator[bytes]:
        async for piece in self._sessions(account_id, head, _json_sessions):
            yield piece

        def charges(db: Connection, after: int | None) -> tuple[bytes, int | None]:
            found = owned_charges(db, account_id, after)
            return _json_rows(found, after is None), found[-1].id if len(found) == PAGE else None

        async for piece in pieces(self.database, b'\n],\n  "charges": [', charges, b"\n]}\n"):
            yield piece

    def _sessions(self, account_id: int, head: bytes, write: Write) -> AsyncIterator[bytes]:
        """*head*, and what *write* makes of the sessions."""

        def piece(db: Connection, after: After) -> tuple[bytes, After]:
            found = owned_sessions(db, account_id, after)
            written = write(db, found, after is None) if found else b""
            last = found[-1] if len(found) == PAGE else None
            return written, None if last is None else (last.begun_at, last.id)

        return pieces(self.database, head, piece)


def _json_head(db: Connection, account_id: int, now: datetime) -> bytes:
    found = asdict(owned_data(db, account_id, now))
    found["sign_ins"] = [_without(one, "id", "browser_id") for one in found["sign_ins"]]
    found["support_visits"] = [_without(one, "id") for one in found["support_visits"]]
    head = orjson.dumps({"made_at": now, **found}, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2)
    return head.removesuffix(b"\n}") + b',\n  "sessions": ['


def _json_sessions(db: Connection, sessions: tuple[OwnedSession, ...], first: bool) -> bytes:
    corrections = energy_corrections(db, [session.id for session in sessions])
    return _json_rows(
        [{**asdict(session), "corrections": corrections.get(session.id, ())} for session in sessions], first
    )


def _json_rows(rows: Sequence[Any], first: bool) -> bytes:
    if not rows:
        return b""
    written = b",\n".join(orjson.dumps(row, option=orjson.OPT_UTC_Z) for row in rows)
    return (b"\n" if first else b",\n") + written


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """*row* without our own bookkeeping."""
    return {name: value for name, value in row.items() if name not in names}


def _note(change: Change, caller: Caller, action: str, now: datetime) -> None:
    audit.record(change, caller, action, now)
