"""The usage and plan cards' queries, on both databases."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert, select, update

from data.database import Change, Database
from data.energy import EnergySpan, by_day
from data.models import Connector, Plan, Subscription
from data.periods import Period, Window, window
from data.queries.plans import ComingPlan, PlanUse, current_plan, period_window, plan_use
from data.queries.usage import Usage, total_wh, usage
from tests.world import NOW, add_charger, add_driver, add_plan, add_session, add_site, key

BERLIN = "Europe/Berlin"
NOVEMBER = Window(date(2026, 11, 1), date(2026, 12, 1), BERLIN)


class World:
    """A charger with many connectors, so that any number of sessions fits."""

    def __init__(self, database: Database) -> None:
        self.database = database
        site = database.change_now(add_site)
        self.charger = database.change_now(lambda change: add_charger(change, site=site))
        self.connector = database.ask_now(lambda db: db.execute(select(Connector.id)).scalar_one())
        self.count = itertools.count()
        self.dana = self.driver()

    def driver(self) -> int:
        name = f"Driver{next(self.count)}"
        return self.database.change_now(lambda change: add_driver(change, name, password_hash=None))

    def session(self, started_at: datetime, *, account: int | None = None, **values: object) -> int:
        values.setdefault("account", account or self.dana)
        return self.database.change_now(
            lambda change: add_session(
                change, charger=self.charger, connector=self.connector, started_at=started_at, **values
            )
        )

    def usage(self, window: Window = NOVEMBER, account: int | None = None) -> Usage:
        account = account or self.dana
        found = self.database.ask_now(usage, account, window)
        assert sum(day.energy_wh for day in found.days) == found.total_wh  # P15, always
        assert self.database.ask_now(total_wh, account, window) == found.total_wh
        assert tuple(day.day for day in found.days) == window.days
        return found

    def bars(self, window: Window = NOVEMBER) -> dict[int, int]:
        return {day.day.day: day.energy_wh for day in self.usage(window).days if day.energy_wh}


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


def local(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)


def test_p14_nothing_used_is_a_bar_of_zero_for_each_day(world: World) -> None:
    found = world.usage()
    assert (found.total_wh, len(found.days)) == (0, 30)


def test_p14_all_sessions_of_the_driver_the_one_in_progress_included(world: World) -> None:
    world.session(local(3, 8), energy_wh=7_000)
    world.session(local(22, 12), energy_wh=1_234, ended=False)
    world.session(local(3, 9), account=world.driver(), energy_wh=99_999)
    assert world.bars() == {3: 7_000, 22: 1_234}


def test_p15_a_session_over_midnight_is_split_by_its_steps(world: World) -> None:
    start = local(5, 22)
    steps = [
        (start, local(5, 23), 1_000),
        (local(5, 23), local(6, 1), 3_001),  # across: 1,500.5 before midnight
        (local(6, 1), local(6, 2), 5_000),
    ]
    world.session(start, minutes=240, energy_wh=9_001, steps=steps)
    assert world.bars() == {5: 2_501, 6: 6_500}


def test_p15_a_pause_over_midnight_stays_without_energy(world: World) -> None:
    start = local(5, 20)
    world.session(
        start,
        minutes=600,
        energy_wh=3_000,
        steps=[(start, local(5, 21), 1_000), (local(6, 5), local(6, 6), 2_000)],
    )
    assert world.bars() == {5: 1_000, 6: 2_000}


def test_p15_all_energy_after_midnight(world: World) -> None:
    start = local(5, 20)
    world.session(start, minutes=600, energy_wh=2_000, steps=[(local(6, 5), local(6, 6), 2_000)])
    assert world.bars() == {6: 2_000}


def test_p15_without_steps_the_energy_is_spread_over_the_session(world: World) -> None:
    world.session(local(5, 23), minutes=240, energy_wh=4_000, steps=[])
    assert world.bars() == {5: 1_000, 6: 3_000}


def test_p15_only_what_is_inside_the_window_counts(world: World) -> None:
    world.session(local(31, 23, month=10), minutes=120, energy_wh=2_000)  # into the window
    world.session(local(30, 23), minutes=120, energy_wh=4_000)  # out of it
    world.session(local(31, 20, month=10), minutes=240, energy_wh=77)  # ends where it begins
    world.session(local(1, 0, month=12), energy_wh=99)  # begins where it ends
    assert world.bars() == {1: 1_000, 30: 2_000}


def test_p15_a_session_longer_than_the_window(world: World) -> None:
    world.session(datetime(2026, 10, 30, 12, tzinfo=UTC), minutes=60 * 24 * 40, energy_wh=40 * 24 * 100)
    found = world.usage()
    assert found.total_wh == 30 * 24 * 100
    assert {day.energy_wh for day in found.days} == {2_400}


def test_p15_energy_of_a_single_moment_belongs_to_its_day(world: World) -> None:
    world.session(local(1, 0), minutes=0, energy_wh=500, steps=[])
    world.session(local(1, 0, month=12), minutes=0, energy_wh=600, steps=[])
    assert world.bars() == {1: 500}


def test_p15_the_days_on_which_clocks_change_have_23_and_25_hours(world: World) -> None:
    for month, day, hours in ((3, 29, 23), (10, 25, 25)):
        start = local(day, 0, month=month)
        world.session(start, minutes=60 * (hours + 1), energy_wh=1_000 * (hours + 1))
        bars = world.bars(Window(date(2026, month, day), date(2026, month, day + 2), BERLIN))
        assert bars == {day: 1_000 * hours, day + 1: 1_000}


ZONES = ["Europe/Berlin", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]


@st.composite
def drawn_sessions(draw: st.DrawFn) -> list[list[EnergySpan]]:
    """Sessions as their steps, within some days of the window's two weeks."""
    sessions = []
    for _ in range(draw(st.integers(1, 5))):
        moment = datetime(2026, 10, 20, tzinfo=UTC) + timedelta(seconds=draw(st.integers(0, 86_400 * 16)))
        steps = []
        for _ in range(draw(st.integers(1, 6))):
            moment += timedelta(seconds=draw(st.sampled_from([0, 0, 0, 7_200])))
            end = moment + timedelta(seconds=draw(st.integers(1, 40_000)))
            steps.append(EnergySpan(moment, end, draw(st.integers(0, 30_000))))
            moment = end
        sessions.append(steps)
    return sessions


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sessions=drawn_sessions(), zone=st.sampled_from(ZONES))
def test_p15_the_database_cuts_as_the_pure_functions_do(
    world: World, sessions: list[list[EnergySpan]], zone: str
) -> None:
    account = world.driver()
    for steps in sessions:
        world.session(
            steps[0].started_at,
            account=account,
            minutes=0,
            energy_ended_at=steps[-1].ended_at,
            energy_wh=sum(step.energy_wh for step in steps),
            steps=[(step.started_at, step.ended_at, step.energy_wh) for step in steps],
        )
    window = Window(date(2026, 10, 22), date(2026, 11, 3), zone)
    found = world.usage(window, account)
    expected = by_day([step for steps in sessions for step in steps], window)
    assert tuple(day.energy_wh for day in found.days) == expected


