"""Tables that operators have sent as files, between the form that brings one and the page that shows it.

In the memory of this process, for minutes: the page asks for it by a word that says nothing to anybody else.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from app import clock

KEPT = timedelta(minutes=30)
AT_MOST = 20
"""Tables; for one more the oldest is forgotten."""


class KeptTables:
    """See the module."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, datetime, str]] = {}

    def keep(self, account_id: int, text: str) -> str:
        """Keep *text* for the operator *account_id*; the word to ask for it by."""
        for word, (owner, kept_at, _) in list(self._kept.items()):
            # The next file of somebody's replaces the one before: that is looked at no more.
            if owner == account_id or clock.now() - kept_at > KEPT:
                del self._kept[word]
        if len(self._kept) >= AT_MOST:
            del self._kept[next(iter(self._kept))]
        word = secrets.token_urlsafe(16)
        self._kept[word] = account_id, clock.now(), text
        return word

    def of(self, account_id: int, word: str) -> str | None:
        """What *account_id* has sent; ``None`` if it is there no more, or is somebody else's."""
        owner, kept_at, text = self._kept.get(word, (0, clock.now(), ""))
        return text if owner == account_id and clock.now() - kept_at <= KEPT else None
