"""docs/kiosk/polaris-kiosk.sh: when it has the page loaded anew, and when it gives the browser up.

What it asks are stand-ins.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parent.parent / "docs" / "kiosk" / "polaris-kiosk.sh"
LOOKS = 24
"""More than a page may take until it is there."""
HEARD, DEAF = (
    f"""echo '0 0 10.0.0.2:1 10.0.0.1:443 users:(("chromium",pid=7,fd=30))'; echo ' cubic{since}'"""
    for since in (" lastrcv:9900 lastack:1", " lastsnd:7 lastrcv:14100")
)
"""What ss says of a browser that heard from the portal less, or more, than 14 seconds ago."""


def launched(
    folder: Path,
    ss: str,
    curl: str = "printf 200",
    portal: str = "https://charge.example.org",
    looks: int = LOOKS,
) -> tuple[int | None, list[str], int]:
    """How it ended, if it has after some looks; what it asked ss for; how often a page was loaded anew."""
    asked, pressed = folder / "asked", folder / "pressed"
    programs = {
        "curl": curl,
        "xdotool": f'echo "$@" >>{pressed}',
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
        "POLARIS_KIOSK_WATCH": "0.01",
    }
    launcher = subprocess.Popen([str(LAUNCHER)], env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while launcher.poll() is None and time.monotonic() < deadline:
            if asked.exists() and len(asked.read_text().splitlines()) >= looks:
                break
            time.sleep(0.05)
        keys = pressed.read_text().splitlines() if pressed.exists() else []
        assert set(keys) <= {"key F5"}
        return launcher.poll(), asked.read_text().splitlines(), len(keys)
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
    ended, asked, _ = launched(tmp_path, HEARD, portal=portal, looks=1)
    assert ended is None
    assert asked[0].endswith(f"dport = :{port}")


@pytest.mark.parametrize(
    ("ss", "is_helped"),
    [
        (HEARD, False),
        (DEAF, True),
        (f"{DEAF}; {HEARD}", False),
        (HEARD.replace("chromium", "curl"), True),
        ("exit 0", True),
        ("exit 1", False),
    ],
    ids=["heard", "deaf", "one of two is deaf", "another program", "no connection", "ss fails"],
)
def test_a_page_that_hears_nothing_is_loaded_anew(tmp_path: Path, ss: str, is_helped: bool) -> None:
    """K5. Where nobody can say what it hears it is left alone: it would be loaded anew for ever."""
    ended, asked, loaded = launched(tmp_path, ss)
    assert (ended, loaded > 0) == (None, is_helped)
    assert loaded <= len(asked) / 2 - 4, "at first it has time until it is there"


def test_a_page_is_not_loaded_anew_from_a_portal_that_is_not_up(tmp_path: Path) -> None:
    """That would put an error page of the browser in its place."""
    once = f"[ -e {tmp_path}/once ] && exit 7; touch {tmp_path}/once; printf 200"
    assert launched(tmp_path, DEAF, once)[::2] == (None, 0)


def test_a_browser_that_hears_nothing_even_then_is_started_anew(tmp_path: Path) -> None:
    ended, _, loaded = launched(tmp_path, DEAF, looks=1000)
    assert (ended, loaded) == (1, 30)
