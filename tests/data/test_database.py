"""The two doors to the database: what is answered is committed, what fails fails alone."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from data.announcements import Announcement, Topic
from data.database import Change, Database, insert_once
from data.engines import DatabaseUnavailable
from data.migrate import migrate, revision
from data.models import Account, Charger, Mapping, Reservation, Site
from data.types import Role

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def add_site(change: Change, name: str) -> None:
    change.execute(insert(Site), {"name": name, "time_zone": "Europe/Berlin", "currency": "EUR"})
    change.announce(Announcement(Topic.PEOPLE, 1, {"site": name}))


def sites(db: Connection) -> list[str]:
    return list(db.scalars(select(Site.name).order_by(Site.name)))


async def test_what_change_returned_is_committed_and_announced(database: Database) -> None:
    """C8: after `change` returns another connection reads it, and everybody has been told."""
    told: list[Announcement] = []
    database.announce = told.extend
    database.start()
    await database.change(add_site, "Harbour")
    assert await database.ask(sites) == ["Harbour"]
    await asyncio.sleep(0)
    assert told == [Announcement(Topic.PEOPLE, 1, {"site": "Harbour"})]


async def test_in_a_shared_commit_only_the_failing_unit_fails(database: Database) -> None:
    """Group commit: a neighbour's error undoes the neighbour alone, its announcements included."""
    told: list[Announcement] = []
    database.announce = told.extend
    database.start()
    names = ["A", "B", "A", "C"]
    results = await asyncio.gather(
        *(database.change(add_site, name) for name in names), return_exceptions=True
    )
    assert [type(result) for result in results].count(IntegrityError) == 1
    assert await database.ask(sites) == ["A", "B", "C"]
    await asyncio.sleep(0)
    assert sorted(a.values["site"] for a in told if a.values) == ["A", "B", "C"]


async def test_rows_for_later_are_written_before_what_reads_them(database: Database) -> None:
    """`Change.later` never hides a row from the unit that comes after it."""

    def work(change: Change) -> int:
        statement = insert_once(database.dialect, Site)
        for name in ("X", "Y", "X"):
            change.later(statement, {"name": name, "time_zone": "UTC", "currency": "EUR"})
        return change.connection.scalar(select(func.count()).select_from(Site)) or 0

    assert await database.change(work) == 2


async def test_a_caller_that_is_cancelled_does_not_stop_the_writer(database: Database) -> None:
    """A charger that hangs up while its message is being committed costs nobody else anything."""
    task = asyncio.ensure_future(database.change(add_site, "gone"))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await database.change(add_site, "next")
    assert await database.ask(sites) == ["gone", "next"]


def test_a_network_that_is_lost_ends_a_connection(postgres_url: str) -> None:
    """Soon, and not after a quarter of an hour; what the address says itself is left as it is."""
    database = Database(f"{postgres_url}{'&' if '?' in postgres_url else '?'}connect_timeout=7")
    try:
        with database.engine.connect() as connection:
            assert connection.connection.dbapi_connection is not None
            given = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[attr-defined]
        assert (given["tcp_user_timeout"], given["keepalives_idle"]) == ("10000", "10")
        assert given["connect_timeout"] == "7"
    finally:
        database.close()


async def test_processes_hear_of_each_other(postgres_url: str) -> None:
    """With PostgreSQL an announcement crosses processes, and its sender does not hear it twice."""
    here, there = Database(postgres_url), Database(postgres_url)
    migrate(here)
    heard_here: list[Announcement] = []
    heard_there: list[Announcement] = []
    here.announce, there.announce = heard_here.extend, heard_there.extend
    here.start()
    there.start()
    try:
        for number in range(50):
            if heard_there:
                break
            await here.change(add_site, f"site {number}")
            await asyncio.sleep(0.1)
        assert heard_there
        sent = {a.values["site"] for a in heard_here if a.values}
        assert len(sent) == len(heard_here)
    finally:
        here.close()
        there.close()


def test_a_second_start_migrates_nothing(database: Database) -> None:
    assert migrate(database) == revision()


