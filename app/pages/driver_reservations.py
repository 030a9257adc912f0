"""`/admin/reservations?driver=ID`: what one driver has reserved and is not over, as a list."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui
from sqlalchemy import Connection

from app import clock
from app.pages import reservation_dialogs
from app.pages.console import Console
from components.bound import Show, When
from components.listing import Cell, Column, Line, Listing, Page
from components.reservation_words import place, standing
from components.words import reader
from data.announcements import Topic
from data.queries import accounts, reservation_day
from data.queries.reservation_day import COMING_SHOWN, Held
from data.types import Role

AT_MOST_EVERY = 1.0
"""Seconds between the questions of an open page."""
HEADS = ("when", "charger", "card", "state")


@dataclass(frozen=True, slots=True)
class Coming:
    """Whose they are, and the first of them."""

    name: str | None
    """``None``: there is no such driver."""
    held: tuple[Held, ...]


class DriverReservationsPage:
    """The list; one of them may be open."""

    def __init__(self, console: Console, driver_id: int, reservation_id: int | None) -> None:
        self.console = console
        self.driver_id = driver_id
        self.reservation_id = reservation_id
        self.cards = console.cards()
        self.found = self.cards.bind(
            self.ask,
            When(Topic.RESERVATIONS, driver_id, at_most_every=lambda: AT_MOST_EVERY),
            When(Topic.PEOPLE, driver_id),
            tells_time=True,
        )

    def ask(self, db: Connection) -> Coming:
        """Asked in a thread."""
        driver = accounts.facts(db, self.driver_id, Role.DRIVER)
        if driver is None:
            return Coming(None, ())
        return Coming(driver.name, reservation_day.coming(db, self.driver_id, clock.now()))

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        console, text = self.console, self.console.reader.text
        held = None
        if self.reservation_id is not None:
            held = await console.portal.database.ask(reservation_day.one, self.reservation_id)
        with console.page(text("shell.reservations")):
            ui.add_head_html('<link rel="stylesheet" href="/look/reservations.css">')
            self.found.draw(self.draw_list)
            if held is not None and held.account_id == self.driver_id:
                reservation_dialogs.show(console, held, lambda day: None, self.closed)

    def draw_list(self, found: Coming) -> Show[Coming]:
        """The table, and the ways from it."""
        words = self.console.reader
        title = words.text("reservations.of_driver.nobody")
        if found.name is not None:
            title = words.text("reservations.of_driver", name=found.name)
        listing = Listing(words, title, title=title, heading="driver-reservations-title")
        columns = [Column(words.text("reservations." + head)) for head in HEADS]
        with listing, ui.element("div").classes("p-person-actions"):
            if found.name is not None:
                back = ui.link(words.text("reservations.of_driver.back"), f"/admin/drivers/{self.driver_id}")
                back.classes("p-text-link")
            every = ui.link(words.text("reservations.of_driver.drop"), "/admin/reservations")
            every.classes("p-text-link")

        def show(found: Coming) -> None:
            told = words.count("reservations.shown", len(found.held)) if found.held else ""
            if len(found.held) == COMING_SHOWN:
                told = words.text("reservations.of_driver.first", n=words.integer(COMING_SHOWN))
            empty = words.text("driver.reservations.empty")
            listing.show(Page(columns, [self._line(one) for one in found.held], told=told, empty=empty))

        show(found)
        return show

    def _line(self, held: Held) -> Line:
        """In the time of the site, as the calendar has it."""
        words, now = self.console.reader, clock.now()
        there = reader(words.language.code, held.zone)
        state = standing(there, held, now)
        return Line(
            held.id,
            (
                Cell(there.span(held.starts_at, held.ends_at, now), held.zone, self._path(held.id)),
                Cell(held.charger_name, place(words, held.connector_number)),
                held.id_tag,
                Cell(state.word, kind=state.kind, icon=state.icon),
            ),
        )

    def _path(self, reservation_id: int) -> str:
        return f"/admin/reservations?driver={self.driver_id}&reservation={reservation_id}"

    def closed(self) -> None:
        """No reservation is open: the address says so too."""
        ui.navigate.history.replace(f"/admin/reservations?driver={self.driver_id}")
