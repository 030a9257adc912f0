"""The console's list of all sessions: filters, orders, pages both ways, and what a page costs."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from app.simulation.history import fill
from data.database import Change, Database
from data.models import Charge, ChargingSession, Connector
from data.queries import health, listed_sessions, overview, session_list
from data.queries.listed_sessions import ListedSession, State
from data.queries.session_list import Place, Sort, Wanted
from tests.world import NOW, add_charger, add_driver, add_session, add_site

DAY = timedelta(days=1)


class Town:
    """Two sites, five chargers, three drivers and nobody, 160 sessions with many equal numbers."""

    def __init__(self, change: Change) -> None:
        draw = random.Random(4)
        self.sites = [add_site(change, name) for name in ("Harbour", "Hill")]
        self.drivers = [add_driver(change, f"{name} Driver") for name in ("Dana", "Eve", "Finn")]
        self.chargers = [
            add_charger(change, f"CP{n}", site=self.sites[n % 2], connectors=2) for n in range(5)
        ]
        plugs = list(change.execute(select(Connector.id, Connector.charger_id)))
        self.site_of = {charger: self.sites[n % 2] for n, charger in enumerate(self.chargers)}
        for n in range(160):
            connector, charger = plugs[0] if n == 0 else draw.choice(plugs)
            account = draw.choice([*self.drivers, None])
            ended = n > 0
            add_session(
                change,
                charger=charger,
                connector=connector,
                account=account,
                started_at=NOW - timedelta(hours=n // 3 * 5),  # three at the same moment
                energy_wh=draw.randrange(8) * 1_000,
                ended=ended,
                finalized=ended and n % 4 != 1,
                flags=["clock_skew"] if n % 5 == 0 else [],
                reviewed_at=NOW if n % 10 == 0 else None,
            )


@pytest.fixture
def town(database: Database) -> Town:
    return database.change_now(Town)


def wanted_of(town: Town) -> Iterator[Wanted]:
    """Each filter alone and with each other, in each order that is offered."""
    drivers: tuple[tuple[int, ...] | None, ...] = (None, (town.drivers[0],), tuple(town.drivers[:2]))
    dates = ((None, None), (NOW - 8 * DAY, NOW - 2 * DAY))
    for site, charger, who, state, (since, until) in product(
        (None, town.sites[0]), (None, town.chargers[2]), drivers, (None, *State), dates
    ):
        plain = Wanted(site, charger, who, state, since, until)
        for sort in plain.sorts:
            for ascending in (False, True):
                yield Wanted(site, charger, who, state, since, until, sort, ascending)


def expected(sessions: list[ListedSession], town: Town, wanted: Wanted) -> list[int]:
    """The ids that *wanted* names, worked out the slow way."""

    def fits(one: ListedSession) -> bool:
        return (
            (wanted.site is None or town.site_of[one.charger_id] == wanted.site)
            and (wanted.charger is None or one.charger_id == wanted.charger)
            and (wanted.drivers is None or one.account_id in wanted.drivers)
            and (wanted.since is None or one.started_at >= wanted.since)
            and (wanted.until is None or one.started_at < wanted.until)
            and (wanted.sort is Sort.START or wanted.state is State.CHARGING or one.ended_at is not None)
            and (
                wanted.state is None
                or (wanted.state is State.NOBODY and one.account_id is None)
                or (wanted.state is State.REVIEW and bool(one.flags) and one.reviewed_at is None)
                or one.state is wanted.state
            )
        )

    def number(one: ListedSession) -> tuple[Any, int]:
        return (one.started_at if wanted.sort is Sort.START else one.energy_wh, one.id)

    return [one.id for one in sorted(filter(fits, sessions), key=number, reverse=not wanted.ascending)]


def test_every_filter_with_every_other_in_every_order_page_by_page(database: Database, town: Town) -> None:
    """All there are, none twice, forwards and back; T5: what was not understood shows nothing."""
    everything = database.ask_now(
        lambda db: list(listed_sessions.many(db, db.scalars(select(ChargingSession.id)).all()))
    )
    assert len(everything) == 160

    def look(db: Any) -> int:
        looked = 0
        for wanted in wanted_of(town):
            right = expected(everything, town, wanted)
            pages, found = [], session_list.page(db, wanted, limit=30)
            while True:
                pages.append([one.id for one in found.sessions])
                if found.next is None:
                    break
                after, found = found.next, session_list.page(db, wanted, after=found.next, limit=30)
                assert found.previous is not None, wanted
            assert [id_ for page in pages for id_ in page] == right, wanted
            back = [pages[-1]]
            while found.previous is not None:
                found = session_list.page(db, wanted, before=found.previous, limit=30)
                back.append([one.id for one in found.sessions])
                assert found.next is not None or not right, wanted
            assert [id_ for page in reversed(back) for id_ in page] == right, (wanted, after)
            looked += 1
        return looked

    assert database.ask_now(look) > 300
    assert database.ask_now(session_list.page, Wanted(nothing=True)).sessions == ()
    assert database.ask_now(session_list.page, Wanted(drivers=())).sessions == ()
    assert database.ask_now(session_list.piece, Wanted(nothing=True), None, 10) == ((), None)
    unserved = Wanted(since=NOW - DAY, sort=Sort.ENERGY)
    assert database.ask_now(session_list.page, unserved).sessions == ()


def test_ways_that_are_merged_miss_nothing_wherever_the_next_session_is(database: Database) -> None:
    """More chargers than a page has rows, one of them with most sessions: the order is that of all."""

    def busy(change: Change) -> list[int]:
        site = add_site(change)
        made = []
        for n in range(12):
            charger = add_charger(change, f"CP{n}", site=site)
            plug = change.execute(select(Connector.id).where(Connector.charger_id == charger)).scalar_one()
            for back in range(30 if n == 4 else 1):
                at = NOW - timedelta(minutes=n if n != 4 else 2 + back // 4)
                made.append(
                    (at, add_session(change, charger=charger, connector=plug, account=None, started_at=at))
                )
        return [id_ for _, id_ in sorted(made, reverse=True)]

    right = database.change_now(busy)
    found, after = list[int](), None
    while True:
        page = database.ask_now(session_list.page, Wanted(site=1), after, limit=7)
        found += [one.id for one in page.sessions]
        if page.next is None:
            break
        after = page.next
    assert found == right
    last = page.sessions[-1]
    beyond = Place(last.started_at, last.id)
    empty = database.ask_now(session_list.page, Wanted(site=1), beyond)
    assert (empty.sessions, empty.previous, empty.next) == ((), beyond, None)


def test_a_download_goes_on_where_its_last_piece_ended(database: Database, town: Town) -> None:
    """The pieces are the list; and its end is known from one step in an index."""
    wanted = Wanted(site=town.sites[0])

    def pieces(db: Any) -> list[int]:
        after, ids = None, list[int]()
        while True:
            found, after = session_list.piece(db, wanted, after, 17)
            ids += [one.id for one in found]
            if after is None:
                return ids

    everything = database.ask_now(session_list.page, wanted, limit=500)
    assert database.ask_now(pieces) == [one.id for one in everything.sessions]
    assert database.ask_now(session_list.oldest, wanted) == everything.sessions[-1].started_at
    assert database.ask_now(session_list.oldest, Wanted(nothing=True)) is None


def test_a_row_says_what_was_billed_and_what_is_unknown(database: Database, town: Town) -> None:
    """Charges of the page's rows are added up, corrections among them; nothing billed is nothing, not 0."""

    def bill(change: Change) -> list[int]:
        ids = list(change.execute(select(ChargingSession.id).order_by(ChargingSession.id).limit(3)).scalars())
        theirs = update(ChargingSession).where(ChargingSession.id == ids[1])
        change.execute(theirs.values(account_id=town.drivers[0]))
        for number, amount in enumerate((500, -120)):
            row = {
                "key": f"{ids[1]}:{number}",
                "session_id": ids[1],
                "account_id": town.drivers[0],
                "revision": number,
                "energy_wh": 10,
                "amount": amount,
                "currency": "EUR",
                "created_at": NOW,
            }
            change.execute(insert(Charge), row)
        return ids

    ids = database.change_now(bill)
    first, second, third = database.ask_now(listed_sessions.many, ids)
    assert (first.billed, second.billed, third.billed) == ((), ((380, "EUR"),), ())
    assert first.state is State.CHARGING
    assert first.reading.energy_wh == first.energy_wh


