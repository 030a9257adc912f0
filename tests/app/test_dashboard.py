"""A driver's dashboard as NiceGUI's simulated user sees it: what it shows, card by card."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import httpx
import nicegui
import pytest
from nicegui.testing.user import User

from app import clock
from app.portal import Portal
from components.usage import Switch
from data.periods import Period
from data.types import ConnectorStatus, Role
from tests.app.dashboard_world import HOUR, World
from tests.world import NOW, add_account, add_plan

Visit = Callable[..., Awaitable[User]]


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    """It is `NOW`: noon in UTC on Sunday, November 22, 13:00 in Berlin."""
    with clock.at(NOW):
        yield


@pytest.fixture
def world(portal: Portal) -> World:
    return World(portal)


async def html(portal: Portal, account: int, path: str = "/") -> str:
    """The first HTML, as a browser gets it."""
    transport = httpx.ASGITransport(nicegui.core.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        client.cookies.set(portal.sign_ins.cookie, await portal.sign_ins.issue(account))
        response = await client.get(path)
    assert response.status_code == 200
    return response.text


async def test_p1_p2_only_a_driver_gets_a_dashboard(portal: Portal, world: World) -> None:
    operator = world.database.change_now(lambda change: add_account(change, "Olga Operator", Role.OPERATOR))
    transport = httpx.ASGITransport(nicegui.core.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        nobody = await client.get("/?period=year")
        assert (nobody.status_code, nobody.headers["location"]) == (303, "/sign-in?next=%2F%3Fperiod%3Dyear")
        client.cookies.set(portal.sign_ins.cookie, await portal.sign_ins.issue(operator))
        answer = await client.get("/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin")


async def test_the_first_html_is_complete(portal: Portal, world: World) -> None:
    """Issue: complete in the first HTML, before any socket."""
    card = world.card(world.dana)
    world.begin(world.dana, energy_wh=12_460, power_w=7_200)
    world.session(world.dana, NOW - 20 * HOUR, energy_wh=18_400)
    world.reserve(world.dana, card, NOW + 3 * HOUR, charger=world.right)
    world.database.change_now(lambda change: add_plan(change, world.dana))
    page = await html(portal, world.dana)
    for words in (
        "Your charging",
        "1 of 2 chargers free",
        "12.46",
        "7.2 kW",
        "18.4 kWh",
        "Starts in 3 h",
        "30.9 kWh",
        "Home 200",
        "169.1 kWh left",
        "Garage right",
    ):
        assert words in page, words


async def test_p4_first_run_before_a_card_is_linked(visit: Visit, world: World) -> None:
    user = await visit(world.dana)
    await user.should_see("Welcome, your account is ready.")
    await user.should_see("No sessions yet.")
    await user.should_see("No energy used in this period yet.")
    await user.should_see("Garage left")
    await user.should_not_see("Next reservation")
    await user.should_not_see("Your plan")
    world.card(world.dana)
    await user.should_not_see("Welcome, your account is ready.")


async def test_p4_the_only_card_is_no_longer_theirs(visit: Visit, world: World) -> None:
    """P4: nobody who has charged is welcomed as if they were new."""
    world.begin(world.dana, energy_wh=12_463, power_w=7_200)
    user = await visit(world.dana)
    await user.should_see("No card is linked to your account at present.")
    await user.should_not_see("Welcome")


async def test_p6_p7_the_banner_shows_what_is_known(visit: Visit, world: World) -> None:
    world.card(world.dana)
    world.database.change_now(lambda change: add_plan(change, world.dana, included_wh=None))
    world.begin(world.dana, energy_wh=12_463, power_w=7_200)
    user = await visit(world.dana)
    await user.should_see("Charging now")
    await user.should_see("12.46")
    await user.should_see("7.2 kW")
    await user.should_see("1 h")
    await user.should_see("≈ €3.49")  # 12.463 kWh at 0.28
    await user.should_see("You are charging here")


async def test_p8_before_the_first_reading_it_waits(visit: Visit, world: World) -> None:
    world.card(world.dana)
    world.begin(world.dana, energy_wh=0, has_reading=False, steps=[], reading_at=None)
    user = await visit(world.dana)
    await user.should_see("Waiting for the first reading")
    await user.should_not_see("0.00")
    await user.should_not_see("Estimated cost")


async def test_p13_the_period_of_the_address(visit: Visit, world: World) -> None:
    world.session(world.dana, NOW - 24 * HOUR, energy_wh=1_000)
    world.session(world.dana, NOW - 24 * 30 * HOUR, energy_wh=20_000)
    world.session(world.dana, NOW - 24 * 200 * HOUR, energy_wh=300_000)
    totals = {
        "": "1.0 kWh",
        "?period=current": "1.0 kWh",
        "?period=previous": "20.0 kWh",
        "?period=year": "321.0 kWh",
        "?period=%3Cscript%3E": "1.0 kWh",
        "?period=YEAR": "1.0 kWh",
        "?period=year&period=current": "1.0 kWh",
    }
    for query, total in totals.items():
        user = await visit(world.dana, "/" + query)
        await user.should_see(total)
        await user.should_see("Europe/Berlin")


async def test_p16_switching_leads_to_another_address(visit: Visit, world: World) -> None:
    world.session(world.dana, NOW - 24 * HOUR, energy_wh=1_000)
    user = await visit(world.dana)
    (switch,) = user.find(Switch).elements
    assert switch.value is Period.CURRENT
    switch.set_value(Period.YEAR)
    await user.should_see("Jan 1")
    assert user.back_history[-1].startswith("/?period=year")
    (switch,) = user.find(Switch).elements
    assert switch.value is Period.YEAR


async def test_p17_the_plan_follows_its_own_period_whatever_the_usage_shows(
    visit: Visit, world: World
) -> None:
    world.database.change_now(lambda change: add_plan(change, world.dana, anchor_day=15))
    world.session(world.dana, NOW - 24 * HOUR, energy_wh=28_400)
    world.session(world.dana, NOW - 24 * 20 * HOUR, energy_wh=50_000)
    for period in Period:
        user = await visit(world.dana, f"/?period={period}")
        await user.should_see("28.4 kWh of 200 kWh included")
        await user.should_see("171.6 kWh left")


async def test_p19_p21_beyond_the_fifty_the_search_reaches_all(visit: Visit, world: World) -> None:
    for number in range(1, 61):
        world.charger(f"Bay {number}")
    user = await visit(world.dana)
    await user.should_see("Showing 50 of 62")
    await user.should_see("62 of 62 chargers free")
    await user.should_not_see("Bay 60")
    user.find("Search by name or site").type("bay 60")
    await user.should_see("Bay 60")
    await user.should_not_see("Bay 59")
    await user.should_see("62 of 62 chargers free")
    user.find("Search by name or site").clear()
    await user.should_see("Bay 49")


async def test_p20_the_reasons_are_told(visit: Visit, world: World) -> None:
    world.charger("Silent", seen=NOW - timedelta(hours=3))
    world.charger("Broken", status=ConnectorStatus.UNAVAILABLE)
    user = await visit(world.dana)
    await user.should_see("Last seen 3 h")
    await user.should_see("Out of service")
    await user.should_see("2 of 4 chargers free")


async def test_p26_in_german(visit: Visit, world: World) -> None:
    account = world.driver("Hanna Zweig", language="de")
    world.session(account, NOW - 20 * HOUR, energy_wh=18_400)
    user = await visit(account)
    await user.should_see("18,4 kWh")


async def test_p9_the_page_is_the_visitors_own(visit: Visit, world: World) -> None:
    """No parameter names a driver; what is shown follows from the sign-in alone (T5)."""
    world.session(world.eve, NOW - 20 * HOUR, energy_wh=77_700)
    world.begin(world.eve, energy_wh=55_550)
    user = await visit(world.dana, f"/?user={world.eve}&account_id={world.eve}&as={world.eve}")
    await user.should_see("No sessions yet.")
    await user.should_not_see("77.7")
    await user.should_not_see("55.55")
    await user.should_not_see("Charging now")
