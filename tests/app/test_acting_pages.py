"""Acting as, as pages and forms show it: P23, P24, T13, T23–T29."""

from __future__ import annotations

import asyncio
import html
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import nicegui
import pytest
from nicegui import Client, ui
from nicegui.element import Element

from app import clock
from app.access import open_pages
from app.access.route_table import ROWS, Kind, Row, To
from app.access.visitor import Driver
from app.portal import Portal
from components.acting import ActingBanner
from data.announcements import Announcement, Topic
from data.models import Account
from data.types import Role
from tests import world
from tests.app.window import WHY, Window, window
from tests.components.test_shell import HOSTILE
from tests.visitor import Visitor
from tests.waiting import until

BANNER = "You are acting as Dana Driver."


@pytest.fixture
async def here(portal: Portal) -> AsyncIterator[Window]:
    async with window(portal) as made:
        yield made


@pytest.fixture
def dana(portal: Portal) -> int:
    return portal.database.change_now(world.add_driver)


@pytest.fixture
def olga(portal: Portal) -> int:
    return portal.database.change_now(
        lambda change: world.add_account(change, "Olga Operator", Role.OPERATOR)
    )


def pages_while_acting() -> list[str]:
    """The addresses that a driver's pages are at, and one that is none.

    `/kiosk` is a screen's page, whoever is signed in at that browser: it shows nothing of anybody's.
    """
    plain = [row.path for row in ROWS if row.kind is Kind.PAGE and "{" not in row.path]
    return [path for path in plain if not path.startswith("/admin") and path not in ("/confirm", "/kiosk")]


async def test_p23_t29_each_page_has_the_banner(portal: Portal, here: Window, dana: int, olga: int) -> None:
    """P23, T29, T13: on pages, on those that fail and on those that do not exist; the name is text."""
    await here.enter(olga)
    assert "acting as" not in await here.get("/admin")
    old = here.token
    await here.act(dana)
    assert here.token != old
    for path in pages_while_acting():
        answer = await here.http.get(path)
        if answer.status_code == 303:
            continue  # such as sign-in, which sends home who is signed in
        assert answer.status_code == 200, path
        assert BANNER in answer.text, path
        assert "30 min left" in answer.text, path
        assert "Return to operator console" in answer.text, path
        assert "/auth/sign-out" not in answer.text or path == "/switch", path

    @ui.page("/broken")
    async def broken(driver: Driver, how: str) -> None:
        if how == "refused":
            await portal.own_account.request_deletion(driver.caller)
        raise RuntimeError("secret-detail")

    nicegui.app.state.routes.add(Row("/broken", Kind.PAGE, To.DRIVERS.value))
    for path, status in (
        ("/no-such-page", 404),
        ("/sessions/1", 404),
        ("/broken?how=bad", 500),
        ("/broken?how=refused", 403),
    ):
        page = await here.get(path, status)
        assert page.count(BANNER) == 1, path
    accounts: Any = Account.__table__
    portal.database.change_now(lambda change: change.execute(accounts.update().values(name=HOSTILE)))
    german = accounts.update().where(accounts.c.id == olga).values(language="de")
    portal.database.change_now(lambda change: change.execute(german))
    portal.sign_ins._forget()
    page = await here.get("/")
    assert '<html lang="en-US"' in page
    assert "Ändern lässt sich nichts." in page  # P25: the banner is the operator's to read
    assert "These are the driver's own sign-ins." in html.unescape(await here.get("/account"))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    # And back: the operator is themselves again, under a token that nobody knew.
    old = here.token
    assert await here.post("/auth/acting/end") == "/admin"
    assert here.token != old
    assert "acting as" not in await here.get("/admin")
    assert await here.post("/auth/acting/end") == "/admin"  # a second click


