"""The demo's world: three sites with 60 chargers, people, plans, groups, reservations, a past."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import insert, select

from app.access import tokens
from app.access.passwords import hash_password
from app.simulation import past
from app.simulation.history import SESSIONS_A_DAY, fill
from app.simulation.past import Spot
from app.simulation.traffic import PlannedCharger, PlannedPlug
from data.database import Change, Database
from data.models import (
    Account,
    Charger,
    ChargerGroup,
    Connector,
    Display,
    GroupAccount,
    GroupCharger,
    Mapping,
    Plan,
    Reservation,
    Site,
    Subscription,
)
from data.types import ConnectorStatus, ReservationStatus, Role

ZONE = "Europe/Berlin"
GUESTS = 40
ROBIN, KIM = "04D3M0AA11", "04D3M0BB22"
TYPE_2, TYPE_2_SLOW = PlannedPlug("Type 2", 22_000), PlannedPlug("Type 2", 11_000)
CCS_50, CCS_150, CCS_300 = (PlannedPlug("CCS", watts) for watts in (50_000, 150_000, 300_000))
CHADEMO = PlannedPlug("CHAdeMO", 50_000)

# A charger's password is random and long: nobody guesses it, so its hash need not be slow, and 60
# chargers that come at once are let in within a moment.
_quick = PasswordHasher(time_cost=1, memory_cost=1_024, parallelism=1)


@dataclass(frozen=True, slots=True)
class Place:
    """A charger of the demo: where it stands, and what happens at it."""

    site: str
    name: str
    planned: PlannedCharger
    silent: bool = False
    """Not connected; last heard of hours ago."""
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo's start prints and runs."""

    chargers: tuple[PlannedCharger, ...]
    """Those that are to connect."""
    sign_ins: tuple[tuple[str, str], ...]
    """Who, and with which e-mail."""
    password: str
    sessions: int
    display: str
    """The token of a display's start address, at the first site (K2)."""


def places() -> list[Place]:
    """The 60 chargers, without passwords."""
    return [*_harbour(), *_market_hall(), *_airport()]


def build(
    database: Database,
    *,
    now: datetime,
    days: int,
    drivers: int,
    password: str | None = None,
    seed: int = 1,
    progress: Callable[[int], object] = lambda done: None,
) -> Demo:
    """Fill the empty *database*: the demo's world with *days* of past for *drivers* (at least two)."""
    password = password or secrets.token_urlsafe(12)
    now = now.replace(microsecond=0)
    world = [
        replace(place, planned=replace(place.planned, password=secrets.token_urlsafe(16)))
        for place in places()
    ]
    hashed = hash_password(password)
    sessions = database.change_now(_world, world, now, days, hashed, seed)
    display = database.change_now(_display, world[0].site, now)
    if drivers > 2:
        many = round((drivers - 2) * days * SESSIONS_A_DAY)
        sessions += fill(
            database,
            sessions=many,
            now=now,
            drivers=drivers - 2,
            days=days,
            time_zone=ZONE,
            seed=seed,
            progress=progress,
        ).sessions
    return Demo(
        chargers=tuple(place.planned for place in world if not place.silent),
        sign_ins=(
            ("driver, charging right now", "robin@demo.example"),
            ("driver with another plan", "kim@demo.example"),
            ("operator", "olga@demo.example"),
        ),
        password=password,
        sessions=sessions,
        display=display,
    )


def _display(change: Change, site: str, now: datetime) -> str:
    """A display as if an operator had paired it and asked for its start address; the token of that."""
    token = tokens.new()
    _key(
        change,
        Display,
        site_id=change.execute(select(Site.id).where(Site.name == site)).scalar_one(),
        name="Entrance",
        token_hash=tokens.hashed(tokens.new()),
        address_hash=tokens.hashed(token),
        languages="en,de",
        created_at=now,
    )
    return token


