"""A world for tests of bills: a charger, Dana with a plan, Eve with none, and a worker that settles."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from app.charging.care import Care
from app.charging.sessions import Sessions
from app.charging.settling import Settlement
from app.settings import Settings
from data.announcements import Announcement
from data.caller import Caller
from data.database import Change, Database
from data.live import Live
from data.models import AuditEntry, ChargingSession, EnergyStep, Plan
from data.queries.charges import BilledLine, lines_of
from data.types import Role
from tests import world
from tests.world import NOW

LONG_AGO = NOW - timedelta(days=3)
SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]


class Bills:
    """Sessions that ended a while ago, and what became of them."""

    def __init__(self, database: Database, *, zone: str = "Europe/Berlin", **plan: Any) -> None:
        self.database = database
        self.told: list[Announcement] = []
        self.live = Live()
        database.announce = self._announce
        self.worker = Settlement(database, SETTINGS)
        self.sessions = Sessions(database, self.live, SETTINGS)
        self.care = Care(database, self.sessions, SETTINGS)

        def fill(change: Change) -> tuple[int, int, int, int, int]:
            charger = world.add_charger(change, site=world.add_site(change, zone=zone), connectors=2)
            dana = world.add_driver(change, tag="CARD1")
            eve = world.add_driver(change, "Eve Other")
            olga = world.add_account(change, "Olga Operator", Role.OPERATOR)
            world.add_plan(change, dana, **{"included_wh": None, "price_per_kwh": 3_900, **plan})
            gone = world.add_driver(change, "Gone", erased_at=NOW)
            return charger, dana, eve, olga, gone

        self.charger, self.dana, self.eve, olga, self.gone = database.change_now(fill)
        self.olga = Caller(olga, Role.OPERATOR, olga)

    def _announce(self, announcements: list[Announcement]) -> None:
        self.told += announcements
        self.live.announce(announcements)

    def terms(self, **plan: Any) -> None:
        """Change Dana's plan in place."""
        self.database.change_now(lambda change: change.execute(update(Plan).values(plan)))

    def session(self, started_at: Any = LONG_AGO, *, account: int | None = -1, **values: Any) -> int:
        """A session, Dana's if nobody else is named: an hour, 10 kWh, ended and not settled."""
        where = {"charger": self.charger, "connector": 1, "account": self.dana if account == -1 else account}
        row = {**where, "started_at": started_at, "finalized": False, **values}
        return self.database.change_now(lambda change: world.add_session(change, **row))

    def add(self, table: Any, **row: Any) -> None:
        self.database.change_now(lambda change: change.execute(insert(table), row))

    def set(self, session: int, **values: Any) -> None:
        which = update(ChargingSession).where(ChargingSession.id == session).values(values)
        self.database.change_now(lambda change: change.execute(which))

    def lines(self, session: int) -> tuple[BilledLine, ...]:
        return self.database.ask_now(lines_of, session)

    def money(self, session: int) -> list[tuple[int, int | None]]:
        """Wh and minor units of its lines."""
        return [(line.energy_wh, line.amount) for line in self.lines(session)]

    def row(self, session: int) -> Any:
        query = select(ChargingSession.__table__).where(ChargingSession.id == session)
        return self.database.ask_now(lambda db: db.execute(query).one())

    def steps_wh(self, session: int) -> int:
        def query(db: Connection) -> int:
            return sum(db.scalars(select(EnergyStep.energy_wh).where(EnergyStep.session_id == session)))

        return self.database.ask_now(query)

    def audit(self) -> list[tuple[str, str, int | None]]:
        """Action, actor and subject of each row."""
        columns = AuditEntry.action, AuditEntry.actor_name, AuditEntry.subject_id
        query = select(*columns).order_by(AuditEntry.id)
        return [(one[0], one[1], one[2]) for one in self.database.ask_now(lambda db: db.execute(query).all())]
