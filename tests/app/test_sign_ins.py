"""Browsers and who is signed in at them: P3, T7, T13–T16, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from nicegui import core
from sqlalchemy import Connection, func, select, update
from starlette.requests import Request
from starlette.responses import Response

from app import clock
from app.access import tokens
from app.access.sign_ins import SignIns
from app.access.visitor import SignedOut
from app.settings import Settings
from data.database import Database
from data.models import Account, AuditEntry, Browser, SignIn
from data.types import HowSignedIn, Role
from tests import world
from tests.world import NOW

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)


class Visit:
    """A browser that keeps its cookie, without a server between."""

    def __init__(self, sign_ins: SignIns, cookie: str | None = None) -> None:
        self.sign_ins = sign_ins
        self.cookie = cookie

    def request(self) -> Request:
        headers = [(b"user-agent", PHONE.encode())]
        if self.cookie is not None:
            headers.append((b"cookie", f"{self.sign_ins.cookie}={self.cookie}".encode()))
        return Request({"type": "http", "headers": headers, "client": ("192.0.2.7", 1), "path": "/"})

    def take(self, response: Response) -> None:
        for value in response.headers.getlist("set-cookie"):
            name, _, rest = value.partition("=")
            assert name == self.sign_ins.cookie
            self.cookie = rest.partition(";")[0].strip('"') or None

    async def enter(self, account: int, **options: Any) -> None:
        response = Response()
        await self.sign_ins.enter(self.request(), response, account, HowSignedIn.PASSWORD, **options)
        self.take(response)

    async def who(self) -> int | None:
        request = self.request()
        visitor = await self.sign_ins.visitor(request)
        if (renewed := request.scope.get("polaris.cookie")) is not None:
            self.cookie = renewed[0]
        return None if visitor is None else visitor.id

    async def ids(self) -> dict[int, int]:
        """The sign-in of each account at this browser."""
        return {one.account_id: one.sign_in_id for one in await self.sign_ins.at_browser(self.request())}


@pytest.fixture
async def sign_ins(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignIns]:
    monkeypatch.setattr(core, "loop", asyncio.get_running_loop())  # as NiceGUI does when it starts
    database.start()
    with clock.at(NOW):
        yield SignIns(database, Settings(_env_file=None))  # type: ignore[call-arg]
        await asyncio.sleep(0.02)  # what was told in the background


async def people(database: Database) -> tuple[int, int, int]:
    return (
        await database.change(world.add_driver, "Dana Driver"),
        await database.change(world.add_driver, "Ella Driver"),
        await database.change(world.add_account, "Olga Operator", Role.OPERATOR),
    )


async def count(database: Database, table: type[Any]) -> int:
    return await database.ask(lambda db: db.scalar(select(func.count()).select_from(table)) or 0)


async def test_several_accounts_at_one_browser(sign_ins: SignIns) -> None:
    """P3, T13: the last to sign in is current; a switch changes that; each time the old token is dead."""
    dana, _, olga = await people(sign_ins.database)
    here = Visit(sign_ins)
    tokens_seen = []
    for account in (dana, olga):
        await here.enter(account)
        assert await here.who() == account
        tokens_seen.append(here.cookie)
    ids = await here.ids()
    assert list(ids) == [dana, olga]
    response = Response()
    assert await sign_ins.switch(here.request(), response, ids[dana]) is Role.DRIVER
    here.take(response)
    tokens_seen.append(here.cookie)
    assert await here.who() == dana
    assert len(set(tokens_seen)) == 3
    assert [await Visit(sign_ins, old).who() for old in tokens_seen[:-1]] == [None, None]
    assert await count(sign_ins.database, Browser) == 1


async def test_nobody_switches_to_a_sign_in_of_another_browser(sign_ins: SignIns) -> None:
    """T2, T3: the id of somebody's sign-in is no right to it; the answer is that of an unknown one."""
    dana, ella, _ = await people(sign_ins.database)
    here, there = Visit(sign_ins), Visit(sign_ins)
    await here.enter(dana)
    await there.enter(ella)
    foreign = (await there.ids())[ella]
    for number in (foreign, 999_999):
        response = Response()
        assert await sign_ins.switch(here.request(), response, number) is None
        assert "set-cookie" not in response.headers
        await sign_ins.leave(here.request(), Response(), number)
    assert await there.who() == ella


