"""What a provider publishes of itself: its addresses and its keys, remembered and asked again in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.util import base64_to_int

from app import clock
from app.access.identity.outgoing import Outgoing
from app.access.identity.problems import NotSignedIn, Untrusted
from app.access.identity.providers import Provider

log = logging.getLogger("polaris.access")

T = TypeVar("T")

FRESH = timedelta(hours=1)
"""How long documents are believed without asking again: a key that was withdrawn is believed no longer."""
STALE = timedelta(hours=24)
"""How long addresses (not keys) are still used while the provider does not answer for them."""
KEYS_AGAIN = timedelta(seconds=60)
"""An unknown key asks for the keys again, this often at most: strangers can make up key ids."""
DOWN_FOR = timedelta(seconds=5)
"""How long a failure is told on without trying again, so that a crowd does not wait one by one (T21)."""
LEAST_RSA = 2048
KINDS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""The algorithms that are accepted, with the kind of key and curve of each: asymmetric ones only (T10)."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What we use of a discovery document (OpenID Connect Discovery 1.0 §3)."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    says_issuer: bool
    """It promises an ``iss`` with each answer (RFC 9207)."""
    token_auth_methods: tuple[str, ...]


class _Kept(Generic[T]):
    """One document: asked for by one at a time, whoever else wants it waits for that answer (T21)."""

    def __init__(self, ask: Callable[[], Awaitable[T]], *, stale: timedelta = timedelta(0)) -> None:
        """*stale* is how old it may be while the provider does not answer for it."""
        self._ask = ask
        self._stale = stale
        self._known: tuple[T, datetime] | None = None
        self._failed: tuple[NotSignedIn, datetime] | None = None
        self._lock = asyncio.Lock()

    async def value(self, provider: Provider, age: timedelta, *, in_need: bool = True) -> T:
        """It, not older than *age* (*in_need* an old one will do), or the problem with asking for it."""
        async with self._lock:
            now = clock.now()
            if self._known is not None and not clock.is_over(self._known[1], age, now):
                return self._known[0]
            if self._failed is None or clock.is_over(self._failed[1], DOWN_FOR, now):
                try:
                    self._known, self._failed = (await self._ask(), now), None
                    return self._known[0]
                except NotSignedIn as problem:
                    self._failed = problem, clock.now()
            known = self._failed[0]
            if not in_need or self._known is None or now >= self._known[1] + self._stale:
                raise type(known)(provider, known.reason)
            log.warning("identity provider is answered for by an old document: %s", known)
            return self._known[0]


class Discovery:
    """One provider's documents. Methods raise `ProviderDown` and `Untrusted`."""

    def __init__(self, provider: Provider, outgoing: Outgoing) -> None:
        self._provider = provider
        self._outgoing = outgoing
        self._metadata = _Kept(self._asked, stale=STALE)
        self._keys = _Kept(self._asked_keys)

    async def metadata(self) -> Metadata:
        """The provider's addresses."""
        return await self._metadata.value(self._provider, FRESH)

    async def ask(self) -> None:
        """Ask the provider, whatever is remembered: raises if it does not answer, or did not 5 s ago."""
        await self._metadata.value(self._provider, timedelta(0), in_need=False)

    async def keys_for(self, algorithm: str, kid: str | None) -> list[Key]:
        """The keys that a token with this header may be signed with; none if there are no such keys.

        Without a *kid* only a provider with a single key of that kind can be believed (OpenID Connect §10.1).
        """
        found = _fitting(await self._keys.value(self._provider, FRESH), algorithm, kid)
        if not found:
            found = _fitting(await self._keys.value(self._provider, KEYS_AGAIN), algorithm, kid)
        return found if kid is not None or len(found) == 1 else []

    async def _asked(self) -> Metadata:
        told = await self._outgoing.document(
            self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        )
        if told.get("issuer") != self._provider.issuer:
            raise Untrusted(self._provider, f"its document is of issuer {str(told.get('issuer'))[:100]!r}")
        methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(
            authorization=self._address(told, "authorization_endpoint"),
            token=self._address(told, "token_endpoint"),
            keys=self._address(told, "jwks_uri"),
            userinfo=self._optional_address(told, "userinfo_endpoint"),
            end_session=self._optional_address(told, "end_session_endpoint"),
            says_issuer=told.get("authorization_response_iss_parameter_supported") is True,
            token_auth_methods=tuple(str(one) for one in methods) if isinstance(methods, list) else (),
        )

    def _optional_address(self, told: dict[str, Any], name: str) -> str | None:
        return self._address(told, name) if told.get(name) is not None else None

    def _address(self, told: dict[str, Any], name: str) -> str:
        address = told.get(name)
        if why := self._outgoing.refused(address):
            raise Untrusted(self._provider, f"its document's {name} is not used: {why}")
        return str(address)

    async def _asked_keys(self) -> list[dict[str, Any]]:
        told = (await self._outgoing.document((await self.metadata()).keys)).get("keys")
        if not isinstance(told, list):
            raise Untrusted(self._provider, "its key document holds no keys")
        return [one for one in told if isinstance(one, dict)]


def _fitting(keys: list[dict[str, Any]], algorithm: str, kid: str | None) -> list[Key]:
    kind, curve = KINDS[algorithm]
    found: list[Key] = []
    for one in keys:
        if one.get("kty") != kind or (kid is not None and one.get("kid") != kid):
            continue
        if curve is not None and one.get("crv") != curve:
            continue
        if one.get("use", "sig") != "sig" or one.get("alg", algorithm) not in _names(algorithm):
            continue
        if (key := _imported(kind, one)) is not None:
            found.append(key)
    return found


def _names(algorithm: str) -> tuple[str, ...]:
    return ("EdDSA", "Ed25519") if algorithm in ("EdDSA", "Ed25519") else (algorithm,)


def _imported(kind: str, told: dict[str, Any]) -> Key | None:
    """The public key of *told*; ``None`` for one that is broken, weak, or was published with its secret."""
    if "d" in told:
        return None
    public = ("kty", "n", "e", "crv", "x", "y")
    given: dict[str, Any] = {name: told[name] for name in public if name in told}
    try:
        if kind == "RSA":
            # Before the import, which warns of a weak key and takes it.
            return RSAKey.import_key(given) if base64_to_int(given["n"]).bit_length() >= LEAST_RSA else None
        return ECKey.import_key(given) if kind == "EC" else OKPKey.import_key(given)
    except (JoseError, ValueError, KeyError, TypeError):
        return None
