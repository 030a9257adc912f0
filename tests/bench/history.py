"""All queries of one dashboard against 100,000 and 3,000,000 stored sessions."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from app import clock
from data.database import Change, Database
from data.migrate import migrate
from tests.bench.measures import Result
from tests.world import add_charger, add_site

SMALL, LARGE = 100_000, 3_000_000


async def history(small: int = SMALL, large: int = LARGE) -> list[Result]:
    """Both databases are asked in turns; each driver has the same number of sessions in both."""
    from app.simulation.history import fill

    with tempfile.TemporaryDirectory(prefix="polaris-bench-") as folder:
        databases = {}
        for count in (small, large):
            database = databases[count] = Database(f"sqlite:///{Path(folder) / str(count)}.db")
            migrate(database)
            started = time.monotonic()
            database.change_now(_chargers)
            fill(database, sessions=count, now=clock.now())
            print(f"{count:,} sessions in {time.monotonic() - started:.0f} s", end=", ", flush=True)
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


def _chargers(change: Change) -> None:
    site = add_site(change)
    for number in range(1, 61):
        add_charger(change, f"BAY-{number}", site=site, seen=clock.now())


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
