"""Signing in by an identity provider: the code flow of OpenID Connect, checked as T9 to T12 say."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from starlette.datastructures import QueryParams

from app import clock
from app.access.identity import attempts, claims, tokens, used_once
from app.access.identity.attempts import Attempt
from app.access.identity.discovery import Discovery, Metadata
from app.access.identity.outgoing import Outgoing
from app.access.identity.person import Begun, Finished, LoggedOut, Person
from app.access.identity.problems import (
    Declined,
    NotSignedIn,
    ProviderDown,
    StartAgain,
    UnknownProvider,
    Untrusted,
)
from app.access.identity.providers import Provider
from data.database import Database

log = logging.getLogger("polaris.access")

PATIENCE = 10.0
"""Seconds that somebody waits for a provider at most."""
QUICK_PATIENCE = 2.0
"""Seconds that a sign-out waits for a provider at most, and who goes to one that was down a moment ago."""
NOT_WANTED = ("access_denied", "login_required", "interaction_required", "consent_required")
"""Answers of a provider that mean: not this time."""
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{2,35}")
_BEARER = re.compile(r"[\x21-\x7e]{1,16000}")


class Providers:
    """The identity providers of this portal.

    *callback_address* makes, of a provider's key, the absolute address that the provider sends the browser
    back to; it is registered there. *database* remembers what must not be used twice. *patience* is how
    many seconds `begin` and `finish` take at most. What is raised here is for the caller to log.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        callback_address: Callable[[str], str],
        database: Database,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self.all = providers
        """By key, in the order of the settings."""
        self._callback_address = callback_address
        self._database = database
        self._patience = patience
        self._outgoing = {key: Outgoing(one, patience / 2) for key, one in providers.items()}
        self._discovery = {key: Discovery(one, self._outgoing[key]) for key, one in providers.items()}

    async def ask(self, key: str) -> None:
        """Ask the provider *key* whether it answers. Takes at most 2 seconds.

        Raises `UnknownProvider`, `ProviderDown`, `Untrusted`.
        """
        provider = self._provider(key)
        try:
            async with asyncio.timeout(min(QUICK_PATIENCE, self._patience)):
                await self._discovery[key].ask()
        except TimeoutError:
            raise ProviderDown(provider, "it still took too long") from None

    async def begin(
        self,
        key: str,
        *,
        return_to: str | None = None,
        purpose: str = "sign in",
        browser_secret: str | None = None,
        prompt_login: bool = False,
        language: str | None = None,
        login_hint: str | None = None,
    ) -> Begun:
        """Send a browser to the provider *key*. Raises `UnknownProvider`, `ProviderDown`, `Untrusted`.

        *return_to* (1,000 characters at most, or it is dropped) and *purpose* (200) come back from `finish`;
        the provider can't read them. *browser_secret* is what the browser's cookie holds, so that several
        tabs can be at it; `Begun.browser_secret` goes into the cookie. *prompt_login* wants a new proof of
        who it is (T24), and `finish` then checks when it was given. *language* (BCP 47) and *login_hint* (an
        e-mail address) are for the provider's page.
        """
        provider = self._provider(key)
        secret = attempts.secret(browser_secret)
        attempt = attempts.new(key, purpose, return_to, prompt_login, clock.now())
        try:
            metadata = await self._metadata(provider)
        except NotSignedIn as problem:
            raise _told(problem, attempt) from None
        more: dict[str, str | None] = {
            "nonce": attempts.nonce(attempt, secret),
            "prompt": "login" if prompt_login else None,
            "max_age": "0" if prompt_login else None,
            "ui_locales": language if language and _LANGUAGE.fullmatch(language) else None,
            "login_hint": claims.line(login_hint, claims.LONGEST_EMAIL) or None,
        }
        async with self._client(provider, metadata) as client:
            address, _ = client.create_authorization_url(
                metadata.authorization,
                state=attempts.state(attempt, secret),
                code_verifier=attempts.verifier(attempt, secret),
                **more,
            )
        return Begun(str(address), secret)

    async def finish(self, key: str, query: QueryParams, browser_secret: str | None) -> Finished:
        """Who came back to the callback address of *key*, with *query* and the browser's cookie.

        Raises `UnknownProvider`, and the four of `NotSignedIn`: `StartAgain`, `Declined`, `ProviderDown`,
        `Untrusted`, which carry ``return_to`` and ``purpose`` where those are known. Each state is good for
        one call, whatever comes of it.
        """
        provider = self._provider(key)
        state = query.get("state")
        attempt = attempts.opened(state, browser_secret) if state and browser_secret else None
        if attempt is None or browser_secret is None:
            raise StartAgain(provider, "the state is not this browser's")
        try:
            async with asyncio.timeout(self._patience):
                person = await self._finished(provider, query, attempt, browser_secret)
        except TimeoutError:
            raise _told(ProviderDown(provider, "it took too long"), attempt) from None
        except NotSignedIn as problem:
            raise _told(problem, attempt) from problem.__cause__
        return Finished(person, attempt.purpose, attempt.return_to)

    async def end_session_address(self, key: str, back_to: str) -> str | None:
        """Where to send a browser to end the provider's session too, and from there to *back_to*.

        *back_to* is absolute and registered there. ``None`` if the provider has no such page, is down, or is
        not configured (any more). Takes at most 2 seconds.
        """
        provider = self.all.get(key)
        if provider is None:
            return None
        try:
            async with asyncio.timeout(min(QUICK_PATIENCE, self._patience)):
                address = (await self._discovery[key].metadata()).end_session
        except (TimeoutError, NotSignedIn) as problem:
            log.warning("sign-out at the identity provider left out provider=%s %s", key, problem)
            return None
        if address is None:
            return None
        query = urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": back_to})
        return f"{address}{'&' if urlsplit(address).query else '?'}{query}"

    async def logged_out(self, key: str, logout_token: str) -> LoggedOut:
        """Whose sign-ins the provider *key* ends by back-channel, after checking its token.

        Raises `UnknownProvider`, `ProviderDown`, `Untrusted` (answer 400).
        """
        provider, now = self._provider(key), clock.now()
        try:
            async with asyncio.timeout(self._patience):
                told = await tokens.logout_token(provider, self._discovery[key], logout_token, now=now)
        except TimeoutError:
            raise ProviderDown(provider, "its keys took too long") from None
        void = now + tokens.LOGOUT_LASTS + 2 * tokens.LEEWAY
        name = f"{provider.issuer}\0{told['jti']}"
        if not await self._database.change(used_once.use, "logout token", name, void, now):
            raise Untrusted(provider, "the logout token was used already")
        return LoggedOut(key, provider.issuer, told.get("sub"), told.get("sid"))

    # --- the way back

    async def _finished(
        self, provider: Provider, query: QueryParams, attempt: Attempt, browser_secret: str
    ) -> Person:
        now = clock.now()
        if attempt.provider != provider.key:
            raise Untrusted(provider, f"the answer is to a sign-in by {attempt.provider}")
        if not attempt.begun_at - tokens.LEEWAY <= now < attempt.expires_at:
            raise StartAgain(provider, "the sign-in took too long")
        first = await self._database.change(
            used_once.use, "provider state", attempt.id, attempt.expires_at, now
        )
        if not first:
            raise StartAgain(provider, "the answer was used already")
        metadata = await self._metadata(provider)
        code = _code(provider, metadata, query)
        verifier = attempts.verifier(attempt, browser_secret)
        answer = await self._exchanged(provider, metadata, code, verifier)
        told = await tokens.id_token(
            provider,
            self._discovery[provider.key],
            answer.get("id_token"),
            attempt=attempt,
            nonce=attempts.nonce(attempt, browser_secret),
            access_token=answer.get("access_token"),
            now=clock.now(),
        )
        more = {}
        if metadata.userinfo is not None and not claims.is_complete(provider, told):
            more = await self._userinfo(provider, metadata.userinfo, answer, told["sub"])
        return claims.person(provider, told, more)

    async def _exchanged(
        self, provider: Provider, metadata: Metadata, code: str, verifier: str
    ) -> Mapping[str, Any]:
        """The tokens for *code*."""
        async with (
            self._outgoing[provider.key].bounded(metadata.token),
            self._client(provider, metadata) as client,
        ):
            try:
                answer = await client.fetch_token(
                    metadata.token, grant_type="authorization_code", code=code, code_verifier=verifier
                )
            except OAuthError as error:
                if error.error == "invalid_grant":
                    raise StartAgain(provider, "the code is used, too old or of another sign-in") from error
                raise ProviderDown(provider, f"no token: {_word(error.error)}") from error
            except (ValueError, TypeError, AttributeError, RecursionError) as error:
                raise Untrusted(provider, "the answer for the code is no token") from error
            found: Mapping[str, Any] = dict(answer)
            return found

    async def _userinfo(
        self, provider: Provider, address: str, answer: Mapping[str, Any], subject: str
    ) -> dict[str, Any]:
        """What the userinfo endpoint adds; it has to be of the same *subject* (T10)."""
        token = answer.get("access_token")
        if not isinstance(token, str) or not _BEARER.fullmatch(token):
            raise Untrusted(provider, "there is no access token")
        if str(answer.get("token_type", "")).lower() != "bearer":
            raise Untrusted(provider, "the access token is of another type")
        told = await self._outgoing[provider.key].document(address, token)
        if told.get("sub") != subject:
            raise Untrusted(provider, "userinfo is of another sub")
        return told

    # --- the provider

    def _client(self, provider: Provider, metadata: Metadata) -> Any:
        client = self._outgoing[provider.key].client(
            token_endpoint_auth_method=_token_auth_method(provider, metadata),
            redirect_uri=self._callback_address(provider.key),
            scope=provider.scopes,
            code_challenge_method="S256",
        )
        client.register_client_auth_method(("client_secret_basic", _basic))
        return client

    async def _metadata(self, provider: Provider) -> Metadata:
        try:
            async with asyncio.timeout(self._patience):
                return await self._discovery[provider.key].metadata()
        except TimeoutError:
            raise ProviderDown(provider, "its discovery document took too long") from None

    def _provider(self, key: str) -> Provider:
        try:
            return self.all[key]
        except KeyError:
            raise UnknownProvider(key) from None


