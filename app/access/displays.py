"""Kiosk displays: how a screen becomes one, what it is known by, how it loses its right (K1–K3, T60, T61).

A screen holds a random token of 256 bits in a cookie, the database its hash. The token opens the board of
one site to be read, and nothing else: no sign-in is behind it. It never ends by itself; its row is the right.

A screen without a display shows a code. Its cookie has its token from the first visit on, so that nothing
has to reach it once an operator has confirmed the code but the wish to load its page again.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from nicegui import background_tasks
from sqlalchemy.exc import IntegrityError
from starlette.requests import HTTPConnection
from starlette.responses import Response

from app import clock
from app.access import display_rows, display_rules, open_pages, tokens
from app.access.browser_names import browser_name
from app.access.cookies import DisplayCookie, bring
from app.access.display_rows import CannotShow, NoSuchCode, Screen, TooManyWait
from app.access.display_rows import IsPaired as IsPaired
from app.access.display_rules import NameTaken
from app.access.just_given import JustGiven
from app.access.silence import ANSWER_SECONDS, DatabaseSilent
from app.access.tries import Cost, TooManyTries, Tries, neighbourhood
from app.changing import changing
from app.settings import Settings
from data.announcements import Announcement, Announcer, Topic
from data.caller import Caller
from data.database import Database
from data.queries import displays
from data.queries.displays import KnownDisplay, Waiting
from data.types import Orientation, Role

log = logging.getLogger("polaris.access")

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without 0, O, 1, I and L, which are taken for each other."""
LENGTH = 8
FULL = 30
"""Seconds until a screen asks again where too many wait."""


@dataclass(frozen=True, slots=True)
class KioskPage:
    """Whose page one of `/kiosk` is: the screen's with this token (T32)."""

    displays: Displays
    token_hash: str
    display: KnownDisplay | None
    """What it was drawn with; ``None`` while it waits for an operator."""
    address: str
    """What counts as the network address that it was fetched from."""
    is_first: bool
    """Its token was given with it: another page of the browser may be given one in the same moment."""

    async def admits(self, cookies: Mapping[str, str]) -> bool:
        """True if a socket that brings *cookies* is this screen's, and its display exists."""
        brought = cookies.get(self.displays.cookie.name) or ""
        if not secrets.compare_digest(tokens.hashed(brought), self.token_hash):
            return False
        return self.display is None or await self.displays.opens(self.token_hash) == self.display.id


