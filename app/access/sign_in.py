"""`/auth/…`: sign in by password, switch, confirm, sign out, the first operator. Plain forms, answered with a
redirect.

All are POST; where they come from is checked at the door (T37, `app.access.surface`).
"""

from __future__ import annotations

import asyncio
import logging

from fastapi import FastAPI
from nicegui import background_tasks
from sqlalchemy import update
from starlette.requests import Request
from starlette.responses import Response

from app.access import passwords, posted, return_address
from app.access.by_provider import ByProvider
from app.access.first_operator import FirstOperator, LinkUsed, Refused
from app.access.sign_ins import SignIns
from app.access.tries import Tries
from app.access.visitor import SignedOut, home, not_found
from app.settings import password_sign_in
from components.words import zones
from data.database import Change
from data.models import Account
from data.queries import people
from data.queries.people import Credentials
from data.types import HowSignedIn, Role

log = logging.getLogger("polaris.access")

TYPED = "polaris-typed"
"""Cookie that carries a mistyped e-mail address back to the form, for two minutes."""
AT_ONCE = 2
"""Passwords checked at the same time; others wait their turn instead of taking all memory and CPU."""


class Forms:
    """The forms of `/auth/…`."""

    def __init__(self, sign_ins: SignIns, by_provider: ByProvider) -> None:
        self._sign_ins = sign_ins
        self._by_provider = by_provider
        self._database = database = sign_ins.database
        self._tries = Tries()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._first_operator = FirstOperator(database)

    def install(self, app: FastAPI) -> None:
        """Add the routes."""
        for path, answer in (
            ("/auth/sign-in", self.sign_in),
            ("/auth/switch", self.switch),
            ("/auth/confirm", self.confirm),
            ("/auth/sign-out", self.sign_out),
            ("/auth/welcome", self.welcome),
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
        good = await self._good(request, email, password)
        if not good:
            log.warning("sign-in refused address=%s", posted.address(request))
            response = posted.redirect("/sign-in", problem="wrong", next=wanted)
            response.set_cookie(
                TYPED,
                email,
                120,
                path="/sign-in",
                secure=self._sign_ins.secure,
                httponly=True,
                samesite="strict",
            )
            return response
        account = _wanted_account(good, wanted)
        self._improve(account, password)
        await self._keep_time_zone(account.account_id, posted.text(form, "time_zone", 64))
        log.info("signed in account=%s role=%s", account.account_id, account.role)
        remember = "remember" in form and account.role is Role.DRIVER
        path = wanted or home(account.role)
        return await self._enter(request, account.account_id, path, HowSignedIn.PASSWORD, remember=remember)

    async def switch(self, request: Request) -> Response:
        """Make another account of this browser the current one, and open its home (P3).

        Whoever acts as somebody has left that. An account that is not signed in here: the picker again.
        """
        sign_in_id = posted.number(await posted.form(request), "sign_in_id")
        response = posted.redirect("/switch")
        role = None
        if sign_in_id is not None:
            role = await self._sign_ins.switch(request, response, sign_in_id)
        if role is not None:
            log.info("switched sign_in=%s role=%s", sign_in_id, role)
            response.headers["location"] = home(role)
        return response

    async def confirm(self, request: Request) -> Response:
        """The password once more: who is signed in has proved again who they are (T24).

        Counted like sign-in, so that it is no second way to guess. Raises `TooManyTries`.
        """
        form = await posted.form(request)
        wanted = return_address.safe(request.app, posted.text(form, "next", return_address.LONGEST))
        visitor = await self._sign_ins.visitor(request)
        if visitor is None:
            raise SignedOut("/")
        if visitor.actor is not None:
            raise not_found()  # the driver is not here to prove anything (T27)
        if not password_sign_in(self._sign_ins.settings):
            return posted.redirect("/confirm", next=wanted)
        good = await self._good(
            request, visitor.email, posted.text(form, "password", passwords.LONGEST), visitor.id
        )
        if not good:
            log.warning("confirmation refused address=%s", posted.address(request))
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
        here = {one.sign_in_id for one in await self._sign_ins.at_browser(request)}
        left = await self._sign_ins.leave(request, response, sign_in_id, everybody=everybody)
        if left.others:
            response.headers["location"] = "/switch"
        others = here - {one.id for one in left.ended}
        if (address := await self._by_provider.end_session(left.ended, others)) is not None:
            response.headers["location"] = address
        return response

    async def welcome(self, request: Request) -> Response:
        """The one-time link's form: makes the first operator (T22). Raises `TooManyTries`."""
        form = await posted.form(request)
        token = posted.text(form, "token", 100)
        self._tries.take(f"address {posted.address(request)}")
        try:
            account_id = await self._first_operator.welcome(
                token,
                name=posted.text(form, "name", 200),
                email=posted.text(form, "email", 254),
                password=posted.text(form, "password", passwords.LONGEST),
            )
        except LinkUsed:
            return posted.redirect("/sign-in", problem="link")
        except Refused as refused:
            # The token came out of this very address and is safe characters only: see `welcome`.
            return posted.redirect("/welcome/" + token, problem=refused.why)
        await self._keep_time_zone(account_id, posted.text(form, "time_zone", 64))
        log.info("the first operator has signed up account=%s", account_id)
        return await self._enter(request, account_id, home(Role.OPERATOR), HowSignedIn.LINK)

    async def _good(
        self, request: Request, email: str, password: str, account_id: int | None = None
    ) -> list[Credentials]:
        """Those accounts of *email* (or the one) that *password* is right for. Raises `TooManyTries`."""
        keys = (f"account {email}", f"address {posted.address(request)}")
        self._tries.check(*keys)
        async with self._turns:
            self._tries.take(*keys)
            found = await self._database.ask(people.credentials, email)
            if account_id is not None:
                found = [one for one in found if one.account_id == account_id]
            good = await asyncio.to_thread(_matching, found, password)
        if good:
            self._tries.give_back(*keys)
        return good

    async def _enter(
        self, request: Request, account_id: int, path: str, how: HowSignedIn, *, remember: bool = False
    ) -> Response:
        response = posted.redirect(path)
        response.delete_cookie(TYPED, path="/sign-in", httponly=True, samesite="strict")
        await self._sign_ins.enter(request, response, account_id, how, remember=remember)
        return response

    async def _keep_time_zone(self, account_id: int, zone: str) -> None:
        """The browser's zone is the first guess; what an account has already stays (P25)."""
        if zone in zones():
            await self._database.change(_guess_time_zone, account_id, zone)

    def _improve(self, account: Credentials, password: str) -> None:
        if account.password_hash is not None and passwords.is_outdated(account.password_hash):
            background_tasks.create(self._rehash(account.account_id, password), name="better password hash")

    async def _rehash(self, account_id: int, password: str) -> None:
        await self._database.change(_set_hash, account_id, await passwords.hashed_in_thread(password))


def _matching(found: list[Credentials], password: str) -> list[Credentials]:
    hits = passwords.each_match([one.password_hash for one in found], password)
    return [one for one, hit in zip(found, hits, strict=True) if hit]


def _wanted_account(good: list[Credentials], wanted: str | None) -> Credentials:
    """One person may own a driver and an operator account with the same password: the page decides."""
    console = wanted is not None and wanted.startswith("/admin")
    role = Role.OPERATOR if console else Role.DRIVER
    return next((one for one in good if one.role is role), good[0])


def _guess_time_zone(change: Change, account_id: int, zone: str) -> None:
    change.execute(
        update(Account).where(Account.id == account_id, Account.time_zone.is_(None)).values(time_zone=zone)
    )


def _set_hash(change: Change, account_id: int, password_hash: str) -> None:
    change.execute(update(Account).where(Account.id == account_id).values(password_hash=password_hash))
