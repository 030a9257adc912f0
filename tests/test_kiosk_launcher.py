"""docs/kiosk/polaris-kiosk.sh: when it takes the browser for lost. What it asks are stand-ins."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parent.parent / "docs" / "kiosk" / "polaris-kiosk.sh"
LOOKS = 5
"""Three in a row without a connection are enough for it to begin anew."""


def launched(folder: Path, portal: str, ss: str) -> tuple[int | None, list[str]]:
    """How it ended, if it has after some looks; and what it has asked ss for."""
    asked = folder / "asked"
    programs = {
        "curl": "printf 200",
        "ss": f'echo "$@" >>{asked}\n{ss}',
        "chromium": "exec sleep 60",
        "xset": "",
        "xrandr": "",
        "ip": "",
    }
    (folder / "bin").mkdir()
    for name, does in programs.items():
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o700)
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "STATE_DIRECTORY": str(folder),
        "RUNTIME_DIRECTORY": str(folder),
        "POLARIS_KIOSK_PORTAL": portal,
        "POLARIS_KIOSK_WATCH": "0.1",
    }
    launcher = subprocess.Popen([str(LAUNCHER)], env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while launcher.poll() is None and time.monotonic() < deadline:
            if asked.exists() and len(asked.read_text().splitlines()) >= LOOKS:
                break
            time.sleep(0.05)
        return launcher.poll(), asked.read_text().splitlines()
    finally:
        launcher.terminate()
        launcher.wait(20)


@pytest.mark.parametrize(
    ("portal", "port"),
    [
        ("https://charge.example.org", 443),
        ("http://charge.example.org/", 80),
        ("https://charge.example.org:8443", 8443),
        ("https://[2001:db8::1]", 443),
        ("http://[2001:db8::1]", 80),
        ("http://[2001:db8::1]:8080/", 8080),
    ],
)
def test_the_port_is_the_one_of_the_address(tmp_path: Path, portal: str, port: int) -> None:
    """And a browser that has a connection there is left alone."""
    ended, asked = launched(tmp_path, portal, """echo 'users:(("chromium",pid=7,fd=30))'""")
    assert ended is None
    assert asked[0].endswith(f"dport = :{port}")


def test_a_browser_is_started_anew_only_if_it_is_known_to_have_no_connection(tmp_path: Path) -> None:
    """A failing ss says nothing: the browser would be started anew for ever."""
    for name, ss, how in (("silent", "exit 0", 1), ("failing", "exit 1", None)):
        (tmp_path / name).mkdir()
        ended, asked = launched(tmp_path / name, "https://charge.example.org", ss)
        assert (ended, len(asked) >= 3) == (how, True), name
