"""`/admin/displays/{display_id}`: one display, whether its screen shows its board, and which (K2, K7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from nicegui import ui
from nicegui.element import Element
from starlette.requests import Request

from app import clock
from app.about import VERSION
from app.access.display_rows import CannotShow
from app.access.visitor import Operator, not_found
from app.pages.console import Console
from app.pages.display_form import DisplayFields, problem
from app.pages.new_charger import buttons
from app.pages.new_display import note_only_here, screen_address
from app.pages.row_id import own_row_id
from components import dialogs, forms
from components.bound import Show, When
from components.dialogs import Problem
from components.displays import LIST, DisplayCard
from components.drawn import Card
from components.new_charger import copied
from components.qr import qr_code
from components.shell import Frame
from data.announcements import Topic
from data.queries import display_list, setup
from data.queries.display_list import DisplayFacts
from data.queries.setup import PlaceFacts

if TYPE_CHECKING:
    from app.portal import Portal

JUST_PAIRED = timedelta(minutes=10)
"""For so long the page of a new display says that its screen shows its board."""


def install(portal: Portal) -> None:
    """Install the page. After those whose addresses look like a display's."""

    @ui.page("/admin/displays/{display_id}")
    async def display(request: Request, operator: Operator, display_id: str) -> None:
        await DisplayPage(Console(portal, operator, request), display_id).draw()