def _guests() -> tuple[str, ...]:
    return tuple(f"04D3M0CC{number:02}" for number in range(1, GUESTS + 1))


def _harbour() -> list[Place]:
    def bay(number: int, *plugs: PlannedPlug, silent: bool = False, **planned: Any) -> Place:
        return Place(
            "Harbour car park",
            f"Harbour car park, bay {number}",
            PlannedCharger(f"HARBOUR-{number}", plugs=plugs, **planned),
            silent,
        )

    return [
        bay(1, CCS_150, tags=(ROBIN,), always=True, reading_interval=2),
        bay(2, TYPE_2),
        bay(3, TYPE_2, TYPE_2, tags=_guests(), busy=0.5),
        bay(4, CCS_50, CHADEMO, tags=_guests(), busy=0.7),
        bay(5, TYPE_2_SLOW, status="Faulted", error_code="GroundFailure", info="Residual current"),
        bay(6, TYPE_2, status="Reserved"),
        bay(7, TYPE_2, silent=True),
        bay(8, TYPE_2, status="Unavailable"),
    ]


def _market_hall() -> list[Place]:
    found = []
    for number in range(1, 29):
        plugs = (TYPE_2_SLOW,) if number % 4 else (TYPE_2, TYPE_2)
        planned = PlannedCharger(f"MARKET-{number}", plugs=plugs, tags=_guests(), busy=0.35)
        found.append(
            Place(
                "Market hall garage",
                f"Market hall, space {100 + number}",
                planned,
                silent=number in (9, 23),
                group="Market hall staff" if number > 24 else None,
            )
        )
    return found


def _airport() -> list[Place]:
    found = []
    for number in range(1, 25):
        plugs = ((CCS_300,), (CCS_150, CCS_150), (CCS_50, CHADEMO, TYPE_2), (TYPE_2,))[number % 4]
        protocol = "ocpp2.0.1" if number % 3 == 0 else "ocpp1.6"
        planned = PlannedCharger(
            f"AIRPORT-{number}", protocol=protocol, plugs=plugs, tags=_guests(), busy=0.45
        )
        found.append(
            Place(
                "Airport P4",
                f"Airport P4-{number:02}",
                planned,
                silent=number == 13,
                group="Airport fleet" if number > 20 else None,
            )
        )
    return found


def _key(change: Change, table: type[Any], **row: Any) -> int:
    key = change.execute(insert(table), row).inserted_primary_key
    assert key is not None
    return int(key[0])


def _world(
    change: Change, world: list[Place], now: datetime, days: int, password_hash: str, seed: int
) -> int:
    since = now - timedelta(days=days)
    groups: dict[str, int] = {}
    for name in dict.fromkeys(place.group for place in world if place.group):
        groups[name] = _key(change, ChargerGroup, name=name)
    ids = _chargers(change, world, groups, now)
    _key(
        change,
        Account,
        role=Role.OPERATOR,
        email="olga@demo.example",
        name="Olga Operator",
        password_hash=password_hash,
        time_zone=ZONE,
        created_at=since,
    )
    robin, robins = _driver(change, "Robin Sommer", ROBIN, since, password_hash)
    kim, kims = _driver(change, "Kim Winter", KIM, since, password_hash)
    change.execute(insert(GroupAccount), {"group_id": groups["Market hall staff"], "account_id": robin})
    for number, tag in enumerate(_guests(), 1):
        _driver(change, f"Guest {number}", tag, since, None)
    _plans(change, robin, kim, now, since)
    _reservations(change, ids, (robin, robins), (kim, kims), now)
    columns = Connector.charger_id, Connector.id, Connector.type, Connector.max_power_w
    spots = [
        Spot(*tuple(row))
        for row in change.execute(select(*columns).order_by(Connector.id))
        if row[0] <= ids["AIRPORT-20"]
    ]
    stored = 0
    for account, mapping, tag, often in ((robin, robins, ROBIN, 0.5), (kim, kims, KIM, 0.25)):
        chance = random.Random(f"{seed} {tag}")  # noqa: S311  # a simulation's, no secret
        sessions = list(past.sessions(spots, now, days, ZONE, chance, often))
        past.store(change, sessions, account=account, mapping=mapping, id_tag=tag, now=now)
        stored += len(sessions)
    return stored


