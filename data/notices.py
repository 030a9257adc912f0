"""Announcements between processes on PostgreSQL: sent by NOTIFY with what they tell of, heard by LISTEN."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import psycopg
from sqlalchemy import URL, Connection, text

from data import engines
from data.announcements import Announcement, Topic

CHANNEL = "polaris"
_NOTIFY = text("SELECT pg_notify(:channel, :payload)")


def send(connection: Connection, origin: str, announcements: Sequence[Announcement]) -> None:
    """Tell *announcements* of the process *origin* to others, if the transaction is committed."""
    payloads: list[str] = []
    for announcement in announcements:
        if announcement.topic is not Topic.MINUTE:
            payloads.append(f"{origin} {announcement.dump().decode()}")
    if payloads:
        connection.execute(_NOTIFY, [{"channel": CHANNEL, "payload": payload} for payload in payloads])


class Listener:
    """Hears what other processes announce, and reconnects for as long as it takes."""

    def __init__(self, url: URL, origin: str, deliver: Callable[[list[Announcement]], None]) -> None:
        """*deliver* is given what others than *origin* tell, in the listener's thread."""
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._options: dict[str, Any] = dict(engines.network(url))
        self._origin = origin
        self._deliver = deliver
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listen", daemon=True)

    def start(self) -> None:
        """Hear from now on, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Hear no more; returns when the thread has ended."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        lost = False
        while not self._stopped.is_set():
            try:
                with psycopg.connect(self._conninfo, autocommit=True, **self._options) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    if lost:  # what was announced meanwhile: who may be here is asked anew
                        self._deliver([Announcement(Topic.PEOPLE)])
                    lost = True
                    while not self._stopped.is_set():
                        for notice in connection.notifies(timeout=0.2):
                            self._hear(notice.payload)
            except psycopg.OperationalError:
                self._stopped.wait(1)

    def _hear(self, payload: str) -> None:
        origin, _, rest = payload.partition(" ")
        if origin != self._origin:
            with contextlib.suppress(ValueError, orjson.JSONDecodeError):  # a newer version's topic
                self._deliver([Announcement.load(rest)])