async def test_the_same_account_again_is_the_same_sign_in(sign_ins: SignIns) -> None:
    """T13, T24: a new token and freshly proved; its open pages stay, there is no second row."""
    dana, _, _ = await people(sign_ins.database)
    here = Visit(sign_ins)
    await here.enter(dana)
    before, old = await here.ids(), here.cookie
    clock.advance(timedelta(minutes=20))
    await here.enter(dana)
    assert await here.ids() == before
    assert await Visit(sign_ins, old).who() is None
    visitor = await sign_ins.visitor(here.request())
    assert visitor is not None
    assert visitor.fresh_at == clock.now()


async def test_sign_out_of_one_leaves_the_other(sign_ins: SignIns) -> None:
    """P3, T16: nobody is current then; the last one out takes the cookie and the browser's row along."""
    dana, _, olga = await people(sign_ins.database)
    here = Visit(sign_ins)
    await here.enter(dana)
    await here.enter(olga)
    old, response = here.cookie, Response()
    left = await sign_ins.leave(here.request(), response)
    here.take(response)
    assert [one.account_id for one in left.ended] == [olga]
    assert left.others
    assert await here.who() is None
    assert list(await here.ids()) == [dana]
    assert await Visit(sign_ins, old).ids() == {}
    response = Response()
    left = await sign_ins.leave(here.request(), response, (await here.ids())[dana])
    here.take(response)
    assert not left.others
    assert here.cookie is None
    assert await count(sign_ins.database, Browser) == await count(sign_ins.database, SignIn) == 0


async def test_sign_out_of_everybody(sign_ins: SignIns) -> None:
    """P3, T16."""
    dana, ella, _ = await people(sign_ins.database)
    here, there = Visit(sign_ins), Visit(sign_ins)
    for account in (dana, ella):
        await here.enter(account)
    await there.enter(dana)
    left = await sign_ins.leave(here.request(), Response(), everybody=True)
    assert {one.account_id for one in left.ended} == {dana, ella}
    assert await here.ids() == {}
    assert await there.who() == dana


ENDS = [
    pytest.param(Role.DRIVER, False, [(7.9, True)] * 3 + [(0.4, False)], id="driver, absolute 24 h"),
    pytest.param(Role.DRIVER, False, [(8.1, False)], id="driver, idle 8 h"),
    pytest.param(Role.DRIVER, True, [(29 * 24, True)] * 6 + [(6.1 * 24, False)], id="remembered, 180 d"),
    pytest.param(Role.DRIVER, True, [(30.1 * 24, False)], id="remembered, idle 30 d"),
    pytest.param(Role.OPERATOR, False, [(0.4, True)] * 29 + [(0.45, False)], id="operator, absolute 12 h"),
    pytest.param(Role.OPERATOR, True, [(0.51, False)], id="operator, idle 30 min, never remembered"),
]


@pytest.mark.parametrize(("role", "remember", "visits"), ENDS)
async def test_idle_and_absolute_end(
    sign_ins: SignIns, role: Role, remember: bool, visits: list[tuple[float, bool]]
) -> None:
    """T15: each visit puts the idle end off, none the absolute one."""
    account = await sign_ins.database.change(world.add_account, "Kim Somebody", role)
    here = Visit(sign_ins)
    await here.enter(account, remember=remember)
    for hours, still_in in visits:
        clock.advance(timedelta(hours=hours))
        assert (await here.who() is not None) == still_in
        for _ in range(500):  # the visit is noted in the background
            if not still_in or await sign_ins.database.ask(_last_seen) == clock.now():
                break
            await asyncio.sleep(0.01)


def _last_seen(db: Connection) -> datetime | None:
    return db.scalar(select(SignIn.last_seen_at))


