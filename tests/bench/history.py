"""All queries of one dashboard against 100,000 and 3,000,000 stored sessions."""

from __future__ import annotations

import atexit
import statistics
import tempfile
import time
from functools import cache
from pathlib import Path

from app import clock
from data.database import Change, Database
from data.migrate import migrate
from tests.bench.measures import Result
from tests.world import add_charger, add_site

SMALL, LARGE = 100_000, 3_000_000


async def history(small: int = SMALL, large: int = LARGE) -> list[Result]:
    """Both databases are asked in turns; each driver has the same number of sessions in both."""
    databases = {count: Database(f"sqlite:///{filled(count)}") for count in (small, large)}
    cost: dict[int, list[float]] = {small: [], large: []}
    for turn in range(30):
        for count, database in databases.items():
            cost[count].append(_dashboard(database, turn))
    for database in databases.values():
        database.close()
    first, second = (statistics.median(cost[count][5:]) * 1000 for count in (small, large))
    return [
        Result(
            f"all queries of one dashboard, {large:,} sessions against {small:,}",
            "≤ 1.3 ×",
            f"{second / first:.2f} × ({second:.1f} ms against {first:.1f} ms)",
            second / first <= 1.3,
        )
    ]


@cache
def filled(sessions: int) -> Path:
    """A SQLite file with so many *sessions* at 500 chargers of 20 sites; made once, gone with the process."""
    from app.simulation.history import fill

    folder = tempfile.TemporaryDirectory(prefix="polaris-bench-")
    atexit.register(folder.cleanup)
    file = Path(folder.name) / f"{sessions}.db"
    database = Database(f"sqlite:///{file}")
    migrate(database)
    started = time.monotonic()
    database.change_now(_chargers)
    fill(database, sessions=sessions, now=clock.now())
    database.close()
    print(f"{sessions:,} sessions in {time.monotonic() - started:.0f} s", end=", ", flush=True)
    return file


def _chargers(change: Change) -> None:
    """A driver sees 60 of them, an operator all."""
    for place in range(20):
        site = add_site(change, f"Site {place + 1}")
        for number in range(place * 25 + 1, place * 25 + 26):
            add_charger(
                change,
                f"BAY-{number}",
                site=site,
                seen=clock.now(),
                connectors=2,
                visible_to_all=number <= 60,
            )


def _dashboard(database: Database, turn: int) -> float:
    """CPU seconds of one driver's queries; other drivers in each turn, so that caches are not flattered."""
    from data.periods import Period, window
    from data.queries import chargers, plans, reservations, sessions, usage

    now = clock.now()
    total = 0.0
    for account in (1 + turn, 200 + turn, 500 + turn):
        started = time.thread_time()

        def ask(query, *arguments):  # type: ignore[no-untyped-def]
            return database.ask_now(query, *arguments)

        ask(sessions.active, account)
        ask(sessions.recent, account)
        ask(reservations.next_reservation, account, now)
        plan = ask(plans.current_plan, account, now.date())
        anchor = plan.anchor_day if plan is not None else None
        for period in Period:
            ask(usage.usage, account, window(period, now, "Europe/Berlin", anchor))
        ask(plans.plan_use, account, "Europe/Berlin", now)
        ask(chargers.visible_chargers, account, now)
        total += time.thread_time() - started
    return total / 3
