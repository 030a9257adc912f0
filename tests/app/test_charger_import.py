"""Many chargers from a table: the dry run, the import, the passwords, and that it can be repeated."""

from __future__ import annotations

import asyncio
import csv
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner, Result
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import func, select

from app.commands import commands
from app.operating.charger_import import ChargerImport, NoIdentity, Plan, TooMany, UnknownColumns
from app.portal import Portal
from components.drawn import Drawn
from data.caller import Caller
from data.database import Change, Database
from data.models import AuditEntry, Charger, ChargerGroup, Connector, GroupCharger
from data.types import Role
from tests.app.test_admin_people import press
from tests.world import add_account, add_charger, add_site

Visit = Callable[..., Awaitable[User]]
TABLE = """identity,name,site,connectors,group
CP-1,Here already,North,,
CP-2,"Bay 2, left",north,Type 2:22|CCS:150,Staff|Guests
CP-3,,South,type2:3.7,

CP-3,again,South,,
CP 4,blank within,North,,
CP-5,,East,,
CP-6,,,,
CP-7,,North,Type 9:22,
CP-8,,North,CCS:abc,
=CP-9,,North,CCS,
"""


def fill(change: Change) -> tuple[int, int]:
    """Two sites, a charger at one, an operator."""
    north = add_site(change, "North")
    add_site(change, "South")
    return add_charger(change, "CP-1", site=north, name="As it was"), add_account(
        change, "Olga Operator", Role.OPERATOR
    )


def outcomes(plan: Plan) -> list[tuple[int, str]]:
    """Each line's number and what would become of it."""
    return [(line.number, line.problem or ("known" if line.exists else "new")) for line in plan.lines]


async def test_the_dry_run_says_what_would_become_of_each_line(database: Database) -> None:
    """And writes nothing; lines have the numbers that an editor shows."""
    database.change_now(fill)
    plan = await ChargerImport(database).plan(TABLE)
    assert outcomes(plan) == [
        (2, "known"),
        (3, "new"),
        (4, "new"),
        (6, "repeated"),
        (7, "identity"),
        (8, "no_site"),
        (9, "site_missing"),
        (10, "plug"),
        (11, "plug"),
        (12, "new"),
    ]
    assert plan.lines[1].new_groups == ("Staff", "Guests")
    assert plan.lines[1].plugs == (("Type 2", 22_000), ("CCS", 150_000))
    assert (len(plan.new), plan.known, plan.wrong) == (3, 1, 6)
    assert database.ask_now(lambda db: db.scalar(select(func.count(Charger.id)))) == 1


@pytest.mark.parametrize("between", ["\t", ";", ","], ids=["tab", "semicolon", "comma"])
async def test_tables_come_in_several_ways(sqlite_database: Database, between: str) -> None:
    """With or without heads, with the sign that some programs begin a file with, with their line ends."""
    sqlite_database.change_now(fill)
    lines = ["identity\tname\tsite", "A\tBay 1\tNorth", "B\tBay 2\tSouth"]
    text = "\ufeff" + "\r\n".join(lines).replace("\t", between)
    service = ChargerImport(sqlite_database)
    assert outcomes(await service.plan(text)) == [(2, "new"), (3, "new")]
    assert outcomes(await service.plan(text.split("\r\n", 1)[1])) == [(1, "new"), (2, "new")]
    other = await service.plan("Site,,Identity\nNorth,,A")
    assert other.lines[0].cells == ("A", "", "North", "", "")
    for nothing in ("", "\n\n", "identity,name\n", '"'):
        assert (await service.plan(nothing)).new == ()
    with pytest.raises(TooMany):
        await service.plan("A\n" * 2_001)


async def test_a_misspelt_column_is_no_column_left_out(sqlite_database: Database) -> None:
    """What it holds would be lost: a charger whose groups nobody reads is seen by everybody."""
    _, olga = sqlite_database.change_now(fill)
    service, caller = ChargerImport(sqlite_database), Caller(olga, Role.OPERATOR, olga)
    text = "identity,name,Groups,site,NAME\nA,Bay,Staff,North,B"
    assert (await service.plan(text)).unknown == ("Groups", "NAME")
    with pytest.raises(UnknownColumns):
        await service.add(caller, text)
    with pytest.raises(NoIdentity):
        await service.plan("identiy,name,site\nA,Bay,North")


