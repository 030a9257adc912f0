"""Deleting an account: nothing tells any more who it was, and the books are as they were (T16, T30)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from app import clock
from app.access.people import CannotChange, LastOperator, NoSuchAccount, People, ReasonMissing, Themselves
from app.operating.erasing import Erasing, NotSettled, StillCharging
from app.portal import Portal
from app.settings import Settings
from data.caller import Caller
from data.database import Change, Database
from data.models import (
    Account,
    AuditEntry,
    Charge,
    ChargerGroup,
    ChargingSession,
    GroupAccount,
    Identity,
    KnownBrowser,
    Mapping,
    OneTimeLink,
    Reservation,
    SessionCorrection,
    SignIn,
    Subscription,
)
from data.types import Role
from tests.app.test_admin_people import Town, Visit, fill, press
from tests.data.test_queries_accounts import add_identity
from tests.waiting import until
from tests.world import (
    NOW,
    add_account,
    add_charger,
    add_driver,
    add_mapping,
    add_plan,
    add_reservation,
    add_session,
    add_site,
    key,
)


class Books:
    """A driver with all that an account can have."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.erasing = Erasing(database, Settings.model_construct())
        database.change_now(self.fill)

    def fill(self, change: Change) -> None:
        now = clock.now()
        self.olga = add_account(change, "Olga Operator", Role.OPERATOR)
        self.by = Caller(self.olga, Role.OPERATOR, self.olga)
        self.dana = add_driver(change, "Dana Driver", deletion_requested_at=NOW)
        mapping = add_mapping(change, self.dana, "DANA")
        add_plan(change, self.dana)
        add_identity(change, self.dana)
        self.charger = add_charger(change, site=add_site(change))
        add_reservation(
            change,
            account=self.dana,
            mapping=mapping,
            charger=self.charger,
            starts_at=now + timedelta(days=1),
        )
        self.session = add_session(
            change, charger=self.charger, connector=1, account=self.dana, started_at=NOW, mapping_id=mapping
        )
        group = key(change.execute(insert(ChargerGroup), {"name": "Staff"}))
        change.execute(insert(GroupAccount), {"group_id": group, "account_id": self.dana})
        known = {"token_hash": "1", "account_id": self.dana, "used_at": NOW}
        change.execute(insert(KnownBrowser), known)
        link = {"token_hash": "2", "purpose": "reset", "account_id": self.dana}
        change.execute(insert(OneTimeLink), {**link, "created_at": NOW, "expires_at": NOW})
        charge = {"key": "1", "session_id": self.session, "account_id": self.dana, "energy_wh": 10_000}
        change.execute(insert(Charge), {**charge, "revision": 0, "reason": "", "created_at": NOW})

    def rows(self, *columns: Any) -> list[Any]:
        return self.database.ask_now(lambda db: [tuple(row) for row in db.execute(select(*columns))])

    def set(self, **values: Any) -> None:
        self.database.change_now(
            lambda change: change.execute(
                update(ChargingSession).where(ChargingSession.id == self.session).values(**values)
            )
        )


@pytest.fixture
def books(database: Database) -> Books:
    return Books(database)


async def test_who_it_was_is_forgotten_and_the_books_stay(books: Books) -> None:
    """Issue 4: no name, address or way in; sessions and charges as before; the reason in the audit (T30)."""
    before = books.rows(Charge.__table__), books.rows(ChargingSession.__table__)
    await books.erasing.erase(books.by, books.dana, "asked for it")
    columns = Account.id, Account.name, Account.email, Account.password_hash, Account.deletion_requested_at
    (account,) = [row for row in books.rows(*columns) if row[0] == books.dana]
    assert account[1:] == ("Deleted account", f"deleted-{books.dana}@deleted.invalid", None, None)
    for table in (Identity, KnownBrowser, OneTimeLink):
        assert books.rows(table.account_id) == [], table.__tablename__
    assert books.rows(GroupAccount.account_id) == []
    assert books.rows(Mapping.active) == [(False,)]
    assert [row[0] is not None for row in books.rows(Reservation.cancelled_at)] == [True]
    assert [row[0] is not None for row in books.rows(Subscription.ended_on)] == [True]
    assert (books.rows(Charge.__table__), books.rows(ChargingSession.__table__)) == before
    told = books.rows(AuditEntry.action, AuditEntry.subject_id, AuditEntry.reason)
    assert ("account.erase", books.dana, "asked for it") in told
    assert not any("dana" in str(row).lower() for row in books.rows(Account.__table__))


