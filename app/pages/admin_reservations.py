"""`/admin/reservations`: a day by charger; make, change and cancel reservations. Or those of one driver."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.pages import reservation_dialogs
from app.pages.console import Console
from app.pages.driver_reservations import DriverReservationsPage
from app.pages.row_id import row_id
from components.bound import Show, When
from components.filters import Filters
from components.reservation_calendar import Calendar
from data.announcements import Topic
from data.queries import reservation_day
from data.queries.reservation_day import Day, Held

if TYPE_CHECKING:
    from app.portal import Portal

AT_MOST_EVERY = 1.0
"""Seconds between the questions of an open page."""
FARTHEST = timedelta(days=366 * 20)
"""Days that are farther from today than this are none (T5)."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin/reservations")
    async def reservations(
        request: Request,
        operator: Operator,
        day: str = "",
        site: str = "",
        reservation: str = "",
        driver: str = "",
    ) -> None:
        console = Console(portal, operator, request)
        if driver:  # T5: of what is no driver there is nothing, and not everything
            await DriverReservationsPage(console, row_id(driver) or 0, row_id(reservation)).draw()
        else:
            await ReservationsPage(console, day, site, row_id(reservation)).draw()


class ReservationsPage:
    """One day, at all sites or at one."""

    def __init__(self, console: Console, day: str, site: str, reservation_id: int | None) -> None:
        self.console = console
        self.day = self._read(day)
        self.site_id = row_id(site)
        self.reservation_id = reservation_id
        self.cards = console.cards()
        told = [
            When(topic, at_most_every=lambda: AT_MOST_EVERY) for topic in (Topic.RESERVATIONS, Topic.SITES)
        ]
        self.found = self.cards.bind(self.ask, *told, tells_time=True)

    def ask(self, db: Connection) -> Day:
        """Asked in a thread."""
        return reservation_day.day(db, self.day, self.site_id)

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        console, text = self.console, self.console.reader.text
        held = await self._wanted()
        with console.page(text("shell.reservations")) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/reservations.css">')
            with frame.title:
                new = ui.button(text("reservations.new"), on_click=self.new, color=None)
                new.classes("p-button is-main")
            self.found.draw(self.draw_day)
            if held is not None:
                reservation_dialogs.show(console, held, self.saved, self.closed)

    async def _wanted(self) -> Held | None:
        if self.reservation_id is None:
            return None
        return await self.console.portal.database.ask(reservation_day.one, self.reservation_id)

    def draw_day(self, day: Day) -> Show[Day]:
        """The filters, and the calendar below them."""
        text = self.console.reader.text
        sites = {str(site_id): name for site_id, name in day.names}
        values = {"day": self.day.isoformat(), "site": str(self.site_id or "")}
        filters = Filters(self.console.reader, values, self.changed)
        filters.day("day", text("reservations.day"))
        if len(sites) > 1:
            filters.choice("site", text("reservations.site"), sites, everything=text("reservations.site.all"))
        calendar = Calendar(self.console.reader, self.path)
        calendar.show(day, clock.now())
        return lambda day: calendar.show(day, clock.now())

    def path(self, day: date, reservation_id: int | None) -> str:
        """The address of *day* with the same site, and with one reservation open or none."""
        given = {"day": day.isoformat(), "site": self.site_id, "reservation": reservation_id}
        return "/admin/reservations?" + urlencode({name: value for name, value in given.items() if value})

    def changed(self, values: dict[str, str]) -> None:
        """Show another day or site; the address follows."""
        self.site_id = row_id(values.get("site", ""))
        self.look(self._read(values.get("day", "")))

    def look(self, day: date) -> None:
        """Show *day*; the address follows, so that back and reload keep it."""
        self.day = day
        self.closed()
        self.found.ask()

    def saved(self, day: date) -> None:
        """Something begins on *day* now: show that one."""
        if day != self.day:
            ui.navigate.to(self.path(day, None))

    def closed(self) -> None:
        """No reservation is open: the address says so too."""
        ui.navigate.history.replace(self.path(self.day, None))

    async def new(self) -> None:
        """Ask for a new reservation."""
        if await self.console.caller() is not None:
            await reservation_dialogs.create(self.console, self.day, self.saved, self.site_id)

    def _read(self, text: str) -> date:
        """The day that *text* names; today, in the operator's zone, for anything else (T5)."""
        today = self.console.reader.local(clock.now()).date()
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return today
        return day if abs(day - today) <= FARTHEST else today
