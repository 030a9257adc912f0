"""Guards NiceGUI's page sockets: a client id in a message is a claim, not a right.

* A socket gets in only with the sign-in that its page was fetched with, and while that is valid (T32).
* That of a kiosk's screen gets in only with the screen's own token, and while its display exists (T60, T61).
* What it sends is taken only if it is about the page it belongs to (T33).

The origin was checked at the door. This file replaces NiceGUI's own Socket.IO handlers by ones that look
first and then call them; `tests/app/test_surface_contract.py` holds each private name it leans on (T40).
"""

from __future__ import annotations

import hmac
import logging
from typing import Any
from urllib.parse import parse_qs

import nicegui.nicegui as its
from nicegui import Client, core
from socketio import exceptions  # type: ignore[import-untyped]
from starlette.requests import cookie_parser

from app import request_context
from app.access import open_pages
from app.access.shares import BOUND
from app.access.sign_ins import SignIns

log = logging.getLogger("polaris.access")

RELOAD = "Implicit handshake failed"
"""NiceGUI's browser side loads the page anew when it is refused with these words: and meets the door."""
MALFORMED = (AttributeError, KeyError, TypeError, ValueError)


class Sockets:
    """The handlers."""

    def __init__(self, sign_ins: SignIns) -> None:
        self._sign_ins = sign_ins

    def install(self) -> None:
        """Put the guarded handlers in the place of NiceGUI's."""
        core.sio.on("connect", self.connect)
        core.sio.on("handshake", self.handshake)
        core.sio.on("event", self.event)
        core.sio.on("javascript_response", self.javascript_response)
        core.sio.on("ack", self.ack)
        core.sio.on("log", self.log)

    async def connect(self, socket: str, environ: dict[str, Any], auth: object = None) -> None:
        """A socket wants in: only for a page that lives, with that page's sign-in (T32)."""
        client_id = parse_qs(str(environ.get("QUERY_STRING", ""))).get("client_id", [""])[0]
        if not await self._is_of_page(environ, client_id):
            raise exceptions.ConnectionRefusedError(RELOAD)
        try:
            await its._on_connect(socket, environ)
        except MALFORMED:
            raise exceptions.ConnectionRefusedError(RELOAD) from None
        self._bind(socket, environ, client_id)

    async def handshake(self, socket: str, data: Any) -> bool:
        """A socket names its page after it came in (a page that the browser fetched ahead of time)."""
        environ = core.sio.get_environ(socket)
        if environ is None or not isinstance(data, dict):
            return False
        if not await self._is_of_page(environ, data.get("client_id")):
            return False
        try:
            is_bound = bool(await its._on_handshake(socket, data))
        except MALFORMED:
            return False
        self._bind(socket, environ, data["client_id"])
        return is_bound

    def event(self, socket: str, message: Any) -> None:
        """A click, an input: only for an element of the socket's own page (T33)."""
        if self._is_own(socket, message):
            self._begin(message)
            if (sign_in := open_pages.sign_in_of(Client.instances[message["client_id"]])) is not None:
                self._sign_ins.used(sign_in)  # somebody is there: T15
            try:
                its._on_event(socket, message)
            except MALFORMED as error:
                log.warning("an event that no page of ours sends: %s", type(error).__name__)

    def javascript_response(self, socket: str, message: Any) -> None:
        """The answer to a question that NiceGUI asked the browser."""
        if self._is_own(socket, message):
            self._begin(message)
            try:
                its._on_javascript_response(socket, message)
            except MALFORMED as error:
                log.warning("an answer that nobody asked for: %s", type(error).__name__)

    def ack(self, socket: str, message: Any) -> None:
        """The browser has seen the messages up to a number."""
        if self._is_own(socket, message) and isinstance(message.get("next_message_id"), int):
            its._on_ack(socket, message)

    def log(self, socket: str, message: Any) -> None:
        """What the page has to say. It goes to our log as a quotation, of bounded length (T63)."""
        if self._is_own(socket, message):
            self._begin(message)
            log.warning("a page says: %r", str(message.get("message"))[:300])

    @staticmethod
    def _bind(socket: str, environ: dict[str, Any], client_id: str) -> None:
        """Note that *socket* belongs to a page now (T34), and to whom its log lines are due."""
        client = Client.instances.get(client_id)
        if client is not None and client._request is not None and socket in client._socket_to_document_id:
            environ[BOUND] = True
            caller = client._request.scope.get(request_context.CALLER)
            environ["asgi.scope"][request_context.CALLER] = caller

    @staticmethod
    def _begin(message: dict[str, Any]) -> None:
        """What follows is done for whoever fetched the page; Socket.IO runs each event as a task."""
        client = Client.instances[message["client_id"]]
        assert client._request is not None
        request_context.begin(client._request.scope)

    async def _is_of_page(self, environ: dict[str, Any], client_id: object) -> bool:
        client = Client.instances.get(client_id) if isinstance(client_id, str) else None
        if client is None or client._request is None:
            return False
        cookies = cookie_parser(environ.get("HTTP_COOKIE", ""))
        if (kiosk := open_pages.kiosk_of(client)) is not None:
            return await kiosk.admits(cookies)
        brought = cookies.get(self._sign_ins.cookie) or ""
        sign_in, browser = open_pages.sign_in_of(client), open_pages.browser_of(client)
        if sign_in is None or browser is None:  # a page of nobody, such as sign-in
            fetched_with = client._request.cookies.get(self._sign_ins.cookie) or ""
            return hmac.compare_digest(brought.encode(), fetched_with.encode())
        # The browser's token may have been replaced since; another account may be current (P3, T13).
        return await self._sign_ins.is_at_browser(brought, browser, sign_in)

    @staticmethod
    def _is_own(socket: str, message: Any) -> bool:
        client_id = message.get("client_id") if isinstance(message, dict) else None
        client = Client.instances.get(client_id) if isinstance(client_id, str) else None
        return client is not None and socket in client._socket_to_document_id
