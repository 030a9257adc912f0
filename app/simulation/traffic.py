"""Simulated chargers at work: cars come, charge and go. Through the front door, over real sockets.

Run as a module it is the demo's second process: it reads what to do from standard input, and ends as
soon as that is closed, so it can't outlive the portal.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson
from websockets.exceptions import InvalidHandshake

from app.simulation.car import Car, is_dc
from app.simulation.charge_point import ChargePoint, Offline, Refused

TROUBLE = (Offline, Refused, TimeoutError)


@dataclass(frozen=True, slots=True)
class PlannedPlug:
    """One connector of a planned charger."""

    type: str = "Type 2"
    max_power_w: int = 22_000


@dataclass(frozen=True, slots=True)
class PlannedCharger:
    """A charger and what happens at it."""

    identity: str
    password: str | None = None
    protocol: str = "ocpp1.6"
    plugs: tuple[PlannedPlug, ...] = (PlannedPlug(),)
    tags: tuple[str, ...] = ()
    """Cards of the cars that come here; without any it stays as it is."""
    status: str = "Available"
    """What its connectors report while no car is there."""
    error_code: str = "NoError"
    info: str | None = None
    busy: float = 0.5
    """How likely a car is here when it begins, and how soon the next one comes."""
    always: bool = False
    """A car comes at once and again after each charge, and stays until it is full."""
    reading_interval: float = 15
    """Seconds between meter values."""


async def run_chargers(
    url: str, chargers: Sequence[PlannedCharger], *, seed: int = 1, speed: float = 1.0
) -> None:
    """Connect *chargers* to *url* (``ws://HOST:PORT/ocpp``) and keep them busy until cancelled.

    They wait for a portal that is not there yet and come back to one that went away. *speed* makes
    cars come and go that much faster; readings keep their interval and real power. Ends with all of
    them disconnected.
    """
    async with asyncio.TaskGroup() as group:
        for number, planned in enumerate(chargers):
            chance = random.Random(f"{seed} {planned.identity}")  # noqa: S311  # a simulation's, no secret
            group.create_task(_Charger(url, planned, chance, speed).run(number * 0.02))


class _Charger:
    def __init__(self, url: str, planned: PlannedCharger, chance: random.Random, speed: float) -> None:
        self.planned = planned
        self.chance = chance
        self.speed = speed
        self.point = ChargePoint(
            url,
            planned.identity,
            planned.password,
            protocol=planned.protocol,
            connectors=len(planned.plugs),
            model="Demo",
            serial_number=f"SIM-{planned.identity}",
            persistent=True,
        )
        for number, plug in self.point.plugs.items():
            plug.status = planned.status
            plug.meter_wh = chance.randrange(200_000, 9_000_000) + number

    async def run(self, delay: float) -> None:
        """Connect, and do what was planned, until cancelled."""
        await asyncio.sleep(delay)
        try:
            await self._arrive()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat())
                for number, plug in enumerate(self.planned.plugs, 1):
                    group.create_task(self._serve(number, plug))
        finally:
            await self.point.close()

    async def _arrive(self) -> None:
        while True:
            try:
                await self.point.connect()
                await self.point.boot_up()
                if self.planned.error_code != "NoError":
                    await self._report_trouble()
                return
            except (OSError, InvalidHandshake, *TROUBLE):
                await self.point.disconnect()
                await asyncio.sleep(0.3 + self.chance.random() * 0.4)

    async def _report_trouble(self) -> None:
        for number in self.point.plugs:
            await self.point.status(number, self.planned.status, self.planned.error_code, self.planned.info)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(max(1, self.point.interval))
            with contextlib.suppress(*TROUBLE):
                await self.point.heartbeat()

    async def _serve(self, number: int, plug: PlannedPlug) -> None:
        """One connector's day."""
        first = True
        while True:
            try:
                if not (first and (self.planned.always or self.chance.random() < self.planned.busy)):
                    await self._idle(number)
                first = False
                await self._car(number, plug)
            except TROUBLE:
                first = False
                await asyncio.sleep(1)

    async def _idle(self, number: int) -> None:
        """Until the next car comes, or somebody starts from afar."""
        pause = 45.0 if self.planned.always else self.chance.expovariate((0.2 + self.planned.busy) / 600)
        pause = max(5.0, pause) / self.speed
        while self.point.plugs[number].transaction is None:
            await asyncio.sleep(min(1.0, pause) if pause > 0 else 1.0)
            pause -= 1.0
            reserved = self.point.plugs[number].reservation_id is not None
            if pause <= 0 and self.planned.tags and not reserved and self.point.online:
                return

    async def _car(self, number: int, plug: PlannedPlug) -> None:
        """A car comes, charges and goes."""
        point, chance = self.point, self.chance
        if point.plugs[number].transaction is None:
            if not self.planned.tags:
                return
            await point.status(number, "Preparing")
            await asyncio.sleep((0.5 if self.planned.always else chance.uniform(2, 6)) / self.speed)
            tag = chance.choice(self.planned.tags)
            await point.authorize(tag)
            await point.start(number, tag)
            await point.status(number, "Charging")
        await self._charge(number, plug)
        await point.status(number, "Finishing")
        await asyncio.sleep(chance.uniform(8, 25) / self.speed)
        await point.status(number, self.planned.status)

    async def _charge(self, number: int, plug: PlannedPlug) -> None:
        """Readings until the car is full, has to go, or is stopped from afar."""
        point, chance = self.point, self.chance
        always = self.planned.always
        car = Car(
            battery_wh=77_000 if always else chance.choice((40_000, 52_000, 58_000, 77_000, 95_000)),
            soc=0.18 if always else chance.uniform(0.1, 0.7),
            ac_w=chance.choice((3_700, 7_400, 11_000, 11_000, 22_000)),
            dc_w=135_000 if always else chance.choice((48_000, 100_000, 135_000, 230_000)),
        )
        dc = is_dc(plug.type)
        until = 1.0 if always else min(1.0, car.soc + chance.uniform(0.05, 0.3))
        loop = asyncio.get_running_loop()
        leaves = loop.time() + (float("inf") if always else chance.uniform(180, 1_500) / self.speed)
        register, last = float(point.plugs[number].meter_wh), loop.time()
        interval = self.planned.reading_interval
        due = last
        while point.plugs[number].transaction is not None:
            due += interval
            await asyncio.sleep(max(0.0, due - loop.time()))
            if (charge := point.plugs[number].transaction) is None:
                return
            register += car.charge(loop.time() - last, plug.max_power_w, dc=dc)
            last = loop.time()
            if car.soc >= until or last >= leaves or not charge.accepted:
                reason = "EVDisconnected" if last >= leaves else "Local"
                await point.stop(number, round(register), reason=reason)
                return
            await point.meter_values(
                number,
                round(register),
                power_w=car.power_w(plug.max_power_w, dc=dc),
                soc=round(car.soc * 100),
            )


def encoded(url: str, chargers: Sequence[PlannedCharger], seed: int) -> bytes:
    """The line that tells the second process what to do."""
    return orjson.dumps({"url": url, "seed": seed, "chargers": [asdict(one) for one in chargers]}) + b"\n"


def _decoded(line: bytes) -> tuple[str, list[PlannedCharger], int]:
    told = orjson.loads(line)
    chargers = [
        PlannedCharger(
            **{
                **one,
                "plugs": tuple(PlannedPlug(**plug) for plug in one["plugs"]),
                "tags": tuple(one["tags"]),
            }
        )
        for one in told["chargers"]
    ]
    return told["url"], chargers, told["seed"]


async def _second_process() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=4_000_000)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    line = await reader.readline()
    if not line:
        return
    url, chargers, seed = _decoded(line)
    work = asyncio.create_task(run_chargers(url, chargers, seed=seed))
    told = asyncio.create_task(reader.read())  # ends when the portal closes the pipe, or is gone
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.cancel)
    await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work


if __name__ == "__main__":
    os.nice(5)  # the portal goes first where both want the same core
    asyncio.run(_second_process())
