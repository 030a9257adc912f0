"""What a dashboard asks costs the same with any history: by the databases' own plans, without a clock."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, text

from app.charging.cost import costs
from app.pages.dashboard import active_with_costs
from data.database import Change, Database
from data.models import Account, ChargingSession, Connector, EnergyStep
from data.periods import Period, Window
from data.queries.chargers import visible_chargers
from data.queries.mappings import has_active_mapping, has_charged
from data.queries.plans import period_window, plan_use
from data.queries.reservations import next_reservation
from data.queries.sessions import active, recent
from data.queries.usage import usage
from tests.postgres import Postgres
from tests.world import NOW, add_charger, add_driver, add_plan, add_session, add_site

HISTORY = ("sessions", "meter_samples", "energy_steps")
PARTIAL = ("uq_sessions_active_connector", "ix_sessions_active", "ix_sessions_running")
"""Indexes that hold nothing but the sessions in progress: reading one of them whole is cheap."""
ZONE = "Europe/Berlin"
MONTH = Window(date(2026, 11, 1), date(2026, 12, 1), ZONE)
DAY = timedelta(days=1)

QUERIES: dict[str, Callable[[Connection, int], Any]] = {
    "has_active_mapping": lambda db, account: has_active_mapping(db, account),
    "has_charged": lambda db, account: has_charged(db, account),
    "active": lambda db, account: active(db, account),
    "active_with_costs": lambda db, account: active_with_costs(db, account, ZONE, NOW),
    "costs": lambda db, account: costs(db, account, [one.id for one in active(db, account)], NOW, ZONE),
    "recent": lambda db, account: recent(db, account),
    "next_reservation": lambda db, account: next_reservation(db, account, NOW),
    "period_window": lambda db, account: period_window(db, account, Period.PREVIOUS, ZONE, NOW),
    "usage": lambda db, account: usage(db, account, MONTH),
    "plan_use": lambda db, account: plan_use(db, account, ZONE, NOW),
    "visible_chargers": lambda db, account: visible_chargers(db, account, NOW),
}


def fill(database: Database) -> None:
    """Dana, with most of all sessions, a plan, two in progress and one over each end of the month."""

    def begin(change: Change) -> None:
        add_charger(change, site=add_site(change), connectors=3)
        charger, first, second = (
            *change.connection.execute(select(Connector.charger_id, Connector.id).limit(1)).one(),
            change.connection.execute(select(Connector.id).offset(1).limit(1)).scalar_one(),
        )
        driver = add_driver(change, tag="DANA")
        other = add_driver(change, "Eve Other", tag="EVE")
        add_plan(change, driver)
        where = {"charger": charger, "connector": first}
        add_history(change, driver, NOW - 40 * DAY, 3_000)
        add_history(change, other, NOW - 40 * DAY, 100)
        for day in range(1, 20):
            add_session(change, started_at=NOW - day * DAY, account=driver, **where)
        add_session(
            change, started_at=MONTH.starts_at - timedelta(hours=2), minutes=240, account=driver, **where
        )
        for connector in (first, second):
            where = {"charger": charger, "connector": connector, "account": driver}
            add_session(change, started_at=NOW - timedelta(hours=14), minutes=60 * 14, ended=False, **where)

    database.change_now(begin)


@pytest.fixture(scope="module")
def migrated_file(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this module's databases are copies of, on SQLite: filled once."""
    path = tmp_path_factory.mktemp("filled") / "polaris.db"
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    fill(database)
    database.close()
    return path


@pytest.fixture(scope="module")
def migrated_template(postgres: Postgres, migrated_template: str) -> str:
    """The same on PostgreSQL."""
    name, url = postgres.create(migrated_template)
    database = Database(url)
    fill(database)
    database.close()
    return name


def driver_of(database: Database) -> int:
    """Dana's id."""
    return database.ask_now(
        lambda db: db.scalars(select(Account.id).where(Account.name.startswith("Dana"))).one()
    )


@pytest.fixture
def driver(database: Database) -> int:
    """Dana, in a database without statistics on purpose: a file of ours never has any, and a new PostgreSQL
    not for a while.
    """
    return driver_of(database)


def add_history(change: Change, account: int, until: datetime, number: int) -> None:
    """*number* sessions of *account*, the last one before *until*, one each 20 minutes."""
    charger, connector = change.connection.execute(select(Connector.charger_id, Connector.id).limit(1)).one()
    length = timedelta(minutes=15)
    rows = []
    for place in range(number):
        started_at = until - (place + 1) * timedelta(minutes=20)
        over = dict.fromkeys(("ended_at", "finalized_at", "energy_ended_at"), started_at + length)
        began = dict.fromkeys(("started_at", "received_at", "energy_started_at"), started_at)
        where = {"charger_id": charger, "connector_id": connector, "account_id": account, "id_tag": "TAG"}
        rows.append({**where, **began, **over, "energy_wh": 3_000, "has_reading": True})
    change.execute(insert(ChargingSession), rows)
    session, known = ChargingSession, select(EnergyStep.session_id)
    steps = select(session.id, session.started_at, session.energy_ended_at, session.energy_wh)
    steps = steps.where(session.ended_at.is_not(None), session.id.not_in(known))
    names = ["session_id", "started_at", "ended_at", "energy_wh"]
    change.execute(insert(EnergyStep).from_select(names, steps))


