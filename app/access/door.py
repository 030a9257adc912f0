"""The door: one ASGI layer outside of everything else, so that no request and no answer misses it.

What is in the table of routes (T1), host names and proxies (T20), where changes and sockets come from
(T31, T37, T54), how much is asked and sent (T34–T36), headers (T44), and errors that tell nothing (T45).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import secrets
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import request_context
from app.access import frames, nonce
from app.access.frames import Breach, Frames
from app.access.route_table import BODY_LIMIT, FORM, WEBSOCKET, Kind, RouteTable, Row
from app.access.shares import Shares
from app.settings import Settings

log = logging.getLogger("polaris.access")

BODY_SECONDS = 30.0
"""Until all of a request has to be here: a form is small, and whoever holds one open holds what it costs."""
PAGE_SOCKETS = "/_nicegui_ws/"
CHARGERS = "/ocpp/"
KIOSK = "/kiosk"
AGAIN = "20"
"""Seconds after which a browser that was refused there loads again: nobody else would, before a screen on
a wall. A header, so that it goes with any answer.
"""
SOON = "3"
"""The same after an error of ours: one that a hang left behind is over when the hang is (K5)."""
ELSEWHERE = "5; url=/kiosk"
"""The same where a start address is good no more: the screen asks to be paired (K2)."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LOADED = frozenset({Kind.PAGE, Kind.DOWNLOAD})
"""What counts as a page load (T34); and so does asking for what is not there."""
LEFT = frozenset({"No response returned.", "'REQUEST_METHOD'"})
"""What Starlette says when a file is asked for, and Engine.IO when anything is, by a browser that has left
before: both stop without an answer, and the layer around them finds nothing to pass on.
"""
CLOSED = "the handler is closed"
"""The end of what the event loop says of a connection that has ended, until the server knows it, too."""
WRONG_NAME = (
    "This portal does not answer under this name. "
    "Whoever runs it can allow the name: POLARIS_PUBLIC_URL, POLARIS_EXTRA_HOSTS.\n"
)
WRONG_ORIGIN = (
    "This request does not come from a page of this portal. "
    "Whoever runs it behind a proxy says which address is its own: POLARIS_PUBLIC_URL.\n"
)
TOO_MUCH = "This is more than a form can hold.\n"
TOO_SLOW = "This form took too long to arrive.\n"
NO_FORM = "This is not encoded as our forms are.\n"

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?")
_FORWARDED = (
    *(b"x-forwarded", b"forwarded", b"x-real-ip", b"x-original-", b"x-rewrite-url", b"via", b"cdn-loop"),
    *(b"cf-connecting-ip", b"true-client-ip", b"x-client-ip", b"x-cluster-client-ip", b"fastly-client-ip"),
    *(b"x-envoy-", b"x-azure-", b"x-amzn-"),
)
"""Beginnings of headers that only proxies send."""
_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_SCHEMES = {"ws": "http", "wss": "https"}
_POWERS = b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
"""What no page of ours asks a browser for."""
_STRICT = b"default-src 'none'; frame-ancestors 'none'"
_PAGE = (
    "default-src 'none'; script-src 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; manifest-src 'self'; "
    "form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
)
"""`unsafe-eval` is Vue's compiler of templates, inline styles are Quasar's; everything else is strict."""


