"""Money that goes back: what was billed and no more, whatever became of plan, zone or subscription."""

from __future__ import annotations

import random
import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from app import clock
from app.billing import tariffs
from app.billing.plans import AlreadyBilled, NotABorder, Plans
from app.charging.cost import costs
from app.charging.reports import Place, Sample, Start, Stop, Values
from app.operating.erasing import Erasing
from data.database import Database
from data.models import Account, Site, Subscription
from data.queries import listed_sessions
from data.queries.charges import corrections_of, subscriptions
from tests.app.bills import LONG_AGO, SETTINGS, Bills
from tests.world import NOW

HOUR = timedelta(hours=1)
WHY = "not hers"
NIGHT = [{"from_minute": 0, "to_minute": 360, "price_per_kwh": 1_000}]
BORDER = datetime(2026, 10, 31, 23, tzinfo=UTC)
"""Of billing periods, in Berlin."""


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def make(database: Database, **plan: Any) -> Bills:
    return Bills(database, **{"price_per_kwh": 5_000, **plan})


def total(bills: Bills, account: int) -> tuple[int, int]:
    """Minor units and Wh of all lines of the account."""
    query = text("SELECT coalesce(sum(amount), 0), sum(energy_wh) FROM charges WHERE account_id = :id")
    return bills.database.ask_now(lambda db: tuple(map(int, db.execute(query, {"id": account}).one())))


async def back(bills: Bills, session: int, how: str) -> None:
    """All energy of the session goes from Dana, one way or the other."""
    if how == "assign":
        await bills.care.assign(bills.olga, session, bills.eve, WHY)
    else:
        await bills.care.correct(bills.olga, session, 0, WHY)


@pytest.mark.parametrize("how", ["assign", "correct"])
async def test_what_was_included_gives_no_money_back(sqlite_database: Database, how: str) -> None:
    """10 kWh by day were included, 10 by night were not: without those by day, these are."""
    bills = make(sqlite_database, included_wh=10_000, windows=NIGHT)
    day = bills.session(LONG_AGO.replace(hour=12))
    await bills.worker.tick(NOW)
    night = bills.session(LONG_AGO.replace(hour=23) + HOUR)
    await bills.worker.tick(NOW)
    assert (bills.money(day), bills.money(night)) == ([(10_000, 0)], [(10_000, 100)])
    await back(bills, day, how)
    assert bills.money(day)[1] == (-10_000, 0)
    assert bills.money(night)[1:] == [(0, -100)]
    assert total(bills, bills.dana) == (0, 10_000)


@pytest.mark.parametrize("how", ["assign", "correct"])
@pytest.mark.parametrize("since", ["site", "driver", "ended", "nothing"])
async def test_a_session_without_energy_costs_nothing_whatever_changed_since(
    sqlite_database: Database, how: str, since: str
) -> None:
    """0 Wh are 0 money: what is taken back is what was billed, not what would be today."""
    bills = make(sqlite_database, windows=NIGHT, tiers=[])
    session = bills.session(BORDER - 55 * timedelta(minutes=1), energy_wh=9_999)
    await bills.worker.tick(NOW)
    assert len(bills.lines(session)) == 2
    changed: dict[str, Any] = {
        "site": update(Site).values(time_zone="America/New_York"),
        "driver": update(Account).where(Account.id == bills.dana).values(time_zone="Asia/Tokyo"),
        "ended": update(Subscription).values(ended_on=Subscription.started_on),
    }
    if since in changed:
        bills.database.change_now(lambda change: change.execute(changed[since]))
    await back(bills, session, how)
    assert total(bills, bills.dana) == (0, 0)
    by_period: dict[Any, list[int]] = {}
    for line in bills.lines(session):
        if line.account_id == bills.dana:
            by_period.setdefault(line.period_first, []).append(line.amount or 0)
    assert [sum(amounts) for amounts in by_period.values()] == [0, 0]


