"""Sign-ins: issue, find, switch, end. Ending one closes the pages that were opened with it (T16).

A browser holds a random token of 256 bits and nothing else, the table only its hash (T13, T14). Several
accounts can be signed in at one browser (P3); one is current. The token is replaced whenever who is
current changes, so that an old one opens nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial

from nicegui import background_tasks
from sqlalchemy import ColumnElement, update
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from app import clock
from app.access import open_pages, sign_in_rows, tokens
from app.access.browser_names import browser_name
from app.access.cookies import RENEWED, Cookie
from app.access.lifetimes import lifetime
from app.access.sign_in_rows import Arrival, Ended, Left
from app.access.silence import ANSWER_SECONDS, SILENT, DatabaseSilent, LastOperators
from app.access.visitor import SignedOut, Visitor
from app.changing import changing
from app.request_context import CALLER
from app.settings import Settings
from data.announcements import Announcement, Announcer, Topic
from data.caller import Caller
from data.database import Change, Database
from data.models import Account, SignIn
from data.queries import sign_ins
from data.queries.sign_ins import ListedSignIn, SignedIn
from data.types import HowSignedIn, Role

log = logging.getLogger("polaris.access")

REMEMBERED = timedelta(seconds=5)
"""How long a found sign-in is believed without asking the database again (T7)."""
SEEN_EVERY = timedelta(minutes=1)
COOKIE_EVERY = timedelta(days=1)
"""A remembered cookie is given anew with what is asked after this time, so that it lasts with use."""


class SignIns:
    """The sign-ins of all browsers."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings
        self.browser_cookie = Cookie(settings)
        self.cookie = self.browser_cookie.name
        """The name of the cookie that carries the token."""
        self._known: dict[str, tuple[SignedIn, datetime]] = {}
        self._forgotten = 0
        self._operators = LastOperators()
        self._noted: dict[int, datetime] = {}
        self._ends: set[datetime] = set()

    @property
    def secure(self) -> bool:
        """True if browsers reach the portal over TLS, so that cookies may insist on it."""
        return self.browser_cookie.secure

    def token(self, connection: HTTPConnection) -> str | None:
        """The token that *connection* brought along."""
        return self.browser_cookie.token(connection)

    async def visitor(self, request: HTTPConnection) -> Visitor | None:
        """Who is current at the browser of *request*; remembers on the request which sign-in it was.

        Raises `DatabaseSilent`.
        """
        token = self.token(request)
        found = await self.current(request)
        if token is None:
            return None
        if found is None and request.scope["type"] == "http":
            found = await self._back_from_acting(token)
        if found is None:
            return None
        if request.scope["type"] == "http" and SILENT not in request.scope:
            await self._renew(request, token, found)
        visitor = Visitor.of(found, self.settings.default_time_zone, request)
        request.scope[CALLER] = visitor.caller
        request.scope[open_pages.SIGN_IN] = found.sign_in_id
        request.scope[open_pages.BROWSER] = found.browser_id
        request.scope[open_pages.VISITOR] = visitor
        self.used(found.sign_in_id)
        if found.actor is not None:
            self._check_at(found.ends_at)
        return visitor

    async def again(self, visitor: Visitor) -> Visitor | None:
        """*visitor* as of now, for a click on an open page; ``None`` if the right is gone since (T7)."""
        found = await self.database.ask(sign_ins.by_id, visitor.sign_in_id, clock.now())
        if found is None or found.account_id != visitor.id or found.role is not visitor.role:
            return None
        return Visitor.of(found, self.settings.default_time_zone, before=visitor)

    async def at_browser(self, request: HTTPConnection) -> tuple[SignedIn, ...]:
        """All who are signed in at the browser of *request* (P3), in the order they came."""
        token = self.token(request)
        if token is None:
            return ()
        return await self.database.ask(sign_ins.at_browser, tokens.hashed(token), clock.now())

    async def of_account(self, account_id: int) -> tuple[ListedSignIn, ...]:
        """The valid sign-ins of *account_id*, the last used first."""
        return await self.database.ask(sign_ins.of_account, account_id, clock.now())

    async def current(self, request: HTTPConnection) -> SignedIn | None:
        """As `find`, for a request that somebody waits for. Raises `DatabaseSilent`."""
        token = self.token(request)
        if SILENT not in request.scope:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await self.find(token)
            except TimeoutError:
                request.scope[SILENT] = True
        believed = self._operators.of(request, tokens.hashed(token or ""), clock.now())
        if believed is None:
            raise DatabaseSilent
        return believed

    async def find(self, token: str | None) -> SignedIn | None:
        """The valid current sign-in of *token*. One found in the last five seconds costs no query."""
        if token is None:
            return None
        now, key = clock.now(), tokens.hashed(token)
        if (known := self._known.get(key)) is not None:
            found, since = known
            if since <= now < min(since + REMEMBERED, found.ends_at):
                return found
        forgotten = self._forgotten
        asked = await self.database.ask(sign_ins.current, key, now)
        self._operators.answered(key, asked, now)
        if asked is None:
            self._known.pop(key, None)
            return None
        if forgotten != self._forgotten:  # something changed since the question: believe it this once
            self._operators.clear()
            return asked
        if len(self._known) >= 10_000:
            self._known.clear()
        self._known[key] = asked, now
        return asked

    async def is_at_browser(self, token: str, browser_id: int, sign_in_id: int) -> bool:
        """True if *token* is of that browser, and *sign_in_id* valid at it, current or not (T32)."""
        found = await self.find(token)
        if found is not None and found.browser_id == browser_id and found.sign_in_id == sign_in_id:
            return True
        known = await self.database.ask(sign_ins.browser, tokens.hashed(token))
        if known is None or known[0] != browser_id:
            return False
        mine = await self.database.ask(sign_ins.by_id, sign_in_id, clock.now())
        return mine is not None and mine.browser_id == browser_id

    def used(self, sign_in_id: int) -> None:
        """The person of *sign_in_id* is here: puts its idle end off, at most once a minute (T15)."""
        now = clock.now()
        noted = self._noted.get(sign_in_id)
        if noted is not None and noted <= now < noted + SEEN_EVERY:
            return
        if len(self._noted) >= 10_000:
            self._noted.clear()
        self._noted[sign_in_id] = now
        background_tasks.create(self.database.change(sign_in_rows.seen, sign_in_id, now), name="sign-in seen")

    # --- issue

    async def issue(
        self, account_id: int, *, remember: bool = False, how: HowSignedIn = HowSignedIn.PASSWORD
    ) -> str:
        """A new sign-in of *account_id* at a browser that has none yet; returns the token for its cookie."""
        token = tokens.new()
        await self._arrive(Arrival(account_id, how, remember), None, token)
        return token

    async def enter(
        self,
        request: Request,
        response: Response,
        account_id: int,
        how: HowSignedIn,
        *,
        remember: bool = False,
        identity_id: int | None = None,
        provider_session: str | None = None,
        proved_at: datetime | None = None,
    ) -> None:
        """Sign *account_id* in at the browser of *request*, beside who is there already (P3).

        *response* brings the new token: nobody can plant theirs beforehand (T13). *proved_at* is when they
        proved who they are, if that was before (T24). Raises `SignedOut` if the account was disabled in
        this moment.
        """
        arrival = Arrival(
            account_id,
            how,
            remember,
            request.client.host if request.client else "",
            browser_name(request.headers.get("user-agent")),
            identity_id,
            provider_session,
            proved_at,
        )
        token = tokens.new()
        if not await self._arrive(arrival, self.token(request), token):
            raise SignedOut("/")
        await self._give(response, token)

    async def _arrive(self, arrival: Arrival, old: str | None, new: str) -> bool:
        lasts = partial(lifetime, self.settings, remember=arrival.remember)
        old_hash = tokens.hashed(old) if old is not None else None
        arrived = await self.database.change(
            sign_in_rows.arrive, arrival, clock.now(), lasts, old_hash, tokens.hashed(new)
        )
        self._forget()
        return arrived is not None

    async def switch(self, request: Request, response: Response, sign_in_id: int) -> Role | None:
        """Make another account of this browser the current one (P3); its role, ``None`` if it is none."""
        old = self.token(request)
        if old is None:
            return None
        new = tokens.new()
        role = await self.database.change(
            sign_in_rows.switch, tokens.hashed(old), tokens.hashed(new), sign_in_id, clock.now()
        )
        self._forget()
        if role is not None:
            await self._give(response, new)
            await self.check_open_pages()
        return role

    async def moved(self, response: Response, token: str, ended: Collection[Ended] = ()) -> None:
        """Somebody else is current at a browser now: *response* brings its new token, *ended* pages leave."""
        self._ended(ended)
        await self._give(response, token)

    async def prove(self, caller: Caller, sign_in_id: int) -> None:
        """The person at *sign_in_id* has proved again who they are (T24)."""
        await self.database.change(sign_in_rows.fresh, sign_in_id, clock.now())
        self._forget()

    # --- end

    async def leave(
        self, request: Request, response: Response, sign_in_id: int | None = None, *, everybody: bool = False
    ) -> Left:
        """Sign out at this browser: the current account, *sign_in_id* of it, or *everybody* (T16).

        On the server at once, with the open pages and sockets within two seconds.
        """
        old = self.token(request)
        if old is None:
            return Left()
        new = tokens.new()
        left = await self.database.change(
            sign_in_rows.leave, tokens.hashed(old), tokens.hashed(new), clock.now(), sign_in_id, everybody
        )
        self._ended(left.ended, own=True)
        if not left.others:
            self.browser_cookie.take(response)
        elif left.rotated:
            await self._give(response, new)
        return left

    @changing("sign_in.end")
    async def end_own(self, caller: Caller, sign_in_id: int) -> bool:
        """End a sign-in of the caller's own account; ``False`` if it is not one (T2, T3)."""
        mine = SignIn.id == sign_in_id, SignIn.account_id == caller.subject_id
        return bool(await self._end(*mine, told_by=(caller, "sign_in.end")))

    @changing("sign_in.end_others")
    async def end_others(self, caller: Caller) -> int:
        """Sign the caller's account out everywhere else; how many sign-ins ended."""
        others = SignIn.id != caller.actor_sign_in_id, SignIn.account_id == caller.subject_id
        return len(await self._end(*others, told_by=(caller, "sign_in.end")))

    @changing("sign_in.end_of_account", role=Role.OPERATOR)
    async def end_of_account(self, caller: Caller, account_id: int, sign_in_id: int | None = None) -> int:
        """An operator ends all sign-ins of *account_id*, or one of them (T16); how many ended."""
        which = [SignIn.account_id == account_id]
        if sign_in_id is not None:
            which.append(SignIn.id == sign_in_id)
        return len(await self._end(*which, told_by=(caller, "sign_in.end")))

    async def end_of_provider(
        self, caller: Caller, issuer: str, subject: str | None, session: str | None
    ) -> int:
        """Back-channel logout: end what came from *subject* or *session* at *issuer*; how many ended.

        *caller* is the provider itself: the audit log tells that nobody else has done it.
        """
        ids = await self.database.ask(sign_ins.of_provider, issuer, subject, session)
        return len(await self._end(SignIn.id.in_(ids), told_by=(caller, "sign_in.end"))) if ids else 0

    async def check_open_pages(self) -> None:
        """Close the open pages whose sign-in has ended or whose account changed its role (T7, T16)."""
        shown = open_pages.sign_ins()
        if shown:
            valid = await self.database.ask(sign_ins.valid, shown, clock.now())
            open_pages.leave({one for one, role in shown.items() if valid.get(one) is not role})

    def listen(self, live: Announcer) -> Callable[[], None]:
        """Follow what *live* tells of accounts (T7) and of the passing of time; returns what ends it."""

        def check(announcement: Announcement) -> None:
            self._forget(by_time=announcement.topic is Topic.MINUTE)
            background_tasks.create_lazy(self.check_open_pages(), name="sign-ins of open pages")

        stops = [live.listen(topic, check) for topic in (Topic.PEOPLE, Topic.MINUTE)]

        def stop() -> None:
            for one in stops:
                one()

        return stop

    async def _end(
        self, *which: ColumnElement[bool], told_by: tuple[Caller, str] | None = None
    ) -> list[Ended]:
        ended = await self.database.change(sign_in_rows.end, which, clock.now(), told_by)
        self._ended(ended)
        return ended

    def _ended(self, ended: Collection[Ended], *, own: bool = False) -> None:
        self._forget()
        for one in ended:
            log.info("sign-in ended sign_in=%s account=%s", one.id, one.account_id)
        open_pages.leave({one.id for one in ended}, own=own)

    def _forget(self, *, by_time: bool = False) -> None:
        """Ask the database again about everybody: something has changed, or only time has passed."""
        self._known.clear()
        if not by_time:
            self._operators.clear()
        self._forgotten += 1

    def _check_at(self, moment: datetime) -> None:
        """Look again when an acting as ends: its page has nobody who clicks (T28)."""
        if moment in self._ends:
            return
        self._ends.add(moment)
        seconds = max(0.0, (moment - clock.now()).total_seconds()) + 0.1

        def check() -> None:
            self._ends.discard(moment)
            background_tasks.create_lazy(self.check_open_pages(), name="sign-ins of open pages")

        asyncio.get_running_loop().call_later(seconds, check)

    async def _back_from_acting(self, token: str) -> SignedIn | None:
        """The operator themselves, if nobody is current because their acting as is over (T28)."""
        now, key = clock.now(), tokens.hashed(token)
        if await self.database.ask(sign_ins.over_acting, key, now) is None:
            return None
        await self.database.change(sign_in_rows.end_over_acting, key, now)
        return await self.find(token)

    # --- the cookie

    async def _give(self, response: Response, token: str) -> None:
        found = await self.database.ask(sign_ins.at_browser, tokens.hashed(token), clock.now())
        self.browser_cookie.give(response, token, remember=any(one.remembered for one in found))

    async def _renew(self, request: HTTPConnection, token: str, found: SignedIn) -> None:
        """A new token where the old one has to go (T13), the same one again where it lasts with use."""
        if found.stale:
            new = tokens.new()
            old_hash, new_hash = tokens.hashed(token), tokens.hashed(new)
            if await self.database.change(sign_in_rows.rotate, old_hash, new_hash, clock.now()):
                request.scope[RENEWED] = new, found.remembered
            self._forget()
        elif found.remembered and clock.now() - found.cookie_at >= COOKIE_EVERY:
            request.scope[RENEWED] = token, True
            await self.database.change(sign_in_rows.cookie_given, found.browser_id, clock.now())
            self._forget()

    # --- preferences

    @changing("account.prefer")
    async def prefer(self, caller: Caller, /, **values: object) -> None:
        """Store ``language``, ``theme`` or ``time_zone``, checked before, of the caller's account."""
        assert caller.subject_id is not None
        await self.database.change(_prefer, caller.subject_id, values)
        self._forget()


def _prefer(change: Change, account_id: int, values: dict[str, object]) -> None:
    change.execute(update(Account).where(Account.id == account_id).values(**values))
    change.announce(Announcement(Topic.PEOPLE, account_id))
