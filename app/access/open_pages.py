"""The open pages of a sign-in, and how they are made to leave.

This leans on NiceGUI's `Client`: ``instances``, ``request``, ``open``, ``delete`` and
``_socket_to_document_id``; `tests/app/test_surface_contract.py` holds them.
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
        for socket in list(client._socket_to_document_id):
            await core.sio.disconnect(socket)
        if not client.is_deleted:
            client.delete()
