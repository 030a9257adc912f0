"""A large history in little time: for the big demo and for the bench.

The sessions are made by the database itself (one INSERT … SELECT a slice): some 50,000 a second on a
small machine. Everything follows from the seed: the same call makes the same history.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text

from data.database import Change, Database
from data.models import Account, ChargingSession, Connector, Mapping
from data.types import Role

SLICE = 250_000
"""Sessions a commit; the progress moves by this much."""
SESSIONS_A_DAY = 0.35
"""How often a driver charges, where a number of sessions is not given."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What `fill` made."""

    sessions: int
    steps: int
    account_ids: tuple[int, ...]
    """The drivers made, in the order of their names; any of them has an ordinary history."""
    seconds: float


def fill(
    database: Database,
    *,
    sessions: int,
    now: datetime,
    drivers: int | None = None,
    days: int = 400,
    time_zone: str = "Europe/Berlin",
    seed: int = 1,
    progress: Callable[[int], object] = lambda done: None,
) -> Filled:
    """Make *drivers* (without: one for 140 sessions), each with a mapped card, and their *sessions*.

    They are spread over the *days* before *now* and over all connectors that there are; raises
    ``ValueError`` if there is none. Ids ascend with time, so that each driver's rows lie among those of
    all others; sessions that cross a midnight of Central Europe have two energy steps. *progress* is
    called with the number of sessions made since its last call. Not for a portal in use: the indexes
    of the sessions are away while it runs.
    """
    began = time.perf_counter()
    drivers = drivers or max(1, round(sessions / (SESSIONS_A_DAY * 400)))
    if not database.ask_now(_connectors):
        raise ValueError("a history needs a connector to have happened at")
    accounts = database.change_now(_people, drivers, now, time_zone)
    first = database.ask_now(_last_session) + 1
    steps = 0
    database.change_now(_without_indexes)
    try:
        for begin in range(0, sessions, SLICE):
            end = min(begin + SLICE, sessions)
            steps += database.change_now(_slice, begin, end, sessions, first, now, days, seed, accounts)
            progress(end - begin)
    finally:
        database.change_now(_with_indexes)
    return Filled(sessions, steps, tuple(accounts), time.perf_counter() - began)


def _connectors(db: Connection) -> int:
    return db.execute(select(func.count()).where(Connector.number > 0)).scalar_one()


def _last_session(db: Connection) -> int:
    return db.execute(select(func.max(ChargingSession.id))).scalar_one() or 0


def _people(change: Change, drivers: int, now: datetime, time_zone: str) -> list[int]:
    known = change.execute(select(func.count()).select_from(Account)).scalar_one()
    numbers = range(known + 1, known + drivers + 1)
    change.execute(
        insert(Account),
        [
            {
                "role": Role.DRIVER,
                "email": f"driver-{number}@example.org",
                "name": f"Driver {number}",
                "time_zone": time_zone,
                "created_at": now,
            }
            for number in numbers
        ],
    )
    made = change.execute(select(Account.id).order_by(Account.id.desc()).limit(drivers)).scalars().all()
    accounts = sorted(made)
    change.execute(
        insert(Mapping),
        [
            {"id_tag": f"CARD{number:08}", "account_id": account, "created_at": now}
            for number, account in zip(numbers, accounts, strict=True)
        ],
    )
    return accounts


def _without_indexes(change: Change) -> None:
    for index in ChargingSession.__table__.indexes:  # type: ignore[attr-defined]
        if not index.unique:
            index.drop(change.connection)


def _with_indexes(change: Change) -> None:
    _cache(change, 400_000)
    for index in ChargingSession.__table__.indexes:  # type: ignore[attr-defined]
        index.create(change.connection, checkfirst=True)
    if change.connection.dialect.name == "postgresql":
        change.execute(text("ANALYZE sessions"))
    _cache(change, 16_000)


def _cache(change: Change, kilobytes: int) -> None:
    if change.connection.dialect.name == "sqlite":
        change.execute(text(f"PRAGMA cache_size = -{kilobytes}"))


