"""Why somebody could not be brought in by an identity provider: four cases, a page each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.access.identity.providers import Provider

LONGEST = 300
"""Characters of a reason: part of it may be the provider's own words."""


class NotSignedIn(Exception):
    """The provider has not told who this is; the four cases are below.

    The text is for the log: it names the provider and the reason, and holds no token and no secret.
    """

    def __init__(self, provider: Provider, reason: str) -> None:
        self.provider = provider.key
        """The provider's key in the settings."""
        self.label = provider.label
        """The provider's name for people."""
        self.reason = reason[:LONGEST]
        """What was wrong, for the operator's log; never for a page."""
        self.return_to: str | None = None
        """Where the person wanted to go, as given to `begin`; ``None`` if that is not known."""
        self.purpose: str | None = None
        """As given to `begin`; ``None`` if it is not known which attempt this was."""
        super().__init__(f"provider={self.provider} {self.reason}")


class ProviderDown(NotSignedIn):
    """The provider does not answer, is too slow, or refuses us: nobody can sign in by it now (T21)."""


class Declined(NotSignedIn):
    """The person cancelled at the provider, or may not use this portal."""


class StartAgain(NotSignedIn):
    """The attempt is unknown, too old, used already or of another browser: harmless, begin anew (T9)."""


class Untrusted(NotSignedIn):
    """What came back is a lie or a fault of the provider; nobody is signed in by it (T9–T11)."""


class UnknownProvider(KeyError):
    """There is no provider with this key."""