async def test_a_remembered_cookie_rolls(sign_ins: SignIns) -> None:
    """T14, T15: given again with the first visit a day later, to last from then on."""
    dana, _, _ = await people(sign_ins.database)
    here = Visit(sign_ins)
    await here.enter(dana, remember=True)
    for hours, renewed in ((23, False), (2, True), (1, False)):
        clock.advance(timedelta(hours=hours))
        request = here.request()
        await sign_ins.visitor(request)
        assert request.scope.get("polaris.cookie") == ((here.cookie, True) if renewed else None), hours


async def test_the_list_says_where_how_and_since_when(sign_ins: SignIns) -> None:
    """T16: what the account page lists; the database knows only the token's hash (T13)."""
    dana, ella, _ = await people(sign_ins.database)
    here, there = Visit(sign_ins), Visit(sign_ins)
    await here.enter(dana)
    clock.advance(timedelta(minutes=5))
    await there.enter(dana)
    await there.enter(ella)
    listed = await sign_ins.of_account(dana)
    assert [(one.created_at, one.address, one.browser_name) for one in listed] == [
        (NOW + timedelta(minutes=5), "192.0.2.7", "Mobile Safari on iOS"),
        (NOW, "192.0.2.7", "Mobile Safari on iOS"),
    ]
    hashes = await sign_ins.database.ask(lambda db: set(db.scalars(select(Browser.token_hash))))
    assert hashes == {tokens.hashed(one.cookie or "") for one in (here, there)}


async def test_ending_sign_ins(sign_ins: SignIns) -> None:
    """T2, T16: one's own elsewhere; never somebody else's; an operator any; all of it is audited (T63)."""
    dana, ella, olga = await people(sign_ins.database)
    here, there, other, desk = (Visit(sign_ins) for _ in range(4))
    for browser, account in ((here, dana), (there, dana), (other, ella), (desk, olga)):
        await browser.enter(account)
    visitor = await sign_ins.visitor(here.request())
    operator = await sign_ins.visitor(desk.request())
    assert visitor is not None
    assert operator is not None
    assert not await sign_ins.end_own(visitor.caller, (await other.ids())[ella])
    assert await other.who() == ella
    assert await sign_ins.end_others(visitor.caller) == 1
    assert (await here.who(), await there.who()) == (dana, None)
    assert await sign_ins.end_of_account(operator.caller, ella) == 1
    assert await other.who() is None
    rows = await sign_ins.database.ask(
        lambda db: db.execute(
            select(AuditEntry.action, AuditEntry.subject_id, AuditEntry.actor_id, AuditEntry.actor_name)
        ).all()
    )
    assert [tuple(row) for row in rows] == [
        ("sign_in.end", dana, dana, "Dana Driver"),
        ("sign_in.end", ella, olga, "Olga Operator"),
    ]


async def test_rights_are_asked_again_at_a_click(sign_ins: SignIns) -> None:
    """T7: a page that is open knows who it was drawn for; whether that still holds is asked each time."""
    dana, _, _ = await people(sign_ins.database)
    here = Visit(sign_ins)
    await here.enter(dana)
    visitor = await sign_ins.visitor(here.request())
    assert visitor is not None
    assert await sign_ins.again(visitor) is not None
    await here.enter(dana)  # a new token: the page's request is old, its sign-in is not
    assert await sign_ins.again(visitor) is not None
    for values in ({"role": Role.OPERATOR}, {"role": Role.DRIVER, "disabled_at": NOW}):
        await sign_ins.database.change(
            lambda change, values=values: change.execute(
                update(Account).where(Account.id == dana).values(**values)
            )
        )
        assert await sign_ins.again(visitor) is None, values


async def test_what_is_over_is_swept_away(sign_ins: SignIns) -> None:
    """Nothing else has to look after the tables: each sign-in deletes a little of what is over."""
    dana, ella, _ = await people(sign_ins.database)
    for _ in range(3):
        await sign_ins.issue(dana)
    clock.advance(timedelta(days=2))
    await sign_ins.issue(ella)
    assert await count(sign_ins.database, SignIn) == await count(sign_ins.database, Browser) == 1


