"""The code flow against providers that others wrote: the certified one of npm, and the mock of PyPI."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.datastructures import QueryParams

from app import clock
from app.access.identity import Declined, ProviderDown, Providers, StartAgain
from data.database import Database
from tests.app.identity_site import settings
from tests.providers.certified import Certified, started
from tests.providers.mock import mock

BACK = "http://127.0.0.1:1/back"


class Portal:
    """Stands where the portal would be told of a logout: keeps the tokens that are sent to it."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        told = self.tokens

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                told.append(parse_qs(body)["logout_token"][0])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self._server.server_port}/logged-out"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    portal = Portal()
    yield portal
    portal.close()


@pytest.fixture(scope="module")
def certified(portal: Portal) -> Iterator[Certified]:
    with started(
        redirect_uris=[BACK], post_logout_redirect_uris=[BACK], backchannel_logout_uri=portal.address
    ) as provider:
        yield provider


def portal_side(database: Database, issuer: str, **changes: Any) -> Providers:
    return Providers({"one": settings(issuer, "one", **changes)}, lambda key: BACK, database)


class Browser:
    """Keeps cookies, follows redirects within the provider, and fills in its forms."""

    def __init__(self) -> None:
        self.client = httpx.AsyncClient(verify=False)

    async def open(self, address: str, form: dict[str, str] | None = None) -> httpx.Response | QueryParams:
        """The page at *address*, or what is brought back to the portal."""
        method = "GET" if form is None else "POST"
        for _ in range(10):
            answer = await self.client.request(method, address, data=form)
            if not answer.is_redirect:
                return answer
            address, method, form = str(answer.url.join(answer.headers["location"])), "GET", None
            if address.startswith(BACK):
                return QueryParams(urlsplit(address).query)
        raise AssertionError("the provider redirects for ever")

    async def sign_in(self, address: str, login: str | None) -> QueryParams:
        """Type *login* where the provider asks for one, and agree to what it asks; ``None`` cancels."""
        page = await self.open(address)
        for _ in range(4):
            if isinstance(page, QueryParams):
                return page
            assert page.status_code == 200, page.text
            if login is None:
                (cancel,) = re.findall(r'href="([^"]*/abort)"', page.text)
                page = await self.open(str(page.url.join(cancel)))
                continue
            (action,) = re.findall(r'<form[^>]* action="([^"]+)"', page.text)
            hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
            page = await self.open(str(page.url.join(action)), {**hidden, "login": login, "password": "any"})
        raise AssertionError("the provider asks for ever")


@pytest.fixture
async def browser() -> Any:
    browser = Browser()
    yield browser
    await browser.client.aclose()


async def test_signing_in_and_out(
    certified: Certified, portal: Portal, browser: Browser, sqlite_database: Database
) -> None:
    """T9–T11, T16: in by PKCE, nonce and ``iss``, a fresh proof when asked, out by both logouts."""
    providers = portal_side(
        sqlite_database,
        certified.issuer,
        client_secret=certified.client_secret,
        operator_claim="groups",
        operator_value="operators",
    )
    began = clock.now()
    begun = await providers.begin("one", return_to="/admin", language="de")
    done = await providers.finish("one", await browser.sign_in(begun.address, "olga"), begun.browser_secret)
    person = done.person
    assert (done.return_to, person.subject, person.name) == ("/admin", "olga", "Olga Op")
    assert (person.email, person.email_verified, person.is_operator) == ("olga@example.org", True, True)

    again = await providers.begin("one", browser_secret=begun.browser_secret)
    silent = await browser.sign_in(again.address, "nobody asks")
    assert (await providers.finish("one", silent, again.browser_secret)).person.subject == "olga"

    fresh = await providers.begin("one", browser_secret=begun.browser_secret, prompt_login=True)
    asked = await browser.open(fresh.address)
    assert isinstance(asked, httpx.Response), "the provider asks for a proof, though it has a session"
    proved = await browser.sign_in(fresh.address, "olga")
    person = (await providers.finish("one", proved, fresh.browser_secret)).person
    assert person.auth_time is not None
    assert (person.auth_time - began).total_seconds() > -2

    address = await providers.end_session_address("one", BACK)
    assert address is not None
    page = await browser.open(address)
    assert isinstance(page, httpx.Response)
    assert page.status_code == 200, page.text
    (action,) = re.findall(r'action="([^"]+)"', page.text)
    (xsrf,) = re.findall(r'name="xsrf" value="([^"]+)"', page.text)
    gone = await browser.open(str(page.url.join(action)), {"xsrf": xsrf, "logout": "yes"})
    assert isinstance(gone, QueryParams)
    told = [await providers.logged_out("one", token) for token in portal.tokens]
    assert [(one.subject, one.session) for one in told] == [("olga", person.session)]
    assert person.session, "so that the sign-in that ends can be told from those of other browsers"


async def test_cancelling(certified: Certified, browser: Browser, sqlite_database: Database) -> None:
    """T21, RFC 9207: the answer without a code is of this provider, too."""
    providers = portal_side(sqlite_database, certified.issuer, client_secret=certified.client_secret)
    begun = await providers.begin("one", return_to="/account")
    with pytest.raises(Declined) as declined:
        await providers.finish("one", await browser.sign_in(begun.address, None), begun.browser_secret)
    assert declined.value.return_to == "/account"


async def test_the_provider_refuses_us(
    certified: Certified, browser: Browser, sqlite_database: Database
) -> None:
    """T9: a code without its verifier is worth nothing there; and a wrong secret is our trouble (T21)."""
    providers = portal_side(sqlite_database, certified.issuer, client_secret=certified.client_secret)
    mine, other = await providers.begin("one"), await providers.begin("one")
    first = await browser.sign_in(mine.address, "ada")
    second = await browser.sign_in(other.address, "ada")
    with pytest.raises(StartAgain, match="another sign-in"):
        await providers.finish("one", QueryParams({**second, "code": first["code"]}), other.browser_secret)
    wrong = portal_side(sqlite_database, certified.issuer, client_secret="another-0123456789")
    begun = await wrong.begin("one")
    with pytest.raises(ProviderDown, match="invalid_client"):
        await wrong.finish("one", await browser.sign_in(begun.address, "ada"), begun.browser_secret)


async def test_somebody_elses_mock(sqlite_database: Database, browser: Browser) -> None:
    """The simulation's provider, which has no ``iss`` in its answers and tells all in userinfo."""
    grace = {"sub": "grace", "email": "grace@example.org", "email_verified": True, "name": "Grace"}
    with mock(grace) as issuer:
        providers = portal_side(sqlite_database, issuer, client_secret="any-0123456789")
        begun = await providers.begin("one", return_to="/")
        page = await browser.client.post(begun.address, data={"sub": "grace"})
        query = QueryParams(urlsplit(page.headers["location"]).query)
        person = (await providers.finish("one", query, begun.browser_secret)).person
    assert (person.subject, person.email, person.name) == ("grace", "grace@example.org", "Grace")
    assert person.issuer == issuer


def test_the_lock_file_names_no_address() -> None:
    """T64: everything with a hash, nothing with an address."""
    from tests.providers.certified import PACKAGE

    text = (PACKAGE / "package-lock.json").read_text()
    packages = {name: one for name, one in json.loads(text)["packages"].items() if name}
    assert "://" not in text
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