def _code(provider: Provider, metadata: Metadata, query: QueryParams) -> str:
    """The code of the callback's *query*, after its issuer (RFC 9207, T11) and its errors."""
    given = [name for name, _ in query.multi_items()]
    if any(given.count(name) > 1 for name in ("code", "iss", "state", "error")):
        raise Untrusted(provider, "a parameter of the answer is there twice")
    issuer = query.get("iss")
    if issuer is None and metadata.says_issuer:
        raise Untrusted(provider, "the answer names no issuer, which the provider promises")
    if issuer is not None and issuer != provider.issuer:
        raise Untrusted(provider, f"the answer is of issuer {issuer[:100]!r}")
    if error := query.get("error"):
        if error in NOT_WANTED:
            raise Declined(provider, _word(error))
        raise ProviderDown(provider, f"it answered {_word(error)}")
    code = query.get("code")
    if not code or len(code) > 4_000:
        raise Untrusted(provider, "the answer holds no code")
    return code


def _token_auth_method(provider: Provider, metadata: Metadata) -> str:
    if provider.token_auth_method is not None:
        return provider.token_auth_method
    if provider.client_secret is None:
        return "none"
    told = metadata.token_auth_methods
    wanted = ("client_secret_basic", "client_secret_post")
    return next((one for one in wanted if one in told), wanted[0])


def _basic(client: Any, method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, Any]:
    """RFC 6749 §2.3.1: both are form-encoded first, which Authlib leaves out."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return uri, headers, body


def _told(problem: NotSignedIn, attempt: Attempt) -> NotSignedIn:
    """*problem* with what is known of *attempt*."""
    problem.return_to, problem.purpose = attempt.return_to, attempt.purpose
    return problem


def _word(value: object) -> str:
    """An error code of OAuth for the log, which the provider may have filled with anything."""
    return re.sub(r"[^\w .-]", "?", str(value))[:60]