async def test_what_is_over_does_not_come_back(sign_ins: SignIns) -> None:
    """T15: a click on a page that was left open too long is no use of a sign-in any more."""
    dana, _, _ = await people(sign_ins.database)
    here = Visit(sign_ins)
    await here.enter(dana)
    ids = await here.ids()
    clock.advance(timedelta(hours=8, seconds=1))
    sign_ins.used(ids[dana])
    await asyncio.sleep(0.1)
    assert await here.who() is None


async def test_of_two_switches_at_once_one_counts(sign_ins: SignIns) -> None:
    """T13: both came with the same token; one answer brings the new one, the other brings none."""
    dana, ella, olga = await people(sign_ins.database)
    here = Visit(sign_ins)
    for account in (dana, ella, olga):
        await here.enter(account)
    ids, answers = await here.ids(), [Response(), Response()]
    roles = await asyncio.gather(
        *(
            sign_ins.switch(here.request(), answer, ids[to])
            for answer, to in zip(answers, (dana, ella), strict=True)
        )
    )
    (won,) = [answer for answer, role in zip(answers, roles, strict=True) if role is not None]
    (lost,) = [answer for answer in answers if answer is not won]
    assert "set-cookie" not in lost.headers
    here.take(won)
    assert await here.who() in (dana, ella)


async def test_sign_out_works_beside_a_new_token(sign_ins: SignIns) -> None:
    """T16: who signs out while another answer is under way is out; a minute later that token is nothing."""
    dana, ella, _ = await people(sign_ins.database)
    here = Visit(sign_ins)
    await here.enter(dana)
    late = Visit(sign_ins, here.cookie)
    await here.enter(ella)
    assert await late.who() is None  # the token before opens nothing (T13)
    later = Visit(sign_ins, here.cookie)
    left = await sign_ins.leave(late.request(), Response(), everybody=True)
    assert {one.account_id for one in left.ended} == {dana, ella}
    assert await later.who() is None
    await here.enter(dana)
    late = Visit(sign_ins, here.cookie)
    await here.enter(ella)
    clock.advance(timedelta(minutes=1, seconds=1))
    assert (await sign_ins.leave(late.request(), Response(), everybody=True)).ended == ()
    assert await here.who() == ella


async def test_an_old_token_buys_no_new_one(sign_ins: SignIns) -> None:
    """T13: planted in a browser before somebody signed in there, it signs out and brings nothing."""
    dana, ella, _ = await people(sign_ins.database)
    attacker = Visit(sign_ins)
    await attacker.enter(ella)
    victim = Visit(sign_ins, attacker.cookie)  # planted
    await victim.enter(dana)
    ids, response = await victim.ids(), Response()
    left = await sign_ins.leave(attacker.request(), response, ids[ella])
    assert [one.account_id for one in left.ended] == [ella]
    assert "set-cookie" not in response.headers
    assert await victim.who() == dana
    response = Response()
    await sign_ins.leave(victim.request(), Response(), ids[dana])
    nobody = await sign_ins.leave(victim.request(), response)  # and with nobody current there is nothing new
    assert (nobody.ended, nobody.rotated) == ((), False)


async def test_nobody_comes_in_who_was_disabled_meanwhile(sign_ins: SignIns) -> None:
    """T16: the password was right, and the account is gone before the row is written."""
    dana, _, _ = await people(sign_ins.database)
    gone = update(Account).where(Account.id == dana).values(disabled_at=NOW)
    await sign_ins.database.change(lambda change: change.execute(gone))
    with pytest.raises(SignedOut):
        await Visit(sign_ins).enter(dana)
    assert await count(sign_ins.database, SignIn) == 0


async def test_an_answer_from_before_a_change_is_not_kept(sign_ins: SignIns) -> None:
    """T13: the question was asked before the token was replaced, its answer came after."""
    dana, ella, _ = await people(sign_ins.database)
    here = Visit(sign_ins)
    await here.enter(dana)
    old = here.cookie
    asked = asyncio.create_task(sign_ins.find(old))
    await asyncio.sleep(0)  # it is on its way
    sign_ins._forget()
    await asked
    assert sign_ins._known == {}
    await here.enter(ella)
    assert await Visit(sign_ins, old).who() is None
