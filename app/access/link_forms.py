"""`/auth/…` of one-time links: the first operator, an invitation, a new password, the break-glass sign-in.

Plain forms, answered with a redirect; a link is used up by its form and never by looking at it (T37).
"""

from __future__ import annotations

import logging
from dataclasses import replace

from fastapi import FastAPI
from nicegui import background_tasks
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from app import request_context
from app.access import open_pages, passwords, posted, time_zone, tokens, typed
from app.access.account_rules import LONGEST_NAME, Refused
from app.access.first_operator import FirstOperator
from app.access.known_browsers import KnownBrowsers
from app.access.languages import preferred
from app.access.once import once
from app.access.one_time_links import Links, LinkUsed, Purpose
from app.access.own_address import own_address
from app.access.sign_ins import SignIns
from app.access.tries import ADDRESS, Cost, Tries
from app.access.visitor import home, not_found
from app.settings import password_sign_in
from data.caller import Caller
from data.types import HowSignedIn, Role

log = logging.getLogger("polaris.access")

SET_UP = "/admin/setup"
"""Where the first operator begins."""
LONGEST_EMAIL = 254
ASKED_AT_ONCE = 20
"""Forgotten passwords that are seen to at the same time; one more is not, and the log says so."""


class LinkForms:
    """The forms."""

    def __init__(self, sign_ins: SignIns, links: Links) -> None:
        self._sign_ins = sign_ins
        self._links = links
        self._known_browsers = KnownBrowsers(sign_ins.database, secure=sign_ins.secure)
        self._first_operator = FirstOperator(sign_ins.database)
        self._tries = Tries()
        self._addresses = Tries(burst=ADDRESS, per_minute=ADDRESS)
        # A mail goes to somebody who may not have asked for it: three at once, then one in three minutes.
        self._mails = Tries(burst=3, per_minute=1 / 3)
        self._asked = 0

    def install(self, app: FastAPI) -> None:
        """Add the routes."""
        for path, answer in (
            ("/auth/welcome", once(self.welcome)),
            ("/auth/invitation", once(self.invitation)),
            ("/auth/password", once(self.password)),
            ("/auth/forgot", self.forgot),
            ("/auth/enter", once(self.enter)),
        ):
            app.add_route(path, answer, methods=["POST"], include_in_schema=False)

    async def welcome(self, request: Request) -> Response:
        """Make the first operator (T22). Raises `TooManyTries`."""
        form = await posted.form(request)
        token = posted.text(form, "token", 100)
        self._addresses.take(posted.address(request))
        with_password = password_sign_in(self._links.settings)
        name, email = posted.text(form, "name", LONGEST_NAME), posted.text(form, "email", LONGEST_EMAIL)
        try:
            account_id = await self._first_operator.welcome(
                _stranger(request),
                token,
                name=name,
                email=email,
                password=posted.text(form, "password", passwords.LONGEST) if with_password else None,
            )
        except LinkUsed:
            return posted.redirect("/sign-in", problem="link")
        except Refused as refused:
            # The token came out of this very address and is safe characters only: see `welcome`.
            page = "/welcome/" + token
            back = posted.redirect(page, problem=refused.why)
            return typed.keep(back, page, secure=self._sign_ins.secure, name=name, email=email)
        log.info("the first operator has signed up account=%s", account_id)
        zone = posted.text(form, "time_zone", 64)
        return await self._enter(request, account_id, Role.OPERATOR, zone, to=SET_UP)

    async def invitation(self, request: Request) -> Response:
        """Accept an invitation with a password, and be signed in. Raises `TooManyTries`."""
        form = await posted.form(request)
        token = posted.text(form, "token", 100)
        cost = await self._counted(request, form, token, Purpose.INVITATION)
        name = posted.text(form, "name", LONGEST_NAME)
        password = posted.text(form, "password", passwords.LONGEST)
        try:
            to = await self._links.join(_stranger(request), token, name=name, password=password)
        except LinkUsed:
            return posted.redirect(_page("invitation", token))
        except Refused as refused:
            page = _page("invitation", token)
            back = posted.redirect(page, problem=refused.why)
            return typed.keep(back, page, secure=self._sign_ins.secure, name=name)
        cost.give_back()
        zone = posted.text(form, "time_zone", 64)
        return await self._enter(request, to.account_id, to.role, zone)

    async def password(self, request: Request) -> Response:
        """Set a new password, end all sign-ins, and be signed in here (T16). Raises `TooManyTries`."""
        form = await posted.form(request)
        token = posted.text(form, "token", 100)
        cost = await self._counted(request, form, token, Purpose.PASSWORD_RESET)
        password = posted.text(form, "password", passwords.LONGEST)
        try:
            to = await self._links.renew_password(_stranger(request), token, password)
        except LinkUsed:
            return posted.redirect(_page("password", token))
        except Refused as refused:
            return posted.redirect(_page("password", token), problem=refused.why)
        cost.give_back()
        return await self._enter(request, to.account_id, to.role)

    async def forgot(self, request: Request) -> Response:
        """Answer, and then look whether there is an account to mail a link to (T19).

        The same answer in the same time for every address. Raises `TooManyTries`.
        """
        settings = self._links.settings
        if not (password_sign_in(settings) and self._links.mail.configured):
            raise not_found()
        form = await posted.form(request)
        email = posted.text(form, "email", LONGEST_EMAIL).strip().lower()
        self._addresses.take(posted.address(request))
        self._mails.take(f"account {email}")
        if self._asked >= ASKED_AT_ONCE:
            log.warning("a forgotten password is not seen to: too many are")
        else:
            self._asked += 1
            language = preferred(request.headers.get("accept-language"))
            whoever = replace(_stranger(request), label="forgotten password")
            seen_to = self._see_to(whoever, email, language, own_address(settings, request))
            background_tasks.create(seen_to, name="forgotten password")
        return posted.redirect("/forgot", sent="yes")

    async def enter(self, request: Request) -> Response:
        """Sign in an operator by a link that was made on the server (T22). Raises `TooManyTries`."""
        form = await posted.form(request)
        token = posted.text(form, "token", 100)
        cost = await self._counted(request, form, token, Purpose.SIGN_IN)
        try:
            to = await self._links.enter(_stranger(request), token)
        except LinkUsed:
            return posted.redirect(_page("enter", token))
        cost.give_back()
        return await self._enter(request, to.account_id, to.role)

    async def _counted(self, request: Request, form: FormData, token: str, purpose: Purpose) -> Cost:
        """The tries that this one has cost: the address's, and the account's if the link is open (T19).

        The page that has posted *form* goes where the answer leads, though its own sign-in may end by it.
        """
        address = self._addresses, posted.address(request)
        Cost((address,)).check()
        to = await self._links.recipient(token, purpose)
        cost = Cost((address,) if to is None else (address, (self._tries, f"account {to.account_id}")))
        cost.take()
        here = await self._sign_ins.at_browser(request)
        open_pages.answers(posted.text(form, "page", 64), {one.browser_id for one in here})
        return cost

    async def _see_to(self, caller: Caller, email: str, language: str, base: str) -> None:
        try:
            await self._links.forgot(caller, email, language, base)
        finally:
            self._asked -= 1

    async def _enter(
        self, request: Request, account_id: int, role: Role, zone: str = "", *, to: str = ""
    ) -> Response:
        response = posted.redirect(to or home(role))
        await time_zone.guess(self._sign_ins.database, account_id, zone)
        await self._sign_ins.enter(request, response, account_id, HowSignedIn.LINK)
        await self._known_browsers.remember(request, response, account_id)
        return response


def _stranger(request: Request) -> Caller:
    """Whoever holds a link: known by it alone."""
    address, request_id = posted.client(request), request_context.request_id()
    return Caller(None, None, label="link", address=address, request_id=request_id)


def _page(name: str, token: str) -> str:
    """The page of the link, which says that it can't be used; what is no token is never repeated."""
    return f"/{name}/{token if tokens.TOKEN.fullmatch(token) else 'none'}"
