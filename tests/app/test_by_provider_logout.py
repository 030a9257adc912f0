"""Leaving by an identity provider: sign-out there too, and its own word on it: T16, T19, T21, T37."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import nicegui
import pytest
from sqlalchemy import select

from app import clock
from app.access import open_pages
from data.database import Database
from data.models import AuditEntry, SignIn
from tests.app.access_site import Server, Site
from tests.app.provider_site import (
    ADA,
    BOB,
    Open,
    link,
    opened,
    path,
    provider,
    running_provider,
    said,
    sign_in,
)
from tests.providers.hostile import CLIENT, Hostile

__all__ = ["opened", "provider", "running_provider"]
LOGOUT = "/auth/provider/company/logout"
AT_SIGN_OUT = "/sign-in?problem=signed-out"


def server(here: Site) -> httpx.AsyncClient:
    """The provider's own server: no browser, no cookie, no Origin."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(nicegui.core.app), base_url=here.origin)


async def tell(here: Site, token: str | None) -> httpx.Response:
    """The provider's server posts a logout token."""
    async with server(here) as posting:
        answer = await posting.post(LOGOUT, data={} if token is None else {"logout_token": token})
    assert answer.headers["cache-control"] == "no-store"
    return answer


async def gone(browser: httpx.AsyncClient) -> bool:
    return (await browser.get("/")).status_code == 303


