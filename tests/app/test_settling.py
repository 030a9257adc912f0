"""Settlement: finalized once, billed once, the included amount used once; when it is due, and by whom."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.exc import DBAPIError

from app import clock
from app.charging import settling
from app.charging.cost import costs
from app.charging.settling import Settlement
from data.announcements import Topic
from data.database import Change, Database
from data.models import Charge, ChargingSession, Subscription, TransactionEvent
from data.money import minor_digits
from tests import world
from tests.app.bills import LONG_AGO, SETTINGS, Bills
from tests.data.test_queries_cost import plans
from tests.world import NOW

ROOT = Path(__file__).resolve().parent.parent.parent
MIN = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NIGHT = [{"from_minute": 22 * 60, "to_minute": 6 * 60, "price_per_kwh": 1_900}]


@pytest.fixture
def bills(database: Database) -> Bills:
    return Bills(database)


async def test_an_ended_session_is_finalized_and_billed_once(bills: Bills) -> None:
    """Issue: cost computed in integer minor units, written once with a deterministic key, audited, told."""
    session = bills.session()
    bills.told.clear()
    await bills.worker.tick(NOW)
    (line,) = bills.lines(session)
    assert (line.energy_wh, line.amount, line.currency) == (10_000, 390, "EUR")
    assert (line.period_first, line.revision, line.account_id) == (date(2026, 11, 1), 0, bills.dana)
    assert line.details is not None
    assert line.details["parts"] == [
        {"kind": "flat", "energy_wh": 10_000, "price_per_kwh": 3_900, "amount": 390}
    ]
    assert bills.row(session).finalized_at == NOW
    assert bills.audit() == [("session.settle", "settlement", bills.dana)]
    assert [(one.topic, one.about) for one in bills.told] == [
        (Topic.SESSIONS, bills.dana),
        (Topic.ATTENTION, None),
    ]
    await bills.worker.tick(NOW + HOUR)
    assert len(bills.lines(session)) == 1
    keys = await bills.database.ask(lambda db: db.execute(select(Charge.key)).scalars().all())
    assert keys == [f"session:{session}:2026-11-01:0"]


async def test_a_charge_is_never_changed(bills: Bills) -> None:
    """Issue: late data is a further line, never a change: the database itself refuses."""
    bills.session()
    await bills.worker.tick(NOW)
    with pytest.raises(DBAPIError, match="append_only"):
        await bills.database.change(lambda change: change.execute(update(Charge).values(amount=0)))


@pytest.mark.parametrize(("id_", "key"), [("id", "'another'"), ("id + 1000", "key")])
async def test_a_charge_is_never_replaced(sqlite_database: Database, id_: str, key: str) -> None:
    """SQLite's `INSERT OR REPLACE` asks no trigger of what it deletes, by whichever unique column."""
    bills = Bills(sqlite_database)
    session = bills.session()
    await bills.worker.tick(NOW)
    rest = "session_id, account_id, revision, energy_wh, reason, created_at"
    replace = f"INSERT OR REPLACE INTO charges (id, key, {rest}) SELECT {id_}, {key}, {rest} FROM charges"
    with pytest.raises(DBAPIError, match="append_only"):
        await bills.database.change(lambda change: change.execute(text(replace)))
    assert bills.money(session) == [(10_000, 390)]


@pytest.mark.parametrize(
    ("currency", "price", "amount"), [("JPY", 450_000, 450), ("EUR", 2_345, 234), ("KWD", 1_234, 1_234)]
)
async def test_currencies_of_0_2_and_3_decimals(
    sqlite_database: Database, currency: str, price: int, amount: int
) -> None:
    """P25: 10 kWh each; 2.345 EUR goes to the even cent."""
    bills = Bills(sqlite_database, currency=currency, price_per_kwh=price)
    session = bills.session()
    await bills.worker.tick(NOW)
    assert minor_digits(currency) in (0, 2, 3)
    assert bills.money(session) == [(10_000, amount)]


async def test_a_driver_without_a_plan_owes_nothing(bills: Bills) -> None:
    session = bills.session(account=bills.eve)
    await bills.worker.tick(NOW)
    (line,) = bills.lines(session)
    assert (line.energy_wh, line.amount, line.currency, line.plan_id) == (10_000, None, None, None)
    assert bills.row(session).finalized_at == NOW
    assert bills.audit() == [("session.finalize", "settlement", bills.eve)]  # nothing was billed


async def test_a_session_without_energy_has_a_line_of_nothing(bills: Bills) -> None:
    session = bills.session(energy_wh=0, steps=[], energy_ended_at=LONG_AGO)
    await bills.worker.tick(NOW)
    assert bills.money(session) == [(0, 0)]


