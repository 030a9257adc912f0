"""A screen that nobody sees: an X server whose pixels are read from a file. No part of a browser is asked."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import zxingcpp

HEAD = struct.Struct(">25I")
"""The head of an XWD picture, as X servers write it."""
PROGRAMS = "Xvfb", "xdotool", "curl", "ip", "ss"
"""The screen, and what the launcher asks: without ss it takes each page for one that lives."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Grey values, row by row."""

    width: int
    height: int
    grey: bytes

    @property
    def is_dark(self) -> bool:
        """Nothing is on it but the pointer of the mouse."""
        return sum(value > 60 for value in self.grey) < 1_000

    def codes(self) -> list[str]:
        """What the QR codes say that a reader finds."""
        found = zxingcpp.read_barcodes(memoryview(self.grey).cast("B", shape=[self.height, self.width]))
        return [code.text for code in found]


class VirtualScreen:
    """An X server of this machine; *name* is what DISPLAY is to be."""

    def __init__(self, name: str, file: Path) -> None:
        self.name = name
        self._file = file

    def picture(self) -> Picture:
        """What is on it now."""
        data = self._file.read_bytes()
        head = HEAD.unpack_from(data)
        length, width, height, line, colours = head[0], head[4], head[5], head[12], head[19]
        begin = length + 12 * colours
        rows = (data[begin + line * y : begin + line * y + 4 * width] for y in range(height))
        return Picture(width, height, b"".join(row[1::4] for row in rows))  # green is nearly what grey is


def require() -> None:
    """Skip the test where this machine lacks what the launcher and its screen need, or fail it in CI."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        why = f"needs {', '.join(missing)}: scripts/set-up browser installs them"
        if os.environ.get("CI") or os.environ.get("TESTS_NEED_SCREEN"):
            pytest.fail(why)
        pytest.skip(why)


@contextmanager
def virtual_screen(folder: Path, width: int = 1280, height: int = 720) -> Iterator[VirtualScreen]:
    """Start one, and end it afterwards."""
    told, tell = os.pipe()
    with (folder / "screen.log").open("wb") as log:
        server = subprocess.Popen(
            [
                *("Xvfb", "-displayfd", str(tell), "-screen", "0", f"{width}x{height}x24"),
                *("-nolisten", "tcp", "-fbdir", str(folder)),
            ],
            pass_fds=[tell],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    os.close(tell)
    try:
        with os.fdopen(told) as pipe:
            number = pipe.readline().strip()  # it listens now, or has ended
        if not number:
            raise RuntimeError((folder / "screen.log").read_text())
        yield VirtualScreen(f":{number}", folder / "Xvfb_screen0")
    finally:
        server.terminate()
        server.wait(10)
