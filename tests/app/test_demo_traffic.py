"""Simulated chargers at work, against the real process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, select

from app.simulation.traffic import PlannedCharger, PlannedPlug, run_chargers
from data.database import Change
from data.models import ChargingSession
from tests.browser.server import Server
from tests.world import add_charger, add_driver, add_site

PASSWORD = "a charger's password"
CHARGERS = [
    PlannedCharger(
        f"SIM-{protocol}",
        PASSWORD,
        protocol,
        (PlannedPlug("CCS", 150_000), PlannedPlug("Type 2", 22_000)),
        tags=("CAR1",),
        busy=1.0,
        reading_interval=0.1,
    )
    for protocol in ("ocpp1.6", "ocpp2.0.1")
]
QUIET = PlannedCharger("SIM-quiet", PASSWORD)
"""No car ever comes here."""


@pytest.fixture
def server(tmp_path: Path, migrated_file: Path) -> Iterator[Server]:
    server = Server(tmp_path, migrated_file, log_level="info")

    def fill(change: Change) -> None:
        site = add_site(change)
        for planned in (*CHARGERS, QUIET):
            hashed = PasswordHasher(time_cost=1, memory_cost=1_024, parallelism=1).hash(PASSWORD)
            add_charger(change, planned.identity, site=site, connectors=0, password_hash=hashed)
        add_driver(change, tag="CAR1")

    server.database.change_now(fill)
    yield server
    server.close()


def _sessions(db: Connection) -> list[tuple[int, bool, str]]:
    session = ChargingSession
    columns = session.energy_wh, session.ended_at.is_not(None), session.charger_id
    return [tuple(row) for row in db.execute(select(*columns).where(session.has_reading))]  # type: ignore[misc]


async def test_waiting_costs_nothing(server: Server) -> None:
    """A charger without cars sleeps, also when its time has come."""
    server.start()
    work = asyncio.create_task(run_chargers(server.ocpp, [QUIET], speed=100))
    await asyncio.sleep(2)
    before = time.process_time()
    await asyncio.sleep(1.5)
    spent = time.process_time() - before
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    assert spent < 0.2


async def test_cars_come_and_go(server: Server) -> None:
    """They wait for the portal, charge by both versions of OCPP, stop, and say nothing wrong (C6)."""
    server.port = 0
    server.start()
    url, port = server.ocpp, server.port
    server.stop()
    server.port = port
    work = asyncio.create_task(run_chargers(url, CHARGERS, speed=500))
    await asyncio.sleep(0.5)
    assert not work.done(), "they wait for a portal that is not there"
    await asyncio.to_thread(server.start)
    try:
        async with asyncio.timeout(40):
            while len({charger for _, ended, charger in server.database.ask_now(_sessions) if ended}) < 2:
                await asyncio.sleep(0.2)
                assert not work.done()
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
    assert sum(energy for energy, *_ in server.database.ask_now(_sessions)) > 0
    server.stop()
    said = server.output()
    assert "WARNING" not in said
    assert "Traceback" not in said
