"""The network between the screen and the portal: a TCP proxy that refuses, swallows and delays."""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum

CHUNK = 65_536


class State(StrEnum):
    """What becomes of what is sent."""

    OPEN = "open"
    REFUSES = "refuses"
    """Connections break, new ones are refused: the proxy in front was restarted, a cable leads elsewhere."""
    SWALLOWS = "swallows"
    """Nothing arrives and nobody is told: a radio link without reception."""
    DELAYS = "delays"
    """All comes late."""


class Line:
    """Leads from a port of its own to *target* on this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._passing = asyncio.Event()
        self._passing.set()
        self._delay = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.state = State.OPEN

    @property
    def address(self) -> str:
        """What the screen uses."""
        return f"http://127.0.0.1:{self.port}"

    async def begin(self) -> None:
        """Listen, on the same port each time."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def become(self, state: State, delay: float = 0.0) -> None:
        """Let *state* hold from now on; *delay* is seconds for `State.DELAYS`."""
        self.state = state
        self._delay = delay if state is State.DELAYS else 0.0
        if state is State.REFUSES:
            await self.end()
        elif self._server is None:
            await self.begin()
        if state is State.SWALLOWS:
            self._passing.clear()
        else:
            self._passing.set()

    def cut(self) -> None:
        """Break all connections, without a word."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def end(self) -> None:
        """Refuse, and break what there is."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._passing.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(back)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, back))
                    group.create_task(self._pump(there, writer))
            finally:
                self._writers.discard(back)
                back.transport.abort()
        except (OSError, ExceptionGroup):
            pass  # the portal is not there, or one side has gone
        except asyncio.CancelledError:
            pass  # the server's own callback logs a cancelled task as a failure
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._passing.wait()
            if self._delay:
                await asyncio.sleep(self._delay)
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError, RuntimeError):
            await asyncio.sleep(0.05)
        raise ConnectionResetError  # one side ended: so does the other
