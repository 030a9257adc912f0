"""Where the hour takes place: a site with chargers, drivers with a plan, a display with its start address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, update

from app.access import tokens
from data.database import Change
from data.models import Display, Site
from data.types import ConnectorStatus
from tests import world

BAYS = 12
"""Two pages of a display that is read from 5 m (K11)."""
ZONE = "Europe/Berlin"
PRICE = 3_000
"""0.30 EUR a kWh."""
LANGUAGES = ("en", "de")


@dataclass(frozen=True, slots=True)
class Place:
    """What was made, by the ids of its rows."""

    site: int
    display: int
    token: str
    """Of the display's start address."""
    identities: tuple[str, ...]
    chargers: tuple[int, ...]
    drivers: tuple[tuple[int, int], ...]
    """Accounts with their mappings, one a charger."""
    tags: tuple[str, ...]


def make(change: Change, now: datetime) -> Place:
    """Fill an empty database. Odd bays have two connectors."""
    since = now - timedelta(days=30)
    site = world.add_site(change, "Harbour car park", ZONE)
    change.execute(update(Site).where(Site.id == site).values(board_energy=True))
    identities = tuple(f"BAY-{number}" for number in range(1, BAYS + 1))
    tags = tuple(f"TRUST{number:03}" for number in range(1, BAYS + 1))
    chargers, drivers = [], []
    for number, (identity, tag) in enumerate(zip(identities, tags, strict=True), 1):
        chargers.append(
            world.add_charger(
                change,
                identity,
                site=site,
                name=f"Bay {number}",
                connectors=connectors(number),
                status=ConnectorStatus.UNKNOWN,
                seen=None,
            )
        )
        account = world.add_driver(change, f"Driver{number} Trust", created_at=since)
        drivers.append((account, world.add_mapping(change, account, tag, created_at=since)))
        world.add_plan(change, account, name=f"Plan {number}", included_wh=None, price_per_kwh=PRICE)
    token = tokens.new()
    row = {
        "site_id": site,
        "name": "Entrance",
        "token_hash": tokens.hashed(tokens.new()),
        "address_hash": tokens.hashed(token),
        "languages": ",".join(LANGUAGES),
        "created_at": now,
    }
    display = world.key(change.execute(insert(Display), row))
    return Place(site, display, token, identities, tuple(chargers), tuple(drivers), tags)


def connectors(number: int) -> int:
    """Of bay *number*."""
    return 2 if number % 2 else 1
