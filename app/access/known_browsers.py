"""Browsers that somebody has been signed in with before have tries of their own (T19).

So that nobody who tries a person's address, or from a person's network, can keep them out. OWASP calls it
a device cookie. It is no right: it only tells which bucket a wrong password is taken from.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update
from starlette.requests import Request
from starlette.responses import Response

from app import clock
from app.access import tokens
from data.database import Change, Database
from data.models import Account, KnownBrowser

LASTS = timedelta(days=365)
"""Since somebody last signed in with it."""
AT_MOST = 20
"""Browsers that an account is known at; the one that was used longest ago is forgotten."""


class KnownBrowsers:
    """What the cookie says, and how it is given."""

    def __init__(self, database: Database, *, secure: bool) -> None:
        self._database = database
        self._secure = secure
        self.cookie = "__Host-polaris-known" if secure else "polaris-known"
        """The name of the cookie: a random token of 256 bits, and nothing else."""

    async def known(self, request: Request, email: str) -> str | None:
        """Names the tries that the browser of *request* has for *email*; ``None`` where it is unknown."""
        token = self._token(request)
        if token is None:
            return None
        # Not named by the token, which anybody's sign-in there replaces: the tries would begin anew.
        known = await self._database.ask(_known, tokens.hashed(token), email, clock.now() - LASTS)
        return None if known is None else f"browser {known}"

    async def remember(self, request: Request, response: Response, account_id: int) -> None:
        """Somebody has signed in to *account_id* there: *response* brings a new token for what is known.

        So that nobody can plant theirs beforehand.
        """
        old, new = self._token(request), tokens.new()
        old_hash = None if old is None else tokens.hashed(old)
        await self._database.change(_remember, old_hash, tokens.hashed(new), account_id, clock.now())
        response.set_cookie(
            self.cookie,
            new,
            max_age=int(LASTS.total_seconds()),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def _token(self, request: Request) -> str | None:
        token = request.cookies.get(self.cookie, "")
        return token if tokens.TOKEN.fullmatch(token) else None


def _known(db: Connection, token_hash: str, email: str, since: datetime) -> int | None:
    found = (
        select(KnownBrowser.id)
        .join(Account, Account.id == KnownBrowser.account_id)
        .where(KnownBrowser.token_hash == token_hash, KnownBrowser.used_at > since, Account.email == email)
    )
    return db.execute(found.order_by(KnownBrowser.id).limit(1)).scalar()


def _remember(change: Change, old_hash: str | None, new_hash: str, account_id: int, now: datetime) -> None:
    change.execute(delete(KnownBrowser).where(KnownBrowser.used_at <= now - LASTS))
    if old_hash is not None:
        old = KnownBrowser.token_hash == old_hash
        change.execute(update(KnownBrowser).where(old).values(token_hash=new_hash))
    mine = KnownBrowser.account_id == account_id
    known = update(KnownBrowser).where(mine, KnownBrowser.token_hash == new_hash).values(used_at=now)
    if not change.execute(known).rowcount:
        row = {"token_hash": new_hash, "account_id": account_id, "used_at": now}
        change.execute(insert(KnownBrowser), row)
    newest = select(KnownBrowser.id).where(mine).order_by(KnownBrowser.used_at.desc(), KnownBrowser.id.desc())
    change.execute(delete(KnownBrowser).where(mine, KnownBrowser.id.not_in(newest.limit(AT_MOST))))
