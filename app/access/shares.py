"""How much of the portal one browser may take: page loads and sockets (T34).

Counted by the browser that is signed in, so that people behind one address don't hold each other up.
Whoever is not signed in is counted by address, with far more room: a company's drivers share one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from nicegui import background_tasks, core
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope

from app.access.frames import HANG_UP, LARGEST, Allowance, Breach, read
from app.access.sign_ins import SignIns
from app.access.tries import TooManyTries, Tries, neighbourhood
from data.queries.sign_ins import SignedIn

log = logging.getLogger("polaris.access")

BOUND = "polaris.bound"
"""In a socket's environment: it belongs to a page."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is too much."""

    loads: int = 60
    """Page loads a minute of a browser that is signed in; as many at once."""
    loads_of_address: int = 1_200
    """The same of an address, for whoever is not signed in."""
    sockets: int = 20
    """Sockets at the same time of a browser that is signed in."""
    sockets_of_address: int = 1_000
    """The same of an address, for whoever is not signed in."""
    bound_within: float = 10.0
    """Seconds for a socket to say which page it belongs to."""


class TooManyLoads(TooManyTries):
    """Too many pages were asked for; the next one can be in ``seconds``."""


class Shares:
    """What the browsers take at the moment."""

    def __init__(self, sign_ins: SignIns, limits: Limits | None = None) -> None:
        self._sign_ins = sign_ins
        self._sockets: dict[str, set[str]] = {}
        self._allowances: dict[str, tuple[str, Allowance]] = {}
        self.limit(limits or Limits())

    def limit(self, limits: Limits) -> None:
        """From now on *limits* hold, and all start with nothing taken."""
        self._limits = limits
        self._loads = Tries(burst=limits.loads, per_minute=limits.loads)
        self._loads_of_address = Tries(burst=limits.loads_of_address, per_minute=limits.loads_of_address)

    def install(self) -> None:
        """Count NiceGUI's sockets from now on, on both of their transports."""
        core.sio.eio.max_http_buffer_size = LARGEST
        core.sio.eio.on("connect", self.arrived)
        core.sio.eio.on("disconnect", self.left)

    async def load(self, request: HTTPConnection) -> None:
        """A page is asked for. Raises `TooManyLoads` and `silence.DatabaseSilent`."""
        key, is_signed_in = self._key(request, await self._sign_ins.current(request))
        try:
            (self._loads if is_signed_in else self._loads_of_address).take(key)
        except TooManyTries as many:
            log.warning("too many page loads of %s", key)
            raise TooManyLoads(many.seconds) from None

    async def arrived(self, socket: str, environ: dict[str, Any]) -> object:
        """Engine.IO has a new socket; what is not ``None`` or ``True`` sends it away."""
        connection = HTTPConnection(environ["asgi.scope"])
        key, is_signed_in = self._key(connection, await self._sign_ins.find(self._sign_ins.token(connection)))
        most = self._limits.sockets if is_signed_in else self._limits.sockets_of_address
        mine = self._sockets.setdefault(key, set())
        if len(mine) >= most:
            mine &= core.sio.eio.sockets.keys()
        if len(mine) >= most:
            log.warning("too many sockets of %s", key)
            return False
        mine.add(socket)
        self._allowances[socket] = key, Allowance()
        asyncio.get_running_loop().call_later(self._limits.bound_within, self._look_again, socket)
        return await core.sio._handle_eio_connect(socket, environ)

    async def left(self, socket: str, reason: object = None) -> None:
        """A socket has gone."""
        key, _ = self._allowances.pop(socket, ("", None))
        if (mine := self._sockets.get(key)) is not None:
            mine.discard(socket)
            if not mine:
                del self._sockets[key]
        await core.sio._handle_eio_disconnect(socket, reason)

    async def looked_at(self, scope: Scope, receive: Receive) -> Receive:
        """The body of a request that carries frames, after a look at each; a breach ends their socket.

        Raises `Breach`.
        """
        socket = parse_qs(scope["query_string"].decode("latin-1")).get("sid", [""])[0]
        found = self._allowances.get(socket)
        if found is None:
            return receive  # Engine.IO says what is wrong with it
        try:
            return await read(receive, found[1])
        except Breach as breach:
            await hang_up(socket, str(breach))
            raise

    def _look_again(self, socket: str) -> None:
        if socket in core.sio.eio.sockets and BOUND not in core.sio.environ.get(socket, {}):
            background_tasks.create(hang_up(socket, "it belongs to no page"), name="hang up")

    @staticmethod
    def _key(connection: HTTPConnection, found: SignedIn | None) -> tuple[str, bool]:
        if found is not None:
            return f"browser={found.browser_id}", True
        return f"address={neighbourhood(connection.client.host if connection.client else '')}", False


async def hang_up(socket: str, why: str) -> None:
    """End the Engine.IO connection *socket* itself, not only Socket.IO's part of it."""
    engine = core.sio.eio
    connection = engine.sockets.get(socket)
    if connection is None:
        return
    environ: Mapping[str, Any] = core.sio.environ.get(socket, {})
    end = environ.get("asgi.scope", {}).get(HANG_UP)
    if end is not None:
        await end(why)
        return
    log.warning("socket closed: %s", why)
    await connection.close(wait=False, abort=True)
    engine.sockets.pop(socket, None)
    await connection.queue.put(None)  # ends the writer, if it has become a websocket since