async def test_sessions_of_nobody_wait_until_they_are_somebodys(bills: Bills) -> None:
    """Issue, C10: however long that takes; then at once."""
    session = bills.session(NOW - 300 * DAY, account=None)
    await bills.worker.tick(NOW)
    assert bills.row(session).finalized_at is None
    await bills.care.assign(bills.olga, session, bills.dana, "her guest's card")
    await bills.worker.tick(NOW + MIN)
    assert bills.money(session) == [(10_000, 390)]


async def test_it_waits_until_nothing_has_come_for_a_while(bills: Bills) -> None:
    """Issue: its data is quiet for a settable time; what came late counts, not when it ended."""
    session = bills.session(stop_received_at=NOW - 5 * MIN)
    assert await bills.worker.tick(NOW) == NOW + MIN  # it looks again, and it is due in ten minutes
    assert await bills.worker.tick(NOW + 9.5 * MIN) == NOW + 10 * MIN
    assert bills.row(session).finalized_at is None
    await bills.worker.tick(NOW + 10 * MIN)
    assert bills.row(session).finalized_at == NOW + 10 * MIN


async def test_a_session_in_progress_is_left_alone(bills: Bills) -> None:
    session = bills.session(ended=False)
    await bills.worker.tick(NOW)
    assert bills.row(session).finalized_at is None


@pytest.mark.parametrize(
    ("numbers", "flags", "complete"),
    [([0, 1, 2], [], True), ([1, 2, 3], [], True), ([0, 2], [], False), ([1, 2], ["start_missing"], False)],
)
async def test_with_messages_missing_it_waits_longer_and_is_flagged(
    sqlite_database: Database, numbers: list[int], flags: list[str], complete: bool
) -> None:
    """Issue: finalized when its data is complete; C14: a gap in the sequence says that it is not."""
    bills = Bills(sqlite_database)
    session = bills.session(NOW - 3 * HOUR, ocpp_transaction_id="tx", flags=flags)
    for number in numbers:
        row = {"session_id": session, "seq_no": number, "event_type": "Updated", "offline": False}
        bills.add(TransactionEvent, **row, at=NOW - 2 * HOUR, received_at=NOW - 2 * HOUR)
    await bills.worker.tick(NOW)
    assert (bills.row(session).finalized_at is not None) is complete
    if not complete:
        await bills.worker.tick(NOW + 21 * HOUR)
        assert bills.row(session).finalized_at is None
        await bills.worker.tick(NOW + 22 * HOUR)
        assert "settled_incomplete" in bills.row(session).flags
        assert bills.money(session) == [(10_000, 390)]


async def test_the_included_amount_is_used_exactly_once(bills: Bills) -> None:
    """Issue: over sessions, in order of time; what was brought along finalized has used it too (P17)."""
    bills.terms(included_wh=25_000)
    bills.session(NOW - 10 * DAY, energy_wh=4_000, finalized=True)
    sessions = [bills.session(NOW - (5 - day) * DAY) for day in range(3)]
    await bills.worker.tick(NOW)
    assert [bills.money(one) for one in sessions] == [[(10_000, 0)], [(10_000, 0)], [(10_000, 351)]]
    details = bills.lines(sessions[2])[0].details
    assert details is not None
    assert details["used_wh"] == 24_000
    assert [part["kind"] for part in details["parts"]] == ["included", "flat"]


async def test_a_session_over_the_border_of_billing_periods_has_a_line_of_each(bills: Bills) -> None:
    """Issue: and each period has its own included amount."""
    bills.terms(included_wh=3_000)
    border = datetime(2026, 10, 31, 23, tzinfo=UTC)  # local midnight of November 1
    session = bills.session(border - 24 * MIN, minutes=60)
    await bills.worker.tick(NOW)
    found = [(line.period_first, line.energy_wh, line.amount) for line in bills.lines(session)]
    assert found == [(date(2026, 10, 1), 4_000, 39), (date(2026, 11, 1), 6_000, 117)]


async def test_another_plan_from_the_border_on_prices_what_comes_after_it(bills: Bills) -> None:
    """A subscription that ends within a session: no billing period is priced by two plans."""
    border = datetime(2026, 10, 31, 23, tzinfo=UTC)

    def end(change: Change) -> None:
        change.execute(update(Subscription).values(ended_on=date(2026, 11, 1)))

    await bills.database.change(end)
    session = bills.session(border - 24 * MIN, minutes=60)
    await bills.worker.tick(NOW)
    found = [(line.period_first, line.energy_wh, line.amount) for line in bills.lines(session)]
    assert found == [(date(2026, 10, 1), 4_000, 156), (None, 6_000, None)]


