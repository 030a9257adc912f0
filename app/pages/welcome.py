"""`/welcome/{token}`: the one-time link that makes the first operator (T22)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.access import passwords, typed
from app.access.account_rules import LONGEST_NAME
from app.access.first_operator import FirstOperator
from app.access.link_forms import LONGEST_EMAIL
from app.pages import doorway
from app.settings import password_sign_in
from components.words import Reader

if TYPE_CHECKING:
    from app.portal import Portal

PROBLEMS = {
    **{why: f"welcome.problem.{why}" for why in ("name", "email", "password", "taken")},
    **{why: f"link.problem.{why}" for why in ("common", "own")},
}


def install(portal: Portal) -> None:
    """Install the page."""
    first_operator = FirstOperator(portal.database)

    @ui.page("/welcome/{token}")
    async def welcome(request: Request, token: str, problem: str = "") -> Response | None:
        if not await first_operator.is_open(token):
            return RedirectResponse("/sign-in?problem=link", 303)
        reader = doorway.stranger(request)
        said = reader.text(PROBLEMS[problem], n=passwords.SHORTEST) if problem in PROBLEMS else ""
        before = {
            "name": typed.found(request, "name", LONGEST_NAME),
            "email": typed.found(request, "email", LONGEST_EMAIL),
        }
        draw(reader, token, with_password=password_sign_in(portal.settings), problem=said, **before)
        return None


def draw(
    reader: Reader, token: str, *, with_password: bool, problem: str = "", name: str = "", email: str = ""
) -> None:
    """The card with the form that uses the link up; looking at it does not.

    *name* and *email* were typed before, and refused or beside what was.
    """
    with doorway.doorway(reader, reader.text("welcome.title")):
        doorway.text("p", reader.text("welcome.text"))
        if problem:
            doorway.alert(problem)
        with doorway.form("/auth/welcome"):
            box = doorway.field(reader.text("welcome.name"), name)
            box.props("type=text name=name autocomplete=name required maxlength=200 autofocus")
            box = doorway.field(reader.text("sign_in.email"), email)
            box.props("type=email name=email autocomplete=username inputmode=email required maxlength=254")
            if with_password:
                password = doorway.field(reader.text("welcome.password", n=passwords.SHORTEST))
                password.props("type=password name=password autocomplete=new-password required")
                password.props["minlength"] = passwords.SHORTEST
            else:
                doorway.text("p", reader.text("welcome.provider")).classes("p-muted p-small")
            doorway.hidden("token", token)
            doorway.once()
            doorway.browser_time_zone()
            doorway.submit(reader.text("welcome.submit"))
