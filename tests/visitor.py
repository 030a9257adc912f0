"""The simulated visitor of these tests: NiceGUI's, which looks more often and waits longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from nicegui.testing.user import User

PATIENCE = 20.0
"""Seconds that a page has for what it does by itself, on a busy machine too. What a rule says of time is
measured with a clock.
"""


class Visitor(User):
    """Goes on as soon as the page is as it should be. NiceGUI's own looks three times, a tenth of a second
    apart, unless told how many *retries*: too seldom to be quick, and too few for a busy machine.
    """

    async def should_see(self, target: Any = None, *, retries: int | None = None, **what: Any) -> None:
        """Wait until the page has it."""
        if retries is None:
            await _until(lambda: self._sees(target, **what))
        await super().should_see(target, retries=retries or 1, **what)

    async def should_not_see(self, target: Any = None, *, retries: int | None = None, **what: Any) -> None:
        """Wait until the page does not have it."""
        if retries is None:
            await _until(lambda: not self._sees(target, **what))
        await super().should_not_see(target, retries=retries or 1, **what)


async def _until(is_so: Callable[[], bool]) -> None:
    """Look often at first, later ten times a second, and for `PATIENCE` at most."""
    ends, pause = time.monotonic() + PATIENCE, 0.01
    while not is_so() and time.monotonic() < ends:
        await asyncio.sleep(pause)
        pause = min(0.1, 1.3 * pause)
