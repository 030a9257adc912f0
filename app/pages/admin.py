"""`/admin`: what the portal holds, and how to fill it. The console takes this place later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

from app.access.visitor import Operator
from app.pages import doorway, preferences
from components import shell, words
from components.drawn import Card
from components.words import Reader
from data.queries import people
from data.queries.people import Inventory

if TYPE_CHECKING:
    from app.portal import Portal

COMMANDS = (
    "add-site",
    "add-charger",
    "add-driver",
    "add-mapping",
    "add-plan",
    "subscribe",
    "import-sessions",
)
LISTS = {"drivers": "/admin/drivers"}
"""Where what is counted is listed."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin")
    async def admin(request: Request, operator: Operator) -> None:
        inventory = await portal.database.ask(people.inventory)
        reader = words.reader(operator.language, operator.time_zone)
        keep = preferences.keeper(portal, operator, request)
        with shell.page(reader, reader.text("admin.title"), preferences.person(operator), keep) as frame:
            with frame.title:  # P2, P3: a driver's dashboard is opened on purpose, by picking an account
                ui.link(reader.text("admin.driver_side"), "/switch").classes("p-text-link")
            draw(reader, inventory)


def draw(reader: Reader, inventory: Inventory) -> None:
    """The counts and the commands."""
    ui.add_head_html('<link rel="stylesheet" href="/look/access.css">')
    with Card("p-one-third"), ui.element("dl").classes("p-facts"):
        for key, number in (
            ("drivers", inventory.drivers),
            ("mappings", inventory.mappings),
            ("sites", inventory.sites),
            ("chargers", inventory.chargers),
            ("plans", inventory.plans),
            ("sessions", inventory.sessions_in_progress),
        ):
            with doorway.text("dt", "" if key in LISTS else reader.text(f"admin.{key}")):
                if key in LISTS:
                    ui.link(reader.text(f"admin.{key}"), LISTS[key])
            doorway.text("dd", reader.integer(number))
    with Card("p-two-thirds"):
        doorway.text("p", reader.text("admin.text"))
        with ui.element("ul").classes("p-commands"):
            for command in COMMANDS:
                with ui.element("li"):
                    doorway.text("code", f"python main.py {command}")
