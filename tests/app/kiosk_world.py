"""A site that charges, reserves and fails, where everything that is about somebody is a canary (K8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from app.simulation.charge_point import ChargePoint
from data.database import Change
from data.models import ChargingSession, Site
from data.types import Role
from tests import world

TAG = "CANARY04AABB77"
WORDS = ("canary", "7340033", "7340034", "8830021", "8830022", "9470031", "9470032", "19.37", "777")
"""Names, e-mails, tags, plates, plans, vendors, reasons; ids of sessions, people and reservations; prices."""
MONEY = re.compile(r"€|EUR\b")
ENERGY = re.compile(r"kWh")


@dataclass(frozen=True)
class Yard:
    """Ids of its rows."""

    site: int
    driver: int
    olga: int
    card: int
    reserved: int
    """The charger that is reserved."""


def build(change: Change, now: datetime) -> Yard:
    """Three chargers: one charges (`charge`), one is reserved now, one breaks (`charge` too)."""
    site = world.add_site(change, "Harbour car park")
    driver = world.add_driver(change, "Dana Canary-Driver", id=8_830_021, email="dana.canary@example.org")
    olga = world.add_account(change, "Olga Canary-Operator", Role.OPERATOR, id=8_830_022)
    card = world.add_mapping(change, driver, TAG)
    world.add_plan(change, driver, name="Canary plan HB-CA 777", price_per_kwh=7_770, base_fee=1_937)
    vendor = {
        "vendor": "CanaryVendor",
        "model": "CanaryModel",
        "serial_number": "CANARY-1",
        "firmware": "canary",
    }
    one, two, _ = (
        world.add_charger(change, f"CANARY-{number}", site=site, name=f"Bay {number}", seen=now, **vendor)
        for number in (1, 2, 3)
    )
    # The next session and the next reservation get the numbers after these.
    started = now - timedelta(days=3)
    where = {"charger": one, "connector": 1, "account": driver, "started_at": started, "id": 7_340_033}
    world.add_session(change, id_tag=TAG, stop_reason="canary", **where)
    world.add_reservation(
        change, id=9_470_031, account=driver, mapping=card, charger=two, starts_at=now - timedelta(minutes=5)
    )
    return Yard(site, driver, olga, card, two)


async def charge(url: str) -> tuple[ChargePoint, ChargePoint]:
    """Begin a charge of the canary's card at one charger, and let another break; both stay connected."""
    busy, broken = (
        ChargePoint(url, f"CANARY-{number}", vendor="CanaryVendor", serial_number="CANARY-1")
        for number in (1, 3)
    )
    for point in (busy, broken):
        await point.connect()
        await point.boot()
    await busy.status(1, "Preparing")
    assert await busy.authorize(TAG)
    await busy.start(1, TAG, 1_000)
    await busy.status(1, "Charging")
    await busy.meter_values(1, 20_370, power_w=7_200)
    await broken.status(1, "Faulted", "OtherError", info="canary car HB-CA 777 hit it")
    return busy, broken


def show_energy(change: Change) -> None:
    """Switch kWh on, at all sites."""
    change.execute(update(Site).values(board_energy=True))


def is_going_on(change: Change) -> bool:
    """Whether what has to be hidden is really there: a running charge of the card, with a reading."""
    running = change.execute(
        select(ChargingSession.energy_wh, ChargingSession.id_tag).where(ChargingSession.ended_at.is_(None))
    ).one()
    return tuple(running) == (19_370, TAG)


def found(heard: list[str]) -> list[str]:
    """What of the canaries stands in *heard*, with what is around it."""
    wrong = []
    for text in heard:
        plain = re.sub(r"data:[^\"' ]+|[0-9a-f]{8}-[0-9a-f-]{27}", "", text)
        for word in WORDS:
            wrong += [f"{word}: …{plain[max(0, at - 40) : at + 40]}…" for at in _places(word, plain)]
    return wrong


def _places(word: str, text: str) -> list[int]:
    pattern = re.escape(word) if word == "canary" else rf"(?<![\d.]){re.escape(word)}(?!\d)"
    return [one.start() for one in re.finditer(pattern, text, re.IGNORECASE)]
