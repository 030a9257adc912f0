"""What a provider publishes, and answers, may be hostile, slow or gone (T11, T21, T48)."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app import clock
from app.access.identity import (
    NotSignedIn,
    ProviderDown,
    Untrusted,
)
from data.database import Database
from tests.app.identity_site import Site
from tests.providers import hostile
from tests.providers.hostile import DISCOVERY, Hostile, signed_by


@pytest.fixture(scope="module")
def server() -> Iterator[Hostile]:
    with hostile.running() as provider:
        yield provider


@pytest.fixture
def site(server: Hostile, sqlite_database: Database) -> Site:
    return Site(server, sqlite_database)


DOCUMENTS = [
    ("T11 another issuer", lambda one: {"issuer": "https://evil.example"}, "document is of issuer"),
    ("T11 issuer with a slash", lambda one: {"issuer": one.issuer + "/"}, "document is of issuer"),
    ("T11 no issuer", lambda one: {"issuer": None}, "document is of issuer"),
    ("T48 keys elsewhere", lambda one: {"jwks_uri": "https://evil.example/k"}, "jwks_uri is not used"),
    ("T48 token elsewhere", lambda one: {"token_endpoint": "https://evil.example"}, "token_endpoint"),
    ("T48 page elsewhere", lambda one: {"authorization_endpoint": "https://evil.example"}, "nor in hosts"),
    ("T48 userinfo elsewhere", lambda one: {"userinfo_endpoint": "https://evil.example"}, "nor in hosts"),
    ("T48 end elsewhere", lambda one: {"end_session_endpoint": "https://evil.example"}, "nor in hosts"),
    ("T48 another port", lambda one: {"jwks_uri": "http://127.0.0.1:1/keys"}, "nor in hosts"),
    ("T48 a file", lambda one: {"jwks_uri": "file:///etc/passwd"}, "jwks_uri is not used"),
    ("T48 http", lambda one: {"token_endpoint": "http://login.example/"}, "it is not https"),
    ("T48 a script", lambda one: {"authorization_endpoint": "data:text/html,x"}, "is not used"),
    ("T48 a user", lambda one: {"jwks_uri": one.issuer.replace("//", "//a:b@")}, "holds a user name"),
    ("T48 a fragment", lambda one: {"token_endpoint": one.issuer + "/token#x"}, "holds a fragment"),
    ("T48 a line break", lambda one: {"token_endpoint": one.issuer + "/\r\nx"}, "no address has"),
    ("T48 a list", lambda one: {"token_endpoint": [one.issuer]}, "it is no text"),
    ("T48 no token endpoint", lambda one: {"token_endpoint": None}, "token_endpoint is not used"),
]  # fmt: skip


@pytest.mark.parametrize(("lies", "reason"), [pytest.param(*one[1:], id=one[0]) for one in DOCUMENTS])
async def test_a_hostile_document(site: Site, lies: Any, reason: str) -> None:
    site.provider.lies.discovery = lies(site.provider)
    with pytest.raises(Untrusted) as refused:
        await site.make().begin("hostile")
    assert reason in refused.value.reason


@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys", "/userinfo"])
@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ("huge", Untrusted, "answered too much"),
        ("zipped", Untrusted, "answered too much"),
        ("redirect", Untrusted, "it answered with a redirect"),
        ("not json", Untrusted, "no "),
        ("deep", Untrusted, "no "),
        ("list", Untrusted, "no "),
        ("500", ProviderDown, ""),
        ("drip", ProviderDown, "took too long"),
        ("stall", ProviderDown, "took too long"),
    ],
)
async def test_a_hostile_answer(
    site: Site, path: str, answer: str, kind: type[NotSignedIn], reason: str
) -> None:
    """T48, T21: huge, compressed, redirected, dripping and silent answers end soon and in our words."""
    site.provider.lies.pages[path] = answer
    site.provider.lies.claims["name"] = None
    patience = 0.5 if answer in ("drip", "stall") else 5
    began = time.monotonic()
    with pytest.raises(kind) as refused:
        await site.sign_in(site.make(patience=patience), return_to="/account")
    assert time.monotonic() - began < 5, "and not the 20 seconds that it wanted"
    assert reason in refused.value.reason
    assert refused.value.return_to == "/account"


async def test_further_hosts_are_named_by_the_settings(site: Site) -> None:
    """T48: what a document names is used where the settings say so; and only over TLS."""
    site.provider.lies.discovery["end_session_endpoint"] = "https://end.example/out?a=b"
    providers = site.make(hosts=frozenset({"end.example:443"}))
    address = await providers.end_session_address("hostile", "https://polaris.example/sign-in")
    assert address == (
        "https://end.example/out?a=b&client_id=polaris"
        "&post_logout_redirect_uri=https%3A%2F%2Fpolaris.example%2Fsign-in"
    )
    assert await site.make().end_session_address("hostile", "https://polaris.example") is None


# --- keys and provider over time


async def test_new_keys_are_found_and_strangers_ask_for_none(site: Site) -> None:
    """T10, T21: a new key works at once; unknown key ids ask the provider once a minute at most."""
    providers = site.make()
    with clock.at(clock.now()):
        await site.sign_in(providers)
        site.provider.published = [hostile.key_pair(number=2)]
        site.provider.lies.sign = signed_by("RS256", 2)
        clock.advance(timedelta(minutes=1))
        assert (await site.sign_in(providers)).person.subject == "person-1"
        site.provider.lies.sign = signed_by("RS256", 3)
        for _ in range(3):
            with pytest.raises(Untrusted, match="not signed"):
                await site.sign_in(providers)
        assert site.provider.asked.count("/keys") == 2
        assert site.provider.asked.count(DISCOVERY) == 1


async def test_a_withdrawn_key_is_believed_an_hour_at_most(site: Site) -> None:
    """T10: the token's times are moved along with the clock, so that only the key is in question."""
    providers = site.make()
    with clock.at(clock.now()):
        await site.sign_in(providers)
        site.provider.published = [hostile.key_pair(number=2)]
        clock.advance(timedelta(minutes=60))
        moment = int(clock.now().timestamp())
        site.provider.lies.claims.update(iat=moment, exp=moment + 60)
        with pytest.raises(Untrusted, match="not signed"):
            await site.sign_in(providers)


