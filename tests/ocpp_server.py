"""A real server with the real OCPP endpoint on it, for tests that talk to it through real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from app.charging.presence import Presence
from app.charging.sessions import Sessions
from fastapi import FastAPI

from app.charging.endpoint import Endpoint
from app.settings import Settings
from data.database import Database
from data.live import Live


@dataclass(frozen=True)
class OcppServer:
    """What runs behind ``url``, which ends in ``/ocpp``."""

    url: str
    database: Database
    live: Live
    sessions: Sessions
    presence: Presence
    endpoint: Endpoint


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals to pytest."""
        yield


@contextlib.asynccontextmanager
async def ocpp_server(
    database: Database, *, rate: float = 10_000, burst: int = 10_000, **settings: Any
) -> AsyncIterator[OcppServer]:
    """Serve *database*'s chargers on a free port of 127.0.0.1; *settings* are those of `app.settings`."""
    made = Settings(_env_file=None, **settings)
    live = Live()
    database.announce = live.announce
    database.start()
    sessions, presence = Sessions(database, live), Presence(database, live, made)
    endpoint = Endpoint(made, database, sessions, presence, rate=rate, burst=burst)
    app = FastAPI(openapi_url=None)
    endpoint.install(app)
    config = uvicorn.Config(
        app, "127.0.0.1", 0, ws="wsproto", ws_ping_timeout=None, lifespan="off", log_level="warning"
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
        if serving.done():
            await serving
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield OcppServer(f"ws://127.0.0.1:{port}/ocpp", database, live, sessions, presence, endpoint)
    finally:
        await endpoint.close()
        server.should_exit = True
        await serving
