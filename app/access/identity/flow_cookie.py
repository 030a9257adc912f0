"""The cookie that ties a sign-in by a provider to the browser that began it (T9, T14)."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.responses import Response

LASTS = 600
"""Seconds that a sign-in may take; the cookie is renewed when another one begins."""


def name(secure: bool) -> str:
    """The cookie's name; browsers refuse `__Host-` without TLS, loopback included."""
    return "__Host-polaris-provider" if secure else "polaris-provider"


def found(connection: HTTPConnection, *, secure: bool) -> str | None:
    """The browser's secret, if it brought one along: pass it to `begin` and to `finish`."""
    return connection.cookies.get(name(secure)) or None


def give(response: Response, browser_secret: str, *, secure: bool) -> None:
    """Put the secret of `Begun` on *response*.

    SameSite=Lax is the strictest that still comes along when the provider sends the browser back.
    """
    response.set_cookie(
        name(secure), browser_secret, LASTS, path="/", secure=secure, httponly=True, samesite="lax"
    )
