"""What several processes, pages and chargers share of a session: T58, C13, P6, P7, P9, on both databases."""

from __future__ import annotations

import asyncio
import gc
import weakref
from datetime import timedelta
from typing import Any

import pytest
from nicegui import binding

from app import clock
from app.charging.reports import Place, TransactionEvent
from app.charging.sessions import Sessions
from app.pages.dashboard import active_with_costs
from data.announcements import Announcement, Topic
from data.database import Database
from data.live import Live, LiveSession, Reading
from data.queries.sessions import active
from tests.app.test_sessions import S, World, sample, start, stop, values
from tests.world import NOW, add_plan

HOUR = 3600


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


class SecondProcess:
    """Another process on the same database: it hears what the first one announces, and is heard."""

    def __init__(self, world: World) -> None:
        self.live = Live()
        self.sessions = Sessions(world.database, self.live)
        announce = world._announce

        def both(announcements: list[Announcement]) -> None:
            announce(announcements)
            self.live.announce(announcements)

        world.database.announce = both

    def remembers(self, session: int) -> bool:
        return session in self.sessions._memory.running


class Label:
    """Something bound, as a strip's labels are."""

    shown: Reading | None = None


def bind(live: LiveSession) -> Label:
    label = Label()
    binding.bind_from(label, "shown", live, "reading")
    return label


def reading(session: int, energy_wh: int, seconds: float = 0, **values: Any) -> Reading:
    row = {"power_w": None, "power_derived": False, "cost": None, "currency": None, **values}
    return Reading(session_id=session, energy_wh=energy_wh, reading_at=NOW + seconds * S, **row)


# -- T58


async def test_t58_naming_another_chargers_session_leaves_it_alone(world: World) -> None:
    """T58: nothing of it is even loaded on behalf of a charger that it is not of."""
    session = await world.start()
    await world.read(session, 60, 1100)
    world.restart()
    await world.sessions.values(world.other, values(session, 70, sample(70, 9000)))
    await world.sessions.stop(world.other, stop(session, 80, 9000))
    assert world.sessions._memory.running == {}


@pytest.mark.parametrize("turns", range(0, 40, 3))
async def test_t58_another_charger_does_not_disturb_a_reading(world: World, turns: int) -> None:
    """T58, C8: whenever it comes, the owner's readings are counted, each once."""
    session = await world.start()
    await world.read(session, 60, 1100)
    world.restart()
    others = asyncio.create_task(world.sessions.values(world.other, values(session, 70, sample(70, 9000))))
    for _ in range(turns):
        await asyncio.sleep(0)
    await world.read(session, 120, 1200)
    await others
    await world.read(session, 180, 1300)
    assert await world.steps(session) == [(0, 60, 100), (60, 120, 100), (120, 180, 100)]


# -- C8


async def test_c8_a_reading_cut_off_before_its_commit_is_not_counted(world: World) -> None:
    """C8: not stored and not answered: it counts when it is sent again."""
    world.database.change_now(add_plan, world.driver)
    session = await world.start()
    await world.read(session, 60, 1100)
    world.live.announce([Announcement(Topic.PLAN, world.driver)])  # the terms are asked for at the next one
    cut_off = asyncio.create_task(world.read(session, 120, 1200))
    await asyncio.sleep(0)
    cut_off.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut_off
    await world.read(session, 120, 1200)
    assert await world.steps(session) == [(0, 60, 100), (60, 120, 100)]


# -- P9, memory


def test_p9_a_reading_between_question_and_drawing_is_shown() -> None:
    """P9: the page asked before it and draws after it, and nothing was there yet to take it."""
    live = Live()
    asked = reading(7, 100, 60)
    told = reading(7, 200, 120, power_w=11_000, cost=5, currency="EUR")
    live.announce([told.announcement(1)])
    assert live.session(asked).reading == told
    newer = reading(8, 300, 180)
    live.announce([reading(8, 200, 120).announcement(1)])
    assert live.session(newer).reading == newer


def test_p9_a_reading_from_another_process_between_question_and_drawing() -> None:
    """P9: on its way its moment has become text."""
    live = Live()
    told = reading(7, 200, 120)
    live.announce([Announcement.load(told.announcement(1).dump())])
    assert live.session(reading(7, 100, 60)).reading == told


def test_p9_what_is_bound_follows_and_what_is_not_is_let_go() -> None:
    """P9: a live session lives as long as something is bound to it, and no longer."""
    live = Live()
    label = bind(live.session(reading(7, 100)))
    gc.collect()
    live.announce([reading(7, 200, 60).announcement(1)])
    assert label.shown is not None
    assert label.shown.energy_wh == 200
    bound = weakref.ref(live.session(reading(7, 100)))
    binding.remove([label])
    gc.collect()
    assert bound() is None
    assert len(live._sessions) == 0


