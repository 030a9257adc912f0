"""Back-channel logout: only the provider signs somebody out, once a token (T16)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.access.identity import (
    Untrusted,
)
from data.database import Database
from tests.app.identity_site import Site
from tests.providers import hostile
from tests.providers.hostile import Hostile, confused, signed_by, unsigned


@pytest.fixture(scope="module")
def server() -> Iterator[Hostile]:
    with hostile.running() as provider:
        yield provider


@pytest.fixture
def site(server: Hostile, sqlite_database: Database) -> Site:
    return Site(server, sqlite_database)


SOON, PAST = int(time.time()) + 3600, int(time.time()) - 3600

LOGOUTS = [
    ("iss", {"iss": "https://evil.example"}, "is of issuer"),
    ("aud", {"aud": "somebody"}, "for somebody else"),
    ("expired", {"exp": PAST}, "has expired"),
    ("no exp", {"exp": None}, "has expired"),
    ("future", {"iat": SOON, "exp": SOON}, "in the future"),
    ("old", {"iat": PAST}, "is old"),
    ("no events", {"events": None}, "no logout event"),
    ("other event", {"events": {"http://schemas.openid.net/event/x": {}}}, "no logout event"),
    ("nonce", {"nonce": "x"}, "may be an ID token"),
    ("no jti", {"jti": None}, "no usable jti"),
    ("nobody", {"sub": None, "sid": None}, "neither sub nor sid"),
    ("sub no text", {"sub": 7}, "no usable sub"),
    ("sid too long", {"sid": "x" * 256}, "no usable sid"),
]


@pytest.mark.parametrize(("lie", "reason"), [pytest.param(*one[1:], id=f"T16 {one[0]}") for one in LOGOUTS])
async def test_a_logout_token_that_lies(site: Site, lie: dict[str, Any], reason: str) -> None:
    with pytest.raises(Untrusted) as refused:
        await site.make().logged_out("hostile", site.provider.logout_token(**lie))
    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("signer", "reason"),
    [
        (unsigned, "algorithm 'none'"),
        (confused, "algorithm 'HS256'"),
        (signed_by("RS256", 2), "not signed"),
        (signed_by("RS256", typ="at+jwt"), "another type"),
    ],
    ids=["T16 alg none", "T16 key confusion", "T16 signature", "T16 typ"],
)
async def test_a_logout_token_that_is_none(site: Site, signer: hostile.Sign, reason: str) -> None:
    site.provider.lies.sign = signer
    with pytest.raises(Untrusted) as refused:
        await site.make().logged_out("hostile", site.provider.logout_token())
    assert reason in refused.value.reason


async def test_a_logout_token_is_good_once(site: Site) -> None:
    """T16: it names whom to sign out, and a second time it is refused, by another process too."""
    token = site.provider.logout_token()
    told = await site.make().logged_out("hostile", token)
    assert (told.issuer, told.subject, told.session) == (site.provider.issuer, "person-1", "session-1")
    with pytest.raises(Untrusted, match="used already"):
        await site.make().logged_out("hostile", token)
    alone = await site.make().logged_out("hostile", site.provider.logout_token(sub=None))
    assert (alone.subject, alone.session) == (None, "session-1")


async def test_an_id_token_signs_nobody_out(site: Site) -> None:
    """T16: and garbage neither, of any length."""
    for token in ("", "x", "x" * 100_000, "e30.e30.e30"):
        with pytest.raises(Untrusted):
            await site.make().logged_out("hostile", token)
