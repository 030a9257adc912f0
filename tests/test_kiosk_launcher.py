"""docs/kiosk/polaris-kiosk.sh: when it has the page loaded anew, and when it gives the browser up.

What it asks are stand-ins.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parent.parent / "docs" / "kiosk" / "polaris-kiosk.sh"
LOOKS = 24
"""More than a page may take until it is there."""
FIRST = 10
"""Looks for which it may."""


def connection(number: int, since: str, program: str = "chromium") -> str:
    """What ss says of one; only where it is asked for them (p) does it tell programs."""
    users = f"""users:(("{program}",pid=7,fd=30)) """
    return f"""case $1 in *p*) u='{users}' ;; *) u= ;; esac
        echo "0 0 10.0.0.2:1 10.0.0.1:443 ${{u}}uid:9 ino:7 sk:{number:x} cgroup:/ <->"
        echo '	 cubic lastsnd:7{since} lastack:1'
    """


HEARD, DEAF = connection(1, " lastrcv:9900"), connection(2, " lastrcv:14100")
"""The browser heard from the portal less, or more, than 14 seconds ago."""
HEARD_NOW = connection(3, "")
"""ss leaves out what is zero."""
OTHERS = connection(4, " lastrcv:200", "curl")


@dataclass(frozen=True, slots=True)
class Ended:
    """What it has done."""

    code: int | None
    """Unless it runs."""
    looks: int
    wants: str
    """What it asked ss for first."""
    whose: int
    """How often it wanted to know whose a connection is."""
    loads: list[int]
    """When it had the page loaded anew, in looks."""

    @property
    def pauses(self) -> list[int]:
        """Looks between one and the next; two of them are its own."""
        return [after - before for before, after in pairwise(self.loads)]


def launched(
    folder: Path,
    ss: str,
    curl: str = "printf 200",
    portal: str = "https://charge.example.org",
    looks: int = LOOKS,
) -> Ended:
    """It, until it has ended or looked so often."""
    asked, whose, pressed = folder / "asked", folder / "whose", folder / "pressed"
    programs = {
        "curl": curl,
        "xdotool": f'[ "$*" = "key F5" ] && wc -l <{asked} >>{pressed}',
        "ss": f'case $1 in *p*) echo >>{whose} ;; *) echo "$@" >>{asked} ;; esac\n{ss}',
        "chromium": "exec sleep 120",
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
        "POLARIS_KIOSK_WATCH": "0.001",
    }
    launcher = subprocess.Popen([str(LAUNCHER)], env=environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 90
        while launcher.poll() is None and time.monotonic() < deadline and len(lines(asked)) < looks:
            time.sleep(0.05)
        said = lines(asked)
        loads = [int(line) for line in lines(pressed)]
        return Ended(launcher.poll(), len(said), said[0], len(lines(whose)), loads)
    finally:
        launcher.terminate()
        launcher.wait(20)


def lines(file: Path) -> list[str]:
    """None of a file that is not there yet."""
    return file.read_text().splitlines() if file.exists() else []


def after_each_load(folder: Path, looks: int, heard: str = HEARD, deaf: str = DEAF) -> str:
    """It hears for so many *looks* after each load, and then no more."""
    return f"""
        last=$(tail -n 1 {folder / "pressed"} 2>/dev/null) || last=
        if [ "$(wc -l <{folder / "asked"})" -le $((${{last:-1000000}} + {looks})) ] && [ "$last" ]; then
            {heard}
        else
            {deaf}
        fi"""


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
    done = launched(tmp_path, HEARD, portal=portal, looks=1)
    assert done.code is None
    assert done.wants.endswith(f"dport = :{port}")


@pytest.mark.parametrize(
    ("ss", "is_helped"),
    [
        (HEARD, False),
        (HEARD_NOW, False),
        (DEAF, True),
        (f"{DEAF}{HEARD}", False),
        (f"{HEARD}{DEAF}", False),
        (OTHERS, True),
        (f"{DEAF}{OTHERS}", True),
        ("exit 0", True),
        ("exit 1", False),
        (f"case $1 in *p*) exit 1 ;; esac; {HEARD}", False),
    ],
    ids=[
        "heard",
        "heard right now",
        "deaf",
        "the first of two is deaf",
        "the second of two is deaf",
        "another program",
        "another program after the browser",
        "no connection",
        "ss fails",
        "ss can't say whose it is",
    ],
)
def test_a_page_that_hears_nothing_is_loaded_anew(tmp_path: Path, ss: str, is_helped: bool) -> None:
    """K5. Where nobody can say what it hears it is left alone: it would be loaded anew for ever."""
    done = launched(tmp_path, ss)
    assert (done.code, done.loads != []) == (None, is_helped)
    assert not is_helped or done.loads[0] >= FIRST, "at first it has time until it is there"


def test_whose_a_connection_is_is_asked_once(tmp_path: Path) -> None:
    """To answer it ss looks at all open files of all processes."""
    done = launched(tmp_path, HEARD)
    assert (done.looks >= LOOKS, done.whose) == (True, 1)


def test_a_page_is_not_loaded_anew_from_a_portal_that_is_not_up(tmp_path: Path) -> None:
    """That would put an error page of the browser in its place."""
    once = f"[ -e {tmp_path}/once ] && exit 7; touch {tmp_path}/once; printf 200"
    done = launched(tmp_path, DEAF, once)
    assert (done.code, done.loads) == (None, [])


def test_a_page_that_is_no_better_for_it_is_loaded_anew_ever_more_rarely(tmp_path: Path) -> None:
    """One that says 429 or asks for cookies comes back by itself, and is heard after each load; one that
    takes long would never come. The first three follow each other: K5.
    """
    done = launched(tmp_path, after_each_load(tmp_path, 4), looks=FIRST + 20 + 20 + 40 + 80 + 30)
    assert done.code is None
    assert all(4 <= pause <= 8 for pause in done.pauses[:3])
    assert [pause // 10 for pause in done.pauses[3:]] == [2, 4, 8], done.pauses


def test_a_page_that_was_well_is_helped_at_once_again(tmp_path: Path) -> None:
    """And the browser is not started anew for what has come together in years."""
    done = launched(tmp_path, after_each_load(tmp_path, 12), looks=200)
    assert done.code is None
    assert len(done.loads) > 9
    assert all(12 <= pause <= 16 for pause in done.pauses), done.pauses


def test_a_page_that_has_come_is_helped_like_the_first(tmp_path: Path) -> None:
    """However long what was before it took."""
    ss = f"""if [ "$(wc -l <{tmp_path}/pressed 2>/dev/null)" = 4 ]; then
        {after_each_load(tmp_path, 12)}
    else
        {DEAF}
    fi"""
    done = launched(tmp_path, ss, looks=FIRST + 8 + 16 + 8 + 30)
    assert len(done.pauses) >= 8
    assert all(pause <= 4 for pause in (*done.pauses[:3], *done.pauses[4:7])), done.pauses
    assert 12 <= done.pauses[3] <= 16
    assert 20 <= done.pauses[7] <= 24


def test_a_browser_that_hears_nothing_even_then_is_started_anew(tmp_path: Path) -> None:
    """Not soon: that heals a browser, but no portal and no certificate."""
    done = launched(tmp_path, DEAF, looks=1000)
    assert (done.code, len(done.loads)) == (1, 8)
    assert done.looks > 600
