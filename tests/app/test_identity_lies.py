"""A provider that lies, each time in one way: nobody is signed in, and the reason is the right one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select
from starlette.datastructures import QueryParams

from app import clock
from app.access.identity import (
    Declined,
    NotSignedIn,
    ProviderDown,
    StartAgain,
    UnknownProvider,
    Untrusted,
    used_once,
)
from data.database import Database
from data.models.people import UsedOnce
from tests.app.identity_site import Site
from tests.providers import hostile
from tests.providers.hostile import DISCOVERY, Hostile, Lies, confused, signed_by, unsigned

Change = Callable[[Hostile, Lies], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Hostile]:
    with hostile.running() as provider:
        yield provider


@pytest.fixture
def site(server: Hostile, sqlite_database: Database) -> Site:
    return Site(server, sqlite_database)


def claims(**lies: Any) -> Change:
    return lambda _, told: told.claims.update(lies)


def callback(**lies: Any) -> Change:
    return lambda _, told: told.callback.update(lies)


def sign(signer: hostile.Sign) -> Change:
    return lambda _, told: setattr(told, "sign", signer)


def stolen_key(provider: Hostile, told: Lies) -> None:
    """Signs with a key of its own under the id of the published one."""
    told.sign = signed_by("RS256", 2, kid=hostile.key_pair().kid)


def two_keys(provider: Hostile, told: Lies) -> None:
    provider.published = [hostile.key_pair(), hostile.key_pair(number=2)]
    told.sign = signed_by("RS256", kid=None)


def weak_key(provider: Hostile, told: Lies) -> None:
    told.keys["n"], told.sign = hostile.weak()


def keys(**lies: Any) -> Change:
    return lambda _, told: told.keys.update(lies)


def other_signature(header: dict[str, Any], told: dict[str, Any]) -> str:
    token = signed_by("RS256")(header, told)
    return token[:-8] + ("AAAAAAAA" if not token.endswith("AAAAAAAA") else "BBBBBBBB")


SOON, PAST = int(time.time()) + 3600, int(time.time()) - 3600

LIES = [
    ("T10 iss of another", claims(iss="https://evil.example"), Untrusted, "ID token is of issuer"),
    ("T10 iss nearly", lambda one, told: told.claims.update(iss=one.issuer + "/"), Untrusted, "is of issuer"),
    ("T10 iss missing", claims(iss=None), Untrusted, "is of issuer"),
    ("T10 aud of another", claims(aud="somebody"), Untrusted, "is for somebody else"),
    ("T10 aud missing", claims(aud=None), Untrusted, "is for somebody else"),
    ("T10 aud of several, no azp", claims(aud=["polaris", "somebody"]), Untrusted, "does not say for whom"),
    ("T10 azp of another", claims(azp="somebody"), Untrusted, "made for somebody else (azp)"),
    ("T10 expired", claims(exp=PAST), Untrusted, "has expired"),
    ("T10 exp missing", claims(exp=None), Untrusted, "has expired"),
    ("T10 exp no number", claims(exp=float("inf")), Untrusted, "has expired"),
    ("T10 from the future", claims(iat=SOON, exp=SOON + 9), Untrusted, "in the future"),
    ("T10 iat missing", claims(iat=None), Untrusted, "in the future"),
    ("T10 older than the question", claims(iat=PAST), Untrusted, "before it was asked for"),
    ("T10 not valid yet", claims(nbf=SOON), Untrusted, "not valid yet"),
    ("T9 another nonce", claims(nonce="x" * 43), Untrusted, "another nonce"),
    ("T9 nonce missing", claims(nonce=None), Untrusted, "another nonce"),
    ("T10 sub missing", claims(sub=None), Untrusted, "no usable sub"),
    ("T10 sub empty", claims(sub=""), Untrusted, "no usable sub"),
    ("T10 sub is a number", claims(sub=7), Untrusted, "no usable sub"),
    ("T10 sub too long", claims(sub="x" * 256), Untrusted, "no usable sub"),
    ("T10 sub with a line break", claims(sub="person\n1"), Untrusted, "no usable sub"),
    ("T10 at_hash of another token", claims(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), Untrusted, "at_hash"),
    ("T10 signature", sign(other_signature), Untrusted, "not signed by a key"),
    ("T10 key of another under the known id", stolen_key, Untrusted, "not signed by a key"),
    ("T10 unknown key", sign(signed_by("RS256", 2)), Untrusted, "not signed by a key"),
    ("T10 several keys and no id", two_keys, Untrusted, "not signed by a key"),
    ("T10 a key that is too short", weak_key, Untrusted, "not signed by a key"),
    ("T10 a key for another use", keys(use="enc"), Untrusted, "not signed by a key"),
    ("T10 a key for another algorithm", keys(alg="PS256"), Untrusted, "not signed by a key"),
    ("T10 a key published with its secret", keys(d="AQAB"), Untrusted, "not signed by a key"),
    ("T10 a broken key", keys(n="=="), Untrusted, "not signed by a key"),
    ("T10 alg none", sign(unsigned), Untrusted, "algorithm 'none'"),
    ("T10 key confusion", sign(confused), Untrusted, "algorithm 'HS256'"),
    ("T10 an algorithm that is not listed", sign(signed_by("RS384")), Untrusted, "algorithm 'RS384'"),
    ("T10 key of another kind", sign(signed_by("ES256", kid="RS256-1")), Untrusted, "not signed by a key"),
    ("T10 no id_token", lambda _, told: told.answer.update(id_token=None), Untrusted, "there is no ID token"),
    ("T10 id_token no text", lambda _, told: told.answer.update(id_token={}), Untrusted, "no ID token"),
    ("T10 id_token no token", lambda _, told: told.answer.update(id_token="x.y.z"), Untrusted, "is no token"),
    ("T11 callback of another issuer", callback(iss="https://evil.example"), Untrusted, "is of issuer"),
    ("T11 callback without its promised issuer", callback(iss=None), Untrusted, "names no issuer"),
    ("T9 callback without code", callback(code=None), Untrusted, "holds no code"),
    ("T9 callback without state", callback(state=None), StartAgain, "not this browser's"),
    ("T9 callback with a made up state", callback(state="x.y.z.a.b"), StartAgain, "not this browser's"),
    ("T9 made up code", callback(code="made-up"), StartAgain, "code is used"),
    ("T21 cancelled", callback(code=None, error="access_denied"), Declined, "access_denied"),
    ("T21 its own trouble", callback(code=None, error="server_error"), ProviderDown, "server_error"),
    ("T11 cancelled by another", callback(error="access_denied", iss="https://e.test"), Untrusted, "issuer"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "kind", "reason"), [pytest.param(*one[1:], id=one[0]) for one in LIES])
async def test_a_lie_signs_nobody_in(
    site: Site, change: Change, kind: type[NotSignedIn], reason: str
) -> None:
    """T9, T10, T11, T12, T21: each id names what is lied about, and the rule it breaks."""
    change(site.provider, site.provider.lies)
    with pytest.raises(kind) as refused:
        await site.sign_in()
    assert type(refused.value) is kind
    assert reason in refused.value.reason


async def test_the_honest_one_is_believed(site: Site) -> None:
    """The other side of all lies: without one, the same way ends well (T9, T10, T12)."""
    done = await site.sign_in(return_to="/?period=year", purpose="link 7")
    assert (done.return_to, done.purpose) == ("/?period=year", "link 7")
    assert (done.person.issuer, done.person.subject) == (site.provider.issuer, "person-1")
    assert (done.person.email, done.person.email_verified) == ("ada@example.org", True)
    assert (done.person.name, done.person.session) == ("Ada", "session-1")
    assert site.provider.asked == [DISCOVERY, "/authorize", "/token", "/keys"], "userinfo adds nothing here"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
async def test_listed_algorithms_are_read(site: Site, algorithm: str) -> None:
    """T10: with ``at_hash``, whose length goes with the algorithm."""

    def sign(header: dict[str, Any], told: dict[str, Any]) -> str:
        wide = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
        digest = wide(site.provider.lies.answer["access_token"].encode()).digest()
        told["at_hash"] = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
        return signed_by(algorithm)(header, told)

    site.provider.published = [hostile.key_pair(algorithm)]
    site.provider.lies.answer["access_token"] = "known beforehand"
    site.provider.lies.sign = sign
    assert (await site.sign_in()).person.subject == "person-1"


async def test_the_code_goes_with_its_verifier(site: Site) -> None:
    """T9: PKCE with S256, a fresh challenge, nonce and state each time; the provider can't read the state."""
    providers = site.make()
    first, second = [
        parse_qs(urlsplit((await providers.begin("hostile", return_to="/secret-place")).address).query)
        for _ in range(2)
    ]
    assert first["code_challenge_method"] == ["S256"]
    for name in ("code_challenge", "nonce", "state"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]
    assert "secret-place" not in str(base64.urlsafe_b64decode(first["state"][0].split(".")[3] + "=="))


