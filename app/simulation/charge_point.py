"""A charge point that speaks real OCPP over a real socket: the demo's hardware, and the tests'.

It behaves as chargers do: one CALL at a time, transaction messages queued while offline and replayed
in order with new message ids, every incoming command answered and then carried out. What it says in
OCPP 1.6 and 2.0.1 is in `speech16` and `speech201`; the connection itself is `cable`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake

from app import clock
from app.simulation.cable import Cable, Offline, Refused
from app.simulation.plug import Payload, Plug, Transaction
from app.simulation.speech16 import Speech16
from app.simulation.speech201 import Speech201

__all__ = ["ChargePoint", "Offline", "Refused"]

Answer = Payload | Callable[[Payload], Payload] | None


@dataclass(slots=True)
class _Message:
    """A message about a transaction: kept until it is answered."""

    action: str
    payload: Payload
    transaction: Transaction | None
    answer: Payload | None = None
    attempts: int = 0


@dataclass
class ChargePoint(Cable):
    """A simulated charge point, to be used in ``async with`` (connects) or by `connect`.

    *url* is the address up to the identity, such as ``ws://127.0.0.1:8080/ocpp``. With *persistent*
    it connects again by itself when the connection breaks, reports its status and replays.
    Connecting raises what ``websockets`` raises: ``InvalidStatus`` for 401 and 404.
    """

    connectors: int = 1
    vendor: str = "Polaris"
    model: str = "Simulated"
    serial_number: str = "SIM-1"
    firmware: str = "1.0.0"
    persistent: bool = False
    restart_seconds: float = 0.2
    """How long a Reset takes it off the line."""
    clock: Callable[[], datetime] = clock.now
    """The charger's own clock: tests give it a wrong one."""

    on_start: Callable[[int, str], Awaitable[None]] | None = None
    """Called with (connector, tag) after a remote start was accepted, instead of starting at once."""
    on_stop: Callable[[int], Awaitable[None]] | None = None
    """Called with the connector after a remote stop was accepted, instead of stopping at once."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.speech: Speech16 | Speech201 = Speech201() if self.protocol == "ocpp2.0.1" else Speech16()
        self.plugs = {number: Plug(number) for number in range(1, self.connectors + 1)}
        self.configuration: dict[str, str] = self.default_configuration()
        self.answers: dict[str, Answer] = {}
        """Answers to incoming calls that replace the usual ones; ``None`` never answers."""
        self.received: deque[tuple[str, Payload]] = deque(maxlen=500)
        """The calls that came in: (action, payload), newest last."""
        self.interval = 300
        """Seconds between heartbeats, as the central system says in answer to the boot."""
        self._replaying = asyncio.Lock()
        self._backlog: deque[_Message] = deque()

    async def boot_up(self) -> None:
        """What a charger does after power-on: boot, the status of each connector, replay."""
        await self.boot()
        await self.report_all()
        await self.replay()

    async def report_all(self) -> None:
        """Report the charger's and each connector's present status."""
        if isinstance(self.speech, Speech16):  # 2.0.1 has no status of the whole station
            await self.status(0, "Available")
        for plug in self.plugs.values():
            await self.status(plug.number, plug.status)

    # -- messages

    async def boot(self) -> Payload:
        """BootNotification; the interval of the answer is kept."""
        answer = await self.call("BootNotification", self.speech.boot(self))
        self.interval = int(answer.get("interval") or self.interval)
        return answer

    async def heartbeat(self) -> Payload:
        """Heartbeat."""
        return await self.call("Heartbeat", {})

    async def status(
        self,
        connector: int,
        status: str,
        error_code: str = "NoError",
        info: str | None = None,
        at: datetime | str | None = None,
    ) -> None:
        """StatusNotification. Offline it is forgotten, as most chargers do."""
        if connector in self.plugs:
            self.plugs[connector].status = status
        if self.online:
            payload = self.speech.status(connector, status, error_code, info, self.time(at))
            await self.call("StatusNotification", payload)

    async def authorize(self, tag: str) -> bool:
        """Authorize; True if the tag is accepted."""
        return self.speech.accepted(await self.call("Authorize", self.speech.authorize(tag)))

    async def start(
        self,
        connector: int,
        tag: str,
        meter_start: float | None = None,
        *,
        at: datetime | str | None = None,
        **extra: Any,
    ) -> int | str:
        """Begin a transaction; returns its id, a negative one (1.6) if it could not be told yet.

        *meter_start* is Wh; without it the plug's own register is used. *extra* goes into the payload.
        """
        plug = self.plugs[connector]
        if meter_start is not None:
            plug.meter_wh = round(meter_start)
        charge = plug.transaction = self.speech.begin(self, plug, tag)
        register = plug.meter_wh if meter_start is None else meter_start
        message = self.speech.start(charge, register, self.time(at), not self.online, extra)
        await self._tell(*message, charge)
        return charge.id

    async def meter_values(
        self,
        connector: int,
        energy_wh: float | None = None,
        *,
        power_w: float | None = None,
        soc: float | None = None,
        samples: list[Payload] | None = None,
        context: str = "Sample.Periodic",
        at: datetime | str | None = None,
        transaction: bool = True,
    ) -> None:
        """Meter values of *connector*: the register in Wh, power in W, charge of the car in percent.

        *samples* replaces them by sampledValue entries of the version spoken. They belong to the
        transaction that is going on there, unless *transaction* is False.
        """
        plug = self.plugs.get(connector)
        charge = plug.transaction if plug is not None and transaction else None
        if plug is not None and energy_wh is not None:
            plug.meter_wh = round(energy_wh)
        sampled = samples if samples is not None else self.speech.sampled(energy_wh, power_w, soc, context)
        message = self.speech.values(connector, charge, sampled, self.time(at), not self.online)
        await self._tell(*message, charge)

    async def stop(
        self,
        connector: int,
        meter_stop: float | None = None,
        *,
        reason: str = "Local",
        at: datetime | str | None = None,
        samples: list[Payload] | None = None,
    ) -> None:
        """End the transaction on *connector*; *meter_stop* is the register in Wh."""
        plug = self.plugs[connector]
        charge, plug.transaction = plug.transaction, None
        if charge is None:
            raise ValueError(f"nothing is charging on connector {connector}")
        if meter_stop is not None:
            plug.meter_wh = max(plug.meter_wh, round(meter_stop))
        register = plug.meter_wh if meter_stop is None else meter_stop
        message = self.speech.stop(charge, register, reason, self.time(at), not self.online, samples or [])
        await self._tell(*message, charge)

    async def replay(self) -> None:
        """Send what was queued while offline, in order, each with a new message id."""
        async with self._replaying:
            while self._backlog and self.online:
                message = self._backlog[0]
                if message.transaction is not None:
                    self.speech.address(message.payload, message.transaction)
                try:
                    message.answer = await self.call(message.action, message.payload)
                except (Offline, TimeoutError):
                    return
                except Refused:
                    message.attempts += 1
                    if message.attempts < 3:
                        await asyncio.sleep(0.05 * message.attempts)
                        continue
                self._backlog.popleft()
                if message.transaction is not None and message.answer is not None:
                    self.speech.learn(message.transaction, message.answer)

    @property
    def backlog(self) -> int:
        """How many messages wait to be replayed."""
        return len(self._backlog)

    def time(self, at: datetime | str | None = None) -> str:
        """*at*, or the time of the charger's clock, as OCPP writes it; text goes out as it is."""
        if isinstance(at, str):
            return at
        return (at or self.clock()).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    async def _tell(self, action: str, payload: Payload, transaction: Transaction | None) -> None:
        self._backlog.append(_Message(action, payload, transaction))
        await self.replay()

    # -- what comes in

    def lost(self) -> None:
        """Come back, if it is meant to."""
        if self.persistent:
            self.soon(self._come_back())

    async def obey(
        self, connection: ClientConnection, message_id: str, action: str, payload: Payload
    ) -> None:
        """Answer a request of the central system, and carry it out."""
        self.received.append((action, payload))
        if action in self.answers:
            answer = self.answers[action]
            if answer is not None:
                said = answer(payload) if callable(answer) else answer
                await connection.send(orjson.dumps([3, message_id, said]).decode())
            return
        outcome = self.speech.incoming(self, action, payload)
        if outcome is None:
            await connection.send(orjson.dumps([4, message_id, "NotImplemented", "", {}]).decode())
            return
        await connection.send(orjson.dumps([3, message_id, outcome[0]]).decode())
        if outcome[1] is not None:
            self.soon(outcome[1])

    async def begin_charge(self, connector: int, tag: str) -> None:
        """What a remote start brings about: the car is plugged in, the transaction begins."""
        if self.on_start is not None:
            await self.on_start(connector, tag)
            return
        await self.status(connector, "Preparing")
        await self.start(connector, tag)
        await self.status(connector, "Charging")

    async def end_charge(self, connector: int, reason: str = "Remote") -> None:
        """What a remote stop brings about."""
        if self.on_stop is not None:
            await self.on_stop(connector)
            return
        await self.stop(connector, reason=reason)
        await self.status(connector, "Finishing")
        await self.status(connector, "Available")

    async def restart(self, reason: str) -> None:
        """What a Reset brings about: charges end, the line goes dead, and it boots again."""
        for plug in self.plugs.values():
            if plug.transaction is not None:
                await self.end_charge(plug.number, reason)
        await self.disconnect()
        await asyncio.sleep(self.restart_seconds)
        await self.connect()
        await self.boot_up()

    async def _come_back(self) -> None:
        pause = 0.2
        while self._wanted and not self.online:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5)
            with contextlib.suppress(OSError, InvalidHandshake, TimeoutError):
                await self.connect()
        if self.online:
            await self.report_all()
            await self.replay()

    def default_configuration(self) -> dict[str, str]:
        """The configuration keys it comes with."""
        return {
            "HeartbeatInterval": "300",
            "MeterValueSampleInterval": "60",
            "NumberOfConnectors": str(self.connectors),
            "SupportedFeatureProfiles": "Core,FirmwareManagement,Reservation,RemoteTrigger,SmartCharging",
        }
