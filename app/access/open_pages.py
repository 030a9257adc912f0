"""The open pages of a sign-in, and how they are made to leave.

This leans on what NiceGUI keeps to itself; `tests/app/test_surface_contract.py` holds it (T40).
"""

from __future__ import annotations

import asyncio
import logging

from nicegui import Client, background_tasks, core

log = logging.getLogger("polaris.access")

SIGN_IN = "polaris.sign_in_id"
"""Where a request's scope says which sign-in it came with."""
GRACE = 0.5
"""Seconds for the browser to go elsewhere before its page and its socket are taken away."""


def sign_in_of(client: Client) -> int | None:
    """The sign-in that *client*'s page was fetched with; ``None`` for a page of nobody."""
    return None if client._request is None else client._request.scope.get(SIGN_IN)


def sign_ins() -> set[int]:
    """The sign-ins that have open pages."""
    return {found for client in Client.instances.values() if (found := sign_in_of(client)) is not None}


def leave(sign_in_ids: set[int]) -> None:
    """Send the pages of *sign_in_ids* to sign-in, then take away what is left of them (T16)."""
    clients = [client for client in list(Client.instances.values()) if sign_in_of(client) in sign_in_ids]
    for client in clients:
        client.open("/sign-in?problem=signed-out")
    if clients:
        background_tasks.create(_take_away(clients), name="take away pages")


async def _take_away(clients: list[Client]) -> None:
    await asyncio.sleep(GRACE)
    for client in clients:
        sockets = list(client._socket_to_document_id)
        if not client.is_deleted:
            for document in list(client._delete_tasks):  # of those that have gone: they would delete again
                client._cancel_delete_task(document)
            client.delete()
        for socket in sockets:
            await _hang_up(socket)


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
