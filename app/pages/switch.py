"""`/switch`: the accounts that are signed in on this browser (P3). Plain forms; works signed out too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

from app.access.languages import preferred
from app.access.visitor import Visitor
from app.pages import doorway
from components import account_picker, words
from components.account_picker import SignedInHere
from components.words import Reader
from data.queries.sign_ins import SignedIn

if TYPE_CHECKING:
    from app.portal import Portal


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/switch")
    async def switch(request: Request, problem: str = "") -> None:
        # Not told as seen while acting as somebody (P24): it shows the operator's own sign-ins here.
        visitor = await portal.sign_ins.visitor(request)
        here = await portal.sign_ins.at_browser(request)
        draw(_reader(request, visitor, here), visitor, here, is_other=problem == "other-account")


def draw(
    reader: Reader, visitor: Visitor | None, here: tuple[SignedIn, ...], *, is_other: bool = False
) -> None:
    """The card: who is *here*, *visitor* being the current one.

    *is_other*: a form was posted from the page of another one, and changed nothing.
    """
    with doorway.doorway(reader, reader.text("switch.title")):
        if is_other:
            doorway.alert(reader.text("switch.other_account"))
        if here:
            account_picker.draw(reader, [_listed(one, visitor) for one in here])
            return
        doorway.text("p", reader.text("switch.nobody"))
        link = doorway.text("a", reader.text("switch.sign_in")).classes("p-submit")
        link.props["href"] = "/sign-in"


def _listed(one: SignedIn, visitor: Visitor | None) -> SignedInHere:
    acts = visitor is not None and visitor.actor is not None and visitor.actor.sign_in_id == one.sign_in_id
    return SignedInHere(
        one.sign_in_id,
        one.name,
        one.email,
        one.role,
        current=visitor is not None and visitor.sign_in_id == one.sign_in_id,
        acts_as=visitor.name if visitor is not None and acts else "",
    )


def _reader(request: Request, visitor: Visitor | None, here: tuple[SignedIn, ...]) -> Reader:
    """In the language of whoever sits there: not that of a driver whom they act as."""
    mine = None
    if visitor is not None:
        mine = visitor.sign_in_id if visitor.actor is None else visitor.actor.sign_in_id
    language = next((one.language for one in here if one.sign_in_id == mine), None)
    return words.reader(language or preferred(request.headers.get("accept-language")), None)
