"""Pages for what is not there and for what failed: never the text of an exception (T45)."""

from __future__ import annotations

import contextlib
import logging
from html import escape
from typing import TYPE_CHECKING

import nicegui
from fastapi.exceptions import RequestValidationError
from nicegui import Client, ui
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from app import request_context
from app.access import return_address
from app.access.shares import TooManyLoads
from app.access.silence import DatabaseSilent
from app.access.tries import TooManyTries
from app.access.visitor import Elsewhere, SignedOut
from app.pages import doorway
from components import words
from components.words import Reader
from data.caller import NotAllowed, ReadOnly

if TYPE_CHECKING:
    from app.portal import Portal

log = logging.getLogger("polaris.pages")

SILENT_SECONDS = 10
"""After which a browser may ask again while the database is silent."""
ANSWERED = "polaris_error_answered"
"""In a request's scope: its failure has its page already."""
OURS = (HTTPException, SignedOut, Elsewhere, DatabaseSilent, TooManyTries, ReadOnly, NotAllowed)
"""Raised on purpose; each has an answer of its own, also when raised while a page is built."""
PLAIN = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="/look/polaris.css"><link rel="stylesheet" href="/look/access.css"></head>
<body class="p-doorway"><main class="p-card p-doorway-card"><h1>{title}</h1><p>{said}</p></main></body></html>
"""


def install(portal: Portal) -> None:
    """Install the answers to everything that goes wrong."""

    async def reader_of(request: Request) -> Reader:
        with contextlib.suppress(Exception):  # the database may be what failed
            visitor = await portal.sign_ins.visitor(request)
            if visitor is not None:
                return words.reader(visitor.language, visitor.time_zone)
        return doorway.stranger(request)

    async def missing(request: Request, error: Exception) -> Response:
        """404, and what is none of the visitor's business, in the same words (P2, T2)."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        if request_context.CALLER in request.scope:  # strangers knock at everything, all day
            log.info("not found status=%s method=%s route=%r", status, request.method, _route(request))
        if not _wants_page(request):
            return PlainTextResponse("Not found\n" if status == 404 else "Refused\n", status, headers)
        reader = await reader_of(request)
        with Client(ui.page(""), request=request) as client:
            draw_missing(reader)
        response = client.build_response(request, status)
        response.headers.update(headers)
        return response

    async def failed(request: Request, error: Exception) -> Response:
        """500 for what nobody expected."""
        if request.scope.get(ANSWERED):  # NiceGUI tells us again of what `page_failed` has answered
            return PlainTextResponse("", 500)
        reference = request_context.request_id()
        log.error("request failed reference=%s", reference, exc_info=error)
        if not _wants_page(request):
            return PlainTextResponse(f"This could not be done. Reference {reference}\n", 500)
        reader = await reader_of(request)
        with Client(ui.page(""), request=request) as client:
            draw_failed(reader, reference, _again(request))
        return client.build_response(request, 500)

    async def too_many_loads(request: Request, error: Exception) -> Response:
        """429 for too many page loads; not a page of NiceGUI's, which would cost what is to be saved."""
        assert isinstance(error, TooManyLoads)
        headers = {"Retry-After": str(error.seconds), "Cache-Control": "no-store"}
        if not _wants_page(request):
            return PlainTextResponse("Too many requests\n", 429, headers)
        return HTMLResponse(plain(doorway.stranger(request), "too_many"), 429, headers)

    async def silent(request: Request, error: Exception) -> Response:
        """503 while the database does not say who is there; nothing of NiceGUI's, and no more questions."""
        log.warning("the database is silent route=%r", _route(request))
        headers = {"Retry-After": str(SILENT_SECONDS), "Cache-Control": "no-store"}
        reader = doorway.stranger(request)
        if not _wants_page(request):
            return PlainTextResponse(reader.text("silent.title") + "\n", 503, headers)
        return HTMLResponse(plain(reader, "silent"), 503, headers)

    def page_failed(error: Exception) -> None:
        """500 for a page that failed while it was built; NiceGUI logs the exception itself."""
        if isinstance(error, OURS):
            raise error
        request = ui.context.client.request
        request.scope[ANSWERED] = True
        reference = request_context.request_id()
        log.error("page failed reference=%s route=%r", reference, _route(request))
        draw_failed(doorway.stranger(request), reference, _again(request))

    app = nicegui.app
    app.add_exception_handler(404, missing)
    app.add_exception_handler(HTTPException, missing)
    app.add_exception_handler(RequestValidationError, missing)
    app.add_exception_handler(Exception, failed)
    app.add_exception_handler(TooManyLoads, too_many_loads)
    app.add_exception_handler(DatabaseSilent, silent)
    app.on_page_exception(page_failed)


def plain(reader: Reader, key: str) -> str:
    """The page that says what *key* stands for; all its words are ours."""
    title, said = reader.text(f"{key}.title"), reader.text(f"{key}.text")
    return PLAIN.format(language=reader.language.code, title=escape(title), said=escape(said))


def draw_missing(reader: Reader) -> None:
    """There is no such page."""
    with doorway.doorway(reader, reader.text("missing.title")):
        doorway.text("p", reader.text("missing.text"))
        _link(reader.text("missing.home"), "/")


def draw_failed(reader: Reader, reference: str, again: str) -> None:
    """The page could not be loaded; *reference* is in our log beside the reason."""
    with doorway.doorway(reader, reader.text("error.title")):
        doorway.text("p", reader.text("error.text"))
        _link(reader.text("error.again"), again)
        doorway.text("p", reader.text("error.reference", reference=reference)).classes("p-muted p-small")


def _link(label: str, target: str) -> None:
    link = doorway.text("a", label).classes("p-submit")
    link.props["href"] = target


def _route(request: Request) -> str:
    """The address of *request* as it is written at its page: the real one can hold a token (T38)."""
    return str(getattr(request.scope.get("route"), "path", ""))


def _again(request: Request) -> str:
    return return_address.safe(nicegui.app, return_address.here(request)) or "/"


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/_nicegui")
