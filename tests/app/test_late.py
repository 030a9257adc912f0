"""Late data of a finalized session: kept, flagged, then a further line of its bill, never a change of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app import clock
from app.charging.reports import Place, Sample, Start, Stop, TransactionEvent, Values
from data.database import Database
from data.models import AuditEntry, MeterSample
from data.queries.charges import corrections_of
from tests.app.bills import Bills
from tests.world import NOW

MIN = timedelta(minutes=1)
HOUR = timedelta(hours=1)
THEN = NOW - 6 * HOUR


@pytest.fixture
def bills(database: Database) -> Bills:
    return Bills(database)


async def charged(bills: Bills, *, minutes: int = 60, stop: bool = True) -> int:
    """A session of the charger's: 1,000 Wh at its start, 5,000 after half of it, 9,000 at its end."""
    start = Start(Place(1), "CARD1", THEN, THEN, 1_000)
    session = (await bills.sessions.start(bills.charger, start)).session_id
    await read(bills, session, THEN + minutes // 2 * MIN, 5_000)
    if stop:
        end = THEN + minutes * MIN
        await bills.sessions.stop(bills.charger, Stop(end, end, 9_000, session))
    else:
        await bills.sessions.end(session, now=THEN + HOUR)
    return session


async def read(bills: Bills, session: int, at: Any, register: int, *, late: timedelta = timedelta(0)) -> None:
    sample = Sample(at, str(register))
    await bills.sessions.values(bills.charger, Values(Place(1), at + late, (sample,), session))


async def samples(bills: Bills) -> int:
    return await bills.database.ask(lambda db: db.scalar(select(func.count(MeterSample.id))) or 0)


async def test_what_comes_late_is_a_further_line(bills: Bills) -> None:
    """Issue: late data after finalization is a correction line; the values before stay.

    P25: the lines of a session in a billing period are rounded together: 4.6 kWh cost 179.86 ct.
    """
    bills.terms(price_per_kwh=3_910)
    session = await charged(bills, stop=False)
    await bills.worker.tick(NOW)
    assert bills.money(session) == [(4_000, 156)]
    await read(bills, session, THEN + 50 * MIN, 5_600, late=6 * HOUR)
    row = bills.row(session)
    assert (row.energy_wh, row.late_at, row.reviewed_at) == (4_000, THEN + 50 * MIN + 6 * HOUR, None)
    await bills.worker.tick(row.late_at + 14 * MIN)  # more may come
    assert bills.money(session) == [(4_000, 156)]
    await bills.worker.tick(row.late_at + 15 * MIN)
    row = bills.row(session)
    assert (row.energy_wh, row.late_at, row.ended_at) == (4_600, None, THEN + 50 * MIN)
    assert "late_after_final" in row.flags
    assert bills.steps_wh(session) == 4_600
    assert bills.money(session) == [(4_000, 156), (600, 24)]
    assert [(line.revision, line.reason) for line in bills.lines(session)] == [(0, ""), (1, "late data")]
    (kept,) = await bills.database.ask(corrections_of, session)
    assert (kept.by, kept.before["energy_wh"], kept.after["energy_wh"]) == ("late data", 4_000, 4_600)
    assert [one[:2] for one in bills.audit()] == [
        ("session.settle", "settlement"),
        ("session.late", "settlement"),
    ]


async def test_the_stop_that_comes_too_late_counts_as_a_reading(bills: Bills) -> None:
    """C11, C12: an operator ended it, it was billed, then its own stop told of more energy."""
    session = await charged(bills, stop=False)
    await bills.worker.tick(NOW)
    end = THEN + HOUR
    await bills.sessions.stop(bills.charger, Stop(end, NOW, 9_000, session))
    await bills.worker.tick(NOW + 15 * MIN)
    assert bills.row(session).energy_wh == bills.steps_wh(session) == 8_000
    assert bills.money(session) == [(4_000, 156), (4_000, 156)]


async def test_the_ended_event_that_comes_too_late_counts_too(bills: Bills) -> None:
    """C14: the same of OCPP 2.0.1."""

    def event(kind: Any, number: int, register: int) -> TransactionEvent:
        at = THEN + number * 10 * MIN
        sample = Sample(
            at, str(register), context="Transaction.End" if kind == "Ended" else "Sample.Periodic"
        )
        return TransactionEvent(
            kind, "tx", number, at, at, place=Place(1, 1), id_tag="CARD1", samples=(sample,)
        )

    await bills.sessions.event(bills.charger, event("Started", 0, 1_000))
    await bills.sessions.event(bills.charger, event("Updated", 1, 5_000))
    session = bills.row(1).id
    await bills.sessions.end(session, now=THEN + HOUR)
    await bills.worker.tick(NOW)
    assert bills.money(session) == [(4_000, 156)]
    await bills.sessions.event(bills.charger, event("Ended", 2, 9_000))
    await bills.worker.tick(NOW)
    assert bills.money(session) == [(4_000, 156), (4_000, 156)]


@pytest.mark.parametrize(("minute", "register", "kept"), [(30, 5_000, 0), (65, 9_100, 0), (20, 4_000, 1)])
async def test_late_data_that_says_nothing_new_leaves_no_line(
    bills: Bills, minute: int, register: int, kept: int
) -> None:
    """M7: its own stop stands, whatever comes after it; of what comes between, its course is kept."""
    session = await charged(bills)
    await bills.worker.tick(NOW)
    await read(bills, session, THEN + minute * MIN, register, late=6 * HOUR)
    await bills.worker.tick(NOW + 2 * HOUR)
    row = bills.row(session)
    assert (row.energy_wh, row.late_at, bills.steps_wh(session)) == (8_000, None, 8_000)
    assert bills.money(session) == [(8_000, 312)]
    assert len(await bills.database.ask(corrections_of, session)) == kept


async def test_what_a_session_gives_back_of_the_included_amount_goes_to_the_others(bills: Bills) -> None:
    """Issue: the included amount is used exactly once, whichever session shrinks.

    Of 15 kWh included the first session had 8: with less of them the second one's come into reach.
    """
    bills.terms(included_wh=15_000)
    first = await charged(bills)
    second = bills.session(THEN + 2 * HOUR)
    await bills.worker.tick(NOW)
    assert (bills.money(first), bills.money(second)) == ([(8_000, 0)], [(10_000, 117)])
    await bills.care.correct(bills.olga, first, 3_000, "the meter was swapped")
    assert bills.money(first) == [(8_000, 0), (-5_000, 0)]  # nothing was charged for it
    assert bills.money(second) == [(10_000, 117), (0, -117)]  # 13 kWh in all, and all are included
    assert bills.lines(second)[1].reason == f"session {first}: the meter was swapped"
    await bills.care.correct(bills.olga, first, 9_000, "it was not")
    assert bills.money(first)[2:] == [(6_000, 156)]
    await bills.care.correct(bills.olga, first, 8_000, "as at first")
    assert bills.money(first)[3:] == [(-1_000, -39)]
    assert [line.revision for line in bills.lines(first)] == [0, 1, 2, 3]
    await bills.care.correct(bills.olga, first, 0, "nothing at all")
    assert sum(amount or 0 for one in (first, second) for _, amount in bills.money(one)) == 0


async def test_values_that_come_while_it_is_finalized_are_late_ones(bills: Bills) -> None:
    """A session is finalized between the look at it and the commit: nothing is written over its bill.

    The ledger knows it as not finalized, as in another process; C8: what was answered is stored.
    """
    session = await charged(bills)
    known = await bills.sessions._memory.known(bills.charger, session)
    assert known is not None
    await bills.worker.tick(NOW)
    before = await samples(bills)
    sample = Sample(THEN + 55 * MIN, "8999")
    await bills.sessions._ledger.add(known, (sample,), NOW)
    row = bills.row(session)
    assert (row.energy_wh, row.late_at) == (8_000, NOW)
    assert await samples(bills) == before + 1


async def test_a_stop_that_comes_while_it_is_finalized_is_a_late_one(bills: Bills) -> None:
    session = await charged(bills, stop=False)
    known = await bills.sessions._memory.known(bills.charger, session)
    assert known is not None
    await bills.worker.tick(NOW)
    await bills.sessions._stop(bills.charger, known, Stop(THEN + HOUR, NOW, 9_000, session))
    assert (bills.row(session).energy_wh, bills.row(session).late_at) == (4_000, NOW)
    await bills.worker.tick(NOW + 15 * MIN)
    assert bills.money(session) == [(4_000, 156), (4_000, 156)]


async def test_an_operators_word_stands_against_late_data(bills: Bills) -> None:
    """Issue: correct with a reason: what the charger still sends is kept, flagged, and changes nothing."""
    session = await charged(bills, stop=False)
    await bills.worker.tick(NOW)
    await bills.care.correct(bills.olga, session, 6_000, "read off the meter")
    await read(bills, session, THEN + 50 * MIN, 7_500, late=6 * HOUR)
    await bills.worker.tick(NOW + 2 * HOUR)
    row = bills.row(session)
    assert (row.energy_wh, row.late_at, row.reviewed_at) == (6_000, None, None)
    assert bills.money(session) == [(4_000, 156), (2_000, 78)]


async def test_an_operators_word_stands_before_it_is_billed_too(bills: Bills) -> None:
    session = await charged(bills, stop=False)
    await bills.care.correct(bills.olga, session, 6_000, "read off the meter")
    await read(bills, session, THEN + 50 * MIN, 7_500)
    await bills.sessions.stop(bills.charger, Stop(THEN + HOUR, THEN + HOUR, 9_000, session))
    assert bills.row(session).energy_wh == bills.steps_wh(session) == 6_000
    await bills.worker.tick(NOW)
    assert bills.money(session) == [(6_000, 234)]


async def test_what_was_brought_along_finalized_is_not_billed_by_late_data(bills: Bills) -> None:
    """A session of which nothing was billed here: its energy follows, its bill is elsewhere."""
    session = await charged(bills, stop=False)
    bills.set(session, finalized_at=NOW)
    await read(bills, session, THEN + 50 * MIN, 7_500, late=6 * HOUR)
    await bills.worker.tick(NOW + 2 * HOUR)
    assert bills.row(session).energy_wh == 6_500
    assert bills.money(session) == []
    actions = await bills.database.ask(lambda db: db.scalars(select(AuditEntry.action)).all())
    assert actions == ["session.late"]


async def test_c12_what_an_operator_has_ended_is_ended(bills: Bills, monkeypatch: pytest.MonkeyPatch) -> None:
    """C12: its charger goes on sending every 10 minutes: it is finalized all the same, and nothing is lost.

    The next start on the connector is a session of its own, whose stop is not the first one's.
    """
    monkeypatch.setattr(clock, "now", lambda: THEN + 40 * MIN)
    session = (
        await bills.sessions.start(bills.charger, Start(Place(1), "CARD1", THEN, THEN, 1_000))
    ).session_id
    await read(bills, session, THEN + 30 * MIN, 5_000)
    await bills.care.end(bills.olga, session, "stuck")
    for minute in range(40, 130, 10):
        await read(bills, session, THEN + minute * MIN, 5_000 + 10 * minute)
        await bills.worker.tick(THEN + minute * MIN)
        row = bills.row(session)
        assert (row.ended_at, row.energy_wh) == (THEN + 30 * MIN, 4_000)
        assert (row.finalized_at is not None) == (minute >= 60)
    assert bills.money(session) == [(4_000, 156)]
    begun = Start(Place(1), "CARD1", THEN + 125 * MIN, THEN + 125 * MIN, 6_200)
    following = (await bills.sessions.start(bills.charger, begun)).session_id
    await bills.worker.tick(THEN + 140 * MIN)
    row = bills.row(session)
    assert (row.energy_wh, row.ended_at, row.late_at) == (5_200, THEN + 120 * MIN, None)
    assert bills.steps_wh(session) == 5_200
    assert [wh for wh, _ in bills.money(session)] == [4_000, 1_200]
    row = bills.row(following)
    assert (row.ended_at, row.account_id) == (None, bills.dana)


async def test_c12_its_own_stop_still_counts(bills: Bills) -> None:
    """Before it is finalized the charger's word is what is billed; a session of nobody follows as well."""
    session = await charged(bills, stop=False)
    await read(bills, session, THEN + 50 * MIN, 7_000)
    end = THEN + HOUR
    await bills.sessions.stop(bills.charger, Stop(end, end, 9_000, session))
    row = bills.row(session)
    assert (row.ended_at, row.energy_wh, row.flags) == (end, 8_000, [])
    assert bills.steps_wh(session) == 8_000
    await bills.worker.tick(NOW)
    assert (bills.money(session), bills.row(session).late_at) == ([(8_000, 312)], None)
    await bills.sessions.start(bills.charger, Start(Place(2), "GUEST", THEN, THEN, 0))
    await read(bills, session + 1, THEN + 30 * MIN, 1_000)
    await bills.sessions.end(session + 1, now=THEN + HOUR)
    await read(bills, session + 1, THEN + 90 * MIN, 2_000)
    await bills.worker.tick(NOW)
    assert (bills.row(session + 1).energy_wh, bills.steps_wh(session + 1)) == (2_000, 2_000)


async def test_c12_another_process_took_a_reading_meanwhile(bills: Bills) -> None:
    """A session does not end before its energy does."""
    session = await charged(bills, stop=False)
    bills.set(session, energy_ended_at=THEN + 31 * MIN)
    await bills.worker.tick(NOW)
    assert bills.row(session).ended_at == THEN + 31 * MIN
