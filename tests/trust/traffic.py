"""Chargers that do a lot in an hour, and remember what they did: the truth that the portal is held to."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from websockets.exceptions import InvalidHandshake

from app.simulation.charge_point import ChargePoint, Offline, Refused
from app.simulation.plug import Payload
from tests.trust import place

TROUBLE = (Offline, Refused, TimeoutError)
NOT_THERE = (OSError, InvalidHandshake, *TROUBLE)
IDLE = (*["Available"] * 3, "Preparing", "Finishing", "Faulted", "Unavailable", "SuspendedEV")
"""What a connector reports when it does not charge; free more often than not."""


@dataclass(slots=True)
class Charge:
    """A session as the charger saw it."""

    identity: str
    tag: str
    meter_start: int
    """Wh; no other session of this charger begins with it."""
    meter_stop: int | None = None
    transaction: str | None = None
    """The charger's own id, which it gives in OCPP 2.0.1."""


@dataclass(slots=True)
class Done:
    """What the chargers did."""

    statuses: int = 0
    """Changes of a connector's status that the portal answered."""
    charges: list[Charge] = field(default_factory=list)
    vanished: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass
class Point(ChargePoint):
    """A charge point whose clock is set by the portal's, as that of most is: at each heartbeat."""

    ahead: timedelta = timedelta(0)

    async def call(self, action: str, payload: Payload, *, timeout: float | None = None) -> Payload:
        """As any; an answer that tells the time sets the clock."""
        answer = await super().call(action, payload, timeout=timeout)
        if "currentTime" in answer:
            told = datetime.fromisoformat(answer["currentTime"])
            self.ahead = told - datetime.now(UTC)
        return answer


class Bay:
    """One charger and what happens at it."""

    def __init__(self, url: str, number: int, chance: random.Random, done: Done) -> None:
        self.number = number
        self.identity = f"BAY-{number}"
        self._tag = f"TRUST{number:03}"
        self._chance = chance
        self._done = done
        self._charging: dict[int, Charge] = {}
        self._busy = asyncio.Event()
        self._at_work = 0
        """Of its connectors, those that do something and don't wait until they may go on."""
        self._at_rest = asyncio.Event()
        self._busy.set()
        self.point = Point(
            url,
            self.identity,
            protocol="ocpp2.0.1" if number % 4 == 0 else "ocpp1.6",
            connectors=place.connectors(number),
            model="Trust",
            serial_number=f"SIM-{number}",
            persistent=True,
        )
        point = self.point
        point.clock = lambda: datetime.now(UTC) + point.ahead
        for plug in point.plugs.values():
            plug.meter_wh = chance.randrange(100_000, 900_000)

    async def run(self) -> None:
        """Be busy until cancelled."""
        try:
            await self._arrive()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat())
                group.create_task(self._vanish())
                for plug in self.point.plugs:
                    group.create_task(self._serve(plug))
        finally:
            await self.point.close()

    def rest(self) -> None:
        """Begin nothing new; charges stand still, heartbeats go on."""
        self._busy.clear()

    def go_on(self) -> None:
        """Be busy again."""
        self._busy.set()

    async def finish(self) -> None:
        """End all charges, and wait until the portal has been told everything. Call it when it rests."""
        await self._at_rest.wait()
        for number in list(self._charging):
            with contextlib.suppress(*TROUBLE):
                await self._stop(number)
        while self.point.backlog or not self.point.online:
            with contextlib.suppress(*TROUBLE):
                await self.point.replay()
            await asyncio.sleep(0.5)

    # --- by itself

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(*TROUBLE):
                await self.point.heartbeat()
                await self.point.replay()
            await asyncio.sleep(self._chance.uniform(5, 12))

    async def _arrive(self) -> None:
        while True:
            try:
                await self.point.connect()
                await self.point.boot_up()
            except NOT_THERE:
                await self.point.disconnect()
                await asyncio.sleep(self._chance.uniform(0.3, 2))
            else:
                return

    async def _vanish(self) -> None:
        """Now and then its line is cut, or it is switched off for a while."""
        while True:
            await asyncio.sleep(self._chance.uniform(60, 240))
            await self._busy.wait()
            if not self.point.online:
                continue
            await self.point.disconnect(abruptly=self._chance.random() < 0.7)
            self._done.vanished += 1
            await asyncio.sleep(self._chance.uniform(2, 40))
            await self._arrive()

    async def _serve(self, number: int) -> None:
        """One connector's hour."""
        self._at_work += 1
        while True:
            await self._may_go_on()
            try:
                if self._chance.random() < 0.35:
                    await self._charge(number)
                else:
                    await self._status(number, self._chance.choice(IDLE))
            except TROUBLE as trouble:
                if isinstance(trouble, Refused):
                    self._done.refused.append(str(trouble)[:200])
            await asyncio.sleep(self._chance.uniform(1, 9))

    async def _charge(self, number: int) -> None:
        point, plug = self.point, self.point.plugs[number]
        plug.meter_wh += self._chance.randrange(1, 50)  # so that no two begin with the same register
        if plug.transaction is not None:
            return
        await self._status(number, "Preparing", quietly=True)
        charge = self._charging[number] = Charge(self.identity, self._tag, plug.meter_wh)
        self._done.charges.append(charge)
        told = await point.start(number, self._tag)
        charge.transaction = told if isinstance(told, str) else None
        await self._status(number, "Charging", quietly=True)
        for _ in range(self._chance.randrange(2, 25)):
            await asyncio.sleep(self._chance.uniform(0.5, 2))
            await self._may_go_on()
            if number not in self._charging:
                return
            wh = plug.meter_wh + self._chance.randrange(5, 60)
            await point.meter_values(number, wh, power_w=self._chance.randrange(3_000, 22_000))
        await self._stop(number)
        await self._status(number, "Finishing", quietly=True)
        await asyncio.sleep(self._chance.uniform(0.5, 4))
        await self._may_go_on()
        await self._status(number, "Available", quietly=True)

    async def _may_go_on(self) -> None:
        self._at_work -= 1
        if not self._at_work:
            self._at_rest.set()
        await self._busy.wait()
        self._at_work += 1
        self._at_rest.clear()

    async def _stop(self, number: int) -> None:
        charge = self._charging.pop(number)
        plug = self.point.plugs[number]
        charge.meter_stop = plug.meter_wh + self._chance.randrange(0, 20)
        await self.point.stop(number, charge.meter_stop)

    async def _status(self, number: int, status: str, *, quietly: bool = False) -> None:
        changes = self.point.plugs[number].status != status
        try:
            await self.point.status(number, status, "GroundFailure" if status == "Faulted" else "NoError")
        except TROUBLE:
            if not quietly:
                raise
            return
        if changes and self.point.online:
            self._done.statuses += 1
