"""The console's pages of plans: the list, the form with its example month, versions, and moving drivers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import nicegui
import pytest
from nicegui import ui
from nicegui.testing.user import User
from sqlalchemy import select

from app import clock
from app.billing.plans import Terms
from app.portal import Portal
from components.drawn import Drawn
from components.plan_form import PlanForm
from components.preferences import Choice
from data.caller import COMMAND_LINE
from data.models import Plan, Subscription
from data.types import Role
from tests.app.test_admin_people import fill, press
from tests.hostile import PAYLOADS
from tests.waiting import until
from tests.world import add_account, add_driver

Visit = Callable[..., Awaitable[User]]
HOME = Terms("Home", "EUR", base_fee=1_900, price_per_kwh=2_800, included_wh=200_000)


@pytest.fixture
def olga(portal: Portal) -> int:
    return portal.database.change_now(add_account, "Olga Operator", Role.OPERATOR)


def drawn(user: User, *keys: str) -> dict[str, Any]:
    """The values of the piece that has all *keys*; of the last one."""
    assert user.client is not None
    found = [
        one.values
        for one in user.client.elements.values()
        if isinstance(one, Drawn) and one.values and set(keys) <= set(one.values)
    ]
    return found[-1]


def lines(user: User) -> list[list[str]]:
    """The words of the first list's rows."""
    assert user.client is not None
    for one in user.client.elements.values():
        if isinstance(one, Drawn) and one.values and "lines" in one.values:
            return [[cell["text"] for cell in line["cells"]] for line in one.values["lines"]]
    raise AssertionError("there is no list")


def form(user: User) -> PlanForm:
    assert user.client is not None
    return next(one for one in user.client.elements.values() if isinstance(one, PlanForm))


def choose(user: User, label: str, value: Any) -> None:
    assert user.client is not None
    boxes = [one for one in user.client.elements.values() if isinstance(one, Choice)]
    next(one for one in boxes if one.props.get("label") == label).set_value(value)


def errors(user: User) -> dict[str, str]:
    return {name: box.error for name, box in form(user)._boxes.items() if box.error}


async def test_no_plans_yet_and_then_one_by_the_form(visit: Visit, portal: Portal, olga: int) -> None:
    """Errors stand beside their fields, what was typed stays, the month is priced while one types."""
    user = await visit(olga, "/admin/plans")
    await user.should_see("No plans yet.")
    user = await visit(olga, "/admin/plans/new")
    choose(user, "Currency", "CHF")
    fill(user, "Base fee", "19.005")
    press(user, "Add the plan")
    await until(lambda: set(errors(user)) == {"name", "base_fee"})
    assert "2 decimals" in errors(user)["base_fee"]
    await user.should_see("Please look at the marked fields.")
    assert form(user).typed.base_fee == "19.005"
    fill(user, "Name", "Night owl")
    fill(user, "Base fee", "19,50")  # either mark of decimals
    assert errors(user) == {}
    choose(user, "The price changes", "windows")
    press(user, "Add the plan")
    await until(lambda: set(errors(user)) == {"windows.0.price_per_kwh"})
    fill(user, "Price per kWh", "0.1950")  # the row's, which is the last
    assert set(errors(user)) == {"price_per_kwh"}  # the one that applies at all other times
    form(user)._boxes["price_per_kwh"].set_value("0.3")
    assert errors(user) == {}
    month = drawn(user, "total_amount")
    assert [part["what"] for part in month["parts"]] == ["120.0 kWh", "180.0 kWh"]
    assert [part["amount"] for part in month["parts"]] == ["CHF\u00a023.40", "CHF\u00a054.00"]
    assert (month["fee_amount"], month["total_amount"]) == ("CHF\u00a019.50", "CHF\u00a096.90")
    fill(user, "Of it at night", "100")
    assert drawn(user, "total_amount")["total_amount"] == "CHF\u00a078.00"
    fill(user, "Energy in the month", "lots")
    assert drawn(user, "parts")["empty"] != ""
    press(user, "Add a time of day")
    await until(lambda: len(form(user).typed.windows) == 2)
    assert "windows.1.from_minute" in errors(user) or "windows.1.price_per_kwh" in errors(user)
    assert user.client is not None
    elements = list(user.client.elements.values())
    drops = [one for one in elements if one.props.get("aria-label") == "Remove time of day 2"]
    with user.client:
        for listener in list(drops[-1]._event_listeners.values()):
            nicegui.events.handle_event(
                listener.handler,
                nicegui.events.GenericEventArguments(sender=drops[-1], client=user.client, args=None),
            )
    assert [row["price_per_kwh"] for row in form(user).typed.windows] == ["0.1950"]
    press(user, "Add the plan")
    await until(lambda: user.back_history[-1] == "/admin/plans/1")
    await user.should_see("CHF\u00a00.195 per kWh from 22:00 to 06:00")
    query = select(Plan.currency, Plan.base_fee, Plan.windows)
    row = portal.database.ask_now(lambda db: db.execute(query).one())
    window = {"from_minute": 1_320, "to_minute": 360, "price_per_kwh": 1_950}
    assert tuple(row) == ("CHF", 1_950, [window])