async def test_what_comes_late_about_an_erased_driver_has_the_price_of_its_time(
    sqlite_database: Database,
) -> None:
    bills = make(sqlite_database, windows=[{"from_minute": 0, "to_minute": 1_439, "price_per_kwh": 1_000}])
    then = NOW - 6 * HOUR
    session = (await bills.sessions.start(bills.charger, Start(Place(1), "CARD1", then, then, 0))).session_id
    for at, received, register in ((then + HOUR, then + HOUR, "10000"), (then + 2 * HOUR, NOW, "12000")):
        await bills.sessions.values(
            bills.charger, Values(Place(1), received, (Sample(at, register),), session)
        )
        if at == then + HOUR:
            await bills.sessions.end(session)
            await bills.worker.tick(NOW + HOUR)
            await Erasing(sqlite_database, SETTINGS).erase(bills.olga, bills.dana, "asked")
    await bills.worker.tick(NOW + 2 * HOUR)
    assert bills.money(session) == [(10_000, 100), (2_000, 20)]


async def test_part_of_the_energy_goes_back_from_the_last_parts(sqlite_database: Database) -> None:
    bills = make(sqlite_database, included_wh=4_000, tiers=[{"above_wh": 3_000, "price_per_kwh": 9_000}])
    session = bills.session()
    await bills.worker.tick(NOW)
    assert bills.money(session) == [(10_000, 150 + 270)]
    await bills.care.correct(bills.olga, session, 6_000, WHY)
    assert bills.money(session)[1] == (-4_000, -270 - 50)
    parts = (bills.lines(session)[1].details or {})["parts"]
    assert [(part["kind"], part["energy_wh"]) for part in parts] == [("tier", -3_000), ("flat", -1_000)]
    await bills.care.correct(bills.olga, session, 8_000, WHY)
    assert bills.money(session)[2] == (2_000, 50 + 90)


async def test_whatever_is_done_a_period_costs_what_its_energy_costs(sqlite_database: Database) -> None:
    """Under a plan without windows, but for one rounding for each session; issue: included exactly once."""
    terms: dict[str, Any] = {"included_wh": 9_000, "price_per_kwh": 3_001}
    bills = make(sqlite_database, **terms, tiers=[{"above_wh": 6_000, "price_per_kwh": 7_003}])
    chance = random.Random(7)
    sessions = [bills.session(LONG_AGO + n * HOUR, energy_wh=chance.randint(0, 9_000)) for n in range(6)]
    await bills.worker.tick(NOW)
    (held,) = bills.database.ask_now(subscriptions, bills.dana)
    for _ in range(25):
        session = chance.choice(sessions)
        row = bills.row(session)
        if chance.random() < 0.6:
            energy_wh = chance.choice([0, chance.randint(1, 12_000)])
            if energy_wh != row.energy_wh:
                await bills.care.correct(bills.olga, session, energy_wh, WHY)
        else:
            whom = bills.eve if row.account_id == bills.dana else bills.dana
            await bills.care.assign(bills.olga, session, whom, WHY)
        amount, energy_wh = total(bills, bills.dana)
        priced = tariffs.price([tariffs.Slice(energy_wh)], 0, held)
        assert priced is not None
        assert abs(amount - priced.amount) <= len(sessions) / 2
        for one in sessions:
            mine = [line for line in bills.lines(one) if line.account_id == bills.dana]
            if not sum(line.energy_wh for line in mine):
                assert sum(line.amount or 0 for line in mine) == 0


async def test_late_data_that_moves_energy_into_a_window_is_a_line_of_the_difference(
    sqlite_database: Database,
) -> None:
    """The total stays; its course, and what depends on that, follows: the values before are kept."""
    bills = make(sqlite_database)
    then = NOW - 6 * HOUR
    local = (then + HOUR).astimezone(zoneinfo.ZoneInfo("Europe/Berlin"))
    minute = local.hour * 60 + local.minute
    bills.terms(windows=[{"from_minute": minute, "to_minute": minute + 60, "price_per_kwh": 1_000}])
    session = (await bills.sessions.start(bills.charger, Start(Place(1), "CARD1", then, then, 0))).session_id
    end = then + 2 * HOUR
    await bills.sessions.stop(bills.charger, Stop(end, end, 10_000, session))
    await bills.worker.tick(NOW)
    assert bills.money(session) == [(10_000, 250 + 50)]
    sample = Sample(then + HOUR, "9000")
    await bills.sessions.values(bills.charger, Values(Place(1), NOW + HOUR, (sample,), session))
    await bills.worker.tick(NOW + 3 * HOUR)
    assert bills.row(session).late_at is None
    assert bills.steps_wh(session) == 10_000
    assert bills.money(session)[1:] == [(0, 450 + 10 - 300)]
    (kept,) = await bills.database.ask(corrections_of, session)
    assert (kept.by, kept.before["energy_wh"], kept.after["energy_wh"]) == ("late data", 10_000, 10_000)
    await bills.worker.tick(NOW + 5 * HOUR)
    assert len(bills.lines(session)) == 2