async def test_an_import_writes_all_of_it_and_can_be_repeated(database: Database) -> None:
    """T50: each charger has a password of its own, kept hashed; what is there already stays as it is."""
    _, olga = database.change_now(fill)
    caller = Caller(olga, Role.OPERATOR, olga)
    service = ChargerImport(database)
    told: list[tuple[int, int]] = []
    made = await service.add(caller, TABLE, lambda done, all_: told.append((done, all_)))
    assert [one.identity for one in made] == ["CP-2", "CP-3", "=CP-9"]
    assert told[-1] == (3, 3)
    assert len({one.password for one in made}) == 3
    rows = database.ask_now(
        lambda db: db.execute(
            select(Charger.identity, Charger.name, Charger.password_hash, Charger.visible_to_all)
        ).all()
    )
    by_identity = {row.identity: row for row in rows}
    assert by_identity["CP-1"].name == "As it was"
    assert (by_identity["CP-2"].name, by_identity["CP-2"].visible_to_all) == ("Bay 2, left", False)
    assert (by_identity["CP-3"].name, by_identity["CP-3"].visible_to_all) == ("CP-3", True)
    assert PasswordHasher().verify(by_identity["CP-3"].password_hash, made[1].password)

    def counts() -> tuple[int, ...]:
        tables = (Charger, Connector, ChargerGroup, GroupCharger)
        return tuple(
            database.ask_now(lambda db, of=of: db.scalar(select(func.count()).select_from(of)))  # type: ignore[misc]
            for of in tables
        )

    before = counts()
    assert before == (4, 1 + 2 + 1 + 1, 2, 2)
    assert await service.add(caller, TABLE) == ()
    assert counts() == before
    audited = database.ask_now(
        lambda db: list(db.scalars(select(AuditEntry.about).where(AuditEntry.action == "charger.add")))
    )
    assert sorted(audited) == ["charger =CP-9", "charger CP-2", "charger CP-3"]


