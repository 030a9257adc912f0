"""Tests that measure time run alone: while one of them runs, the other workers wait at their next test."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """One test's time: beside other workers' tests, or *alone*. All workers name the same *folder*.

    All come in by the gate, one by one. Who must be alone stays in it until the others have left the room;
    without the gate they might never all be out of it at once.
    """
    with (folder / "gate").open("a") as gate, (folder / "room").open("a") as room:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # said, for a child process may hold the file open
