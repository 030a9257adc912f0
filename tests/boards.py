"""Boards to look at: sites of any number of bays, plain ones and such that hardly fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from data.queries.chargers import ChargerStatus
from data.queries.site_board import Bay, SiteBoard

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ADDRESS = "https://charge.example.org"
LONG_ADDRESS = "https://" + "charging.stadtwerke-" * 4 + "musterstadt.example.org"
STATUSES = (
    *(ChargerStatus.ONLINE, ChargerStatus.IN_USE, ChargerStatus.ONLINE, ChargerStatus.RESERVED),
    *(ChargerStatus.OFFLINE, ChargerStatus.IN_USE, ChargerStatus.ONLINE, ChargerStatus.IN_USE),
)
HARD_NAMES = (
    "W" * 60,
    "Stellplatz 12 neben der Einfahrt",
    "قاعة الشحن ٣",
    "Quai de l’Île, côté Sud – emplacement réservé aux véhicules de service n° 114 " * 3,
    "🔌⚡ Fast 🚗 " + "👩🏽\u200d🔧" * 9,
    "Ebene −2, Reihe G, Platz 114 (rollstuhlgerecht)",
    "充電スタンド五番" * 5,
    "Donaudampfschifffahrtsgesellschaftsladesäulenstandortnummer12",
    "Ж" * 40,
    "i" * 200,
    "מטען 7",
    "AVENUE DE LA GARE MMMM 12",
    "B",
)
LONG_SITE = "Parkhaus am Hauptbahnhof – Zufahrt Süd, Ebene −3, Stadtwerke Musterstadt an der Weser " * 2


def board(count: int, kind: str = "plain", start: int = 0, now: datetime = NOON) -> SiteBoard:
    """A site of *count* bays. *kind*: plain, hard (*start* rotates what is hard), offline or taken."""
    bays = tuple(_bay(number, kind, start, now) for number in range(count))
    free = sum(bay.status is ChargerStatus.ONLINE for bay in bays)
    return SiteBoard(LONG_SITE if kind == "hard" else "Harbour car park", "Europe/Berlin", bays, free)


def _bay(number: int, kind: str, start: int, now: datetime) -> Bay:
    status = STATUSES[(number + start) % len(STATUSES)]
    if kind == "offline":
        status = ChargerStatus.OFFLINE
    if kind == "taken" and status is ChargerStatus.ONLINE:
        status = ChargerStatus.IN_USE
    is_hard, at = kind == "hard", number + start
    days = timedelta(days=(0, 1, 9)[at % 3] if is_hard else 0)
    is_fast = at % 2 == 0 if is_hard else number % 4 == 0
    types = ("Type 2",) if not is_fast else ("CCS2", "CHAdeMO", "Type 2 with a cable of its own", "Schuko")
    return Bay(
        name=HARD_NAMES[at % len(HARD_NAMES)] if is_hard else f"{'ABCDE'[number // 4 % 5]}{number % 4 + 1}",
        status=status,
        since=now - timedelta(minutes=17 * number + 5) - days if status is ChargerStatus.IN_USE else None,
        until=now + timedelta(hours=2) + days if status is ChargerStatus.RESERVED else None,
        connector_types=types if is_hard else types[:2],
        free_types=types[: 1 + at % 3] if is_hard else types[:1],
        max_power_w=150_000 if is_fast else 22_000,
        connectors=2 if number % 3 == 2 else 1,
        free=1 if status is ChargerStatus.ONLINE else 0,
        energy_wh=123_456 if is_hard and status is ChargerStatus.IN_USE else None,
    )