def test_p15_two_statements_and_few_steps_whatever_there_is(world: World) -> None:
    """A session within a day is told by its row, and of the others only sums and one step are read."""
    start = local(5, 20)
    minute = timedelta(minutes=1)
    steps = [(start + n * minute, start + (n + 1) * minute, 10) for n in range(600)]
    world.session(start, minutes=600, energy_wh=6_000, steps=steps)
    for day in range(7, 20):
        world.session(local(day, 8), minutes=500)

    read: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        read.append(statement)

    event.listen(world.database.engine, "after_cursor_execute", note)
    try:
        world.database.ask_now(usage, world.dana, NOVEMBER)
        assert len([statement for statement in read if "FROM sessions" in statement]) == 1
        assert len([statement for statement in read if "energy_steps" in statement]) == 1
        read.clear()
        world.database.ask_now(usage, world.dana, Window(date(2026, 11, 7), date(2026, 12, 1), BERLIN))
        assert not [statement for statement in read if "energy_steps" in statement]
    finally:
        event.remove(world.database.engine, "after_cursor_execute", note)


def test_p17_a_driver_without_a_plan_has_none(world: World) -> None:
    assert world.database.ask_now(current_plan, world.dana, NOW.date()) is None
    assert world.database.ask_now(plan_use, world.dana, BERLIN, NOW) is None


def test_p17_the_plan_and_the_energy_of_the_current_billing_period(world: World) -> None:
    world.database.change_now(lambda change: add_plan(change, world.dana, anchor_day=15))
    world.session(local(14, 23), minutes=120, energy_wh=2_000)  # half of it before the anchor day
    world.session(local(22, 11), energy_wh=500, ended=False)
    use = world.database.ask_now(plan_use, world.dana, BERLIN, NOW)
    assert isinstance(use, PlanUse)
    assert (use.plan.name, use.plan.currency, use.plan.anchor_day) == ("Home 200", "EUR", 15)
    assert (use.plan.included_wh, use.plan.price_per_kwh, use.plan.base_fee) == (200_000, 2_800, 1_900)
    assert use.used_wh == 1_500
    assert use.renews_at == local(15, 0, month=12)