async def test_a_callback_is_good_once(site: Site) -> None:
    """T9: a second time it starts again, also in another process, and nothing is asked of the provider."""
    providers = site.make()
    begun = await providers.begin("hostile", return_to="/account")
    query = await site.provider.visit(begun.address)
    await providers.finish("hostile", query, begun.browser_secret)
    asked = list(site.provider.asked)
    for again in (providers, site.make()):
        with pytest.raises(StartAgain, match="used already") as refused:
            await again.finish("hostile", query, begun.browser_secret)
        assert refused.value.return_to == "/account"
    assert site.provider.asked == asked


async def test_two_callbacks_at_once(site: Site) -> None:
    """T9: of the same answer sent several times in one moment, exactly one signs somebody in."""
    providers = site.make()
    begun = await providers.begin("hostile")
    query = await site.provider.visit(begun.address)
    done = await asyncio.gather(
        *(providers.finish("hostile", query, begun.browser_secret) for _ in range(4)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == [
        "Finished",
        "StartAgain",
        "StartAgain",
        "StartAgain",
    ]


async def test_a_state_that_was_changed(site: Site) -> None:
    """T9, T18: nobody writes another way back, or another provider, into it."""
    providers = site.make()
    begun = await providers.begin("hostile", return_to="/account")
    query = await site.provider.visit(begun.address)
    parts = query["state"].split(".")
    for number in (2, 3, 4):
        changed = [*parts]
        changed[number] = ("B" if changed[number][0] == "A" else "A") + changed[number][1:]
        with pytest.raises(StartAgain, match="not this browser's"):
            await providers.finish(
                "hostile", QueryParams({**query, "state": ".".join(changed)}), begun.browser_secret
            )


async def test_a_long_way_back_is_dropped(site: Site) -> None:
    """Several providers refuse long addresses; a purpose is ours and has to be short."""
    assert (await site.sign_in(return_to="/?q=" + "x" * 1_000)).return_to is None
    with pytest.raises(ValueError, match="201 characters"):
        await site.make().begin("hostile", purpose="x" * 201)


async def test_what_is_used_once(database: Database) -> None:
    """T9: on both databases; what has expired is forgotten by whoever comes next."""
    now = clock.now()
    soon, later = now + timedelta(minutes=1), now + timedelta(minutes=2)
    assert await database.change(used_once.use, "state", "one", soon, now) is True
    assert await database.change(used_once.use, "state", "one", soon, now) is False
    assert await database.change(used_once.use, "logout token", "one", soon, now) is True
    assert await database.change(used_once.use, "state", "two", later + timedelta(1), later) is True
    kept = await database.ask(lambda db: db.execute(select(UsedOnce.purpose)).scalars().all())
    assert kept == ["state"]


async def test_a_callback_is_good_in_its_browser_only(site: Site) -> None:
    """T9: swapped between two browsers, or in one without the cookie; and afterwards still in its own."""
    providers = site.make()
    mine, theirs = await providers.begin("hostile"), await providers.begin("hostile")
    query = await site.provider.visit(mine.address)
    for secret in (theirs.browser_secret, None, "", "x"):
        with pytest.raises(StartAgain, match="not this browser's"):
            await providers.finish("hostile", query, secret)
    assert (await providers.finish("hostile", query, mine.browser_secret)).person.subject == "person-1"


async def test_swapped_codes_are_refused(site: Site) -> None:
    """T9: a stolen code put into an attacker's own, unused answer: PKCE gives it away."""
    providers = site.make()
    mine, theirs = await providers.begin("hostile"), await providers.begin("hostile")
    stolen, own = await site.provider.visit(mine.address), await site.provider.visit(theirs.address)
    mixed = QueryParams({**own, "code": stolen["code"]})
    with pytest.raises(StartAgain, match="another sign-in"):
        await providers.finish("hostile", mixed, theirs.browser_secret)


async def test_tabs_side_by_side(site: Site) -> None:
    """T9, issue: five tabs of one browser, finished in another order, all work."""
    providers = site.make()
    secret, tabs = None, []
    for number in range(5):
        begun = await providers.begin("hostile", return_to=f"/?tab={number}", browser_secret=secret)
        secret = begun.browser_secret
        tabs.append((number, await site.provider.visit(begun.address)))
    for number, query in reversed(tabs):
        assert (await providers.finish("hostile", query, secret)).return_to == f"/?tab={number}"


async def test_another_providers_address(site: Site) -> None:
    """T11, mix-up: the answer to a sign-in by one provider at the address of another."""
    providers = site.make()
    begun = await providers.begin("hostile")
    with pytest.raises(Untrusted, match="answer is to a sign-in by hostile"):
        await providers.finish("other", await site.provider.visit(begun.address), begun.browser_secret)


async def test_a_late_answer(site: Site) -> None:
    """T9: after ten minutes the state is void, and where to go is not lost."""
    providers = site.make()
    begun = await providers.begin("hostile", return_to="/account")
    query = await site.provider.visit(begun.address)
    with clock.at(clock.now()):
        clock.advance(timedelta(minutes=10))
        with pytest.raises(StartAgain, match="took too long") as refused:
            await providers.finish("hostile", query, begun.browser_secret)
    assert refused.value.return_to == "/account"


async def test_a_provider_that_is_none(site: Site) -> None:
    """What the settings do not name: 404 for who asks for it, and a sign-out that does not wait."""
    providers = site.make()
    for asked in (
        providers.begin("x"),
        providers.finish("x", QueryParams(), None),
        providers.logged_out("x", "x"),
    ):
        with pytest.raises(UnknownProvider):
            await asked
    assert await providers.end_session_address("x", "http://127.0.0.1:1/") is None


async def test_a_parameter_twice(site: Site) -> None:
    """T11: which of the two would be checked, and which used?"""
    providers = site.make()
    begun = await providers.begin("hostile")
    query = await site.provider.visit(begun.address)
    twice = QueryParams([*query.multi_items(), ("iss", "https://evil.example")])
    with pytest.raises(Untrusted, match="twice"):
        await providers.finish("hostile", twice, begun.browser_secret)


async def test_asked_for_a_new_proof(site: Site) -> None:
    """T24: `auth_time` has to be after the question; the old one of a session is not enough, nor none."""
    done = await site.sign_in(prompt_login=True)
    assert done.person.auth_time is not None
    assert abs((clock.now() - done.person.auth_time).total_seconds()) < 60
    for told in (int(time.time()) - 3600, None):
        site.provider.lies.claims["auth_time"] = told
        with pytest.raises(Untrusted, match="auth_time"):
            await site.sign_in(prompt_login=True)
    site.provider.lies.claims["auth_time"] = None
    assert (await site.sign_in()).person.auth_time is None, "not wanted otherwise"


async def test_userinfo_of_somebody_else(site: Site) -> None:
    """T10: asked only where the ID token leaves something out, and then it has to be of the same person."""
    site.provider.lies.claims.update(email=None, email_verified=None, name=None)
    done = await site.sign_in()
    assert (done.person.name, done.person.email, done.person.email_verified) == (
        "Ada",
        "ada@example.org",
        True,
    )
    for told in ("person-2", None):
        site.provider.lies.userinfo["sub"] = told
        with pytest.raises(Untrusted, match="userinfo is of another sub"):
            await site.sign_in()


async def test_userinfo_does_not_verify_what_it_did_not_say(site: Site) -> None:
    """T12: an address of the ID token is not verified by the word that userinfo gives for another one."""
    site.provider.lies.claims.update(email="victim@example.org", email_verified=None, name=None)
    person = (await site.sign_in()).person
    assert (person.email, person.email_verified) == ("victim@example.org", False)


async def test_nothing_secret_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """T63: what is raised is for the log: it tells the provider and the reason, and no token."""
    caplog.set_level(logging.INFO)
    tokens: list[str] = []

    def sign(header: dict[str, Any], told: dict[str, Any]) -> str:
        tokens.append(signed_by("RS256")(header, told))
        return tokens[-1]

    site.provider.lies.sign = sign
    site.provider.lies.claims["aud"] = "somebody"
    begun = await site.make().begin("hostile")
    query = await site.provider.visit(begun.address)
    caplog.clear()
    with pytest.raises(Untrusted) as refused:
        await site.make().finish("hostile", query, begun.browser_secret)
    assert str(refused.value) == "provider=hostile the ID token is for somebody else"
    for secret in (*tokens, query["code"], begun.browser_secret, hostile.CLIENT_SECRET):
        assert secret not in "\n".join([str(refused.value), *caplog.messages])
