"""Sessions from start to stop, on both databases: C8–C12, M7, M9, M10, M18–M20."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from app import clock
from app.charging.reports import Place, Sample, Start, Stop, Values
from app.charging.sessions import Sessions
from app.settings import Settings
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.live import Live
from data.models import Charger, ChargingSession, EnergyStep, MeterSample, QuarantinedMessage
from data.queries.sessions import active
from data.types import Authorization
from tests.world import NOW, add_charger, add_driver, add_mapping, add_site

S = timedelta(seconds=1)
MIN = timedelta(minutes=1)


class World:
    """A charger with two connectors, a driver with card CARD1, and the sessions of a process."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.told: list[Announcement] = []
        self.restart()

        def fill(change: Change) -> tuple[int, int, int]:
            charger = add_charger(change, site=add_site(change), connectors=2)
            other = add_charger(change, "CP2", site=1, connectors=1)
            return charger, other, add_driver(change, tag="CARD1")

        self.charger, self.other, self.driver = database.change_now(fill)

    def restart(self) -> None:
        """As if the process had been killed: nothing but the database is left."""
        self.live = Live()
        self.database.announce = self._announce
        self.sessions = Sessions(self.database, self.live)

    def _announce(self, announcements: list[Announcement]) -> None:
        self.told += announcements
        self.live.announce(announcements)

    def topics(self, topic: Topic) -> list[int | None]:
        """About whom *topic* was announced since the last call of `hush`."""
        return [announcement.about for announcement in self.told if announcement.topic is topic]

    def hush(self) -> None:
        self.told.clear()

    async def start(self, seconds: float = 0, *, late: float = 0, **values: Any) -> int:
        return (await self.sessions.start(self.charger, start(seconds, late=late, **values))).session_id

    async def read(self, session: int | None, seconds: float, wh: int | str, *, late: float = 0) -> None:
        await self.sessions.values(self.charger, values(session, seconds, sample(seconds, wh), late=late))

    async def stop(
        self, session: int | None, seconds: float, wh: int | None, *, late: float = 0, **values: Any
    ) -> Authorization | None:
        return await self.sessions.stop(self.charger, stop(session, seconds, wh, late=late, **values))

    async def row(self, session: int) -> Any:
        return await self.database.ask(
            lambda db: db.execute(
                select(ChargingSession.__table__).where(ChargingSession.id == session)
            ).one()
        )

    async def rows(self, table: Any) -> list[Any]:
        return await self.database.ask(lambda db: list(db.execute(select(table.__table__)).all()))

    async def interval(self) -> int:
        charger = select(Charger.reading_interval).where(Charger.id == self.charger)
        return await self.database.ask(lambda db: db.execute(charger).scalar_one())

    async def steps(self, session: int) -> list[tuple[float, float, int]]:
        def query(db: Connection) -> list[tuple[float, float, int]]:
            found = db.execute(
                select(EnergyStep.started_at, EnergyStep.ended_at, EnergyStep.energy_wh)
                .where(EnergyStep.session_id == session)
                .order_by(EnergyStep.started_at)
            )
            return [((a - NOW) / S, (b - NOW) / S, wh) for a, b, wh in found]

        return await self.database.ask(query)


def start(seconds: float = 0, *, late: float = 0, **values: Any) -> Start:
    at = NOW + seconds * S
    row = {"place": Place(1), "id_tag": "CARD1", "meter_start": 1000}
    return Start(at=at, received_at=at + late * S, **{**row, **values})


def sample(seconds: float, wh: int | str, **values: Any) -> Sample:
    return Sample(NOW + seconds * S, str(wh), **values)


def values(session: int | None, seconds: float, *samples: Sample, late: float = 0, **more: Any) -> Values:
    return Values(
        **{
            "place": Place(1),
            "received_at": NOW + (seconds + late) * S,
            "samples": samples,
            "session_id": session,
            **more,
        }
    )