async def test_t27_the_console_is_out_of_reach(portal: Portal, here: Window, dana: int, olga: int) -> None:
    """T27: 404, as for the driver themselves; P24: each page seen is written down, and none that was not."""
    await here.enter(olga)
    await here.act(dana)
    console = [row.path for row in ROWS if row.path.startswith("/admin")]
    assert console
    for path in console:
        answer = await here.http.get(
            path.replace("{driver_id}", str(dana)).replace("{operator_id}", str(olga))
        )
        assert answer.status_code == 404, path
        assert BANNER in answer.text, path
    await here.get("/")
    assert (await here.audit()).count("acting.page") == 1
    picked = (await here.ids())[olga]
    page = await here.get("/switch")
    assert "Acting as Dana Driver" in page
    assert "dana@example.org" not in page
    assert await here.post("/auth/switch", sign_in_id=picked) == "/admin"  # leaves it (P3)
    assert (await here.audit())[-1] == "acting.end"


async def test_t26_who_can_not_act_as_whom(portal: Portal, here: Window, dana: int, olga: int) -> None:
    """T24, T26: the cases in which there is no acting as, and what each is told."""
    paul, eve, gone = portal.database.change_now(
        lambda change: (
            world.add_account(change, "Paul Operator", Role.OPERATOR),
            world.add_driver(change, "Eve Other"),
            world.add_driver(change, "Gone Driver", disabled_at=datetime.now(UTC)),
        )
    )
    form = {"reason": WHY}
    assert await here.post("/auth/acting/begin", driver_id=dana, **form) == "/sign-in"
    mine = await here.enter(olga)
    for whom in (olga, paul, gone, 999_999, "x", ""):  # self, an operator, disabled, nobody
        await here.post("/auth/acting/begin", 404, driver_id=whom, **form)
    for reason in ("", "  \n ", "x" * 501):
        back = await here.post("/auth/acting/begin", driver_id=dana, reason=reason)
        assert back == f"/admin/drivers/{dana}?problem=reason"
    await here.age(mine, timedelta(minutes=16))
    back = await here.post("/auth/acting/begin", driver_id=dana, **form)
    assert back == f"/confirm?next=%2Fadmin%2Fdrivers%2F{dana}"
    assert await here.post("/auth/confirm", password=world.PASSWORD, next="/admin") == "/admin"
    assert WHY in await here.get(f"/admin/drivers/{dana}")  # what was typed is not lost
    assert WHY not in await here.get(f"/admin/drivers/{eve}")
    await here.act(dana)
    assert "polaris-reason" not in here.http.cookies
    refused = await here.post("/auth/acting/begin", 403, driver_id=eve, **form)  # no nesting
    assert "you can look at everything and change nothing" in refused
    assert BANNER in refused
    assert (await here.audit())[-1] == "acting.begin.refused"
    async with window(portal) as drivers:
        await drivers.enter(eve)
        await drivers.post("/auth/acting/begin", 404, driver_id=dana, **form)


Visit = Callable[..., Awaitable[Visitor]]


async def opened(here: Window, path: str = "/") -> Client:
    """A page, open in the browser of *here*; nothing listens on its socket."""
    before = set(Client.instances)
    assert BANNER in await here.get(path)
    (made,) = set(Client.instances) - before
    return Client.instances[made]


@pytest.mark.alone
@pytest.mark.parametrize("how", ["time", "sign-out", "operator disabled", "driver disabled", "link"])
async def test_t28_open_pages_leave(portal: Portal, here: Window, dana: int, olga: int, how: str) -> None:
    """T28: within two seconds, to where the operator belongs."""
    start = datetime.now(UTC)
    with clock.at(start):
        mine = await here.enter(olga)
        await here.act(dana)
        page = await opened(here)
        expected: tuple[str, int | str] = ("/", "/admin")
        if how == "time":
            clock.advance(timedelta(minutes=20))
            await here.get("/switch")  # the operator is still there
            clock.advance(timedelta(minutes=10))
            portal.live.announce([Announcement(Topic.MINUTE)])
        elif how == "sign-out":
            assert await here.post("/auth/sign-out", sign_in_id=mine) == "/sign-in?problem=signed-out"
            expected = ("/", "/sign-in?next=%2F")
        elif how == "link":
            assert await here.post("/auth/acting/end") == "/admin"
        else:
            account = olga if how == "operator disabled" else dana

            def disable(change: world.Change) -> None:
                row = Account.__table__.update().where(Account.id == account)  # type: ignore[attr-defined]
                change.execute(row.values(disabled_at=start))
                change.announce(Announcement(Topic.PEOPLE, account))

            await portal.database.change(disable)
            if account == olga:
                expected = ("/", "/sign-in?next=%2F&problem=ended")
        async with asyncio.timeout(2):
            while not page.is_deleted:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        if how == "driver disabled":
            return  # the operator's next request is the lead's: see test_acting.py
        path, leads = expected
        assert await here.get(path, 303) == leads


