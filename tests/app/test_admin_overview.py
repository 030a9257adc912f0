"""`/admin`: what needs a hand first, figures, live sessions and energy, followed by push (P2, P3, P5, P7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from nicegui.testing.user import User
from sqlalchemy import update

from app import clock
from app.pages import admin
from app.portal import Portal
from components.drawn import Drawn
from data.announcements import Announcement, Topic
from data.database import Change
from data.models import Charger, ChargingSession, Connector, QuarantinedMessage
from data.queries import attention, health
from data.types import ConnectorStatus, Role
from tests.app.dashboard_world import World
from tests.world import NOW, add_account, add_session

Visit = Callable[..., Awaitable[User]]
HOUR = timedelta(hours=1)


@pytest.fixture
def world(quick: None, portal: Portal) -> World:
    return World(portal)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(admin, "BEAT", 0.05)  # a test need not wait as long as a page may
    monkeypatch.setattr(admin, "ENERGY_BEAT", 0.05)


@pytest.fixture
def olga(portal: Portal) -> int:
    return portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)


def change(world: World, work: Callable[[Change], Any], *told: Announcement) -> None:
    def and_tell(change: Change) -> None:
        work(change)
        change.announce(*told)

    world.database.change_now(and_tell)


def rows(user: User, name: str) -> Any:
    """What the element that draws *name* was given."""
    assert user.client is not None
    for element in user.client.elements.values():
        if isinstance(element, Drawn) and element.values and name in element.values:
            return element.values[name]
    raise AssertionError(name)


def tiles(user: User) -> dict[str, tuple[str, str, str]]:
    return {tile["key"]: (tile["value"], tile["more"].strip(), tile["href"]) for tile in rows(user, "tiles")}


async def test_an_empty_portal_says_what_is_missing_and_what_is_not_known(
    visit: Visit, portal: Portal, olga: int
) -> None:
    user = await visit(olga, "/admin")
    (line,) = rows(user, "lines")
    assert (line["what"], line["href"]) == ("5 steps of the set-up are open", "/admin/setup")
    await user.should_see("Nobody is charging right now.")
    await user.should_see("No energy was used in these days.")
    assert tiles(user)["online"] == ("0 / 0", "", "/admin/chargers")


async def test_a_fault_comes_and_goes_without_a_reload(visit: Visit, world: World, olga: int) -> None:
    """Told by push; the action leads to the charger."""
    change(world, lambda change: change.execute(update(Charger).values(password_hash="x")))
    user = await visit(olga, "/admin")
    before = [line["key"] for line in rows(user, "lines")]

    def fault(status: ConnectorStatus, code: str | None) -> None:
        change(
            world,
            lambda change: change.execute(
                update(Connector)
                .where(Connector.charger_id == world.left)
                .values(status=status, error_code=code)
            ),
            Announcement(Topic.CHARGERS, world.left),
        )

    fault(ConnectorStatus.FAULTED, "GroundFailure")
    await user.should_see("Garage left, connector 1: GroundFailure (ground failure)")
    first = rows(user, "lines")[0]
    assert (first["pill"], first["look"], first["href"]) == (
        "Fault",
        "fault",
        f"/admin/chargers/{world.left}",
    )
    fault(ConnectorStatus.AVAILABLE, None)
    await user.should_not_see("GroundFailure")
    assert [line["key"] for line in rows(user, "lines")] == before


async def test_many_of_a_kind_share_a_line_and_there_are_twelve_at_most(
    visit: Visit, world: World, olga: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        world.charger(f"Yard {number}", seen=NOW - (number + 2) * HOUR)
    user = await visit(olga, "/admin")
    lines = rows(user, "lines")
    assert [line["what"] for line in lines][:3] == [f"Yard {number} is offline" for number in (2, 1, 0)]
    passwords = next(line for line in lines if line["pill"] == "Open")
    assert passwords["what"] == "5 chargers connect without a password"
    assert passwords["href"] == "/admin/chargers?needs=password"
    for number in range(3, 7):
        world.charger(f"Yard {number}", seen=NOW - (number + 2) * HOUR, clock_skew=900 if number < 6 else 0)
        world.charger(f"Box {number}", seen=None)
    user = await visit(olga, "/admin")
    lines = rows(user, "lines")
    assert len(lines) <= 12
    assert lines[0]["what"] == "7 chargers are offline"
    assert lines[0]["meta"] == "Yard 6, Yard 5, Yard 4, Yard 3, Yard 2 …"
    assert lines[0]["href"] == "/admin/chargers?status=offline&sort=seen"
    boxes = next(line for line in lines if line["what"] == "4 chargers have never connected")
    assert (boxes["look"], boxes["href"]) == ("in_use", "/admin/chargers?needs=unconnected")
    assert lines.index(boxes) > 1, "no outage, something to do"
    monkeypatch.setattr(attention, "MOST", 5)
    lines = rows(await visit(olga, "/admin"), "lines")
    assert lines[0]["what"] == "5 or more chargers are offline"


async def test_the_figures_are_true_and_lead_to_their_lists(visit: Visit, world: World, olga: int) -> None:
    """A week ago is counted up to the same time of day; power that is not known is said to be."""
    left = {"charger": world.left, "connector": 1, "account": world.dana}
    for days, minutes, energy in ((7, 120, 8_000), (0, 60, 6_000)):
        # A week ago it went on from 11:00 to 13:00: half of it counts at 12:00.
        started_at = NOW - timedelta(days=days) - HOUR
        world.database.change_now(
            add_session,
            **left,
            started_at=started_at,
            minutes=minutes,
            energy_wh=energy,
            finalized=bool(days),
        )
    world.begin(world.eve, world.right, energy_wh=4_000, power_w=None)
    nobodys = left | {"account": None, "id_tag": "LOST", "finalized": False, "energy_wh": 0}
    world.database.change_now(add_session, **nobodys, started_at=NOW - timedelta(days=40))
    found = world.database.ask_now(health.counts, NOW)
    assert (found.settling_sessions, found.settling_since) == (1, NOW)  # as the tile says
    user = await visit(olga, "/admin")
    await user.should_see("+150 % vs. Sun, Nov 15, same time")
    assert tiles(user) == {
        "charging": ("1", "of 2 connectors", "/admin/sessions?state=charging"),
        "power": ("—", "1 session unknown", "/admin/sessions?state=charging"),
        "today": ("10.0 kWh", "+150 % vs. Sun, Nov 15, same time", "#energy-title"),
        "online": ("2 / 2", "", "/admin/chargers"),
        "settling": ("1", "oldest < 1 min", "/admin/sessions?state=settling"),
        "drivers": ("2", "", "/admin/drivers"),
    }
    await user.should_see("18.0 kWh")  # of the 30 days


async def test_p9_a_reading_reaches_the_open_overview_by_push(visit: Visit, world: World, olga: int) -> None:
    """Each reading, without a reload; sorted by the number; the row leads to the session."""
    slow = world.begin(world.dana, energy_wh=1_000, power_w=3_000)
    fast = world.begin(world.eve, world.right, energy_wh=2_000, power_w=11_000)
    user = await visit(olga, "/admin")

    def listed() -> list[list[str]]:
        lists = [
            element.values["lines"]
            for element in user.client.elements.values()  # type: ignore[union-attr]
            if isinstance(element, Drawn) and element.values and "heads" in element.values
        ]
        return [[cell["text"] for cell in line["cells"]][:4] for line in lists[0]]

    assert listed() == [
        ["Garage right", "Eve Other", "11.0 kW", "2.00 kWh"],
        ["Garage left", "Dana Driver", "3.0 kW", "1.00 kWh"],
    ]
    change(
        world,
        lambda change: change.execute(
            update(ChargingSession).where(ChargingSession.id == slow).values(energy_wh=1_520, power_w=22_000)
        ),
        Announcement(Topic.READING, world.dana, None),
    )
    await user.should_see("1.52 kWh")
    assert [row[0] for row in listed()] == ["Garage left", "Garage right"]
    await user.should_see("33.0 kW")  # in all
    user = await visit(olga, "/admin?sort=energy")
    assert [row[0] for row in listed()] == ["Garage right", "Garage left"]
    change(
        world,
        lambda change: change.execute(
            update(ChargingSession).where(ChargingSession.id == fast).values(ended_at=NOW)
        ),
        Announcement(Topic.SESSIONS, world.eve),
    )
    await user.should_not_see("2.00 kWh")
    assert [row[0] for row in listed()] == ["Garage left"]


async def test_p5_a_card_that_fails_leaves_the_others_alone(visit: Visit, world: World, olga: int) -> None:
    """What can't be answered says so; the rest of the page is unharmed."""
    change(
        world,
        lambda change: change.connection.exec_driver_sql("ALTER TABLE quarantined_messages RENAME TO gone"),
    )
    world.begin(world.dana, energy_wh=1_000, power_w=3_000)
    user = await visit(olga, "/admin")
    await user.should_see("could not be loaded")
    await user.should_see("Dana Driver")
    assert tiles(user)["charging"][0] == "1"


