"""The account picker and the fresh proof: P2, P3, T3, T13, T16, T19, T24, T37."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from app import clock
from app.portal import Portal
from data.types import HowSignedIn, Role
from tests import world
from tests.app.window import Window, window
from tests.world import NOW, PASSWORD


@pytest.fixture
async def here(portal: Portal) -> AsyncIterator[Window]:
    async with window(portal) as made:
        yield made


def driver(portal: Portal, name: str = "Dana Driver") -> int:
    return portal.database.change_now(lambda change: world.add_driver(change, name))


def operator(portal: Portal) -> int:
    return portal.database.change_now(
        lambda change: world.add_account(change, "Olga Operator", Role.OPERATOR)
    )


async def test_p3_an_account_is_added_picked_and_left(portal: Portal, here: Window) -> None:
    """P3, T13: the picker works signed out, with one account and with two; each change has a new token."""
    dana, olga = driver(portal), operator(portal)
    page = await here.get("/switch")
    assert "Nobody is signed in on this browser." in page
    assert "/auth/switch" not in page

    first = await here.enter(dana)
    page = await here.get("/switch")
    assert page.count("dana@example.org") == 1
    assert "Sign out of all accounts" not in page
    assert "Password" in await here.get("/sign-in?another=yes")
    assert await here.get("/sign-in", 303) == "/"
    assert "E-mail or password is not right" in await here.get("/sign-in?problem=wrong")
    old = here.token
    assert await here.post("/auth/sign-in", email="olga@example.org", password=PASSWORD) == "/admin"
    assert here.token != old

    second = (await here.ids())[olga]
    page = await here.get("/switch")
    for said in ("Dana Driver", "olga@example.org", "Operator", "Current", "Sign out of all accounts"):
        assert said in page
    assert await here.get("/", 303) == "/admin"  # P2
    assert "Dashboard of a driver account" in await here.get("/admin")
    old = here.token
    assert await here.post("/auth/switch", sign_in_id=first) == "/"
    assert here.token != old
    assert "Dana Driver" in await here.get("/")
    here.http.cookies.set(portal.sign_ins.cookie, old or "", domain="127.0.0.1", path="/")
    assert (await here.get("/", 303)).startswith("/sign-in")
    assert second != first


async def test_p3_each_row_is_signed_out_and_all(portal: Portal, here: Window) -> None:
    """P3, T16: another than the current one, the current one, and all at once."""
    dana, eve, olga = driver(portal), driver(portal, "Eve Other"), operator(portal)
    for account in (dana, eve, olga):
        await here.enter(account)
    ids = await here.ids()
    assert await here.post("/auth/sign-out", sign_in_id=ids[dana]) == "/switch"
    assert set(await here.ids()) == {eve, olga}
    assert "Olga Operator" in await here.get("/admin")  # still the current one
    assert await here.post("/auth/sign-out") == "/switch"
    assert set(await here.ids()) == {eve}
    page = await here.get("/switch")
    assert "Eve Other" in page
    assert "Current" not in page
    assert (await here.get("/", 303)).startswith("/sign-in")  # nobody is current until somebody is picked
    assert await here.post("/auth/switch", sign_in_id=ids[eve]) == "/"
    await here.enter(dana)
    assert await here.post("/auth/sign-out", everybody="yes") == "/sign-in?problem=signed-out"
    assert "Nobody is signed in" in await here.get("/switch")


async def test_t3_only_what_is_signed_in_at_this_browser_is_picked_or_ended(
    portal: Portal, here: Window
) -> None:
    """T3: somebody else's sign-in, and what is no id at all."""
    dana, eve = driver(portal), driver(portal, "Eve Other")
    async with window(portal) as elsewhere:
        theirs = await elsewhere.enter(eve)
        await here.enter(dana)
        for odd in (theirs, 0, -1, "x", "", "٣", 10**30, "1 OR 1"):
            assert await here.post("/auth/switch", sign_in_id=odd) == "/switch"
            assert await here.post("/auth/sign-out", sign_in_id=odd) == "/switch"
        assert set(await elsewhere.ids()) == {eve}
    assert set(await here.ids()) == {dana}
    assert "Dana Driver" in await here.get("/")
    for path in ("/auth/switch", "/auth/confirm", "/auth/acting/begin", "/auth/acting/end"):
        answer = await here.http.get(path)  # T37
        assert answer.status_code in (404, 405), path


async def test_t24_the_password_proves_who_one_is(portal: Portal, here: Window) -> None:
    """T24, T18: and leads back to a page of ours; a wrong one proves nothing."""
    olga = operator(portal)
    with clock.at(NOW):
        assert await here.get("/confirm?next=/admin", 303) == "/sign-in?next=%2Fconfirm%3Fnext%3D%2Fadmin"
        mine = await here.enter(olga)
        clock.advance(timedelta(minutes=16))
        page = await here.get("/confirm?next=/admin")
        assert "olga@example.org" in page
        token = here.token

        async def fresh_at() -> object:
            visitor = await portal.sign_ins.visitor(here.request())
            assert visitor is not None
            assert visitor.sign_in_id == mine
            return visitor.fresh_at

        assert await here.post("/auth/confirm", password="wrong", next="/admin") == (
            "/confirm?problem=wrong&next=%2Fadmin"
        )
        assert "The password is not right." in await here.get("/confirm?problem=wrong")
        assert await fresh_at() == NOW
        assert await here.post("/auth/confirm", password=PASSWORD, next="https://evil.example/") == "/admin"
        assert await fresh_at() == clock.now()
        assert here.token == token


async def test_t19_confirming_is_no_second_way_to_guess(portal: Portal, here: Window) -> None:
    """T19: ten tries of the sign-in's own, which no stranger takes, and 429 says when to come back."""
    operator(portal)
    dana = driver(portal)
    with clock.at(NOW):
        await here.enter(dana)
        for _ in range(10):
            await here.post("/auth/confirm", password="wrong")
            await here.post("/auth/sign-in", email="dana@example.org", password="wrong")
        answer = await here.http.post("/auth/confirm", data={"password": PASSWORD})
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) <= 7
        clock.advance(timedelta(seconds=8))
        assert await here.post("/auth/confirm", password=PASSWORD) == "/"


async def test_t24_whoever_has_no_password_is_told_the_way(portal: Portal, here: Window) -> None:
    """T24: somebody who came in by a link from the server; and nobody proves anything for a driver."""
    olga = portal.database.change_now(
        lambda change: world.add_account(change, "Olga Operator", Role.OPERATOR, password_hash=None)
    )
    dana = driver(portal)
    await here.enter(olga, HowSignedIn.LINK)
    page = await here.get("/confirm")
    assert "one-time link" in page
    assert "/auth/confirm" not in page
    paul = portal.database.change_now(
        lambda change: world.add_account(change, "Paul Operator", Role.OPERATOR)
    )
    async with window(portal) as pauls:  # who has one: it may be forgotten, and was not what he came in by
        await pauls.enter(paul, HowSignedIn.LINK)
        page = await pauls.get("/confirm")
        assert "one-time link" in page
        assert "/auth/confirm" in page
    await here.act(dana)
    await here.get("/confirm", 404)
    await here.post("/auth/confirm", 404, password=PASSWORD)
