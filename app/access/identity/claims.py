"""What a provider tells of a person, as a `Person`: cleaned, bounded, believed as far as it deserves."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from app.access.identity import tokens
from app.access.identity.person import Person
from app.access.identity.providers import Provider

LONGEST_NAME = 200
LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[^\s@<>\",;:\\()\[\]]+@[^\s@<>\",;:\\()\[\]]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's categories of what takes no place or turns the line around."""


def is_complete(provider: Provider, claims: Mapping[str, Any]) -> bool:
    """True if *claims* tell all that we want to know, so that nobody else is asked."""
    scopes = provider.scopes.split()
    wanted = [name for scope, name in (("email", "email"), ("profile", "name")) if scope in scopes]
    if not all(isinstance(claims.get(name), str) for name in wanted):
        return False
    return provider.operator_claim is None or bool(_found(claims, provider.operator_claim))


def person(provider: Provider, claims: Mapping[str, Any], more: Mapping[str, Any]) -> Person:
    """The person of the ID token's *claims*; *more* is what the userinfo endpoint adds, which weighs less."""
    both = {**more, **claims}
    # The address and the word that it is verified have to come from one mouth.
    source = claims if "email" in claims else more
    email, verified = _email(source.get("email")), source.get("email_verified")
    return Person(
        provider=provider.key,
        issuer=provider.issuer,
        subject=str(claims["sub"]),
        email=email,
        email_verified=email is not None and (verified is True or verified == "true"),
        name=_name(both),
        is_operator=_is_operator(provider, both),
        session=tokens.text(claims.get("sid")),
        auth_time=tokens.auth_time(dict(claims)),
        language=_matching(_LANGUAGE, both.get("locale"), 35),
        time_zone=_matching(_ZONE, both.get("zoneinfo"), 64),
    )


def line(value: object, longest: int) -> str:
    """*value* as one line of text: without control and direction characters, at most *longest* characters."""
    if not isinstance(value, str):
        return ""
    kept = (
        character if unicodedata.category(character) not in _INVISIBLE else " "
        for character in value[: 10 * longest]
    )
    return " ".join("".join(kept).split())[:longest].strip()


def _name(claims: Mapping[str, Any]) -> str:
    whole = line(claims.get("name"), LONGEST_NAME)
    parts = (line(claims.get("given_name"), 100), line(claims.get("family_name"), 99))
    return whole or " ".join(filter(None, parts)) or line(claims.get("preferred_username"), LONGEST_NAME)


def _email(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > LONGEST_EMAIL or not value.isprintable():
        return None
    value = value.strip()
    lower = value.lower()
    # The Kelvin sign's lower case is a k: the addresses of two people would become one.
    if not _EMAIL.fullmatch(lower) or lower != "".join(c.lower() if c.isascii() else c for c in value):
        return None
    return lower if len(lower) <= LONGEST_EMAIL else None


def _is_operator(provider: Provider, claims: Mapping[str, Any]) -> bool:
    if provider.operator_claim is None or provider.operator_value is None:
        return False
    return any(_says(value, provider.operator_value) for value in _found(claims, provider.operator_claim))


def _says(value: object, wanted: str | bool) -> bool:
    if isinstance(value, list):
        return any(_says(one, wanted) for one in value if not isinstance(one, list))
    return type(value) is type(wanted) and value == wanted


def _found(claims: object, path: str) -> list[object]:
    """What stands at *path*; names may hold dots themselves, as those do that are addresses."""
    if not isinstance(claims, Mapping):
        return []
    found = [claims[path]] if path in claims else []
    for name in claims:
        if isinstance(name, str) and path.startswith(name + "."):
            found += _found(claims[name], path[len(name) + 1 :])
    return found


def _matching(pattern: re.Pattern[str], value: object, longest: int) -> str | None:
    return value if isinstance(value, str) and len(value) <= longest and pattern.fullmatch(value) else None
