"""`/auth/provider/…`: sign in by an identity provider, link one, prove by one who somebody is, and leave.

The beginning is a GET, and so a link: browsers hold the address that a form leads to against the page's
policy, wherever the provider sends them from there. It changes no account. What came back is checked in
`app.access.identity`, and means nothing until `app.access.identities` has said whose it is.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app import clock, request_context
from app.access import posted, return_address
from app.access.identities import Identities, Refused
from app.access.identity import (
    Declined,
    Finished,
    NotSignedIn,
    Provider,
    ProviderDown,
    Providers,
    StartAgain,
    UnknownProvider,
    Untrusted,
    flow_cookie,
    load,
)
from app.access.identity.code_flow import PATIENCE
from app.access.identity_rows import Why
from app.access.languages import preferred
from app.access.own_password import Passwords
from app.access.sign_in_rows import Ended
from app.access.sign_ins import SignIns
from app.access.tokens import TOKEN
from app.access.tries import ADDRESS, TooManyTries, Tries
from app.access.visitor import Visitor, home
from app.settings import Settings
from components.forms import DRAWN_FOR
from data.caller import Caller
from data.queries import identities as asked
from data.types import HowSignedIn, Role

log = logging.getLogger("polaris.access")

SIGN_IN, LINK, FRESH_PROOF, INVITATION = "sign in", "link", "fresh", "invitation"
ACCOUNT, CONFIRM = "/account", "/confirm"
DOWN_FOR = timedelta(minutes=1)
"""How long the sign-in page says that a provider did not answer, unless it does before."""
SIGNED_OUT = "signed-out"
"""The state that a provider gives back after sign-out."""
PROBLEMS = {ProviderDown: "down", Declined: "declined", StartAgain: "again", Untrusted: "untrusted"}


def configured(settings: Settings) -> dict[str, Provider]:
    """The providers of *settings*. Raises `app.access.identity.WrongProviders`."""
    return load(Path(settings.identity_providers)) if settings.identity_providers else {}


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a sign-in at a provider is for, as it travels there and back, sealed."""

    what: str = SIGN_IN
    about: str = ""
    """The invitation's token, or the id of the account that is to be linked or proved."""
    remember: bool = False

    def __str__(self) -> str:
        return "|".join((self.what, self.about, "remember" if self.remember else ""))

    @classmethod
    def read(cls, text: str | None) -> Purpose:
        """The reverse of `str`; a sign-in if it is not known."""
        what, about, remember = text.split("|") if text is not None else (SIGN_IN, "", "")
        return cls(what, about, remember == "remember")


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider as the sign-in page offers it."""

    key: str
    label: str
    is_down: bool
    """It did not answer a moment ago."""


class ByProvider:
    """The routes, and what other pages ask about providers."""

    def __init__(
        self,
        sign_ins: SignIns,
        providers: Mapping[str, Provider],
        passwords: Passwords,
        *,
        patience: float = PATIENCE,
    ) -> None:
        """Take the *providers* of the settings; nobody waits for one for more than *patience* seconds."""
        self._sign_ins = sign_ins
        self._providers = Providers(
            providers,
            lambda key: f"{sign_ins.settings.address}/auth/provider/{key}/callback",
            sign_ins.database,
            patience=patience,
        )
        self.identities = Identities(sign_ins, providers, passwords)
        self._tries = Tries(burst=ADDRESS, per_minute=ADDRESS)
        self._down: dict[str, datetime] = {}

    def install(self, app: FastAPI) -> None:
        """Add the routes."""
        for path, answer, method in (
            ("/auth/provider/{key}", self.begin, "GET"),
            ("/auth/provider/{key}/callback", self.callback, "GET"),
            ("/auth/provider/{key}/logout", self.logout, "POST"),
        ):
            app.add_route(path, answer, methods=[method], include_in_schema=False)

    # --- for pages

    def choices(self) -> tuple[Choice, ...]:
        """The providers, in the order of the settings. Asks nobody."""
        return tuple(
            Choice(one.key, one.label, self._is_down(one.key)) for one in self._providers.all.values()
        )

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a form may lead in the end: to a provider, at a sign-out that ends its session too."""
        found = set()
        for one in self._providers.all.values():
            parts = urlsplit(one.issuer)
            found |= {f"{parts.scheme}://{parts.netloc}", *(f"https://{place}" for place in one.hosts)}
        return tuple(sorted(found))

    def label(self, key: str) -> str | None:
        """The name for people of the provider *key*, if there is one."""
        provider = self._providers.all.get(key)
        return None if provider is None else provider.label

    # --- there

    async def begin(self, request: Request) -> Response:
        """Send the browser to a provider; ``purpose`` tells for what, ``next`` where to go afterwards.

        Raises `ReadOnly` for who would link an identity while acting as somebody, and `Elsewhere` for whom
        another sign-in is current than the page's.
        """
        key = _key(request)
        if key not in self._providers.all or request.method != "GET":
            raise HTTPException(404)
        visitor = await self._sign_ins.visitor(request)
        wanted = return_address.safe(request.app, request.query_params.get("next"))
        purpose = _purpose(request, visitor)
        if purpose.what != SIGN_IN and not _from_our_page(request, self._sign_ins.settings.address):
            # Another site could have its own identity linked to whoever follows its link, or let them take
            # an invitation of its own making.
            raise HTTPException(403)
        if purpose.what in (LINK, FRESH_PROOF) and visitor is not None:
            posted.check_drawn_for(visitor, request.query_params.get(DRAWN_FOR))
        if purpose.what == LINK:
            if visitor is None:
                return posted.redirect("/sign-in", next=ACCOUNT)
            try:
                await self.identities.begin_link(visitor.caller)
            except Refused:
                return posted.redirect(CONFIRM, next=ACCOUNT)
            wanted = wanted or ACCOUNT
        elif purpose.what == FRESH_PROOF and visitor is None:
            return posted.redirect("/sign-in", next=wanted)
        elif purpose.what == FRESH_PROOF and visitor is not None and visitor.actor is not None:
            raise HTTPException(404)  # the driver is not here to prove anything (T27)
        language = visitor.language if visitor is not None else None
        known_secret = flow_cookie.found(request, secure=self._sign_ins.secure)
        try:
            if self._is_down(key):  # what is remembered of it would lead to a host that does not answer
                await self._providers.ask(key)
            begun = await self._providers.begin(
                key,
                return_to=wanted,
                purpose=str(purpose),
                browser_secret=known_secret,
                prompt_login=purpose.what == FRESH_PROOF,
                language=language or preferred(request.headers.get("accept-language")),
                login_hint=visitor.email if visitor is not None and purpose.what == FRESH_PROOF else None,
            )
        except NotSignedIn as problem:
            return self._told(request, problem, purpose, wanted)
        self._down.pop(key, None)
        response = RedirectResponse(begun.address, 303, headers={"Cache-Control": "no-store"})
        flow_cookie.give(response, begun.browser_secret, secure=self._sign_ins.secure)
        return response

    # --- and back

    async def callback(self, request: Request) -> Response:
        """Somebody comes back from a provider. Raises `TooManyTries` after many attempts that are none."""
        if request.method != "GET":
            raise HTTPException(404)
        key, address = _key(request), f"callback {posted.address(request)}"
        self._tries.check(address)
        secret = flow_cookie.found(request, secure=self._sign_ins.secure)
        try:
            finished = await self._providers.finish(key, request.query_params, secret)
        except UnknownProvider:
            raise HTTPException(404) from None
        except NotSignedIn as problem:
            if isinstance(problem, StartAgain | Untrusted):
                with contextlib.suppress(TooManyTries):
                    self._tries.take(address)
            purpose = Purpose.read(problem.purpose)
            wanted = return_address.safe(request.app, problem.return_to)
            visitor = await self._sign_ins.visitor(request)
            if isinstance(problem, StartAgain) and visitor is not None and purpose.what == SIGN_IN:
                # Most likely "back", or a second click: the first one has signed them in.
                return posted.redirect(wanted or home(visitor.role))
            return self._told(request, problem, purpose, wanted)
        self._down.pop(key, None)
        purpose = Purpose.read(finished.purpose)
        wanted = return_address.safe(request.app, finished.return_to)
        try:
            if purpose.what in (LINK, FRESH_PROOF):
                return await self._for_visitor(request, finished, purpose, wanted)
            return await self._enter(request, finished, purpose, wanted)
        except Refused as refused:
            log.warning("refused provider=%s purpose=%s why=%s", key, purpose.what, refused.why)
            return self._refusal(request, refused.why, key, purpose, wanted)

    async def _enter(
        self, request: Request, finished: Finished, purpose: Purpose, wanted: str | None
    ) -> Response:
        """Sign in, as what the provider told of the person leads to. Raises `Refused`."""
        person, caller = finished.person, _by_word_of(finished.person.provider, request)
        if purpose.what == INVITATION:
            admitted = await self.identities.accept(person, caller, purpose.about)
        else:
            here = {one.account_id for one in await self._sign_ins.at_browser(request)}
            console = wanted is not None and wanted.startswith("/admin")
            admitted = await self.identities.admit(person, caller, console=console, here=here)
        response = posted.redirect(wanted or home(admitted.role))
        await self._sign_ins.enter(
            request,
            response,
            admitted.account_id,
            HowSignedIn.PROVIDER,
            remember=purpose.remember and admitted.role is Role.DRIVER,
            identity_id=admitted.identity_id,
            provider_session=person.session,
            proved_at=person.auth_time,
        )
        log.info(
            "signed in account=%s role=%s provider=%s", admitted.account_id, admitted.role, person.provider
        )
        return response

    async def _for_visitor(
        self, request: Request, finished: Finished, purpose: Purpose, wanted: str | None
    ) -> Response:
        """Link or prove, for who is signed in and has begun it. Raises `Refused`, `ReadOnly`."""
        visitor = await self._sign_ins.visitor(request)
        if visitor is None:
            return posted.redirect("/sign-in", next=wanted)
        if str(visitor.id) != purpose.about:
            raise Refused(Why.OTHER_PERSON)  # somebody else is current at this browser by now
        if purpose.what == LINK:
            await self.identities.link(visitor.caller, finished.person)
            return posted.redirect(wanted or ACCOUNT)
        await self.identities.prove(visitor.caller, finished.person)
        return posted.redirect(wanted or home(visitor.role))

    # --- away

    async def logout(self, request: Request) -> Response:
        """The provider itself ends sign-ins (OpenID Connect Back-Channel Logout 1.0)."""
        key, address = _key(request), f"logout {posted.address(request)}"
        try:
            self._tries.check(address)
            token = (await posted.form(request)).get("logout_token")
            told = await self._providers.logged_out(key, token if isinstance(token, str) else "")
        except UnknownProvider:
            raise HTTPException(404) from None
        except TooManyTries as error:
            return _to_provider(429, "slow_down", {"Retry-After": str(error.seconds)})
        except NotSignedIn as problem:
            if isinstance(problem, Untrusted):
                with contextlib.suppress(TooManyTries):
                    self._tries.take(address)
            log.warning("back-channel logout refused %s", problem)
            return _to_provider(400, "invalid_request")
        caller = _by_word_of(key, request)
        ended = await self._sign_ins.end_of_provider(caller, told.issuer, told.subject, told.session)
        log.info("back-channel logout provider=%s ended=%s", key, ended)
        return _to_provider(200)

    async def end_session(self, ended: Iterable[Ended], others: Collection[int]) -> str | None:
        """Where to send a browser so that the provider of *ended* sign-ins ends its session too.

        ``None`` if there is no such place, or if one of the sign-ins *others* that go on at this browser is
        of the same person. Takes at most two seconds (T21).
        """
        identity_id = next((one.identity_id for one in ended if one.identity_id is not None), None)
        if identity_id is None or not self._providers.all:
            return None
        database = self._sign_ins.database
        key = await database.ask(asked.provider_of, identity_id)
        if key is None or await database.ask(asked.is_used_by, identity_id, others):
            return None
        back_to = self._sign_ins.settings.address + "/sign-in"
        address = await self._providers.end_session_address(key, back_to)
        return None if address is None else f"{address}&{urlencode({'state': SIGNED_OUT})}"

    # --- what went wrong

    def _is_down(self, key: str) -> bool:
        """Whether the provider *key* did not answer a moment ago, and has not since."""
        failed = self._down.get(key)
        return failed is not None and failed <= clock.now() < failed + DOWN_FOR

    def _told(self, request: Request, problem: NotSignedIn, purpose: Purpose, wanted: str | None) -> Response:
        """Back to a page that explains it; who is signed in stays it (T21)."""
        if isinstance(problem, ProviderDown):
            self._down[problem.provider] = clock.now()
        log.warning("not signed in by provider: %s %s", type(problem).__name__, problem)
        word = next(word for kind, word in PROBLEMS.items() if isinstance(problem, kind))
        if word == "again" and not request.cookies:  # not even the one that was given on the way there
            word = "cookies"
        return self._explained(request, word, problem.provider, purpose, wanted)

    def _refusal(
        self, request: Request, why: Why, key: str, purpose: Purpose, wanted: str | None
    ) -> Response:
        if why is Why.NOT_FRESH:
            return posted.redirect(CONFIRM, next=wanted or ACCOUNT)
        return self._explained(request, why.value, key, purpose, wanted)

    def _explained(
        self, request: Request, word: str, key: str, purpose: Purpose, wanted: str | None
    ) -> Response:
        return posted.redirect(
            "/sign-in",
            problem=f"provider-{word}",
            provider=key,
            purpose=None if purpose.what == SIGN_IN else purpose.what,
            reference=request_context.request_id() if word == "untrusted" else None,
            next=wanted,
        )


