"""The last frames of one charger, both directions, kept in memory as they came.

On the way of a frame this costs an append; every `CHUNK` frames are packed together, which takes a
few microseconds a frame and a tenth of the memory: 500 chargers with full logs of ordinary traffic
take about 20 MB. Frames are read and masked only when somebody looks (`shown_frames`).
"""

from __future__ import annotations

import json
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from app import clock

KEPT = 500
"""Frames of a charger that can be looked at."""
CHUNK = 50
LONGEST = 4_000
"""Characters of a frame that are kept."""
PACKED_BYTES = 128 * 1024
"""Of a charger, at most: what can't be packed well costs its oldest frames, not our memory."""
OPEN_CHARACTERS = 32 * 1024
"""Frames that are not packed yet; more are packed at once."""


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """One frame. *text* is cut at `LONGEST` characters; *length* is what it had."""

    at: datetime
    sent: bool
    """True if it went to the charger."""
    text: str
    length: int


class FrameLog:
    """The log of one charger, over its connections."""

    __slots__ = ("_open", "_open_size", "_packed", "_packed_size", "_watchers")

    def __init__(self) -> None:
        self._open: list[tuple[float, bool, str, int]] = []
        self._open_size = 0
        self._packed: deque[tuple[int, bytes]] = deque()
        """How many frames each holds, and they."""
        self._packed_size = 0
        self._watchers: dict[object, Callable[[], None]] = {}

    def add(self, text: str, *, sent: bool) -> None:
        """Keep a frame."""
        kept = text if len(text) <= LONGEST else text[:LONGEST]
        self._open.append((clock.now().timestamp(), sent, kept, len(text)))
        self._open_size += len(kept)
        if len(self._open) >= CHUNK or self._open_size > OPEN_CHARACTERS:
            self._pack()
        for watcher in list(self._watchers.values()):
            watcher()

    def frames(self) -> list[KeptFrame]:
        """The last `KEPT` frames, the oldest first."""
        rows: list[tuple[float, bool, str, int]] = []
        for _, packed in self._packed:
            rows += json.loads(zlib.decompress(packed))
        rows += self._open
        return [
            KeptFrame(datetime.fromtimestamp(at, UTC), sent, text, length)
            for at, sent, text, length in rows[-KEPT:]
        ]

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call *watcher*, which must be quick, for each frame; returns the function that ends it."""
        token = object()
        self._watchers[token] = watcher

        def stop() -> None:
            self._watchers.pop(token, None)

        return stop

    def _pack(self) -> None:
        packed = zlib.compress(json.dumps(self._open, separators=(",", ":")).encode(), 1)
        self._packed.append((len(self._open), packed))
        self._packed_size += len(packed)
        self._open, self._open_size = [], 0
        frames = sum(count for count, _ in self._packed)
        while len(self._packed) > 1:
            count, oldest = self._packed[0]
            if frames - count < KEPT and self._packed_size <= PACKED_BYTES:
                break
            self._packed.popleft()
            self._packed_size -= len(oldest)
            frames -= count
