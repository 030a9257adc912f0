"""One charger's line: its connection, its pace, and the requests of ours that wait for its answer."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from app.charging.ocpp.desk import Desk
from app.charging.ocpp.frame_log import FrameLog
from app.charging.ocpp.frames import MessageId, Payload
from app.charging.ocpp.schemas import Version

REMEMBERED_CALLS = 32
"""Requests without an answer that are remembered for a late one."""

SEND_SECONDS = 30.0
"""How long a charger may take no data before its connection is given up."""

Late = Callable[[Payload], Awaitable[None]]
"""What to do with an answer that comes after the time-out (C7)."""


class Offline(Exception):
    """The charger is not connected, or its connection broke before it answered."""


class NoAnswer(Exception):
    """The charger did not answer in time. It may still do what was asked."""


class CallRefused(Exception):
    """The charger answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


@dataclass(slots=True, eq=False)
class Connection:
    """One websocket of a charger."""

    websocket: WebSocket
    version: Version
    desk: Desk
    task: asyncio.Task[None] | None
    log: FrameLog
    password_hash: str | None = None
    """What its password was checked against; another one ends the connection."""
    closed: bool = False
    """Replaced by a newer one, or closed by us: what it still says is not listened to."""

    async def send(self, text: str) -> None:
        """Send a frame. Raises `Offline`.

        A charger that takes nothing any more (its cable is cut, and what was sent before fills the
        buffers) is given up after `SEND_SECONDS`: nobody but its own task waits for it until then.
        """
        self.log.add(text, sent=True)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.websocket.send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError, WebSocketDisconnect) as error:
            # The server's several ways to say that the socket is closed; a time-out is an OSError too.
            raise Offline from error


@dataclass(slots=True)
class Waiting:
    """A request of ours."""

    action: str
    future: asyncio.Future[Payload]
    late: Late | None


class Pace:
    """How many messages a charger may send: *rate* a second, after a burst of *burst* (T57)."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._left = float(burst)
        self._at = time.monotonic()

    @property
    def late(self) -> bool:
        """Whether the next message would have to wait."""
        return self._left + (time.monotonic() - self._at) * self._rate < 1

    def take(self) -> float:
        """Count one message; returns the seconds to wait before it is its turn."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        return 0.0 if self._left >= 0 else -self._left / self._rate


@dataclass(slots=True)
class Line:
    """What is kept of a charger over its connections."""

    charger_id: int
    pace: Pace
    connection: Connection | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a message is worked on: those of one charger come one after another (C13)."""
    presence: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while presence is told of a connection or its end, so that the order is kept (C3)."""
    calling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a request of ours is out: one at a time (C7)."""
    waiting: OrderedDict[MessageId, Waiting] = field(default_factory=OrderedDict)
    deviations: Counter[str] = field(default_factory=Counter)
    log: FrameLog = field(default_factory=FrameLog)
    """What was said last, for operators who look for what is wrong."""
    looking: asyncio.Task[None] | None = None
    """Asks what the operator has decided about the charger."""
    look_again: bool = False
    """Something was told of the charger since that was asked."""
    connects: deque[float] = field(default_factory=lambda: deque(maxlen=4))
    """When it connected, on the monotonic clock."""

    def remember(self, message_id: MessageId, waiting: Waiting) -> None:
        """Keep *waiting* until its answer comes; the oldest ones are forgotten."""
        self.waiting[message_id] = waiting
        while len(self.waiting) > REMEMBERED_CALLS:
            self.waiting.popitem(last=False)

    def hang_up(self) -> None:
        """Tell those who wait for an answer that it won't come on this connection."""
        for waiting in self.waiting.values():
            if not waiting.future.done():
                waiting.future.set_exception(Offline())
                waiting.future.exception()  # somebody may have stopped to wait for it

    def alternates(self) -> bool:
        """Note a connection; True for the fourth within a minute: two chargers share an id (T55)."""
        now = time.monotonic()
        self.connects.append(now)
        return len(self.connects) == 4 and now - self.connects[0] < 60
