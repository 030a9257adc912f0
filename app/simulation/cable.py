"""A charger's end of the websocket: frames out and in, one CALL at a time, answers found by their id."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.simulation.plug import Payload


class Offline(ConnectionError):
    """The charge point is not connected, or the connection broke before the answer came."""


class Refused(Exception):
    """The central system answered with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


@dataclass
class Cable:
    """A connection to a central system that can be lost and opened again; in ``async with`` it is opened.

    *url* is the address up to the identity, such as ``ws://127.0.0.1:8080/ocpp``.
    """

    url: str
    identity: str
    password: str | bytes | None = None
    protocol: str | None = "ocpp1.6"
    """The subprotocol offered; ``None`` offers none and speaks 1.6."""
    answer_timeout: float = 10
    """Seconds to wait for an answer."""
    headers: dict[str, str] = field(default_factory=dict)
    """Further request headers; an Authorization here replaces the one made of *password*."""

    def __post_init__(self) -> None:
        self.frames: deque[str] = deque(maxlen=500)
        """Every frame that came in, newest last."""
        self.arrived = asyncio.Event()
        """Set by each frame that comes in; whoever waits clears it."""
        self.close_code: int | None = None
        """How the last connection ended."""
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._wanted = False
        self._waiting: dict[str, asyncio.Future[Payload]] = {}
        self._line = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def online(self) -> bool:
        """True while the socket is open."""
        return self._connection is not None

    @property
    def subprotocol(self) -> str | None:
        """What the server chose."""
        return self._connection.subprotocol if self._connection is not None else None

    async def connect(self) -> None:
        """Open the connection (anew). Does not boot: call `boot` or `boot_up`."""
        headers = dict(self.headers)
        if self.password is not None and "Authorization" not in headers:
            secret = self.password.encode() if isinstance(self.password, str) else self.password
            credentials = base64.b64encode(self.identity.encode() + b":" + secret).decode()
            headers["Authorization"] = f"Basic {credentials}"
        connection = await connect(
            f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}",
            subprotocols=[Subprotocol(self.protocol)] if self.protocol else None,
            additional_headers=headers,
            compression=None,
            proxy=None,
            max_size=None,
            ping_interval=None,
            close_timeout=1,
        )
        self._wanted = True
        self._connection = connection
        self._reader = asyncio.create_task(self._read(connection), name=f"charge point {self.identity}")

    async def disconnect(self, *, abruptly: bool = False) -> None:
        """Leave the line; *abruptly*: without a word, like a cable that is cut."""
        self._wanted = False
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if abruptly:
            connection.transport.abort()
        else:
            await connection.close()
        if self._reader is not None and self._reader is not asyncio.current_task():
            await asyncio.wait([self._reader])

    async def close(self) -> None:
        """Leave the line for good, and end what is still going on inside."""
        await self.disconnect()
        tasks = [*self._tasks, *([self._reader] if self._reader is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def call(self, action: str, payload: Payload, *, timeout: float | None = None) -> Payload:
        """Send a CALL and return its answer.

        Raises `Refused` for a CALLERROR, `Offline` if the connection is or gets lost, ``TimeoutError``
        after *timeout* seconds.
        """
        async with self._line:
            connection = self._connection
            if connection is None:
                raise Offline(self.identity)
            message_id = str(uuid.uuid4())
            future: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
            self._waiting[message_id] = future
            try:
                await connection.send(orjson.dumps([2, message_id, action, payload]).decode())
                async with asyncio.timeout(self.answer_timeout if timeout is None else timeout):
                    return await future
            except ConnectionClosed as error:
                raise Offline(self.identity) from error
            finally:
                self._waiting.pop(message_id, None)

    async def send_raw(self, text: str | bytes) -> None:
        """Send a frame as it is, valid or not. Raises `Offline`."""
        if self._connection is None:
            raise Offline(self.identity)
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise Offline(self.identity) from error

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Carry out *work* behind the scenes; ends with `close`."""

        async def carry_out() -> None:
            with contextlib.suppress(Offline, Refused, TimeoutError):
                await work

        task = asyncio.create_task(carry_out())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def lost(self) -> None:
        """Called when the connection broke without our doing."""

    async def obey(
        self, connection: ClientConnection, message_id: str, action: str, payload: Payload
    ) -> None:
        """Answer a request of the central system."""
        await connection.send(orjson.dumps([4, message_id, "NotImplemented", "", {}]).decode())

    async def _read(self, connection: ClientConnection) -> None:
        try:
            async for frame in connection:
                text = frame if isinstance(frame, str) else frame.decode(errors="replace")
                self.frames.append(text)
                self.arrived.set()
                with contextlib.suppress(ConnectionClosed):
                    await self._take(connection, orjson.loads(text))
        except ConnectionClosed:
            pass
        finally:
            self.close_code = connection.close_code
            if self._connection is connection:
                self._connection = None
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(Offline(self.identity))
            self.arrived.set()
            if self._wanted:
                self.lost()

    async def _take(self, connection: ClientConnection, frame: list[Any]) -> None:
        kind: Literal[2, 3, 4] = frame[0]
        if kind == 2:
            await self.obey(connection, frame[1], frame[2], frame[3])
            return
        future = self._waiting.get(frame[1])
        if future is None or future.done():
            return
        if kind == 3:
            future.set_result(frame[2])
        else:
            future.set_exception(Refused(frame[2], frame[3]))