async def test_c11_a_quarantined_message_is_looked_at_and_seen_to(
    visit: Visit, world: World, olga: int
) -> None:
    """The overview leads to it; once it is marked it leaves both pages."""
    message = {
        "charger_id": world.left,
        "received_at": NOW,
        "last_received_at": NOW,
        "times": 1,
        "action": "StopTransaction",
        "payload": {"transactionId": 7, "idTag": "<b>TAG</b>", "info": "card 04A1B2C3D4E5F6"},
        "reason": "no such transaction",
        "digest": "d",
    }
    change(world, lambda change: change.execute(QuarantinedMessage.__table__.insert(), message))
    overview = await visit(olga, "/admin")
    line = next(line for line in rows(overview, "lines") if line["key"].startswith("quarantine"))
    assert (line["what"], line["href"]) == (
        "1 message of a charger could not be applied",
        "/admin/quarantine",
    )
    page = await visit(olga, "/admin/quarantine")
    await page.should_see("no such transaction")
    payload = rows(page, "payload")
    assert '"transactionId": 7' in payload
    assert "TAG" not in payload  # T63: masked as in the message log
    assert "card 04…F6" in payload
    page.find("Mark as seen to").click()
    await page.should_see("There is none to see to.")
    await overview.should_not_see("could not be applied")
