"""429 for forms that were posted too often, with the time to wait; sign-in has it above its form (T19)."""

from __future__ import annotations

from datetime import timedelta

from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from app.pages import doorway
from components.words import Reader


def answer(request: Request, seconds: int) -> Response:
    """The page, for a form that was not sign-in's; it has to be posted again, after *seconds*."""
    reader = doorway.stranger(request)
    title = reader.text("link.too_many.title")
    with Client(ui.page(""), request=request) as client, doorway.doorway(reader, title):
        doorway.alert(reader.text("link.too_many.text", duration=wait(reader, seconds)))
    response = client.build_response(request, 429)
    response.headers["Retry-After"] = str(seconds)
    return response


def wait(reader: Reader, seconds: int) -> str:
    """How long *seconds* are, in whole minutes."""
    return reader.duration(timedelta(minutes=-(-seconds // 60)))
