"""Sessions that may be replayed, and so are in no banner until they are seen alive (C13)."""

from __future__ import annotations

from datetime import datetime

from app import clock
from app.charging.pace import QUIET


class Hidden:
    """Which sessions are hidden, and when their chargers were last heard about a transaction."""

    def __init__(self) -> None:
        self._sessions: dict[int, int] = {}
        self._heard: dict[int, datetime] = {}
        """By charger, of those that have hidden sessions."""
        self._last: dict[int, datetime] = {}
        """By charger: its last message about a transaction."""

    def add(self, session_id: int, charger_id: int, now: datetime) -> None:
        """*session_id* is hidden until its charger has been quiet, or something shows it alive."""
        self._sessions[session_id] = charger_id
        self._heard[charger_id] = now

    def hear(self, charger_id: int, now: datetime) -> None:
        """A message about a transaction came from the charger: its burst goes on."""
        self._last[charger_id] = now
        if charger_id in self._heard:
            self._heard[charger_id] = now

    def is_quiet(self, charger_id: int, now: datetime) -> bool:
        """True if the charger is in no burst: nothing of it is hidden, and nothing came just now."""
        last = self._last.get(charger_id)
        return charger_id not in self._heard and (last is None or clock.is_over(last, QUIET, now))

    def drop(self, session_id: int) -> None:
        """*session_id* is over, or was shown."""
        charger_id = self._sessions.pop(session_id, None)
        if charger_id is not None and charger_id not in self._sessions.values():
            self._heard.pop(charger_id, None)

    def due(self, now: datetime) -> list[tuple[int, int]]:
        """Sessions (with their chargers) whose burst is over."""
        return [
            (session_id, charger_id)
            for session_id, charger_id in self._sessions.items()
            if clock.is_over(self._heard[charger_id], QUIET, now)
        ]

    def next_due(self) -> datetime | None:
        """When the next one is due, if its charger stays quiet."""
        return min((heard + QUIET for heard in self._heard.values()), default=None)
