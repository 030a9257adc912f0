"""Whether the screen shows what the database says, once everything has calmed down."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, select

from components import board_layout, board_words
from components.words import Reader, reader
from data.database import Database
from data.models import Connector, Display
from data.queries.chargers import ChargerStatus
from data.queries.site_board import SiteBoard, site_board
from tests.trust.moved_clock import MovedClock
from tests.trust.place import LANGUAGES, Place
from tests.trust.screen import Screen, Shown, Tile
from tests.trust.traffic import Bay

CALM = 30.0
"""Seconds within which all is right again."""
WATCHED = 30.0
"""Seconds for which it has to stay right: two pages in two languages come by."""
PUSHED = 5.0
"""Seconds until a change that is nobody's trouble is on the screen: a reservation ends while we look."""
ENERGY = 25.0
"""Seconds until a charge's kWh are: they wait for a beat of the board, and are asked for every 10 s."""
PER_PAGE = 8
WORDS = {
    "en": {"online": "Free", "in_use": "In use", "reserved": "Reserved", "offline": "Out of service"},
    "de": {"online": "Frei", "in_use": "Belegt", "reserved": "Reserviert", "offline": "Außer Betrieb"},
}
"""Said again here: what the board's own words come from is not asked whether it is right."""
COUNTS = {"en": "{free} of {all} chargers free", "de": "{free} von {all} Ladestationen frei"}
NONE_FREE = {
    "en": ("No charger free right now", "Out of service at the moment"),
    "de": ("Zurzeit nichts frei", "Zurzeit außer Betrieb"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What the database says at a moment, in one language."""

    tiles: frozenset[Tile]
    names: frozenset[str]
    count: str
    updated: frozenset[str]


@dataclass(slots=True)
class Outcome:
    """Of one check."""

    after: float
    """Seconds after which all was right, and stayed so."""
    kept: bool
    why: list[str] = field(default_factory=list)
    """What was wrong at the last look at which something was."""


def said(board: SiteBoard, now: datetime) -> dict[str, Said]:
    """What a display should show of *board* at *now*, by the `lang` of its language."""
    found = {}
    for code in LANGUAGES:
        told = reader(code, board.time_zone)
        out = all(bay.status is ChargerStatus.OFFLINE for bay in board.bays)
        none_free = NONE_FREE[code][out]
        count = COUNTS[code].format(free=board.free, all=len(board.bays)) if board.free else none_free
        tiles = _tiles(board, told, now, code)
        found[told.language.quasar] = Said(
            tiles=frozenset(tiles),
            names=frozenset(tile.name for tile in tiles),
            count=count,
            updated=frozenset(
                told.text("board.updated", moment=told.moment(now - timedelta(seconds=ago), now))
                for ago in (0, 30, 60)
            ),
        )
    return found


def differences(shown: Shown, of_late: Sequence[tuple[float, dict[str, Said]]]) -> list[str]:
    """What *shown* says that was not true at any moment of *of_late*: of the last ones, but for energy."""
    if not shown.tiles:
        return ["no board is shown"]
    if shown.language not in of_late[-1][1]:
        return [f"the language {shown.language!r}"]
    last = of_late[-1][0]
    all_ways = [one[shown.language] for _, one in of_late]
    ways = [one[shown.language] for at, one in of_late if at >= last - PUSHED]
    wrong = [
        f"{tile} for {[one for one in ways[-1].tiles if one.name == tile.name]}"
        for tile in shown.tiles
        if not any(tile in way.tiles for way in all_ways)
        or not any(_without_energy(tile) == _without_energy(one) for way in ways for one in way.tiles)
    ]
    if not any(shown.count == way.count for way in ways):
        wrong.append(f"the count {shown.count!r} for {ways[-1].count!r}")
    if not any(shown.updated in way.updated for way in ways):
        wrong.append(f"{shown.updated!r} for {sorted(ways[-1].updated)}")
    if shown.stale:
        wrong.append("the stale mark")
    if shown.in_trouble:
        wrong.append("the sign of trouble")
    return wrong


async def check(
    screen: Screen, database: Database, clock: MovedClock, place: Place, bays: Sequence[Bay], picture: Path
) -> Outcome:
    """Look for a minute, with the chargers at rest and nothing in the way.

    The display's heartbeat, and what each connector last reported, are looked at in the end.
    """

    def ask() -> dict[str, Said]:
        now = clock.now()
        board = database.ask_now(site_board, place.site, now)
        assert board is not None
        return said(board, now)

    def look() -> Outcome:
        began, right_since, why = time.monotonic(), 0.0, ["nothing was seen"]
        names: set[str] = set()
        recently: deque[tuple[float, dict[str, Said]]] = deque()
        with screen.looked_at() as look:
            while True:
                elapsed = time.monotonic() - began
                recently.append((elapsed, ask()))
                shown = look.see()
                recently.append((elapsed, ask()))
                while recently[0][0] < elapsed - ENERGY:
                    recently.popleft()
                wrong = differences(shown, list(recently))
                if wrong:
                    right_since, why = time.monotonic() - began, wrong
                    names.clear()
                names |= {tile.name for tile in shown.tiles}
                everything = names == set(recently[-1][1][reader("en", None).language.quasar].names)
                is_over = elapsed >= CALM + WATCHED or (elapsed >= CALM and everything)
                if is_over:
                    kept = right_since <= CALM and everything
                    if not kept:
                        why.append(f"at {right_since:.0f} s; seen: {sorted(names)}; {look.where()}")
                        look.picture(picture)
                    return Outcome(right_since, kept, [] if kept else why)
                time.sleep(0.5)

    outcome = await asyncio.to_thread(look)
    further = await asyncio.to_thread(database.ask_now, _unheard, place, clock.now(), bays)
    if further:
        outcome.kept = False
        outcome.why += further
    return outcome


def _without_energy(tile: Tile) -> Tile:
    return replace(tile, details=tuple(one for one in tile.details if not one.endswith("kWh")))


def _tiles(board: SiteBoard, told: Reader, now: datetime, code: str) -> list[Tile]:
    found = []
    for page in range(board_layout.pages(len(board.bays), PER_PAGE)):
        bays = board.bays[board_layout.page_of(len(board.bays), PER_PAGE, page)]
        grids = (
            board_layout.grid(len(bays), standing=False),
            board_layout.grid(len(bays), standing=True),
        )
        for bay in bays:
            tile = board_words.tile(bay, board, told, now, *grids)
            word = WORDS[code][ChargerStatus(bay.status).value]
            found.append(Tile(tile["name"], word, tuple(" ".join(one.split()) for one in tile["details"])))
    return found


def _unheard(db: Connection, place: Place, now: datetime, bays: Sequence[Bay]) -> list[str]:
    """What the portal has not heard of the display and the connectors, which had the time to say it."""
    wrong = []
    seen = db.execute(select(Display.last_seen_at).where(Display.id == place.display)).scalar_one()
    if seen is None or not timedelta(0) <= now - seen <= timedelta(seconds=90):
        wrong.append(f"the display's heartbeat is of {seen}, now is {now} (K7)")
    for bay, charger in zip(bays, place.chargers, strict=True):
        if not bay.point.online:
            continue
        rows = db.execute(
            select(Connector.evse, Connector.number, Connector.status).where(
                Connector.charger_id == charger, Connector.number > 0
            )
        )
        stored = {row.evse or row.number: row.status.value for row in rows}
        for number, plug in bay.point.plugs.items():
            told = plug.status
            if bay.point.protocol == "ocpp2.0.1" and told not in (
                "Available",
                "Faulted",
                "Unavailable",
                "Reserved",
            ):
                told = "Occupied"
            if stored.get(number) != told:
                wrong.append(f"{bay.identity} plug {number} reported {told}, stored is {stored.get(number)}")
    return wrong
