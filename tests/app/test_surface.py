"""The door: hosts, proxies, origins, bodies, headers and errors (T20, T37, T39, T44, T45)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import nicegui
import pytest
from nicegui import ui
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.access.route_table import file, form
from app.pages import time_limit
from data.database import Database
from tests.app.access_site import PAGE, Site, site


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Site]:
    async with site(sqlite_database) as made:
        yield made


async def get(path: str, host: str = "127.0.0.1", **options: Any) -> httpx.Response:
    """GET as from the network, without what a browser adds."""
    headers = {**PAGE, "host": host, **options.pop("headers", {})}
    transport = httpx.ASGITransport(nicegui.core.app, client=options.pop("client", ("192.0.2.1", 5)))
    base = options.pop("base", "http://127.0.0.1:8080")
    async with httpx.AsyncClient(transport=transport, base_url=base) as client:
        return await client.get(path, headers=headers)


async def test_only_own_names_are_answered(sqlite_database: Database) -> None:
    """T20: a foreign Host gets nothing of a page, and nothing of it is repeated."""
    async with site(
        sqlite_database, public_url="https://charge.example.org", extra_hosts="plugs.example.org"
    ):
        for host in ("charge.example.org", "CHARGE.example.org:443", "plugs.example.org", "localhost:8080"):
            assert (await get("/sign-in", host)).status_code == 200, host
        for host in ("evil.example", "charge.example.org.evil.example", "192.0.2.9", "2130706433"):
            answer = await get("/sign-in", host)
            assert (answer.status_code, host in answer.text) == (421, False), host
            assert "nicegui" not in answer.text.lower()
        for host in ("", "a b", "a/b", "charge.example.org@evil.example", "127.0.0.1:port", "[::1"):
            assert (await get("/sign-in", host)).status_code == 400, host
        two = [("host", "127.0.0.1"), ("host", "evil.example")]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(nicegui.core.app)) as client:
            request = client.build_request("GET", "http://127.0.0.1/sign-in")
            request.headers = httpx.Headers(two)
            assert (await client.send(request)).status_code == 400


async def test_the_address_that_was_reached_is_a_name_of_ours_unless_there_is_a_public_one(
    sqlite_database: Database,
) -> None:
    """T20: a portal on all addresses of a machine can be visited in its own network without a setting."""
    async with site(sqlite_database, host="0.0.0.0"):
        assert (await get("/sign-in", "192.168.1.5:8080", base="http://192.168.1.5:8080")).status_code == 200
        assert (await get("/sign-in", "192.168.1.6:8080", base="http://192.168.1.5:8080")).status_code == 421
        assert (await get("/sign-in", "rebound.example", base="http://rebound.example")).status_code == 421
    async with site(sqlite_database, public_url="https://charge.example.org"):
        assert (await get("/sign-in", "192.168.1.5:8080", base="http://192.168.1.5:8080")).status_code == 421


async def test_proxy_headers_are_believed_from_configured_proxies_only(sqlite_database: Database) -> None:
    """T20: address, scheme and host; and nobody behind the door sees those headers."""
    settings = {"public_url": "https://charge.example.org", "trusted_proxies": "10.0.0.0/8, ::1"}
    async with site(sqlite_database, **settings):
        seen: dict[str, Any] = {}

        async def show(request: Request) -> JSONResponse:
            seen.update(client=request.client.host if request.client else None, scheme=request.url.scheme)
            seen.update(host=request.headers["host"])
            seen.update(left=[name for name in request.headers if "forward" in name or "real-ip" in name])
            return JSONResponse({})

        nicegui.app.add_route("/show", show)
        nicegui.app.state.routes.add(file("/show"))
        forwarded = {
            "x-forwarded-for": "203.0.113.66, 198.51.100.7, 10.1.1.1",
            "x-forwarded-proto": "https",
            "x-forwarded-host": "charge.example.org",
            "x-forwarded-prefix": "/evil",
            "forwarded": "for=203.0.113.66",
            "x-real-ip": "203.0.113.66",
        }
        await get("/show", "127.0.0.1", headers=forwarded, client=("10.0.0.9", 1))
        assert seen == {"client": "198.51.100.7", "scheme": "https", "host": "charge.example.org", "left": []}
        await get("/show", "127.0.0.1", headers=forwarded, client=("192.0.2.1", 1))
        assert seen == {"client": "192.0.2.1", "scheme": "http", "host": "127.0.0.1", "left": []}
        await get("/show", "127.0.0.1", headers=forwarded, client=("::1", 1))
        assert seen["client"] == "198.51.100.7"
        evil = {**forwarded, "x-forwarded-host": "evil.example"}
        assert (await get("/show", "127.0.0.1", headers=evil, client=("10.0.0.9", 1))).status_code == 421


async def test_the_prefix_header_reaches_neither_pages_nor_redirects(here: Site) -> None:
    """T20: NiceGUI would write it into each script's address and before each redirect."""
    headers = {"x-forwarded-prefix": "//evil.example"}
    page = await get("/sign-in", headers=headers)
    assert page.status_code == 200
    assert "evil.example" not in page.text
    assert (await get("/", headers=headers)).headers["location"] == "/sign-in?next=%2F"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://127.0.0.1"}, 303),
        ({"origin": "http://127.0.0.1:80"}, 303),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://127.0.0.1"}, 403),
        ({"origin": "http://127.0.0.1:8081"}, 403),
        ({"origin": "http://localhost"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://127.0.0.1.evil.example"}, 403),
        ({"origin": "http://evil.example", "sec-fetch-site": "same-origin"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
    ],
)
async def test_changes_come_from_our_own_pages(here: Site, headers: dict[str, str], status: int) -> None:
    """T37: another site's form changes nothing, whatever cookie goes along."""
    token = await here.sign_ins.issue(await here.driver())
    async with here.browser(token) as browser:
        del browser.headers["origin"]
        answer = await browser.post("/auth/sign-out", headers=headers)
    assert answer.status_code == status
    assert (await here.sign_ins.find(token) is None) == (status == 303)


async def test_behind_its_public_address_the_portal_s_own_origin_is_that_one(
    sqlite_database: Database,
) -> None:
    """T31, T37: also where the proxy hands on another Host; the same name without TLS is another site."""
    async with site(sqlite_database, public_url="https://charge.example.org") as here:
        for host, origin, status in (
            ("charge.example.org", "https://charge.example.org", 303),
            ("charge.example.org", "https://charge.example.org:443", 303),
            ("127.0.0.1:8080", "https://charge.example.org", 303),
            ("charge.example.org", "http://charge.example.org", 403),
            ("charge.example.org", "https://charge.example.org:8443", 403),
        ):
            async with here.browser() as browser:
                headers = {"host": host, "origin": origin}
                answer = await browser.post("/auth/sign-in", headers=headers, data={})
            assert answer.status_code == status, (host, origin)


async def test_a_body_has_a_limit(here: Site) -> None:
    """T36: said by its length, or found out on the way."""

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"a" * 10_000

    form = {"content-type": "application/x-www-form-urlencoded"}
    async with here.browser() as browser:
        assert (await browser.post("/auth/sign-in", content=b"a" * 70_000, headers=form)).status_code == 413
        assert (await browser.post("/auth/sign-in", content=drip(), headers=form)).status_code == 413
        assert (await browser.post("/auth/sign-in", data={"email": "a" * 60_000})).status_code == 303


async def test_every_answer_carries_the_headers(here: Site) -> None:
    """T44: pages, redirects, refusals, errors and files alike; T17: only files may be kept."""
    async with here.browser(await here.sign_ins.issue(await here.driver())) as browser:
        file = re.search(r'src="(/_nicegui/[^"]+nicegui\.js)"', (await browser.get("/")).text)
        assert file is not None
        answers = [
            await browser.get("/"),
            await browser.get("/admin"),
            await browser.get("/broken"),
            await browser.get(file[1]),
            await browser.get("/sign-in", headers={"host": "evil.example"}),
            await browser.post("/auth/sign-out", headers={"origin": "http://evil.example"}),
            await browser.post("/auth/sign-out"),
        ]
    assert [answer.status_code for answer in answers] == [200, 404, 500, 200, 421, 403, 303]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "camera=()" in answer.headers["permissions-policy"]
        is_file = answer is answers[3]
        assert ("no-store" in answer.headers["cache-control"]) != is_file  # T17: nothing to go back to
        assert "strict-transport-security" not in answer.headers  # there is no TLS here
        assert "access-control-allow-origin" not in answer.headers


async def test_a_page_s_scripts_run_by_a_nonce_of_this_answer(here: Site) -> None:
    """T44: fresh each time, at each script of NiceGUI's, and at nothing that came out of data."""
    name = '</script><script>alert("x")</script><script nonce="">'
    driver = await here.driver("Mallory Driver")
    async with here.browser(await here.sign_ins.issue(driver)) as browser:
        pages = [await browser.get("/", params={"period": name}) for _ in range(2)]
        pages.append(await browser.get("/no-such-page"))
        pages.append(await browser.get("/broken"))
    nonces = []
    for page in pages:
        policy = page.headers["content-security-policy"]
        found = re.search(r"script-src 'nonce-([A-Za-z0-9_-]{22})' 'unsafe-eval';", policy)
        assert found is not None, policy
        nonces.append(found[1])
        scripts = re.findall(r"<script\b[^>]*>", page.text)
        assert len(scripts) >= 8
        assert all(f'nonce="{found[1]}"' in script for script in scripts)
        preloads = re.findall(r'<link[^>]*rel="modulepreload"[^>]*>', page.text)
        assert preloads
        assert all(found[1] in preload for preload in preloads)
        for directive in (
            "default-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "connect-src 'self'",
        ):
            assert directive in policy
    assert len(set(nonces)) == len(nonces)


async def test_an_error_tells_a_reference_and_nothing_else(
    here: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """T45: neither in a page that fails, nor in a route, nor where there is no browser; the log has both."""

    async def fails(request: Request) -> JSONResponse:
        raise RuntimeError("secret-detail of a route")

    nicegui.app.add_route("/fails", fails)
    nicegui.app.state.routes.add(file("/fails"))
    async with here.browser(await here.sign_ins.issue(await here.driver())) as browser:
        answers = [
            await browser.get("/broken"),
            await browser.get("/fails"),
            await browser.get("/fails", headers={"accept": "*/*"}),
        ]
    for answer in answers:
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "RuntimeError" not in answer.text
        assert "Traceback" not in answer.text
        reference = re.search(r"Reference ([0-9A-F]{6})", answer.text)
        assert reference is not None
        assert any(f"reference={reference[1]}" in record.getMessage() for record in caplog.records)
    assert "secret-detail" in caplog.text
    caplog.clear()


async def test_a_page_may_find_nothing(here: Site) -> None:
    """T2, T45: a foreign or unknown id, one that is none, and an unknown address: the same page."""
    async with here.browser(await here.sign_ins.issue(await here.driver())) as browser:
        assert (await browser.get("/sessions/1")).status_code == 200
        bodies = set()
        for path in ("/sessions/2", "/sessions/x", "/sessions/99999999999999999999", "/no-such-page"):
            answer = await browser.get(path)
            assert answer.status_code == 404, path
            bodies.add(re.sub(r"[0-9a-f-]{36}|nonce=\"[^\"]+\"", "", answer.text))
        assert len(bodies) == 1
        machine = await browser.get("/no-such-page", headers={"accept": "*/*"})
        assert (machine.status_code, machine.text) == (404, "Not found\n")


async def test_the_error_pages_speak_the_visitor_s_language(here: Site) -> None:
    """P26."""
    driver = await here.driver(language="de")
    async with here.browser(await here.sign_ins.issue(driver)) as browser:
        assert "Diese Seite gibt es nicht." in (await browser.get("/no-such-page")).text
    async with here.browser() as browser:
        german = {"accept-language": "de"}
        assert "Diese Seite gibt es nicht." in (await browser.get("/no-such-page", headers=german)).text
        assert "There is no such page." in (await browser.get("/no-such-page")).text


async def test_an_error_page_comes_even_without_the_database(here: Site) -> None:
    """T45: a failing dependency is answered like a failing page."""
    token = await here.sign_ins.issue(await here.driver())
    await here.database.change(lambda change: change.execute(text("DROP TABLE sign_ins")))
    async with here.browser(token) as browser:
        answer = await browser.get("/")
    assert answer.status_code == 500
    assert "This page could not be loaded." in answer.text
    assert "sign_ins" not in answer.text
    assert "content-security-policy" in answer.headers


async def test_a_page_that_takes_too_long_is_answered_by_us(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T45, P26: with a reference and a way on; what NiceGUI says of it is for developers."""
    monkeypatch.setattr(time_limit, "SECONDS", 0.2)
    time_limit.install()

    @ui.page("/forgot", response_timeout=0.1)
    async def slow() -> None:
        await asyncio.sleep(60)

    async with here.browser() as browser:
        answer = await browser.get("/forgot", headers={"accept-language": "de"})
    assert answer.status_code == 500
    assert "Diese Seite konnte nicht geladen werden." in answer.text
    assert "Noch einmal versuchen" in answer.text
    assert "Kennung " in answer.text
    assert "response_timeout" not in answer.text


async def test_nothing_is_open_but_what_is_meant_to_be(here: Site) -> None:
    """T1, T39: no documentation, no listings, no storage folder."""
    paths = ("/docs", "/redoc", "/openapi.json", "/.nicegui", "/_nicegui/", "/static", "/.env", "/look/")
    async with here.browser(await here.sign_ins.issue(await here.driver())) as browser:
        for path in paths:
            assert (await browser.get(path)).status_code == 404, path
        for method in ("PUT", "DELETE", "PATCH"):
            answer = await browser.request(method, "/")
            assert (answer.status_code, "Hello" in answer.text) == (404, False)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
async def test_servers_may_ask_where_the_table_says_so(
    here: Site, headers: dict[str, str], status: int
) -> None:
    """T37: a back channel has no Origin, and a browser's form can't pass for it; elsewhere one is needed."""

    async def answer(request: Request) -> JSONResponse:
        return JSONResponse({})

    for path, from_servers in (("/back-channel", True), ("/form", False)):
        nicegui.app.add_route(path, answer, methods=["POST"])
        nicegui.app.state.routes.add(replace(form(path), from_servers=from_servers))
    async with here.browser() as other:
        del other.headers["origin"]
        assert (await other.post("/back-channel", headers=headers)).status_code == status
        assert (await other.post("/form", headers=headers)).status_code == 403
