"""A database that holds one question up, for what happens in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from data.database import Database

PATIENCE = 20.0
"""Seconds after which it goes on by itself: a test that fails does not hang."""


@contextmanager
def held_up(database: Database, words: str) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The next statement with *words*: what is set once it is answered, and what lets that be told."""
    begun, goes_on = threading.Event(), threading.Event()

    def wait(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if words in statement and not begun.is_set():
            begun.set()
            goes_on.wait(PATIENCE)

    event.listen(database.engine, "after_cursor_execute", wait)
    try:
        yield begun, goes_on
    finally:
        goes_on.set()
        event.remove(database.engine, "after_cursor_execute", wait)
