"""The real portal process: started, ended, killed and stopped as an hour of bad luck does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.serve import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
START = 60.0
"""Seconds that a start may take on a busy machine."""


class PortalProcess:
    """One portal on *file*. Set *address*, which browsers use: a line that fails at times leads to it."""

    def __init__(self, folder: Path, file: Path, clock_file: Path) -> None:
        self._folder = folder
        self._clock_file = clock_file
        self.port = free_port("127.0.0.1", 0)
        self.address = ""
        self._file = file
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "portal.log"
        self.starts = 0

    @property
    def ocpp(self) -> str:
        """Where chargers reach it, without their identity."""
        return f"ws://127.0.0.1:{self.port}/ocpp"

    async def start(self) -> None:
        """Start it (again), and wait until it serves. Raises ``RuntimeError`` if it does not."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("NICEGUI_", "PYTEST_", "POLARIS_"))
        }
        environment |= {
            "POLARIS_PORT": str(self.port),
            "POLARIS_DATABASE_URL": f"sqlite:///{self._file}",
            "POLARIS_PUBLIC_URL": self.address,
            "POLARIS_SETTLE_AFTER_MINUTES": "1",
            "POLARIS_HEARTBEAT_INTERVAL": "10",
            "POLARIS_LOG_LEVEL": "warning",
            "PYTHONPATH": str(ROOT),
        }
        before = len(self.said())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220  # it is to go on when this ends
                [sys.executable, "-m", "tests.trust.server", str(self._clock_file)],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.starts += 1
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the portal ended by itself:\n{self.said()[before:][-3000:]}")
            if "Polaris Express is at " in self.said()[before:]:
                return
            await asyncio.sleep(0.1)
        raise RuntimeError(f"the portal did not start:\n{self.said()[before:][-3000:]}")

    async def end(self, how: signal.Signals) -> None:
        """SIGTERM or SIGKILL, and wait until it is gone."""
        assert self._process is not None
        self._process.send_signal(how)
        await asyncio.to_thread(self._wait)

    def freeze(self) -> None:
        """It hangs: SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on: SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Whatever it does, it ends now."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGTERM)
            self._wait()

    def said(self) -> str:
        """All it has printed and logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _wait(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