def _slice(
    change: Change,
    begin: int,
    end: int,
    total: int,
    first: int,
    now: datetime,
    days: int,
    seed: int,
    accounts: list[int],
) -> int:
    """Sessions number *begin* up to and without *end* of *total*, and their steps: how many steps."""
    midnight = int(now.timestamp()) // 86_400 * 86_400
    for statement in _LOOKUPS_SQL:
        change.execute(text(statement))
    change.execute(text(_DRIVERS_SQL), {"first": accounts[0], "last": accounts[-1]})
    change.execute(text(_CONNECTORS_SQL))
    change.execute(
        text(_DRAW_SQL),
        {
            "begin": begin,
            "end": end,
            "total": total,
            "first": first,
            "since": midnight - days * 86_400,
            "span": days * 86_400,
            "drivers": len(accounts),
            "busy": max(1, len(accounts) // 4),
            "seed": seed * 7_919 % 2_147_483_647,
        },
    )
    words = _words(change)
    change.execute(text(_SESSIONS_SQL.format(**words)), {"settled": midnight - 86_400})
    steps = sum(change.execute(text(statement.format(**words))).rowcount for statement in _STEPS_SQL)
    for table in ("fill_drivers", "fill_connectors", "fill_sessions"):
        change.execute(text(f"DROP TABLE {table}"))
    if change.connection.dialect.name == "postgresql":
        change.execute(
            text("SELECT setval(pg_get_serial_sequence('sessions', 'id'), :last)"), {"last": first + end}
        )
    return steps


def _words(change: Change) -> dict[str, str]:
    """What SQLite and PostgreSQL say differently: moments out of seconds, and an empty list."""
    if change.connection.dialect.name == "sqlite":
        moment, empty = "strftime('%Y-%m-%d %H:%M:%S.000000', {0}, 'unixepoch')", "'[]'"
    else:
        moment, empty = "to_timestamp({0})", "CAST('[]' AS JSON)"
    return {
        "empty": empty,
        "crossing": _CROSSING_SQL,
        "started": moment.format("started"),
        "middle": moment.format("started + charging / 2"),
        "energy_ended": moment.format("started + charging"),
        "ended": moment.format("started + charging + parked"),
        "finalized": moment.format("started + charging + parked + 600"),
    }


_LOOKUPS_SQL = (
    """
    CREATE TEMPORARY TABLE fill_drivers
        (d INTEGER PRIMARY KEY, account_id INTEGER, mapping_id INTEGER, id_tag TEXT)
    """,
    """
    CREATE TEMPORARY TABLE fill_connectors
        (k INTEGER PRIMARY KEY, charger_id INTEGER, connector_id INTEGER, power_w INTEGER)
    """,
    """
    CREATE TEMPORARY TABLE fill_sessions
        (id BIGINT, d INTEGER, k INTEGER, started BIGINT, charging BIGINT, parked BIGINT, energy_wh BIGINT)
    """,
)
_DRIVERS_SQL = """
INSERT INTO fill_drivers
SELECT row_number() OVER (ORDER BY account_id, id) - 1, account_id, id, id_tag
FROM mappings WHERE account_id BETWEEN :first AND :last
"""
_CONNECTORS_SQL = """
INSERT INTO fill_connectors
SELECT row_number() OVER (ORDER BY id) - 1, charger_id, id, COALESCE(max_power_w, 11000)
FROM connectors WHERE number > 0
"""

# In steps: chances (numbers up to 2³¹ − 2 that look random and follow from n and the seed); which driver
# and connector; when and how long; how much.
_DRAW_SQL = """
WITH RECURSIVE numbers(n) AS (
    SELECT CAST(:begin AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :end
),
chances AS MATERIALIZED (
    SELECT n, n * :span / :total AS slot,
           ((n + :seed) * 16807 % 2147483647) * 48271 % 2147483647 AS a,
           ((n + :seed) * 39373 % 2147483647) * 48271 % 2147483647 AS b,
           ((n + :seed) * 69621 % 2147483647) * 48271 % 2147483647 AS c,
           ((n + :seed) * 630360 % 2147483647) * 48271 % 2147483647 AS e
    FROM numbers
),
timed AS MATERIALIZED (
    SELECT n, e, k, power_w,
           -- a quarter of the drivers have a third of the sessions more
           CASE WHEN a % 10 < 7 THEN a / 10 % :drivers ELSE a / 10 % :busy END AS d,
           -- a tenth of a day's sessions in the six hours after midnight
           :since + slot / 86400 * 86400 + CASE
               WHEN slot % 86400 < 8640 THEN slot % 86400 * 5 / 2
               ELSE 21600 + (slot % 86400 - 8640) * 5 / 6
           END AS started,
           -- fast chargers: 10 to 50 minutes; slow ones: 1 to 8 hours, then parked for up to two more
           CASE WHEN power_w > 40000 THEN 600 + c % 2400 ELSE 3600 + c % 25200 END AS charging,
           CASE WHEN power_w > 40000 THEN e % 300 ELSE e % 7200 END AS parked
    FROM chances JOIN fill_connectors ON k = b % (SELECT count(*) FROM fill_connectors)
)
INSERT INTO fill_sessions
SELECT :first + n, d, k, started, charging, parked,
       -- on average 25 to 75 % of what the plug can do, or of the 9 kW that a car takes from a slow one
       charging * (25 + e / 7 % 50) * CASE WHEN power_w > 40000 THEN power_w ELSE 9000 END / 360000
FROM timed
"""

_SESSIONS_SQL = """
INSERT INTO sessions (
    id, charger_id, connector_id, id_tag, "authorization", mapping_id, account_id, started_at, received_at,
    ended_at, stop_received_at, finalized_at, stop_reason, meter_start, meter_stop, energy_wh, has_reading,
    energy_started_at, energy_ended_at, reading_at, power_derived, replayed, flags, source
)
SELECT id, charger_id, connector_id, id_tag, 'Accepted', mapping_id, account_id, starts, starts,
       ends, ends, CASE WHEN started < :settled THEN finalized END, 'Local',
       id * 1000, id * 1000 + energy_wh, energy_wh, TRUE,
       starts, full_at, full_at, FALSE, FALSE, {empty}, 'ocpp'
FROM (
    SELECT fill_sessions.*, {started} AS starts, {energy_ended} AS full_at, {ended} AS ends,
           {finalized} AS finalized FROM fill_sessions LIMIT 10000000  -- SQLite: each moment computed once
) AS made JOIN fill_connectors ON fill_connectors.k = made.k JOIN fill_drivers ON fill_drivers.d = made.d
ORDER BY id
"""

# Two steps where a midnight of Central Europe, 23:00 UTC in winter and 22:00 in summer, is crossed.
_CROSSING_SQL = (
    "((started + 3600) / 86400 <> (started + charging + 3600) / 86400"
    " OR (started + 7200) / 86400 <> (started + charging + 7200) / 86400)"
)
_STEPS_SQL = (
    """
    INSERT INTO energy_steps (session_id, started_at, ended_at, energy_wh)
    SELECT id, {started}, {middle}, energy_wh * 3 / 5 FROM fill_sessions WHERE {crossing}
    """,
    """
    INSERT INTO energy_steps (session_id, started_at, ended_at, energy_wh)
    SELECT id, {middle}, {energy_ended}, energy_wh - energy_wh * 3 / 5 FROM fill_sessions
    WHERE {crossing}
    """,
)
