"""A form that is posted twice, as by a double-click, and browsers that keep no cookies: T13, T16, T37."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import func, select

from app.access.first_operator import FirstOperator
from data.caller import COMMAND_LINE
from data.database import Database
from data.models import Account, Browser
from tests.app.access_site import Site, site
from tests.app.test_links import DANA, NEW, token_of
from tests.world import PASSWORD

JOIN = {"name": "Dana D.", "password": NEW}
SIGN_IN = {"email": "dana@example.org", "password": PASSWORD}


@pytest.fixture
async def here(sqlite_database: Database) -> AsyncIterator[Site]:
    async with site(sqlite_database) as made:
        yield made


def once(page: str) -> str:
    """The word that the page's form carries."""
    found = re.search(r'"name":\s*"once",\s*"value":\s*"([\w-]{43})"', html.unescape(page))
    assert found is not None
    return found[1]


async def counted(here: Site, what: type[Account] | type[Browser]) -> int:
    """How many rows there are."""
    return await here.database.ask(lambda db: db.execute(select(func.count()).select_from(what)).scalar_one())


async def form_of(browser: httpx.AsyncClient, path: str, **fields: str) -> dict[str, str]:
    """What the form at *path* posts."""
    return {**fields, "once": once((await browser.get(path)).text)}


async def test_a_double_click_on_an_invitation_signs_in(here: Site) -> None:
    """T22, T37: in flight together or one after the other; and the used link is dead for everybody else."""
    token = token_of(await here.links.invite(COMMAND_LINE, **DANA))
    async with here.browser() as browser, here.browser() as other:
        path = f"/invitation/{token}"
        form = await form_of(browser, path, token=token, **JOIN)
        theirs = await form_of(other, path, token=token, **JOIN)
        posts = (browser.post("/auth/invitation", data=form) for _ in range(2))
        answers = [*await asyncio.gather(*posts), await browser.post("/auth/invitation", data=form)]
        assert [answer.headers["location"] for answer in answers] == ["/"] * 3
        assert len({answer.headers.get_list("set-cookie")[-1] for answer in answers}) == 1
        assert "Hello Dana D." in (await browser.get("/")).text
        assert await counted(here, Browser) == 1
        for used in (theirs, {**form, "once": theirs["once"]}, {**form, "name": "Eve"}):
            assert (await other.post("/auth/invitation", data=used)).headers["location"] == path
        assert (await other.get("/")).status_code == 303


async def test_a_double_click_makes_one_sign_in_and_one_operator(here: Site) -> None:
    """T22; and a mistyped password costs one try."""
    first = FirstOperator(here.database)
    token = await asyncio.to_thread(first.offer)
    assert token is not None
    async with here.browser() as browser:
        fields = {"token": token, "name": "Olga", "email": "olga@example.org", "password": NEW}
        form = await form_of(browser, f"/welcome/{token}", **fields)
        answers = await asyncio.gather(*(browser.post("/auth/welcome", data=form) for _ in range(2)))
        assert [answer.headers["location"] for answer in answers] == ["/admin/setup"] * 2
    await here.driver()
    async with here.browser() as browser:
        form = await form_of(browser, "/sign-in", **SIGN_IN)
        answers = await asyncio.gather(*(browser.post("/auth/sign-in", data=form) for _ in range(2)))
        assert [answer.headers["location"] for answer in answers] == ["/"] * 2
        assert await counted(here, Browser) == 2
        await browser.post("/auth/sign-out")
        form = await form_of(browser, "/sign-in", **SIGN_IN)  # the same again, from a new page
        assert (await browser.post("/auth/sign-in", data=form)).headers["location"] == "/"
        assert (await browser.get("/")).status_code == 200


@pytest.mark.parametrize("path", ["/sign-in", "/invitation/", "/welcome/"])
async def test_a_browser_that_keeps_no_cookies_is_told(here: Site, path: str) -> None:
    """T14: before anything is done, so that a link is still good; with cookies the same form works."""
    if path == "/sign-in":
        await here.driver()
        fields, action = {**SIGN_IN, "next": "/?period=year"}, path
    elif path == "/welcome/":
        token = await asyncio.to_thread(FirstOperator(here.database).offer)
        fields = {"token": str(token), "name": "Olga", "email": "o@example.org", "password": NEW}
        path, action = f"/welcome/{token}", "/welcome"
    else:
        token = token_of(await here.links.invite(COMMAND_LINE, **DANA))
        path, action = f"/invitation/{token}", "/invitation"
        fields = {"token": token, **JOIN}
    async with here.browser() as browser:
        form = await form_of(browser, path, **fields)
        assert list(browser.cookies) == ["polaris-kept"]
        kept = dict(browser.cookies)
        browser.cookies.clear()
        refused = await browser.post(f"/auth{action}", data=form)
        where = refused.headers["location"]
        assert where.startswith("/sign-in?problem=cookies")
        assert ("next=%2F%3Fperiod%3Dyear" in where) is (path == "/sign-in")
        assert "keeps no cookies of this site" in (await browser.get(where)).text
        assert await counted(here, Browser) == 0
        browser.cookies.update(kept)
        assert "problem" not in (await browser.post(f"/auth{action}", data=form)).headers["location"]


async def test_what_was_typed_comes_back_with_the_refusal(here: Site) -> None:
    """Name and address, whatever their letters; the password never, and nothing in an address."""
    welcome = await asyncio.to_thread(FirstOperator(here.database).offer)
    invitation = token_of(await here.links.invite(COMMAND_LINE, **DANA))
    for page, token in (("welcome", str(welcome)), ("invitation", invitation)):
        async with here.browser() as browser:
            fields = {"token": token, "name": 'Jörg; "Ø" & Co', "email": "joerg@example", "password": "short"}
            refused = await browser.post(f"/auth/{page}", data=fields)
            where = refused.headers["location"]
            assert where.startswith(f"/{page}/{token}?problem=")
            assert "rg" not in where.partition("?")[2]
            cookie = refused.headers["set-cookie"]
            assert f"Path=/{page}/{token};" in cookie
            assert "short" not in cookie
            again = html.unescape((await browser.get(where)).text)
            assert json.dumps(fields["name"], ensure_ascii=False)[1:-1] in again.replace("\\\\", "\\")
            assert ("joerg@example" in again) is (page == "welcome")