class Displays:
    """The displays, and the screens that wait to become one."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self.cookie = DisplayCookie(settings)
        """What carries a screen's token."""
        # T19; the codes are 31**8, of which a few are good at a time.
        self._confirms = Tries()
        self._confirms_of_address = Tries(burst=60, per_minute=60)
        self._addresses = Tries(burst=60, per_minute=60)
        self._codes = Tries(burst=60, per_minute=60)
        self._given = JustGiven()

    @property
    def database(self) -> Database:
        """Where refusals are written down."""
        return self._database

    # --- a screen

    async def known(self, request: HTTPConnection) -> KnownDisplay | None:
        """The display that the screen of *request* is; ``None`` if an operator has to pair it first.

        Either way the answer brings its cookie, for 400 days from now (K3), and its page belongs to it.
        Raises `DatabaseSilent`: a screen keeps its token while nobody can say whether it is good.
        """
        token, found, is_first = self._token(request), None, False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                if token is not None:
                    found = await self._database.ask(displays.by_token, tokens.hashed(token))
                if token is None or (found is None and not await self._waits(token, request)):
                    # One that opens nothing any more, or came from elsewhere, is never made good again.
                    token, is_first = tokens.new(), True
                    self._given.add(tokens.hashed(token), _address(request))
        except TimeoutError:
            raise DatabaseSilent from None
        token_hash = tokens.hashed(token)
        page = KioskPage(self, token_hash, found, _address(request), is_first)
        request.scope[open_pages.KIOSK] = page
        bring(request, self.cookie.given(token))
        return found

    async def code(self, request: HTTPConnection, *, anew: bool = False) -> Waiting:
        """The code that the screen of *request*, which `known` does not know, is to show.

        The one that it has, unless its ten minutes are over or it wants one *anew*.
        Raises `IsPaired`, also of a page that was sent away for that, or `TooManyTries`.
        """
        if open_pages.LEAVING in request.scope:
            raise IsPaired
        page: KioskPage = request.scope[open_pages.KIOSK]
        address = _address(request)
        self._codes.take(address)
        screen = Screen(page.token_hash, address, browser_name(request.headers.get("user-agent")))
        if self._given.has(page.token_hash, address):
            _load_again_beside(page)
        try:
            waiting = await self._database.change(display_rows.wait, screen, _code, clock.now(), anew=anew)
        except TooManyWait:
            log.warning("too many screens wait for a code at %s", address)
            raise TooManyTries(FULL) from None
        self._given.forget(page.token_hash)  # from now on its row says whether it is good
        return waiting

    async def is_paired(self, request: HTTPConnection) -> bool:
        """Whether the waiting screen of *request* has become a display since."""
        page: KioskPage = request.scope[open_pages.KIOSK]
        return await self.opens(page.token_hash) is not None

    def send_to_board(self, request: HTTPConnection) -> None:
        """The waiting screen of *request* has become a display: its pages load its board, or are taken away.

        One that stayed would ask for another code once the display is revoked, for the same token.
        """
        page: KioskPage = request.scope[open_pages.KIOSK]
        waiting = _waiting(connected=False).items()
        open_pages.leave_kiosk({one for one, its in waiting if its.token_hash == page.token_hash})

    async def enter(self, request: HTTPConnection, token: str, response: Response) -> bool:
        """*token* out of a start address: *response* brings it as the screen's cookie, if it is a display's.

        Nothing is changed (T37): the address works at each start of a screen that keeps no cookies, until
        the display is revoked or gets another address. Raises `TooManyTries`.
        """
        address = _address(request)
        self._addresses.take(address)
        if not tokens.TOKEN.fullmatch(token):
            return False
        if await self._database.ask(displays.by_address, tokens.hashed(token)) is None:
            return False
        self._addresses.give_back(address)
        response.headers.append("set-cookie", self.cookie.given(token))
        return True

    async def opens(self, token_hash: str) -> int | None:
        """The display that this token opens now; its id."""
        found = await self._database.ask(displays.by_token, token_hash)
        return None if found is None else found.id

    def _token(self, request: HTTPConnection) -> str | None:
        token = request.cookies.get(self.cookie.name, "")
        return token if tokens.TOKEN.fullmatch(token) else None

    async def _waits(self, token: str, request: HTTPConnection) -> bool:
        """Whether the screen shows a code that is good: then it keeps it when it loads its page again.

        Or is about to: of two of its pages that are loaded at once neither takes the other's token away.
        """
        token_hash, address = tokens.hashed(token), _address(request)
        if self._given.has(token_hash, address):
            return True
        if any((one.token_hash, one.address) == (token_hash, address) for one in _waiting().values()):
            return True
        found = await self._database.ask(displays.waiting, token_hash, clock.now())
        return found is not None and found.address == address

    # --- an operator

    @changing("display.confirm", role=Role.OPERATOR)
    async def confirm(
        self,
        caller: Caller,
        code: str,
        site_id: int,
        name: str,
        orientation: Orientation = Orientation.AUTO,
        languages: Collection[str] = ("en",),
        bays_per_page: int = 8,
    ) -> int:
        """Make the screen that shows *code* a display; its id. The screen becomes the board by itself (K1).

        Raises `NoSuchCode`, `NoSiteOfThis`, `NameMissing`, `NameTaken`, `WrongLanguages`, `WrongBays`, and
        `TooManyTries` after too many wrong codes of the account or from its address (T19). The code is
        used up only if all is well.
        """
        row = display_rules.row(site_id, name, orientation, languages, bays_per_page)
        cost = Cost(
            (
                (self._confirms, str(caller.actor_id)),
                (self._confirms_of_address, neighbourhood(caller.address)),
            )
        )
        with _counted(cost):
            try:
                display_id = await self._database.change(
                    display_rows.confirm, caller, _plain(code), row, clock.now()
                )
            except IntegrityError as error:
                raise NameTaken from error
        log.info("display paired display=%s site=%s", display_id, site_id)
        return display_id

    @changing("display.edit", role=Role.OPERATOR)
    async def edit(
        self,
        caller: Caller,
        display_id: int,
        *,
        site_id: int,
        name: str,
        orientation: Orientation,
        languages: Collection[str],
        bays_per_page: int,
    ) -> None:
        """Change what a display shows; it does within two seconds.

        Raises as `confirm`, without `NoSuchCode`, and `NoSuchDisplay`.
        """
        row = display_rules.row(site_id, name, orientation, languages, bays_per_page)
        try:
            await self._database.change(display_rows.edit, caller, display_id, row, clock.now())
        except IntegrityError as error:
            raise NameTaken from error

    @changing("display.revoke", role=Role.OPERATOR)
    async def revoke(self, caller: Caller, display_id: int) -> None:
        """Take a display's right away: its screen asks to be paired, within five seconds (K2, T61).

        Raises `NoSuchDisplay`.
        """
        await self._database.change(display_rows.revoke, caller, display_id, clock.now())
        log.info("display revoked display=%s", display_id)

    @changing("display.address", role=Role.OPERATOR)
    async def new_address(self, caller: Caller, display_id: int) -> str:
        """A new token for the start address `/kiosk/TOKEN` of a display, told this once.

        The address that it had opens nothing any more, and a screen that was started with it asks to be
        paired. A screen that was paired by its code goes on. Raises `NoSuchDisplay`.
        """
        token = tokens.new()
        await self._database.change(
            display_rows.new_address, caller, display_id, tokens.hashed(token), clock.now()
        )
        return token

    # --- open pages

    async def check_open_pages(self) -> None:
        """Close the open pages whose display has gone (T61); load those again that show what it was."""
        shown = _shown()
        if shown:
            tokens_shown = {token_hash for token_hash, _ in shown.values()}
            valid = await self._database.ask(displays.opened, tokens_shown)
            now = {one: valid.get(token_hash) for one, (token_hash, _) in shown.items()}
            gone = {one for one, (_, was) in shown.items() if (has := now[one]) is None or has.id != was.id}
            open_pages.leave_kiosk(gone)
            open_pages.reload({one for one, (_, was) in shown.items() if now[one] != was} - gone)

    def listen(self, live: Announcer) -> Callable[[], None]:
        """Follow what *live* tells of displays and of the passing of time; returns what ends it."""

        def check(announcement: Announcement) -> None:
            if announcement.topic is Topic.PEOPLE and announcement.about is not None:
                return  # about nobody: what other processes have told may have been missed
            # Without values it comes from another process on SQLite, which tells about whom and not what.
            what = (announcement.values or {}).get("what")
            if announcement.about is not None and what == display_rows.CHANGED:
                open_pages.reload({one for one, (_, was) in _shown().items() if was.id == announcement.about})
            if what in (display_rows.REVOKED, display_rows.ADDRESS, None):
                background_tasks.create_lazy(self.check_open_pages(), name="displays of open pages")

        stops = [live.listen(topic, check) for topic in (Topic.DISPLAYS, Topic.MINUTE, Topic.PEOPLE)]

        def stop() -> None:
            for one in stops:
                one()

        return stop


