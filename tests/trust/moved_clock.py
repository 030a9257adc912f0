"""A clock that the harness moves while the portal runs: both see the same file."""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

_SECONDS = struct.Struct("d")


class MovedClock:
    """The time of the machine and how far it was moved; in *file*, which is made if it is not there."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(_SECONDS.pack(0.0))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _SECONDS.size)

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead of the machine's."""
        return timedelta(seconds=_SECONDS.unpack_from(self._shared)[0])

    def now(self) -> datetime:
        """This moment as the portal takes it, in UTC."""
        return datetime.now(UTC) + self.ahead

    def move(self, by: timedelta) -> None:
        """Let it jump."""
        _SECONDS.pack_into(self._shared, 0, (self.ahead + by).total_seconds())
