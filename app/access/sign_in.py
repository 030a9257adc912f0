"""`/auth/…`: sign in by password, switch, confirm, sign out, the first operator. Plain forms, answered with a
redirect.

All are POST; where they come from is checked at the door (T37, `app.access.surface`).
"""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlencode

from fastapi import FastAPI
from nicegui import background_tasks
from sqlalchemy import update
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.access import passwords, return_address
from app.access.first_operator import FirstOperator, LinkUsed, Refused
from app.access.sign_ins import SignIns
from app.access.tries import Tries, neighbourhood
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

    def __init__(self, sign_ins: SignIns) -> None:
        self._sign_ins = sign_ins
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
        form = await _form(request)
        email, password = (
            _text(form, "email", 254).strip().lower(),
            _text(form, "password", passwords.LONGEST),
        )
        wanted = return_address.safe(request.app, _text(form, "next", return_address.LONGEST))
        good = await self._good(request, email, password)
        if not good:
            log.warning("sign-in refused address=%s", _address(request))
            response = _redirect("/sign-in", problem="wrong", next=wanted)
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
        await self._keep_time_zone(account.account_id, _text(form, "time_zone", 64))
        log.info("signed in account=%s role=%s", account.account_id, account.role)
        remember = "remember" in form and account.role is Role.DRIVER
        path = wanted or home(account.role)
        return await self._enter(request, account.account_id, path, HowSignedIn.PASSWORD, remember=remember)

    async def switch(self, request: Request) -> Response:
        """Make another account of this browser the current one, and open its home (P3).

        Whoever acts as somebody has left that. An account that is not signed in here: the picker again.
        """
        sign_in_id = _number(await _form(request), "sign_in_id")
        response = _redirect("/switch")
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
        form = await _form(request)
        wanted = return_address.safe(request.app, _text(form, "next", return_address.LONGEST))
        visitor = await self._sign_ins.visitor(request)
        if visitor is None:
            raise SignedOut("/")
        if visitor.actor is not None:
            raise not_found()  # the driver is not here to prove anything (T27)
        if not password_sign_in(self._sign_ins.settings):
            return _redirect("/confirm", next=wanted)
        good = await self._good(
            request, visitor.email, _text(form, "password", passwords.LONGEST), visitor.id
        )
        if not good:
            log.warning("confirmation refused address=%s", _address(request))
            return _redirect("/confirm", problem="wrong", next=wanted)
        await self._sign_ins.prove(visitor.caller, visitor.sign_in_id)
        log.info("confirmed")
        return _redirect(wanted or home(visitor.role))

    async def sign_out(self, request: Request) -> Response:
        """End the current sign-in of this browser, another one of it, or all, with what they opened (T16)."""
        form = await _form(request)
        sign_in_id, everybody = _number(form, "sign_in_id"), "everybody" in form
        if sign_in_id is None and "sign_in_id" in form:
            return _redirect("/switch")
        response = _redirect("/sign-in", problem="signed-out")
        left = await self._sign_ins.leave(request, response, sign_in_id, everybody=everybody)
        if left.others:
            response.headers["location"] = "/switch"
        return response

    async def welcome(self, request: Request) -> Response:
        """The one-time link's form: makes the first operator (T22). Raises `TooManyTries`."""
        form = await _form(request)
        token = _text(form, "token", 100)
        self._tries.take(f"address {_address(request)}")
        try:
            account_id = await self._first_operator.welcome(
                token,
                name=_text(form, "name", 200),
                email=_text(form, "email", 254),
                password=_text(form, "password", passwords.LONGEST),
            )
        except LinkUsed:
            return _redirect("/sign-in", problem="link")
        except Refused as refused:
            # The token came out of this very address and is safe characters only: see `welcome`.
            return _redirect("/welcome/" + token, problem=refused.why)
        await self._keep_time_zone(account_id, _text(form, "time_zone", 64))
        log.info("the first operator has signed up account=%s", account_id)
        return await self._enter(request, account_id, home(Role.OPERATOR), HowSignedIn.LINK)

    async def _good(
        self, request: Request, email: str, password: str, account_id: int | None = None
    ) -> list[Credentials]:
        """Those accounts of *email* (or the one) that *password* is right for. Raises `TooManyTries`."""
        keys = (f"account {email}", f"address {_address(request)}")
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
        response = _redirect(path)
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


async def _form(request: Request) -> FormData:
    return await request.form(max_files=0, max_fields=20)


def _text(form: FormData, name: str, longest: int) -> str:
    value = form.get(name, "")
    return value[: longest + 1] if isinstance(value, str) else ""


def _number(form: FormData, name: str) -> int | None:
    """The id that is given as *name*; ``None`` for whatever can't be one."""
    value = form.get(name)
    if not isinstance(value, str) or not (value.isascii() and value.isdecimal()) or len(value) > 9:
        return None
    return int(value)


def _address(request: Request) -> str:
    return neighbourhood(request.client.host if request.client else "")


def _redirect(path: str, **query: str | None) -> RedirectResponse:
    given = {name: value for name, value in query.items() if value}
    if given:
        path = f"{path}?{urlencode(given)}"
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})


def _guess_time_zone(change: Change, account_id: int, zone: str) -> None:
    change.execute(
        update(Account).where(Account.id == account_id, Account.time_zone.is_(None)).values(time_zone=zone)
    )


def _set_hash(change: Change, account_id: int, password_hash: str) -> None:
    change.execute(update(Account).where(Account.id == account_id).values(password_hash=password_hash))
