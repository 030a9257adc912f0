"""What open dashboards do by themselves: changes arrive, and only where they belong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import nicegui
import pytest
from nicegui.testing.user import User
from sqlalchemy import event, text, update

from app import clock
from app.pages import dashboard
from app.portal import Portal
from components import bound, session_banner
from components.usage import UsageCard
from data.announcements import Announcement, Topic
from data.database import Change
from data.models import Charger, Connector, Reservation
from data.types import ConnectorStatus
from tests.app.dashboard_world import HOUR, World
from tests.world import NOW, add_plan

Visit = Callable[..., Awaitable[User]]


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    """It is `NOW` until a test moves it."""
    with clock.at(NOW):
        yield


@pytest.fixture
def world(portal: Portal) -> World:
    world = World(portal)
    world.card(world.dana)
    world.card(world.eve)
    return world


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Minutes are told without the spread over some seconds that spares the server."""
    monkeypatch.setattr(bound, "MINUTE_WITHIN", 0.0)


class Asked:
    """Counts what the readers of the database execute."""

    def __init__(self, portal: Portal) -> None:
        self.statements: list[str] = []
        event.listen(portal.database.engine, "before_cursor_execute", self._note)

    def _note(self, connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith(("SELECT", "WITH")):
            self.statements.append(statement)


async def test_p6_p11_a_session_comes_and_goes_without_a_reload(visit: Visit, world: World) -> None:
    dana, eve = await visit(world.dana), await visit(world.eve)
    await dana.should_not_see("Charging now")
    await dana.should_see("No sessions yet.")

    session = world.begin(world.dana, energy_wh=1_000)
    await dana.should_see("Charging now")
    await dana.should_see("1.00")
    await dana.should_not_see("No sessions yet.")
    await dana.should_see("You are charging here")

    world.change(session, world.dana, ended_at=NOW, energy_wh=12_340)
    await dana.should_not_see("Charging now")
    await dana.should_see("12.3 kWh")
    await dana.should_see("Settling")
    world.change(session, world.dana, finalized_at=NOW)
    await dana.should_see("Finalized")

    await eve.should_not_see("12.3")
    await eve.should_see("No sessions yet.")


async def test_p9_a_reading_reaches_every_page_of_its_driver_and_nobody_else(
    visit: Visit, portal: Portal, world: World
) -> None:
    session = world.begin(world.dana, energy_wh=1_000)
    world.begin(world.eve, world.right, energy_wh=2_000)
    first, second, eve = await visit(world.dana), await visit(world.dana), await visit(world.eve)
    for user in (first, second):
        await user.should_see("1.00")

    asked = Asked(portal)
    world.read(session, world.dana, 1_230, power_w=7_400, cost=34, currency="EUR")
    for user in (first, second):
        await user.should_see("1.23")
        await user.should_see("7.4 kW")
        await user.should_see("≈ €0.34")
        await user.should_not_see("1.00")
    await eve.should_see("2.00")
    await eve.should_not_see("1.23")
    assert asked.statements == []  # by binding, without a question


async def test_p7_what_is_shown_never_falls(visit: Visit, world: World) -> None:
    session = world.begin(world.dana, energy_wh=5_000)
    user = await visit(world.dana)
    world.read(session, world.dana, 4_000)
    world.read(session, world.dana, 5_010)
    await user.should_see("5.01")
    await user.should_not_see("4.00")


async def test_p8_a_reading_that_grows_old_says_so_by_itself(
    visit: Visit, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P22: within ten seconds and not with the next minute; nothing is announced here."""
    monkeypatch.setattr(session_banner, "GRACE", timedelta(seconds=0.5))
    interval(world, 0)
    world.begin(world.dana, energy_wh=1_000)
    user = await visit(world.dana)
    await user.should_not_see("Last reading")
    clock.advance(timedelta(seconds=2))
    await user.should_see("Last reading 13:00")


async def test_p8_a_longer_interval_is_asked_for_before_a_reading_is_called_old(
    visit: Visit, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the charger keeps was learned after the page was opened."""
    monkeypatch.setattr(session_banner, "GRACE", timedelta(seconds=0.5))
    monkeypatch.setattr(bound, "ASKED_LATELY", 0.0)
    interval(world, 0)
    world.begin(world.dana, energy_wh=1_000)
    user = await visit(world.dana)
    interval(world, 900)
    clock.advance(timedelta(seconds=2))
    await asyncio.sleep(1.5)
    await user.should_not_see("Last reading")


def interval(world: World, seconds: int) -> None:
    """Nobody is told, as when it is learned from the readings."""
    world.database.change_now(lambda change: change.execute(update(Charger).values(reading_interval=seconds)))


async def test_p14_p17_usage_and_plan_follow_a_session_but_not_each_reading(
    visit: Visit, portal: Portal, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "FOLLOW_AT_BEST", 0.5)
    world.database.change_now(lambda change: add_plan(change, world.dana))
    session = world.begin(world.dana, energy_wh=1_000)
    user = await visit(world.dana)
    await user.should_see("199.0 kWh left")
    asked, began = Asked(portal), time.monotonic()
    for energy_wh in range(1_100, 2_100, 100):
        world.read(session, world.dana, energy_wh)
        await asyncio.sleep(0.05)
    await user.should_see("198.0 kWh left")
    (card,) = user.find(UsageCard).elements
    await user.should_see("2.0 kWh")
    found = [one for one in asked.statements if "FROM subscriptions" in one or "JOIN plans" in one]
    assert len(found) <= 4 + 6 * (time.monotonic() - began), (
        "at most twice a second, and not with each reading"
    )
    assert card.visible


async def test_p12_a_reservation_comes_runs_and_makes_room_for_the_next(
    visit: Visit, world: World, at_once: None
) -> None:
    user = await visit(world.dana)
    await user.should_not_see("Next reservation")
    mapping = world.card(world.driver("Zoe Third"))
    world.reserve(world.dana, mapping, NOW + 5 * HOUR, charger=world.right)
    await user.should_see("Starts in 5 h")
    world.reserve(world.dana, mapping, NOW + HOUR, minutes=60)
    await user.should_see("Starts in 1 h")
    await user.should_not_see("Starts in 5 h")

    clock.advance(timedelta(minutes=75))
    world.tell(Topic.MINUTE)
    await user.should_see("Running now")

    clock.advance(timedelta(minutes=45))  # its end, to the moment
    world.tell(Topic.RESERVATIONS, world.dana)
    await user.should_see("Starts in 3 h")
    await user.should_not_see("Running now")

    clock.advance(timedelta(hours=12))
    world.tell(Topic.MINUTE)  # were the announcement lost, the minute would do
    await user.should_not_see("Next reservation")


async def test_p12_a_cancelled_reservation_leaves(visit: Visit, world: World) -> None:
    mapping = world.card(world.driver("Zoe Third"))
    reservation = world.reserve(world.dana, mapping, NOW + HOUR)
    user = await visit(world.dana)
    await user.should_see("Next reservation")

    def cancel(change: Change) -> None:
        change.execute(update(Reservation).where(Reservation.id == reservation).values(cancelled_at=NOW))
        change.announce(Announcement(Topic.RESERVATIONS, world.dana))

    world.database.change_now(cancel)
    await user.should_not_see("Next reservation")


async def test_p22_a_change_of_status_shows_by_itself(visit: Visit, world: World) -> None:
    """What is spread is so within the second that P22 gives; `test_presence_pages` measures all of it."""
    user = await visit(world.dana)
    await user.should_see("2 of 2 chargers free")

    def plug_in(change: Change) -> None:
        change.execute(
            update(Connector)
            .where(Connector.charger_id == world.right)
            .values(status=ConnectorStatus.PREPARING)
        )
        change.announce(Announcement(Topic.CHARGERS, world.right))

    world.database.change_now(plug_in)
    assert dashboard.SPREAD < 1
    await user.should_see("1 of 2 chargers free")
    await user.should_see("In use")


async def test_p22_the_passing_of_the_hour_shows(visit: Visit, world: World) -> None:
    world.database.change_now(
        lambda change: change.execute(
            update(Charger).where(Charger.id == world.right).values(last_seen_at=NOW - timedelta(minutes=59))
        )
    )
    user = await visit(world.dana)
    await user.should_see("2 of 2 chargers free")
    clock.advance(timedelta(minutes=1, seconds=1))
    world.tell(Topic.CHARGERS, world.right)  # as the one ticker of the process does
    await user.should_see("1 of 2 chargers free")
    await user.should_see("Last seen 1 h")


async def test_words_about_time_follow_each_minute(
    visit: Visit, portal: Portal, world: World, at_once: None
) -> None:
    world.begin(world.dana, energy_wh=1_000)
    user = await visit(world.dana)
    await user.should_see("1 h")
    asked = Asked(portal)
    clock.advance(timedelta(minutes=7))
    world.tell(Topic.MINUTE)
    await user.should_see("1 h 7 min")
    assert not [one for one in asked.statements if "FROM sessions" in one]  # told anew, not asked anew


async def test_p13_a_new_period_begins_at_midnight(visit: Visit, world: World, at_once: None) -> None:
    world.session(world.dana, NOW - HOUR, minutes=30, energy_wh=4_400)
    user = await visit(world.dana)
    await user.should_see("4.4 kWh")
    await user.should_see("Nov 1")
    clock.advance(timedelta(days=8, hours=11))  # 00:00 in Berlin, December 1
    world.tell(Topic.MINUTE)
    await user.should_see("Dec 1")
    await user.should_see("No energy used in this period yet.")


def lose(world: World, table: str) -> None:
    """Make every question to *table* fail."""
    world.database.change_now(lambda change: change.execute(text(f"ALTER TABLE {table} RENAME TO lost")))


def find(world: World, table: str) -> None:
    """The reverse of `lose`."""
    world.database.change_now(lambda change: change.execute(text(f"ALTER TABLE lost RENAME TO {table}")))


async def test_p5_a_card_that_fails_says_so_and_the_rest_is_unharmed(
    visit: Visit, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.session(world.dana, NOW - 20 * HOUR, energy_wh=18_400)
    lose(world, "subscriptions")
    user = await visit(world.dana)
    await user.should_see("This part could not be loaded.")
    await user.should_see("18.4 kWh")
    await user.should_see("2 of 2 chargers free")
    failures = [record for record in caplog.records if record.name == "polaris.cards"]
    assert len(failures) == 2  # usage, and the plan, which has a sentence of its own
    assert all("reference" in failure.getMessage() for failure in failures)
    assert "no such table" not in str(user.current_layout)


async def test_p18_a_plan_that_is_not_known_is_one_sentence_and_fills_itself(
    visit: Visit, world: World, at_once: None
) -> None:
    """And without being told of the repair: each minute it tries again."""
    world.database.change_now(lambda change: add_plan(change, world.dana))
    lose(world, "plans")
    user = await visit(world.dana)
    await user.should_see("Plan details are not available right now. Your charging is not affected.")
    await user.should_not_see("This part could not be loaded.")
    world.tell(Topic.MINUTE)
    await asyncio.sleep(0.3)
    await user.should_see("We try again every minute.")
    find(world, "plans")
    world.tell(Topic.MINUTE)
    await user.should_see("Home 200")
    await user.should_not_see("Plan details are not available right now.")


async def test_p18_the_last_known_plan_stays_with_its_age(
    visit: Visit, world: World, at_once: None, caplog: pytest.LogCaptureFixture
) -> None:
    world.database.change_now(lambda change: add_plan(change, world.dana))
    world.session(world.dana, NOW - 20 * HOUR, energy_wh=18_400)
    user = await visit(world.dana)
    await user.should_see("181.6 kWh left")
    await user.should_not_see("As of")
    clock.advance(timedelta(minutes=2))
    world.tell(Topic.PLAN, world.dana)  # the same answer, but a newer one
    await asyncio.sleep(0.3)
    lose(world, "plans")
    clock.advance(timedelta(minutes=5))
    world.tell(Topic.PLAN, world.dana)
    await user.should_see("As of 13:02")
    await user.should_see("181.6 kWh left")
    await user.should_not_see("This part could not be loaded.")
    clock.advance(timedelta(days=1))
    world.tell(Topic.MINUTE)
    await user.should_see("As of yesterday, 13:02")
    find(world, "plans")
    world.tell(Topic.MINUTE)
    await user.should_not_see("As of")
    await user.should_see("181.6 kWh left")


async def test_p5_a_card_that_fails_later_says_so_too(visit: Visit, world: World, at_once: None) -> None:
    mapping = world.card(world.driver("Zoe Third"))
    world.reserve(world.dana, mapping, NOW + HOUR)
    user = await visit(world.dana)
    await user.should_see("Starts in 1 h")
    lose(world, "reservations")
    world.tell(Topic.RESERVATIONS, world.dana)
    await user.should_see("This part could not be loaded.")
    await user.should_not_see("Starts in 1 h")
    find(world, "reservations")
    world.tell(Topic.RESERVATIONS, world.dana)
    await user.should_see("Starts in 1 h")


async def test_p18_a_plan_that_is_assigned_appears(visit: Visit, world: World) -> None:
    user = await visit(world.dana)
    await user.should_not_see("Your plan")

    def assign(change: Change) -> None:
        add_plan(change, world.dana)
        change.announce(Announcement(Topic.PLAN, world.dana))

    world.database.change_now(assign)
    await user.should_see("Home 200")


async def test_what_is_told_before_the_page_is_connected_is_not_missed(
    portal: Portal, world: World, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question and the socket there is time enough for a charge to start."""
    load = bound.BoundCards.load

    async def slow(cards: bound.BoundCards) -> None:
        await load(cards)
        world.begin(world.dana, energy_wh=3_210)

    monkeypatch.setattr(bound.BoundCards, "load", slow)
    user = await visit(world.dana)
    await user.should_see("3.21")


async def test_a_closed_page_listens_no_more(visit: Visit, portal: Portal, world: World) -> None:
    """Each listener of a page goes with it: memory, and work for nobody."""
    before = len(portal.live)
    user = await visit(world.dana)
    assert len(portal.live) > before
    assert user.client is not None
    user.client.delete()
    assert len(portal.live) == before


async def test_many_announcements_are_one_more_question(visit: Visit, portal: Portal, world: World) -> None:
    """While an answer is under way the rest waits for one more: refreshes never pile up or mix."""
    user = await visit(world.dana)
    await asyncio.sleep(0.2)
    asked = Asked(portal)
    for _ in range(200):
        world.tell(Topic.RESERVATIONS, world.dana)
        world.tell(Topic.CHARGERS, world.right)
    await asyncio.sleep(dashboard.SPREAD + 0.5)
    assert len([one for one in asked.statements if "FROM reservations JOIN chargers" in one]) <= 2
    assert len([one for one in asked.statements if "FROM chargers JOIN sites" in one]) <= 2
    await user.should_see("2 of 2 chargers free")


async def test_an_unchanged_answer_sends_nothing(visit: Visit, world: World) -> None:
    user = await visit(world.dana)
    assert user.client is not None
    await asyncio.sleep(0.3)
    sent: list[object] = []
    emit = user.client.outbox._emit

    async def note(message: object) -> None:
        sent.append(message)
        await emit(message)  # type: ignore[arg-type]

    user.client.outbox._emit = note  # type: ignore[method-assign,assignment]
    for topic, about in (
        (Topic.SESSIONS, world.dana),
        (Topic.RESERVATIONS, world.dana),
        (Topic.CHARGERS, world.right),
        (Topic.PLAN, world.dana),
        (Topic.PEOPLE, world.dana),
    ):
        world.tell(topic, about)
    await asyncio.sleep(dashboard.SPREAD + 0.5)
    assert sent == []


async def test_t6_announcements_of_others_ask_nothing(visit: Visit, portal: Portal, world: World) -> None:
    user = await visit(world.dana)
    await asyncio.sleep(0.2)
    asked = Asked(portal)
    session = world.begin(world.eve, world.right, energy_wh=9_990)
    asked.statements.clear()
    for energy_wh in range(10_000, 10_100, 10):
        world.read(session, world.eve, energy_wh)
    await asyncio.sleep(0.3)
    mine = f"account_id = {world.dana}"
    assert mine not in str(asked.statements)
    assert not [one for one in asked.statements if "FROM sessions JOIN chargers" in one]
    await user.should_not_see("10.0")
    assert isinstance(user.client, nicegui.Client)