@pytest.mark.parametrize("path", ["/", "/switch", "/sign-in?another=yes"])
async def test_t28_the_page_that_leaves_follows_the_answer(
    portal: Portal, here: Window, dana: int, olga: int, path: str
) -> None:
    """P3, T13, T28: all others are sent to the console, but not before the browser has its new token."""
    eve = await here.enter(portal.database.change_now(lambda change: world.add_driver(change, "Eve Other")))
    await here.enter(olga)
    await here.act(dana)
    other, page = await opened(here), await opened(here, path)
    if path == "/":
        assert await here.post("/auth/acting/end", page=page.id) == "/admin"
    elif path == "/switch":
        assert await here.post("/auth/switch", page=page.id, sign_in_id=eve) == "/"
    else:
        form = {"email": "eve@example.org", "password": world.PASSWORD}
        assert await here.post("/auth/sign-in", page=page.id, **form) == "/"

    def sent(client: Client) -> list[object]:
        return [message[2]["path"] for message in client.outbox.messages if message[1] == "open"]

    assert sent(other) == []
    await until(lambda: other.is_deleted and page.is_deleted)
    assert set(sent(other)) == {"/admin"}
    assert sent(page) == []
    assert ("Olga Operator" if path == "/" else "Eve Other") in await here.get(
        "/admin" if path == "/" else "/"
    )


async def test_p23_the_banner_counts_the_minutes(
    portal: Portal, visit: Visit, here: Window, dana: int, olga: int
) -> None:
    """P23, P24, T25: each minute by push; and what is refused is said on the page, in words."""
    with clock.at(datetime.now(UTC)):
        await here.enter(olga)
        await here.act(dana)
        user = Visitor(here.http)
        await user.open("/")
        await user.should_see("30 min left")
        clock.advance(timedelta(minutes=17, seconds=30))
        portal.live.announce([Announcement(Topic.MINUTE)])
        await user.should_see("13 min left")
        (banner,) = user.find(ActingBanner).elements
        assert banner.parent_slot is not None
        assert user.client is not None
        (button,) = (one for one in user.client.elements.values() if "p-settings" in one.classes)
        click(button)
        await user.should_see("You are acting as Dana Driver: nothing can be changed here.")
        user.find("Save").click()
        await until(lambda: user.notify.messages)
        assert user.notify.messages == [
            "You are acting as a driver: you can look at everything and change nothing."
        ]
        assert (await here.audit())[-1] == "account.prefer.refused"


async def test_p24_a_refusal_is_no_failure(
    portal: Portal, here: Window, dana: int, olga: int, caplog: pytest.LogCaptureFixture
) -> None:
    """P24, T25: nothing of it stands in the log as an error with a trace."""
    await here.enter(olga)
    await here.act(dana)
    caplog.set_level(logging.DEBUG)
    page = await opened(here)
    with page.content:
        ui.button("Break").on_click(lambda: fail(portal, page))
    (button,) = (one for one in page.elements.values() if isinstance(one, ui.button) and one.text == "Break")
    click(button)
    await asyncio.sleep(0.2)
    assert any("refused while acting as" in record.getMessage() for record in caplog.records)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def fail(portal: Portal, page: Client) -> None:
    visitor = open_pages.visitor_of(page)
    assert visitor is not None
    await portal.sign_ins.prefer(visitor.caller, language="de")


def click(element: Element) -> None:
    """As the browser tells of a click."""
    (listener,) = (one for one in element._event_listeners.values() if one.type == "click")
    element._handle_event({"listener_id": listener.id, "args": []})
