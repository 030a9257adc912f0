"""No page takes for ever: one that is late is answered as one that failed, in our words (P26, T45).

NiceGUI has a limit of its own, and a page about it that is written for developers. This file puts ours
before it, where every page is made; a test with a slow page holds that place (T40).
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from nicegui.page import page

SECONDS = 10.0
"""For which a page may be built, if it does not ask for more itself."""
SPARE = 5.0
"""Seconds from our limit to NiceGUI's: our answer has to be drawn, on a machine that is busy."""


def install() -> None:
    """Give all pages that are made from now on a limit of ours."""
    page.__call__ = _make  # type: ignore[assignment, method-assign]


_theirs = page.__call__


def _make(self: page, build: Callable[..., Any]) -> Callable[..., Any]:
    seconds = max(SECONDS, self.response_timeout)
    self.response_timeout = seconds + SPARE

    @wraps(build)
    async def limited(*args: Any, **kwargs: Any) -> Any:
        async with asyncio.timeout(seconds):
            return await build(*args, **kwargs)

    return _theirs(self, limited if inspect.iscoroutinefunction(build) else build)