async def test_a_plan_in_use_is_versioned_and_its_drivers_move_on_purpose(
    visit: Visit, portal: Portal, olga: int
) -> None:
    """Each at their next border; the page of the version, the list and the dialog say who has which."""
    dana = portal.database.change_now(add_driver, "Dana Driver")
    first = await portal.plans.add(COMMAND_LINE, HOME)
    began = clock.now().date() - timedelta(days=40)
    await portal.plans.subscribe(COMMAND_LINE, dana, first, started_on=began)
    user = await visit(olga, f"/admin/plans/{first}/edit")
    await user.should_see("1 driver has this plan. What you save becomes version 2")
    form(user)._boxes["price_per_kwh"].set_value("0.31")
    press(user, "Save changes")
    await until(lambda: user.back_history[-1] == f"/admin/plans/{first + 1}")
    await user.should_see("1 driver still has an earlier version.")
    listed = await visit(olga, "/admin/plans")
    assert lines(listed) == [["Home", "Offered", "€0.31 per kWh", "200 kWh", "€19.00", "0"]]
    await listed.should_see("1 more on an earlier version")
    press(user, "Move 1 driver of version 1")
    await user.should_see("The period that runs is billed to its end")
    fill(user, "Not before (optional)", "2001-01-01")
    press(user, "Move 1 driver of Home (Version 1)")
    await user.should_see("Please give a day from today on")
    fill(user, "Not before (optional)", "")
    press(user, "Move 1 driver of Home (Version 1)")
    await user.should_see("1 driver will move.")
    await user.should_see("Not yet begun")  # in the list of drivers, told by push
    query = select(Subscription.plan_id, Subscription.started_on, Subscription.ended_on)
    rows = portal.database.ask_now(lambda db: db.execute(query.order_by(Subscription.id)).all())
    assert [row[0] for row in rows] == [first, first + 1]
    assert rows[0].ended_on == rows[1].started_on > clock.now().date()
    assert rows[1].ended_on is None
    old = await visit(olga, f"/admin/plans/{first}")
    await old.should_see("given to nobody anew")
    assert old.client is not None
    buttons = [one.text for one in old.client.elements.values() if isinstance(one, ui.button)]
    assert "Move 1 driver" in buttons
    assert not {"Change", "Retire"} & set(buttons)


async def test_retiring_asks_with_the_name(visit: Visit, portal: Portal, olga: int) -> None:
    """T41: also a hostile one, as text only."""
    name = PAYLOADS[0]
    plan = await portal.plans.add(COMMAND_LINE, replace(HOME, name=name))
    user = await visit(olga, f"/admin/plans/{plan}")
    press(user, "Retire")
    await user.should_see(f"Retire {' '.join(name.split())}?")
    press(user, f"Retire {' '.join(name.split())}")
    await user.should_see("Retired")
    listed = await visit(olga, "/admin/plans")
    assert lines(listed)[0][1] == "Retired"
    await listed.should_see("0 plans are offered")


async def test_t2_what_is_no_plan_has_no_page(portal: Portal, olga: int) -> None:
    """T2: unknown and malformed numbers; a retired version can be looked at and not edited."""
    plan = await portal.plans.add(COMMAND_LINE, HOME)
    await portal.plans.retire(COMMAND_LINE, plan)
    transport = httpx.ASGITransport(nicegui.core.app)
    headers = {"accept": "text/html"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        client.cookies.set(portal.sign_ins.cookie, await portal.sign_ins.issue(olga))
        for one in ("0", "-1", "x", "4711", "9" * 400, "١", f"{plan}/edit"):
            assert (await client.get(f"/admin/plans/{one}")).status_code == 404, one
        for after in ("", "x", "-1", "9" * 40):
            assert (await client.get(f"/admin/plans/{plan}?after={after}")).status_code == 200


async def test_who_goes_back_to_a_changed_version_is_led_to_the_newest(
    visit: Visit, portal: Portal, olga: int
) -> None:
    """Back, after saving: the form of a version that can't be changed any more leads on, and says so."""
    old = await portal.plans.add(COMMAND_LINE, HOME)
    dana = await portal.database.change(add_driver)
    await portal.plans.subscribe(COMMAND_LINE, dana, old, 1, date(2026, 11, 1))
    new = await portal.plans.change(COMMAND_LINE, old, replace(HOME, price_per_kwh=4_100))
    assert new != old
    transport = httpx.ASGITransport(nicegui.core.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        client.cookies.set(portal.sign_ins.cookie, await portal.sign_ins.issue(olga))
        answer = await client.get(f"/admin/plans/{old}/edit")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/admin/plans/{new}?instead_of=1")
    user = await visit(olga, answer.headers["location"])
    await user.should_see("Version 1 can't be changed any more")
    await (await visit(olga, f"/admin/plans/{new}?instead_of=7")).should_not_see("can't be changed any more")


async def test_t7_a_click_without_the_right_saves_nothing(visit: Visit, portal: Portal, olga: int) -> None:
    """T4, T7."""
    user = await visit(olga, "/admin/plans/new")
    fill(user, "Name", "Home")
    await portal.sign_ins.end_of_account(COMMAND_LINE, olga)
    press(user, "Add the plan")
    await until(lambda: "/sign-in" in user.back_history or not portal.database.ask_now(_plans))
    assert portal.database.ask_now(_plans) == []


def _plans(db: Any) -> list[str]:
    return list(db.scalars(select(Plan.name)))


async def test_the_form_keeps_its_labels(visit: Visit, olga: int) -> None:
    """Each box of the form has a label of its own, also those of rows."""
    user = await visit(olga, "/admin/plans/new")
    choose(user, "The price changes", "tiers")
    boxes = [one for one in form(user).descendants() if isinstance(one, ui.input | ui.select)]
    assert len(boxes) == 10
    assert all(box.props.get("label") for box in boxes)
