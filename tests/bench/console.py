"""Server CPU of each page of the operator's console, over 3,000,000 stored sessions."""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, datetime, timedelta

import aiohttp
from sqlalchemy import Connection, insert, select, text

from app import clock
from app.pages.asked_sessions import Asked
from data.database import Change, Database
from data.models import ChargingSession, Connector, Site
from data.queries.session_list import Place
from data.types import Role
from tests.bench import history
from tests.bench.clients import http_session
from tests.bench.measures import Process, Result, cookies, serve, until_up
from tests.world import add_account, add_display

GOAL_MS = 60
RUNNING = 200
"""Sessions in progress."""
DISPLAYS = 200
QUIET = 0.1
"""Share of a core that the server uses at most while nobody asks; a page is not measured before."""
QUIET_WITHIN = 120.0
"""Seconds: after a start the sessions that ended meanwhile are settled."""
LOADS = 8
ROUNDS = 3


async def console(sessions: int = history.LARGE) -> list[Result]:
    """Each page loaded as a browser would, by an operator; a page that isn't there is told as skipped."""
    file = history.filled(sessions)
    database = Database(f"sqlite:///{file}")
    operator = database.change_now(_prepare)
    paths = database.ask_now(_paths)
    database.close()
    results = []
    with serve(file, None) as process:
        async with http_session() as http:
            await until_up(http, process.url)
            cookie = await cookies(http, process, operator)
            headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookie.items()), "Accept-Encoding": "gzip"}
            await _quiet(process)
            empty = await _cost(http, process, "/bench/empty", headers)
            print(f"an empty page costs {empty:.1f} ms now", end=", ", flush=True)
            for what, path in paths:
                what = f"server CPU of {what}, {sessions:,} sessions"
                cost = await _cost(http, process, path, headers)
                if cost is None:
                    results.append(Result(what, f"≤ {GOAL_MS} ms", "not there yet", False, skipped=True))
                else:
                    results.append(Result(what, f"≤ {GOAL_MS} ms", f"{cost:.0f} ms", cost <= GOAL_MS))
    return results


async def _quiet(process: Process) -> None:
    """Wait until what the server does by itself is done: it is no page's cost. Raises ``RuntimeError``."""
    started = time.monotonic()
    while time.monotonic() - started < QUIET_WITHIN:
        before = process.cpu()
        await asyncio.sleep(2)
        if (process.cpu() - before) / 2 < QUIET:
            print(f"quiet after {time.monotonic() - started:.0f} s", end=", ", flush=True)
            return
    raise RuntimeError("the server has not come to rest")


async def _cost(
    http: aiohttp.ClientSession, process: Process, path: str, headers: dict[str, str]
) -> float | None:
    """CPU ms of *path*, the median of some rounds; ``None`` if nothing answers there."""

    async def load(times: int) -> int:
        for _ in range(times):
            async with http.get(process.url + path, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                if answer.status != 200:
                    return answer.status
        return 200

    status = await load(3)
    if status == 404:
        return None
    if status != 200:
        raise RuntimeError(f"{path}: {status}: {process.said()}")
    rounds = []
    for _ in range(ROUNDS):
        before = process.cpu()
        await load(LOADS)
        rounds.append((process.cpu() - before) / LOADS * 1000)
    return statistics.median(rounds)


def _prepare(change: Change) -> int:
    """An operator, sessions in progress, and flags here and there."""
    now = clock.now()
    plugs = change.execute(
        select(Connector.id, Connector.charger_id).where(Connector.number > 0).limit(RUNNING)
    ).all()
    row = {
        "authorization": "Accepted",
        "id_tag": "CARD00000001",
        "account_id": 1,
        "energy_wh": 4_000,
        "has_reading": True,
        "power_w": 11_000,
        "flags": [],
    }
    for plug in plugs:
        began = now - timedelta(hours=1)
        times = dict.fromkeys(("started_at", "received_at", "energy_started_at"), began)
        times |= dict.fromkeys(("energy_ended_at", "reading_at"), now)
        place = {"charger_id": plug.charger_id, "connector_id": plug.id}
        change.execute(insert(ChargingSession), {**row, **times, **place})
    site = change.execute(select(Site.id).order_by(Site.id).limit(1)).scalar_one()
    for number in range(DISPLAYS):
        told = {"last_seen_at": now, "version": "1.0.0", "width": 1920, "height": 1080, "languages": "en,de"}
        add_display(change, f"Display {number}", site=site, browser="Chromium on Linux", **told)
    change.execute(text("""UPDATE sessions SET flags = '["clock_skew"]' WHERE id % 1000 = 7"""))
    return add_account(change, "Olga Operator", Role.OPERATOR)


def _paths(db: Connection) -> list[tuple[str, str]]:
    began, wh, session = ChargingSession.started_at, ChargingSession.energy_wh, ChargingSession.id
    thousandth = db.execute(
        select(began, session).order_by(began.desc(), session.desc()).offset(999 * 50 - 1).limit(1)
    ).one()
    by_energy = db.execute(
        select(wh, session)
        .where(ChargingSession.ended_at.is_not(None))
        .order_by(wh.desc(), session.desc())
        .offset(999 * 50 - 1)
        .limit(1)
    ).one()
    deep = Asked().turned("after", Place(*thousandth))
    deep_by_energy = Asked(sort="-energy").turned("after", Place(*by_energy))
    some = thousandth.id
    days = datetime.now(UTC).date() - timedelta(days=90)
    return [
        ("the overview", "/admin"),
        ("the chargers", "/admin/chargers"),
        ("a charger", "/admin/chargers/7"),
        ("the sessions, page 1", "/admin/sessions"),
        ("the sessions, page 1,000", deep),
        ("the sessions of a site", "/admin/sessions?site=3"),
        ("the sessions of a site, by energy", "/admin/sessions?site=3&sort=-energy"),
        ("the sessions of a driver", "/admin/sessions?driver=5"),
        ("the sessions by energy", "/admin/sessions?sort=-energy"),
        ("the sessions by energy, page 1,000", deep_by_energy),
        (
            "the finalized sessions of a site since a day",
            f"/admin/sessions?site=3&state=finalized&from={days}",
        ),
        ("the sessions to review of a site", "/admin/sessions?site=3&state=review"),
        ("a session", f"/admin/sessions/{some}"),
        ("the drivers", "/admin/drivers"),
        ("a driver", "/admin/drivers/5"),
        ("the cards", "/admin/cards"),
        ("the reservations", "/admin/reservations"),
        ("the plans", "/admin/plans"),
        ("the audit log", "/admin/audit"),
        ("the sites", "/admin/sites"),
        (f"the displays ({DISPLAYS} of them)", "/admin/displays"),
        ("a display", "/admin/displays/1"),
        ("the page of health", "/admin/health"),
    ]
