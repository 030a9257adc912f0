"""What imports keep for operators, in the memory of this process and for minutes.

Tables that were sent as files, between the form that brings one and the page that shows it, which asks for
it by a word that says nothing to anybody else; and passwords that were made, until they are saved.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from app import clock
from app.operating.chargers import NewCharger

KEPT = timedelta(minutes=30)
EACH = 3
"""Tables of an operator's: two tabs may show one each."""
AT_MOST = 20
"""Tables; for one more the oldest is forgotten."""


class KeptTables:
    """See the module."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, datetime, str]] = {}

    def keep(self, account_id: int, text: str) -> str:
        """Keep *text* for the operator *account_id*; the word to ask for it by."""
        mine = [word for word, (owner, _, _) in self._kept.items() if owner == account_id]
        for word, (_, kept_at, _) in list(self._kept.items()):
            if word in mine[: 1 - EACH] or clock.now() - kept_at > KEPT:
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


class KeptPasswords:
    """Chargers that operators have just made, with their passwords: who leaves the page can come back."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[datetime, tuple[NewCharger, ...]]] = {}

    def keep(self, account_id: int, made: Sequence[NewCharger]) -> None:
        """Keep *made* for the operator *account_id*, beside what they have not saved yet."""
        before = self.of(account_id)
        for owner, (kept_at, _) in list(self._kept.items()):
            if clock.now() - kept_at > KEPT:
                del self._kept[owner]
        if made:
            self._kept[account_id] = clock.now(), (*before, *made)

    def of(self, account_id: int) -> tuple[NewCharger, ...]:
        """What *account_id* has made and not saved."""
        kept_at, made = self._kept.get(account_id, (clock.now(), ()))
        return made if clock.now() - kept_at <= KEPT else ()

    def saved(self, account_id: int, made: Sequence[NewCharger]) -> None:
        """*account_id* has *made* in a file of theirs."""
        kept_at, before = self._kept.pop(account_id, (clock.now(), ()))
        if left := tuple(one for one in before if one not in made):
            self._kept[account_id] = kept_at, left