def stop(session: int | None, seconds: float, wh: int | None, *, late: float = 0, **more: Any) -> Stop:
    at = NOW + seconds * S
    return Stop(at=at, received_at=at + late * S, meter_stop=wh, session_id=session, **more)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def test_a_whole_session(world: World) -> None:
    """P6, P9, P11: a session is told at its start, at each reading and at its end, with its energy."""
    session = await world.start()
    assert world.topics(Topic.SESSIONS) == [world.driver]
    assert world.topics(Topic.CHARGERS) == [world.charger]
    await world.read(session, 60, 1100)
    await world.read(session, 120, 1250)
    readings = [a.values for a in world.told if a.topic is Topic.READING and a.about == world.driver]
    assert [reading["energy_wh"] for reading in readings if reading] == [100, 250]
    row = await world.row(session)
    assert (row.energy_wh, row.has_reading, row.reading_at) == (250, True, NOW + 2 * MIN)
    assert row.ended_at is None
    world.hush()
    assert await world.stop(session, 180, 1300, id_tag="card1") is Authorization.ACCEPTED
    assert world.topics(Topic.SESSIONS) == [world.driver]
    assert world.topics(Topic.CHARGERS) == [world.charger]
    row = await world.row(session)
    assert (row.energy_wh, row.ended_at, row.meter_stop) == (300, NOW + 3 * MIN, 1300)
    assert (row.energy_started_at, row.energy_ended_at, row.power_w) == (NOW, NOW + 3 * MIN, None)
    assert await world.steps(session) == [(0, 60, 100), (60, 120, 150), (120, 180, 50)]
    assert await world.rows(QuarantinedMessage) == []


async def test_the_live_session_follows(world: World) -> None:
    """P9: what a page binds to has the reading once the charger has its answer."""
    session = await world.start()
    (asked,) = await world.database.ask(active, world.driver)
    live = world.live.session(asked.reading)
    assert live.reading.energy_wh is None
    await world.read(session, 60, 1234)
    assert live.reading.energy_wh == 234


async def test_a_repeated_start_gets_the_same_answer(world: World) -> None:
    """C9: same id and idTagInfo, after a restart, after the mapping went, and after the end too."""
    first = await world.sessions.start(world.charger, start())
    again = await world.sessions.start(world.charger, start(late=30))
    world.restart()

    def block(change: Change) -> None:
        change.connection.exec_driver_sql("UPDATE mappings SET blocked = true")

    world.database.change_now(block)
    after = await world.sessions.start(world.charger, start(late=60))
    await world.stop(first.session_id, 90, 1100)
    ended = await world.sessions.start(world.charger, start(late=120))
    assert first == again == after == ended
    assert len(await world.rows(ChargingSession)) == 1


@pytest.mark.parametrize(
    "other", [{"seconds": 1}, {"meter_start": 1001}, {"id_tag": "CARD2"}, {"place": Place(2)}], ids=str
)
async def test_another_start_is_another_session(world: World, other: dict[str, Any]) -> None:
    """C9: only what is the same in all of charger, connector, tag, time and register is a repetition."""
    first = await world.start()
    assert await world.start(**other) != first


async def test_ids_are_never_used_again(world: World) -> None:
    """C9: not even if the row is gone and the process restarted."""
    first = await world.start()

    def wipe(change: Change) -> None:
        change.connection.exec_driver_sql("DELETE FROM sessions")

    world.database.change_now(wipe)
    world.restart()
    assert await world.start(60) > first


@pytest.mark.parametrize("tag", ["card1", "Card1", "CARD1"])
async def test_tags_are_compared_without_case(world: World, tag: str) -> None:
    """OCPP 1.6 CiString: the mapping is found whatever the case."""
    assert await world.sessions.authorize(world.charger, tag) is Authorization.ACCEPTED
    row = await world.row(await world.start(id_tag=tag))
    assert (row.id_tag, row.account_id) == ("CARD1", world.driver)


async def test_an_unknown_tag_gets_a_session(world: World) -> None:
    """C10: stored and numbered, status Invalid, nobody's; its energy counts."""
    started = await world.sessions.start(world.charger, start(id_tag="NOBODY"))
    assert started.authorization is Authorization.INVALID
    await world.read(started.session_id, 60, 1500)
    row = await world.row(started.session_id)
    assert (row.account_id, row.mapping_id, row.energy_wh) == (None, None, 500)
    assert world.topics(Topic.SESSIONS) == []
    assert world.topics(Topic.READING) == [None]  # about nobody: for operators alone