def _by_word_of(key: str, request: Request) -> Caller:
    """Nobody of ours: the provider has said it."""
    address, request_id = posted.client(request), request_context.request_id()
    return Caller(None, None, label=f"identity provider {key}", address=address, request_id=request_id)


def _purpose(request: Request, visitor: Visitor | None) -> Purpose:
    """What *request* wants from a provider. Raises 404 for what is none of ours."""
    query = request.query_params
    what, token = query.get("purpose", "").replace("-", " ") or SIGN_IN, query.get("token", "")
    if what == INVITATION and TOKEN.fullmatch(token):
        return Purpose(INVITATION, token)
    if what in (LINK, FRESH_PROOF):
        return Purpose(what, str(visitor.id) if visitor is not None else "")
    if what != SIGN_IN:
        raise HTTPException(404)
    return Purpose(remember="remember" in query)


def _from_our_page(request: Request, own: str) -> bool:
    """True if a page of ours led here: browsers say so, or where from at least (Fetch Metadata)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    came = urlsplit(request.headers.get("referer", ""))
    here = {urlsplit(own).netloc, request.headers.get("host", "")}
    return bool(came.netloc) and came.netloc in here


def _key(request: Request) -> str:
    return str(request.path_params["key"])


def _to_provider(status: int, error: str | None = None, headers: dict[str, str] | None = None) -> Response:
    given = {"Cache-Control": "no-store", **(headers or {})}
    return (
        Response(status_code=status, headers=given)
        if error is None
        else JSONResponse({"error": error}, status, given)
    )
