"""A browser that leaves while its page is built: nobody is told of a failure that is none (T45)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import nicegui
import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.access.route_table import file
from app.portal import Portal


@pytest.mark.parametrize(
    ("said", "leaves", "failed"),
    [("No response returned.", True, False), ("No response returned.", False, True), ("broken", True, True)],
    ids=["left", "still there", "failed, and left"],
)
async def test_who_has_left_is_no_failure(
    portal: Portal, caplog: pytest.LogCaptureFixture, said: str, leaves: bool, failed: bool
) -> None:
    """And a failure stays one, whoever has left."""

    async def cut_short(request: Request) -> Response:
        raise RuntimeError(said)

    nicegui.app.add_route("/cut-short", cut_short)
    nicegui.app.state.routes.add(file("/cut-short"))
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/cut-short",
        "raw_path": b"/cut-short",
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        if not leaves:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pass

    with caplog.at_level(logging.INFO, "polaris.pages"), contextlib.suppress(RuntimeError):
        await nicegui.core.app(scope, receive, send)
    told = [one.getMessage() for one in caplog.records if one.name == "polaris.pages"]
    assert any("request failed" in one for one in told) is failed
    assert any("nobody waits" in one for one in told) is not failed