async def test_windows_are_those_of_the_site_and_periods_those_of_the_driver(
    sqlite_database: Database,
) -> None:
    """Issue: time-of-day windows in the site's zone: 22:00 there is 16:00 where the driver lives."""
    bills = Bills(sqlite_database, zone="Asia/Kathmandu", windows=NIGHT)
    ten = datetime(2026, 11, 18, 16, 15, tzinfo=UTC)  # 22:00 in Kathmandu
    session = bills.session(ten - 30 * MIN)
    await bills.worker.tick(NOW)
    (line,) = bills.lines(session)
    assert line.details is not None
    assert [(part["kind"], part["energy_wh"]) for part in line.details["parts"]] == [
        ("flat", 5_000),
        ("window", 5_000),
    ]
    assert line.amount == 195 + 95


PLANS: list[dict[str, Any]] = [
    {},
    {"included_wh": 12_345},
    {"included_wh": 2_000, "tiers": [{"above_wh": 3_000, "price_per_kwh": 4_111}]},
    {"included_wh": 1_000, "windows": NIGHT},
    {"price_per_kwh": None},
    {"unlimited": True, "included_wh": None},
]


@pytest.mark.parametrize("plan", PLANS)
async def test_the_estimate_at_the_end_is_what_is_billed(
    sqlite_database: Database, plan: dict[str, Any]
) -> None:
    """Issue: the estimated cost in the banner comes from the same functions.

    A session of odd readings over a day, a border of billing periods and a change of the clock, each
    reading counted as it comes; and from what is stored, as a page that opens does.
    """
    from app.charging.reports import Place, Sample, Start, Stop, Values

    bills = Bills(sqlite_database, **plan)
    start = datetime(2026, 10, 31, 19, 3, tzinfo=UTC) - 6 * DAY
    bills.session(start - 5 * DAY, energy_wh=1_777)  # billed before, so it has used some of what is included
    await bills.worker.tick(start)
    with clock.at(start):
        begun = await bills.sessions.start(bills.charger, Start(Place(1), "CARD1", start, start, 1_000))
    session, register, at = begun.session_id, 1_000, start
    for number in range(60):
        at += timedelta(hours=2, minutes=47, seconds=number)
        register += 137 + 133 * number % 811
        with clock.at(at):
            sample = Sample(at, str(register))
            await bills.sessions.values(bills.charger, Values(Place(1), at, (sample,), session))
    told = [one.values for one in bills.told if one.topic is Topic.READING]
    assert told[-1] is not None
    stored = await bills.database.ask(costs, bills.dana, [session], at, "UTC")
    assert stored[session].estimate(register - 1_000) == (told[-1]["cost"], told[-1]["currency"])
    with clock.at(at):
        await bills.sessions.stop(bills.charger, Stop(at, at, register, session))
    await bills.worker.tick(at + DAY)
    lines = bills.lines(session)
    assert len({line.period_first for line in lines}) == len(lines) == 2
    assert sum(line.energy_wh for line in lines) == bills.row(session).energy_wh == register - 1_000
    amounts = [line.amount for line in lines if line.amount is not None]
    assert (sum(amounts) if amounts else None) == told[-1]["cost"]
    for line in lines:
        parts = (line.details or {})["parts"]
        if line.amount is not None:
            assert sum(part["energy_wh"] for part in parts) == line.energy_wh
            assert sum(part["amount"] for part in parts) == line.amount


async def test_many_sessions_are_settled_in_batches(sqlite_database: Database) -> None:
    """Issue: bounded ones; sessions of nobody and such that wait are passed."""
    bills = Bills(sqlite_database)
    where: dict[str, Any] = {
        "charger": bills.charger,
        "connector": 1,
        "finalized": False,
        "steps": [],
        "minutes": 1,
    }

    def fill(change: Change) -> None:
        for number in range(230):
            account = bills.dana if number % 10 else None
            world.add_session(change, started_at=LONG_AGO + number * MIN, account=account, **where)

    await bills.database.change(fill)
    await bills.worker.tick(NOW)
    billed = await bills.database.ask(lambda db: db.scalar(select(func.count(Charge.id))))
    assert billed == 207


