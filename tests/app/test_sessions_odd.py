"""Stops that don't fit (C11) and replays after an outage (C13), on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.charging.reports import Place, TransactionEvent
from data.announcements import Topic
from data.database import Change, Database
from data.models import ChargingSession, QuarantinedMessage
from tests.app.test_sessions import MIN, S, World, sample, start, values
from tests.world import NOW

PAYLOAD: dict[str, Any] = {"transactionId": 99, "meterStop": 1400, "nested": {"kept": ["whole", None, 1.5]}}
HOUR = 3600


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def kept(world: World) -> list[tuple[int | None, str]]:
    return [(row.session_id, row.reason) for row in await world.rows(QuarantinedMessage)]


# -- C11


async def test_a_stop_of_an_unknown_transaction_is_kept_whole(world: World) -> None:
    """C11: answered, and nothing of it is lost."""
    assert await world.stop(99, 60, 1400, payload=PAYLOAD) is None
    (row,) = await world.rows(QuarantinedMessage)
    assert row.payload == PAYLOAD
    assert (row.charger_id, row.action, row.received_at) == (world.charger, "StopTransaction", NOW + MIN)
    assert await kept(world) == [(None, "unknown transaction")]


async def test_an_unambiguous_stop_is_matched(world: World) -> None:
    """C11: one session in progress that it fits: that one ends, and the message is kept with it."""
    session = await world.start()
    await world.read(session, 60, 1300)
    await world.stop(None, 120, 1400, id_tag="card1", payload=PAYLOAD)
    row = await world.row(session)
    assert (row.energy_wh, row.ended_at, row.flags) == (400, NOW + 2 * MIN, ["stop_matched"])
    assert await kept(world) == [(session, "unknown transaction")]


@pytest.mark.parametrize(
    "values_",
    [
        {"seconds": -60, "wh": 1400},
        {"seconds": 120, "wh": 1200},
        {"seconds": 120, "wh": 2_000_000_000},
        {"seconds": 120, "wh": 1400, "id_tag": "OTHER"},
    ],
    ids=["before its start", "below its last reading", "far beyond", "another tag"],
)
async def test_a_stop_that_does_not_fit_is_not_matched(world: World, values_: dict[str, Any]) -> None:
    """C11: time, register and tag have to fit."""
    session = await world.start()
    await world.read(session, 60, 1300)
    await world.stop(4711, **values_)
    assert (await world.row(session)).ended_at is None
    assert await kept(world) == [(None, "unknown transaction")]


async def test_an_ambiguous_stop_is_not_matched(world: World) -> None:
    """C11: two sessions that it fits: neither."""
    one = await world.start()
    two = await world.start(place=Place(2))
    await world.stop(None, 120, 1400)
    assert [(await world.row(session)).ended_at for session in (one, two)] == [None, None]


async def test_a_stop_twice(world: World) -> None:
    """C11: the first one stands."""
    session = await world.start()
    await world.stop(session, 60, 1400)
    await world.stop(session, 120, 1900)
    row = await world.row(session)
    assert (row.energy_wh, row.ended_at) == (400, NOW + MIN)
    assert await kept(world) == [(session, "stopped twice")]


@pytest.mark.parametrize(("reading", "energy"), [(None, 0), (1300, 300)])
async def test_a_stop_below_the_start(world: World, reading: int | None, energy: int) -> None:
    """C11: never negative; what was read counts."""
    session = await world.start()
    if reading is not None:
        await world.read(session, 60, reading)
    await world.stop(session, 120, 400)
    row = await world.row(session)
    assert (row.energy_wh, row.ended_at) == (energy, NOW + 2 * MIN)
    assert "stop_below_start" in row.flags
    assert await kept(world) == [(session, "meterStop is below meterStart")]


async def test_a_stop_in_the_future(world: World) -> None:
    """C11: it ends the session now (its time was read as the moment of receipt), and is kept."""
    session = await world.start()
    payload = {"timestamp": (NOW + timedelta(days=400)).isoformat()}
    await world.stop(session, 120, 1400, payload=payload, flags=("clock_skew",))
    row = await world.row(session)
    assert (row.energy_wh, row.ended_at) == (400, NOW + 2 * MIN)
    assert await kept(world) == [(session, "stop in the future")]


async def test_a_clock_that_is_always_ahead_fills_no_quarantine(world: World) -> None:
    """M14: the start was ahead as well: nothing is odd about the stop."""
    session = await world.start(flags=("clock_skew",))
    payload = {"timestamp": (NOW + timedelta(hours=1, minutes=2)).isoformat()}
    await world.stop(session, 120, 1400, payload=payload, flags=("clock_skew",))
    assert await kept(world) == []


# -- C13


async def test_a_replayed_session_is_hidden(world: World) -> None:
    """C13: started an hour ago, told now: no banner, no reading, until its stop comes."""
    session = await world.start(late=HOUR)
    await world.read(session, 60, 1100, late=HOUR - 59)
    assert (await world.row(session)).replayed is True
    assert world.topics(Topic.READING) == []
    await world.stop(session, 120, 1200, late=HOUR - 118)
    assert await world.sessions.show_alive(NOW + 2 * HOUR * S) is None
    row = await world.row(session)
    assert (row.energy_wh, row.ended_at) == (200, NOW + 2 * MIN)


@pytest.mark.parametrize("restart", [False, True], ids=["", "after a restart"])
async def test_a_replayed_session_that_goes_on_is_shown_by_quiet(world: World, restart: bool) -> None:
    """C13, P6: ten seconds after the burst it is no replay any more."""
    session = await world.start(late=HOUR)
    await world.read(session, 60, 1100, late=HOUR - 55)
    told_at = NOW + (HOUR + 5) * S
    if restart:
        world.restart()
        from app import clock

        with clock.at(told_at):
            await world.sessions.resume()
    due = await world.sessions.show_alive(told_at + 9 * S)
    assert due == told_at + 10 * S
    assert (await world.row(session)).replayed is True
    world.hush()
    assert await world.sessions.show_alive(due) is None
    assert (await world.row(session)).replayed is False
    assert world.topics(Topic.SESSIONS) == [world.driver]
    await world.read(session, 3700, 1200)
    assert world.topics(Topic.READING) == [world.driver]


async def test_a_burst_that_lasts_is_not_shown(world: World) -> None:
    """C13: the charger must have been quiet about transactions."""
    session = await world.start(late=HOUR)
    for n in range(1, 40):
        await world.read(session, 60 * n, 1000 + 100 * n, late=HOUR + n - 60 * n)
        await world.sessions.show_alive(NOW + (HOUR + n + 0.9) * S)
    assert (await world.row(session)).replayed is True


async def test_a_reading_at_live_pace_shows_it(world: World) -> None:
    """C13, M14: device time and receive time advance alike: it happens now, whatever the clock says."""
    session = await world.start(late=HOUR)
    world.hush()
    await world.read(session, 5, 1010, late=HOUR)
    assert (await world.row(session)).replayed is False
    assert world.topics(Topic.SESSIONS) == [world.driver]
    assert world.topics(Topic.READING) == [world.driver]
    assert await world.sessions.show_alive(NOW + 2 * HOUR * S) is None


async def test_a_known_skew_is_no_replay(world: World) -> None:
    """M14: a clock an hour behind has proved its pace with its status; the start is shown at once."""
    for seconds in (-60, -30):
        world.sessions.pace.observe(world.charger, NOW + seconds * S, NOW + (HOUR + seconds) * S)
    session = await world.start(late=HOUR)
    assert (await world.row(session)).replayed is False


@pytest.mark.parametrize("late", [0, 2, -7200], ids=["now", "just now", "a clock ahead"])
async def test_a_normal_start_is_no_replay(world: World, late: float) -> None:
    """C13, P6: shown at once, right after the connect too."""
    session = await world.start(late=late)
    assert (await world.row(session)).replayed is False


async def test_an_old_start_does_not_end_the_session_of_now(world: World) -> None:
    """C13: by device time it is the older one; its values and its stop find it."""
    now = await world.start(HOUR)
    old = await world.start(0, late=HOUR + 5)
    assert (await world.row(now)).ended_at is None
    row = await world.row(old)
    assert (row.ended_at, row.replayed) == (NOW, True)
    await world.read(old, 60, 1100, late=HOUR)
    await world.read(old, 120, 1200, late=HOUR)
    await world.stop(old, 180, 1300, late=HOUR)
    await world.read(now, HOUR + 60, 1400)
    assert await world.steps(old) == [(0, 60, 100), (60, 120, 100), (120, 180, 100)]
    row = await world.row(old)
    assert (row.energy_wh, row.ended_at, row.flags) == (300, NOW + 3 * MIN, [])
    assert (await world.row(now)).energy_wh == 400
    assert await kept(world) == []


async def test_a_repeated_start_of_an_ended_session_does_not_flash(world: World) -> None:
    """C13, C9: a duplicate after the restart tells of nothing new."""
    session = await world.start()
    await world.stop(session, 60, 1100)
    world.restart()
    world.hush()
    assert await world.start(late=HOUR) == session
    assert world.told == []
    assert await world.sessions.show_alive(NOW + 2 * HOUR * S) is None


async def test_a_repeated_start_after_a_restart_stays_hidden(world: World) -> None:
    """C13: the restart does not make a replayed session a live one."""
    session = await world.start(late=HOUR)
    world.restart()
    await world.sessions.start(world.charger, start(late=HOUR + 5))
    await world.sessions.values(world.charger, values(session, 60, sample(60, 1100), late=HOUR - 54))
    assert (await world.row(session)).replayed is True
    assert world.topics(Topic.READING) == []


async def test_a_session_known_alive_stays_in_the_banner_through_an_outage(world: World) -> None:
    """P6: its readings come late, and it was in progress all the time."""
    session = await world.start()
    await world.read(session, 60, 1100, late=HOUR)
    assert (await world.row(session)).replayed is False
    assert world.topics(Topic.READING) == [world.driver]


async def finalize(world: World) -> None:
    def work(change: Change) -> None:
        change.connection.exec_driver_sql("UPDATE sessions SET finalized_at = ended_at")

    await world.database.change(work)


async def test_c11_the_stop_of_a_finalized_session_is_kept(world: World) -> None:
    """C11: a new start ended it, it was billed, then its own stop came: kept whole, flagged, not applied."""
    session = await world.start(meter_start=3000)
    await world.read(session, 60, 5000)
    await world.start(600, meter_start=9000)
    await finalize(world)
    before = await world.row(session)
    await world.stop(session, 500, 9000, late=200, payload=PAYLOAD)
    after = await world.row(session)
    assert await kept(world) == [(session, "stopped after it was finalized")]
    assert after.flags == ["ended_by_new_start", "late_after_final"]
    assert {**after._mapping, "flags": before.flags, "late_at": None} == dict(before._mapping)


async def test_c11_a_finalized_sessions_ended_is_kept(world: World) -> None:
    """C11, C14: the same of OCPP 2.0.1, and neither its tag nor its start changes any more."""

    def event(kind: Any, seq_no: int, seconds: float, **more: Any) -> TransactionEvent:
        at = NOW + seconds * S
        return TransactionEvent(kind, "tx", seq_no, at, at, place=Place(1, 1), **more)

    await world.sessions.event(world.charger, event("Updated", 1, 60))
    session = (await world.rows(ChargingSession))[0].id
    await world.sessions.end(session)
    await finalize(world)
    before = await world.row(session)
    closing = (sample(100, 9000, context="Transaction.End"),)
    await world.sessions.event(world.charger, event("Ended", 2, 100, samples=closing))
    await world.sessions.event(world.charger, event("Started", 0, 0, id_tag="CARD1"))
    after = await world.row(session)
    assert await kept(world) == [(session, "ended after it was finalized")]
    assert "late_after_final" in after.flags
    assert {**after._mapping, "flags": before.flags, "late_at": None} == dict(before._mapping)
