"""The server: one process, one port, until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import nicegui
from nicegui import ui

from app import logs, pushes
from app.portal import Portal, install
from app.server_options import server_options
from app.settings import Settings

log = logging.getLogger("polaris")

TOLD_WITHIN = 0.3
"""Seconds for which open boards keep the end of the server waiting."""


class PortTaken(RuntimeError):
    """The address can't be listened on; the text says why and what to do."""


def serve(settings: Settings) -> None:
    """Run the portal of *settings* until SIGINT or SIGTERM. Raises `PortTaken`, `DatabaseUnavailable`."""
    settings = settings.model_copy(update={"port": free_port(settings.host, settings.port)})
    logs.configure(settings.log_level)
    portal = install(settings)
    nicegui.app.on_startup(lambda: print(_greeting(portal), flush=True))
    nicegui.app.on_startup(lambda: _tell_of_the_end(portal))
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises it again once all is closed
        ui.run(
            host=settings.host,
            port=settings.port,
            title="Polaris Express",
            favicon=Path(__file__).parent.parent / "components" / "static" / "icon.svg",
            reload=False,
            show=False,
            show_welcome_message=False,
            fastapi_docs=False,
            reconnect_timeout=30,
            uvicorn_logging_level="warning",
            dark=None,
            tailwind=False,  # the style sheet is our own: 68 kB and compiling in the browser are saved
            **server_options(settings),
        )


def address(settings: Settings) -> str:
    """Where browsers reach the portal of *settings*."""
    return settings.address


def free_port(host: str, port: int) -> int:
    """*port*, or a free one for 0. Raises `PortTaken` within a moment instead of after the set-up."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise PortTaken(
                f"POLARIS_HOST={host}, POLARIS_PORT={port}: can't be listened on "
                f"({getattr(error, 'strerror', None) or error}); choose another port, or end what uses it"
            ) from error
        return int(probe.getsockname()[1])


def _tell_of_the_end(portal: Portal) -> None:
    """Let boards say that there is maintenance, when the process is told to end, and let waiting requests go.

    The server closes all sockets before anything of ours hears of its end; so the signal tells this first,
    and a moment later the server, by what has heard the signal until now.
    """
    loop = asyncio.get_running_loop()

    def before(ends: Callable[[int, FrameType | None], Any]) -> Callable[[int, FrameType | None], None]:
        def leave(number: int) -> None:
            try:
                portal.screens.leave()
            finally:
                loop.call_later(TOLD_WITHIN if len(portal.screens) else 0, end, number)

        def end(number: int) -> None:
            try:
                pushes.answer_polls()
            finally:
                ends(number, None)

        def told(number: int, frame: FrameType | None) -> None:
            if loop.is_closed():
                ends(number, frame)
            else:
                loop.call_soon_threadsafe(leave, number)

        return told

    for number in (signal.SIGINT, signal.SIGTERM):
        ends = signal.getsignal(number)
        if callable(ends):
            signal.signal(number, before(ends))


def _greeting(portal: Portal) -> str:
    lines = [f"Polaris Express is at {address(portal.settings)}", "Ctrl-C ends it."]
    link = portal.links.first_operator(address(portal.settings))
    if link is not None:
        lines.insert(1, f"No operator yet. The first one signs up here, once, within 24 hours:\n  {link}")
    if stuck := portal.links.locked_out():
        log.warning("people have a password alone, and nobody signs in with one accounts=%s", stuck)
        who = "1 person has" if stuck == 1 else f"{stuck} people have"
        lines.insert(
            1,
            f"{who} no way to sign in any more: passwords are off, and they have nothing else.\n"
            '  docs/identity-providers.md, "When people have accounts already", tells what to do.',
        )
    return "\n".join(lines)