async def test_energy_that_is_not_billed_is_billed_first(books: Books) -> None:
    """Issue 4: a session in progress, one that waits to be settled, and late data are in the way."""
    for values, error in (
        ({"ended_at": None, "finalized_at": None}, StillCharging),
        ({"ended_at": NOW, "finalized_at": None}, NotSettled),
        ({"ended_at": NOW, "finalized_at": NOW, "late_at": NOW}, NotSettled),
    ):
        books.set(**values)
        with pytest.raises(error):
            await books.erasing.erase(books.by, books.dana, "asked for it")
    assert books.rows(Mapping.active) == [(True,)]
    books.set(late_at=None)
    await books.erasing.erase(books.by, books.dana, "asked for it")


async def test_who_is_not_erased(books: Books) -> None:
    """T4: nobody without a reason, not oneself, not the last operator, and nobody twice or back."""
    paul = books.database.change_now(add_account, "Paul Operator", Role.OPERATOR)
    by_paul = Caller(paul, Role.OPERATOR, paul)
    people = People(books.database)
    for caller, account, reason, error in (
        (books.by, books.dana, " ", ReasonMissing),
        (books.by, 999, "why", NoSuchAccount),
        (books.by, books.olga, "why", Themselves),
    ):
        with pytest.raises(error):
            await books.erasing.erase(caller, account, reason)
    correction = {"session_id": books.session, "at": NOW, "reason": "", "before": {}, "after": {}}
    who = {"by": "Olga Operator", "by_id": books.olga}
    books.database.change_now(lambda change: change.execute(insert(SessionCorrection), correction | who))
    await books.erasing.erase(by_paul, books.olga, "left")
    assert books.rows(SessionCorrection.by) == [("Deleted account",)]
    with pytest.raises((LastOperator, Themselves)):
        await books.erasing.erase(books.by, paul, "left")
    await books.erasing.erase(by_paul, books.dana, "asked for it")
    for again in (
        books.erasing.erase(by_paul, books.dana, "again"),
        people.enable(by_paul, books.dana),
        people.rename(by_paul, books.dana, name="Dana", email="dana@example.org"),
    ):
        with pytest.raises(CannotChange):
            await again


async def test_t16_the_driver_is_signed_out_at_once(portal: Portal, visit: Visit) -> None:
    """T16: by the operator's click, with the name on the button; the page tells what it stands for."""
    town = Town(portal)
    driver = await visit(town.dana, "/account")
    await driver.should_see("Dana Driver")
    town.set(town.dana, deletion_requested_at=NOW)
    user = await visit(town.olga, f"/admin/drivers/{town.dana}")
    press(user, "Delete account")
    await user.should_see("Dana Driver asked for it")
    press(user, "Delete the account of Dana Driver")
    await user.should_see("Please give a reason.")
    fill(user, "Reason, for the audit log (required)", "asked for it")
    press(user, "Delete the account of Dana Driver")
    await until(lambda: town.value(Account.name, town.dana) == "Deleted account")
    mine = select(SignIn.id).where(SignIn.account_id == town.dana)
    assert portal.database.ask_now(lambda db: db.execute(mine).all()) == []
    await user.open(f"/admin/drivers/{town.dana}")
    await user.should_see("This account was deleted")
    await user.should_not_see("Invite again")