def test_a_database_newer_than_the_program_is_refused(database: Database) -> None:
    """The start ends with what to do, and the database is left as it is."""
    database.change_now(lambda change: change.execute(text("UPDATE alembic_version SET version_num='9999'")))
    with pytest.raises(DatabaseUnavailable, match="newer than this program"):
        migrate(database)


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    """Whoever changes a table and forgets the migration learns it here."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from data.models import Base

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_times_without_a_zone_are_refused(sqlite_database: Database) -> None:
    """P25: inside the program time is UTC."""
    with pytest.raises(Exception, match="without a zone"):
        sqlite_database.change_now(_account, created_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_times_come_back_in_utc(database: Database) -> None:
    created = datetime.fromisoformat("2026-03-29T03:30:00.123456+02:00")
    database.change_now(_account, created_at=created)
    read = database.ask_now(lambda db: db.scalar(select(Account.created_at)))
    assert read == created
    assert read is not None
    assert read.utcoffset() == timedelta(0)


@pytest.mark.parametrize("free", ["cancelled_at = created_at", "status = 'refused'"])
@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ((None, 0, 60), (None, 60, 90), False),
        ((None, 0, 60), (1, 59, 90), True),
        ((1, 0, 60), (2, 0, 60), False),
        ((1, 0, 60), (1, 30, 40), True),
        ((2, 10, 20), (None, 0, 60), True),
    ],
)
def test_overlapping_reservations_cannot_be_stored(
    database: Database,
    first: tuple[int | None, int, int],
    second: tuple[int | None, int, int],
    overlap: bool,
    free: str,
) -> None:
    """C15, by the database itself; one that is cancelled, or that its charger refused, holds nothing."""
    database.change_now(_account, created_at=NOW)
    database.change_now(_charger_and_mapping)
    database.change_now(_reserve, *first)
    if overlap:
        with pytest.raises(Exception, match="ex_reservations_no_overlap"):
            database.change_now(_reserve, *second)
        database.change_now(lambda c: c.execute(text(f"UPDATE reservations SET {free}")))
    database.change_now(_reserve, *second)
    if overlap and "refused" in free:
        with pytest.raises(Exception, match="ex_reservations_no_overlap"):
            database.change_now(lambda c: c.execute(text("UPDATE reservations SET status = 'held'")))


async def test_of_simultaneous_reservations_one_wins(database: Database) -> None:
    """C15, T8: fifty at once, one is stored."""
    await database.change(_account, created_at=NOW)
    await database.change(_charger_and_mapping)
    results = await asyncio.gather(
        *(database.change(_reserve, None, 0, 30) for _ in range(50)), return_exceptions=True
    )
    assert sum(not isinstance(result, Exception) for result in results) == 1


def _account(change: Change, created_at: datetime) -> None:
    change.execute(
        insert(Account),
        {
            "role": Role.DRIVER,
            "email": "a@example.org",
            "name": "A",
            "theme": "system",
            "created_at": created_at,
        },
    )


def _charger_and_mapping(change: Change) -> None:
    add_site(change, "S")
    change.execute(insert(Charger), {"identity": "c", "name": "C", "site_id": 1})
    change.execute(insert(Mapping), {"id_tag": "TAG", "account_id": 1, "created_at": NOW})


def _reserve(change: Change, connector: int | None, start: int, end: int) -> None:
    change.execute(
        insert(Reservation),
        {
            "account_id": 1,
            "mapping_id": 1,
            "charger_id": 1,
            "connector_number": connector,
            "starts_at": NOW + timedelta(minutes=start),
            "ends_at": NOW + timedelta(minutes=end),
            "created_at": NOW,
        },
    )


def test_constraints_are_named_by_convention(database: Database) -> None:
    """A later migration can name what it changes, on both databases."""
    inspector = inspect(database.engine)
    for table in inspector.get_table_names():
        if table == "alembic_version":
            continue
        names = {
            "pk": [inspector.get_pk_constraint(table)["name"]],
            "fk": [key["name"] for key in inspector.get_foreign_keys(table)],
            "uq": [key["name"] for key in inspector.get_unique_constraints(table)],
            "ck": [key["name"] for key in inspector.get_check_constraints(table)],
        }
        for kind, found in names.items():
            for name in found:
                if (
                    table in ("sessions", "audit", "charges")
                    and kind == "pk"
                    and database.dialect == "sqlite"
                ):
                    continue  # AUTOINCREMENT is written in the column, where a name has no place
                assert name is not None, table
                assert name.startswith(f"{kind}_{table}"), name
