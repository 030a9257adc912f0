"""The energy of all sessions by local day: exact to the Wh, 23- and 25-hour days included (P14, P15)."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from data.database import Change, Database
from data.energy import EnergySpan, by_bounds
from data.models import ChargingSession, Connector
from data.periods import Window
from data.queries import usage
from data.queries.energy_days import DAYS, PAST_KEPT, THEN_KEPT, EnergyDays, energy_between
from tests.world import add_charger, add_driver, add_session, add_site

BERLIN = "Europe/Berlin"
NOON = datetime(2026, 11, 10, 11, 30, tzinfo=UTC)
"""Half past noon in Berlin; the 25-hour day of October is among the 30 before."""
HOUR = timedelta(hours=1)


@pytest.fixture
def yard(database: Database) -> Database:
    def make(change: Change) -> None:
        charger = add_charger(change, site=add_site(change), connectors=3)
        add_driver(change)
        for number in range(4, 40):  # each session that runs needs a plug of its own
            change.execute(
                insert(Connector), {"charger_id": charger, "number": number, "status": "Available"}
            )

    database.change_now(make)
    return database


def add(database: Database, started_at: datetime, minutes: int, energy_wh: int, **values: object) -> int:
    row = {"charger": 1, "connector": 1, "account": 1, **values}
    return database.change_now(
        add_session, started_at=started_at, minutes=minutes, energy_wh=energy_wh, **row
    )


def test_p15_the_days_of_all_sessions_add_up_to_the_wh(yard: Database) -> None:
    """Over midnight, over several days, begun before the window, in progress, of nobody, without steps."""
    dice = random.Random(7)
    spans = []
    plug = 1
    for _ in range(250):
        start = NOON - timedelta(minutes=dice.randrange(34 * 24 * 60))
        minutes, energy = dice.choice((20, 45, 300, 700, 2_900)), dice.randrange(1, 40_001)
        minutes = min(minutes, max(1, (NOON - start) // timedelta(minutes=1)))
        ended = plug > 35 or dice.random() > 0.1
        plug += not ended
        steps = None if dice.random() > 0.2 else []
        account = dice.choice((1, None))
        add(yard, start, minutes, energy, ended=ended, connector=plug, account=account, steps=steps)
        spans.append(EnergySpan(start, start + timedelta(minutes=minutes), energy))
    window = Window(date(2026, 10, 12), date(2026, 11, 11), BERLIN)
    expected = by_bounds(spans, window.bounds)
    found = yard.ask_now(lambda db: EnergyDays().last(db, BERLIN, NOON))
    assert (found.window, len(found.days)) == (window, DAYS)
    assert tuple(day.energy_wh for day in found.days) == expected
    assert found.total_wh == sum(expected)
    assert max(window.bounds[n + 1] - window.bounds[n] for n in range(DAYS)) == 25 * HOUR
    whole = yard.ask_now(lambda db: energy_between(db, (window.starts_at, window.ends_at)))
    assert whole == [found.total_wh]


def test_p14_all_of_the_portal_is_what_its_only_driver_has_used(yard: Database) -> None:
    """By the same rule as a driver's own chart."""
    night = datetime(2026, 11, 8, 22, 0, tzinfo=UTC)
    steps = [(night, night + HOUR, 3_333), (night + HOUR, night + 3 * HOUR, 1_111)]
    add(yard, night, 180, 4_444, steps=steps)
    add(yard, NOON - HOUR, 60, 5_001, ended=False, connector=2)
    window = Window(date(2026, 10, 12), date(2026, 11, 11), BERLIN)
    found = yard.ask_now(lambda db: EnergyDays().last(db, BERLIN, NOON))
    assert found == yard.ask_now(usage.usage, 1, window)


def test_today_is_fresh_and_the_past_is_at_most_minutes_old(yard: Database) -> None:
    """Late data of past days shows after `PAST_KEPT`; a midnight makes yesterday past at once."""
    days = EnergyDays()

    def of(day: date, now: datetime) -> int:
        found = yard.ask_now(lambda db: days.last(db, BERLIN, now))
        return next(one.energy_wh for one in found.days if one.day == day)

    yesterday, today = date(2026, 11, 9), date(2026, 11, 10)
    assert not days.knows(BERLIN, NOON)
    assert of(yesterday, NOON) == 0
    running = add(yard, NOON - 2 * HOUR, 60, 700, ended=False, connector=2)
    add(yard, NOON - 24 * HOUR, 30, 500)
    assert (of(today, NOON), of(yesterday, NOON)) == (700, 0)
    assert of(yesterday, NOON + PAST_KEPT) == 500
    yard.change_now(
        lambda change: change.execute(
            update(ChargingSession).where(ChargingSession.id == running).values(ended_at=NOON)
        )
    )
    tomorrow = NOON + 14 * HOUR
    assert not days.knows(BERLIN, tomorrow)
    assert (of(today, tomorrow), of(today + timedelta(days=1), tomorrow)) == (700, 0)


def test_today_is_compared_with_a_week_ago_up_to_the_same_time(yard: Database) -> None:
    """What flowed later that day does not count, and the wall's time counts where the clocks were changed."""
    add(yard, NOON - timedelta(days=7) - HOUR, 120, 8_000)  # half of it before the same time
    add(yard, NOON - HOUR, 30, 6_000)
    days = EnergyDays()
    first = yard.ask_now(lambda db: days.today(db, BERLIN, NOON, compared=False))
    assert (first.energy_wh, first.then_wh) == (6_000, None)
    found = yard.ask_now(lambda db: days.today(db, BERLIN, NOON))
    assert (found.then_wh, found.then) == (4_000, date(2026, 11, 3))
    later = yard.ask_now(lambda db: days.today(db, BERLIN, NOON + THEN_KEPT + HOUR / 2))
    assert later.then_wh == 8_000 * 91 // 120 + 1  # 6,066.7 Wh by then, rounded
    after_the_change = datetime(2026, 10, 30, 11, 30, tzinfo=UTC)  # 12:30 in winter, 10:30 UTC in summer
    add(yard, datetime(2026, 10, 23, 10, 0, tzinfo=UTC), 60, 1_000)
    found = yard.ask_now(lambda db: EnergyDays().today(db, BERLIN, after_the_change))
    assert (found.then_wh, found.then) == (500, date(2026, 10, 23))
