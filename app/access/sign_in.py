"""`/auth/…`: sign in by password, sign out, the first operator. Plain forms, answered with a redirect.

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
from app.access.visitor import home
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
        keys = (f"account {email}", f"address {_address(request)}")
        self._tries.check(*keys)
        async with self._turns:
            self._tries.take(*keys)
            found = await self._database.ask(people.credentials, email)
            good = await asyncio.to_thread(_matching, found, password)
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
        self._tries.give_back(*keys)
        account = _wanted_account(good, wanted)
        self._improve(account, password)
        await self._keep_time_zone(account.account_id, _text(form, "time_zone", 64))
        log.info("signed in account=%s role=%s", account.account_id, account.role)
        remember = "remember" in form and account.role is Role.DRIVER
        path = wanted or home(account.role)
        return await self._enter(request, account.account_id, path, HowSignedIn.PASSWORD, remember=remember)

    async def sign_out(self, request: Request) -> Response:
        """End this browser's sign-in, with its open pages and sockets (T16)."""
        response = _redirect("/sign-in", problem="signed-out")
        left = await self._sign_ins.leave(request, response)
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
