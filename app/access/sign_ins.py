"""Sign-ins: issue, find, revoke. Revoking closes the pages that were opened with it (T16).

The browser holds a random token of 256 bits and nothing else, the table only its hash (T13, T14).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from nicegui import background_tasks
from sqlalchemy import delete, insert, update
from starlette.requests import HTTPConnection
from starlette.responses import Response

from app import clock
from app.access import open_pages
from app.access.first_operator import FirstOperator, hashed
from app.access.languages import preferred
from app.access.visitor import Visitor
from app.settings import Settings
from data.announcements import Announcement, Announcer, Topic
from data.database import Change, Database
from data.models import Account, SignIn
from data.queries import people
from data.queries.people import SignedIn

REMEMBERED = timedelta(seconds=5)
"""How long a found sign-in is believed without asking the database again (T7)."""
SEEN_EVERY = timedelta(minutes=5)


class SignIns:
    """The sign-ins of all browsers."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self._settings = settings
        self._known: dict[str, tuple[SignedIn, datetime]] = {}
        # A __Host- cookie is refused by browsers without TLS, loopback included.
        self.cookie = "__Host-polaris" if settings.secure else "polaris"
        """The name of the cookie that carries the token."""

    @property
    def secure(self) -> bool:
        """True if browsers reach the portal over TLS, so that cookies may insist on it."""
        return self._settings.secure

    # --- find

    def token(self, connection: HTTPConnection) -> str | None:
        """The token that *connection* brought along."""
        return connection.cookies.get(self.cookie) or None

    async def visitor(self, request: HTTPConnection) -> Visitor | None:
        """Who is signed in at the browser of *request*; remembers on the request which sign-in it was."""
        found = await self.find(self.token(request))
        if found is None:
            return None
        request.scope[open_pages.SIGN_IN] = found.sign_in_id
        return Visitor(
            id=found.account_id,
            name=found.name,
            email=found.email,
            role=found.role,
            time_zone=found.time_zone or self._settings.default_time_zone,
            language=found.language or preferred(request.headers.get("accept-language")),
            theme=found.theme,
            sign_in_id=found.sign_in_id,
        )

    async def find(self, token: str | None) -> SignedIn | None:
        """The valid sign-in of *token*. One found in the last five seconds costs no query."""
        if token is None:
            return None
        now, key = clock.now(), hashed(token)
        if (known := self._known.get(key)) is not None:
            found, since = known
            if since <= now < min(since + REMEMBERED, found.expires_at):
                return found
        asked = await self.database.ask(people.signed_in, key, now)
        if asked is None:
            self._known.pop(key, None)
            return None
        if len(self._known) >= 10_000:
            self._known.clear()
        self._known[key] = asked, now
        if now - asked.last_seen_at >= SEEN_EVERY:
            background_tasks.create(self.database.change(_seen, asked.sign_in_id, now), name="sign-in seen")
        return asked

    # --- issue

    async def issue(self, account_id: int, *, remember: bool = False) -> str:
        """A new sign-in of *account_id*; returns the token for its cookie."""
        token = secrets.token_urlsafe(32)
        await self.database.change(_issue, account_id, hashed(token), clock.now(), self._lasts(remember))
        return token

    def give(self, response: Response, token: str, *, remember: bool = False) -> None:
        """Put the cookie with *token* on *response*; without *remember* it ends with the browser (T14)."""
        response.set_cookie(
            self.cookie,
            token,
            max_age=int(self._lasts(True).total_seconds()) if remember else None,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def take(self, response: Response) -> None:
        """Take the cookie away."""
        response.delete_cookie(self.cookie, path="/", secure=self.secure, httponly=True, samesite="lax")

    def _lasts(self, remember: bool) -> timedelta:
        return timedelta(days=self._settings.sign_in_days) if remember else self._hours()

    def _hours(self) -> timedelta:
        return timedelta(hours=self._settings.sign_in_hours)

    # --- revoke

    async def revoke(self, token: str | None) -> None:
        """End the sign-in of *token* on the server, and its open pages within two seconds (T16)."""
        if token is None:
            return
        self._known.pop(hashed(token), None)
        ended = await self.database.change(_revoke, SignIn.token_hash == hashed(token))
        self._close(ended)

    async def revoke_all(self, account_id: int) -> None:
        """Sign *account_id* out everywhere."""
        ended = await self.database.change(_revoke, SignIn.account_id == account_id)
        self._close(ended)

    async def check_open_pages(self) -> None:
        """Close the open pages whose sign-in has ended: by time, by another process, by its account's end."""
        shown = open_pages.sign_ins()
        if shown:
            valid = await self.database.ask(people.still_signed_in, shown, clock.now())
            self._close(shown - valid)

    def listen(self, live: Announcer) -> Callable[[], None]:
        """Follow what *live* tells of accounts (T7) and of the passing of time; returns what ends it."""

        def check(announcement: Announcement) -> None:
            self._known.clear()
            background_tasks.create_lazy(self.check_open_pages(), name="sign-ins of open pages")

        stops = [live.listen(topic, check) for topic in (Topic.PEOPLE, Topic.MINUTE)]

        def stop() -> None:
            for one in stops:
                one()

        return stop

    def _close(self, ended: Collection[int]) -> None:
        if ended:
            for key, (found, _) in list(self._known.items()):
                if found.sign_in_id in ended:
                    del self._known[key]
            open_pages.leave(set(ended))

    # --- preferences

    async def prefer(self, account_id: int, **values: object) -> None:
        """Store ``language``, ``theme`` or ``time_zone`` of *account_id*; whoever calls has checked them."""
        await self.database.change(_prefer, account_id, values)
        for key, (found, _) in list(self._known.items()):
            if found.account_id == account_id:
                del self._known[key]

    # --- the first operator

    def first_operator_link(self, address: str) -> str | None:
        """A link, below *address*, that makes the first operator; ``None`` if there is one (T22).

        Each call makes a new link and ends the one before. For start-up: waits for the commit.
        """
        token = FirstOperator(self.database).offer()
        return None if token is None else f"{address}/welcome/{token}"


def _issue(change: Change, account_id: int, token_hash: str, now: datetime, lasts: timedelta) -> None:
    change.execute(delete(SignIn).where(SignIn.account_id == account_id, SignIn.expires_at <= now))
    change.execute(
        insert(SignIn),
        {
            "token_hash": token_hash,
            "account_id": account_id,
            "created_at": now,
            "last_seen_at": now,
            "expires_at": now + lasts,
        },
    )


def _seen(change: Change, sign_in_id: int, now: datetime) -> None:
    change.execute(update(SignIn).where(SignIn.id == sign_in_id).values(last_seen_at=now))


def _revoke(change: Change, which: object) -> set[int]:
    rows = change.execute(delete(SignIn).where(which).returning(SignIn.id, SignIn.account_id)).all()  # type: ignore[arg-type]
    change.announce(*(Announcement(Topic.PEOPLE, account) for account in {row.account_id for row in rows}))
    return {row.id for row in rows}


def _prefer(change: Change, account_id: int, values: dict[str, object]) -> None:
    change.execute(update(Account).where(Account.id == account_id).values(**values))
    change.announce(Announcement(Topic.PEOPLE, account_id))
