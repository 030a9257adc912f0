"""T30: the whole audit log, filtered and page by page, with an index for each way to ask."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert

from data.database import Change, Database
from data.models import AuditEntry
from data.queries import audit_log
from data.queries.audit_log import PROGRAM, Place, Wanted
from data.types import Role
from tests.world import NOW, add_account, add_driver

HOUR = timedelta(hours=1)
EVERYTHING = Wanted()


@pytest.fixture
def world(database: Database) -> Database:
    """40 rows, in pairs of the same moment: Olga, Paul and the program do three things to two drivers."""

    def fill(change: Change) -> None:
        olga, paul = (add_account(change, name, Role.OPERATOR) for name in ("Olga Operator", "Paul Operator"))
        drivers = [add_driver(change, name) for name in ("Dana Driver", "Eve Other")]
        actions = ("plan.add", "card.link", "card.link.refused", "acting.page")
        change.execute(
            insert(AuditEntry),
            [
                {
                    "at": NOW + n // 2 * HOUR,
                    "action": actions[n % 4],
                    "subject_id": drivers[n % 2],
                    "subject_name": "then",
                    "actor_id": (olga, paul, None)[n % 3],
                    "actor_name": "x",
                    "actor_role": Role.OPERATOR,
                    "about": str(n),
                    "reason": "",
                    "address": "",
                    "request_id": "",
                }
                for n in range(40)
            ],
        )

    database.change_now(fill)
    return database


def walked(database: Database, wanted: Wanted, limit: int = 7) -> list[int]:
    """All rows by turning pages forward; backward they are the same."""
    found: list[int] = []
    after: Place | None = None
    while True:
        page = database.ask_now(audit_log.page, wanted, after=after, limit=limit)
        assert page.newer == (after is not None)
        found += [row.id for row in page.rows]
        if not page.older:
            break
        after = page.rows[-1].place
    if after is not None:
        back: list[int] = []
        before: Place | None = page.rows[-1].place
        while before is not None:
            page = database.ask_now(audit_log.page, wanted, before=before, limit=limit)
            back = [row.id for row in page.rows] + back
            before = page.rows[0].place if page.newer else None
        assert back == found[:-1]
    return found


@pytest.mark.parametrize(
    ("wanted", "which"),
    [
        (EVERYTHING, lambda n: True),
        (Wanted(actor_id=1), lambda n: n % 3 == 0),
        (Wanted(actor_id=PROGRAM), lambda n: n % 3 == 2),
        (Wanted(actor_id=4711), lambda n: False),
        (Wanted(actions=("plan.add", "acting.page")), lambda n: n % 4 in (0, 3)),
        (Wanted(actions=()), lambda n: False),
        (Wanted(subjects=(3,)), lambda n: n % 2 == 0),
        (Wanted(subjects=(3, 4), actions=("card.link",)), lambda n: n % 4 == 1),
        (Wanted(subjects=()), lambda n: False),
        (Wanted(actor_id=2, actions=("plan.add",)), lambda n: n % 3 == 1 and n % 4 == 0),
        (Wanted(since=NOW + 3 * HOUR, until=NOW + 5 * HOUR), lambda n: 3 <= n // 2 < 5),
        (Wanted(subjects=(4,), actor_id=1, until=NOW + 9 * HOUR), lambda n: n % 6 == 3 and n // 2 < 9),
    ],
)
def test_each_filter_finds_its_rows_on_any_page(world: Database, wanted: Wanted, which: Any) -> None:
    """T5: and what stands for nothing finds nothing."""
    assert walked(world, wanted) == [n + 1 for n in reversed(range(40)) if which(n)]


def test_who_is_searched_for(world: Database) -> None:
    """By words of name or address, or by number; at most so many; nobody for what nobody is called."""

    def found(search: str) -> tuple[int, ...]:
        return world.ask_now(audit_log.found, search)

    assert found("dri dana") == (3,)
    assert found("EVE@example") == (4,)
    assert found("operator") == (1, 2)
    assert (found("#3"), found("#x"), found("nobody"), found("")) == ((3,), (), (), ())
    assert world.ask_now(audit_log.operators) == ((1, "Olga Operator"), (2, "Paul Operator"))
    assert world.ask_now(audit_log.actions) == ("acting.page", "card.link", "card.link.refused", "plan.add")
    assert world.ask_now(audit_log.place, 1) == Place(NOW, 1)
    assert world.ask_now(audit_log.place, 4711) is None


ASKED = {
    "everything": EVERYTHING,
    "who": Wanted(actor_id=1),
    "program": Wanted(actor_id=PROGRAM),
    "what": Wanted(actions=("plan.add", "card.link")),
    "whom": Wanted(subjects=(3, 4)),
    "who and what": Wanted(actor_id=1, actions=("plan.add",)),
    "whom and what": Wanted(subjects=(3,), actions=("plan.add", "card.link")),
    "days": Wanted(since=NOW, until=NOW + HOUR),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("turned", [False, True])
def test_an_index_leads_to_each_page(world: Database, name: str, turned: bool) -> None:
    """However long the log is: SQLite's own plan sorts no more than the rows of one page."""
    if world.dialect != "sqlite":
        pytest.skip("PostgreSQL reads 40 rows without an index")

    def plans(db: Connection) -> list[str]:
        asked: list[tuple[str, Any]] = []

        def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
            asked.append((statement, parameters))

        event.listen(db.engine, "after_cursor_execute", note)
        try:
            audit_log.page(db, ASKED[name], after=Place(NOW + 8 * HOUR, 17) if turned else None)
        finally:
            event.remove(db.engine, "after_cursor_execute", note)
        return [
            row[3]
            for statement, parameters in asked
            for row in db.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
        ]

    told = world.ask_now(plans)
    read = [line for line in told if re.search(r"\baudit\b", line)]
    assert read
    for line in read:
        assert re.search(r"USING (COVERING )?INDEX ix_audit_|USING INTEGER PRIMARY KEY", line), told
    # One sort at most: of the rows that the indexes led to.
    assert sum("TEMP B-TREE FOR ORDER BY" in line for line in told) <= 1, told
