"""Plans and subscriptions as operators keep them: versions, borders of billing periods, the audit log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select

from app import clock
from app.billing.plans import (
    AlreadyBilled,
    NoSuchDriver,
    NoSuchPlan,
    NotABorder,
    NotSubscribed,
    PlanRetired,
    Plans,
    Terms,
    WrongDay,
    WrongTerms,
)
from app.billing.terms import MOST_MONEY, MOST_WH, proper
from app.settings import Settings
from data.caller import Caller, NotAllowed
from data.database import Database
from data.models import AuditEntry, Charge, Plan, Subscription
from data.queries.plans import current_plan
from data.types import Role
from tests.world import NOW, add_charger, add_driver, add_session, add_site

HOME = Terms("Home", "EUR", base_fee=1_900, price_per_kwh=2_800, included_wh=200_000)
OLGA = Caller(4711, Role.OPERATOR, 4711)


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@dataclass
class Office:
    """Plans, and who asks."""

    database: Database
    plans: Plans

    def driver(self, name: str = "Dana Driver", **values: Any) -> int:
        return self.database.change_now(add_driver, name, **values)

    def rows(self, *columns: Any) -> list[tuple[Any, ...]]:
        return [
            tuple(row)
            for row in self.database.ask_now(
                lambda db: db.execute(select(*columns).order_by(columns[0].table.c.id)).all()
            )
        ]

    def held(self) -> list[tuple[Any, ...]]:
        """Each subscription that has a day: plan, first day, first day without it, anchor."""
        columns = (Subscription.plan_id, Subscription.started_on, Subscription.ended_on)
        return [row for row in self.rows(*columns, Subscription.anchor_day) if row[1] != row[2]]

    def told(self) -> list[tuple[Any, ...]]:
        return self.rows(AuditEntry.action, AuditEntry.about)


@pytest.fixture
def office(sqlite_database: Database) -> Office:
    return Office(sqlite_database, Plans(sqlite_database, Settings(_env_file=None)))


def problems(terms: Terms) -> dict[str, str]:
    with pytest.raises(WrongTerms) as refused:
        proper(terms)
    return refused.value.problems


def tier(above: int, price: int = 3_000) -> dict[str, int]:
    return {"above_wh": above, "price_per_kwh": price}


def window(first: int, end: int, price: int = 1_900) -> dict[str, int]:
    return {"from_minute": first, "to_minute": end, "price_per_kwh": price}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"name": " \u200b "}, {"name": "name"}),
        ({"name": "x" * 201}, {"name": "name"}),
        ({"currency": "EURO"}, {"currency": "currency"}),
        ({"base_fee": -1}, {"base_fee": "range"}),
        ({"base_fee": MOST_MONEY + 1}, {"base_fee": "range"}),
        ({"price_per_kwh": -1, "name": ""}, {"name": "name", "price_per_kwh": "range"}),
        ({"included_wh": MOST_WH + 1}, {"included_wh": "range"}),
        ({"anchor_day": 0}, {"anchor_day": "range"}),
        ({"anchor_day": 32}, {"anchor_day": "range"}),
        ({"unlimited": True}, {"included_wh": "either"}),
        ({"unlimited": True, "included_wh": None, "tiers": [tier(1)]}, {"tiers": "either"}),
        ({"tiers": [tier(1)], "windows": [window(0, 1)]}, {"windows": "either"}),
        ({"tiers": [tier(1)], "price_per_kwh": None}, {"price_per_kwh": "needs_price"}),
        ({"tiers": [tier(5), tier(5), tier(6), tier(2)]}, {"tiers.1": "order", "tiers.3": "order"}),
        ({"tiers": [tier(0), tier(1, -1)]}, {"tiers.0": "range", "tiers.1": "range"}),
        ({"tiers": [tier(n) for n in range(1, 14)]}, {"tiers": "many"}),
        ({"windows": [window(60, 60)]}, {"windows.0": "empty"}),
        ({"windows": [window(0, 1441), window(-1, 5)]}, {"windows.0": "range", "windows.1": "range"}),
        ({"windows": [window(1320, 360), window(300, 400)]}, {"windows.1": "overlap"}),
        ({"windows": [window(1320, 360), window(1380, 60)]}, {"windows.1": "overlap"}),
    ],
)
def test_wrong_terms_are_told_field_by_field(changed: dict[str, Any], found: dict[str, str]) -> None:
    assert problems(replace(HOME, **changed)) == found


def test_windows_that_only_touch_are_good_and_stored_in_order() -> None:
    terms = proper(replace(HOME, windows=[window(1320, 360), window(720, 1440 - 120), window(360, 720)]))
    assert [one["from_minute"] for one in terms.windows] == [360, 720, 1320]
    assert proper(replace(HOME, windows=[window(1200, 1440)])).windows[0]["to_minute"] == 0
    assert proper(replace(HOME, name="  Home \n 2 ", currency=" eur", included_wh=0)) == replace(
        HOME, name="Home 2", included_wh=None
    )


async def test_a_plan_in_use_is_versioned_and_its_drivers_keep_theirs(office: Office) -> None:
    """Nobody has it: changed in place. Anybody has or had it: another version."""
    first = await office.plans.add(OLGA, HOME)
    assert await office.plans.change(OLGA, first, replace(HOME, price_per_kwh=2_900)) == first
    dana = office.driver()
    await office.plans.subscribe(OLGA, dana, first)
    assert await office.plans.change(OLGA, first, replace(HOME, price_per_kwh=2_900)) == first  # the same
    second = await office.plans.change(OLGA, first, replace(HOME, name="Home+", price_per_kwh=3_100))
    third = await office.plans.change(OLGA, second, replace(HOME, tiers=[tier(100_000)]))
    assert third == second  # nobody has had that one
    columns = (Plan.id, Plan.family_id, Plan.version, Plan.name, Plan.price_per_kwh, Plan.retired_at)
    assert office.rows(*columns) == [
        (first, None, 1, "Home", 2_900, NOW),
        (second, first, 2, "Home", 2_800, None),
    ]
    assert [row[0] for row in office.held()] == [first]
    with pytest.raises(PlanRetired):
        await office.plans.change(OLGA, first, HOME)
    with pytest.raises(PlanRetired):
        await office.plans.subscribe(OLGA, dana, first)
    with pytest.raises(NoSuchPlan):
        await office.plans.change(OLGA, 4711, HOME)
    assert [action for action, _ in office.told()] == [
        "plan.add",
        "plan.change",
        "subscription.begin",
        "plan.change",
        "plan.change",
    ]


async def test_a_name_is_given_once_among_the_plans_that_can_be_had(office: Office) -> None:
    home = await office.plans.add(OLGA, HOME)
    other = await office.plans.add(OLGA, replace(HOME, name="Other"))
    with pytest.raises(WrongTerms, match="taken"):
        await office.plans.add(OLGA, HOME)
    with pytest.raises(WrongTerms, match="taken"):
        await office.plans.change(OLGA, other, HOME)
    await office.plans.retire(OLGA, home)
    await office.plans.retire(OLGA, home)
    await office.plans.change(OLGA, other, HOME)
    assert [action for action, _ in office.told()] == ["plan.add", "plan.add", "plan.retire", "plan.change"]


async def test_t4_a_driver_keeps_no_plans(office: Office) -> None:
    dana = office.driver()
    for call in (
        office.plans.add(Caller(dana, Role.DRIVER, dana), HOME),
        office.plans.subscribe(Caller(dana, Role.DRIVER, dana), dana, 1),
    ):
        with pytest.raises(NotAllowed):
            await call


async def test_p13_another_plan_begins_where_a_billing_period_does(office: Office) -> None:
    """Today is Nov 22; anchor 15. By itself at the next border; a day amid a period is refused with both."""
    home = await office.plans.add(OLGA, replace(HOME, anchor_day=15))
    other = await office.plans.add(OLGA, replace(HOME, name="Other", anchor_day=3))
    dana = office.driver()
    begun = await office.plans.subscribe(OLGA, dana, home, started_on=date(2026, 3, 1))
    assert (begun.started_on, begun.anchor_day) == (date(2026, 3, 1), 15)
    with pytest.raises(NotABorder) as refused:
        await office.plans.subscribe(OLGA, dana, other, started_on=date(2026, 11, 20))
    assert (refused.value.before, refused.value.after) == (date(2026, 11, 15), date(2026, 12, 15))
    begun = await office.plans.subscribe(OLGA, dana, other)
    assert (begun.started_on, begun.anchor_day) == (date(2026, 12, 15), 15)
    # On second thought from the beginning of this period, and then back: what was planned is dropped.
    await office.plans.subscribe(OLGA, dana, other, 7, date(2026, 11, 15))
    assert office.held() == [
        (home, date(2026, 3, 1), date(2026, 11, 15), 15),
        (other, date(2026, 11, 15), None, 7),
    ]
    await office.plans.subscribe(OLGA, dana, home, started_on=date(2026, 3, 1))
    assert office.held() == [(home, date(2026, 3, 1), None, 7)]


async def test_what_was_billed_stays_with_its_plan(office: Office) -> None:
    home, other = [await office.plans.add(OLGA, replace(HOME, name=name)) for name in ("Home", "Other")]
    dana = office.driver()
    await office.plans.subscribe(OLGA, dana, home, 1, date(2026, 9, 1))
    site = office.database.change_now(add_site)
    charger = office.database.change_now(add_charger, site=site)
    session = office.database.change_now(
        add_session, charger=charger, connector=1, account=dana, started_at=datetime(2026, 10, 5, tzinfo=UTC)
    )
    ((subscription,),) = office.rows(Subscription.id)
    row = {
        "key": "x",
        "session_id": session,
        "account_id": dana,
        "subscription_id": subscription,
        "plan_id": home,
        "period_first": date(2026, 10, 1),
        "energy_wh": 1,
        "created_at": NOW,
    }
    office.database.change_now(lambda change: change.execute(insert(Charge), row) and None)
    for day in (date(2026, 9, 1), date(2026, 10, 1)):
        with pytest.raises(AlreadyBilled):
            await office.plans.subscribe(OLGA, dana, other, started_on=day)
    await office.plans.subscribe(OLGA, dana, other, started_on=date(2026, 11, 1))
    assert [row[:3] for row in office.held()] == [
        (home, date(2026, 9, 1), date(2026, 11, 1)),
        (other, date(2026, 11, 1), None),
    ]


async def test_a_plan_ends_where_a_period_does(office: Office) -> None:
    home = await office.plans.add(OLGA, HOME)
    dana, eve = office.driver(), office.driver("Eve Other")
    await office.plans.subscribe(OLGA, dana, home, 31, date(2026, 1, 1))
    assert await office.plans.unsubscribe(OLGA, dana) == date(2026, 11, 30)
    frank = office.driver("Frank Other")
    await office.plans.subscribe(OLGA, frank, home, 22, date(2026, 1, 22))
    with pytest.raises(NotABorder) as refused:
        await office.plans.unsubscribe(OLGA, frank, date(2026, 12, 1))
    assert (refused.value.before, refused.value.after) == (date(2026, 11, 22), date(2026, 12, 22))
    assert await office.plans.unsubscribe(OLGA, frank, date(2026, 11, 22)) == date(2026, 11, 22)
    with pytest.raises(NotSubscribed):
        await office.plans.unsubscribe(OLGA, frank)
    await office.plans.subscribe(OLGA, eve, home, 1, date(2026, 12, 5))
    with pytest.raises(WrongDay):
        await office.plans.unsubscribe(OLGA, eve, date(2026, 11, 21))
    await office.plans.unsubscribe(OLGA, eve)  # before it has begun
    assert office.held() == [
        (home, date(2026, 1, 1), date(2026, 11, 30), 31),
        (home, date(2026, 1, 22), date(2026, 11, 22), 22),
    ]
    for anchor, day in ((0, None), (32, None), (1, date(2030, 1, 1)), (1, date(2000, 1, 1))):
        with pytest.raises(WrongDay):
            await office.plans.subscribe(OLGA, eve, home, anchor, day)
    erased = office.driver("Deleted account", erased_at=NOW)
    for nobody in (4711, erased):
        with pytest.raises(NoSuchDriver):
            await office.plans.subscribe(OLGA, nobody, home)


async def test_subscribers_are_moved_on_purpose_each_at_their_own_border(office: Office) -> None:
    first = await office.plans.add(OLGA, HOME)
    drivers = [office.driver(f"D{n} Driver") for n in range(4)]
    for driver, anchor in zip(drivers, (1, 15, 22, 31), strict=True):
        await office.plans.subscribe(OLGA, driver, first, anchor, date(2026, 1, 1))
    await office.plans.unsubscribe(OLGA, drivers[3])
    second = await office.plans.change(OLGA, first, replace(HOME, price_per_kwh=3_000))
    assert await office.plans.move_subscribers(OLGA, second, second) == 0
    assert await office.plans.move_subscribers(OLGA, first, second, date(2026, 12, 15)) == 3
    assert [row[1] for row in office.held() if row[0] == second] == [
        date(2027, 1, 1),
        date(2026, 12, 15),
        date(2026, 12, 22),
    ]
    assert await office.plans.move_subscribers(OLGA, first, second) == 0
    assert (
        await office.plans.move_subscribers(
            OLGA, second, await office.plans.add(OLGA, replace(HOME, name="N"))
        )
        == 3
    )
    with pytest.raises(PlanRetired):
        await office.plans.move_subscribers(OLGA, second, first)
    with pytest.raises(NoSuchPlan):
        await office.plans.move_subscribers(OLGA, first, 4711)


async def test_p18_a_plan_begins_and_ends_on_its_day_in_every_query(office: Office) -> None:
    """What is planned is not shown before it begins, what ends is shown to its last day."""
    home, other = [await office.plans.add(OLGA, replace(HOME, name=name)) for name in ("Home", "Other")]
    dana = office.driver()
    await office.plans.subscribe(OLGA, dana, home, 1, date(2026, 1, 1))
    await office.plans.subscribe(OLGA, dana, other)
    await office.plans.unsubscribe(OLGA, dana, date(2027, 1, 1))

    def name(day: date) -> str | None:
        plan = office.database.ask_now(current_plan, dana, day)
        return None if plan is None else plan.name

    assert name(date(2025, 12, 31)) is None
    assert name(date(2026, 11, 30)) == "Home"
    assert name(date(2026, 12, 1)) == name(date(2026, 12, 31)) == "Other"
    assert name(date(2027, 1, 1)) is None

    def ends(day: date) -> date | None:
        plan = office.database.ask_now(current_plan, dana, day)
        return None if plan is None else plan.ended_on

    assert ends(date(2026, 11, 30)) is None  # another one follows
    assert ends(date(2026, 12, 1)) == date(2027, 1, 1)
