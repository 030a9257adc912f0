"""T1: what is installed is in the table and the other way round, and each visitor gets what it says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
import nicegui
from nicegui.dependencies import esm_modules, js_components
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, WebSocketRoute

from app.access import tokens
from app.access.acting import ActingAs
from app.access.frames import EVENTS
from app.access.route_table import SHUT, WEBSOCKET, WITH_FILE, Kind, RouteTable, Row, file, form
from app.access.shares import Limits
from app.portal import Portal
from data.database import Change
from tests import world

ORIGIN = "http://127.0.0.1"
ADDRESSES = count()


def installed(routes: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    """Each method and path of *routes*."""
    for route in routes:
        path = str(getattr(route, "path", route))
        if isinstance(route, Mount):
            yield from (("GET", f"{path}/{{path:path}}"),)
        elif isinstance(route, WebSocketRoute) or "WebSocket" in type(route).__name__:
            yield WEBSOCKET, path
        else:
            methods: set[str] = getattr(route, "methods", None) or {"GET"}
            yield from ((method, path) for method in methods - {"HEAD"})


async def test_the_table_and_the_installed_routes_are_the_same(portal: Portal) -> None:
    """T1: no route without its row, no row without its route; T36: uploads and the rest stay shut."""
    found = set(installed(nicegui.app.routes))
    mounts = {path for _, path in found if path.startswith("/_nicegui_ws")}
    listed = {
        (method, row.path)
        for row in nicegui.app.state.routes.rows
        for method in row.methods
        if row.path not in mounts or method == "GET"
    }
    shut = {(method, path) for method, path in found if path in SHUT}
    assert {path for _, path in shut} == SHUT
    assert sorted(found - shut - listed) == []
    assert sorted(listed - found) == []


def test_the_table_looks_up_what_a_route_would_match() -> None:
    """T1: exact paths, families of them, their methods; nothing else."""
    table = RouteTable((file("/a"), form("/a/{number}"), file("/b/{path:path}")))
    for method, path, row in (
        ("GET", "/a", "/a"),
        ("HEAD", "/a", "/a"),
        ("POST", "/a/7", "/a/{number}"),
        ("GET", "/b/c/d", "/b/{path:path}"),
    ):
        found = table.find(method, path)
        assert found is not None
        assert found.path == row
    for method, path in (
        *(("POST", "/a"), ("GET", "/a/7"), ("POST", "/a/7/8"), ("GET", "/a/"), ("GET", "/c")),
        *(("OPTIONS", "/a"), (WEBSOCKET, "/a"), ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "")),
        *(("GET", "/a\n"), ("GET", "//a"), ("get", "/a")),
    ):
        assert table.find(method, path) is None, (method, path)


async def test_what_is_not_in_the_table_is_not_there(portal: Portal) -> None:
    """T1, T36, T39: also where a library has a route for it; wrong methods alike."""

    async def hidden(request: Request) -> Response:
        return Response("what nobody listed")

    nicegui.app.add_route("/hidden", hidden, methods=["GET", "POST"])
    nicegui.app.add_route("/_nicegui/client/1/upload/2", hidden, methods=["POST"])
    version = nicegui.__version__
    async with browser() as client:
        for method, path in (
            ("GET", "/hidden"),
            ("POST", "/hidden"),
            ("POST", "/_nicegui/client/1/upload/2"),
            ("GET", f"/_nicegui/{version}/dynamic_resources/codehilite.css"),
            ("PUT", "/"),
            ("POST", "/"),
            ("GET", "/auth/sign-out"),
            ("OPTIONS", "/admin"),
        ):
            answer = await client.request(method, path)
            assert (answer.status_code, "nobody listed" in answer.text) == (404, False), (method, path)
        nicegui.app.state.routes.add(file("/hidden"))
        assert (await client.get("/hidden")).text == "what nobody listed"
    for path, extensions, sent in (
        ("/other", {"websocket.http.response": {}}, "websocket.http.response.start"),
        ("/other", {}, "websocket.close"),
    ):
        assert (await knock(path, extensions))["type"] == sent


async def test_each_visitor_gets_what_the_table_says(portal: Portal) -> None:
    """T1, T2, T4, T27, P2: each row, called as nobody, driver, other driver, operator, acting, display.

    K2, T60: a display is nobody everywhere but at `/kiosk`, whichever cookie it puts its token into.
    """
    nicegui.app.state.shares.limit(Limits(loads=10_000, loads_of_address=10_000))
    driver = await portal.database.change(world.add_driver, "Dana Driver")
    other = await portal.database.change(world.add_driver, "Ella Driver", tag="04BB")
    operator = await portal.database.change(world.add_account, "Olga Operator", world.Role.OPERATOR)
    ids = {"account_id": driver, "driver_id": driver, "operator_id": operator, "id": driver}
    ids["session_id"] = await portal.database.change(a_session, driver)
    ids["plan_id"] = await portal.database.change(world.add_plan, driver)
    ids["site_id"] = await portal.database.change(world.add_site, "Airport")
    of_display = tokens.new()
    named = {"site": ids["site_id"], "token_hash": tokens.hashed(of_display)}
    ids["display_id"] = await portal.database.change(world.add_display, **named)
    ids["charger_id"] = await portal.database.change(world.add_charger, "CP-ROUTES", site=ids["site_id"])

    async def cookie(visitor: str) -> str | None:
        if visitor == "nobody":
            return None
        if visitor == "display":
            return of_display
        token = await portal.sign_ins.issue({"driver": driver, "other": other}.get(visitor, operator))
        return await acting(portal, token, driver) if visitor == "acting" else token

    kept = {visitor: await cookie(visitor) for visitor, _ in nicegui.app.state.routes.rows[0].gets}
    assert [row.path for row in nicegui.app.state.routes.rows if row.gets.display != row.gets.nobody] == []
    wrong = []
    for row in nicegui.app.state.routes.rows:
        path = filled(row, ids)
        for visitor, status in row.gets:
            for method in sorted(row.methods):
                # A form may end the sign-in that it comes with: each gets its own.
                token = kept[visitor] if method == "GET" else await cookie(visitor)
                got = await status_of(portal, row, method, path, token)
                if got != status:
                    wrong.append(f"{method} {row.path} as {visitor}: {got}, the table says {status}")
    assert not wrong, "\n".join(wrong)


def a_session(change: Change, driver: int) -> int:
    charger = world.add_charger(change, site=world.add_site(change))
    return world.add_session(
        change, charger=charger, connector=1, account=driver, started_at=world.NOW, ended=False
    )


def test_the_events_of_a_page_s_socket_are_listed() -> None:
    """T1: no other reaches Socket.IO; `test_surface_contract` holds them against NiceGUI's."""
    assert sorted(EVENTS) == ["ack", "event", "handshake", "javascript_response", "log"]


