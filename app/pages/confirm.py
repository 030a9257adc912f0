"""`/confirm`: proves once more who is signed in, for what takes a fresh proof (T24)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import nicegui
from nicegui import ui

from app.access import return_address
from app.access.visitor import Somebody, Visitor, home, not_found
from app.pages import doorway
from app.settings import password_sign_in
from components import forms, words
from components.words import Reader
from data.queries import identities
from data.types import HowSignedIn

if TYPE_CHECKING:
    from app.portal import Portal


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/confirm")
    async def confirm(visitor: Somebody, next: str = "", problem: str = "") -> None:  # noqa: A002
        if visitor.actor is not None:
            raise not_found()  # the driver is not here to prove anything (T27)
        ways = await portal.database.ask(identities.ways_in, visitor.id)
        providers = {key: label for _, key in ways.providers if (label := portal.by_provider.label(key))}
        reader = words.reader(visitor.language, visitor.time_zone)
        draw(
            reader,
            visitor,
            return_address.safe(nicegui.app, next),
            by_password=ways.has_password and password_sign_in(portal.settings),
            providers=providers,
            is_wrong=problem == "wrong",
        )


def draw(
    reader: Reader,
    visitor: Visitor,
    wanted: str | None,
    *,
    by_password: bool,
    providers: dict[str, str],
    is_wrong: bool = False,
) -> None:
    """The card: each way in which *visitor* can prove who they are, to go on to *wanted*, and one back."""
    with doorway.doorway(reader, reader.text("confirm.title")):
        doorway.text("p", reader.text("confirm.as", name=visitor.name, email=visitor.email))
        doorway.text("p", reader.text("confirm.text")).classes("p-muted")
        if is_wrong:
            doorway.alert(reader.text("confirm.wrong"))
        if by_password:
            with doorway.form("/auth/confirm", drawn_for=visitor.sign_in_id):
                # For password managers, which keep a password beside an address.
                address = ui.element("input").props("type=hidden name=username autocomplete=username")
                address.props["value"] = visitor.email
                password = doorway.field(reader.text("confirm.password"))
                password.props("type=password name=password autocomplete=current-password required autofocus")
                if wanted is not None:
                    doorway.hidden("next", wanted)
                doorway.submit(reader.text("confirm.submit"))
        for key, label in providers.items():
            _link(
                reader.text("confirm.provider", provider=label),
                _at_provider(key, wanted, visitor),
                "p-submit",
            )
        if visitor.how is HowSignedIn.LINK or (not by_password and not providers):
            doorway.text("p", reader.text("confirm.link")).classes("p-note")
        _link(reader.text("confirm.back"), home(visitor.role), "p-back")


def _at_provider(key: str, wanted: str | None, visitor: Visitor) -> str:
    query = {
        "purpose": "fresh",
        forms.DRAWN_FOR: str(visitor.sign_in_id),
        **({"next": wanted} if wanted is not None else {}),
    }
    return f"/auth/provider/{quote(key, safe='')}?{urlencode(query)}"


def _link(label: str, target: str, style: str) -> None:
    link = doorway.text("a", label).classes(style)
    link.props["href"] = target