class Refusal(Exception):
    """A request that gets no further."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Door:
    """See the module."""

    def __init__(
        self,
        inner: ASGIApp,
        *,
        settings: Settings,
        routes: RouteTable,
        shares: Shares | None = None,
        form_targets: Sequence[str] = (),
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        """*form_targets* are origins that an answer to a form may lead to: those of identity providers."""
        self._inner = inner
        self._body_seconds = body_seconds
        self._routes = routes
        self._shares = shares
        self._frames = Frames(inner)
        self._forms = " ".join(("'self'", *form_targets))
        self._hosts = frozenset(name.strip("[]") for name in settings.hosts)
        self._public = None if settings.public_url is None else _plain_origin(settings.public_url)
        self._public_host = settings.public_host
        self._proxies = [
            ipaddress.ip_network(part.strip(), strict=False)
            for part in settings.trusted_proxies.split(",")
            if part.strip()
        ]
        self._headers = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"x-frame-options", b"DENY"),
            (b"permissions-policy", _POWERS),
        ]
        if settings.secure:
            self._headers.append((b"strict-transport-security", b"max-age=31536000"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in what may come in."""
        if scope["type"] not in ("http", "websocket"):
            await self._inner(scope, receive, send)
            return
        scope[request_context.REQUEST_ID] = request_context.begin(scope)
        self._believe_proxy(scope)
        row = self._routes.find(scope.get("method", WEBSOCKET), scope["path"])
        try:
            self._check(scope, Headers(scope=scope), row)
        except Refusal as refusal:
            _tell(scope, refusal)
            if scope["type"] == "websocket":
                await _deny(scope, send, refusal)
            else:
                await PlainTextResponse(refusal.text, refusal.status)(
                    scope, receive, self._sealed(scope, send)
                )
            return
        if scope["type"] == "websocket":
            of_page = scope["path"].startswith(PAGE_SOCKETS)
            await (self._frames if of_page else self._inner)(scope, receive, send)
        else:
            await self._answer(scope, receive, send, row)

    # --- what comes in

    def _believe_proxy(self, scope: Scope) -> None:
        """Take address, scheme and host from a trusted proxy's headers; nobody further in sees them."""
        said = {name: value for name, value in scope["headers"] if name.startswith(_FORWARDED)}
        if not said:
            return
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in said]
        scope[request_context.BY_PROXY] = "unknown"
        if scope.get("client") is None or not self._is_proxy(scope["client"][0]):
            return
        scope[request_context.BY_PROXY] = "trusted"
        # Each proxy appends: the last entries are those of ours, what stands before them anybody's.
        for hop in reversed(_list(said.get(b"x-forwarded-for"))):
            scope["client"] = (hop, 0)
            if not self._is_proxy(hop):
                break
        if (proto := _list(said.get(b"x-forwarded-proto"))) and proto[-1].lower() in ("http", "https"):
            secure = proto[-1].lower() == "https"
            scope["scheme"] = ("http", "ws")[scope["type"] == "websocket"] + "s" * secure
        if host := _list(said.get(b"x-forwarded-host")):
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [*others, (b"host", host[-1].encode("latin-1"))]

    def _is_proxy(self, address: str) -> bool:
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._proxies)

    def _check(self, scope: Scope, headers: Headers, row: Row | None) -> None:
        hosts = [host.lower() for host in headers.getlist("host")]
        found = _HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if found is None:
            raise Refusal(400, "A request needs one Host.\n")
        name = found[1].strip("[]")
        if name not in self._hosts and not self._is_own_address(scope, name):
            raise Refusal(421, WRONG_NAME)
        path: str = scope["path"]
        if scope["type"] == "websocket" and path.startswith(CHARGERS):
            if "origin" in headers:  # chargers send none, browsers always do
                raise Refusal(403, WRONG_ORIGIN)
        elif (
            scope["type"] == "websocket" or path.startswith(PAGE_SOCKETS) or scope["method"] not in SAFE
        ) and not (
            self._is_own_origin(scope, headers, hosts[0], name) or _is_from_server(scope, headers, row)
        ):
            raise Refusal(403, WRONG_ORIGIN)
        if row is None and scope["type"] == "websocket":
            raise Refusal(404, "Not found\n")
        if row is not None and (row.kind is Kind.FORM or row.from_servers) and scope["method"] not in SAFE:
            # One without a type has no body that anybody reads.
            encoding = headers.get("content-type", FORM).partition(";")[0].strip().lower()
            if encoding != row.encoding:
                raise Refusal(415, NO_FORM)

    def _is_own_address(self, scope: Scope, name: str) -> bool:
        """True if *name* is the very address of this machine that the connection reached.

        So that a portal that listens on all addresses can be visited without a setting. A foreign site
        can give its name our address, but an address as name is nobody else's.
        """
        if self._public is not None or not scope.get("server") or scope["server"][0] != name:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _is_own_origin(self, scope: Scope, headers: Headers, host: str, name: str) -> bool:
        origins = headers.getlist("origin")
        if not origins:
            # Browsers leave it away on some requests to their own site, and then say so.
            return scope["type"] == "http" and headers.get("sec-fetch-site") == "same-origin"
        own = {self._public}
        if name != self._public_host:
            own.add(_plain_origin(f"{_SCHEMES.get(scope['scheme'], scope['scheme'])}://{host}"))
        return len(origins) == 1 and _plain_origin(origins[0]) in own

    # --- what goes out

    async def _answer(self, scope: Scope, receive: Receive, send: Send, row: Row | None) -> None:
        scope[nonce.KEY] = secrets.token_urlsafe(16)
        limit = BODY_LIMIT if row is None else row.limit
        if scope["path"].startswith(PAGE_SOCKETS):
            limit = frames.LARGEST
        taken, started, late, gone = 0, False, False, False
        deadline: float | None = None
        if scope["method"] not in SAFE:
            deadline = asyncio.get_running_loop().time() + self._body_seconds

        async def receive_limited() -> Message:
            nonlocal taken, late, gone, deadline
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                late = True
                raise Refusal(408, TOO_SLOW) from None
            gone = gone or message["type"] == "http.disconnect"
            if not message.get("more_body"):
                deadline = None  # all is here: what comes is that the browser leaves, whenever it does
            taken += len(message.get("body", b""))
            if taken > limit:
                raise Refusal(413, TOO_MUCH)
            return message

        sealed = self._sealed(scope, send, is_file=row is not None and row.kind is Kind.FILE)

        async def send_sealed(message: Message) -> None:
            nonlocal started
            started = True
            await sealed(message)

        try:
            if self._shares is not None and (row is None or row.kind in LOADED):
                await self._shares.load(HTTPConnection(scope))
            if row is None:
                raise HTTPException(404)
            await self._inner(scope, await self._looked_at(scope, receive_limited), send_sealed)
        except Exception as error:
            if started:
                raise  # half an answer can't be taken back; the server ends the connection
            if gone and (isinstance(error, ClientDisconnect) or str(error) in LEFT):
                return  # nothing has failed, and nobody waits
            # The layers between wrap what was raised: what counts is how much has come.
            plain = None
            if taken > limit:
                plain = PlainTextResponse(TOO_MUCH, 413)
            elif late:
                plain = PlainTextResponse(TOO_SLOW, 408, {"Connection": "close"})
            elif isinstance(error, Breach):
                plain = PlainTextResponse("This is no message of a page.\n", 400)
            response = plain or await _error(Request(scope, receive_limited), error)
            await response(scope, receive, sealed)

    async def _looked_at(self, scope: Scope, receive: Receive) -> Receive:
        """The body of *scope*'s request, if it carries frames of a page's socket, after a look at them."""
        if self._shares is None or scope["method"] != "POST" or not scope["path"].startswith(PAGE_SOCKETS):
            return receive
        return await self._shares.looked_at(scope, receive)

    def _sealed(self, scope: Scope, send: Send, *, is_file: bool = False) -> Send:
        is_kiosk = scope["path"] == KIOSK or scope["path"].startswith(KIOSK + "/")

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                page = headers.get("content-type", "").startswith("text/html")
                policy = _STRICT
                if page:
                    policy = _PAGE.format(nonce=scope.get(nonce.KEY, ""), forms=self._forms).encode()
                if (status := message["status"]) >= 400 and is_kiosk:
                    headers["refresh"] = ELSEWHERE if status == 404 else AGAIN if status < 500 else SOON
                if not is_file:
                    headers["cache-control"] = "no-store"  # nothing is left to go back to (T17)
                given = set(headers.keys())
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in self._headers if pair[0].decode() not in given),
                    (b"content-security-policy", policy),
                ]
            try:
                await send(message)
            except RuntimeError as error:
                if not str(error).endswith(CLOSED):
                    raise
                # The browser has left: what is sent goes nowhere, as the server itself has it a moment later.

        return sealed


