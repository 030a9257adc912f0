"""A small site behind the real door: our sign-in and error pages and two pages of a driver's."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Self

import httpx
import nicegui
import uvicorn
import websockets
from nicegui import ui
from nicegui.testing.general import nicegui_reset_globals
from websockets.asyncio.client import ClientConnection

from app.access import route_table, surface
from app.access.by_provider import ByProvider, configured
from app.access.identities import Identities
from app.access.one_time_links import Links
from app.access.own_password import Passwords
from app.access.route_table import To
from app.access.sign_ins import SignIns
from app.access.visitor import Driver, Operator
from app.mail import Mail
from app.settings import Settings
from data.database import Database
from data.live import Live
from tests import world
from tests.waiting import PATIENCE

PAGE = {"accept": "text/html"}
ROWS = [route_table.page(path, To.DRIVERS) for path in ("/broken", "/sessions/{number}", "/admin/people")]


@dataclass
class Site:
    """The app in this process, and what its pages have seen."""

    database: Database
    sign_ins: SignIns
    live: Live
    settings: Settings
    links: Links
    identities: Identities
    clicks: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Where our own pages come from."""
        return self.settings.public_url or "http://127.0.0.1"

    def browser(self, token: str | None = None, **options: Any) -> httpx.AsyncClient:
        """A browser without a window; it says where it comes from, as browsers do."""
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(nicegui.core.app, **options),
            base_url=self.origin,
            headers={"origin": self.origin, **PAGE},
        )
        if token is not None:
            client.cookies.set(self.sign_ins.cookie, token)
        return client

    async def driver(self, name: str = "Dana Driver", **values: Any) -> int:
        """A driver's id."""
        return await self.database.change(world.add_driver, name, **values)

    async def operator(self, name: str = "Olga Operator", **values: Any) -> int:
        """An operator's id."""
        return await self.database.change(world.add_account, name, world.Role.OPERATOR, **values)


@asynccontextmanager
async def site(database: Database, *, patience: float = 10, **settings: Any) -> AsyncIterator[Site]:
    """The site, running; it waits for an identity provider for *patience* seconds."""
    options = Settings(database_url=str(database.url), _env_file=None, **settings)  # type: ignore[call-arg]
    with nicegui_reset_globals():
        gc.freeze()  # as the fixture `portal` does
        os.environ["NICEGUI_USER_SIMULATION"] = "true"
        app = nicegui.app
        for route in [r for r in app.routes if not str(getattr(r, "path", "")).startswith("/_nicegui")]:
            app.routes.remove(route)
        handlers = dict(app.exception_handlers)
        live = Live()
        database.announce = live.announce
        database.start()
        links = Links(Passwords(database, options, Mail(options)))
        sign_ins = SignIns(database, options)
        by_provider = ByProvider(sign_ins, configured(options), links.passwords, patience=patience)
        made = Site(database, sign_ins, live, options, links, by_provider.identities)
        surface.install(app, options, made.sign_ins, by_provider, made.links)
        app.state.routes.add(*ROWS)
        stop = made.sign_ins.listen(live)
        portal: Any = SimpleNamespace(
            settings=options,
            database=database,
            live=live,
            sign_ins=made.sign_ins,
            by_provider=by_provider,
            links=links,
            passwords=links.passwords,
        )
        from app.pages import admin, confirm, errors, refusals, sign_in, welcome
        from app.pages import links as link_pages

        for pages in (sign_in, welcome, errors, refusals, admin, confirm, link_pages):
            pages.install(portal)
        _driver_pages(made)
        ui.run(title="Test")
        try:
            async with app.router.lifespan_context(app):
                yield made
                await asyncio.sleep(0)
        finally:
            stop()
            os.environ.pop("NICEGUI_USER_SIMULATION", None)
            app.exception_handlers.clear()
            app.exception_handlers.update(handlers)


