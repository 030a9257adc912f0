"""Acting as, at the services: P23, P24, T13, T23–T28, T30, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from nicegui import core
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError
from starlette.responses import Response

from app import clock
from app.access.acting import LONGEST_REASON, ActingAs, NobodyToActAs, NoReason, NotFresh
from app.access.sign_ins import SignIns
from app.access.visitor import Visitor
from app.settings import Settings
from data.caller import COMMAND_LINE, NotAllowed, ReadOnly
from data.database import Change, Database
from data.models import Account, AuditEntry, ChargingSession, SignIn
from data.types import Role
from tests import world
from tests.app.test_sign_ins import Visit
from tests.world import NOW

WHY = "Ticket 4711: bill looks wrong"


@dataclass
class Desk:
    """An operator's browser, and who is around."""

    sign_ins: SignIns
    acting: ActingAs
    browser: Visit
    olga: int
    dana: int

    async def visitor(self) -> Visitor:
        visitor = await self.sign_ins.visitor(self.browser.request())
        assert visitor is not None
        return visitor

    async def begin(self, driver: int | None = None, reason: str = WHY) -> None:
        response, visitor = Response(), await self.visitor()
        await self.acting.begin(
            visitor.caller, self.browser.request(), response, self.dana if driver is None else driver, reason
        )
        self.browser.take(response)

    async def audit(self) -> list[tuple[Any, ...]]:
        columns = AuditEntry.action, AuditEntry.subject_id, AuditEntry.actor_id, AuditEntry.reason
        rows = await self.sign_ins.database.ask(
            lambda db: db.execute(select(*columns).order_by(AuditEntry.id)).all()
        )
        return [tuple(row) for row in rows]