@pytest.fixture
def run(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command on the test's database."""
    monkeypatch.setenv("POLARIS_DATABASE_URL", sqlite_database.url.render_as_string(hide_password=False))
    monkeypatch.setenv("POLARIS_PUBLIC_URL", "https://charge.example.org")
    return lambda *words: CliRunner().invoke(commands(print), ["import-chargers", *map(str, words)])


def test_t50_t62_the_command_writes_the_passwords_into_a_file_of_its_own(
    sqlite_database: Database, run: Callable[..., Result], tmp_path: Path
) -> None:
    """T46, T50, T62: for nobody else to read, and never over another; the dry run says the same before."""
    sqlite_database.change_now(fill)
    (table := tmp_path / "chargers.csv").write_text(TABLE, "utf-8-sig")
    kept = tmp_path / "passwords.csv"

    def identities() -> list[str]:
        found = select(Charger.identity).order_by(Charger.id)
        return list(sqlite_database.ask_now(lambda db: db.scalars(found).all()))

    looked = run(table, "--dry-run", "--passwords", kept)
    assert "line    3  CP-2: would be added (makes the group Staff, Guests)" in looked.output
    assert "line    6  CP-3: left out: an earlier line has the same identity" in looked.output
    assert "3 would be added, 1 there already, 6 left out." in looked.output
    assert (identities(), kept.exists()) == (["CP-1"], False)

    kept.write_text("mine")
    refused = run(table, "--passwords", kept)
    assert (refused.exit_code, kept.read_text(), identities()) == (1, "mine", ["CP-1"])
    assert "is there already: give the name of a new file" in refused.output
    kept.unlink()
    done = run(table, "--passwords", kept)
    assert done.exit_code == 0, done.output
    assert "line    4  CP-3: added" in done.output
    assert "line    2  CP-1: is there already" in done.output
    assert identities() == ["CP-1", "CP-2", "CP-3", "=CP-9"]
    head, *rows = csv.reader(kept.read_text().splitlines())
    assert head == ["identity", "address", "password"]
    assert [row[0] for row in rows] == ["CP-2", "CP-3", "'=CP-9"]
    assert rows[0][1] == "wss://charge.example.org/ocpp/CP-2"
    hashed = sqlite_database.ask_now(
        lambda db: db.scalar(select(Charger.password_hash).where(Charger.identity == "CP-3"))
    )
    assert PasswordHasher().verify(hashed or "", rows[1][2])
    assert rows[1][2] not in done.output
    if os.name == "posix":
        assert kept.stat().st_mode & 0o777 == 0o600
    again = run(table, "--passwords", tmp_path / "none.csv")
    assert "0 added, 4 there already, 6 left out." in again.output
    assert not (tmp_path / "none.csv").exists()


def test_the_command_prints_them_and_says_what_it_can_not_read(
    sqlite_database: Database, run: Callable[..., Result], tmp_path: Path
) -> None:
    """T50: shown once, where no file was named."""
    sqlite_database.change_now(fill)
    (table := tmp_path / "chargers.csv").write_bytes("CP-8,Größe,North".encode("latin-1"))
    assert "say with --encoding what it is" in run(table).output
    assert "is no encoding" in run(table, "--encoding", "nonsense").output
    printed = run(table, "--encoding", "latin-1").output
    assert re.search(r"CP-8  wss://charge.example.org/ocpp/CP-8  [\w-]{22}\n", printed)
    table.write_text("A\n" * 2_001)
    assert "split it" in run(table).output


async def test_two_imports_at_once_add_each_charger_once(database: Database) -> None:
    """What somebody else has added since the look stays as it is, and the rest is added."""
    _, olga = database.change_now(fill)
    caller = Caller(olga, Role.OPERATOR, olga)
    service = ChargerImport(database)
    both = await asyncio.gather(service.add(caller, TABLE), service.add(caller, TABLE))
    assert sorted(one.identity for made in both for one in made) == ["=CP-9", "CP-2", "CP-3"]


async def test_the_page_looks_first_and_gives_the_passwords_once(
    visit: Visit, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T46, T62: the file holds no formula; nothing is written by looking."""
    _, olga = portal.database.change_now(fill)
    user = await visit(olga, "/admin/chargers/import")
    assert user.client is not None
    (box,) = [one for one in user.client.elements.values() if isinstance(one, ui.textarea)]
    await user.should_see("60,000 characters fit in here; choose a file if it is more.")
    press(user, "See what would happen")
    await user.should_see("There is no line with a charger in it.")
    box.set_value(TABLE)
    press(user, "See what would happen")
    await user.should_see("3 new chargers · 1 is there already · 6 lines are wrong and are left out")
    for sentence in (
        "There is no site of this name.",
        "There are several sites: name one.",
        "An earlier line has the same identity.",
        "makes the group Staff, Guests",
    ):
        await user.should_see(sentence)
    press(user, "Import 3 chargers")
    await user.should_see("3 chargers were added")
    press(user, "Save the passwords (CSV)")
    response = await user.download.next()
    text = response.content.decode()
    assert '"CP-2","ws://127.0.0.1/ocpp/CP-2"' in text
    assert "'=CP-9" in text
    hashes = portal.database.ask_now(
        lambda db: {
            row.identity: row.password_hash
            for row in db.execute(select(Charger.identity, Charger.password_hash))
        }
    )
    password = next(line for line in text.splitlines() if line.startswith('"CP-3"')).split(",")[2].strip('"')
    assert PasswordHasher().verify(hashes["CP-3"], password)
    again = await visit(olga, "/admin/chargers/import")
    await again.should_not_see(password)
    await again.should_not_see("were added")


def table_of(user: User) -> ui.textarea:
    """Where a table is pasted."""
    assert user.client is not None
    (box,) = [one for one in user.client.elements.values() if isinstance(one, ui.textarea)]
    return box


async def test_a_page_that_is_left_loses_no_passwords(visit: Visit, portal: Portal) -> None:
    """Left before anything is written, nothing is; afterwards they wait for who made them, for minutes."""
    _, olga = portal.database.change_now(fill)
    otto = portal.database.change_now(add_account, "Otto Operator", Role.OPERATOR)
    user, second = await visit(olga, "/admin/chargers/import"), await visit(olga, "/admin/chargers/import")
    for one in (user, second):
        table_of(one).set_value(TABLE)
        press(one, "See what would happen")
        await one.should_see("seen by all drivers")
    assert user.client is not None
    tab, user.client.tab_id = user.client.tab_id, None
    press(user, "Import 3 chargers")
    await user.should_see("The connection to this page was interrupted, so nothing was added")
    assert portal.database.ask_now(lambda db: db.scalar(select(func.count(Charger.id)))) == 1
    user.client.tab_id = tab
    press(user, "Import 3 chargers")
    await user.should_see("3 chargers were added")
    await (await visit(otto, "/admin/chargers/import")).should_not_see("were added")
    back = await visit(olga, "/admin/chargers/import?problem=nonsense")
    await back.should_see("You have not saved their passwords yet.")
    await back.should_not_see("This is no text")
    press(back, "Save the passwords (CSV)")
    assert '"CP-2"' in (await back.download.next()).content.decode()
    await (await visit(olga, "/admin/chargers/import")).should_not_see("were added")
    press(second, "Import 3 chargers")  # the same dry run in another tab
    await second.should_see("All of these chargers were there already")
    await second.should_not_see("Save the passwords (CSV)")


async def test_the_page_names_columns_that_there_are_not(visit: Visit, portal: Portal) -> None:
    _, olga = portal.database.change_now(fill)
    user = await visit(olga, "/admin/chargers/import")
    table_of(user).set_value("identity,site,gruop\nA,North,Staff")
    press(user, "See what would happen")
    await user.should_see("Unknown columns, or named twice: gruop.")
    await user.should_not_see("Import 1 charger")
    table_of(user).set_value("identiy,site\nA,North")
    press(user, "See what would happen")
    await user.should_see("none of them is identity")


async def test_t41_hostile_cells_are_text(visit: Visit, portal: Portal) -> None:
    _, olga = portal.database.change_now(fill)
    hostile = "<img src=x onerror=alert(1)>"
    user = await visit(olga, "/admin/chargers/import")
    assert user.client is not None
    (box,) = [one for one in user.client.elements.values() if isinstance(one, ui.textarea)]
    box.set_value(f"{hostile},{hostile},{hostile},{hostile},{hostile}")
    press(user, "See what would happen")
    await user.should_see("1 line is wrong")
    drawn = [one for one in user.client.elements.values() if isinstance(one, Drawn)]
    assert any(hostile in str(one.values) for one in drawn)