def test_what_is_settling_is_the_same_in_the_list_the_tile_and_health(database: Database, town: Town) -> None:
    """Ended, with a driver, and not finalized; what is nobody's has its own state."""

    def three(db: Any) -> tuple[list[ListedSession], int, int]:
        listed = list(session_list.page(db, Wanted(state=State.SETTLING), limit=200).sessions)
        return listed, overview.figures(db, NOW).settling, health.counts(db, NOW).settling_sessions

    listed, tile, counted = database.ask_now(three)
    assert len(listed) == tile == counted > 10
    assert {one.state for one in listed} == {State.SETTLING}
    nobodys = database.ask_now(session_list.page, Wanted(state=State.NOBODY), limit=200).sessions
    assert any(one.state is State.NOBODY and one.finalized_at is None for one in nobodys)


# --- what it costs


@pytest.fixture
def large(sqlite_database: Database) -> Database:
    """20,000 sessions at 12 chargers of two sites, no session of the one driver without any."""

    def chargers(change: Change) -> None:
        sites = [add_site(change, name) for name in ("Harbour", "Hill")]
        for n in range(12):
            add_charger(change, f"CP{n}", site=sites[n % 2], seen=NOW)

    sqlite_database.change_now(chargers)
    fill(sqlite_database, sessions=20_000, now=NOW)
    return sqlite_database


