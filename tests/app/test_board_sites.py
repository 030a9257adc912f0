"""What boards show of their site: at once, by one question for all of them, and as time changes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text, update

from app import clock
from app.boards.sites import NoSite, Site, Sites
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.live import Live, Reading
from data.models import Charger, ChargingSession, Connector
from data.models import Site as SiteRow
from data.queries.chargers import ChargerStatus
from data.queries.site_board import look
from data.types import Admission, ConnectorStatus
from tests.held_up import held_up
from tests.waiting import until
from tests.world import (
    NOW,
    add_charger,
    add_driver,
    add_mapping,
    add_reservation,
    add_session,
    add_site,
)

BEFORE_A_LOOK = timedelta(seconds=9.9)
"""After a full minute: the next look is a moment away."""
LOOK = "board_energy"
"""Stands in the question of a look at a site alone."""


@pytest.fixture
async def sites(database: Database) -> AsyncIterator[Sites]:
    """The sites with boards of a process."""
    live = Live()
    database.announce = live.announce
    database.start()
    sites = Sites(database)
    stop = sites.listen(live)
    yield sites
    stop()
    assert len(sites) == 0, "nobody follows a site any more, and it is still asked"
    assert len(live) == 0


class Follower:
    """A board: counts how often it was told."""

    def __init__(self) -> None:
        self.told = 0
        self.news = asyncio.Event()
        self.site: Site
        self._stop: Callable[[], None]

    async def follow(self, sites: Sites, site_id: int) -> Follower:
        """Follow until `stop`."""
        self.site, self._stop = await sites.follow(site_id, self._hear)
        return self

    def _hear(self) -> None:
        self.told += 1
        self.news.set()

    async def next(self) -> None:
        """Wait to be told."""
        async with asyncio.timeout(20):
            await self.news.wait()
        self.news.clear()

    def statuses(self) -> list[ChargerStatus]:
        """Of all bays."""
        return [bay.status for bay in self.site.seen.board.bays]

    def stop(self) -> None:
        """Go."""
        self._stop()


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that look at a site."""
    found: list[str] = []

    def count(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "board_energy" in statement:
            found.append(statement)

    event.listen(database.engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", count)


async def test_what_was_never_connected_is_no_bay(database: Database, sites: Sites) -> None:
    """A list of chargers was imported: a board counts those that were heard of, and knows what is free."""

    def fill(change: Change) -> tuple[int, int]:
        site = add_site(change)
        add_charger(change, "CP1", site=site, seen=None)
        return site, add_charger(change, "CP2", site=site, name="Bay 2", connectors=2, seen=None)

    def connect(change: Change) -> None:
        change.execute(update(Charger).where(Charger.id == charger).values(last_seen_at=NOW))
        taken = update(Connector).where(Connector.charger_id == charger, Connector.number == 1)
        change.execute(taken.values(type="CCS2", max_power_w=50_000, status=ConnectorStatus.CHARGING))
        change.announce(Announcement(Topic.CHARGERS, charger))

    with clock.at(NOW):
        site_id, charger = await database.change(fill)
        board = await Follower().follow(sites, site_id)
        assert (board.site.seen.board.bays, board.site.seen.board.free) == ((), 0)
        await database.change(connect)
        await board.next()
    (bay,) = board.site.seen.board.bays
    assert (bay.name, bay.connector_types, bay.free_types) == ("Bay 2", ("CCS2", "Type 2"), ("Type 2",))
    assert (bay.free, bay.max_power_w) == (1, 22_000)
    board.stop()


def two_sites(change: Change) -> tuple[int, int, int, int]:
    """Two sites with two chargers each; a charger of the first, and one of the second."""
    here, there = add_site(change, "Here"), add_site(change, "There")
    chargers = [
        add_charger(change, f"CP{number}", name=f"Bay {number}", site=site)
        for number, site in enumerate((here, here, there, there), 1)
    ]
    return here, there, chargers[0], chargers[2]


def take(change: Change, charger: int, status: ConnectorStatus = ConnectorStatus.CHARGING) -> None:
    """The charger's plugs have this status; told as `app.charging.presence` tells it."""
    change.execute(update(Connector).where(Connector.charger_id == charger).values(status=status))
    change.announce(Announcement(Topic.CHARGERS, charger))


async def test_a_status_reaches_all_boards_of_the_site_by_one_question(
    database: Database, sites: Sites
) -> None:
    """K12: fifty boards ask as one does; those of another site, and another site's boards, ask nothing."""
    with clock.at(NOW):
        here, there, mine, other = database.change_now(two_sites)
        with counted(database) as asked:
            boards = [await Follower().follow(sites, here) for _ in range(50)]
            elsewhere = await Follower().follow(sites, there)
            assert len(asked) == 2, "one question a site, however many boards open"
            await database.change(take, mine)
            for board in boards:
                await board.next()
                assert board.statuses() == [ChargerStatus.IN_USE, ChargerStatus.ONLINE]
            assert (len(asked), elsewhere.told) == (3, 0)
            await database.change(take, other)
            await elsewhere.next()
            assert len(asked) == 4
            assert {board.told for board in boards} == {1}
        for board in (*boards, elsewhere):
            board.stop()


async def test_what_is_told_while_it_is_asked_is_asked_for_again(database: Database, sites: Sites) -> None:
    """However much is told meanwhile, one more question answers all of it."""
    with clock.at(NOW):
        here, _, mine, _ = database.change_now(two_sites)
        board = await Follower().follow(sites, here)
        with held_up(database, LOOK) as (begun, goes_on), counted(database) as asked:
            await database.change(take, mine)
            await asyncio.to_thread(begun.wait, 20)
            for status in (ConnectorStatus.FAULTED, ConnectorStatus.AVAILABLE, ConnectorStatus.FAULTED):
                await database.change(take, mine, status)
            goes_on.set()
            await until(lambda: len(asked) > 1 and board.statuses()[0] is ChargerStatus.OFFLINE)
            assert len(asked) == 2
        board.stop()


async def test_what_is_told_during_the_first_question_is_not_covered_by_its_answer(
    database: Database, sites: Sites
) -> None:
    """P20: the first answer, which is older, comes late; and whoever opens meanwhile waits for the same."""
    with clock.at(NOW):
        here, _, mine, _ = database.change_now(two_sites)
        with held_up(database, LOOK) as (begun, goes_on), counted(database) as asked:
            opening = [asyncio.create_task(Follower().follow(sites, here)) for _ in range(2)]
            await asyncio.to_thread(begun.wait, 20)
            await database.change(take, mine)
            await asyncio.sleep(0.3)  # a second question would be answered by now
            goes_on.set()
            boards = await asyncio.gather(*opening)
            await until(lambda: boards[0].statuses()[0] is ChargerStatus.IN_USE)
            await asyncio.sleep(0.3)  # and an answer that is still under way
            assert boards[0].statuses()[0] is ChargerStatus.IN_USE
            assert len(asked) == 2
        for board in boards:
            board.stop()


async def test_chargers_that_come_move_or_are_renamed_are_shown_at_once(
    database: Database, sites: Sites
) -> None:
    """Whatever an operator does to sites and chargers is told as `Topic.SITES`."""
    with clock.at(NOW):
        here, there, mine, _ = database.change_now(two_sites)
        board = await Follower().follow(sites, here)

        def names() -> list[str]:
            return [board.site.seen.board.name, *(bay.name for bay in board.site.seen.board.bays)]

        def told(work: Callable[[Change], object]) -> Callable[[Change], None]:
            def change(change: Change) -> None:
                work(change)
                change.announce(Announcement(Topic.SITES))

            return change

        await database.change(told(lambda change: add_charger(change, "CP10", name="Bay 10", site=here)))
        await board.next()
        assert names() == ["Here", "Bay 1", "Bay 2", "Bay 10"]
        move = update(Charger).where(Charger.id == mine).values(site_id=there)
        await database.change(told(lambda change: change.execute(move)))
        await board.next()
        assert names() == ["Here", "Bay 2", "Bay 10"]
        rename = update(SiteRow).where(SiteRow.id == here).values(name="Quay", time_zone="Asia/Kolkata")
        await database.change(told(lambda change: change.execute(rename)))
        await board.next()
        assert names() == ["Quay", "Bay 2", "Bay 10"]
        assert board.site.seen.board.time_zone == "Asia/Kolkata"
        board.stop()


async def test_a_charger_that_waits_is_shown_once_it_is_accepted(database: Database, sites: Sites) -> None:
    """C2: it belongs to the site's look, so that its acceptance is known to be about the site."""
    with clock.at(NOW):

        def rows(change: Change) -> tuple[int, int]:
            site = add_site(change)
            return site, add_charger(change, site=site, admission=Admission.PENDING)

        site, charger = database.change_now(rows)
        board = await Follower().follow(sites, site)
        assert board.statuses() == []

        def accept(change: Change) -> None:
            change.execute(update(Charger).values(admission=Admission.ACCEPTED))
            change.announce(Announcement(Topic.CHARGERS, charger))

        await database.change(accept)
        await board.next()
        assert board.statuses() == [ChargerStatus.ONLINE]
        board.stop()


async def test_time_alone_changes_a_board(database: Database, sites: Sites) -> None:
    """P20: an hour of silence, and a reservation that begins; told by nobody, seen within a minute."""
    with clock.at(NOW + BEFORE_A_LOOK):

        def rows(change: Change) -> int:
            site = add_site(change)
            silent = add_charger(change, "CP1", site=site, seen=NOW - timedelta(minutes=59, seconds=30))
            assert silent
            wanted = add_charger(change, "CP2", site=site)
            driver = add_driver(change)
            card = add_mapping(change, driver, "CARD")
            add_reservation(
                change, account=driver, mapping=card, charger=wanted, starts_at=NOW + timedelta(seconds=30)
            )
            return site

        board = await Follower().follow(sites, database.change_now(rows))
        assert board.statuses() == [ChargerStatus.ONLINE, ChargerStatus.ONLINE]
        clock.advance(timedelta(minutes=1))
        await board.next()
        assert board.statuses() == [ChargerStatus.OFFLINE, ChargerStatus.RESERVED]
        assert board.site.seen.as_of == clock.now()
        board.stop()


async def test_energy_is_shown_with_a_beat_and_never_by_itself(database: Database, sites: Sites) -> None:
    """K8, K12: if the site shows it; a reading a second is no message a second."""
    with clock.at(NOW + BEFORE_A_LOOK):

        def rows(change: Change) -> tuple[int, int]:
            site = add_site(change)
            change.execute(update(SiteRow).values(board_energy=True))
            charger = add_charger(change, site=site, status=ConnectorStatus.CHARGING)
            began = NOW - timedelta(hours=1)
            return site, add_session(
                change, charger=charger, connector=1, account=None, started_at=began, ended=False
            )

        site, session = database.change_now(rows)
        board = await Follower().follow(sites, site)
        assert [bay.energy_wh for bay in board.site.seen.board.bays] == [10_000]

        def read(change: Change) -> None:
            change.execute(update(ChargingSession).values(energy_wh=10_400))
            reading = Reading(session, 10_400, 7_200, False, NOW, None, None)
            change.announce(reading.announcement(None))

        with counted(database) as asked:
            await database.change(read)
            await until(lambda: [bay.energy_wh for bay in board.site.seen.board.bays] == [10_400])
            assert len(asked) == 1
        assert board.told == 0
        board.stop()


async def test_readings_of_others_ask_nothing(database: Database, sites: Sites) -> None:
    """500 chargers charge elsewhere: a site whose boards show no energy is not asked for that."""
    with clock.at(NOW + BEFORE_A_LOOK):
        here, _, _, _ = database.change_now(two_sites)
        board = await Follower().follow(sites, here)
        with counted(database) as asked:

            def read(change: Change) -> None:
                change.announce(Reading(7, 10_400, 7_200, False, NOW, None, None).announcement(None))

            await database.change(read)
            await asyncio.sleep(0.6)  # longer than until the next look
            assert asked == []
        board.stop()


async def test_without_a_database_boards_say_so_and_keep_what_they_showed(sqlite_database: Database) -> None:
    """They are as of then; as soon as it answers again they are right, and say nothing of it any more."""
    live = Live()
    sqlite_database.announce = live.announce
    sqlite_database.start()
    sites = Sites(sqlite_database)
    stop = sites.listen(live)
    with clock.at(NOW + BEFORE_A_LOOK):
        here, _, mine, _ = sqlite_database.change_now(two_sites)
        board = await Follower().follow(sites, here)

        def lose(change: Change) -> None:
            change.execute(text("ALTER TABLE connectors RENAME TO away"))
            change.announce(Announcement(Topic.CHARGERS, mine))

        await sqlite_database.change(lose)
        await board.next()
        assert board.site.seen.is_failing
        assert board.site.seen.as_of == NOW + BEFORE_A_LOOK
        assert board.statuses() == [ChargerStatus.ONLINE, ChargerStatus.ONLINE]
        clock.advance(timedelta(seconds=20))  # in the same minute: a failure is not left alone for as long
        with pytest.raises(Exception, match="connectors"):
            sqlite_database.ask_now(look, here, clock.now())
        sqlite_database.change_now(
            lambda change: change.execute(text("ALTER TABLE away RENAME TO connectors"))
        )
        await board.next()
        assert not board.site.seen.is_failing
        assert board.site.seen.as_of == clock.now()
        board.stop()
    stop()


async def test_a_site_that_is_not_there_is_said(sites: Sites) -> None:
    with pytest.raises(NoSite):
        await sites.follow(4711, lambda: None)


def test_energy_counts_what_runs_and_has_a_reading(database: Database) -> None:
    """Of both plugs of a charger together; not what has ended, or is told late (C13)."""

    def rows(change: Change) -> int:
        site = add_site(change)
        change.execute(update(SiteRow).values(board_energy=True))
        charger = add_charger(change, connectors=3, site=site, status=ConnectorStatus.CHARGING)
        began = NOW - timedelta(hours=1)
        place: dict[str, Any] = {"charger": charger, "account": None, "started_at": began}
        first = add_session(change, connector=1, energy_wh=3_000, ended=False, **place)
        second = add_session(change, connector=2, energy_wh=500, ended=False, **place)
        unread = add_session(change, connector=3, ended=False, has_reading=False, **place)
        add_session(change, connector=3, energy_wh=9_000, **place)
        assert {first, second, unread} == database_sessions(change, site)
        return site

    def database_sessions(change: Change, site: int) -> set[int]:
        found = look(change.connection, site, NOW)
        assert found is not None
        assert [bay.energy_wh for bay in found.board.bays] == [3_500]
        return set(found.sessions)

    database.change_now(rows)


async def test_nothing_is_asked_once_the_server_ends(database: Database) -> None:
    """Chargers hang up then, which is told; the database is let go of next."""
    site_id = database.change_now(lambda change: add_site(change, "Harbour"))
    live = Live()
    sites = Sites(database)
    stop = sites.listen(live)
    board = await Follower().follow(sites, site_id)
    with counted(database) as asked:
        live.announce([Announcement(Topic.SITES)])
        stop()
        board.site.ask()
        await asyncio.sleep(0.3)
    assert not asked