async def test_p6_a_page_drawn_after_the_end_keeps_nothing(world: World) -> None:
    """P6: the session ended between a page's question and its drawing."""
    session = await world.start()
    await world.read(session, 60, 1100)
    (asked,) = await world.database.ask(active, world.driver)
    await world.stop(session, 90, 1200)
    label = bind(world.live.session(asked.reading))
    binding.remove([label])
    gc.collect()
    assert len(world.live._sessions) == 0


@pytest.mark.parametrize("tag", ["CARD1", "NOBODY"])
async def test_m18_an_ended_session_leaves_the_memory_of_every_process(world: World, tag: str) -> None:
    """M18: its charger talked to one process for a while, and ended it by way of another."""
    second = SecondProcess(world)
    session = (await second.sessions.start(world.charger, start(id_tag=tag))).session_id
    await second.sessions.values(world.charger, values(session, 60, sample(60, 1100)))
    await second.sessions.show_alive(NOW + 61 * S)
    assert second.remembers(session)
    await world.stop(session, 90, 1200)
    await second.sessions.show_alive(NOW + 91 * S)
    assert not second.remembers(session)


async def test_m18_a_process_that_starts_remembers_nothing(world: World) -> None:
    """M18: a session is restored by its charger's next message, in the process that takes it."""
    session = await world.start()
    second = SecondProcess(world)
    await second.sessions.resume()
    assert not second.remembers(session)


async def test_m18_a_charger_that_changes_process_is_read_anew(world: World) -> None:
    """M18, C8: what another process has counted meanwhile is not counted again, and not refused."""
    second = SecondProcess(world)
    session = await world.start()
    await world.read(session, 60, 1100)
    await second.sessions.values(world.charger, values(session, 120, sample(120, 1200)))
    await world.read(session, 180, 1300)
    assert await world.steps(session) == [(0, 60, 100), (60, 120, 100), (120, 180, 100)]


# -- C13


async def test_c13_another_process_does_not_show_a_session_whose_burst_goes_on(world: World) -> None:
    """C13: it hears nothing of the charger; what is stored tells that the burst goes on."""
    session = await world.start(late=HOUR)
    await world.read(session, 60, 1100, late=HOUR - 55)
    second = SecondProcess(world)
    with clock.at(NOW + (HOUR + 5) * S):
        await second.sessions.resume()
    await world.read(session, 120, 1200, late=HOUR - 108)  # came at HOUR + 12
    due = await second.sessions.show_alive(NOW + (HOUR + 15) * S)
    assert (await world.row(session)).replayed is True
    assert due == NOW + (HOUR + 22) * S
    await second.sessions.show_alive(due)
    assert (await world.row(session)).replayed is False


async def test_c13_another_process_hears_of_events(world: World) -> None:
    """C13, C14: events without values are messages about the transaction too."""

    def event(seq_no: int, seconds: float, received: float) -> TransactionEvent:
        at, came = NOW + seconds * S, NOW + received * S
        kind: Any = "Updated" if seq_no else "Started"
        return TransactionEvent(kind, "tx", seq_no, at, came, offline=True, id_tag="CARD1")

    await world.sessions.event(world.charger, event(0, 0, HOUR))
    second = SecondProcess(world)
    with clock.at(NOW + HOUR * S):
        await second.sessions.resume()
    await world.sessions.event(world.charger, event(1, 30, HOUR + 8))
    assert await second.sessions.show_alive(NOW + (HOUR + 11) * S) == NOW + (HOUR + 18) * S
    assert world.topics(Topic.SESSIONS) == [world.driver]  # when it began


# -- P6


@pytest.mark.parametrize("behind", [8, HOUR], ids=["8 s", "an hour"])
async def test_p6_a_clock_behind_delays_no_banner(world: World, behind: int) -> None:
    """P6: on a connection that has long been open, and quiet, a start happens now."""
    session = await world.start(late=behind, connected_at=NOW + (behind - 600) * S)
    assert (await world.row(session)).replayed is False


async def test_p6_a_start_dated_after_the_connection_is_no_replay(world: World) -> None:
    """P6: a clock 8 s behind, half a minute after the charger came: it was on the line when it began."""
    session = await world.start(late=8, connected_at=NOW - 22 * S)
    assert (await world.row(session)).replayed is False


@pytest.mark.parametrize(
    ("late", "connected"),
    [(8, 7), (HOUR, HOUR - 1), (HOUR, HOUR - 60), (8, None)],
    ids=["just before", "long before", "a minute after reconnecting", "unknown"],
)
async def test_c13_a_start_told_after_reconnecting_is_hidden(
    world: World, late: int, connected: int | None
) -> None:
    """C13: dated before the connection, which is young (or nobody knows it)."""
    connected_at = None if connected is None else NOW + connected * S
    session = await world.start(late=late, connected_at=connected_at)
    assert (await world.row(session)).replayed is True


