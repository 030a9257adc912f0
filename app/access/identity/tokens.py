"""Tokens that a provider signed: the ID token of a sign-in and the logout token of the back channel.

Checked as OpenID Connect Core 1.0 §3.1.3.7 and Back-Channel Logout 1.0 §2.6 say. Everything raises
`Untrusted`, and `ProviderDown` where the provider's keys can't be had.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import JWSRegistry

from app.access.identity.attempts import Attempt
from app.access.identity.discovery import KINDS, Discovery
from app.access.identity.problems import Untrusted
from app.access.identity.providers import Provider

LEEWAY = timedelta(seconds=120)
"""How far the provider's clock may be off ours."""
LOGOUT_LASTS = timedelta(minutes=10)
"""A logout token is sent at once; an older one is void, so that its id is remembered no longer either."""
LONGEST_TOKEN = 64_000
"""Characters; people with many groups have long tokens."""
LONGEST_HEADER = 8_000
"""Characters; some providers put a certificate into it."""
LONGEST_TEXT = 255
"""Characters of a subject, and of what else is kept in a row."""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True)
class Signed:
    """A token whose signature, issuer and audience are well."""

    header: dict[str, Any]
    claims: dict[str, Any]


async def id_token(
    provider: Provider,
    discovery: Discovery,
    token: object,
    *,
    attempt: Attempt,
    nonce: str,
    access_token: object,
    now: datetime,
) -> dict[str, Any]:
    """The claims of the ID token *token* that came with *access_token* at the end of *attempt* (T10)."""
    signed = await _signed(provider, discovery, token, "ID token")
    claims = signed.claims
    _check_times(provider, claims, now)
    if (moment := _moment(claims.get("iat"))) is None or moment < attempt.begun_at - LEEWAY:
        raise Untrusted(provider, "the ID token was made before it was asked for")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise Untrusted(provider, "the ID token has another nonce")
    if text(claims.get("sub")) is None:
        raise Untrusted(provider, "the ID token has no usable sub")
    if "at_hash" in claims and claims["at_hash"] != _half_hash(access_token, str(signed.header["alg"])):
        raise Untrusted(provider, "the ID token's at_hash is of another access token")
    if attempt.prompt_login:
        proved = _moment(claims.get("auth_time"))
        if proved is None or proved < attempt.begun_at - LEEWAY:
            raise Untrusted(
                provider, "the person was not asked again for a proof: auth_time is old or missing"
            )
    return claims


async def logout_token(
    provider: Provider, discovery: Discovery, token: object, *, now: datetime
) -> dict[str, Any]:
    """The claims of *token*; whether its ``jti`` was used already is the caller's to find out."""
    signed = await _signed(provider, discovery, token, "logout token")
    claims = signed.claims
    if str(signed.header.get("typ", "JWT")).lower().removeprefix("application/") not in ("jwt", "logout+jwt"):
        raise Untrusted(provider, "the logout token is of another type")
    _check_times(provider, claims, now)
    if (moment := _moment(claims.get("iat"))) is None or moment < now - LOGOUT_LASTS:
        raise Untrusted(provider, "the logout token is old")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise Untrusted(provider, "the logout token has no logout event")
    if "nonce" in claims:
        raise Untrusted(provider, "the logout token has a nonce: it may be an ID token")
    if text(claims.get("jti")) is None:
        raise Untrusted(provider, "the logout token has no usable jti")
    for name in ("sub", "sid"):
        if name in claims and text(claims[name]) is None:
            raise Untrusted(provider, f"the logout token has no usable {name}")
    if "sub" not in claims and "sid" not in claims:
        raise Untrusted(provider, "the logout token has neither sub nor sid")
    return claims


def text(value: object) -> str | None:
    """*value* if it is a text that tells somebody apart and fits a row: compared as it is, never cleaned."""
    if not isinstance(value, str) or not value or len(value) > LONGEST_TEXT or not value.isprintable():
        return None
    return value


def auth_time(claims: dict[str, Any]) -> datetime | None:
    """When the person proved who they are, if the provider tells."""
    return _moment(claims.get("auth_time"))


async def _signed(provider: Provider, discovery: Discovery, token: object, what: str) -> Signed:
    """*token* after its signature, ``iss``, ``aud`` and ``azp``."""
    if not isinstance(token, str) or not token:
        raise Untrusted(provider, f"there is no {what}")
    if len(token) > LONGEST_TOKEN:
        raise Untrusted(provider, f"the {what} is too long")
    algorithm, kid = _header(provider, token, what)
    for key in await discovery.keys_for(algorithm, kid):
        try:
            decoded = jwt.decode(token, key, registry=_Registry(algorithm))
        except (JoseError, ValueError, RecursionError):
            continue
        _check_parties(provider, decoded.claims, what)
        return Signed(decoded.header, decoded.claims)
    raise Untrusted(provider, f"the {what} is not signed by a key of the provider")


def _header(provider: Provider, token: str, what: str) -> tuple[str, str | None]:
    """Algorithm and key id. The algorithm decides about the kind of key, never the key about it."""
    encoded = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise Untrusted(provider, f"the {what} is no token")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KINDS:
        raise Untrusted(provider, f"the {what} is signed by algorithm {str(algorithm)[:20]!r}")
    if kid is not None and not isinstance(kid, str):
        raise Untrusted(provider, f"the {what} names its key by no text")
    return algorithm, kid


class _Registry(JWSRegistry):
    """Takes one algorithm, and any header: what is unknown in it is not ours to judge (RFC 7515 §4)."""

    max_header_length = LONGEST_HEADER

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithms=[algorithm], strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        # Without joserfc's warning that RFC 9864 renamed EdDSA, which providers go on writing.
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


def _check_parties(provider: Provider, claims: dict[str, Any], what: str) -> None:
    if claims.get("iss") != provider.issuer:
        raise Untrusted(provider, f"the {what} is of issuer {str(claims.get('iss'))[:100]!r}")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if provider.client_id not in audiences:
        raise Untrusted(provider, f"the {what} is for somebody else")
    party = claims.get("azp")
    if party is not None and party != provider.client_id:
        raise Untrusted(provider, f"the {what} was made for somebody else (azp)")
    if len(audiences) > 1 and party is None:
        raise Untrusted(provider, f"the {what} is for several and does not say for whom it was made (azp)")


def _check_times(provider: Provider, claims: dict[str, Any], now: datetime) -> None:
    if (expires := _moment(claims.get("exp"))) is None or now > expires + LEEWAY:
        raise Untrusted(provider, "the token has expired")
    made = _moment(claims.get("iat"))
    if made is None or made > now + LEEWAY:
        raise Untrusted(provider, "the token was made in the future")
    if "nbf" in claims and ((begins := _moment(claims["nbf"])) is None or begins > now + LEEWAY):
        raise Untrusted(provider, "the token is not valid yet")


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _half_hash(access_token: object, algorithm: str) -> str | None:
    """OpenID Connect Core 1.0 §3.1.3.6; Ed25519 hashes with SHA-512."""
    if not isinstance(access_token, str):
        return None
    wide = hashlib.sha512 if algorithm in ("EdDSA", "Ed25519") else hashlib.sha256
    digest = wide(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