def _tell(scope: Scope, refusal: Refusal) -> None:
    headers = Headers(scope=scope)
    host, origin = headers.get("host", "")[:200], headers.get("origin", "")[:200]
    # Neither path nor query: a stranger's request can carry somebody's token (T38).
    log.warning("refused status=%s kind=%s host=%r origin=%r", refusal.status, scope["type"], host, origin)


async def _error(request: Request, error: Exception) -> Response:
    """The answer to what nobody else answered: never with the text of *error* (T45)."""
    handlers = request.app.exception_handlers
    handler = next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), None)
    try:
        assert handler is not None
        response: Response = await handler(request, error)
    except Exception:
        log.exception("the error page failed")
        return PlainTextResponse("This page could not be loaded. Nothing was lost.\n", 500)
    return response


async def _deny(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Refuse a websocket before it is one; a server that can't say why says 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        start = {"type": "websocket.http.response.start", "status": refusal.status, "headers": []}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": 1008})


def _is_from_server(scope: Scope, headers: Headers, row: Row | None) -> bool:
    """True if another server may ask here and this is none of a browser's requests: those say more."""
    is_browser = "origin" in headers or "sec-fetch-site" in headers
    return row is not None and row.from_servers and scope["type"] == "http" and not is_browser


def _plain_origin(origin: str) -> str:
    """*origin* in lower case and without the port that its scheme has anyway."""
    origin = origin.lower()
    return origin.removesuffix(_DEFAULT_PORT.get(origin.partition(":")[0], "-"))


def _list(value: bytes | None) -> list[str]:
    return [part.strip() for part in (value or b"").decode("latin-1").split(",") if part.strip()]