async def test_c13_a_late_burst_on_an_old_connection_is_hidden(world: World) -> None:
    """C13: some replay only minutes after they are back: what comes in a burst is hidden all the same."""
    connected_at = NOW + (HOUR - 600) * S
    first = await world.start(0, late=HOUR, connected_at=connected_at)
    await world.stop(first, 600, 1100, late=HOUR - 599)
    second = await world.start(700, late=HOUR - 698, connected_at=connected_at)
    assert (await world.row(second)).replayed is True


# -- P7


async def cost_after(world: World, session: int, seconds: float, wh: int) -> int:
    world.hush()
    await world.read(session, seconds, wh)
    (told,) = [
        a.values
        for a in world.told
        if a.topic is Topic.READING and a.values and a.values["session_id"] == session
    ]
    assert isinstance(told["cost"], int)
    return told["cost"]


async def test_p7_a_session_over_the_renewal_counts_its_part_of_the_period(world: World) -> None:
    """P7: what it drew before the renewal used up nothing of the new period's included amount."""
    world.database.change_now(add_plan, world.driver, included_wh=3_000)
    renewal = (NOW.replace(day=30, hour=23) - NOW) / S  # local midnight of December 1
    with clock.at(NOW + renewal * S):
        session = await world.start(renewal - 3600)
        await world.read(session, renewal - 60, 11_000)  # 10 kWh before the renewal
        other = await world.start(renewal, place=Place(2))
        await world.stop(other, renewal + 60, 3_000)  # 2 of the 3 kWh that are included
        world.restart()
        # 10.055 kWh before it, 3 of them included; 0.545 after it, all included.
        assert await cost_after(world, session, renewal + 600, 11_600) == 198
        world.restart()  # some of it is in the period now
        assert await cost_after(world, session, renewal + 660, 12_200) == 202  # 1.145 after it, 1 included
        (shown,) = await world.database.ask(active_with_costs, world.driver, "UTC", clock.now())
        assert shown.reading.cost == 202  # a page that opens now says the same


async def test_p7_another_car_of_the_driver_is_counted_as_it_charges(world: World) -> None:
    """P7: the included amount is used up by both; no change of terms is needed to notice."""
    world.database.change_now(add_plan, world.driver, included_wh=2_000)
    with clock.at(NOW + 60 * S):
        session = await world.start()
        assert await cost_after(world, session, 10, 2_000) == 0
        other = await world.start(place=Place(2))
        await world.sessions.values(
            world.charger, values(other, 20, sample(20, 3_000), place=Place(2))
        )  # 2 kWh: nothing is left
        await world.stop(other, 30, 3_000)
        assert await cost_after(world, session, 40, 2_000 + 500) == 42


async def test_p7_another_car_in_progress_is_counted_within_a_minute(world: World) -> None:
    """P7: while both charge, the later one's estimate counts what the earlier one has used, each minute."""
    world.database.change_now(add_plan, world.driver, included_wh=2_000)
    with clock.at(NOW):
        other = await world.start(place=Place(2))
        session = await world.start()
        assert await cost_after(world, session, 10, 2_000) == 0
        await world.sessions.values(world.charger, values(other, 20, sample(20, 3_000), place=Place(2)))
        clock.advance(timedelta(minutes=2))
        assert await cost_after(world, session, 120, 2_500) == 42


async def test_p7_the_estimate_does_not_take_what_is_not_committed_for_used(world: World) -> None:
    """P7: the terms are asked for while a reading waits; what is used by others stays what it was."""
    world.database.change_now(add_plan, world.driver, included_wh=1_000)
    with clock.at(NOW + 60 * S):
        other = await world.start(place=Place(2))
        await world.sessions.values(world.charger, values(other, 5, sample(5, 2_000), place=Place(2)))
        await world.stop(other, 6, 2_000)  # 1 kWh: nothing is left
        session = await world.start(10)
        await world.read(session, 20, 1_500)
        world.live.announce([Announcement(Topic.PLAN, world.driver)])
        assert await cost_after(world, session, 30, 2_000) == 28


async def test_p7_another_interval_of_readings_asks_for_no_costs(world: World) -> None:
    """P7, P8: two hundred chargers that change their pace at once would ask two hundred times."""
    session = await world.start()
    for number in (1, 2):
        await world.read(session, number * 5, 1000 + 10 * number)
    assert await world.interval() == 5
    assert world.sessions._memory.running[session].costs_due is False
