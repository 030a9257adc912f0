"""Why somebody could not be brought in by an identity provider: four cases, a page each."""

from __future__ import annotations


class NotSignedIn(Exception):
    """The provider has not told who this is; the four cases are below.

    The text is for the log: it names the provider and the reason, and holds no token and no secret.
    """

    def __init__(self, provider: str, label: str, reason: str) -> None:
        super().__init__(f"provider={provider} {reason}")
        self.provider = provider
        """The provider's key in the settings."""
        self.label = label
        """The provider's name for people."""
        self.reason = reason
        """What was wrong, for the operator's log; never for a page."""
        self.return_to: str | None = None
        """Where the person wanted to go, as given to `begin`; ``None`` if that is not known."""
        self.purpose: str | None = None
        """As given to `begin`; ``None`` if it is not known which attempt this was."""


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