@asynccontextmanager
async def browser(**headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without a window, on a page of ours."""
    # Each from an address of its own: how often one may try is no matter of this table (T19).
    transport = httpx.ASGITransport(nicegui.core.app, client=(f"192.0.2.{next(ADDRESSES)}", 5))
    given = {"origin": ORIGIN, "accept": "text/html", **headers}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=given) as client:
        yield client


async def status_of(portal: Portal, row: Row, method: str, path: str, token: str | None) -> int:
    """What *row* answers to who has *token*; its own kind of request, so that it means something."""
    both = f"{portal.sign_ins.cookie}={token}; {portal.displays.cookie.name}={token}"
    cookie = {} if token is None else {"cookie": both}
    if method == WEBSOCKET:
        sent = await knock(path, {"websocket.http.response": {}}, **cookie)
        return int(sent.get("status", 0))
    async with browser(**cookie) as client:
        if row.path.startswith("/_nicegui_ws") or row.from_servers:
            del client.headers["origin"]
        file = {"file": ("table.csv", b"A")} if row.encoding == WITH_FILE else None
        return (await client.request(method, path, files=file)).status_code


async def knock(path: str, extensions: dict[str, Any], **headers: str) -> Any:
    """The first answer to a websocket that a browser on another site opens."""
    given = {"host": "127.0.0.1", "origin": ORIGIN if path == "/other" else "http://evil.example", **headers}
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "ws",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("192.0.2.1", 5),
        "server": ("127.0.0.1", 80),
        "extensions": extensions,
        "subprotocols": [],
        "state": {},
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await nicegui.core.app(scope, receive, send)
    return sent[0]


def filled(row: Row, ids: dict[str, int]) -> str:
    """The path of *row* with the ids of this world, and otherwise with what nobody knows."""

    def value(found: re.Match[str]) -> str:
        name, _, convertor = found[1].partition(":")
        if row.kind is Kind.FILE and convertor == "path":
            return FILES.get(row.path.rsplit("/", 2)[-2], "nothing")
        return str(ids.get(name, tokens.new()))

    if "{key" in row.path and row.path.startswith("/_nicegui/"):
        return row.path.partition("/{key")[0] + of_nicegui(row.path)
    return re.sub(r"\{([^}]+)\}", value, row.path)


FILES = {"look": "polaris.css", "static": "nicegui.js"}


def of_nicegui(path: str) -> str:
    """A file of NiceGUI's components that there is, for the routes that serve those."""
    folder = path.split("/")[3]
    if folder == "components":
        return "/" + next(iter(js_components))
    key, root = next((key, found.path) for key, found in esm_modules.items())
    return f"/{key}/" + next(file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())


async def acting(portal: Portal, token: str, driver: int) -> str:
    """The token of the operator's browser after they have begun to act as *driver*."""
    cookie = f"{portal.sign_ins.cookie}={token}".encode()
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"cookie", cookie)]}
    request, response = Request(scope), Response()
    visitor = await portal.sign_ins.visitor(request)
    assert visitor is not None
    await ActingAs(portal.sign_ins).begin(visitor.caller, request, response, driver, "bill looks wrong")
    found = re.search(rf"{portal.sign_ins.cookie}=([\w-]+)", response.headers["set-cookie"])
    assert found is not None
    return found[1]
