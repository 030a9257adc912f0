"""What an operator does to single sessions: end, assign, correct, review; what was before stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from app.charging import care, quarantine
from app.charging.reports import Place, Start
from app.charging.scaling import scaled
from data.announcements import Topic
from data.caller import Caller
from data.database import Database
from data.energy import EnergySpan
from data.models import AuditEntry, Mapping, QuarantinedMessage
from data.periods import Period, window
from data.queries.charges import corrections_of
from data.queries.usage import usage
from data.types import Role
from tests import world
from tests.app.bills import LONG_AGO, Bills
from tests.world import NOW

MIN = timedelta(minutes=1)
HOUR = timedelta(hours=1)
WHY = "the card was lent"


@pytest.fixture
def bills(database: Database) -> Bills:
    return Bills(database)


async def told(bills: Bills) -> Any:
    """The last row of the audit log."""
    query = select(AuditEntry.action, AuditEntry.reason, AuditEntry.about, AuditEntry.subject_id)
    return await bills.database.ask(
        lambda db: tuple(db.execute(query.order_by(AuditEntry.id.desc()).limit(1)).one())
    )


async def test_end_by_hand(bills: Bills) -> None:
    """C12: a session whose charger will not; its reason is in the audit log."""
    session = bills.session(ended=False)
    await bills.care.end(bills.olga, session, "  charger\nis gone ")
    row = bills.row(session)
    assert (row.ended_at, row.flags) == (LONG_AGO + HOUR, ["ended_by_operator"])
    assert await told(bills) == ("session.end", "charger is gone", f"session {session}", bills.dana)
    with pytest.raises(care.NotInProgress):
        await bills.care.end(bills.olga, session, WHY)


async def test_assign_a_session_of_nobody(bills: Bills) -> None:
    """C10: it belongs to nobody until an operator says whose it is; whoever keeps it in memory is told."""
    begun = await bills.sessions.start(bills.charger, Start(Place(1), "GUEST", NOW, NOW, 0))
    mapping = {
        "id_tag": "GUEST",
        "account_id": bills.eve,
        "active": True,
        "created_at": NOW,
        "blocked": False,
    }
    bills.database.change_now(lambda change: change.execute(insert(Mapping), mapping))
    bills.told.clear()
    await bills.care.assign(bills.olga, begun.session_id, bills.eve, WHY)
    row = bills.row(begun.session_id)
    assert (row.account_id, row.mapping_id) == (bills.eve, 2)
    assert {(one.topic, one.about) for one in bills.told} == {
        (Topic.SESSIONS, bills.eve),
        (Topic.PEOPLE, bills.eve),
        (Topic.CHARGERS, bills.charger),
        (Topic.ATTENTION, None),
    }
    assert begun.session_id not in bills.sessions._memory.running  # it would be shown to nobody else
    (kept,) = await bills.database.ask(corrections_of, begun.session_id)
    assert (kept.by, kept.reason, kept.before["account_id"]) == ("Olga Operator", WHY, None)
    assert bills.lines(begun.session_id) == ()


async def test_a_billed_session_that_is_handed_over_is_billed_anew(bills: Bills) -> None:
    """Issue: reversing and new lines; what was written stays as it was."""
    plan: dict[str, Any] = {"included_wh": None, "price_per_kwh": 5_000, "name": "Eve's"}
    bills.database.change_now(lambda change: world.add_plan(change, bills.eve, **plan))
    session = bills.session()
    await bills.worker.tick(NOW)
    await bills.care.assign(bills.olga, session, bills.eve, WHY)
    found = [(one.account_id, one.energy_wh, one.amount, one.revision) for one in bills.lines(session)]
    assert found == [
        (bills.dana, 10_000, 390, 0),
        (bills.dana, -10_000, -390, 1),
        (bills.eve, 10_000, 500, 2),
    ]
    assert [one.reason for one in bills.lines(session)] == ["", WHY, WHY]
    await bills.care.assign(bills.olga, session, bills.dana, "it was hers after all")
    assert bills.money(session)[3:] == [(-10_000, -500), (10_000, 390)]
    by_account: dict[int, int] = {}
    for line in bills.lines(session):
        by_account[line.account_id] = by_account.get(line.account_id, 0) + (line.amount or 0)
    assert by_account == {bills.dana: 390, bills.eve: 0}


async def test_handed_over_to_a_driver_without_a_plan(bills: Bills) -> None:
    session = bills.session()
    await bills.worker.tick(NOW)
    await bills.care.assign(bills.olga, session, bills.eve, WHY)
    assert bills.money(session) == [(10_000, 390), (-10_000, -390), (10_000, None)]
    await bills.care.correct(bills.olga, session, 9_000, WHY)
    assert bills.money(session)[3:] == [(-1_000, None)]


async def test_correct_keeps_the_shape_the_sums_and_what_was_before(bills: Bills) -> None:
    """Issue: correct with a reason, the original stays; P15: days still add up to the total."""
    midnight = datetime(2026, 11, 18, 23, tzinfo=UTC)
    steps = [
        (midnight - 30 * MIN, midnight - 7 * MIN, 1_001),
        (midnight - 7 * MIN, midnight + 20 * MIN, 2_000),
    ]
    session = bills.session(midnight - 30 * MIN, energy_wh=3_001, steps=steps, flags=["energy_implausible"])
    await bills.worker.tick(NOW)
    assert bills.money(session) == [(3_001, 117)]
    await bills.care.correct(bills.olga, session, 30_007, "kWh labelled Wh")
    row = bills.row(session)
    assert row.energy_wh == bills.steps_wh(session) == 30_007
    assert row.flags == ["corrected", "energy_implausible"]
    assert row.reviewed_at is not None
    assert bills.money(session) == [(3_001, 117), (27_006, 1_053)]
    month = window(Period.CURRENT, NOW, "Europe/Berlin", 1)
    found = await bills.database.ask(usage, bills.dana, month)
    assert found.total_wh == 30_007
    assert [day.energy_wh for day in found.days if day.energy_wh] == [15_194, 14_813]
    (kept,) = await bills.database.ask(corrections_of, session)
    assert (kept.by, kept.reason) == ("Olga Operator", "kWh labelled Wh")
    assert (kept.before, kept.after) == ({"energy_wh": 3_001}, {"energy_wh": 30_007})
    assert await told(bills) == ("session.correct", "kWh labelled Wh", f"session {session}", bills.dana)


async def test_a_session_without_energy_can_get_some(bills: Bills) -> None:
    session = bills.session(energy_wh=0, steps=[], energy_ended_at=LONG_AGO)
    await bills.worker.tick(NOW)
    await bills.care.correct(bills.olga, session, 7_000, WHY)
    assert bills.row(session).energy_wh == bills.steps_wh(session) == 7_000
    assert bills.money(session) == [(0, 0), (7_000, 273)]
    await bills.care.correct(bills.olga, session, 0, WHY)
    assert (bills.row(session).energy_wh, bills.steps_wh(session)) == (0, 0)
    assert bills.money(session)[2:] == [(-7_000, -273)]


async def test_a_correction_over_a_border_is_a_line_of_each_period(bills: Bills) -> None:
    border = datetime(2026, 10, 31, 23, tzinfo=UTC)
    session = bills.session(border - 24 * MIN)
    await bills.worker.tick(NOW)
    await bills.care.correct(bills.olga, session, 5_000, WHY)
    found = [(line.period_first, line.energy_wh, line.amount) for line in bills.lines(session)[2:]]
    assert found == [(date(2026, 10, 1), -2_000, -78), (date(2026, 11, 1), -3_000, -117)]


async def test_a_correction_of_a_session_in_windows_follows_its_hours(sqlite_database: Database) -> None:
    night = [{"from_minute": 22 * 60, "to_minute": 6 * 60, "price_per_kwh": 1_900}]
    bills = Bills(sqlite_database, windows=night)
    session = bills.session(datetime(2026, 11, 18, 20, 30, tzinfo=UTC))  # half of it from 22:00 on
    await bills.worker.tick(NOW)
    assert bills.money(session) == [(10_000, 195 + 95)]
    await bills.care.correct(bills.olga, session, 12_000, WHY)
    assert bills.money(session)[1:] == [(2_000, 39 + 19)]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda b, s: b.care.end(b.olga, 999, WHY), care.NoSuchSession),
        (lambda b, s: b.care.end(b.olga, 2**63, WHY), care.NoSuchSession),
        (lambda b, s: b.care.assign(b.olga, s, account_id=2**70, reason=WHY), care.NoSuchDriver),
        (lambda b, s: b.care.end(b.olga, s, WHY), care.NotInProgress),
        (lambda b, s: b.care.end(b.olga, s, " \n"), care.ReasonMissing),
        (lambda b, s: b.care.assign(b.olga, 999, b.eve, WHY), care.NoSuchSession),
        (lambda b, s: b.care.assign(b.olga, s, 999, WHY), care.NoSuchDriver),
        (lambda b, s: b.care.assign(b.olga, s, b.olga.subject_id, WHY), care.NoSuchDriver),
        (lambda b, s: b.care.assign(b.olga, s, b.gone, WHY), care.NoSuchDriver),
        (lambda b, s: b.care.assign(b.olga, s, b.dana, WHY), care.SameDriver),
        (lambda b, s: b.care.assign(b.olga, s, b.eve, "x" * 501), care.ReasonMissing),
        (lambda b, s: b.care.correct(b.olga, 999, 1, WHY), care.NoSuchSession),
        (lambda b, s: b.care.correct(b.olga, s, -1, WHY), care.WrongEnergy),
        (lambda b, s: b.care.correct(b.olga, s, 10_000, WHY), care.WrongEnergy),
        (lambda b, s: b.care.correct(b.olga, s, care.MOST_WH + 1, WHY), care.WrongEnergy),
        (lambda b, s: b.care.correct(b.olga, s, 1, ""), care.ReasonMissing),
        (lambda b, s: b.care.correct(b.olga, b.session(ended=False), 1, WHY), care.InProgress),
        (lambda b, s: b.care.review(b.olga, 999), care.NoSuchSession),
        (lambda b, s: b.care.resolve(b.olga, 999), care.NoSuchMessage),
    ],
)
async def test_what_is_refused_changes_nothing(sqlite_database: Database, change: Any, error: Any) -> None:
    """T4: each is refused by the service itself, with its own word."""
    bills = Bills(sqlite_database)
    session = bills.session()
    before = bills.row(session)
    with pytest.raises(error) as refused:
        await change(bills, session)
    assert refused.value.why == error.why != ""
    assert bills.row(session) == before
    assert bills.audit() == []


async def test_review_and_resolve(bills: Bills) -> None:
    """Issue: quarantined messages and flags are seen to; twice does no harm."""
    session = bills.session(flags=["clock_skew"])
    message = quarantine.row(
        charger_id=bills.charger, action="StopTransaction", payload={}, reason="odd", received_at=NOW
    )
    bills.database.change_now(lambda change: change.execute(quarantine.KEEP, message))
    bills.told.clear()
    for _ in range(2):
        await bills.care.review(bills.olga, session)
        await bills.care.resolve(bills.olga, 1)
    assert bills.row(session).reviewed_at is not None
    resolved = select(QuarantinedMessage.resolved_at)
    assert await bills.database.ask(lambda db: db.scalar(resolved)) is not None
    assert {one.topic for one in bills.told} == {Topic.ATTENTION}
    assert [one[0] for one in bills.audit()].count("quarantine.resolve") == 1


async def test_by_a_command_on_the_server(bills: Bills) -> None:
    """What was done there has its name too."""
    session = bills.session()
    await bills.care.correct(Caller(None, Role.OPERATOR, label="command line"), session, 1, WHY)
    (kept,) = await bills.database.ask(corrections_of, session)
    assert kept.by == "command line"


@given(st.lists(st.integers(0, 5_000), max_size=20), st.integers(0, 100_000))
def test_scaled_steps_add_up_and_stay_in_their_places(energies: list[int], energy_wh: int) -> None:
    """P15: to the Wh, whatever the numbers; no step is negative, and none is where none was."""
    steps = [EnergySpan(NOW + n * MIN, NOW + (n + 1) * MIN, wh) for n, wh in enumerate(energies)]
    found = scaled(steps, EnergySpan(NOW, NOW, 0), energy_wh)
    assert sum(step.energy_wh for step in found) == energy_wh
    assert all(step.energy_wh > 0 and step.ended_at > step.started_at for step in found)
    if sum(energies):
        assert {(step.started_at, step.ended_at) for step in found} <= {
            (step.started_at, step.ended_at) for step in steps if step.energy_wh
        }
