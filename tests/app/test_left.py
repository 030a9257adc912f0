"""A browser that leaves before it has its answer is no failure: nobody is told of one (T45, T63)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import nicegui
import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.access.route_table import file
from app.portal import Portal
from tests.browser.server import Server

FORM = b"application/x-www-form-urlencoded"
STATIC = f"/_nicegui/{nicegui.__version__}/static/nicegui.js"
POLLING = "/_nicegui_ws/socket.io/"
HALF = {"type": "http.request", "body": b"email=", "more_body": True}
RESET = struct.pack("ii", 1, 0)
"""What makes a socket's end a reset: whatever is on its way to it is lost."""


async def ask(method: str, path: str, said: Iterable[dict[str, Any]], *, leaves: bool = True) -> list[Any]:
    """What the portal answers to a browser that says *said*, and then leaves or waits."""
    own = [(b"host", b"127.0.0.1"), (b"origin", b"http://127.0.0.1"), (b"content-type", FORM)]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"EIO=4&transport=polling",
        "scheme": "http",
        "headers": own,
        "client": ("192.0.2.1", 5),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    messages, sent = iter(said), []

    async def receive() -> dict[str, Any]:
        message = next(messages, None)
        if message is None and not leaves:
            await asyncio.sleep(60)
        return message or {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    with contextlib.suppress(RuntimeError):
        await nicegui.core.app(scope, receive, send)
    return sent


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log calls an error, whoever wrote it."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("POST", "/auth/sign-in", []),
        ("POST", "/auth/sign-in", [HALF]),
        ("GET", POLLING, []),  # Engine.IO: KeyError("REQUEST_METHOD")
    ],
    ids=["form", "half a form", "polling"],
)
async def test_t45_who_has_left_is_no_failure(
    portal: Portal, caplog: pytest.LogCaptureFixture, method: str, path: str, said: list[dict[str, Any]]
) -> None:
    """T45, T63: else whoever hangs up fills the log, and health counts an error."""
    assert await ask(method, path, said) == []
    assert errors(caplog) == []


@pytest.mark.parametrize(
    ("broken", "leaves"),
    [("No response returned.", False), ("broken", True)],
    ids=["still there", "failed, and left"],
)
async def test_a_failure_stays_one(
    portal: Portal, caplog: pytest.LogCaptureFixture, broken: str, leaves: bool
) -> None:
    """Whoever has left."""

    async def fail(request: Request) -> Response:
        if leaves:
            await request.is_disconnected()
        raise RuntimeError(broken)

    nicegui.app.add_route("/broken", fail)
    nicegui.app.state.routes.add(file("/broken"))
    sent = await ask("GET", "/broken", [], leaves=leaves)
    assert sent[0]["status"] == 500
    assert any("request failed" in one for one in errors(caplog))


@pytest.fixture
async def process(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path, migrated_file)
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.close)


async def test_t45_sockets_that_are_cut_write_no_error(process: Server) -> None:
    """T45, T63: with the real server: at once, after a moment, and in the middle of several requests.

    What is compressed is held back until there is some of it: of a file whose reader has left by then,
    Starlette says "No response returned."
    """
    paths = ("/sign-in", STATIC, POLLING + "?EIO=4&transport=polling", "/look/polaris.css", "/kiosk")
    for turn in range(240):
        path = paths[turn % len(paths)]
        own = f"Host: 127.0.0.1:{process.port}\r\nSec-Fetch-Site: same-origin\r\nAccept: text/html\r\n\r\n"
        with socket.create_connection(("127.0.0.1", process.port)) as browser:
            browser.sendall(f"GET {path} HTTP/1.1\r\n{own}".encode() * (1 if turn % 4 else 4))
            if turn % 3 == 0:
                await asyncio.sleep(turn % 7 / 1000)
            if turn % 2:
                browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    await asyncio.to_thread(process.stop)
    told = [line[:200] for line in process.output().splitlines() if " ERROR " in line or "Traceback" in line]
    assert told == []
