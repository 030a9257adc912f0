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


class Room:
    """A worker's place in it: taken for a test, or kept for several that are alone one after the other."""

    def __init__(self) -> None:
        self._turn: contextlib.AbstractContextManager[None] | None = None

    def enter(self, folder: Path, *, alone: bool) -> None:
        """Take a `turn`, unless the last one was kept."""
        if self._turn is None:
            self._turn = turn(folder, alone=alone)
            self._turn.__enter__()

    @contextlib.contextmanager
    def alone(self, folder: Path) -> Iterator[None]:
        """For a part of a test that has taken its turn beside others: alone meanwhile."""
        self.leave()
        self.enter(folder, alone=True)
        try:
            yield
        finally:
            self.leave()
            self.enter(folder, alone=False)

    def leave(self) -> None:
        """Make room for others; nothing if that is done."""
        if self._turn is not None:
            taken, self._turn = self._turn, None
            taken.__exit__(None, None, None)
