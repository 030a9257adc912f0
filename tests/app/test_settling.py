"""Settlement: finalized once, billed once, the included amount used once; late data is a further line."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DBAPIError

from app.charging.settling import Settlement
from app.settings import Settings
from data.announcements import Announcement, Topic
from data.database import Change, Database
from data.models import AuditEntry, Charge, ChargingSession, Subscription
from data.models import TransactionEvent as EventRow
from data.queries.charges import BilledLine, lines_of
from tests.world import NOW, add_charger, add_driver, add_plan, add_session, add_site, key

MIN = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]
LONG_AGO = NOW - timedelta(days=3)


class Bills:
    """A charger, Dana with a plan, and a worker; sessions that ended a while ago."""

    def __init__(self, database: Database, **plan: Any) -> None:
        self.database = database
        self.told: list[Announcement] = []
        database.announce = self.told.extend
        self.worker = Settlement(database, SETTINGS)

        def fill(change: Change) -> tuple[int, int, int]:
            charger = add_charger(change, site=add_site(change))
            dana, eve = add_driver(change, tag="CARD1"), add_driver(change, "Eve Other")
            add_plan(change, dana, **{"included_wh": None, "price_per_kwh": 3_900, **plan})
            return charger, dana, eve

        self.charger, self.dana, self.eve = database.change_now(fill)

    def session(self, started_at: datetime = LONG_AGO, account: int | None = -1, **values: Any) -> int:
        account = self.dana if account == -1 else account
        where = {"charger": self.charger, "connector": 1, "account": account, "started_at": started_at}
        return self.database.change_now(
            lambda change: add_session(change, **{**where, "finalized": False, **values})
        )

    async def settle(self, now: datetime = NOW) -> datetime:
        return await self.worker.tick(now)

    def lines(self, session: int) -> tuple[BilledLine, ...]:
        return self.database.ask_now(lines_of, session)

    def money(self, session: int) -> list[tuple[int, int | None]]:
        return [(line.energy_wh, line.amount) for line in self.lines(session)]

    def row(self, session: int) -> Any:
        query = select(ChargingSession.__table__).where(ChargingSession.id == session)
        return self.database.ask_now(lambda db: db.execute(query).one())

    def set(self, session: int, **values: Any) -> None:
        which = update(ChargingSession).where(ChargingSession.id == session).values(values)
        self.database.change_now(lambda change: change.execute(which))

    def audit(self) -> list[tuple[str, str, int | None]]:
        query = select(AuditEntry.action, AuditEntry.actor_name, AuditEntry.subject_id).order_by(
            AuditEntry.id
        )
        return [tuple(row) for row in self.database.ask_now(lambda db: db.execute(query).all())]  # type: ignore[misc]


@pytest.fixture
def bills(database: Database) -> Bills:
    return Bills(database)


async def test_an_ended_session_is_finalized_and_billed_once(bills: Bills) -> None:
    """Issue: cost computed in integer minor units, written once with a deterministic key, audited, told."""
    session = bills.session()
    bills.told.clear()
    await bills.settle()
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
    await bills.settle(NOW + HOUR)
    assert len(bills.lines(session)) == 1
    keys = await bills.database.ask(lambda db: db.execute(select(Charge.key)).scalars().all())
    assert keys == [f"session:{session}:2026-11-01:0"]