class DisplayPage:
    """The page of one display. Raises `not_found` for what is none."""

    def __init__(self, console: Console, display_id: str) -> None:
        self.console = console
        self.id = own_row_id(display_id)
        self.cards = console.cards()
        # What screens answer is told for all of them together: about nobody.
        self.facts = self.cards.bind(
            lambda db: display_list.facts(db, self.id),
            When(Topic.DISPLAYS),
            When(Topic.SITES),
            tells_time=True,
            until=lambda one: None if one is None else display_list.until_unseen([one], clock.now()),
        )
        self.known: DisplayFacts
        """As it was found last."""
        self.frame: Frame
        self.was_missing = False
        """Whether this page has ever said that its screen is not seen."""

    async def draw(self) -> None:
        """The page, if there is such a display."""
        console, reader, database = self.console, self.console.reader, self.console.portal.database
        found = await database.ask(display_list.facts, self.id)
        if found is None:
            raise not_found()
        self.known = found
        places = await database.ask(setup.places)
        await self.cards.load()
        with console.page(found.name) as frame:
            self.frame = frame
            ui.add_head_html('<link rel="stylesheet" href="/look/setup.css">')
            with frame.title:
                back = ui.link(f"← {reader.text('displays.title')}", LIST)
                back.classes("p-text-link p-way-back").move(target_index=0)
            self.facts.draw(self.draw_facts)
            self.draw_settings(places)
            self.draw_address()

    # --- what it is

    def draw_facts(self, found: DisplayFacts | None) -> Show[DisplayFacts | None]:
        """What is known of it, and the button that takes it back."""
        reader = self.console.reader
        card = DisplayCard(reader, VERSION)
        with card.actions:
            remove = ui.button(color=None, on_click=self.remove).classes("p-button is-danger").props("flat")

        def show(found: DisplayFacts | None) -> None:
            if found is not None:
                self.known = found
                self.frame.heading.set_text(found.name)
                ui.page_title(f"{found.name} · {reader.text('brand')}")
                remove.set_text(reader.text("displays.remove", name=found.name))
            remove.set_visibility(found is not None)
            card.show_display(found, "" if found is None else self.note(found), clock.now())

        show(found)
        return show

    def note(self, one: DisplayFacts) -> str:
        """What is to be said of its screen, if anything is."""
        reader, now = self.console.reader, clock.now()
        is_new = now - one.paired_at < JUST_PAIRED
        if one.is_old(now, VERSION):
            return reader.text("displays.old.text", version=one.version, own=VERSION)
        if one.is_seen(now):
            return reader.text("displays.shows") if is_new or self.was_missing else ""
        self.was_missing = True
        if one.last_seen_at is not None:
            return reader.text("displays.unseen", moment=reader.moment(one.last_seen_at, now))
        if now - one.paired_at < display_list.SEEN_WITHIN:
            return reader.text("displays.waiting")
        return reader.text("displays.never.text")

    # --- what it shows

    def draw_settings(self, places: Sequence[PlaceFacts]) -> None:
        """Its fields."""
        console, reader = self.console, self.console.reader
        with Card("p-two-thirds p-fields p-setup-form", "settings-title"):
            forms.text("h2", reader.text("displays.edit")).props("id=settings-title")
            fields = DisplayFields(reader, places, self.known)
            told: ui.label

            async def save() -> Problem:
                told.set_text("")
                if fields.missing:
                    return fields.missing
                if (caller := await console.caller()) is None:
                    return ""
                try:
                    await console.portal.displays.edit(caller, self.id, **fields.values)
                except CannotShow as refused:
                    return problem(reader, refused)
                told.set_text(reader.text("displays.saved"))
                return ""

            buttons(reader.text("settings.save"), save, fields=[fields.name])
            told = forms.text("p", "").classes("p-muted p-small").props("role=status")

    # --- its start address

    def draw_address(self) -> None:
        """For screens that keep nothing; it is shown only where it has just been made."""
        reader = self.console.reader
        with Card("p-one-third p-fields p-setup-form", "address-title"):
            forms.text("h2", reader.text("displays.address")).props("id=address-title")
            forms.text("p", reader.text("displays.address.text")).classes("p-muted p-small")
            note_only_here(self.console)
            place = Element("div").classes("p-start-address p-fields")
            with place:
                self.draw_button(place)

    def draw_button(self, place: Element) -> None:
        """What makes an address; one that there is already is ended only after a question."""
        reader = self.console.reader

        async def make() -> None:
            if self.known.has_address:
                self.ask_for_address(place)
            else:
                await self.new_address(place)

        if self.known.has_address:
            forms.text("p", reader.text("displays.address.there")).classes("p-small")
        words = reader.text(f"displays.address.{'renew' if self.known.has_address else 'make'}")
        ui.button(words, on_click=make, color=None).classes("p-button").props("flat")

    def ask_for_address(self, place: Element) -> None:
        """Ask, and then make another one."""
        reader, name = self.console.reader, self.known.name

        async def act(_: str) -> Problem:
            await self.new_address(place)
            return ""

        dialogs.confirm(
            reader,
            reader.text("displays.address.title", name=name),
            reader.text("displays.address.ends"),
            reader.text("displays.address.do", name=name),
            act,
            danger=True,
        )

    async def new_address(self, place: Element) -> None:
        """Make it and show it, this once."""
        console, reader = self.console, self.console.reader
        if (caller := await console.caller()) is None:
            return
        try:
            token = await console.portal.displays.new_address(caller, self.id)
        except CannotShow as refused:
            ui.notify(problem(reader, refused), type="negative", position="top")
            return
        address = f"{screen_address(console)}/{token}"
        place.clear()
        with place:
            copied(reader, reader.text("displays.address"), address, can_copy=console.can_copy)
            qr_code(address, reader.text("displays.address.qr", name=self.known.name))
            once = forms.text("p", reader.text("displays.address.once"))
            once.classes("p-note-box p-small").props("role=status")

    # --- its end

    def remove(self) -> None:
        """Ask, and then take it back."""
        console, reader, name = self.console, self.console.reader, self.known.name

        async def act(_: str) -> Problem:
            if (caller := await console.caller()) is None:
                return ""
            try:
                await console.portal.displays.revoke(caller, self.id)
            except CannotShow as refused:
                return problem(reader, refused)
            ui.navigate.to(LIST)
            return ""

        do = reader.text("displays.remove", name=name)
        title = reader.text("displays.remove.title", name=name)
        dialogs.confirm(reader, title, reader.text("displays.remove.text"), do, act, danger=True)
