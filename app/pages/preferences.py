"""What somebody chose in the settings: checked, kept on the account, and the page loaded anew (P25)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

from app import clock
from app.access.return_address import here
from app.access.visitor import Visitor
from components.preferences import Preferences
from components.shell import Person
from components.texts import languages
from components.words import zones
from data.types import Theme

if TYPE_CHECKING:
    from app.portal import Portal


def person(visitor: Visitor) -> Person:
    """*visitor* as the frame of their page names them."""
    chosen = Preferences(visitor.language, visitor.theme, visitor.time_zone)
    acting = visitor.actor.until - clock.now() if visitor.actor is not None else None
    spoken = visitor.actor.language if visitor.actor is not None else None
    mine = visitor.sign_in_id
    return Person(visitor.name, visitor.email, chosen, visitor.role, acting, mine, actor_language=spoken)


def keeper(
    portal: Portal, visitor: Visitor, request: Request, saved: Callable[[], None] | None = None
) -> Callable[[Preferences], Awaitable[None]]:
    """What keeps the choices of *visitor*, made on the page that *request* asked for.

    Then it does what *saved* does: if not given, loads that page anew.
    """

    async def keep(chosen: Preferences) -> None:
        again = await portal.sign_ins.again(visitor)
        if again is None:
            ui.navigate.to("/sign-in")
            return
        values: dict[str, object] = {}
        if chosen.language in languages():
            values["language"] = chosen.language
        if chosen.theme in set(Theme):
            values["theme"] = Theme(chosen.theme)
        if chosen.time_zone in zones():
            values["time_zone"] = chosen.time_zone
        if values:
            await portal.sign_ins.prefer(again.caller, **values)
        if saved is not None:
            saved()
        else:
            ui.navigate.to(here(request))

    return keep
