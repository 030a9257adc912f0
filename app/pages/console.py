"""What the pages of the operator's console share: their frame, and the question at each click."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nicegui import ui
from starlette.requests import Request

from app.access.own_address import own_address
from app.access.visitor import Visitor
from app.pages import preferences
from components import shell, words
from components.bound import BoundCards
from components.shell import Frame
from data.caller import Caller

if TYPE_CHECKING:
    from app.portal import Portal


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Console:
    """A page of *operator*'s that is being built, and that handlers ask for the right again."""

    def __init__(self, portal: Portal, operator: Visitor, request: Request) -> None:
        self.portal = portal
        self.operator = operator
        self.request = request
        self.reader = words.reader(operator.language, operator.time_zone)

    @contextmanager
    def page(self, title: str) -> Iterator[Frame]:
        """The frame of the page headed *title*."""
        keep = preferences.keeper(self.portal, self.operator, self.request)
        with shell.page(self.reader, title, preferences.person(self.operator), keep) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/access.css">')
            ui.add_head_html('<link rel="stylesheet" href="/look/console.css">')
            ui.context.client.content.classes("p-console")
            yield frame

    def cards(self) -> BoundCards:
        """Cards of this page that ask again when something is told."""
        return BoundCards(self.portal.live, self.portal.database, lambda: shell.card_error(self.reader))

    @property
    def can_copy(self) -> bool:
        """Whether the browser lets pages copy: over TLS, and on the machine itself."""
        return self.portal.settings.secure or self.request.url.hostname in LOOPBACK

    @property
    def only_here(self) -> bool:
        """Whether our own address works on this machine alone: no charger and no phone gets there."""
        return urlsplit(own_address(self.portal.settings, self.request)).hostname in LOOPBACK

    async def caller(self) -> Caller | None:
        """Who clicks, as of now (T4, T7); ``None``, on the way to sign-in, if they may not any more."""
        again = await self.portal.sign_ins.again(self.operator)
        if again is None:
            ui.navigate.to("/sign-in")
            return None
        return again.caller
