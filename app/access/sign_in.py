"""`/auth/…`: sign in by password, switch, confirm, sign out. Plain forms, answered with a redirect.

All are POST; where they come from is checked at the door (T37, `app.access.surface`).
"""

from __future__ import annotations

import logging
from urllib.parse import quote

from fastapi import FastAPI
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from app.access import open_pages, passwords, posted, return_address, time_zone
from app.access.by_provider import ByProvider
from app.access.known_browsers import KnownBrowsers
from app.access.once import once
from app.access.own_password import Passwords, sign_in_key
from app.access.sign_ins import SignIns
from app.access.visitor import home, not_found
from app.settings import password_sign_in
from data.queries.people import Credentials
from data.queries.sign_ins import SignedIn
from data.types import HowSignedIn, Role

log = logging.getLogger("polaris.access")

TYPED = "polaris-typed"
"""Cookie that carries a mistyped e-mail address back to the form, for two minutes."""


class Forms:
    """The forms of `/auth/…`."""

    def __init__(self, sign_ins: SignIns, by_provider: ByProvider, own_passwords: Passwords) -> None:
        self._sign_ins = sign_ins
        self._by_provider = by_provider
        self._passwords = own_passwords
        self._known_browsers = KnownBrowsers(sign_ins.database, secure=sign_ins.secure)

    def install(self, app: FastAPI) -> None:
        """Add the routes."""
        for path, answer in (
            ("/auth/sign-in", once(self.sign_in)),
            ("/auth/switch", self.switch),
            ("/auth/confirm", self.confirm),
            ("/auth/sign-out", self.sign_out),
        ):
            app.add_route(path, answer, methods=["POST"], include_in_schema=False)

    async def sign_in(self, request: Request) -> Response:
        """E-mail and password → a sign-in and the way back. Raises `TooManyTries`.

        The answer, and how long it takes, never tells whether an e-mail address is known (T19).
        """
        form = await posted.form(request)
        email, password = (
            posted.text(form, "email", 254).strip().lower(),
            posted.text(form, "password", passwords.LONGEST),
        )
        wanted = return_address.safe(request.app, posted.text(form, "next", return_address.LONGEST))
        if not password_sign_in(self._sign_ins.settings):
            return posted.redirect("/sign-in", problem="off", next=wanted)
        known = await self._known_browsers.known(request, email)
        good = await self._passwords.right(email, password, posted.client(request), known=known)
        if not good:
            response = posted.redirect("/sign-in", problem="wrong", next=wanted)
            response.set_cookie(
                TYPED,
                quote(email),  # a cookie takes few letters
                120,
                path="/sign-in",
                secure=self._sign_ins.secure,
                httponly=True,
                samesite="strict",
            )
            return response
        account = _wanted_account(good, wanted)
        self._passwords.improve(account, password)
        await self._answered(request, form)
        zone = posted.text(form, "time_zone", 64)
        await time_zone.guess(self._sign_ins.database, account.account_id, zone)
        log.info("signed in account=%s role=%s", account.account_id, account.role)
        remember = "remember" in form and account.role is Role.DRIVER
        path = wanted or home(account.role)
        return await self._enter(request, account.account_id, path, HowSignedIn.PASSWORD, remember=remember)

    async def switch(self, request: Request) -> Response:
        """Make another account of this browser the current one, and open its home (P3).

        Whoever acts as somebody has left that. An account that is not signed in here: the picker again.
        """
        form = await posted.form(request)
        sign_in_id = posted.number(form, "sign_in_id")
        response = posted.redirect("/switch")
        role = None
        if sign_in_id is not None:
            await self._answered(request, form)
            role = await self._sign_ins.switch(request, response, sign_in_id)
        if role is not None:
            log.info("switched sign_in=%s role=%s", sign_in_id, role)
            response.headers["location"] = home(role)
        return response

    async def confirm(self, request: Request) -> Response:
        """The password once more: who is signed in has proved again who they are (T24).

        Counted for the sign-in, so that nobody else can use up its tries (T19). Raises `TooManyTries`.
        """
        visitor, form = await posted.by_visitor(request, self._sign_ins, "/")
        wanted = return_address.safe(request.app, posted.text(form, "next", return_address.LONGEST))
        if visitor.actor is not None:
            raise not_found()  # the driver is not here to prove anything (T27)
        if not password_sign_in(self._sign_ins.settings):
            return posted.redirect("/confirm", next=wanted)
        password = posted.text(form, "password", passwords.LONGEST)
        mine = sign_in_key(visitor.sign_in_id)
        to = visitor.email, password, visitor.address, visitor.id
        if not await self._passwords.right(*to, known=mine, what="confirmation"):
            return posted.redirect("/confirm", problem="wrong", next=wanted)
        await self._sign_ins.prove(visitor.caller, visitor.sign_in_id)
        log.info("confirmed")
        return posted.redirect(wanted or home(visitor.role))

    async def sign_out(self, request: Request) -> Response:
        """End the current sign-in of this browser, another one of it, or all, with what they opened (T16)."""
        form = await posted.form(request)
        sign_in_id, everybody = posted.number(form, "sign_in_id"), "everybody" in form
        if sign_in_id is None and "sign_in_id" in form:
            return posted.redirect("/switch")
        response = posted.redirect("/sign-in", problem="signed-out")
        here = await self._answered(request, form)
        left = await self._sign_ins.leave(request, response, sign_in_id, everybody=everybody)
        if not left.ended:
            _answer(form, here, anything=False)
        if left.others:
            response.headers["location"] = "/switch"
        others = {one.sign_in_id for one in here} - {one.id for one in left.ended}
        if (address := await self._by_provider.end_session(left.ended, others)) is not None:
            response.headers["location"] = address
        return response

    async def _answered(self, request: Request, form: FormData) -> tuple[SignedIn, ...]:
        """Let the page that has posted *form* go where the answer leads, though its own sign-in ends by it.

        Returns who is signed in at the browser.
        """
        here = await self._sign_ins.at_browser(request)
        _answer(form, here)
        return here

    async def _enter(
        self, request: Request, account_id: int, path: str, how: HowSignedIn, *, remember: bool = False
    ) -> Response:
        response = posted.redirect(path)
        response.delete_cookie(TYPED, path="/sign-in", httponly=True, samesite="strict")
        await self._sign_ins.enter(request, response, account_id, how, remember=remember)
        await self._known_browsers.remember(request, response, account_id)
        return response


def _answer(form: FormData, here: tuple[SignedIn, ...], *, anything: bool = True) -> None:
    browsers = {one.browser_id for one in here}
    open_pages.answers(posted.text(form, "page", 64), browsers, anything=anything)


def _wanted_account(good: list[Credentials], wanted: str | None) -> Credentials:
    """One person may own a driver and an operator account with the same password: the page decides."""
    console = wanted is not None and wanted.startswith("/admin")
    role = Role.OPERATOR if console else Role.DRIVER
    return next((one for one in good if one.role is role), good[0])