@contextmanager
def _counted(cost: Cost) -> Iterator[None]:
    """Takes *cost* for a code that is tried; it comes back if that one is right, whatever else is wrong."""
    cost.take()
    try:
        yield
    except NoSuchCode:
        raise
    except CannotShow:
        cost.give_back()
        raise
    cost.give_back()


def told_of(waiting: Waiting, announcement: Announcement) -> bool | None:
    """Whether *announcement* says that an operator has confirmed the code of *waiting*.

    ``None``: it comes from another process on SQLite, which tells that something has, and not what.
    """
    if announcement.values is None:
        return None
    told = announcement.values
    return told.get("what") == display_rows.PAIRED and told.get("pairing") == waiting.id


def _shown() -> dict[str, tuple[str, KnownDisplay]]:
    """The open pages that show a board, by the id of their client: of which token, and drawn with what."""
    pages = open_pages.kiosks().items()
    return {one: (page.token_hash, page.display) for one, page in pages if page.display is not None}


def _waiting(*, connected: bool = True) -> dict[str, KioskPage]:
    """The pages that wait for an operator, by the id of their client: those before a browser, or all."""
    return {one: page for one, page in open_pages.kiosks(connected=connected).items() if page.display is None}


def _load_again_beside(page: KioskPage) -> None:
    """*page* is before a browser, with a token of its own: let others load again that may be before the same.

    A page whose socket was there before *page*'s cookie shows the code of a token that its browser no
    longer has: confirmed, it would be a display that no screen shows (T60). What it loads brings what the
    browser has, so that it loads again once in its life; another screen's keeps its code.
    """
    near = {one: its for one, its in _waiting().items() if its.is_first and its.address == page.address}
    open_pages.reload({one for one, other in near.items() if other.token_hash != page.token_hash})


def _code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def _plain(code: str) -> str:
    """*code* as it is stored, however somebody has typed it."""
    return "".join(one for one in code[:100].upper() if one.isalnum())


def _address(request: HTTPConnection) -> str:
    return neighbourhood(request.client.host if request.client else "")[:64]