@pytest.fixture
async def desk(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(core, "loop", asyncio.get_running_loop())  # as NiceGUI does when it starts
    database.start()
    with clock.at(NOW):
        sign_ins = SignIns(database, Settings(_env_file=None))  # type: ignore[call-arg]
        olga = await database.change(world.add_account, "Olga Operator", Role.OPERATOR)
        made = Desk(
            sign_ins,
            ActingAs(sign_ins),
            Visit(sign_ins),
            olga,
            await database.change(world.add_driver, "Dana Driver"),
        )
        await made.browser.enter(olga)
        yield made
        await asyncio.sleep(0.02)


async def test_an_operator_acts_as_a_driver_and_comes_back(desk: Desk) -> None:
    """P23, T13, T23, T27, T28: subject and actor apart, a new token at begin and end, told in the audit."""
    own, ids = desk.browser.cookie, await desk.browser.ids()
    await desk.begin()
    visitor = await desk.visitor()
    assert (visitor.id, visitor.role, visitor.name) == (desk.dana, Role.DRIVER, "Dana Driver")
    assert visitor.actor is not None
    assert (visitor.actor.id, visitor.actor.name) == (desk.olga, "Olga Operator")
    assert visitor.actor.until == NOW + timedelta(minutes=30)
    caller = visitor.caller
    assert (caller.subject_id, caller.actor_id, caller.is_acting) == (desk.dana, desk.olga, True)
    assert await desk.browser.ids() == ids  # the operator's own sign-in is there as it was
    acting, response = desk.browser.cookie, Response()
    await desk.acting.end(visitor, response)
    desk.browser.take(response)
    assert (await desk.visitor()).id == desk.olga
    assert len({own, acting, desk.browser.cookie}) == 3
    for old in (own, acting):
        assert await Visit(desk.sign_ins, old).who() is None
    assert await desk.audit() == [
        ("acting.begin", desk.dana, desk.olga, WHY),
        ("acting.end", desk.dana, desk.olga, ""),
    ]


@pytest.mark.parametrize("reason", ["", " \n\t ", "x" * (LONGEST_REASON + 1)], ids=["none", "blank", "long"])
async def test_it_takes_a_reason(desk: Desk, reason: str) -> None:
    """P23, T24."""
    with pytest.raises(NoReason):
        await desk.begin(reason=reason)
    assert await desk.audit() == []


async def test_it_takes_a_fresh_sign_in(desk: Desk) -> None:
    """T24: 15 minutes after the password it has to be typed again."""
    clock.advance(timedelta(minutes=15))
    with pytest.raises(NotFresh):
        await desk.begin()
    visitor = await desk.visitor()
    await desk.sign_ins.prove(visitor.caller, visitor.sign_in_id)
    clock.advance(timedelta(minutes=14, seconds=59))
    await desk.begin()


async def test_onto_whom_it_is_impossible(desk: Desk) -> None:
    """T26: nobody, oneself, an operator, a disabled driver; a driver can't at all; and it can't nest."""
    database = desk.sign_ins.database
    other = await database.change(world.add_account, "Otto Operator", Role.OPERATOR)
    gone = await database.change(world.add_driver, "Gone Driver", disabled_at=NOW)
    for target in (999_999, desk.olga, other, gone):
        with pytest.raises(NobodyToActAs):
            await desk.begin(target)
    ella = await database.change(world.add_driver, "Ella Driver")
    at_home = Desk(desk.sign_ins, desk.acting, Visit(desk.sign_ins), desk.olga, desk.dana)
    await at_home.browser.enter(ella)
    with pytest.raises(NotAllowed):
        await at_home.begin()
    assert await desk.audit() == []
    await desk.begin()
    with pytest.raises(ReadOnly):
        await desk.begin(ella)
    assert (await desk.audit())[-1][:3] == ("acting.begin.refused", desk.dana, desk.olga)
    assert (await desk.visitor()).id == desk.dana


async def test_it_ends_by_itself(desk: Desk) -> None:
    """P23, T13, T28: after 30 minutes the operator is themselves again, with another token."""
    await desk.begin()
    for minutes in (14, 15):  # used in between: it is the absolute end that counts
        clock.advance(timedelta(minutes=minutes))
        assert (await desk.visitor()).id == desk.dana
        await asyncio.sleep(0.05)
    acting = desk.browser.cookie
    clock.advance(timedelta(minutes=1))
    assert await desk.browser.who() == desk.olga
    assert desk.browser.cookie != acting
    assert await Visit(desk.sign_ins, acting).who() is None
    assert (await desk.audit())[-1][:3] == ("acting.end", desk.dana, desk.olga)


ENDS = ["sign-out", "sign-out everywhere", "operator disabled", "no operator any more"]


@pytest.mark.parametrize("how", ENDS)
async def test_it_ends_with_the_operators_own_sign_in(desk: Desk, how: str) -> None:
    """T28: however that ends."""
    await desk.begin()
    if how == "sign-out":
        await desk.sign_ins.leave(desk.browser.request(), Response())
    elif how == "sign-out everywhere":
        await desk.sign_ins.end_of_account(COMMAND_LINE, desk.olga)
    else:
        values = {"disabled_at": NOW} if how == "operator disabled" else {"role": Role.DRIVER}
        await _set(desk, desk.olga, **values)
    assert await desk.browser.who() is None
    assert how not in ENDS[:2] or await desk.sign_ins.database.ask(_sign_ins) == 0


async def test_it_ends_with_the_driver_s_account(desk: Desk) -> None:
    """T26, T28."""
    await desk.begin()
    await _set(desk, desk.dana, disabled_at=NOW)
    assert await desk.browser.who() is None


async def test_signing_in_or_picking_an_account_ends_it(desk: Desk) -> None:
    """T28: two things at once would leave nobody sure who they are."""
    ids = await desk.browser.ids()
    await desk.begin()
    response = Response()
    await desk.sign_ins.switch(desk.browser.request(), response, ids[desk.olga])
    desk.browser.take(response)
    assert await desk.browser.who() == desk.olga
    await desk.begin()
    await desk.browser.enter(desk.dana)
    assert (await desk.visitor()).actor is None
    assert [row[0] for row in await desk.audit()] == ["acting.begin", "acting.end"] * 2


async def test_nothing_is_changed_in_somebody_s_name(desk: Desk) -> None:
    """P24, T25: refused by the service, and the attempt is written down."""
    await desk.begin()
    visitor = await desk.visitor()
    with pytest.raises(ReadOnly):
        await desk.sign_ins.prefer(visitor.caller, language="de")
    with pytest.raises(ReadOnly):
        await desk.sign_ins.end_others(visitor.caller)
    assert [row[0] for row in await desk.audit()][1:] == [
        "account.prefer.refused",
        "sign_in.end_others.refused",
    ]
    language = select(Account.language).where(Account.id == desk.dana)
    assert await desk.sign_ins.database.ask(lambda db: db.scalar(language)) == "en"


async def test_the_driver_s_list_of_sign_ins_is_their_own(desk: Desk) -> None:
    """T30: a visit by support is told as such, and is no sign-in that the driver could end."""
    await desk.begin()
    assert await desk.sign_ins.of_account(desk.dana) == ()


async def test_audit_rows_stay_as_they_are(desk: Desk) -> None:
    """T30: triggers refuse to change, delete or replace one, on both databases; such a commit fails whole."""
    await desk.begin()
    before = await desk.audit()

    def change_it(change: Change) -> None:
        change.execute(update(Account).where(Account.id == desk.dana).values(name="Changed"))
        change.execute(update(AuditEntry).values(reason="nothing to see"))

    copied = "SELECT id, at, 'nothing', '', '', '', 'to see', '', '' FROM audit"
    into = "INTO audit (id, at, action, subject_name, actor_name, about, reason, address, request_id)"
    over = (
        [
            f"INSERT OR REPLACE {into} {copied}",
            f"REPLACE {into} {copied}",
            "UPDATE OR REPLACE audit SET id = 1",
        ]
        if desk.sign_ins.database.engine.dialect.name == "sqlite"
        else []
    )
    upsert = f"INSERT {into} {copied} WHERE true ON CONFLICT (id) DO UPDATE SET reason = excluded.reason"
    for work in (
        change_it,
        lambda change: change.execute(delete(AuditEntry)),
        *(lambda change, sql=sql: change.execute(text(sql)) for sql in (*over, upsert)),
    ):
        with pytest.raises(DBAPIError, match="audit_is_append_only"):
            await desk.sign_ins.database.change(work)
    assert await desk.audit() == before
    name = select(Account.name).where(Account.id == desk.dana)
    assert await desk.sign_ins.database.ask(lambda db: db.scalar(name)) == "Dana Driver"


async def test_audit_rows_outlive_the_account(desk: Desk) -> None:
    """T30: names are kept as they were, and nothing refers to the row of the account."""
    await desk.begin()
    database = desk.sign_ins.database

    def delete_account(change: Change) -> None:
        change.execute(delete(SignIn).where(SignIn.account_id == desk.dana))
        change.execute(delete(ChargingSession).where(ChargingSession.account_id == desk.dana))
        change.execute(delete(Account).where(Account.id == desk.dana))

    await database.change(delete_account)
    name = select(AuditEntry.subject_name, AuditEntry.actor_name)
    assert tuple(await database.ask(lambda db: db.execute(name).one())) == ("Dana Driver", "Olga Operator")


async def _set(desk: Desk, account: int, **values: Any) -> None:
    changed = update(Account).where(Account.id == account).values(**values)
    await desk.sign_ins.database.change(lambda change: change.execute(changed))
    desk.sign_ins._forget()


def _sign_ins(db: Any) -> int:
    return len(db.execute(select(SignIn.id)).all())
