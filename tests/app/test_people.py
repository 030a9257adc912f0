"""What operators do to accounts, at the service: T4, T7, T16, T25, T30, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from app import clock
from app.access import people
from app.access.people import People
from app.access.sign_ins import SignIns
from app.settings import Settings
from data.announcements import Announcement, Topic
from data.caller import Caller, NotAllowed, ReadOnly
from data.database import Change, Database
from data.models import Account, AuditEntry, OneTimeLink, SignIn
from data.types import Role
from tests.world import NOW, add_account, add_driver


@dataclass
class Office:
    """An operator at work, a colleague, and a driver."""

    people: People
    sign_ins: SignIns
    olga: int
    otto: int
    dana: int
    told: list[Announcement]

    @property
    def database(self) -> Database:
        return self.people.database

    @property
    def caller(self) -> Caller:
        return Caller(self.olga, Role.OPERATOR, self.olga, address="192.0.2.7", request_id="0A0B0C0D")

    def account(self, account_id: int) -> Any:
        columns = Account.name, Account.email, Account.role, Account.disabled_at
        return self.database.ask_now(
            lambda db: db.execute(select(*columns).where(Account.id == account_id)).one()
        )

    def audit(self) -> list[tuple[Any, ...]]:
        entry = AuditEntry
        columns = entry.action, entry.subject_id, entry.actor_id, entry.about, entry.reason, entry.address
        return [tuple(row) for row in self.database.ask_now(lambda db: db.execute(select(*columns)).all())]

    def signed_in(self) -> list[int]:
        return self.database.ask_now(lambda db: list(db.scalars(select(SignIn.account_id))))

    def links(self) -> list[int | None]:
        """Whose links can still be used."""
        return self.database.ask_now(lambda db: list(db.scalars(select(OneTimeLink.account_id))))


def link(change: Change, account_id: int) -> None:
    row = {"token_hash": f"hash {account_id}", "purpose": "password reset", "account_id": account_id}
    change.execute(insert(OneTimeLink), {**row, "created_at": NOW, "expires_at": NOW + timedelta(hours=1)})


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    told: list[Announcement] = []
    database.announce = told.extend
    with clock.at(NOW):
        yield Office(
            People(database),
            SignIns(database, Settings(_env_file=None)),  # type: ignore[call-arg]
            database.change_now(add_account, "Olga Operator", Role.OPERATOR),
            database.change_now(add_account, "Otto Operator", Role.OPERATOR),
            database.change_now(add_driver, "Dana Driver"),
            told,
        )


async def test_t16_disabling_ends_all_sign_ins_and_links_of_the_account_and_is_told(office: Office) -> None:
    """T16, T30: in one transaction with its audit row; nobody else notices."""
    for account in (office.dana, office.dana, office.olga):
        await office.sign_ins.issue(account)
    await office.database.change(link, office.dana)
    await office.database.change(link, office.olga)
    office.told.clear()
    await office.people.disable(office.caller, office.dana, "  Contract \0 ended ")
    assert office.account(office.dana).disabled_at == NOW
    assert office.signed_in() == [office.olga]
    assert office.links() == [office.olga]
    assert Announcement(Topic.PEOPLE, office.dana) in office.told
    row = ("account.disable", office.dana, office.olga, "", "Contract ended", "192.0.2.7")
    assert office.audit() == [row]
    office.told.clear()
    await office.people.disable(office.caller, office.dana, "again")  # is so already: nothing happens
    assert office.audit() == [row]
    await office.people.enable(office.caller, office.dana)
    await office.people.enable(office.caller, office.dana)
    assert office.account(office.dana).disabled_at is None
    assert [entry[0] for entry in office.audit()] == ["account.disable", "account.enable"]
    assert office.told[-1] == Announcement(Topic.PEOPLE, office.dana)


async def test_t7_another_role_ends_the_sign_ins_and_is_written_down(office: Office) -> None:
    """T7: there and back; nothing of the old role is left to go on with."""
    await office.sign_ins.issue(office.dana)
    await office.database.change(link, office.dana)
    await office.people.change_role(office.caller, office.dana, Role.OPERATOR)
    assert office.account(office.dana).role is Role.OPERATOR
    assert (office.signed_in(), office.links()) == ([], [])
    await office.people.change_role(office.caller, office.dana, Role.DRIVER)
    assert office.account(office.dana).role is Role.DRIVER
    assert [entry[:4] for entry in office.audit()] == [
        ("account.role", office.dana, office.olga, "operator"),
        ("account.role", office.dana, office.olga, "driver"),
    ]


async def test_an_e_mail_address_is_there_once_a_role(office: Office) -> None:
    twin = await office.database.change(add_account, "Dana Else", Role.OPERATOR)
    with pytest.raises(people.EmailTaken):
        await office.people.change_role(office.caller, office.dana, Role.OPERATOR)
    with pytest.raises(people.EmailTaken):
        await office.people.rename(office.caller, twin, name="Dana", email="OTTO@example.org")
    assert office.audit() == []
    await office.people.rename(office.caller, twin, name="Dana", email="dana.else@example.org")
    await office.people.change_role(office.caller, office.dana, Role.OPERATOR)


async def test_another_address_ends_the_links_that_went_to_the_old_one(office: Office) -> None:
    """T22: whoever reads the old mailbox finds nothing to come in by; sign-ins stay."""
    await office.sign_ins.issue(office.dana)
    await office.database.change(link, office.dana)
    await office.people.rename(office.caller, office.dana, name=" Dana  Doe ", email="dana@example.org ")
    assert office.account(office.dana)[:2] == ("Dana Doe", "dana@example.org")
    assert office.links() == [office.dana]
    await office.people.rename(office.caller, office.dana, name="Dana Doe", email="Doe@Example.org")
    assert office.account(office.dana).email == "doe@example.org"
    assert (office.signed_in(), office.links()) == ([office.dana], [])
    await office.people.rename(office.caller, office.dana, name="Dana Doe", email="doe@example.org")
    assert [entry[3] for entry in office.audit()] == ["name", "email"]


NEITHER = (
    (" ", "dana@example.org", people.NameMissing),
    ("x" * 201, "dana@example.org", people.NameMissing),
    ("Da\x1b[31mna", "dana@example.org", people.NameMissing),
    ("Dana", "dana", people.NoAddress),
    ("Dana", "dana\ud800@example.org", people.NoAddress),
    ("Dana", "dana@example.org\r\nBcc: all@example.org", people.NoAddress),
    ("Dana", "d@" + "x" * 260, people.NoAddress),
)


async def test_what_is_no_name_or_address_is_not_taken(office: Office) -> None:
    """T47: nothing that could end up in a mail's head."""
    for name, email, why in NEITHER:
        with pytest.raises(why):
            await office.people.rename(office.caller, office.dana, name=name, email=email)
    assert office.account(office.dana)[:2] == ("Dana Driver", "dana@example.org")


