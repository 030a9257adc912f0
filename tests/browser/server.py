"""The real process: `main.py` as a subprocess on a free port, ended by its pid."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx

from data.database import Database

ROOT = Path(__file__).resolve().parent.parent.parent
START = 60.0
"""Seconds that a start may take on a busy machine."""


class Server:
    """One portal with its own SQLite file. `database` opens the same file from outside of it."""

    def __init__(self, folder: Path, migrated: Path, **settings: str) -> None:
        """*migrated* is an empty file to copy; the portal itself migrates what it is given all the same."""
        self.folder = folder
        shutil.copy(migrated, folder / "polaris.db")
        self.database_url = f"sqlite:///{folder / 'polaris.db'}"
        self.settings = settings
        self.program = [str(ROOT / "main.py")]
        """What Python runs: tests that need another clock or version have an entry of their own."""
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.database = Database(self.database_url)

    @property
    def url(self) -> str:
        """Where browsers reach it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ocpp(self) -> str:
        """Where chargers reach it, without their identity."""
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def start(self) -> Self:
        """Start, or start again on the same port, and wait until it answers."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("NICEGUI_", "PYTEST_", "POLARIS_"))
        }
        environment.update({f"POLARIS_{name.upper()}": value for name, value in self.settings.items()})
        environment.update(POLARIS_DATABASE_URL=self.database_url, POLARIS_PORT=str(self.port))
        # What `tests.schedule` puts first stays there: without it a start costs twice as much.
        found = [one for one in environment.get("PYTHONPATH", "").split(os.pathsep) if one]
        environment["PYTHONPATH"] = os.pathsep.join([*found, str(ROOT)])
        self._output = (self.folder / "output.log").open("ab")
        before = self.output()
        self.process = subprocess.Popen(
            [sys.executable, "-W", "default", *self.program],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            said = self.output()[len(before) :]
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended by itself:\n{said}")
            if "Polaris Express is at http://127.0.0.1:" in said:
                self.port = int(said.split("Polaris Express is at http://127.0.0.1:")[1].split()[0])
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"{self.url}/sign-in").status_code == 200:
                        return self
            time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self.output()}")

    def output(self) -> str:
        """All it has printed."""
        path = self.folder / "output.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self) -> None:
        """SIGKILL: nothing can be saved any more."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self._end(signal.SIGINT)

    def close(self) -> None:
        """End everything, without a second for goodbyes; a test that is about them calls `stop`."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.database.close()

    def _end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        try:
            self.process.wait(30)  # on a busy machine, with its pages open
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._output.close()
