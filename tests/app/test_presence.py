"""Check-ins, statuses and the passing of time, on both databases: C3, C4, C12, C13, P12, P20, P22."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import clock
from app.charging.presence import Presence
from app.charging.reports import Boot, Place, Status
from app.charging.sessions import Sessions
from app.settings import Settings
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.live import Live
from data.models import Charger, ChargerReport, CheckIn, Connector, Mapping
from data.queries.check_ins import slot_of
from data.types import ConnectorStatus
from tests.app.test_sessions import start
from tests.world import NOW, add_charger, add_driver, add_reservation, add_site

S = timedelta(seconds=1)
MIN = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class World:
    """A charger last heard of at `NOW`, and the presence of a process."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.told: list[Announcement] = []
        self.live = Live()
        for topic in Topic:
            self.live.listen(topic, self.told.append)
        database.announce = self.live.announce
        self.sessions = Sessions(database, self.live)
        self.presence = Presence(database, self.live, Settings(_env_file=None), self.sessions)

        def fill(change: Change) -> tuple[int, int]:
            site = add_site(change)
            return add_charger(change, site=site, connectors=1), add_driver(change, tag="CARD1")

        self.charger, self.driver = database.change_now(fill)

    def heard(self) -> list[tuple[Topic, int | None]]:
        """What was announced since the last call."""
        told = [(announcement.topic, announcement.about) for announcement in self.told]
        self.told.clear()
        return told

    async def status(
        self, status: ConnectorStatus, seconds: float, *, late: float = 0, **values: Any
    ) -> None:
        at = NOW + seconds * S
        place = values.pop("place", Place(1))
        await self.presence.status(self.charger, Status(place, status, at, at + late * S, **values))

    async def charger_row(self) -> Any:
        return await self.database.ask(lambda db: db.execute(select(Charger.__table__)).one())

    async def plugs(self) -> dict[int, Any]:
        rows = await self.database.ask(lambda db: db.execute(select(Connector.__table__)).all())
        return {row.number: row for row in rows}


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def test_a_check_in_is_written_at_most_every_half_minute(world: World) -> None:
    """C4: any message counts; in between the database is left alone, and it is never 30 s behind for long."""
    with clock.at(NOW):
        await world.presence.seen(world.charger)
        clock.advance(29 * S)
        await world.presence.seen(world.charger)
        assert (await world.charger_row()).last_seen_at == NOW
        due = await world.presence.tick(clock.now())
        assert due <= NOW + 30 * S
        clock.advance(S)
        await world.presence.tick(clock.now())
        assert (await world.charger_row()).last_seen_at == NOW + 29 * S
        await world.presence.seen(world.charger)
        assert (await world.charger_row()).last_seen_at == NOW + 29 * S
        clock.advance(30 * S)
        await world.presence.seen(world.charger)
        assert (await world.charger_row()).last_seen_at == NOW + 60 * S
    assert world.heard() == []


async def test_a_disconnect_writes_the_last_check_in(world: World) -> None:
    """C3, P20: the hour counts from the last message, and a closed connection is not yet offline."""
    with clock.at(NOW):
        await world.presence.connected(world.charger, "ocpp1.6")
        clock.advance(20 * S)
        await world.presence.seen(world.charger)
        clock.advance(5 * S)
        await world.presence.disconnected(world.charger)
    row = await world.charger_row()
    assert (row.last_seen_at, row.protocol) == (NOW + 20 * S, "ocpp1.6")
    assert world.heard() == [(Topic.COMMANDS, world.charger)]  # what waits for it may be sent


@pytest.mark.parametrize(("silent", "told"), [(HOUR, False), (HOUR + S, True)])
async def test_coming_back_shows_at_once(world: World, silent: timedelta, told: bool) -> None:
    """P20, P22: exactly 60 minutes is not yet offline."""
    with clock.at(NOW + silent):
        await world.presence.seen(world.charger)
        assert (await world.charger_row()).last_seen_at == NOW + silent
    assert world.heard() == ([(Topic.CHARGERS, world.charger)] if told else [])


