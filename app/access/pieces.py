"""Long downloads, written piece by piece.

As many rows at a time as don't matter, each piece a question of its own that begins where the last one
ended, in the threads that ask the database: neither the event loop nor the memory notices how long the
history is, and no transaction is held open while a slow browser reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from sqlalchemy import Connection

from data.database import Database

REST = 0.01
"""Seconds between pieces: the thread that writes would have every other turn of the event loop's."""
After = TypeVar("After")


async def pieces(
    database: Database,
    head: bytes,
    piece: Callable[[Connection, After | None], tuple[bytes, After | None]],
    tail: bytes = b"",
) -> AsyncIterator[bytes]:
    """*head*, what *piece* writes after where its last call ended until that is ``None``, *tail*."""
    yield head
    after: After | None = None
    while True:
        written, after = await database.ask(piece, after)
        if written:
            yield written
        if after is None:
            break
        await asyncio.sleep(REST)
    yield tail
