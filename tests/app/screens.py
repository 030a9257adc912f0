"""A screen without a picture: it keeps its cookie, loads `/kiosk`, and hears all that its page is sent."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie

import httpx
import websockets

from tests.app.access_site import PAGE, PageIds, Server, Socket, ids

NAME = "polaris-display"
LOADS = r'"open",.*"path":"/kiosk"'
"""What makes a browser load its page anew."""
HALF = re.compile(r'"text":"([2-9A-HJKMNP-Z]{4})"')


class Screen:
    """One screen before *server*; what it is sent is in ``heard``, pages and frames alike."""

    def __init__(self, server: Server, token: str | None = None, address: str = "127.0.0.1") -> None:
        self.server = server
        self.token = token
        self.address = address
        """Where it loads its pages from."""
        self.cookie: SimpleCookie = SimpleCookie()
        """What the last answer has brought, with all that was said of it."""
        self.heard: list[str] = []
        self.page: PageIds | None = None

    @property
    def brought(self) -> str | None:
        """Its cookie header."""
        return None if self.token is None else f"{NAME}={self.token}"

    async def get(self, path: str = "/kiosk", **headers: str) -> httpx.Response:
        """The answer to a request of its own; keeps the cookie that came with it."""
        brought = {} if self.brought is None else {"cookie": self.brought}
        there = httpx.AsyncHTTPTransport(local_address=self.address)
        async with httpx.AsyncClient(transport=there) as client:
            answer = await client.get(
                f"http://{self.server.host}{path}", headers={**PAGE, **brought, **headers}
            )
        self.cookie = SimpleCookie()
        for line in answer.headers.get_list("set-cookie"):
            if line.startswith(NAME + "="):
                self.cookie = SimpleCookie(line)
                self.token = self.cookie[NAME].value
        self.heard.append(answer.text)
        return answer

    async def load(self, **headers: str) -> PageIds:
        """Load `/kiosk`, and join nothing yet."""
        self.page = ids((await self.get(**headers)).text)
        return self.page

    @asynccontextmanager
    async def open(self, **headers: str) -> AsyncIterator[Socket]:
        """Load `/kiosk` and join its socket."""
        page = await self.load(**headers)
        async with self.server.socket(page, cookie=self.brought) as socket:
            yield await socket.join()

    async def until(self, socket: Socket, pattern: str, seconds: float = 10) -> float:
        """Listen until a frame matches *pattern*, if the page has not; how long that took.

        Raises ``TimeoutError``.
        """
        began = time.monotonic()
        if self.page is not None and re.search(pattern, self.page.html):
            return 0.0
        async with asyncio.timeout(seconds):
            while True:
                frame = await self._next(socket)
                if re.search(pattern, frame):
                    return time.monotonic() - began

    async def code(self, socket: Socket) -> str:
        """The code that it shows, or is about to."""
        await self.until(socket, HALF.pattern)
        return "".join(HALF.findall(self.heard[-1])[:2])

    async def end(self, socket: Socket, seconds: float = 10) -> float:
        """Listen until the socket is closed; how long that took."""
        began = time.monotonic()
        with contextlib.suppress(websockets.ConnectionClosed):
            async with asyncio.timeout(seconds):
                while True:
                    await self._next(socket)
        return time.monotonic() - began

    async def _next(self, socket: Socket) -> str:
        """The next frame; a ping is answered, as a browser does."""
        frame = await socket.receive(60)
        self.heard.append(frame)
        if frame == "2":
            await socket._connection.send("3")
        return frame
