"""`/invitation/…`, `/password/…`, `/enter/…` and `/forgot`: one-time links, and how to ask for one.

Looking at a link does not use it up, so that mail programs that look first do no harm (T37).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import Response

from app.access import passwords, typed
from app.access.account_rules import LONGEST_NAME
from app.access.languages import preferred
from app.access.one_time_links import Purpose
from app.pages import doorway
from app.settings import PROGRAM, password_sign_in
from components import words
from components.words import Reader
from data.queries.people import Recipient

if TYPE_CHECKING:
    from app.access.by_provider import Choice
    from app.portal import Portal

PROBLEMS = {why: f"link.problem.{why}" for why in ("name", "password", "common", "own", "off")}

WHAT_NEXT = {
    Purpose.INVITATION: "link.used.invitation",
    Purpose.PASSWORD_RESET: "link.used.password",
    Purpose.SIGN_IN: "link.used.enter",
}


def install(portal: Portal) -> None:
    """Install the pages."""

    @ui.page("/invitation/{token}")
    async def invitation(request: Request, token: str, problem: str = "") -> Response | None:
        await portal.sign_ins.visitor(request)  # whoever acts as somebody sees that here too (T29)
        to = await portal.links.recipient(token, Purpose.INVITATION)
        if to is None:
            return _used(portal, request, Purpose.INVITATION)
        providers = portal.by_provider.choices()
        by_password = password_sign_in(portal.settings)
        draw_invitation(
            _reader(request, to),
            to,
            token,
            providers,
            by_password=by_password,
            problem=problem,
            name=typed.found(request, "name", LONGEST_NAME) or to.name,
        )
        return None

    @ui.page("/password/{token}")
    async def password(request: Request, token: str, problem: str = "") -> Response | None:
        await portal.sign_ins.visitor(request)  # whoever acts as somebody sees that here too (T29)
        to = await portal.links.recipient(token, Purpose.PASSWORD_RESET)
        if to is None:
            return _used(portal, request, Purpose.PASSWORD_RESET)
        draw_password(_reader(request, to), to, token, problem=problem)
        return None

    @ui.page("/enter/{token}")
    async def enter(request: Request, token: str) -> Response | None:
        await portal.sign_ins.visitor(request)  # whoever acts as somebody sees that here too (T29)
        to = await portal.links.recipient(token, Purpose.SIGN_IN)
        if to is None:
            return _used(portal, request, Purpose.SIGN_IN)
        draw_enter(_reader(request, to), to, token)
        return None

    @ui.page("/forgot")
    async def forgot(request: Request, sent: str = "") -> None:
        await portal.sign_ins.visitor(request)  # whoever acts as somebody sees that here too (T29)
        reader = doorway.stranger(request)
        if not password_sign_in(portal.settings):
            draw_no_mail(reader, "forgot.off")
        elif not portal.links.mail.configured:
            draw_no_mail(reader, "forgot.no_mail")
        elif sent:
            draw_sent(reader)
        else:
            draw_forgot(reader)


def draw_invitation(
    reader: Reader,
    to: Recipient,
    token: str,
    providers: tuple[Choice, ...],
    *,
    by_password: bool,
    problem: str = "",
    name: str,
) -> None:
    """The card: a name and a password to choose, and the providers that can take the place of one."""
    with doorway.doorway(reader, reader.text("invitation.title", name=to.name)):
        doorway.text("p", reader.text(f"invitation.{to.role}"))
        _address(to)
        _problem(reader, problem)
        if by_password:
            with doorway.form("/auth/invitation"):
                box = doorway.field(reader.text("invitation.name"), name)
                box.props("type=text name=name autocomplete=name required maxlength=200")
                _new_password(reader, to, "welcome.password")
                _carried(token)
                doorway.browser_time_zone()
                doorway.submit(reader.text("invitation.submit"))
        if not providers:
            if not by_password:
                doorway.alert(reader.text("invitation.no_way"))
            return
        key = "invitation.or" if by_password else "invitation.by_provider"
        doorway.text("p", reader.text(key)).classes("p-muted")
        for one in providers:
            # A link, not a form: browsers hold a form's address against the page's policy (see by_provider).
            link = doorway.text("a", reader.text("invitation.provider", provider=one.label))
            link.classes("p-submit")
            query = urlencode({"purpose": "invitation", "token": token})
            link.props["href"] = f"/auth/provider/{one.key}?{query}"


def draw_password(reader: Reader, to: Recipient, token: str, *, problem: str = "") -> None:
    """The card with the box for the new password."""
    with doorway.doorway(reader, reader.text("password.title")):
        doorway.text("p", reader.text(f"password.for.{to.role}", name=to.name))
        _address(to)
        _problem(reader, problem)
        with doorway.form("/auth/password"):
            _new_password(reader, to, "link.password")
            _carried(token)
            doorway.text("p", reader.text("password.ends")).classes("p-muted p-small")
            doorway.submit(reader.text("password.submit"))


def draw_enter(reader: Reader, to: Recipient, token: str) -> None:
    """The card with the button that signs the operator in."""
    with doorway.doorway(reader, reader.text("enter.title")):
        doorway.text("p", reader.text("enter.text", name=to.name))
        _address(to)
        with doorway.form("/auth/enter"):
            _carried(token)
            doorway.submit(reader.text("enter.submit"))


def draw_forgot(reader: Reader) -> None:
    """The card that asks for the address."""
    with doorway.doorway(reader, reader.text("forgot.title")):
        doorway.text("p", reader.text("forgot.text"))
        with doorway.form("/auth/forgot"):
            email = doorway.field(reader.text("sign_in.email"))
            email.props("type=email name=email autocomplete=username inputmode=email required maxlength=254")
            email.props("autofocus")
            doorway.submit(reader.text("forgot.submit"))
        _to_sign_in(reader)


def draw_sent(reader: Reader) -> None:
    """The same words for every address (T19)."""
    with doorway.doorway(reader, reader.text("forgot.title")):
        doorway.text("p", reader.text("forgot.sent")).props("role=status").classes("p-note")
        doorway.text("p", reader.text("forgot.sent.help")).classes("p-muted p-small")
        _to_sign_in(reader)


def draw_no_mail(reader: Reader, key: str) -> None:
    """No mail is sent, or no password used: what to do instead."""
    with doorway.doorway(reader, reader.text("forgot.title")):
        doorway.text("p", reader.text(key))
        _to_sign_in(reader)


def _used(portal: Portal, request: Request, purpose: Purpose) -> Response:
    """404 for a link that can't be used; whether it ever could is nobody's business."""
    reader = doorway.stranger(request)
    mails = password_sign_in(portal.settings) and portal.links.mail.configured
    title = reader.text("link.used.title")
    with Client(ui.page(""), request=request) as client, doorway.doorway(reader, title):
        doorway.text("p", reader.text("link.used.text"))
        doorway.text("p", reader.text(WHAT_NEXT[purpose]))
        if purpose is Purpose.SIGN_IN:
            with ui.element("p").classes("p-commands"):
                doorway.text("code", f"{PROGRAM} operator-sign-in EMAIL")
        if purpose is Purpose.PASSWORD_RESET and mails:
            _link(reader.text("link.used.ask"), "/forgot").classes("p-submit")
        else:
            _link(reader.text("link.used.sign_in"), "/sign-in").classes("p-submit")
    return client.build_response(request, 404)


def _reader(request: Request, to: Recipient) -> Reader:
    return words.reader(to.language or preferred(request.headers.get("accept-language")), to.time_zone)


def _address(to: Recipient) -> None:
    doorway.text("p", to.email).classes("p-address")


def _problem(reader: Reader, problem: str) -> None:
    if problem in PROBLEMS:
        doorway.alert(reader.text(PROBLEMS[problem], n=passwords.SHORTEST))


def _new_password(reader: Reader, to: Recipient, label: str) -> None:
    # Hidden from people, there for password managers: whose password they are to keep.
    username = ui.element("input").props("type=text name=username autocomplete=username hidden readonly")
    username.props["value"] = to.email
    password = doorway.field(reader.text(label, n=passwords.SHORTEST))
    password.props("type=password name=password autocomplete=new-password required autofocus")
    password.props["minlength"] = passwords.SHORTEST


def _carried(token: str) -> None:
    doorway.hidden("token", token)
    doorway.once()
    doorway.hidden("page", ui.context.client.id)  # its own sign-in may end by the form that it posts


def _to_sign_in(reader: Reader) -> None:
    _link(reader.text("link.used.sign_in"), "/sign-in").classes("p-back")


def _link(label: str, target: str) -> ui.label:
    link = doorway.text("a", label)
    link.props["href"] = target
    return link
