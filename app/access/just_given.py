"""The tokens of screens that have had no time yet to ask for a code (T60)."""

from __future__ import annotations

from datetime import datetime, timedelta

from app import clock

A_MINUTE = timedelta(minutes=1)
MOST = 5_000
"""As many as may wait; the oldest are forgotten first, and then only are what they were without this."""


class JustGiven:
    """Tokens by their hash, each for a minute and for the address that it was given to.

    In the memory of this process: another one gives such a screen a new token, as it gives one to any.
    """

    def __init__(self) -> None:
        self._given: dict[str, tuple[str, datetime]] = {}

    def add(self, token_hash: str, address: str) -> None:
        """It was given to a screen at *address* now."""
        now = clock.now()
        while self._given:
            oldest = next(iter(self._given))
            if len(self._given) < MOST and _is_recent(self._given[oldest][1], now):
                break
            del self._given[oldest]
        self._given[token_hash] = address, now

    def has(self, token_hash: str, address: str) -> bool:
        """Whether it was given to a screen at *address* within the last minute."""
        known = self._given.get(token_hash)
        return known is not None and known[0] == address and _is_recent(known[1], clock.now())

    def forget(self, token_hash: str) -> None:
        """It is known otherwise now."""
        self._given.pop(token_hash, None)


def _is_recent(since: datetime, now: datetime) -> bool:
    return timedelta() <= now - since < A_MINUTE
