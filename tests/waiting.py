"""Waiting for what is under way: as short as can be, and long enough for any machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE = 20.0
"""Seconds after which it is called lost. What a rule says of time is measured with a clock."""


async def until(is_so: Callable[[], object | Awaitable[object]], patience: float = PATIENCE) -> None:
    """Wait until *is_so* says so, asked or awaited. Raises ``AssertionError`` after *patience* seconds."""
    ends = time.monotonic() + patience
    while True:
        answer = is_so()
        if await answer if isinstance(answer, Awaitable) else answer:
            return
        assert time.monotonic() < ends, "it did not come about"
        await asyncio.sleep(0.01)
