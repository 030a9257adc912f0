"""Two hundred boards: what they cost while nothing happens, and how soon they show what does (K12)."""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from app import clock
from app.access import tokens
from data.database import Change, Database
from data.migrate import migrate
from tests.bench.clients import ChargerClient, PageClient, http_session, percentile
from tests.bench.measures import Process, Result, serve, until_up
from tests.world import add_charger, add_display, add_site

BOARDS = 200
SITES = 20
BAYS = 8
"""Chargers of each site: a full page."""
IDLE_SECONDS = 60
CHANGES = 30
PAUSE = 1.2
"""Seconds between two changes: a status is told at once, whatever was told before."""
BEAT = re.compile(r'"(\d+)":\{"tag":"div","class":\["k-beat"[^{]*\{"listener_id":"([0-9a-f-]+)"')
SHARE, P99 = 0.05, 0.25


async def boards() -> list[Result]:
    """Boards as browsers have them: spread over sites, then all at one."""
    with tempfile.TemporaryDirectory(prefix="polaris-bench-") as folder:
        file = Path(folder) / "polaris.db"
        database = Database(f"sqlite:///{file}")
        migrate(database)
        spread, crowded = database.change_now(_rows)
        database.close()
        results = []
        for where, at_site, cookies in (
            (f"over {SITES} sites", BOARDS // SITES, spread),
            ("at one site", BOARDS, crowded),
        ):
            with serve(file, None) as process:
                async with http_session() as http:
                    await until_up(http, process.url)
                    results += await _measure(http, process, where, at_site, cookies)
        return results


async def _measure(
    http: aiohttp.ClientSession, process: Process, where: str, at_site: int, cookies: list[str]
) -> list[Result]:
    await asyncio.sleep(5)
    bare = await _idle(process, IDLE_SECONDS / 4)
    opened = [
        await PageClient(http, process.url, {"polaris-display": token}).open("/kiosk") for token in cookies
    ]
    heard = [0] * len(opened)
    for number, page in enumerate(opened):

        def count(moment: float, frame: str, number: int = number, page: PageClient = page) -> None:
            heard[number] += 1
            _answer(page, frame)

        page.heard = count
    await asyncio.sleep(15)  # the first answers are written, and what opened the pages is forgotten
    heard[:] = [0] * len(opened)
    share = await _idle(process, IDLE_SECONDS)
    most = max(heard)
    latencies = await _changes(http, process, opened, at_site)
    for page in opened:
        await page.close()
    p50, p99 = percentile(latencies, 0.5), percentile(latencies, 0.99)
    return [
        Result(
            f"{len(opened)} boards {where}, idle for {IDLE_SECONDS} s",
            f"≤ {SHARE:.0%} of a core, ≤ 1 message in 10 s",
            f"{share:.1%} of a core (without boards {bare:.1%}), at most {most} messages each",
            share <= SHARE and most <= IDLE_SECONDS // 10 + 1,
        ),
        Result(
            f"{len(opened)} boards {where}: charger's status to all boards of its site",
            f"p99 ≤ {P99 * 1000:.0f} ms",
            f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms ({len(latencies)} seen)",
            p99 <= P99,
        ),
    ]


async def _idle(process: Process, seconds: float) -> float:
    """The share of a core that the process uses while nothing happens."""
    before, started = process.cpu(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (process.cpu() - before) / (time.perf_counter() - started)


async def _changes(
    http: aiohttp.ClientSession, process: Process, opened: list[PageClient], at_site: int
) -> list[float]:
    """Seconds from a charger's frame until each board of its site has it. Raises ``RuntimeError``."""
    charger = await ChargerClient(http, process.url.replace("http", "ws", 1), "CP1").connect()
    await charger.call("BootNotification", {"chargePointVendor": "Bench", "chargePointModel": "Load"})
    await asyncio.sleep(PAUSE)
    latencies: list[float] = []
    for change in range(CHANGES):
        is_busy = change % 2 == 0
        arrived: dict[int, float] = {}
        for number, page in enumerate(opened):
            page.heard = _hear(page, number, is_busy, arrived)
        sent = time.perf_counter()
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Charging" if is_busy else "Available"}
        await charger.call("StatusNotification", status)
        await asyncio.sleep(PAUSE)
        if len(arrived) != at_site:
            raise RuntimeError(f"{len(arrived)} boards of {at_site} heard of it")
        latencies += [moment - sent for moment in arrived.values()]
    await charger.close()
    return latencies


def _hear(
    page: PageClient, number: int, is_busy: bool, arrived: dict[int, float]
) -> Callable[[float, str], None]:
    """Notes when the board has the status of the first charger."""

    def hear(moment: float, frame: str) -> None:
        if '"bays":' in frame and ('"in_use"' in frame) is is_busy:
            arrived.setdefault(number, moment)
        _answer(page, frame)

    return hear


def _answer(page: PageClient, frame: str) -> None:
    """Say that the beat in *frame* was painted, if it asks for that, as the end of its animation does."""
    if '"is-asked"' in frame and (beat := BEAT.search(frame)) is not None:
        told = {"id": int(beat[1]), "client_id": page.client_id, "listener_id": beat[2], "args": []}
        page.tell("event", told)


def _rows(change: Change) -> tuple[list[str], list[str]]:
    """Sites, chargers ``CP1`` and on, and displays; the tokens of those over all sites, and at one."""
    now = clock.now()
    sites = [add_site(change, f"Site {number + 1}") for number in range(SITES)]
    for number in range(SITES * BAYS):
        add_charger(change, f"CP{number + 1}", name=f"Bay {number + 1}", site=sites[number // BAYS], seen=now)
    spread, crowded = [tokens.new() for _ in range(BOARDS)], [tokens.new() for _ in range(BOARDS)]
    for number, token in enumerate(spread):
        site = sites[number % SITES]
        add_display(change, f"Board {number + 1}", site=site, token_hash=tokens.hashed(token))
    for number, token in enumerate(crowded):
        add_display(change, f"Crowd {number + 1}", site=sites[0], token_hash=tokens.hashed(token))
    return spread, crowded
