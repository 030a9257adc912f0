"""`/admin`: what the portal holds, and how to fill it. The console takes this place later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

from app.access.visitor import Operator
from app.pages import doorway
from app.pages.console import Console
from app.settings import PROGRAM, password_sign_in
from components.drawn import Card
from components.people import PATHS
from components.words import Reader
from data.queries import accounts, people
from data.queries.accounts import Waiting
from data.queries.people import Inventory
from data.types import Role

if TYPE_CHECKING:
    from app.portal import Portal

COMMANDS = ("add-site", "add-charger", "add-mapping", "add-plan", "subscribe", "import-sessions")
LISTS = {"drivers": "/admin/drivers"}
"""Where what is counted is listed."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin")
    async def admin(request: Request, operator: Operator) -> None:
        inventory = await portal.database.ask(people.inventory)
        waiting = await portal.database.ask(accounts.waiting, password_sign_in(portal.settings))
        here = await portal.sign_ins.at_browser(request)
        console = Console(portal, operator, request)
        with console.page(console.reader.text("admin.title")) as frame:
            if any(one.role is Role.DRIVER for one in here):
                with frame.title:  # P2, P3: a driver's dashboard is opened on purpose, by picking an account
                    link = ui.link(console.reader.text("admin.driver_side"), "/switch")
                    link.classes("p-text-link")
            draw(console.reader, inventory, waiting)


def draw(reader: Reader, inventory: Inventory, waiting: Sequence[Waiting]) -> None:
    """Who waits for something, the counts and the commands."""
    if waiting:
        draw_waiting(reader, waiting)
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
                    ui.link(reader.text(f"admin.{key}"), LISTS[key]).classes("p-text-link")
            doorway.text("dd", reader.integer(number))
    with Card("p-two-thirds"):
        doorway.text("p", reader.text("admin.text"))
        with ui.element("ul").classes("p-commands"):
            for command in COMMANDS:
                with ui.element("li"):
                    doorway.text("code", f"{PROGRAM} {command}")


def draw_waiting(reader: Reader, waiting: Sequence[Waiting]) -> None:
    """A line for each, which leads to the list of whom it is about."""
    with Card("p-waiting", "waiting-title"):
        doorway.text("h2", reader.text("admin.waiting")).props("id=waiting-title")
        with ui.element("ul"):
            for one in waiting:
                told = reader.count(f"admin.waiting.{one.state}.{one.role}", one.number)
                path = f"{PATHS[one.role][:-1]}?state={one.state.value}"
                with ui.element("li"):
                    ui.link(told, path).classes("p-text-link")
