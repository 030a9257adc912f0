"""The board of a site on a display."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

if TYPE_CHECKING:
    from app.portal import Portal
    from data.queries.displays import KnownDisplay


async def board(portal: Portal, request: Request, display: KnownDisplay) -> None:
    """Draw the board of *display*."""
    ui.label(display.name)
