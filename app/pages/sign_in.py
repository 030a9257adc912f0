"""`/sign-in`: a link for each identity provider, and a plain form for e-mail and password."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode

import nicegui
from nicegui import Client, ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.access import posted, return_address
from app.access.by_provider import ACCOUNT, FRESH_PROOF, INVITATION, LINK, SIGNED_OUT, Choice
from app.access.sign_in import TYPED
from app.access.tries import TooManyTries
from app.access.visitor import home
from app.pages import doorway
from app.pages import too_many as too_many_page
from app.settings import password_sign_in
from components.words import Reader

if TYPE_CHECKING:
    from app.portal import Portal

log = logging.getLogger("polaris.pages")

PROBLEMS = {
    "wrong": "sign_in.wrong",
    "link": "sign_in.link",
    "off": "link.problem.off",
    "cookies": "sign_in.cookies",
}
ENDED = {SIGNED_OUT: "sign_in.signed_out", "ended": "sign_in.ended"}
"""Whoever was signed in: by their own wish, or not."""
BY_PROVIDER = {
    f"provider-{word}": f"provider.{word}"
    for word in (
        *("down", "declined", "again", "cookies", "untrusted"),
        *("unknown", "taken", "no-email", "not-operator", "invitation", "linked", "other-person"),
    )
}
"""What `app.access.by_provider` says of a sign-in that came to nothing."""
NOT_SIGN_IN = {one: f"provider.title.{one}" for one in (LINK, FRESH_PROOF, INVITATION)}
"""Headings where it was for something else, which the form of this page would be no help with."""
REFERENCE = re.compile(r"[0-9A-F]{8}")


@dataclass(frozen=True, slots=True)
class Ways:
    """How people can sign in, and who has."""

    choices: tuple[Choice, ...]
    passwords: bool
    somebody_is_here: bool = False
    """Accounts are signed in at this browser already."""


def install(portal: Portal) -> None:
    """Install the page, and the answer to too many tries."""

    @ui.page("/sign-in")
    async def sign_in(
        request: Request,
        next: str = "",  # noqa: A002
        problem: str = "",
        another: str = "",
        purpose: str = "",
        state: str = "",
    ) -> Response | None:
        wanted = return_address.safe(nicegui.app, next)
        visitor = await portal.sign_ins.visitor(request)
        of_provider = problem in BY_PROVIDER
        # P3: a further account signs in beside those that are here; `problem` is what came of that.
        if visitor is not None and not another and problem != "wrong" and not of_provider:
            return RedirectResponse(wanted or home(visitor.role), 303)
        others = await portal.sign_ins.at_browser(request)
        if state == SIGNED_OUT and others:  # back from a provider, which knows one address of ours
            return RedirectResponse("/switch", 303)
        reader = doorway.stranger(request)
        said = _said(portal, reader, request) if of_provider else ""
        if of_provider and purpose in NOT_SIGN_IN:
            back = (
                wanted or (ACCOUNT if purpose == LINK else None) or (home(visitor.role) if visitor else "/")
            )
            draw_not_done(reader, purpose, said, back)
            return None
        ways = Ways(portal.by_provider.choices(), password_sign_in(portal.settings), bool(others))
        draw(
            reader,
            wanted,
            ways,
            problem=reader.text(PROBLEMS[problem]) if problem in PROBLEMS else said,
            typed=unquote(request.cookies.get(TYPED, ""))[:254] if problem == "wrong" else "",
            ended=reader.text(ENDED[problem or state]) if (problem or state) in ENDED else "",
        )
        return None

    async def too_many(request: Request, error: Exception) -> Response:
        assert isinstance(error, TooManyTries)
        log.warning("too many tries path=%r address=%s", request.url.path, posted.address(request))
        if request.url.path != "/auth/sign-in":
            return too_many_page.answer(request, error.seconds)
        reader = doorway.stranger(request)
        form = await posted.form(request)
        with Client(ui.page(""), request=request) as client:
            draw(
                reader,
                return_address.safe(nicegui.app, posted.text(form, "next", return_address.LONGEST)),
                Ways(portal.by_provider.choices(), password_sign_in(portal.settings)),
                problem=reader.text("sign_in.too_many", duration=too_many_page.wait(reader, error.seconds)),
                typed=posted.text(form, "email", 254)[:254],
            )
        response = client.build_response(request, 429)
        response.headers["Retry-After"] = str(error.seconds)
        return response

    nicegui.app.add_exception_handler(TooManyTries, too_many)


def draw(
    reader: Reader,
    wanted: str | None,
    ways: Ways,
    *,
    problem: str = "",
    typed: str = "",
    ended: str = "",
) -> None:
    """The card: what went wrong or *ended*, and the *ways* in; *wanted* is where they lead back to."""
    with doorway.doorway(reader, reader.text("sign_in.title")):
        if problem:
            doorway.alert(problem)
        elif ended:
            doorway.text("p", ended).props("role=status").classes("p-note")
        if ways.choices:
            _draw_providers(reader, wanted, ways.choices, with_notes=not problem)
        if ways.choices and ways.passwords:
            doorway.text("p", reader.text("sign_in.or")).classes("p-or")
        if ways.passwords:
            _draw_form(reader, wanted, typed, is_main=not ways.choices)
        doorway.text("p", reader.text("sign_in.help")).classes("p-muted p-small")
        if ways.somebody_is_here:
            _link(reader.text("sign_in.switch"), "/switch", "p-back")


def draw_not_done(reader: Reader, purpose: str, said: str, back: str) -> None:
    """The card that tells why an identity was not linked, nothing proved, or no invitation taken."""
    with doorway.doorway(reader, reader.text(NOT_SIGN_IN[purpose])):
        doorway.alert(said)
        if purpose == INVITATION:
            doorway.text("p", reader.text("provider.again.invitation"))
        else:
            _link(reader.text("provider.back"), back, "p-submit")


def _draw_providers(
    reader: Reader, wanted: str | None, choices: tuple[Choice, ...], *, with_notes: bool
) -> None:
    """A link a provider. Which of two it is, remembered or not, follows the box by style alone."""
    with ui.element("div").classes("p-providers"):
        for one in choices:
            label = reader.text("sign_in.by", provider=one.label)
            _link(label, _address(one.key, wanted), "p-submit is-for-now")
            _link(label, _address(one.key, wanted, remember="yes"), "p-submit is-for-long")
            if one.is_down and with_notes:
                doorway.text("p", reader.text("provider.down.note", provider=one.label)).classes(
                    "p-muted p-small"
                )
        _remember(reader).props("form=password-form")


def _draw_form(reader: Reader, wanted: str | None, typed: str, *, is_main: bool) -> None:
    with doorway.form("/auth/sign-in") as form:
        form.props("id=password-form")
        email = doorway.field(reader.text("sign_in.email"), typed)
        email.props("type=email name=email autocomplete=username inputmode=email required maxlength=254")
        password = doorway.field(reader.text("sign_in.password"))
        password.props("type=password name=password autocomplete=current-password required")
        if is_main or typed:
            (password if typed else email).props("autofocus")
        if is_main:
            _remember(reader)  # else the box beside the providers is this form's too
        if wanted is not None:
            doorway.hidden("next", wanted)
        doorway.hidden("page", ui.context.client.id)  # somebody else may be signed in, and acting as somebody
        doorway.once()
        doorway.browser_time_zone()
        doorway.submit(reader.text("sign_in.submit")).classes("" if is_main else "is-second")
    _link(reader.text("forgot.link"), "/forgot", "p-back")


def _remember(reader: Reader) -> ui.element:
    with ui.element("label").classes("p-check"):
        box = ui.element("input").props("type=checkbox name=remember value=yes")
        doorway.text("span", reader.text("sign_in.remember"))
    return box


def _said(portal: Portal, reader: Reader, request: Request) -> str:
    """What the address says went wrong; all of its words are ours, whoever made the address."""
    query = request.query_params
    label = portal.by_provider.label(query.get("provider", "")) or reader.text("provider.some")
    reference = query.get("reference", "")
    reference = reference if REFERENCE.fullmatch(reference) else "–"
    return reader.text(BY_PROVIDER[query["problem"]], provider=label, reference=reference)


def _address(key: str, wanted: str | None, **more: str) -> str:
    query = {**({"next": wanted} if wanted is not None else {}), **more}
    path = f"/auth/provider/{quote(key, safe='')}"
    return f"{path}?{urlencode(query)}" if query else path


def _link(label: str, target: str, style: str) -> None:
    link = doorway.text("a", label).classes(style)
    link.props["href"] = target