FILTERS = (
    Wanted(),
    Wanted(site=1),
    Wanted(charger=3),
    Wanted(drivers=(5,)),
    Wanted(drivers=(5, 6, 7)),
    *(Wanted(state=state) for state in State),
    *(Wanted(site=2, state=state) for state in State),
    Wanted(since=NOW - 200 * DAY, until=NOW - 100 * DAY),
    Wanted(since=NOW - 400 * DAY, until=NOW + 800 * DAY),
    Wanted(2, 3, (5,), State.REVIEW, NOW - 300 * DAY, NOW),
    Wanted(site=1, drivers=(5, 6), state=State.FINALIZED, since=NOW - 300 * DAY),
    Wanted(charger=4, state=State.NOBODY),
)


def test_no_filter_reads_the_history_or_sorts_it(large: Database) -> None:
    """EXPLAIN QUERY PLAN: each statement of each page searches an index, and sorts no more than it shows."""
    statements: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        statements.append((statement, parameters))

    event.listen(large.engine, "before_cursor_execute", note)
    asked = large.ask_now(_each_page)
    event.remove(large.engine, "before_cursor_execute", note)
    assert asked > 100
    plans = set()
    with sqlite3.connect(large.url.database or "") as db:
        for statement, parameters in statements:
            if statement.startswith("SELECT"):
                values = tuple(p.isoformat(" ") if isinstance(p, datetime) else p for p in parameters)
                for *_, step in db.execute("EXPLAIN QUERY PLAN " + statement, values):
                    plans.add((step, statement))
    scans = {(step, text) for step, text in plans if step.startswith("SCAN") and "sessions" in step.split()}
    # The way that is sorted already is gone along by an index that holds nothing but what is wanted.
    assert {step for step, _ in scans if "USING" not in step} == set()
    sorts = {text for step, text in plans if "TEMP B-TREE" in step and "GROUP BY" not in text}
    assert {text for text in sorts if "ended_at IS NULL" not in text} == set()