def _driver_pages(site: Site) -> None:
    @ui.page("/")
    async def dashboard(driver: Driver, period: str = "current") -> None:
        ui.label(f"Hello {driver.name}, {period}")
        ui.button("Stop", on_click=lambda: site.clicks.append(driver.name))

    @ui.page("/broken")
    async def broken(driver: Driver) -> None:
        raise RuntimeError("secret-detail of the database")

    @ui.page("/sessions/{number}")
    async def session(driver: Driver, number: int) -> None:
        if number != 1:
            from app.access.visitor import not_found

            raise not_found()
        ui.label("Session 1")

    @ui.page("/admin/people")
    async def people(operator: Operator) -> None:
        ui.label("People")


class Server:
    """The app behind a real uvicorn, with the options of `app.serve`."""

    def __init__(self) -> None:
        # Lifespan is off: the site fixture has begun it already.
        config = uvicorn.Config(
            nicegui.core.app,
            host="127.0.0.1",
            port=0,
            ws="wsproto",
            lifespan="off",
            log_level="warning",
            proxy_headers=False,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._task: asyncio.Task[None] | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._serve())
        while not self._server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        return self

    async def _serve(self) -> None:
        sockets = [self._server.config.bind_socket()]
        await self._server._serve(sockets)

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        assert self._task is not None
        await self._task

    @property
    def host(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    async def page(self, path: str, cookie: str | None = None) -> PageIds:
        """Fetch a page as a browser does."""
        headers = dict(PAGE)
        if cookie is not None:
            headers["cookie"] = cookie
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://{self.host}{path}", headers=headers)
        assert answer.status_code == 200, answer.text[:300]
        return ids(answer.text)

    @asynccontextmanager
    async def socket(
        self, page: PageIds, *, cookie: str | None = None, origin: str | None = "", query: str | None = None
    ) -> AsyncIterator[Socket]:
        """The websocket of *page*; *origin* empty is our own, ``None`` sends none."""
        if query is None:
            query = (
                f"client_id={page.client_id}&next_message_id=0&implicit_handshake=true"
                f"&document_id=doc-{page.client_id}&tab_id=tab-{page.client_id}"
            )
        url = f"ws://{self.host}/_nicegui_ws/socket.io/?EIO=4&transport=websocket&{query}"
        headers = {} if cookie is None else {"cookie": cookie}
        if origin is not None:
            headers["origin"] = origin or f"http://{self.host}"
        async with websockets.connect(url, additional_headers=headers, proxy=None) as connection:
            yield Socket(connection)


@dataclass(frozen=True)
class PageIds:
    """What a page's script knows."""

    client_id: str
    html: str


def ids(html: str) -> PageIds:
    """The ids inside of a page."""
    found = re.search(r"'client_id': '([0-9a-f-]+)'", html)
    assert found is not None
    return PageIds(found[1], html)


class Refused(Exception):
    """Socket.IO's answer to a socket that may not come in."""


class Socket:
    """Socket.IO over a websocket, spelled out: what an attacker can write, we can."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def join(self) -> Self:
        """Open Engine.IO and the main namespace. Raises `Refused`."""
        assert (await self.receive()).startswith("0")
        await self._connection.send("40")
        answer = await self.receive()
        if answer.startswith("44"):
            raise Refused(answer)
        assert answer.startswith("40"), answer
        return self

    async def receive(self, timeout: float = PATIENCE) -> str:
        """The next frame."""
        return str(await asyncio.wait_for(self._connection.recv(), timeout))

    async def emit(self, name: str, message: Any, *, ask: bool = False) -> None:
        """Send an event."""
        await self._connection.send(("421" if ask else "42") + json.dumps([name, message]))

    async def messages(self, seconds: float) -> list[str]:
        """All that comes within *seconds*, the end of the socket as `closed`.

        A ping is answered, as a browser does: a socket that is silent for six seconds is closed for that.
        """
        got: list[str] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                try:
                    while True:
                        got.append(str(await self._connection.recv()))
                        if got[-1] == "2":
                            await self._connection.send("3")
                except websockets.ConnectionClosed:
                    got.append("closed")
        return got