def _chargers(change: Change, world: list[Place], groups: dict[str, int], now: datetime) -> dict[str, int]:
    sites = {
        name: _key(change, Site, name=name, time_zone=ZONE, address=address)
        for name, address in (
            ("Harbour car park", "Quay 4"),
            ("Market hall garage", "Market square 1"),
            ("Airport P4", "Terminal road"),
        )
    }
    ids = {}
    for number, place in enumerate(world):
        planned = place.planned
        heard = now - timedelta(hours=3 + number % 5, minutes=number) if place.silent else now
        ids[planned.identity] = charger = _key(
            change,
            Charger,
            identity=planned.identity,
            name=place.name,
            site_id=sites[place.site],
            password_hash=_quick.hash(planned.password or ""),
            visible_to_all=place.group is None,
            vendor="Polaris",
            model="Demo",
            last_seen_at=heard,
            reading_interval=round(planned.reading_interval),
        )
        for plug_number, plug in enumerate(planned.plugs, 1):
            later = planned.protocol == "ocpp2.0.1"  # there each plug is the first of an EVSE of its own
            _key(
                change,
                Connector,
                charger_id=charger,
                evse=plug_number if later else 0,
                number=1 if later else plug_number,
                type=plug.type,
                max_power_w=plug.max_power_w,
                status=ConnectorStatus(planned.status),
                error_code=None if planned.error_code == "NoError" else planned.error_code,
                info=planned.info,
                status_since=heard,
            )
        if place.group is not None:
            change.execute(insert(GroupCharger), {"group_id": groups[place.group], "charger_id": charger})
    return ids


def _driver(
    change: Change, name: str, tag: str, since: datetime, password_hash: str | None
) -> tuple[int, int]:
    email = f"{name.split()[0].lower() if password_hash else name.replace(' ', '-').lower()}@demo.example"
    account = _key(
        change,
        Account,
        role=Role.DRIVER,
        email=email,
        name=name,
        password_hash=password_hash,
        time_zone=ZONE,
        created_at=since,
    )
    return account, _key(change, Mapping, id_tag=tag, account_id=account, created_at=since)


def _plans(change: Change, robin: int, kim: int, now: datetime, since: datetime) -> None:
    commuter = _key(
        change,
        Plan,
        name="Commuter 200",
        currency="EUR",
        base_fee=2_900,
        price_per_kwh=3_900,
        included_wh=200_000,
    )
    flexible = _key(change, Plan, name="Pay as you go", currency="EUR", price_per_kwh=4_900)
    began = (now - timedelta(days=18)).date()
    for account, plan, anchor in ((robin, commuter, began.day), (kim, flexible, 1)):
        _key(
            change,
            Subscription,
            account_id=account,
            plan_id=plan,
            anchor_day=anchor,
            started_on=since.date(),
        )


def _reservations(
    change: Change, ids: dict[str, int], robin: tuple[int, int], kim: tuple[int, int], now: datetime
) -> None:
    minute = now.replace(second=0)
    for (account, mapping), bay, starts, minutes, status in (
        (robin, "HARBOUR-2", minute + timedelta(minutes=7), 90, ReservationStatus.HELD),
        (kim, "HARBOUR-6", minute - timedelta(minutes=20), 90, ReservationStatus.ACCEPTED),
    ):
        _key(
            change,
            Reservation,
            account_id=account,
            mapping_id=mapping,
            charger_id=ids[bay],
            starts_at=starts,
            ends_at=starts + timedelta(minutes=minutes),
            status=status,
            created_at=now - timedelta(hours=5),
        )
