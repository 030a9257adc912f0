"""`/auth/account/…`: the plain forms of the account page, each answered with a redirect to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from app.access import identities, passwords, posted
from app.access.account_rules import Refused
from app.access.acting import NotFresh
from app.access.identities import Identities
from app.access.once import once
from app.access.own_account import OwnAccount
from app.access.own_password import Passwords, WrongPassword
from app.access.sign_ins import SignIns
from app.access.tries import TooManyTries
from data.caller import Caller

PAGE = "/account"
Answer = Callable[[Request], Awaitable[Response]]


class AccountForms:
    """The forms. What came of one is told by the page, as ``said``."""

    def __init__(
        self, sign_ins: SignIns, own_account: OwnAccount, own_passwords: Passwords, linked: Identities
    ) -> None:
        self._sign_ins = sign_ins
        self._own_account = own_account
        self._passwords = own_passwords
        self._identities = linked

    def install(self, app: FastAPI) -> None:
        """Add the routes."""
        for name, answer in (
            ("name", self.name),
            ("email", self.email),
            ("password", once(self.password)),
            ("end-sign-in", self.end_sign_in),
            ("unlink", self.unlink),
            ("deletion", self.deletion),
        ):
            app.add_route(f"/auth/account/{name}", answer, methods=["POST"], include_in_schema=False)

    async def name(self, request: Request) -> Response:
        """Another name."""
        caller, fields = await self._posted(request)
        try:
            await self._own_account.rename(caller, posted.text(fields, "name", 200))
        except Refused as refused:
            return _told(refused.why)
        return _told("name-saved")

    async def email(self, request: Request) -> Response:
        """Another e-mail address; asks again who they are, if that is too long ago."""
        caller, fields = await self._posted(request)
        try:
            await self._own_account.change_email(caller, posted.text(fields, "email", 254))
        except NotFresh:
            return posted.redirect("/confirm", next=PAGE)
        except TooManyTries:
            return _told("many")
        except Refused as refused:
            return _told(refused.why)
        return _told("email-saved")

    async def password(self, request: Request) -> Response:
        """Another password."""
        caller, fields = await self._posted(request)
        current, new = (posted.text(fields, name, passwords.LONGEST) for name in ("current", "new"))
        try:
            await self._passwords.change_password(caller, current, new)
        except WrongPassword:
            return _told("wrong", "password-title")
        except TooManyTries:
            return _told("many-passwords", "password-title")
        except Refused as refused:
            return _told(refused.why, "password-title")
        return _told("password-saved", "password-title")

    async def end_sign_in(self, request: Request) -> Response:
        """End one sign-in, or all but this one (T16)."""
        caller, fields = await self._posted(request)
        if "others" in fields:
            await self._sign_ins.end_others(caller)
            return _told("others-ended", "sign-ins-title")
        sign_in_id = posted.number(fields, "sign_in_id")
        # One that is somebody else's is answered like one that has ended meanwhile (T2).
        await self._sign_ins.end_own(caller, sign_in_id or 0)
        return _told("ended", "sign-ins-title")

    async def unlink(self, request: Request) -> Response:
        """Take an identity at a provider away."""
        caller, fields = await self._posted(request)
        try:
            await self._identities.unlink(caller, posted.number(fields, "identity_id") or 0)
        except identities.Refused as refused:
            if refused.why is identities.Why.ONLY_WAY_IN:
                return _told("only-way-in", "identities-title")
        return _told("unlinked", "identities-title")

    async def deletion(self, request: Request) -> Response:
        """Ask for the account to be deleted, or not to be after all."""
        caller, fields = await self._posted(request)
        if fields.get("wanted") == "yes":
            await self._own_account.request_deletion(caller)
            return _told("deletion-asked", "leaving")
        await self._own_account.withdraw_deletion(caller)
        return _told("deletion-withdrawn", "leaving")

    async def _posted(self, request: Request) -> tuple[Caller, FormData]:
        visitor, fields = await posted.by_visitor(request, self._sign_ins, PAGE)
        return visitor.caller, fields


def _told(said: str, heading: str = "") -> Response:
    """Back to the page, at the card with the id *heading*."""
    response = posted.redirect(PAGE, said=said)
    if heading:
        response.headers["location"] += f"#{heading}"
    return response
