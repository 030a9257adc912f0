"""The large history: plausible, reproducible, in time order, on both databases."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Connection, func, inspect, select

from app.simulation.history import fill
from data.database import Change, Database
from data.models import ChargingSession, EnergyStep
from tests.world import NOW, add_charger, add_site


def _place(change: Change) -> None:
    site = add_site(change)
    for number in range(1, 5):
        add_charger(change, f"CP{number}", site=site, connectors=2)


def _rows(db: Connection) -> list[tuple[int, int, datetime, datetime, datetime, int]]:
    columns = ("id", "account_id", "started_at", "energy_ended_at", "ended_at", "energy_wh")
    statement = select(*(getattr(ChargingSession, name) for name in columns)).order_by(ChargingSession.id)
    return [tuple(row) for row in db.execute(statement)]


def _steps(db: Connection) -> dict[int, tuple[datetime, datetime, int]]:
    statement = select(
        EnergyStep.session_id,
        func.min(EnergyStep.started_at),
        func.max(EnergyStep.ended_at),
        func.sum(EnergyStep.energy_wh),
    ).group_by(EnergyStep.session_id)
    return {session: (start, end, int(energy)) for session, start, end, energy in db.execute(statement)}


def test_a_history_is_plausible(database: Database) -> None:
    """Sessions in order of time, over all drivers; steps of the crossing ones bear their energy (P15)."""
    database.change_now(_place)
    seen: list[int] = []
    made = fill(database, sessions=2_000, now=NOW, drivers=20, days=100, progress=seen.append)
    rows = database.ask_now(_rows)
    assert (made.sessions, len(rows), sum(seen), len(made.account_ids)) == (2_000, 2_000, 2_000, 20)
    assert [row[2] for row in rows] == sorted(row[2] for row in rows)
    assert {row[1] for row in rows} == set(made.account_ids)
    for _, _, start, energy_end, end, energy in rows:
        assert start < energy_end <= end < NOW
        assert 0 < energy < 100_000
    steps = database.ask_now(_steps)
    assert made.steps == 2 * len(steps) > 0
    for session, _, start, energy_end, _, energy in rows:
        if start.date() != energy_end.date():
            continue  # UTC's midnight is none in Central Europe
        if session in steps:
            assert steps[session] == (start, energy_end, energy)


def test_a_history_follows_from_its_seed(sqlite_database: Database) -> None:
    """The same call makes the same history; another seed another one; both can follow each other."""
    sqlite_database.change_now(_place)
    for seed in (1, 1, 2):
        fill(sqlite_database, sessions=300, now=NOW, drivers=5, seed=seed)
    rows = [row[2:] for row in sqlite_database.ask_now(_rows)]
    assert rows[:300] == rows[300:600] != rows[600:]


def test_the_indexes_are_back(database: Database) -> None:
    """Without them the dashboard's queries would read the whole history."""
    before = {index["name"] for index in inspect(database.engine).get_indexes("sessions")}
    database.change_now(_place)
    fill(database, sessions=10, now=NOW)
    assert {index["name"] for index in inspect(database.engine).get_indexes("sessions")} == before


def test_a_history_needs_a_connector(sqlite_database: Database) -> None:
    """One sentence instead of a division by zero."""
    with pytest.raises(ValueError, match="needs a connector"):
        fill(sqlite_database, sessions=10, now=NOW)
