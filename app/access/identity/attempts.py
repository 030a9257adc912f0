"""A sign-in between its beginning and its end: all of it is in the ``state``, sealed for one browser (T9).

Nothing is stored. The browser's cookie holds one secret for all its tabs; the state is encrypted and
authenticated with a key made from it, and nonce and PKCE verifier are made from it and the attempt's random
id. So a state without its browser opens nothing, and neither the provider nor the browser's history can
read where somebody wanted to go.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from app.access.identity import flow_cookie

LASTS = timedelta(seconds=flow_cookie.LASTS)
LONGEST_RETURN = 1_000
"""Characters; several providers refuse long addresses."""
LONGEST_PURPOSE = 200
LONGEST_STATE = 8_000
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_HEADER = {"alg": "dir", "enc": "A256GCM"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in under way."""

    id: str
    provider: str
    """Key of the provider that it began with: another one's answer is refused (mix-up, T11)."""
    purpose: str
    return_to: str | None
    prompt_login: bool
    begun_at: datetime

    @property
    def expires_at(self) -> datetime:
        """When it is too late to finish it."""
        return self.begun_at + LASTS


def secret(known: str | None) -> str:
    """The browser's secret *known* from its cookie, or a new one of 256 bits."""
    return known if known is not None and _SECRET.fullmatch(known) else secrets.token_urlsafe(32)


def new(provider: str, purpose: str, return_to: str | None, prompt_login: bool, now: datetime) -> Attempt:
    """An attempt that begins at *now*. Raises `ValueError` for a purpose that is too long."""
    if len(purpose) > LONGEST_PURPOSE:
        raise ValueError(f"a purpose of {len(purpose)} characters")
    if return_to is not None and len(return_to) > LONGEST_RETURN:
        return_to = None
    begun_at = now.astimezone(UTC).replace(microsecond=0)
    return Attempt(secrets.token_urlsafe(16), provider, purpose, return_to, prompt_login, begun_at)


def state(attempt: Attempt, browser_secret: str) -> str:
    """The ``state`` parameter of *attempt*."""
    told = [
        attempt.id,
        attempt.provider,
        attempt.purpose,
        attempt.return_to,
        attempt.prompt_login,
        int(attempt.begun_at.timestamp()),
    ]
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    return jwe.encrypt_compact(_HEADER, text, _state_key(browser_secret), list(_HEADER.values()))


def opened(state: str, browser_secret: str) -> Attempt | None:
    """The attempt of *state*, or ``None`` if it was not made for the browser with *browser_secret*."""
    if len(state) > LONGEST_STATE or not _SECRET.fullmatch(browser_secret):
        return None
    try:
        found = jwe.decrypt_compact(state, _state_key(browser_secret), list(_HEADER.values()))
        one, provider, purpose, return_to, prompt_login, begun_at = json.loads(found.plaintext or b"")
    except (JoseError, ValueError, KeyError, TypeError):
        return None
    return Attempt(one, provider, purpose, return_to, prompt_login, datetime.fromtimestamp(begun_at, UTC))


def nonce(attempt: Attempt, browser_secret: str) -> str:
    """The ``nonce`` that the ID token of *attempt* has to carry."""
    return base64.urlsafe_b64encode(_made("nonce", browser_secret, attempt.id)).rstrip(b"=").decode()


def verifier(attempt: Attempt, browser_secret: str) -> str:
    """The PKCE ``code_verifier`` of *attempt* (RFC 7636), 256 bits."""
    return base64.urlsafe_b64encode(_made("verifier", browser_secret, attempt.id)).rstrip(b"=").decode()


def _state_key(browser_secret: str) -> OctKey:
    return OctKey.import_key(_made("state", browser_secret, ""))


def _made(purpose: str, browser_secret: str, text: str) -> bytes:
    return hmac.digest(browser_secret.encode(), f"{purpose}:{text}".encode(), hashlib.sha256)