async def test_a_provider_that_is_down(site: Site) -> None:
    """T21: it says so at once to all but the first, and works again when it does."""
    site.provider.lies.pages[DISCOVERY] = "500"
    providers = site.make()
    with clock.at(clock.now()):
        for _ in range(3):
            with pytest.raises(ProviderDown) as refused:
                await providers.begin("hostile", return_to="/account")
            assert (refused.value.label, refused.value.return_to) == ("Hostile", "/account")
        assert site.provider.asked == [DISCOVERY]
        assert await providers.end_session_address("hostile", "http://127.0.0.1:1/") is None
        site.provider.lies.pages.clear()
        clock.advance(timedelta(minutes=1))
        await providers.begin("hostile")
        site.provider.lies.pages[DISCOVERY] = "500"
        clock.advance(timedelta(minutes=120))
        await providers.begin("hostile"), "its addresses are still known"


async def test_a_slow_provider_is_waited_for_once(site: Site) -> None:
    """T21: a crowd that comes while it drips waits together, and whoever comes next is told at once."""
    site.provider.lies.pages[DISCOVERY] = "drip"
    providers = site.make(patience=2)
    crowd = await asyncio.gather(*(providers.begin("hostile") for _ in range(4)), return_exceptions=True)
    assert [type(one) for one in crowd] == [ProviderDown] * 4
    with pytest.raises(ProviderDown):
        await providers.begin("hostile")
    assert site.provider.asked == [DISCOVERY]


async def test_a_provider_that_is_not_there(site: Site) -> None:
    """T21: nobody listens at its address."""
    with pytest.raises(ProviderDown):
        await site.make(issuer="http://127.0.0.1:9").begin("hostile")


async def test_a_certificate_of_nobody(site: Site, tmp_path: Path) -> None:
    """T48: TLS is verified, on this machine too; whoever made the certificate themselves is not believed."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate_of_nobody(tmp_path))
    asked: list[asyncio.StreamReader] = []
    server = await asyncio.start_server(lambda reader, _: asked.append(reader), "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ProviderDown, match=r"(?i)certificate.verify.failed"):
            await site.make(issuer=f"https://127.0.0.1:{port}").begin("hostile")
    assert asked == []


def certificate_of_nobody(folder: Path) -> Path:
    """A file with a key and a certificate for 127.0.0.1 that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(clock.now() - timedelta(hours=1))
        .not_valid_after(clock.now() + timedelta(hours=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "nobody.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_signing_out_does_not_wait(site: Site) -> None:
    """T16, T21: two seconds at most, whatever the provider does."""
    site.provider.lies.pages[DISCOVERY] = "stall"
    began = time.monotonic()
    assert await site.make(patience=20).end_session_address("hostile", "http://127.0.0.1:1/") is None
    assert 1.5 < time.monotonic() - began < 8, "and not the 10 that a sign-in would wait"


async def test_a_wrong_secret_is_our_trouble(site: Site) -> None:
    """T21: the person is told that this way is closed, the log why."""
    with pytest.raises(ProviderDown, match="invalid_client"):
        await site.sign_in(site.make(client_secret="of yesterday"))
