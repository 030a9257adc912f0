"""What people are told when a service refuses (P24, T25): a sentence, never a failure.

Raised by a click on a page it is a notification there, by a form a page of its own.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

import nicegui
from nicegui import Client, ui
from nicegui.slot import Slot
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.access import open_pages
from app.access.visitor import home
from app.pages import doorway
from components import words
from components.texts import FALLBACK
from components.words import Reader
from data.caller import NotAllowed, ReadOnly

if TYPE_CHECKING:
    from app.portal import Portal

REFUSALS = (ReadOnly, NotAllowed)
SECONDS = 10
"""How long the notification stays, unless it is closed before."""


def install(portal: Portal) -> None:
    """Install both answers."""

    def told(error: Exception) -> None:
        """In the page whose handler it was raised by."""
        if not isinstance(error, REFUSALS):
            return
        client = _client()
        if client is None:  # the page is gone, or it was no page's handler
            return
        visitor = open_pages.visitor_of(client)
        reader = words.reader(visitor.language if visitor is not None else FALLBACK, None)
        with client:
            ui.notify(
                _sentence(reader, error),
                classes="p-refusal",
                textColor="negative",  # else it is white, and the style sheet can't say otherwise
                position="top",
                timeout=SECONDS * 1000,
                close_button=reader.text("refused.close"),
            )

    async def refused(request: Request, error: Exception) -> Response:
        visitor = await portal.sign_ins.visitor(request)
        reader = doorway.stranger(request)
        if visitor is not None:
            reader = words.reader(visitor.language, visitor.time_zone)
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(_sentence(reader, error) + "\n", 403)
        with Client(ui.page(""), request=request) as client:
            draw(reader, error, home(visitor.role) if visitor is not None else "/")
        return client.build_response(request, 403)

    for kind in REFUSALS:
        nicegui.app.add_exception_handler(kind, refused)
    nicegui.app.on_exception(told)
    # NiceGUI logs each exception of a handler with its trace; these are answers, and `app.changing` and the
    # audit have told of them. The logger outlives the app of a test, which must not add one each time.
    logger = logging.getLogger("nicegui")
    if _is_no_refusal not in logger.filters:
        logger.addFilter(_is_no_refusal)


def draw(reader: Reader, error: Exception, back: str) -> None:
    """The page: what was refused and why, and a way on."""
    with doorway.doorway(reader, reader.text("refused.title")):
        doorway.alert(_sentence(reader, error))
        link = doorway.text("a", reader.text("refused.back")).classes("p-submit")
        link.props["href"] = back


def _client() -> Client | None:
    """The page whose handler runs; what was clicked, such as a dialog's button, may be gone already."""
    for slot in reversed(Slot.get_stack()):
        with contextlib.suppress(RuntimeError):
            return slot.parent.client
    return None


def _sentence(reader: Reader, error: Exception) -> str:
    return reader.text("refused.read_only" if isinstance(error, ReadOnly) else "refused.not_allowed")


def _is_no_refusal(record: logging.LogRecord) -> bool:
    if isinstance(record.msg, REFUSALS):
        return False
    return not (record.exc_info and isinstance(record.exc_info[1], REFUSALS))
