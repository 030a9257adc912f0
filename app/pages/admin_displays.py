"""`/admin/displays`: all displays, and which of them are seen now (K7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

from app import clock
from app.about import VERSION
from app.access.visitor import Operator
from app.pages.console import Console
from app.pages.new_display import screen_address
from components.bound import Show, When
from components.displays import DisplayList
from data.announcements import Topic
from data.queries.display_list import DisplayFacts, listed, until_unseen

if TYPE_CHECKING:
    from app.portal import Portal

AT_MOST_EVERY = 1.0
"""Seconds between the questions of an open list."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin/displays")
    async def displays(request: Request, operator: Operator) -> None:
        await draw(Console(portal, operator, request))


async def draw(console: Console) -> None:
    """The list; it follows each heartbeat, and time alone where none comes."""
    reader, cards = console.reader, console.cards()
    told = (When(Topic.DISPLAYS, at_most_every=lambda: AT_MOST_EVERY), When(Topic.SITES))
    found = cards.bind(listed, *told, tells_time=True, until=lambda found: until_unseen(found, clock.now()))
    await cards.load()

    def draw_list(displays: tuple[DisplayFacts, ...]) -> Show[tuple[DisplayFacts, ...]]:
        card = DisplayList(reader, screen_address(console), VERSION)
        card.show_displays(displays, clock.now())
        return lambda displays: card.show_displays(displays, clock.now())

    with console.page(reader.text("displays.title")) as frame:
        with frame.title:
            ui.link(reader.text("displays.add"), "/admin/displays/new").classes("p-page-link is-main")
        found.draw(draw_list)
