"""Who somebody is, as a provider that was checked says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at an identity provider, known by (issuer, subject) and by nothing else (T12)."""

    provider: str
    """The key of the provider in the settings."""
    issuer: str
    subject: str
    """At most 255 characters; compared as it is."""
    email: str | None
    """Lower case, at most 254 characters; ``None`` if it was not told or is none."""
    email_verified: bool
    """True only if the provider says, with this very address, that it has verified it (T12)."""
    name: str
    """At most 200 characters on one line, without control characters; "" if none was told."""
    is_operator: bool
    """True if the provider's `operator_claim` holds its `operator_value`; false if none is configured."""
    session: str | None
    """The provider's name for its session (`sid`), which a back-channel logout may give."""
    auth_time: datetime | None
    """When the person last proved to the provider who they are, in UTC; told always after `prompt_login`."""
    language: str | None
    """BCP 47 tag such as `de` or `de-CH`, a hint only."""
    time_zone: str | None
    """IANA name as the provider told it, a hint only: not checked against the known zones."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A sign-in that came back well, with what `begin` was given."""

    person: Person
    purpose: str
    return_to: str | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in on its way to the provider."""

    address: str
    """Where to send the browser: the provider's page."""
    browser_secret: str
    """For the browser's cookie, see `flow_cookie`: nobody without it can finish this sign-in (T9)."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """Whose sign-ins are to end (OpenID Connect Back-Channel Logout 1.0): subject, session, or both."""

    provider: str
    issuer: str
    subject: str | None
    """All sign-ins of this person, where ``session`` is ``None``."""
    session: str | None
    """The sign-ins that came from this session of the provider's (`sid`)."""
