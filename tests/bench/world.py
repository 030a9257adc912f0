"""The database that measurements start from: chargers with sessions in progress, drivers who watch them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from data.database import Change, Database
from data.migrate import migrate
from data.models import Account, Charger, Connector, Mapping, Site
from data.types import ConnectorStatus, Role, Theme
from tests.world import add_plan, add_session

VISIBLE = 50
"""Chargers that everybody sees: as many as a dashboard shows."""


def make(path: Path, pairs: int) -> Database:
    """A new SQLite file with *pairs* drivers, each with a card ``TAG<n>`` and a charger ``CP<n>`` (n from 1).

    Each driver has 120 past sessions and a plan; all of them see the first 50 chargers.
    """
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.change_now(_people_and_chargers, pairs)
    return database


def _people_and_chargers(change: Change, pairs: int) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    site = change.execute(insert(Site), {"name": "Bench", "time_zone": "Europe/Berlin", "currency": "EUR"})
    accounts, mappings, chargers, connectors = [], [], [], []
    for n in range(1, pairs + 1):
        accounts.append(
            {
                "id": n,
                "role": Role.DRIVER,
                "email": f"d{n}@example.org",
                "name": f"Driver {n}",
                "time_zone": "Europe/Berlin",
                "language": "en",
                "theme": Theme.SYSTEM,
                "created_at": now,
            }
        )
        mappings.append({"id": n, "id_tag": f"TAG{n}", "account_id": n, "active": True, "created_at": now})
        chargers.append(
            {
                "id": n,
                "identity": f"CP{n}",
                "name": f"Bay {n}",
                "site_id": site.inserted_primary_key[0],
                "visible_to_all": n <= VISIBLE,
                "last_seen_at": now,
            }
        )
        connectors.append(
            {
                "charger_id": n,
                "number": 1,
                "type": "Type 2",
                "max_power_w": 22_000,
                "status": ConnectorStatus.AVAILABLE,
                "status_since": now,
            }
        )
    for table, rows in (
        (Account, accounts),
        (Charger, chargers),
        (Mapping, mappings),
        (Connector, connectors),
    ):
        change.execute(insert(table), rows)
    for n in range(1, min(pairs, VISIBLE) + 1):
        add_plan(change, n, name=f"Plan {n}", anchor_day=now.day)
        for back in range(1, 121):
            add_session(
                change,
                charger=n,
                connector=n,
                account=n,
                started_at=now - timedelta(hours=9 * back),
                energy_wh=11_000 + back,
                minutes=100,
                mapping_id=n,
            )
