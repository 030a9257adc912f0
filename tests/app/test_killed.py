"""SIGKILL at any moment loses nothing that was answered (C8), and the total goes on after it (M18)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app import clock
from app.simulation.charge_point import ChargePoint
from data.database import Change, Database
from data.models import ChargingSession, EnergyStep, MeterSample
from tests.world import add_charger, add_driver, add_site

ROOT = Path(__file__).resolve().parent.parent.parent
CHARGERS = 4
KILLS = 2
S = timedelta(seconds=1)


@contextlib.asynccontextmanager
async def process(url: str) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The endpoint in a process of its own: its address, and what to kill."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NICEGUI_", "PYTEST_"))}
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.ocpp_process",
        url,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert running.stdout is not None
        async with asyncio.timeout(60):
            line = await running.stdout.readline()
        assert line, "the process did not start"
        yield line.decode().strip(), running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


class Car:
    """A charge that goes on over all kills; one second of device time and 10 Wh a reading."""

    def __init__(self, number: int) -> None:
        self.identity = f"CP{number}"
        self.session: int | None = None
        self.answered = 0
        """The number of the last reading that was answered."""
        self.started_at = clock.now() - timedelta(hours=1)

    async def charge(self, url: str) -> None:
        """Send readings until the line breaks; what was not answered is sent again the next time."""
        with contextlib.suppress(Exception):
            async with ChargePoint(url, self.identity) as point:
                start = {
                    "connectorId": 1,
                    "idTag": "CARD1",
                    "meterStart": 500,
                    "timestamp": self.started_at.isoformat(),
                }
                answer = await point.call("StartTransaction", start)
                assert self.session in (None, answer["transactionId"])
                self.session = answer["transactionId"]
                while True:
                    await self._read(point, self.answered + 1)

    async def _read(self, point: ChargePoint, number: int) -> None:
        at = self.started_at + number * S
        values = {"timestamp": at.isoformat(), "sampledValue": [{"value": str(500 + 10 * number)}]}
        payload = {"connectorId": 1, "transactionId": self.session, "meterValue": [values]}
        await point.call("MeterValues", payload)
        self.answered = number

    async def stop(self, url: str) -> None:
        async with ChargePoint(url, self.identity) as point:
            at = self.started_at + (self.answered + 1) * S
            payload = {
                "transactionId": self.session,
                "meterStop": 500 + 10 * self.answered,
                "timestamp": at.isoformat(),
            }
            await point.call("StopTransaction", payload)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_what_was_answered_survives(database: Database) -> None:
    """C8, C9, M18: two kills in the midst of four charges."""

    def place(change: Change) -> None:
        site = add_site(change)
        for number in range(CHARGERS):
            add_charger(change, f"CP{number}", site=site)
        add_driver(change, tag="CARD1")

    database.change_now(place)
    url = database.url.render_as_string(hide_password=False)
    cars = [Car(number) for number in range(CHARGERS)]
    moments = random.Random(8)
    for _ in range(KILLS):
        before = [car.answered for car in cars]
        async with process(url) as (address, running):
            charging = [asyncio.create_task(car.charge(address)) for car in cars]
            async with asyncio.timeout(20):
                while any(car.answered <= old for car, old in zip(cars, before, strict=True)):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await asyncio.sleep(moments.random() * 0.3)
            running.kill()
            await running.wait()
            async with asyncio.timeout(20):
                await asyncio.gather(*charging)
        for car in cars:
            samples, energy = await database.ask(stored, car.session)
            # One more may have been committed whose answer did not get out.
            assert samples in (car.answered, car.answered + 1)
            assert energy == 10 * samples
    async with process(url) as (address, _):
        for car in cars:
            await car.stop(address)
    for car in cars:
        samples, energy = await database.ask(stored, car.session)
        assert energy == max(10 * car.answered, 10 * samples)
        assert await database.ask(steps_wh, car.session) == energy


def stored(db, session):  # type: ignore[no-untyped-def]
    """Samples and Wh of a session."""
    count = db.execute(
        select(func.count()).select_from(MeterSample).where(MeterSample.session_id == session)
    ).scalar_one()
    energy = db.execute(select(ChargingSession.energy_wh).where(ChargingSession.id == session)).scalar_one()
    return count, energy


def steps_wh(db, session):  # type: ignore[no-untyped-def]
    """Wh of a session's steps."""
    return db.execute(
        select(func.sum(EnergyStep.energy_wh)).where(EnergyStep.session_id == session)
    ).scalar_one()
