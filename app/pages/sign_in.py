"""`/sign-in`: e-mail and password, by a plain form."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import nicegui
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.access import return_address
from app.access.sign_in import TYPED
from app.access.tries import TooManyTries
from app.access.visitor import home
from app.pages import doorway
from components.words import Reader

if TYPE_CHECKING:
    from app.portal import Portal

PROBLEMS = {"wrong": "sign_in.wrong", "link": "sign_in.link"}


def install(portal: Portal) -> None:
    """Install the page, and the answer to too many tries."""

    @ui.page("/sign-in")
    async def sign_in(
        request: Request,
        next: str = "",  # noqa: A002
        problem: str = "",
        another: str = "",
    ) -> Response | None:
        wanted = return_address.safe(nicegui.app, next)
        visitor = await portal.sign_ins.visitor(request)
        # P3: a further account signs in beside those that are here; `problem` is what came of that.
        if visitor is not None and not another and problem != "wrong":
            return RedirectResponse(wanted or home(visitor.role), 303)
        reader = doorway.stranger(request)
        said = reader.text(PROBLEMS[problem]) if problem in PROBLEMS else ""
        typed = request.cookies.get(TYPED, "")[:254] if problem == "wrong" else ""
        draw(reader, wanted, problem=said, typed=typed, signed_out=problem == "signed-out")
        return None

    async def too_many(request: Request, error: Exception) -> Response:
        assert isinstance(error, TooManyTries)
        reader = doorway.stranger(request)
        form = await request.form()
        typed, wanted = form.get("email"), form.get("next")
        with Client(ui.page(""), request=request) as client:
            draw(
                reader,
                return_address.safe(nicegui.app, wanted if isinstance(wanted, str) else None),
                problem=reader.text("sign_in.too_many", duration=_wait(reader, error.seconds)),
                typed=typed[:254] if isinstance(typed, str) else "",
            )
        response = client.build_response(request, 429)
        response.headers["Retry-After"] = str(error.seconds)
        return response

    nicegui.app.add_exception_handler(TooManyTries, too_many)


def draw(
    reader: Reader, wanted: str | None, *, problem: str = "", typed: str = "", signed_out: bool = False
) -> None:
    """The card: what went wrong or ended, and the form; *wanted* is where it leads back to."""
    with doorway.doorway(reader, reader.text("sign_in.title")):
        if problem:
            doorway.alert(problem)
        elif signed_out:
            doorway.text("p", reader.text("sign_in.signed_out")).props("role=status").classes("p-note")
        with doorway.form("/auth/sign-in"):
            email = doorway.field(reader.text("sign_in.email"), typed)
            email.props("type=email name=email autocomplete=username inputmode=email required maxlength=254")
            password = doorway.field(reader.text("sign_in.password"))
            password.props("type=password name=password autocomplete=current-password required")
            (password if typed else email).props("autofocus")
            with ui.element("label").classes("p-check"):
                ui.element("input").props("type=checkbox name=remember value=yes")
                doorway.text("span", reader.text("sign_in.remember"))
            if wanted is not None:
                doorway.hidden("next", wanted)
            doorway.browser_time_zone()
            doorway.submit(reader.text("sign_in.submit"))
        doorway.text("p", reader.text("sign_in.help")).classes("p-muted p-small")


def _wait(reader: Reader, seconds: int) -> str:
    return reader.duration(timedelta(minutes=-(-seconds // 60)))