def test_p17_a_subscription_that_ended_is_no_plan(world: World) -> None:
    world.database.change_now(lambda change: add_plan(change, world.dana))

    def end(change: Change) -> None:
        change.execute(update(Subscription).values(ended_on=date(2026, 11, 1)))

    world.database.change_now(end)
    assert world.database.ask_now(current_plan, world.dana, NOW.date()) is None

    def another(change: Change) -> None:
        plan = change.execute(insert(Plan), {"name": "Flat", "currency": "JPY", "unlimited": True})
        change.execute(
            insert(Subscription),
            {
                "account_id": world.dana,
                "plan_id": plan.inserted_primary_key[0],
                "anchor_day": 31,
                "started_on": date(2026, 11, 1),
            },
        )

    world.database.change_now(another)
    plan = world.database.ask_now(current_plan, world.dana, NOW.date())
    assert plan is not None
    assert (plan.name, plan.unlimited, plan.included_wh, plan.price_per_kwh) == ("Flat", True, None, None)


def follow(world: World, account: int, start: date, *, plan_id: int = 0, end: date | None = None) -> int:
    """What they are subscribed to ends on *start*, where another plan begins, or the one *plan_id*."""

    def write(change: Change) -> int:
        held = (Subscription.account_id == account, Subscription.ended_on.is_(None))
        change.execute(update(Subscription).where(*held).values(ended_on=start))
        terms = {"name": "Night & Day", "currency": "EUR", "unlimited": False, "price_per_kwh": 3_100}
        another = plan_id or key(change.execute(insert(Plan), terms))
        row = {"account_id": account, "plan_id": another, "anchor_day": 4}
        change.execute(insert(Subscription), {**row, "started_on": start, "ended_on": end})
        return another

    return world.database.change_now(write)


def test_p17_a_change_of_plan_is_told_before_it_comes(world: World) -> None:
    """Of the next plan alone; the same one that goes on is no change, and none that never begins."""

    def uses() -> PlanUse:
        use = world.database.ask_now(plan_use, world.dana, BERLIN, NOW)
        assert isinstance(use, PlanUse)
        return use

    def then() -> tuple[str, date] | None:
        coming = uses().coming
        return coming and (coming.name, coming.started_on)

    home = world.database.change_now(lambda change: add_plan(change, world.dana))
    eve = world.database.change_now(lambda change: add_driver(change, "Eve Other", tag="EVE"))
    world.database.change_now(lambda change: add_plan(change, eve, name="Another"))
    follow(world, eve, date(2026, 11, 29), plan_id=home)
    assert then() is None
    follow(world, world.dana, date(2026, 12, 1), plan_id=home)
    assert then() is None
    night = follow(world, world.dana, date(2026, 12, 4))
    assert then() == ("Night & Day", date(2026, 12, 4))
    follow(world, world.dana, date(2027, 1, 1), plan_id=home)
    assert then() == ("Night & Day", date(2026, 12, 4))
    coming = uses().coming
    assert coming is not None
    assert (coming.currency, coming.price_per_kwh, coming.unlimited) == ("EUR", 3_100, False)

    def never(change: Change) -> None:
        held = Subscription.plan_id == night, Subscription.account_id == world.dana
        change.execute(update(Subscription).where(*held).values(ended_on=date(2026, 12, 4)))

    world.database.change_now(never)
    assert then() == ("Home 200", date(2027, 1, 1))


def test_p17_the_end_is_told_across_renewals(world: World) -> None:
    """The same plan that goes on and then ends, ends then."""

    def end() -> date | None:
        plan = world.database.ask_now(current_plan, world.dana, NOW.date())
        assert plan is not None
        return plan.ended_on

    home = world.database.change_now(lambda change: add_plan(change, world.dana))
    assert end() is None
    follow(world, world.dana, date(2026, 12, 1), plan_id=home)
    assert end() is None
    follow(world, world.dana, date(2026, 12, 4), plan_id=home, end=date(2027, 1, 1))
    assert end() == date(2027, 1, 1)
    other = follow(world, world.dana, date(2027, 2, 1))
    assert end() == date(2027, 1, 1)
    follow(world, world.dana, date(2027, 1, 1), plan_id=other)
    assert end() is None


def test_p17_a_first_plan_that_is_to_begin_is_told(world: World) -> None:
    follow(world, world.dana, date(2026, 12, 4))
    assert world.database.ask_now(plan_use, world.dana, BERLIN, NOW) == ComingPlan(
        "Night & Day", "EUR", 3_100, False, date(2026, 12, 4), tiers=[], windows=[]
    )
    later = datetime(2026, 12, 3, 23, tzinfo=UTC)  # their midnight
    use = world.database.ask_now(plan_use, world.dana, BERLIN, later)
    assert isinstance(use, PlanUse)
    assert (use.plan.name, use.coming) == ("Night & Day", None)


@pytest.mark.parametrize("period", list(Period))
def test_p13_the_window_follows_the_anchor_day_of_the_subscription(world: World, period: Period) -> None:
    asked = (world.dana, period, BERLIN, NOW)
    assert world.database.ask_now(period_window, *asked) == window(period, NOW, BERLIN, None)
    world.database.change_now(lambda change: add_plan(change, world.dana, anchor_day=31))
    assert world.database.ask_now(period_window, *asked) == window(period, NOW, BERLIN, 31)
