"""A real server with the real OCPP endpoint on it, for tests that talk to it through real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

from app.charging.ocpp.endpoint import Endpoint
from app.charging.presence import Presence
from app.charging.sessions import Sessions
from app.server_options import server_options
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


@contextlib.asynccontextmanager
async def ocpp_server(
    database: Database,
    *,
    rate: float = 10_000,
    burst: int = 10_000,
    ping_interval: float = 20,
    **settings: Any,
) -> AsyncIterator[OcppServer]:
    """Serve *database*'s chargers on a free port of 127.0.0.1; *settings* are those of `app.settings`."""
    made = Settings(_env_file=None, **settings)
    live = Live()
    database.announce = live.announce
    database.start()
    sessions = Sessions(database, live)
    presence = Presence(database, live, made, sessions)
    endpoint = Endpoint(made, database, sessions, presence, rate=rate, burst=burst)
    app = FastAPI(openapi_url=None)
    endpoint.install(app)
    endpoint.listen(live)
    # The options of the real server, with faster pings; a time-out for them would be as much faster.
    options = {"ws_ping_interval": 20.0, "ws_ping_timeout": 20.0, **server_options(made)}
    if options["ws_ping_timeout"] is not None:
        options["ws_ping_timeout"] *= ping_interval / options["ws_ping_interval"]
    options["ws_ping_interval"] = ping_interval
    config = uvicorn.Config(
        app,
        "127.0.0.1",
        0,
        ws="wsproto",
        lifespan="off",
        log_level="warning",
        **options,
    )
    config.load()
    server = uvicorn.Server(config)
    # Started without its main loop, which would take over the signals and end in steps of 0.1 s.
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield OcppServer(f"ws://127.0.0.1:{port}/ocpp", database, live, sessions, presence, endpoint)
    finally:
        await endpoint.close()
        for listener in server.servers:
            listener.close()
        await server.shutdown()