async def test_silence_of_an_hour_is_announced(world: World) -> None:
    """P20, P22: once, when the hour is over and not at it."""
    await world.presence.tick(NOW + 59 * MIN)
    world.heard()
    due = await world.presence.tick(NOW + HOUR - S)
    assert due == NOW + HOUR  # the minute
    assert await world.presence.tick(NOW + HOUR) == NOW + HOUR + timedelta(microseconds=1)
    assert world.heard() == [(Topic.MINUTE, None)]
    await world.presence.tick(NOW + HOUR + timedelta(microseconds=1))
    assert world.heard() == [(Topic.CHARGERS, world.charger)]
    await world.presence.tick(NOW + HOUR + S)
    assert world.heard() == []


async def test_minutes_are_announced(world: World) -> None:
    """P12: what is told relative to now is told anew each minute."""
    assert await world.presence.tick(NOW + 58 * S) <= NOW + MIN
    world.heard()
    await world.presence.tick(NOW + 59.9 * S)
    assert world.heard() == []
    await world.presence.tick(NOW + 60 * S)
    assert world.heard() == [(Topic.MINUTE, None)]


async def test_reservations_begin_and_end(world: World) -> None:
    """P12, P20, P22: pages of the driver and of the charger are told, at the time."""

    def reserve(change: Change) -> None:
        mapping = change.execute(select(Mapping.id)).scalar_one()
        key = {"account": world.driver, "mapping": mapping, "charger": world.charger}
        add_reservation(change, **key, starts_at=NOW + 10.5 * S, minutes=1)
        add_reservation(
            change, **key, starts_at=NOW + 20 * S, minutes=1, cancelled_at=NOW, connector_number=9
        )

    world.database.change_now(reserve)
    both = [(Topic.RESERVATIONS, world.driver), (Topic.CHARGERS, world.charger)]
    await world.presence.tick(NOW + 9 * S)
    world.heard()
    assert await world.presence.tick(NOW + 10 * S) == NOW + 10.5 * S
    await world.presence.tick(NOW + 10.5 * S)
    assert world.heard() == both
    await world.presence.tick(NOW + 25 * S)
    assert world.heard() == []
    await world.presence.tick(NOW + 70 * S)
    world.heard()
    assert await world.presence.tick(NOW + 70.4 * S) == NOW + 70.5 * S
    await world.presence.tick(NOW + 70.5 * S)
    assert world.heard() == both


async def test_a_status_is_kept_and_told(world: World) -> None:
    """P22: with what explains it (P19)."""
    await world.status(ConnectorStatus.FAULTED, 10, error_code="GroundFailure", info="socket 1")
    plug = (await world.plugs())[1]
    assert (plug.status, plug.error_code, plug.info) == (ConnectorStatus.FAULTED, "GroundFailure", "socket 1")
    assert plug.status_since == NOW + 10 * S
    assert world.heard() == [(Topic.CHARGERS, world.charger)]
    await world.status(ConnectorStatus.FAULTED, 20, error_code="GroundFailure", info="socket 1")
    assert (await world.plugs())[1].status_since == NOW + 10 * S
    assert world.heard() == []


async def test_a_stale_status_changes_nothing(world: World) -> None:
    """C13: after an outage old statuses come late, and by device time they are old."""
    await world.status(ConnectorStatus.CHARGING, 100)
    world.heard()
    await world.status(ConnectorStatus.PREPARING, 50, late=60)
    assert (await world.plugs())[1].status is ConnectorStatus.CHARGING
    assert world.heard() == []
    await world.status(ConnectorStatus.FINISHING, 100.5, late=60)
    assert (await world.plugs())[1].status is ConnectorStatus.FINISHING