async def test_it_is_found_by_its_index(bills: Bills) -> None:
    """Issue: the same with any number of sessions: by indexes that hold what waits, and nothing else."""
    bills.session()
    where: dict[str, Any] = {"charger": bills.charger, "connector": 1, "account": bills.dana, "steps": []}

    def fill(change: Change) -> None:
        for number in range(400):
            world.add_session(change, started_at=LONG_AGO - number * DAY, **where)

    await bills.database.change(fill)

    def ask(db: Connection, account: int) -> None:
        settling._candidates(db, NOW, LONG_AGO, 0)
        settling._next(db, NOW)
        settling._late(db, NOW)

    first, *following, late = plans(bills.database, ask, bills.dana)
    assert "ix_sessions_settling" in first, first
    assert "ix_sessions_settling" in following[0], following
    assert "ix_sessions_late" in following[1], following
    assert "ix_sessions_late" in late, late


async def test_one_that_fails_keeps_no_other_from_being_settled(sqlite_database: Database) -> None:
    bills = Bills(sqlite_database)
    first, second = bills.session(), bills.session(LONG_AGO + 2 * HOUR)
    bills.add(
        Charge,
        key=f"session:{first}:2026-11-01:0",  # in the way
        session_id=second,
        account_id=bills.eve,
        energy_wh=0,
        created_at=NOW,
    )
    await bills.worker.tick(NOW)
    assert bills.row(first).finalized_at is None
    assert bills.row(second).finalized_at is not None


def billed(db: Connection) -> tuple[int, int]:
    """Finalized sessions, and Wh in the charges: 10 kWh each."""
    finalized = select(func.count()).where(ChargingSession.finalized_at.is_not(None))
    energy = db.scalar(select(func.sum(Charge.energy_wh))) or 0
    return db.scalar(finalized) or 0, int(energy)


async def test_two_workers_never_bill_twice(postgres_database: Database) -> None:
    """Issue: a second worker never bills twice; the included amount is used once by both together."""
    bills = Bills(postgres_database, included_wh=155_000)
    for number in range(30):
        bills.session(LONG_AGO + number * HOUR)
    other = Database(postgres_database.url)
    try:
        await asyncio.gather(bills.worker.tick(NOW), Settlement(other, SETTINGS).tick(NOW))
    finally:
        other.close()
    assert await postgres_database.ask(billed) == (30, 300_000)
    total = await postgres_database.ask(lambda db: db.scalar(select(func.sum(Charge.amount))))
    assert total in range(5_655 - 1, 5_655 + 2)  # 145 kWh; half cents of one line or two


async def test_two_sessions_of_a_driver_are_billed_one_after_the_other(postgres_database: Database) -> None:
    """Issue: the included amount is used exactly once: another worker waits until the first has committed."""
    bills = Bills(postgres_database, included_wh=10_000)
    first, second = bills.session(), bills.session(LONG_AGO + 2 * HOUR)
    rules = settling.Rules(15 * MIN, DAY, "UTC")
    other = Database(postgres_database.url)
    try:
        with postgres_database.engine.begin() as connection:
            change = Change(connection)
            settling.settle(change, first, NOW, rules)
            change.flush()
            waiting = asyncio.create_task(other.change(settling.settle, second, NOW, rules))
            await asyncio.sleep(0.3)
            assert not waiting.done()
        await waiting
    finally:
        other.close()
    assert (bills.money(first), bills.money(second)) == ([(10_000, 0)], [(10_000, 390)])


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_killed_at_any_moment_it_never_bills_twice(database: Database) -> None:
    """Issue: a crash never bills twice: SIGKILL in the midst of it; then the rest."""
    bills = Bills(database, included_wh=100_000)
    where: dict[str, Any] = {"charger": bills.charger, "connector": 1, "finalized": False, "steps": []}

    def fill(change: Change) -> None:
        for number in range(150):
            world.add_session(change, started_at=LONG_AGO + number * MIN, account=bills.dana, **where)

    await database.change(fill)
    url = database.url.render_as_string(hide_password=False)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NICEGUI_", "PYTEST_"))}
    command = [sys.executable, "-m", "tests.settling_process", url, NOW.isoformat()]
    done = 0
    for _ in range(1 if database.dialect == "sqlite" else 2):
        running = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
        try:
            async with asyncio.timeout(60):
                while (await database.ask(billed))[0] <= done and running.returncode is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        finally:
            if running.returncode is None:
                running.kill()
            await running.wait()
        done, energy = await database.ask(billed)
        assert energy == 10_000 * done  # each with its line, or neither
    assert 0 < done < 150, "it was not killed in the midst of it"
    await bills.worker.tick(NOW)
    assert await database.ask(billed) == (150, 1_500_000)
    total = await database.ask(lambda db: db.scalar(select(func.sum(Charge.amount))))
    assert total == 140 * 390