async def test_a_blocked_tag_gets_a_session(world: World) -> None:
    """C10: status Blocked, and it is nobody's."""
    world.database.change_now(lambda change: add_mapping(change, world.driver, "CARD9", blocked=True))
    started = await world.sessions.start(world.charger, start(id_tag="CARD9"))
    assert started.authorization is Authorization.BLOCKED
    assert (await world.row(started.session_id)).account_id is None


async def test_a_tag_charges_in_two_places(world: World) -> None:
    """Energy matters more than ConcurrentTx: both are accepted."""
    first = await world.sessions.start(world.charger, start())
    second = await world.sessions.start(world.charger, start(place=Place(2)))
    assert first.authorization is second.authorization is Authorization.ACCEPTED
    assert first.session_id != second.session_id


async def test_a_new_start_ends_the_session_before(world: World) -> None:
    """C12: at its last known reading, and its own stop may still come."""
    first = await world.start()
    await world.read(first, 60, 1500)
    second = await world.start(600, meter_start=1600)
    row = await world.row(first)
    assert (row.ended_at, row.energy_wh, row.flags) == (NOW + MIN, 500, ["ended_by_new_start"])
    assert (await world.row(second)).ended_at is None
    await world.stop(first, 500, 1600, late=110)
    row = await world.row(first)
    assert (row.ended_at, row.energy_wh, row.flags) == (NOW + 500 * S, 600, [])
    assert await world.rows(QuarantinedMessage) == []


async def test_an_operator_ends_a_session(world: World) -> None:
    """C12: the third way in which a session ends."""
    session = await world.start()
    await world.read(session, 60, 1500)
    await world.sessions.end(session)
    row = await world.row(session)
    assert (row.ended_at, row.flags) == (NOW + MIN, ["ended_by_operator"])


async def test_values_of_another_chargers_session_are_not_taken(world: World) -> None:
    """T58: a charger touches its own transactions only."""
    session = await world.start()
    await world.sessions.values(world.other, values(session, 60, sample(60, 9000)))
    await world.sessions.stop(world.other, stop(session, 60, 9000))
    row = await world.row(session)
    assert (row.energy_wh, row.ended_at) == (0, None)
    kept = await world.rows(QuarantinedMessage)
    assert [(k.charger_id, k.session_id, k.reason) for k in kept] == [
        (world.other, None, "unknown transaction")
    ]


async def test_m7_a_closing_value_after_the_stop(world: World) -> None:
    """M7: without transaction id and slightly higher: the stop stands, the next session is not negative."""
    first = await world.start()
    await world.stop(first, 60, 1500)
    await world.read(None, 62, 1502)
    second = await world.start(120, meter_start=1500)
    await world.read(None, 119, 1502)  # late: from before this session
    await world.read(second, 180, 1600)
    assert (await world.row(first)).energy_wh == 500
    assert (await world.row(second)).energy_wh == 100
    assert [row.session_id for row in await world.rows(MeterSample)] == [None, None, second]


async def test_values_without_id_belong_to_the_running_session(world: World) -> None:
    """M7's other side: a charger that leaves the id out in mid-session loses no energy."""
    session = await world.start()
    await world.read(None, 60, 1500)
    assert (await world.row(session)).energy_wh == 500


@pytest.mark.parametrize("place", [Place(0), Place(1)], ids=["the charger's meter", "the connector's"])
async def test_m9_clock_aligned_values_are_no_session(world: World, place: Place) -> None:
    """M9: stored, and not the session's energy."""
    session = await world.start()
    aligned = sample(60, 77_000, context="Sample.Clock")
    await world.sessions.values(world.charger, values(None, 60, aligned, place=place))
    assert (await world.row(session)).energy_wh == 0
    (stored,) = await world.rows(MeterSample)
    assert (stored.session_id, stored.value) == (None, "77000")


async def test_m10_unknown_stop_value(world: World) -> None:
    """M10: without a stop value the last reading counts."""
    session = await world.start()
    await world.read(session, 60, 1500)
    await world.stop(session, 90, None)
    row = await world.row(session)
    assert (row.energy_wh, row.meter_stop, row.ended_at) == (500, None, NOW + 90 * S)


