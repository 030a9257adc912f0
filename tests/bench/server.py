"""The measured process: the portal as `main.py` makes it, and what it is compared with.

That is an empty page and a raw Socket.IO emit. Started as ``python -m tests.bench.server PORT FILE [CPU]``;
the measurement reads the process from outside.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

import nicegui
from nicegui import ui

from app import portal as portal_module
from app import serve
from app.access.route_table import file
from app.access.shares import Limits
from app.settings import Settings

PROBES = ("empty", "sign-in/{account_id}", "push/{kind}/{times}")


def main(port: int, file: str, cpu: int | None) -> None:
    """Serve on *port* until SIGINT; *cpu* pins the process to one core."""
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    settings = Settings(port=port, database_url=f"sqlite:///{file}", log_level="warning", _env_file=None)
    install = portal_module.install

    def install_with_probes(settings: Settings) -> portal_module.Portal:
        portal = install(settings)
        _probes(portal)
        return portal

    serve.install = install_with_probes  # type: ignore[attr-defined]
    serve.serve(settings)


def _probes(portal: portal_module.Portal) -> None:
    nicegui.app.state.shares.limit(Limits(loads=1_000_000, sockets=1_000_000))  # one sign-in plays many
    nicegui.app.state.routes.add(*(file("/bench/" + path) for path in PROBES))

    @ui.page("/bench/empty")
    def empty() -> None:
        """What any NiceGUI page costs."""

    @nicegui.app.get("/bench/sign-in/{account_id}")
    async def sign_in(account_id: int) -> dict[str, str]:
        return {portal.sign_ins.cookie: await portal.sign_ins.issue(account_id)}

    @nicegui.app.get("/bench/push/{kind}/{times}")
    async def push(kind: str, times: int) -> dict[str, float]:
        """CPU seconds for *times* pushes to each page: one live kWh, or a raw emit of the same size."""
        clients = [client for client in nicegui.Client.instances.values() if client.has_socket_connection]
        live = list(portal.live._sessions.values())
        payload = {"17": {"tag": "span", "text": "12.34", "class": ["live-kwh"]}, "_id": 0}
        before = time.process_time()
        for turn in range(times):
            if kind == "raw":
                for client in clients:
                    await nicegui.core.sio.emit("update", payload, room=client.id)
            else:
                portal.live.announce(
                    replace(
                        session.reading,
                        energy_wh=(session.reading.energy_wh or 0) + 10,
                        reading_at=datetime.now(UTC),
                    ).announcement(None)
                    for session in live
                )
            await asyncio.sleep(0.01 if turn % 10 else 0.05)
        await asyncio.sleep(0.5)
        return {"cpu": time.process_time() - before, "pages": len(clients), "sessions": len(live)}


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
