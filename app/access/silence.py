"""When the database does not say who is there: how long is waited, and whom the page about it still knows."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.requests import HTTPConnection

from data.queries.sign_ins import SignedIn
from data.types import Role

ANSWER_SECONDS = 2.0
"""For which a request waits until it is known who is there."""
BELIEVED = timedelta(minutes=10)
"""How long an operator's last answer is believed where `PAGES` are asked for and no newer one comes."""
PAGES = frozenset({"/admin/health"})
"""What tells how the portal is, and so has to come while the database is silent. It shows nobody's data."""
SILENT = "polaris.silent"
"""In a request's scope: the database has not said in time who is there, and is not asked again."""


class DatabaseSilent(Exception):
    """The database has not said in time who is there: nobody can be let in, or sent away."""


class LastOperators:
    """The last answer about each operator, by the hash of their token; of those who act as nobody."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[SignedIn, datetime]] = {}

    def answered(self, key: str, found: SignedIn | None, now: datetime) -> None:
        """The database has said so of *key*."""
        self._known.pop(key, None)
        if found is not None and found.role is Role.OPERATOR and found.actor is None:
            if len(self._known) >= 1_000:
                self._known.clear()
            self._known[key] = found, now

    def clear(self) -> None:
        """Something about accounts or sign-ins has changed: none of it is to be believed again."""
        self._known.clear()

    def of(self, request: HTTPConnection, key: str, now: datetime) -> SignedIn | None:
        """Who is believed to ask for one of `PAGES`; ``None`` for all else."""
        found, since = self._known.get(key, (None, now))
        if found is None or request.scope["type"] != "http" or request.scope["path"] not in PAGES:
            return None
        return found if since <= now < min(since + BELIEVED, found.ends_at) else None
