"""The launcher of docs/kiosk at work, as the service starts it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.browser.server import ROOT
from tests.browser.virtual_screen import VirtualScreen

LAUNCHER = ROOT / "docs" / "kiosk" / "polaris-kiosk.sh"


@contextmanager
def launched(
    folder: Path, screen: VirtualScreen, portal: str, token_file: Path | None = None, flags: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    """It, on *screen*; what it started ends with it."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DISPLAY": screen.name,
        "STATE_DIRECTORY": str(folder / "state"),
        "RUNTIME_DIRECTORY": str(folder / "run"),
        "POLARIS_KIOSK_PORTAL": portal,
        "POLARIS_KIOSK_TOKEN_FILE": str(token_file or folder / "none"),
        "POLARIS_KIOSK_EVERY": "1",
        # Tests run as root.
        "POLARIS_KIOSK_FLAGS": f"--no-sandbox --disable-gpu --disable-dev-shm-usage {flags}",
    }
    with (folder / "launcher.log").open("wb") as log:
        launcher = subprocess.Popen(
            [str(LAUNCHER)],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield launcher
    finally:
        started = children(launcher)
        if launcher.poll() is None:
            launcher.send_signal(signal.SIGTERM)
            launcher.wait(20)
        _, alive = psutil.wait_procs(started, 10)
        for process in alive:
            process.kill()


def children(launcher: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """What it has started."""
    try:
        return psutil.Process(launcher.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
