"""The demo: a portal on a database of its own, and a second process with its chargers.

Everything is made anew at each start, in a temporary folder that goes with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from zoneinfo import ZoneInfo

import nicegui

from app import clock
from app.settings import Settings, load, open_database
from app.simulation.site import ZONE, Demo, build
from app.simulation.traffic import PlannedCharger, encoded
from data.migrate import migrate

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 5.0
"""Seconds that the chargers may take to disconnect."""


class Chargers:
    """The second process, which ends with this one, however this one ends."""

    def __init__(self, url: str, planned: Sequence[PlannedCharger], seed: int) -> None:
        self._order = encoded(url, planned, seed)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Let the chargers connect."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.simulation.traffic"], cwd=ROOT, stdin=subprocess.PIPE
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._order)
        self._process.stdin.flush()

    def stop(self) -> None:
        """Wait until all of them have disconnected; calling it twice is harmless."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run_demo(
    run: Callable[[Settings], None],
    *,
    host: str,
    port: int,
    days: int,
    drivers: int,
    password: str | None = None,
    seed: int = 1,
    tell: Callable[[str], object] = print,
    progress: Callable[[int], object] = lambda done: None,
) -> None:
    """Make the demo's world, let *run* serve it on *host* and *port*, and its chargers connect.

    Returns after Ctrl-C or SIGTERM, with the chargers gone and the data deleted.
    """
    with TemporaryDirectory(prefix="polaris-demo-", ignore_cleanup_errors=True) as folder:
        settings = load(
            host=host,
            port=port,
            database_url=f"sqlite:///{Path(folder) / 'demo.db'}",
            public_url=None,
            extra_hosts="",
            trusted_proxies="",
            default_time_zone="Europe/Berlin",
            settle_after_minutes=1,  # nobody watches a demo for longer
            log_level="warning",  # 56 chargers that come and go would push the sign-ins off the screen
        )
        database = open_database(settings)
        try:
            migrate(database)
            demo = build(
                database,
                now=clock.now(),
                days=days,
                drivers=drivers,
                password=password,
                seed=seed,
                progress=progress,
            )
        finally:
            database.close()
        tell(_sign_ins(demo, settings.address, clock.now()))
        chargers = Chargers(f"ws://{host}:{port}/ocpp", demo.chargers, seed)
        nicegui.app.on_startup(chargers.start)
        nicegui.app.on_shutdown(lambda: asyncio.to_thread(chargers.stop))
        before = signal.signal(signal.SIGTERM, _end)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                run(settings)
        finally:
            chargers.stop()
            signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends the demo as Ctrl-C does; the server hands it on when it has closed."""
    raise KeyboardInterrupt


def is_dimmed(now: datetime) -> bool:
    """Whether it is night for the board of the demo's site (K14)."""
    here = now.astimezone(ZoneInfo(ZONE))
    return here.hour >= 22 or here.hour < 6


def _sign_ins(demo: Demo, address: str, now: datetime) -> str:
    width = max(len(email) for _, email in demo.sign_ins)
    lines = [
        f"A demo with 60 chargers ({len(demo.chargers)} are on the line, the others silent for hours) "
        f"and {demo.sessions:,} past sessions. Sign in as"
    ]
    lines += [f"  {email:<{width}}  {who}" for who, email in demo.sign_ins]
    lines.append(f"each with the password  {demo.password}")
    lines.append(f"Kiosk board, without a sign-in: {address}/kiosk/{demo.display}")
    if is_dimmed(now):
        lines.append("  (dimmed now, as each night from 22:00 to 6:00 at its site)")
    lines.append("Addresses with 127.0.0.1 work on this machine only.")
    return "\n".join(lines)