@pytest.mark.parametrize("at", ["before the first", "between readings", "before the stop"])
async def test_m18_a_restart_changes_nothing(world: World, at: str) -> None:
    """M18: the total goes on where it was, whenever the process restarts."""
    session = await world.start()
    if at == "before the first":
        world.restart()
    await world.read(session, 60, 1100)
    if at == "between readings":
        world.restart()
    await world.read(session, 120, 1300)
    if at == "before the stop":
        world.restart()
    await world.stop(session, 180, 1400)
    assert (await world.row(session)).energy_wh == 400
    assert await world.steps(session) == [(0, 60, 100), (60, 120, 200), (120, 180, 100)]


async def test_m19_a_pause(world: World) -> None:
    """M19: one session, and no energy in the pause."""
    session = await world.start()
    for seconds, wh in ((60, 1100), (120, 1100), (3600, 1100), (3660, 1250)):
        await world.read(session, seconds, wh)
    await world.stop(session, 3700, 1250)
    assert await world.steps(session) == [(0, 60, 100), (3600, 3660, 150)]


async def test_m20_duplicates_and_disorder(world: World) -> None:
    """M20, C13: each value counts once, in the order of device time."""
    session = await world.start()
    for seconds, wh in ((120, 1300), (60, 1100), (120, 1300), (180, 1400), (60, 1100)):
        await world.read(session, seconds, wh, late=200)
    assert await world.steps(session) == [(0, 60, 100), (60, 120, 200), (120, 180, 100)]
    assert len(await world.rows(MeterSample)) == 3
    assert (await world.row(session)).energy_wh == 400


async def test_values_after_the_stop_by_device_time_before_it(world: World) -> None:
    """C13: what is late by arrival refines the session, the total stands."""
    session = await world.start()
    await world.stop(session, 180, 1400)
    await world.read(session, 60, 1100, late=300)
    assert await world.steps(session) == [(0, 60, 100), (60, 180, 300)]
    assert (await world.row(session)).energy_wh == 400
    await world.read(session, 200, 1450)
    assert (await world.row(session)).energy_wh == 400


async def test_a_finalized_session_is_left_alone(world: World) -> None:
    """Complete and billed: late values are stored, flagged, and change no Wh."""
    session = await world.start()
    await world.stop(session, 180, 1400)

    def finalize(change: Change) -> None:
        change.connection.exec_driver_sql("UPDATE sessions SET finalized_at = ended_at")

    world.database.change_now(finalize)
    await world.read(session, 60, 1100, late=300)
    row = await world.row(session)
    assert (row.energy_wh, row.flags) == (400, ["late_after_final"])
    assert await world.steps(session) == [(0, 180, 400)]


async def test_a_failed_commit_is_not_remembered(world: World) -> None:
    """C8: a reading that was not stored, and so not answered, is counted when it is sent again."""
    session = await world.start()
    await world.read(session, 60, 1100)
    unstorable = sample(120, "\ud800", measurand="Voltage")
    with pytest.raises(UnicodeEncodeError):
        await world.sessions.values(world.charger, values(session, 120, sample(120, 1200), unstorable))
    await world.read(session, 120, 1200)
    assert await world.steps(session) == [(0, 60, 100), (60, 120, 100)]


async def test_the_cost_is_estimated(world: World) -> None:
    """P7: by the plan's price beyond its included amount; without a plan there is none."""
    from tests.world import add_plan

    world.database.change_now(add_plan, world.driver, included_wh=100)
    with clock.at(NOW):
        session = await world.start()
        await world.read(session, 60, 11_100)
    reading = next(a.values for a in world.told if a.topic is Topic.READING)
    assert reading is not None
    assert (reading["cost"], reading["currency"]) == (280, "EUR")


@pytest.mark.parametrize(("gap", "interval"), [(300, 300), (2, 2), (62, 60)])
async def test_the_interval_of_readings_is_observed(world: World, gap: int, interval: int) -> None:
    """P8: two readings that lie alike apart say what is expected; nearly the known one says nothing new."""
    session = await world.start()
    await world.read(session, gap, 1100)
    assert await world.interval() == 60
    world.hush()
    await world.read(session, 2 * gap, 1200)
    assert await world.interval() == interval
    assert world.topics(Topic.SESSIONS) == ([world.driver] if interval != 60 else [])


def test_settings_are_optional(sqlite_database: Database) -> None:
    """The default zone is the settings' own."""
    assert (
        Sessions(sqlite_database, Live())._memory._default_zone
        == Settings.model_fields["default_time_zone"].default
    )
