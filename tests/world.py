"""Rows that tests start from, told in the words of the domain. Each function takes a `Change`."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import insert

from data.database import Change
from data.models import (
    Account,
    Charger,
    ChargingSession,
    Connector,
    Display,
    EnergyStep,
    Mapping,
    Plan,
    Reservation,
    Site,
    Subscription,
    TagSighting,
)
from data.types import ConnectorStatus, Role, Theme

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
_hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Cheap on purpose: what a test waits for is not the hash."""


def key(result: Any) -> int:
    """The primary key of the row that *result* inserted."""
    return int(result.inserted_primary_key[0])


def add_driver(change: Change, name: str = "Dana Driver", *, tag: str | None = None, **values: Any) -> int:
    """A driver with password `PASSWORD`, e-mail NAME's first word @example.org, and a card *tag*."""
    account = add_account(change, name, Role.DRIVER, **values)
    if tag is not None:
        add_mapping(change, account, tag)
    return account


def add_account(change: Change, name: str, role: Role, **values: Any) -> int:
    """An account of *role*; its id."""
    row: dict[str, Any] = {
        "role": role,
        "email": f"{name.split()[0].lower()}@example.org",
        "name": name,
        "password_hash": _hasher.hash(PASSWORD),
        "time_zone": "Europe/Berlin",
        "language": "en",
        "theme": Theme.LIGHT,
        "created_at": NOW,
    }
    return key(change.execute(insert(Account), {**row, **values}))


def add_mapping(change: Change, account: int, tag: str, **values: Any) -> int:
    """An active mapping of *tag* to *account*; its id."""
    row = {"id_tag": tag.upper(), "account_id": account, "active": True, "blocked": False, "created_at": NOW}
    return key(change.execute(insert(Mapping), {**row, **values}))


def add_sighting(change: Change, tag: str, charger: int, at: datetime = NOW, **values: Any) -> str:
    """An id tag that *charger* reported at *at*; as it is stored."""
    row = {"id_tag": tag.upper(), "charger_id": charger, "first_seen_at": at, "last_seen_at": at, "times": 1}
    change.execute(insert(TagSighting), {**row, **values})
    return tag.upper()


def add_site(change: Change, name: str = "Harbour car park", zone: str = "Europe/Berlin") -> int:
    """A site; its id."""
    return key(change.execute(insert(Site), {"name": name, "time_zone": zone, "currency": "EUR"}))


def add_display(change: Change, name: str = "Entrance", *, site: int, **values: Any) -> int:
    """A paired display whose screen has not told anything yet; its id."""
    row: dict[str, Any] = {
        "site_id": site,
        "name": name,
        "token_hash": secrets.token_hex(32),
        "created_at": NOW,
    }
    return key(change.execute(insert(Display), {**row, **values}))


def add_charger(
    change: Change,
    identity: str = "CP1",
    *,
    site: int,
    name: str | None = None,
    password: str | None = None,
    connectors: int = 1,
    status: ConnectorStatus = ConnectorStatus.AVAILABLE,
    seen: datetime | None = NOW,
    **values: Any,
) -> int:
    """A charger whose *connectors* report *status*, heard of at *seen*; its id."""
    row: dict[str, Any] = {
        "identity": identity,
        "name": name or f"Charger {identity}",
        "site_id": site,
        "password_hash": None if password is None else _hasher.hash(password),
        "last_seen_at": seen,
    }
    charger = key(change.execute(insert(Charger), {**row, **values}))
    for number in range(1, connectors + 1):
        change.execute(
            insert(Connector),
            {
                "charger_id": charger,
                "evse": 0,
                "number": number,
                "type": "Type 2",
                "max_power_w": 22_000,
                "status": status,
                "status_since": seen,
            },
        )
    return charger


def add_session(
    change: Change,
    *,
    charger: int,
    connector: int,
    account: int | None,
    started_at: datetime,
    minutes: int = 60,
    energy_wh: int = 10_000,
    ended: bool = True,
    finalized: bool = True,
    steps: list[tuple[datetime, datetime, int]] | None = None,
    **values: Any,
) -> int:
    """A session with even energy (or *steps*); its id. Not *ended*: in progress, with one reading."""
    until = started_at + timedelta(minutes=minutes)
    row: dict[str, Any] = {
        "charger_id": charger,
        "connector_id": connector,
        "id_tag": "TAG",
        "account_id": account,
        "started_at": started_at,
        "received_at": started_at,
        "ended_at": until if ended else None,
        "finalized_at": until if ended and finalized else None,
        "energy_wh": energy_wh,
        "has_reading": True,
        "energy_started_at": started_at,
        "energy_ended_at": until,
        "reading_at": until,
        "flags": [],
    }
    session = key(change.execute(insert(ChargingSession), {**row, **values}))
    for start, end, wh in steps if steps is not None else [(started_at, until, energy_wh)]:
        change.execute(
            insert(EnergyStep),
            {"session_id": session, "started_at": start, "ended_at": end, "energy_wh": wh},
        )
    return session


def add_plan(change: Change, account: int, *, anchor_day: int = 1, **values: Any) -> int:
    """A plan with 200 kWh included and 0.28 EUR a kWh beyond, and *account*'s subscription to it."""
    row: dict[str, Any] = {
        "name": "Home 200",
        "currency": "EUR",
        "base_fee": 1_900,
        "price_per_kwh": 2_800,
        "included_wh": 200_000,
        "unlimited": False,
    }
    plan = key(change.execute(insert(Plan), {**row, **values}))
    change.execute(
        insert(Subscription),
        {
            "account_id": account,
            "plan_id": plan,
            "anchor_day": anchor_day,
            "started_on": datetime(2025, 1, 1, tzinfo=UTC).date(),
        },
    )
    return plan


def add_reservation(
    change: Change,
    *,
    account: int,
    mapping: int,
    charger: int,
    starts_at: datetime,
    minutes: int = 90,
    **values: Any,
) -> int:
    """A reservation of the whole charger (or ``connector_number``); its id."""
    row: dict[str, Any] = {
        "account_id": account,
        "mapping_id": mapping,
        "charger_id": charger,
        "connector_number": None,
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=minutes),
        "created_at": NOW,
    }
    return key(change.execute(insert(Reservation), {**row, **values}))