async def test_a_clock_that_was_ahead_blocks_nothing(world: World) -> None:
    """M14: two hours ahead until the first sync: what comes after counts."""
    await world.status(ConnectorStatus.CHARGING, 7200, late=-7200)
    await world.status(ConnectorStatus.AVAILABLE, 30)
    plug = (await world.plugs())[1]
    assert (plug.status, plug.status_since) == (ConnectorStatus.AVAILABLE, NOW + 30 * S)


async def test_a_skew_is_noted(world: World) -> None:
    """M14: an hour behind, proved by two statuses as far apart by its clock as by ours; shown in our time."""
    for seconds, status in ((0, ConnectorStatus.PREPARING), (30, ConnectorStatus.CHARGING)):
        await world.status(status, seconds - 3600, late=3600)
    assert (await world.charger_row()).clock_skew == -3600
    assert (await world.plugs())[1].status_since == NOW + 30 * S


async def test_a_status_without_a_time(world: World) -> None:
    """C6: it happens when it comes."""
    await world.presence.status(world.charger, Status(Place(1), ConnectorStatus.CHARGING, None, NOW + 5 * S))
    assert (await world.plugs())[1].status_since == NOW + 5 * S


async def test_connectors_are_made_at_their_first_mention(world: World) -> None:
    """The charger's own status is kept under number 0, which is no plug."""
    await world.status(ConnectorStatus.UNAVAILABLE, 1, place=Place(0))
    await world.status(ConnectorStatus.AVAILABLE, 1, place=Place(3))
    plugs = await world.plugs()
    assert {number: plug.status for number, plug in plugs.items()} == {
        0: ConnectorStatus.UNAVAILABLE,
        1: ConnectorStatus.AVAILABLE,
        3: ConnectorStatus.AVAILABLE,
    }


async def test_a_boot_closes_no_session(world: World) -> None:
    """C12: after a power cut a charger goes on charging without a new start."""
    session = (await world.sessions.start(world.charger, start())).session_id
    await world.presence.boot(world.charger, Boot(NOW + MIN, "Vendor", "Model", "S1", "1.2"))
    row = await world.charger_row()
    assert (row.vendor, row.model, row.serial_number, row.firmware, row.booted_at) == (
        "Vendor",
        "Model",
        "S1",
        "1.2",
        NOW + MIN,
    )
    assert (await world.sessions._memory.known(world.charger, session)).ended_at is None  # type: ignore[union-attr]


async def test_the_newest_report_of_a_kind_is_kept(world: World) -> None:
    """FirmwareStatus and its like: the newest one, whole."""
    for n, state in enumerate(("Downloading", "Installed")):
        await world.presence.report(
            world.charger, "FirmwareStatusNotification", {"status": state}, NOW + n * S
        )
    await world.presence.report(world.charger, "NotifyEvent", {"seqNo": 0}, NOW)
    rows = await world.database.ask(
        lambda db: db.execute(select(ChargerReport.action, ChargerReport.payload).order_by("action")).all()
    )
    assert [tuple(row) for row in rows] == [
        ("FirmwareStatusNotification", {"status": "Installed"}),
        ("NotifyEvent", {"seqNo": 0}),
    ]


async def test_a_replayed_session_is_shown_by_the_ticker(world: World) -> None:
    """C13, P6: ten seconds after the burst."""
    await world.sessions.start(world.charger, start(late=3600))
    world.heard()
    assert await world.presence.tick(NOW + HOUR + S) <= NOW + HOUR + 10 * S
    await world.presence.tick(NOW + HOUR + 10 * S)
    assert (Topic.SESSIONS, world.driver) in world.heard()


