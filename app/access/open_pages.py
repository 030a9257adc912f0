"""The open pages of a sign-in, or of a kiosk's screen, and how they are made to leave.

This leans on what NiceGUI keeps to itself; `tests/app/test_surface_contract.py` holds it (T40).
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from nicegui import Client, background_tasks, core

from data.types import Role

if TYPE_CHECKING:
    from app.access.displays import KioskPage
    from app.access.visitor import Visitor

log = logging.getLogger("polaris.access")

SIGN_IN = "polaris.sign_in_id"
"""Where a request's scope says which sign-in it came with."""
BROWSER = "polaris.browser_id"
"""Where it says which browser that was at."""
VISITOR = "polaris.visitor"
"""Where it says who that was: an `app.access.visitor.Visitor`."""
KIOSK = "polaris.kiosk"
"""Where it says whose page of `/kiosk` is shown: an `app.access.displays.KioskPage`."""
SOON = 0.25
"""Seconds before a page is sent where it needs the browser's new token: the answer that brings it is out."""
GRACE = 0.5
"""Seconds for the browser to go elsewhere before its page and its socket are taken away."""
ANSWERED = "polaris.answered"
"""Where a request's scope says until when its page may go where the answer to its form leads."""
ANSWER = 8.0
"""Seconds until that page's socket is taken away too.

The page itself is gone in time, so that the socket is good for nothing (T16); but a browser that loses it
loads the page anew, and would never see the answer, such as the sign-out page of an identity provider.
"""
SIGNED_OUT, ENDED, CONSOLE = "/sign-in?problem=signed-out", "/sign-in?problem=ended", "/admin"
BOARD = "/kiosk"
LEAVING = "polaris.leaving"
"""Where a request's scope says that its page has been sent away."""


def sign_in_of(client: Client) -> int | None:
    """The sign-in that *client*'s page was fetched with; ``None`` for a page of nobody."""
    return None if client._request is None else client._request.scope.get(SIGN_IN)


def browser_of(client: Client) -> int | None:
    """The browser that *client*'s page was fetched by; ``None`` for a page of nobody."""
    return None if client._request is None else client._request.scope.get(BROWSER)


def visitor_of(client: Client) -> Visitor | None:
    """Who *client*'s page was drawn for, as they were then; ``None`` for a page of nobody."""
    return None if client._request is None else client._request.scope.get(VISITOR)


def kiosk_of(client: Client) -> KioskPage | None:
    """Whose page of `/kiosk` it is; ``None`` for any other page."""
    return None if client._request is None else client._request.scope.get(KIOSK)


def kiosks(*, connected: bool = False) -> dict[str, KioskPage]:
    """The open pages of `/kiosk` that were not sent away, by the id of their client; only those that are
    *connected* to a browser.
    """
    shown = {
        one: kiosk_of(client)
        for one, client in Client.instances.items()
        if (client.has_socket_connection or not connected) and not _is_leaving(client)
    }
    return {one: page for one, page in shown.items() if page is not None}


def sign_ins() -> dict[int, Role]:
    """The sign-ins that have open pages, with the roles that their pages were drawn for."""
    shown = (visitor_of(client) for client in Client.instances.values())
    return {visitor.sign_in_id: visitor.role for visitor in shown if visitor is not None}


def answers(client_id: str, browser_ids: set[int], *, anything: bool = True) -> None:
    """The page *client_id*, if it is of one of these browsers, has posted a form and waits for the answer.

    Until it has come; if it has not ended *anything*, the page is one like all others again.
    """
    client = Client.instances.get(client_id)
    if client is not None and client._request is not None and browser_of(client) in browser_ids:
        client._request.scope[ANSWERED] = time.monotonic() + (ANSWER if anything else 0)


def leave(sign_in_ids: set[int], *, own: bool = False) -> None:
    """Send the pages of *sign_in_ids* away, then take away what is left of them (T16).

    To sign-in, which tells whether it was their *own* wish; from acting as somebody to the operator's own
    console (T28); where an answer leads, if it waits for one.
    """
    clients = [one for one in list(Client.instances.values()) if _is_of(one, sign_in_ids)]
    to_console = []
    for client in clients:
        visitor = visitor_of(client)
        if _is_answered(client):
            continue
        if visitor is not None and visitor.actor is not None:
            to_console.append(client)
        else:
            client.open(SIGNED_OUT if own else ENDED)
    if clients:
        background_tasks.create(_take_away(clients, to_console), name="take away pages")


def reload(client_ids: set[str]) -> None:
    """Have these pages of `/kiosk` load again: what they show is for another site, or in other languages."""
    for one in client_ids:
        if (client := Client.instances.get(one)) is not None:
            client.open(BOARD)


def leave_kiosk(client_ids: set[str]) -> None:
    """Send these pages of `/kiosk` to what their screen is now, then take away what is left of them (T61)."""
    clients = []
    for one in client_ids:
        client = Client.instances.get(one)
        if client is not None and client._request is not None and not _is_leaving(client):
            client._request.scope[LEAVING] = True
            client.open(BOARD)
            clients.append(client)
    if clients:
        background_tasks.create(_take_away(clients, []), name="take away pages")


def _is_leaving(client: Client) -> bool:
    return client._request is not None and LEAVING in client._request.scope


def _is_of(client: Client, sign_in_ids: set[int]) -> bool:
    """Whether *client*'s page is of one of them, and was not sent away before: the first reason counts."""
    request = client._request
    if request is None or request.scope.get(SIGN_IN) not in sign_in_ids or LEAVING in request.scope:
        return False
    request.scope[LEAVING] = True
    return True


async def _take_away(clients: list[Client], to_console: list[Client]) -> None:
    if to_console:
        await asyncio.sleep(SOON)
    for client in to_console:
        if not client.is_deleted:
            client.open(CONSOLE)
    await asyncio.sleep(GRACE)
    late: list[str] = []
    for client in clients:
        sockets = list(client._socket_to_document_id)
        try:
            _delete(client)
        except Exception:  # one page's trouble leaves no other one open (T16)
            log.exception("a page could not be taken away")
        if _is_answered(client):
            late += sockets
            continue
        for socket in sockets:
            await _hang_up(socket)
    if late:
        await asyncio.sleep(ANSWER)
        for socket in late:
            await _hang_up(socket)


def _delete(client: Client) -> None:
    if not client.is_deleted:
        for document in list(client._delete_tasks):  # of those that have gone: they would delete again
            client._cancel_delete_task(document)
        client.delete()


def _is_answered(client: Client) -> bool:
    return client._request is not None and time.monotonic() < client._request.scope.get(ANSWERED, 0)


async def _hang_up(socket: str) -> None:
    """End the connection itself, not only Socket.IO's part of it.

    A browser that has stayed notices, tries again, is refused and loads the page anew, which leads to
    sign-in; one that does not care has nothing left to hold on to.
    """
    engine = core.sio.eio
    connection = engine.sockets.get(core.sio.manager.eio_sid_from_sid(socket, "/"))
    if connection is not None:
        await engine.disconnect(connection.sid)
        await connection.queue.put(None)  # ends the writer, and with it the websocket
