"""What a dashboard asks costs the same with any history: by the databases' own plans, without a clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, text

from app.simulation.history import fill
from data.database import Change, Database
from data.models import Account, ChargingSession, Connector
from data.periods import Window
from data.queries.chargers import visible_chargers
from data.queries.plans import plan_use
from data.queries.reservations import next_reservation
from data.queries.sessions import active, recent
from data.queries.usage import usage
from tests.world import NOW, add_charger, add_driver, add_plan, add_session, add_site

HISTORY = ("sessions", "meter_samples", "energy_steps")
PARTIAL = ("uq_sessions_active_connector", "ix_sessions_active")
"""Indexes that hold nothing but the sessions in progress: reading one of them whole is cheap."""
MONTH = Window(date(2026, 11, 1), date(2026, 12, 1), "Europe/Berlin")

QUERIES: dict[str, Callable[[Connection, int], Any]] = {
    "active": lambda db, account: active(db, account),
    "recent": lambda db, account: recent(db, account),
    "next_reservation": lambda db, account: next_reservation(db, account, NOW),
    "usage": lambda db, account: usage(db, account, MONTH),
    "plan_use": lambda db, account: plan_use(db, account, "Europe/Berlin", NOW),
    "visible_chargers": lambda db, account: visible_chargers(db, account, NOW),
}


@pytest.fixture
def driver(database: Database) -> int:
    """One of many drivers with a history, with a plan, a session in progress and one over each end of it."""

    def begin(change: Change) -> None:
        add_charger(change, site=add_site(change), connectors=3)

    database.change_now(begin)
    driver: int = fill(database, sessions=12_000, drivers=60, now=NOW).account_ids[7]

    def live(change: Change) -> None:
        charger, connector = change.connection.execute(
            select(Connector.charger_id, Connector.id).limit(1)
        ).one()
        add_plan(change, driver)
        where = {"charger": charger, "connector": connector, "account": driver}
        add_session(change, started_at=NOW - timedelta(hours=14), minutes=60 * 14, ended=False, **where)
        add_session(change, started_at=MONTH.starts_at - timedelta(hours=2), minutes=240, **where)

    database.change_now(live)
    database.change_now(lambda change: change.execute(text("ANALYZE")))
    return driver


def plans(database: Database, query: Callable[[Connection, int], Any], account: int) -> Iterator[str]:
    """The database's plan of each statement that *query* executes."""
    statements: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *rest: object) -> None:
        if statement.startswith(("SELECT", "WITH")):  # and not BEGIN
            statements.append((statement, parameters))

    def ask(db: Connection) -> list[str]:
        event.listen(db, "before_cursor_execute", note)
        query(db, account)
        event.remove(db, "before_cursor_execute", note)
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