async def test_the_ticker_ticks_and_outlives_a_failure(sqlite_database: Database) -> None:
    """P22: in real time, and a failing look does not end it."""
    world = World(sqlite_database)
    moments: list[datetime] = []
    ticked = asyncio.Event()
    tick = world.presence.tick

    async def failing_once(now: datetime) -> datetime:
        moments.append(now)
        if len(moments) == 1:
            raise OSError("the disk is away")
        if len(moments) == 3:
            ticked.set()
        return await tick(now)

    world.presence.tick = failing_once  # type: ignore[method-assign]
    import app.charging.presence as module

    before, module.TICK = module.TICK, 0.05
    task = asyncio.create_task(world.presence.run())
    try:
        async with asyncio.timeout(5):
            await ticked.wait()
    finally:
        module.TICK = before
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_looks_use_indexes(sqlite_database: Database) -> None:
    """The ticker costs the same with any history: no statement of it walks through a table."""
    from sqlalchemy.dialects import sqlite

    from app.charging import passing
    from data import news

    def plans(db: Any) -> list[str]:
        found = []
        statements = (passing._SILENT, passing._NEXT_SILENT, passing._DUE, *passing._NEXT)
        for statement in (*statements, news._NEWEST, news._SINCE):
            text = str(statement.compile(dialect=sqlite.dialect(paramstyle="named")))
            parameters = {
                **dict.fromkeys(statement.compile().params, "2026-01-01"),
                "at_most": 9,
                "param_1": 0,
            }
            rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
            found += [row[3] for row in rows]
        return found

    plan = await sqlite_database.ask(plans)
    assert [line for line in plan if line.startswith("SCAN")] == []


def test_reservations_overlap_on_no_connector(database: Database) -> None:
    """C15: of two requests at the same time one is stored, of the whole charger and one plug too."""
    from concurrent.futures import ThreadPoolExecutor

    from sqlalchemy.exc import DBAPIError

    world = World(database)
    others = [Database(database.url.set()) for _ in range(2)]

    def reserve(process: Database, number: int | None) -> bool:
        def work(change: Change) -> None:
            mapping = change.execute(select(Mapping.id)).scalar_one()
            add_reservation(
                change,
                account=world.driver,
                mapping=mapping,
                charger=world.charger,
                connector_number=number,
                starts_at=NOW,
            )

        try:
            process.change_now(work)
        except DBAPIError:
            return False
        return True

    try:
        with ThreadPoolExecutor() as threads:
            assert sorted(threads.map(reserve, others, (1, None))) == [False, True]
    finally:
        for other in others:
            other.close()


async def slots(world: World) -> list[int]:
    return await world.database.ask(lambda db: list(db.scalars(select(CheckIn.slot).order_by(CheckIn.slot))))


async def test_c4_each_half_hour_with_a_message_is_written_once(world: World) -> None:
    """C4: by connecting, by messages, and by the last one before a silence; after a restart it stays once."""
    first = slot_of(NOW)
    with clock.at(NOW):
        await world.presence.connected(world.charger, "ocpp1.6")
        clock.advance(MIN)
        await world.presence.seen(world.charger)
        assert await slots(world) == [first]
        clock.advance(28 * MIN + 50 * S)
        await world.presence.seen(world.charger)  # written, at 12:29:50
        clock.advance(20 * S)
        await world.presence.seen(world.charger)  # 12:30:10, not yet
        assert await slots(world) == [first]
        clock.advance(MIN)
        await world.presence.tick(clock.now())
        assert await slots(world) == [first, first + 1]
        restarted = Presence(world.database, world.live, Settings(_env_file=None), world.sessions)
        await restarted.seen(world.charger)
        assert await slots(world) == [first, first + 1]
        clock.advance(5 * HOUR)
        await restarted.seen(world.charger)
    assert await slots(world) == [first, first + 1, first + 11]


async def test_c4_check_ins_older_than_eight_days_are_pruned(world: World) -> None:
    with clock.at(NOW):
        await world.presence.seen(world.charger)
    await world.presence.tick(NOW + 8 * 24 * HOUR)
    assert len(await slots(world)) == 1
    await world.presence.tick(NOW + 8 * 24 * HOUR + HOUR)
    assert await slots(world) == []