@pytest.mark.alone
@pytest.mark.alone
async def test_the_provider_s_word_ends_sign_ins_and_their_open_pages(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T16: of the session, or of the person everywhere; others stay; within two seconds."""
    async with (
        opened(sqlite_database, unknown_drivers=True) as here,
        here.browser() as first,
        here.browser() as second,
        here.browser() as bob,
    ):
        await sign_in(first, provider)
        provider.person = {**ADA, "sid": "session-9"}
        await sign_in(second, provider)
        provider.person = dict(BOB)
        await sign_in(bob, provider)
        for browser in (first, second, bob):
            assert (await browser.get("/")).status_code == 200
        assert len(open_pages.sign_ins()) == 3
        started = time.monotonic()
        assert (await tell(here, provider.logout_token())).status_code == 200
        assert await gone(first)
        while len(open_pages.sign_ins()) > 2:
            assert time.monotonic() - started < 2
            await asyncio.sleep(0.05)
        assert not await gone(second)
        assert (await tell(here, provider.logout_token(sid=None))).status_code == 200
        assert await gone(second)
        assert not await gone(bob)
        columns = AuditEntry.action, AuditEntry.actor_name, AuditEntry.subject_name, AuditEntry.about
        told = await here.database.ask(lambda db: db.execute(select(*columns).order_by(AuditEntry.id)).all())
        ended = [tuple(row) for row in told if row.action == "sign_in.end"]
        assert ended == [
            ("sign_in.end", "identity provider company", "Ada Driver", f"sign-in {number}")
            for number in (1, 2)
        ]


async def test_words_that_are_none_end_nothing(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T19, T37: replayed, made up, of a browser, of too many; 400, and never kept by anything."""
    async with opened(sqlite_database, unknown_drivers=True) as here, here.browser() as browser:
        await sign_in(browser, provider)
        with clock.at(clock.now()):
            used = provider.logout_token(sub="person-5", sid=None)
            assert (await tell(here, used)).status_code == 200  # whoever that was, nobody is here
            for token in (
                used,
                None,
                "x.y.z",
                provider.logout_token(nonce="x"),
                provider.logout_token(aud="y"),
            ):
                answer = await tell(here, token)
                assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
            form = {"logout_token": provider.logout_token()}
            foreign = await browser.post(LOGOUT, data=form, headers={"origin": "https://evil.example"})
            assert foreign.status_code == 403
            assert (await browser.get(LOGOUT)).status_code == 404
            async with server(here) as posting:
                assert (await posting.post("/auth/provider/other/logout", data=form)).status_code == 404
                assert (await posting.post("/auth/sign-out")).status_code == 403  # this path alone is open
            for _ in range(55):
                assert (await tell(here, "x.y.z")).status_code == 400
            refused = await tell(here, provider.logout_token())
            assert refused.status_code == 429
            assert int(refused.headers["retry-after"]) >= 1
            assert not await gone(browser)
            clock.advance(timedelta(seconds=7))
            assert (await tell(here, provider.logout_token())).status_code == 200
            assert await gone(browser)


async def test_sign_out_ends_the_provider_s_session_too(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T16: ended here first, then there, and back to a page that says so."""
    async with (
        opened(sqlite_database, unknown_drivers=True, hosts=["keys.example.org"]) as here,
        here.browser() as browser,
    ):
        await sign_in(browser, provider)
        policy = (await browser.get("/")).headers["content-security-policy"]
        assert f"form-action 'self' {provider.issuer} https://keys.example.org:443;" in policy
        away = (await browser.post("/auth/sign-out")).headers["location"]
        assert await gone(browser)
        assert away.startswith(f"{provider.issuer}/end?")
        assert parse_qs(urlsplit(away).query) == {
            "client_id": [CLIENT],
            "post_logout_redirect_uri": [f"{here.settings.address}/sign-in"],
            "state": ["signed-out"],
        }
        assert "You are signed out" in await said(browser, "/sign-in?state=signed-out")


async def test_sign_out_of_one_of_several_accounts(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """P3: back to the picker; the same person's other account stays, and so does the provider's session."""
    async with opened(sqlite_database) as here, here.browser() as browser:
        dana, olga, bob = await here.driver(), await here.operator(), await here.driver("Bob Driver")
        for account, subject in ((dana, "person-1"), (olga, "person-1"), (bob, "person-2")):
            await link(here, account, provider.issuer, subject)
        await sign_in(browser, provider)
        await sign_in(browser, provider)
        provider.person = dict(BOB)
        await sign_in(browser, provider)
        where = (await browser.post("/auth/sign-out")).headers["location"]
        assert path(where) == path(f"{provider.issuer}/end")
        assert (await browser.get("/sign-in?state=signed-out")).headers["location"] == "/switch"
        rows = await here.database.ask(lambda db: db.execute(select(SignIn.id).order_by(SignIn.id)).all())
        one = str(rows[0].id)
        where = (await browser.post("/auth/sign-out", data={"sign_in_id": one})).headers["location"]
        assert where == "/switch"
        where = (await browser.post("/auth/sign-out", data={"everybody": "yes"})).headers["location"]
        assert where.startswith(f"{provider.issuer}/end?")


@pytest.mark.alone
@pytest.mark.parametrize("how", ["down", "no such page", "password"])
async def test_sign_out_without_the_provider(
    sqlite_database: Database, opened: Open, provider: Hostile, how: str
) -> None:
    """T21: at once, or after two seconds of waiting for its address; here it is over in any case."""
    if how == "no such page":
        provider.lies.discovery = {"end_session_endpoint": None}
    async with opened(sqlite_database, unknown_drivers=True) as here:
        await here.driver()
        async with here.browser(await here.sign_ins.issue(1) if how == "password" else None) as browser:
            if how != "password":
                await sign_in(browser, provider)
            with clock.at(clock.now() + timedelta(hours=2)):  # what is known of the provider is old by now
                if how == "down":
                    provider.lies.pages = {"/.well-known/openid-configuration": "stall"}
                started = time.monotonic()
                assert (await browser.post("/auth/sign-out")).headers["location"] == AT_SIGN_OUT
                assert time.monotonic() - started < 3
                assert await gone(browser)


@pytest.mark.alone
async def test_the_page_that_signs_out_follows_the_answer(
    sqlite_database: Database, opened: Open, provider: Hostile
) -> None:
    """T16: it is sent nowhere else, which would cancel its way to the provider; it is gone all the same.

    A page of another browser is none of who signs out.
    """
    async with opened(sqlite_database) as here, Server() as portal:
        tokens = [
            await here.sign_ins.issue(await here.driver(name)) for name in ("Dana Driver", "Ella Driver")
        ]
        mine, other = (f"{here.sign_ins.cookie}={token}" for token in tokens)
        asks, second = await portal.page("/", mine), await portal.page("/", mine)
        foreign = await portal.page("/", other)
        async with (
            portal.socket(asks, cookie=mine) as first_socket,
            portal.socket(second, cookie=mine) as second_socket,
            portal.socket(foreign, cookie=other) as foreign_socket,
        ):
            for socket in (first_socket, second_socket, foreign_socket):
                await socket.join()
            for cookie, page in ((other, second), (mine, asks)):
                headers = {"cookie": cookie, "origin": f"http://{portal.host}"}
                async with httpx.AsyncClient(headers=headers) as browser:
                    form = {"page": page.client_id}
                    await browser.post(f"http://{portal.host}/auth/sign-out", data=form)
            sockets = (first_socket, second_socket, foreign_socket)
            of_first, of_second, of_foreign = await asyncio.gather(*(one.messages(1.5) for one in sockets))
            assert not any('"open"' in text for text in of_first)
            assert "closed" not in of_first
            for got in (of_second, of_foreign):
                assert any('"open"' in text and "/sign-in" in text for text in got)
                assert got[-1] == "closed"
            assert not {asks.client_id, second.client_id, foreign.client_id} & set(nicegui.Client.instances)