def statements_of(database: Database, query: Callable[[Connection, int], Any], account: int) -> list[Any]:
    """Each statement that *query* executes, with its parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *rest: object) -> None:
        if statement.startswith(("SELECT", "WITH")):  # and not BEGIN
            statements.append((statement, parameters))

    def ask(db: Connection) -> None:
        event.listen(db, "before_cursor_execute", note)
        query(db, account)
        event.remove(db, "before_cursor_execute", note)

    database.ask_now(ask)
    return statements


def effort(database: Database, query: Callable[[Connection, int], Any], account: int) -> int:
    """What *query* costs the database: steps of SQLite's machine, or blocks that PostgreSQL touches."""
    statements = statements_of(database, query, account)

    def steps(db: Connection) -> int:
        raw = db.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        taken = 0

        def step() -> int:
            nonlocal taken
            taken += 1
            return 0

        raw.set_progress_handler(step, 1)
        try:
            query(db, account)
        finally:
            raw.set_progress_handler(None, 1)
        return taken

    def blocks(db: Connection) -> int:
        touched = 0
        for statement, parameters in statements:
            explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement
            (plan,) = db.exec_driver_sql(explain, parameters).scalar_one()
            touched += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        return touched

    return database.ask_now(steps if database.dialect == "sqlite" else blocks)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def efforts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[int, int]]:
    """What each query costs before and after the history has become five times as long."""
    with contextlib.ExitStack() as after:
        if request.param == "sqlite":
            path = tmp_path_factory.mktemp("longer") / "polaris.db"
            shutil.copy(request.getfixturevalue("migrated_file"), path)
            url = f"sqlite:///{path}"
        else:
            postgres: Postgres = request.getfixturevalue("postgres")
            template: str = request.getfixturevalue("migrated_template")
            url = after.enter_context(postgres.database(template))
        database = Database(url)
        after.callback(database.close)
        driver = driver_of(database)
        few = {name: effort(database, query, driver) for name, query in QUERIES.items()}
        database.change_now(add_history, driver, NOW - 90 * DAY, 12_000)
        return {name: (few[name], effort(database, query, driver)) for name, query in QUERIES.items()}


@pytest.mark.parametrize("name", QUERIES)
def test_each_query_of_the_dashboard_costs_the_same_with_any_history(
    efforts: dict[str, tuple[int, int]], name: str
) -> None:
    """Issue: the same with 100,000 and with 3,000,000 sessions; all the more of one driver's own."""
    before, after = efforts[name]
    assert 0 < after <= before * 1.3 + 12, f"{before} → {after}"  # an index may have become one level deeper


def plans(database: Database, query: Callable[[Connection, int], Any], account: int) -> Iterator[str]:
    """The database's plan of each statement that *query* executes."""
    statements = statements_of(database, query, account)

    def ask(db: Connection) -> list[str]:
        explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
        return [
            "\n".join(str(row[-1]) for row in db.exec_driver_sql(explain + statement, parameters))
            for statement, parameters in statements
        ]

    yield from database.ask_now(ask)


def scans(plan: str) -> list[str]:
    """The lines of *plan* that read a table of the history from one end to the other."""
    tables = "|".join(HISTORY)
    found = []
    lines = plan.splitlines()
    for number, line in enumerate(lines):
        if any(index in line for index in PARTIAL):
            continue
        if re.search(rf"\bSCAN ({tables})\b|Seq Scan on ({tables})\b", line) or (
            re.search(rf"(Index|Index Only) Scan .*on ({tables})\b|Bitmap Index Scan on \w*({tables})", line)
            and "Cond:" not in "".join(lines[number + 1 : number + 2])
        ):
            found.append(line)
    return found


@pytest.mark.parametrize("name", QUERIES)
def test_each_query_of_the_dashboard_goes_by_an_index(database: Database, driver: int, name: str) -> None:
    """Issue: each dashboard query uses an index and costs the same with any number of sessions."""
    found = list(plans(database, QUERIES[name], driver))
    assert found
    assert [scans(plan) for plan in found] == [[] for _ in found], "\n\n".join(found)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT sum(energy_wh) FROM sessions",
        "SELECT * FROM energy_steps WHERE energy_wh = 7",
        "SELECT id FROM sessions WHERE energy_wh > 0 ORDER BY started_at",
    ],
)
def test_a_scan_of_the_history_would_be_seen(database: Database, driver: int, statement: str) -> None:
    """The test above sees what it looks for."""

    def scan(db: Connection, account: int) -> None:
        db.execute(text(statement)).all()

    assert [scans(plan) for plan in plans(database, scan, driver)] != [[]]


def test_p6_the_sessions_in_progress_are_found_by_their_own_index(database: Database, driver: int) -> None:
    """Not by that of a driver's whole history, which serves as well as far as a planner can guess."""
    (plan,) = plans(database, QUERIES["active"], driver)
    assert "ix_sessions_active" in plan, plan


def test_the_number_of_statements_does_not_grow_with_the_chargers(database: Database, driver: int) -> None:
    few = len(list(plans(database, QUERIES["visible_chargers"], driver)))

    def more(change: Change) -> None:
        site = add_site(change, "Another")
        for number in range(70):
            add_charger(change, f"MORE{number}", site=site, connectors=2)

    database.change_now(more)
    assert len(list(plans(database, QUERIES["visible_chargers"], driver))) == few == 4


def test_queries_read_columns_and_no_objects(database: Database, driver: int) -> None:
    """House: no hidden SQL, so no instance of a table's class is ever made by a query."""
    made: list[object] = []

    def note(target: object, *rest: object) -> None:
        made.append(target)

    for table in (Account, ChargingSession, Connector):
        event.listen(table, "load", note)
    try:
        for query in QUERIES.values():
            database.ask_now(query, driver)
    finally:
        for table in (Account, ChargingSession, Connector):
            event.remove(table, "load", note)
    assert made == []


def test_a_driver_without_a_history_is_asked_for_as_cheaply(database: Database, driver: int) -> None:
    nobody = database.change_now(lambda change: add_driver(change, "Nora New"))
    for query in QUERIES.values():
        for plan in plans(database, query, nobody):
            assert scans(plan) == []
