"""Signing in by an identity provider: the code flow of OpenID Connect, checked as T9 to T12 say."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.datastructures import QueryParams

from app.access.identity.person import Begun, Finished, LoggedOut
from app.access.identity.problems import UnknownProvider
from app.access.identity.providers import Provider
from data.database import Database


class Providers:
    """The identity providers of this portal.

    *callback_address* makes, of a provider's key, the absolute address that the provider sends the browser
    back to; it is registered there. *database* remembers what must not be used twice.
    """

    def __init__(
        self, providers: Mapping[str, Provider], callback_address: Callable[[str], str], database: Database
    ) -> None:
        self.all = providers
        """By key, in the order of the settings."""
        self._callback_address = callback_address
        self._database = database

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
        raise NotImplementedError

    async def finish(self, key: str, query: QueryParams, browser_secret: str | None) -> Finished:
        """Who came back to the callback address of *key*, with *query* and the browser's cookie.

        Raises `UnknownProvider`, and the four of `NotSignedIn`: `StartAgain`, `Declined`, `ProviderDown`,
        `Untrusted`, which carry ``return_to`` and ``purpose`` where those are known. Each state is good for
        one call, whatever comes of it. Takes at most 15 seconds.
        """
        raise NotImplementedError

    async def end_session_address(self, key: str, back_to: str) -> str | None:
        """Where to send a browser to end the provider's session too, and from there to *back_to*.

        *back_to* is absolute and registered there. ``None`` if the provider has no such page, is down, or is
        not configured (any more). Takes at most 2 seconds.
        """
        raise NotImplementedError

    async def logged_out(self, key: str, logout_token: str) -> LoggedOut:
        """Whose sign-ins the provider *key* ends by back-channel, after checking its token.

        Raises `UnknownProvider`, `ProviderDown`, `Untrusted` (answer 400).
        """
        raise NotImplementedError

    def _provider(self, key: str) -> Provider:
        try:
            return self.all[key]
        except KeyError:
            raise UnknownProvider(key) from None