async def test_disabling_takes_a_reason_and_an_account(office: Office) -> None:
    for reason in ("", " \n", "x" * 501):
        with pytest.raises(people.ReasonMissing):
            await office.people.disable(office.caller, office.dana, reason)
    for doing in (
        office.people.disable(office.caller, 4711, "x"),
        office.people.enable(office.caller, 4711),
        office.people.change_role(office.caller, 4711, Role.DRIVER),
        office.people.rename(office.caller, 4711, name="x", email="x@example.org"),
    ):
        with pytest.raises(people.NoSuchAccount):
            await doing
    assert office.audit() == []


async def test_nobody_locks_themselves_or_everybody_out(office: Office) -> None:
    """Not oneself, and never the last operator who can sign in: also not from the command line."""
    for doing in (
        office.people.disable(office.caller, office.olga, "x"),
        office.people.change_role(office.caller, office.olga, Role.DRIVER),
    ):
        with pytest.raises(people.Themselves):
            await doing
    await office.people.disable(office.caller, office.otto, "On leave")
    command_line = Caller(None, Role.OPERATOR, label="command line")
    for doing in (
        office.people.disable(command_line, office.olga, "x"),
        office.people.change_role(command_line, office.olga, Role.DRIVER),
    ):
        with pytest.raises(people.LastOperator):
            await doing
    assert office.account(office.olga)[2:] == (Role.OPERATOR, None)


async def test_of_two_operators_who_disable_each_other_at_once_one_stays(office: Office) -> None:
    """Two processes, where the database is one that several can have."""
    second = Database(office.database.url)
    try:
        done = await asyncio.gather(
            office.people.disable(office.caller, office.otto, "x"),
            People(second).disable(Caller(office.otto, Role.OPERATOR, office.otto), office.olga, "x"),
            return_exceptions=True,
        )
    finally:
        second.close()
    assert [type(one) for one in done if one is not None] == [people.LastOperator]
    assert [office.account(one).disabled_at for one in (office.olga, office.otto)].count(None) == 1


async def test_t4_t25_only_operators_who_are_themselves(office: Office) -> None:
    """T4, T25: each of these services refuses by itself, whatever a page offers."""
    driver = Caller(office.otto, Role.DRIVER, office.otto)
    acting = replace(office.caller, subject_id=office.dana, role=Role.DRIVER)
    for caller, refusal in ((driver, NotAllowed), (acting, ReadOnly)):
        for doing in (
            office.people.disable(caller, office.dana, "x"),
            office.people.enable(caller, office.dana),
            office.people.change_role(caller, office.dana, Role.OPERATOR),
            office.people.rename(caller, office.dana, name="x", email="x@example.org"),
            office.sign_ins.end_of_account(caller, office.dana),
        ):
            with pytest.raises(refusal):
                await doing
    assert office.account(office.dana) == ("Dana Driver", "dana@example.org", Role.DRIVER, None)
    refused = {action for action, *_ in office.audit()}
    assert refused == {
        "account.disable.refused",
        "account.enable.refused",
        "account.role.refused",
        "account.rename.refused",
        "sign_in.end_of_account.refused",
    }