async def test_the_included_amount_is_not_had_twice_by_ending_and_beginning(
    sqlite_database: Database,
) -> None:
    """A plan ends where a billing period does; today, amid one, only as its driver is erased for good."""
    bills = make(sqlite_database, included_wh=10_000)
    plans = Plans(sqlite_database, SETTINGS)
    for hours in (24, 20):
        bills.session(NOW - hours * HOUR)
    await bills.worker.tick(NOW)
    with pytest.raises(NotABorder):
        await plans.unsubscribe(bills.olga, bills.dana, NOW.date())
    await Erasing(sqlite_database, SETTINGS).erase(bills.olga, bills.dana, "asked")
    ended = bills.database.ask_now(lambda db: db.execute(text("SELECT ended_on FROM subscriptions")).scalar())
    assert str(ended) == NOW.date().isoformat()


async def test_a_plan_does_not_end_where_it_was_billed(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datetime(2026, 11, 1, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: first)
    bills = make(sqlite_database)
    bills.session(first - 5 * HOUR)
    await bills.worker.tick(first)
    with pytest.raises(AlreadyBilled):
        await Plans(sqlite_database, SETTINGS).unsubscribe(bills.olga, bills.dana, first.date())


async def test_the_list_tells_what_its_present_driver_was_billed(sqlite_database: Database) -> None:
    bills = make(sqlite_database, included_wh=10_000)
    first, second = bills.session(), bills.session(LONG_AGO + 2 * HOUR)
    await bills.worker.tick(NOW)
    await bills.care.assign(bills.olga, second, bills.eve, WHY)
    await bills.care.assign(bills.olga, second, bills.dana, WHY)
    found = bills.database.ask_now(listed_sessions.many, [first, second])
    assert [one.billed for one in found] == [((0, "EUR"),), ((500, "EUR"),)]
    await bills.care.assign(bills.olga, second, bills.eve, WHY)
    assert [one.billed for one in bills.database.ask_now(listed_sessions.many, [first, second])] == [
        ((0, "EUR"),),
        (),
    ]


async def test_what_was_brought_along_uses_the_included_amount_of_whose_it_is(
    sqlite_database: Database,
) -> None:
    bills = make(sqlite_database, included_wh=10_000)
    brought = bills.session(finalized=True)
    second = bills.session(LONG_AGO + 2 * HOUR)
    await bills.worker.tick(NOW)
    assert bills.money(second) == [(10_000, 500)]
    await bills.care.assign(bills.olga, brought, bills.eve, WHY)
    third = bills.session(LONG_AGO + 4 * HOUR)
    await bills.worker.tick(NOW)
    assert bills.money(third) == [(10_000, 0)]


async def test_the_estimates_of_two_that_run_add_up(sqlite_database: Database) -> None:
    """P7: one after the other uses up the included amount, in the order in which they began."""
    bills = make(sqlite_database, included_wh=10_000)
    ended = bills.session(NOW - HOUR / 2, minutes=10, energy_wh=1_000)
    late, early = (
        bills.session(NOW - minutes * HOUR / 60, ended=False, energy_wh=8_000, connector=connector)
        for minutes, connector in ((50, 1), (60, 2))
    )
    found = bills.database.ask_now(costs, bills.dana, [late, early], NOW, "UTC")
    assert found[early].estimate(8_000) == (0, "EUR")  # the ended one is billed before
    assert found[late].estimate(8_000) == (350, "EUR")
    (alone,) = bills.database.ask_now(costs, bills.dana, [late], NOW, "UTC").values()
    assert alone.estimate(8_000) == (350, "EUR")
    assert bills.money(ended) == []
