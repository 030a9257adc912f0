"""Who holds up whom, and who can't: T19."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response

from app import clock
from app.access import known_browsers
from app.access.tries import TooManyTries
from data.database import Database
from data.models import KnownBrowser
from tests.app.access_site import Site, site
from tests.world import NOW, PASSWORD

DANA = {"email": "dana@example.org", "password": PASSWORD}
ELLA = {"email": "ella@example.org", "password": PASSWORD}
COOKIE = "polaris-known"


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Site]:
    async with site(sqlite_database) as made:
        yield made


async def signs_in(browser: httpx.AsyncClient, form: dict[str, str]) -> bool:
    """Whether *form* lets them in; leaves again, by sign-out and with all that a session was."""
    answer = await browser.post("/auth/sign-in", data=form)
    assert answer.status_code in (303, 429)
    inside = answer.headers.get("location") == "/"
    if inside:
        await browser.post("/auth/sign-out")
    return inside


def attack(here: Site, email: str, addresses: int, times: int, first: int = 0) -> None:
    """Strangers' wrong passwords for *email*: *times* from each of *addresses*, as they would be counted."""
    for number in range(first, first + addresses):
        for _ in range(times):
            with contextlib.suppress(TooManyTries):
                here.links.passwords._tries.cost(email, f"192.0.2.{number}").take()


async def test_a_stranger_elsewhere_keeps_nobody_out(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    """T19: one address has ten tries for an account, and takes none of the owner's at another one.

    T63: the log tells whom they tried, without what they typed.
    """
    dana = await here.driver()
    with clock.at(NOW):
        async with here.browser(client=("192.0.2.200", 1)) as stranger, here.browser() as browser:
            for _ in range(10):
                assert not await signs_in(stranger, {**DANA, "password": "wrong"})
            assert (await stranger.post("/auth/sign-in", data=DANA)).status_code == 429
            assert await signs_in(browser, DANA)
    refused = f"sign-in refused account={dana} address=192.0.2.200"
    assert [record.getMessage() for record in caplog.records].count(refused) == 10
    assert DANA["email"] not in caplog.text


async def test_a_browser_that_was_here_before_is_kept_out_by_nobody(here: Site) -> None:
    """T19: neither by those who try its account from everywhere, nor by those behind its own address."""
    await here.driver()
    await here.driver("Ella Driver")
    with clock.at(NOW):
        async with here.browser(client=("192.0.2.1", 1)) as danas, here.browser() as new:
            assert await signs_in(danas, DANA)
            assert "polaris" not in danas.cookies  # signed out: nothing but the other cookie is left
            attack(here, DANA["email"], addresses=11, times=10, first=10)
            attack(here, "x@example.org", addresses=1, times=10, first=1)
            for number in range(60):
                attack(here, f"{number}@example.org", addresses=1, times=1, first=1)
            assert (await new.post("/auth/sign-in", data=DANA)).status_code == 429
            assert await signs_in(danas, DANA)
            # It is no second way to guess: ten tries of its own, and for its own account alone.
            assert (await danas.post("/auth/sign-in", data=ELLA)).status_code == 429
            for _ in range(10):
                assert not await signs_in(danas, {**DANA, "password": "wrong"})
            assert (await danas.post("/auth/sign-in", data=DANA)).status_code == 429
            clock.advance(timedelta(seconds=7))
            assert await signs_in(danas, DANA)
            clock.advance(timedelta(minutes=1))
            assert await signs_in(new, DANA)  # and nobody for good


async def test_neighbours_are_not_starved(here: Site) -> None:
    """T19: somebody tries many accounts from a network; those behind it who know theirs get in."""
    await here.driver()
    with clock.at(NOW):
        for number in range(20):
            attack(here, f"{number}@example.org", addresses=1, times=2)
        async with here.browser(client=("192.0.2.0", 1)) as neighbour:
            assert await signs_in(neighbour, DANA)
        for number in range(20):
            attack(here, f"{number}@example.org", addresses=1, times=2)
        async with here.browser(client=("192.0.2.0", 1)) as neighbour:
            assert (await neighbour.post("/auth/sign-in", data=DANA)).status_code == 429  # there is an end


async def test_the_cookie_is_a_token_that_nobody_can_plant(database: Database) -> None:
    """T14, T19: random, HttpOnly, its hash stored; a new one at each sign-in, and the old one is nothing."""
    async with site(database) as here:
        await here.driver()
        ella = await here.driver("Ella Driver")
        planted = "p" * 43
        async with here.browser() as browser:
            browser.cookies.set(COOKIE, planted)
            answer = await browser.post("/auth/sign-in", data=DANA)
            cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(COOKIE))
            assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=31536000"} <= set(cookie.split("; "))
            browser.cookies.delete(COOKIE, domain="")
            first = browser.cookies[COOKIE]
            known = known_browsers.KnownBrowsers(here.database, secure=False)  # another process
            tries = await known.known(request_with(first), DANA["email"])
            await browser.post("/auth/sign-in", data=ELLA)
            second = browser.cookies[COOKIE]
        hashes = await here.database.ask(lambda db: list(db.scalars(select(KnownBrowser.token_hash))))
        assert len(hashes) == 2  # both accounts are known at this one browser
        assert len({*hashes, first, second, planted}) == 4
        # Whoever can sign in there as themselves gets no new tries for somebody else by it.
        assert tries is not None
        assert await known.known(request_with(second), DANA["email"]) == tries

        async def is_known(token: str, email: str) -> bool:
            return await known.known(request_with(token), email) is not None

        assert [await is_known(token, DANA["email"]) for token in (planted, first, second, "x")] == [
            *(False, False, True, False),
        ]
        assert await is_known(second, ELLA["email"])
        assert not await is_known(second, "x@example.org")
        assert known_browsers.KnownBrowsers(here.database, secure=True).cookie == f"__Host-{COOKIE}"
        with clock.at(clock.now() + timedelta(days=366)):
            assert not await is_known(second, DANA["email"])
        for _ in range(25):  # each from a browser that keeps no cookies
            await known.remember(request_with(""), Response(), ella)
        kept = select(func.count()).where(KnownBrowser.account_id == ella)
        assert await here.database.ask(lambda db: db.scalar(kept)) == known_browsers.AT_MOST


def request_with(token: str) -> Request:
    """A request that brings the cookie."""
    return Request(
        {"type": "http", "headers": [(b"cookie", f"{COOKIE}={token}".encode())], "method": "GET", "path": "/"}
    )
