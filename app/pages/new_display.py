"""`/admin/displays/new`: a screen that shows a code becomes a display (K1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui
from starlette.requests import Request

from app.access.display_rows import CannotShow
from app.access.displays import LENGTH
from app.access.own_address import own_address
from app.access.tries import TooManyTries
from app.access.visitor import Operator
from app.pages.console import Console
from app.pages.display_form import DisplayFields, problem
from app.pages.new_charger import buttons
from app.pages.row_id import row_id
from components import dialogs, forms
from components.dialogs import Problem
from components.displays import LIST
from components.drawn import Card
from data.queries import setup

if TYPE_CHECKING:
    from app.portal import Portal

LONGEST_CODE = 20
"""Characters: room for whoever types spaces between."""


def install(portal: Portal) -> None:
    """Install the page. Before that of one display, whose address looks like it."""

    @ui.page("/admin/displays/new")
    async def page(request: Request, operator: Operator, code: str = "", site: str = "") -> None:
        await draw(Console(portal, operator, request), code, row_id(site))


def screen_address(console: Console) -> str:
    """What a screen opens to be paired."""
    return own_address(console.portal.settings, console.request) + "/kiosk"


def note_only_here(console: Console) -> None:
    """Say so where no phone can open what the codes on a screen say."""
    if console.only_here:
        told = forms.text("p", console.reader.text("displays.only_here"))
        told.classes("p-note-box p-small").props("role=note")


async def draw(console: Console, code: str, site_id: int | None) -> None:
    """The page, with the *code* that a screen's QR code has brought along, or for the site *site_id*."""
    reader = console.reader
    places = await console.portal.database.ask(setup.places)
    site = next((one for one in places if one.id == site_id), None)
    # Whoever comes from a site goes back there.
    way_back = LIST if site is None else f"/admin/sites/{site.id:d}"
    back_to = reader.text("displays.title") if site is None else site.name
    with console.page(reader.text("displays.add")) as frame:
        ui.add_head_html('<link rel="stylesheet" href="/look/setup.css">')
        with frame.title:
            back = ui.link(f"← {back_to}", way_back)
            back.classes("p-text-link p-way-back").move(target_index=0)
        with Card("p-two-thirds p-fields p-setup-form"):
            if not places:
                forms.text("p", reader.text("displays.new.no_site"))
                ui.link(reader.text("sites.add"), "/admin/sites").classes("p-text-link")
                return
            told = reader.text("displays.new.text", address=screen_address(console))
            forms.text("p", told).classes("p-muted")
            note_only_here(console)
            box = dialogs.field(reader.text("displays.code"), shown(code), longest=LONGEST_CODE)
            box.props("autocomplete=off autocapitalize=characters spellcheck=false")
            box.props["hint"] = reader.text("displays.code.hint")
            fields = DisplayFields(reader, places, site_id=None if site is None else site.id)
            # Whoever has scanned the code goes on with what is still to be said.
            (fields.name if box.value else box).props("autofocus")

            async def pair() -> Problem:
                if not (box.value or "").strip():
                    return reader.text("displays.problem.no_code")
                if fields.missing:
                    return fields.missing
                if (caller := await console.caller()) is None:
                    return ""
                try:
                    display_id = await console.portal.displays.confirm(caller, box.value, **fields.values)
                except (CannotShow, TooManyTries) as refused:
                    return problem(reader, refused)
                ui.navigate.to(f"/admin/displays/{display_id:d}")
                return ""

            buttons(
                reader.text("displays.pair"),
                pair,
                fields=[box, fields.name],
                skip=(reader.text("settings.cancel"), way_back),
            )


def shown(code: str) -> str:
    """A *code* out of an address as screens show it, in two halves; nothing of what can't be one."""
    plain = "".join(one for one in code[:LONGEST_CODE].upper() if one.isascii() and one.isalnum())
    return f"{plain[: LENGTH // 2]} {plain[LENGTH // 2 :]}" if len(plain) == LENGTH else ""