def test_what_waits_to_be_settled_is_found_among_any_number_of_nobody_s(large: Database) -> None:
    """Counted in steps of SQLite's machine: 20,000 that wait for their tags cost the list nothing."""

    def wait(change: Change) -> None:
        change.execute(update(ChargingSession).values(account_id=None, finalized_at=None))
        some = select(ChargingSession.id).where(ChargingSession.ended_at.is_not(None)).limit(3)
        change.execute(update(ChargingSession).where(ChargingSession.id.in_(some)).values(account_id=5))

    large.change_now(wait)
    steps = 0
    with large.engine.connect() as db:
        raw: Any = db.connection.dbapi_connection

        def tick() -> int:
            nonlocal steps
            steps += 100
            return 0

        raw.set_progress_handler(tick, 100)
        found = session_list.page(db, Wanted(state=State.SETTLING))
        raw.set_progress_handler(None, 0)
    assert len(found.sessions) == 3
    assert steps < 10_000


def test_a_page_costs_the_same_anywhere_and_with_ten_times_the_history(sqlite_database: Database) -> None:
    """Counted in steps of SQLite's machine, which no other load changes: page 1, the middle, a large file."""
    sqlite_database.change_now(lambda change: add_charger(change, site=add_site(change), connectors=2))
    fill(sqlite_database, sessions=2_000, now=NOW, drivers=40)
    small = _steps(sqlite_database)
    fill(sqlite_database, sessions=20_000, now=NOW + 400 * DAY, drivers=40)
    large = _steps(sqlite_database)
    for wanted, steps in large.items():
        assert steps <= max(1.5 * small[wanted], 40_000), wanted


def _steps(database: Database) -> dict[tuple[Wanted, Sort, str], int]:
    """Steps for the first page and one in the middle of each filter and order, in thousands."""
    found: dict[tuple[Wanted, Sort, str], int] = {}
    with database.engine.connect() as db:
        raw: Any = db.connection.dbapi_connection
        count = 0

        def tick() -> int:
            nonlocal count
            count += 1
            return 0

        middle = db.execute(
            select(ChargingSession.started_at, ChargingSession.energy_wh, ChargingSession.id)
            .order_by(ChargingSession.started_at)
            .offset(1_000)
            .limit(1)
        ).one()
        raw.set_progress_handler(tick, 100)
        for plain in FILTERS:
            for sort in plain.sorts:
                wanted = Wanted(
                    plain.site, plain.charger, plain.drivers, plain.state, plain.since, plain.until, sort
                )
                place = Place(middle[0] if sort is Sort.START else middle[1], middle[2])
                for name, given in (
                    ("first", {}),
                    ("after", {"after": place}),
                    ("before", {"before": place}),
                ):
                    count = 0
                    session_list.page(db, wanted, **given)
                    found[plain, sort, name] = count * 100
        raw.set_progress_handler(None, 0)
    return found


def _each_page(db: Any) -> int:
    asked = 0
    for plain in FILTERS:
        for sort in plain.sorts:
            for ascending in (False, True):
                wanted = Wanted(
                    plain.site,
                    plain.charger,
                    plain.drivers,
                    plain.state,
                    plain.since,
                    plain.until,
                    sort,
                    ascending,
                )
                found = session_list.page(db, wanted)
                asked += 1
                if found.next is not None:
                    asked += 1
                    found = session_list.page(db, wanted, after=found.next)
                if found.previous is not None:
                    asked += 1
                    session_list.page(db, wanted, before=found.previous)
    return asked


def test_a_rare_thing_is_looked_for_in_parts(large: Database) -> None:
    """A filter that no index answers is looked for in so many rows; the page then says how far it is."""
    wanted = Wanted(charger=1, state=State.REVIEW, drivers=tuple(range(1, 40)))

    large.change_now(
        lambda change: add_session(
            change, charger=1, connector=1, account=5, started_at=NOW - 399 * DAY, flags=["clock_skew"]
        )
    )
    after, parts, found = None, 0, list[int]()
    while True:
        page = large.ask_now(session_list.page, wanted, after)
        parts += 1
        found += [one.id for one in page.sessions]
        if page.next is None:
            break
        assert page.cut_short == page.next.key
        after = page.next
    assert len(found) == 1
    assert 2 <= parts < 40
