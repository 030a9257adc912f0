"""The banner of acting as: on pages outside of the frame too, and brought up to date on all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import Client, ui

from app import clock
from app.access import open_pages
from components import acting
from components.acting import ActingBanner
from components.words import Reader
from data.announcements import Announcement, Topic

if TYPE_CHECKING:
    from app.portal import Portal


def install(portal: Portal) -> None:
    """Let each minute that goes by be told by the banners of all open pages: no page needs a timer."""

    def tell(announcement: Announcement) -> None:
        for client in list(Client.instances.values()):
            visitor = open_pages.visitor_of(client)
            if visitor is None or visitor.actor is None:
                continue
            left = visitor.actor.until - clock.now()
            for element in list(client.elements.values()):
                if isinstance(element, ActingBanner):
                    element.tell(left)

    portal.live.listen(Topic.MINUTE, tell)


def draw(reader: Reader) -> None:
    """Draw it on the page that is being built, if its visitor acts as somebody (T29)."""
    visitor = open_pages.visitor_of(ui.context.client)
    if visitor is not None and visitor.actor is not None:
        left = visitor.actor.until - clock.now()
        acting.draw(reader, visitor.name, left, visitor.actor.language)
