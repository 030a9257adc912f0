"""Who is asking: the types that pages and routes name in their signature.

    async def dashboard(driver: Driver) -> None: ...

Who may not come in never reaches the page: signed out means one redirect to sign-in and back (P1),
the wrong role means 404 (P2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from app import clock, request_context
from app.access.languages import preferred
from app.access.return_address import here
from data import audit
from data.caller import Caller
from data.database import Change
from data.types import HowSignedIn, Role, Theme

if TYPE_CHECKING:
    from app.access.sign_ins import SignIns
    from data.queries.sign_ins import SignedIn


@dataclass(frozen=True, slots=True)
class Actor:
    """The operator who acts as the visitor's account (P23)."""

    id: int
    name: str
    sign_in_id: int
    """Their own sign-in."""
    until: datetime
    """When it ends in any case (T28)."""
    language: str | None = None
    """That they have chosen for their own pages: the banner is theirs to read."""

    @classmethod
    def of(cls, found: SignedIn) -> Actor | None:
        """Who acts in the sign-in that was *found*, if somebody does."""
        if (who := found.actor) is None:
            return None
        return cls(who.id, who.name, who.sign_in_id, found.ends_at, who.language)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in, as this request sees them."""

    id: int
    """Of the account."""
    name: str
    email: str
    role: Role
    time_zone: str
    """IANA name: the account's, else the portal's default (P25)."""
    language: str
    """``en`` or ``de``: the account's, else the best that the browser asks for (P25)."""
    theme: Theme
    sign_in_id: int
    how: HowSignedIn
    fresh_at: datetime
    """When they last proved who they are (T24)."""
    actor: Actor | None = None
    """Who sits before the screen, if it is not the account's owner."""
    address: str = ""
    """Network address that they came from."""

    @classmethod
    def of(
        cls,
        found: SignedIn,
        default_time_zone: str,
        request: HTTPConnection | None = None,
        before: Visitor | None = None,
    ) -> Visitor:
        """Whoever was *found* to be signed in: for *request*, or a click on the page of *before*."""
        language = found.language or (before.language if before is not None else None)
        if language is None:
            language = preferred(request.headers.get("accept-language") if request is not None else None)
        client = request.client if request is not None else None
        return cls(
            id=found.account_id,
            name=found.name,
            email=found.email,
            role=found.role,
            time_zone=found.time_zone or default_time_zone,
            language=language,
            theme=found.theme,
            sign_in_id=found.sign_in_id,
            how=found.how,
            fresh_at=found.fresh_at,
            actor=Actor.of(found),
            address=client.host if client is not None else before.address if before is not None else "",
        )

    @property
    def caller(self) -> Caller:
        """What every service that changes something is told first (T23)."""
        actor = self.actor
        return Caller(
            subject_id=self.id,
            role=self.role,
            actor_id=self.id if actor is None else actor.id,
            actor_sign_in_id=self.sign_in_id if actor is None else actor.sign_in_id,
            address=self.address,
            request_id=request_context.request_id(),
        )


class SignedOut(Exception):
    """Nobody is signed in; ``wanted`` is where they wanted to go."""

    def __init__(self, wanted: str) -> None:
        super().__init__("signed out")
        self.wanted = wanted


class Elsewhere(Exception):
    """The visitor belongs at ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__("elsewhere")
        self.path = path


def not_found() -> HTTPException:
    """What everybody gets for an address that is none of theirs, whether it exists or not."""
    return HTTPException(404)


async def somebody(request: Request) -> Visitor:
    """Whoever is signed in. Raises `SignedOut`."""
    visitor = await _who(request)
    await _note(request, visitor)
    return visitor


async def driver(request: Request) -> Visitor:
    """The driver who is signed in. Raises `SignedOut`; an operator is sent home from `/` (P2), else 404."""
    visitor = await _who(request)
    if visitor.role is not Role.DRIVER:
        raise Elsewhere("/admin") if request.url.path == "/" else not_found()
    await _note(request, visitor)
    return visitor


async def operator(request: Request) -> Visitor:
    """The operator who is signed in. Raises `SignedOut`; a driver gets 404 and no hint (P2)."""
    visitor = await _who(request)
    if visitor.role is not Role.OPERATOR:
        raise not_found()
    await _note(request, visitor)
    return visitor


def home(role: Role) -> str:
    """Where an account of *role* starts (P1, P2)."""
    return "/admin" if role is Role.OPERATOR else "/"


async def _who(request: Request) -> Visitor:
    sign_ins: SignIns = request.app.state.sign_ins
    visitor = await sign_ins.visitor(request)
    if visitor is None:
        raise SignedOut(here(request))
    return visitor


async def _note(request: Request, visitor: Visitor) -> None:
    """P24: each page seen while acting as somebody is written down, before it is shown; none that is not."""
    if visitor.actor is not None:
        sign_ins: SignIns = request.app.state.sign_ins
        await sign_ins.database.change(_seen, visitor.caller, request.url.path)


def _seen(change: Change, caller: Caller, path: str) -> None:
    audit.record(change, caller, "acting.page", clock.now(), about=path)


Somebody = Annotated[Visitor, Depends(somebody)]
Driver = Annotated[Visitor, Depends(driver)]
Operator = Annotated[Visitor, Depends(operator)]
