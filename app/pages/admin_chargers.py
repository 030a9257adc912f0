"""`/admin/chargers`: all chargers, live, with a search, and filters by site and status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.pages import asked_list
from app.pages.console import Console
from components.bound import Show, When
from components.charger_list import ChargerList, status_word
from components.filters import Filters
from data.announcements import Topic
from data.queries import charger_list
from data.queries.accounts import cleaned
from data.queries.charger_list import ConsoleStatus, ListedChargers, Need, Sort

if TYPE_CHECKING:
    from app.portal import Portal

PATH = "/admin/chargers"
AT_MOST_EVERY = 1.0
"""Seconds between the questions of an open list."""
POWER_EVERY = 10.0
"""Seconds between them for what only readings change: with 500 chargers there is always one."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page(PATH)
    async def chargers(
        request: Request,
        operator: Operator,
        search: str = "",
        site: str = "",
        status: str = "",
        needs: str = "",
        sort: str = "",
    ) -> None:
        asked = Asked.of(search, site, status, needs, sort)
        await ChargersPage(Console(portal, operator, request), asked).draw()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is searched for."""

    search: str = ""
    site_id: int | None = None
    status: ConsoleStatus | None = None
    needs: Need | None = None
    sort: Sort = Sort.NAME
    descending: bool = False
    nothing: bool = False
    """Something that no charger is."""

    @classmethod
    def of(cls, search: str, site: str, status: str, needs: str, sort: str) -> Asked:
        """Read out of an address."""
        return cls(
            cleaned(search),
            asked_list.site(site),
            asked_list.word(status, ConsoleStatus),
            asked_list.word(needs, Need),
            *asked_list.order(sort, Sort, Sort.NAME),
            asked_list.is_unknown(status, ConsoleStatus) or asked_list.is_unknown(needs, Need),
        )

    @property
    def filters(self) -> dict[str, str]:
        """What narrows the list and is understood, by the names that the address has for it."""
        return {
            "search": self.search,
            "site": "" if self.site_id is None else str(self.site_id),
            "status": self.status.value if self.status is not None else "",
            "needs": self.needs.value if self.needs is not None else "",
        }

    def address(self, sort: Sort | None = None, descending: bool = False) -> str:
        """Where this is shown, in another order if one is given."""
        by, falling = (self.sort, self.descending) if sort is None else (sort, descending)
        given = {**self.filters, "sort": asked_list.named_order(by, falling, Sort.NAME)}
        if self.nothing:
            given["status"] = asked_list.UNKNOWN
        return asked_list.address(PATH, given)

    @property
    def is_filtered(self) -> bool:
        """Whether there may be chargers that it does not show."""
        return self.nothing or any(self.filters.values())


@dataclass(frozen=True, slots=True)
class Found:
    """The answer, and what it is one to: another search is another answer, also with the same rows."""

    asked: Asked
    chargers: ListedChargers


class ChargersPage:
    """The list."""

    def __init__(self, console: Console, asked: Asked) -> None:
        self.console = console
        self.asked = asked
        self.cards = console.cards()
        soon = [
            When(topic, at_most_every=lambda: AT_MOST_EVERY)
            for topic in (Topic.CHARGERS, Topic.SESSIONS, Topic.RESERVATIONS, Topic.SITES)
        ]
        power = When(Topic.READING, at_most_every=lambda: POWER_EVERY)
        self.found = self.cards.bind(self.ask, *soon, power, tells_time=True)

    def ask(self, db: Connection) -> Found:
        """Asked in a thread."""
        asked = self.asked
        return Found(
            asked,
            charger_list.listed(
                db,
                clock.now(),
                search=asked.search,
                site_id=asked.site_id,
                status=asked.status,
                needs=asked.needs,
                nothing=asked.nothing,
                sort=asked.sort,
                descending=asked.descending,
            ),
        )

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        reader = self.console.reader
        with self.console.page(reader.text("chargers.title")) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/chargers.css">')
            with frame.title, ui.element("div").classes("p-tools"):
                ui.link(reader.text("chargerlist.import"), "/admin/chargers/import").classes("p-page-link")
                ui.link(reader.text("chargerlist.add"), "/admin/chargers/new").classes("p-page-link is-main")
            self.found.draw(self.draw_filters, silent=True)
            self.found.draw(self.draw_list)

    def draw_filters(self, found: Found) -> Show[Found]:
        """Search, site, status, and what they need."""
        reader, values = self.console.reader, self.asked.filters
        filters = Filters(reader, values, self.look)
        filters.search("search", reader.text("chargerlist.search"))
        sites = {str(id_): name for id_, name in found.chargers.sites}
        if len(sites) > 1 or values["site"]:
            filters.choice(
                "site",
                reader.text("chargerlist.site"),
                sites,
                everything=reader.text("chargerlist.all_sites"),
            )
        filters.choice(
            "status",
            reader.text("chargerlist.status"),
            {status.value: status_word(reader, status) for status in ConsoleStatus},
            everything=reader.text("chargerlist.all_states"),
        )
        filters.choice(
            "needs",
            reader.text("chargerlist.needs"),
            {need.value: reader.text("chargerlist.needs." + need) for need in Need},
            everything=reader.text("chargerlist.needs.any"),
        )
        return lambda found: None

    def draw_list(self, found: Found) -> Show[Found]:
        """The table."""

        def link(sort: Sort, descending: bool) -> str:
            return self.asked.address(sort, descending)

        listing = ChargerList(self.console.reader, link)

        def show(found: Found) -> None:
            asked = found.asked
            listing.show_chargers(
                found.chargers, asked.sort, asked.descending, asked.is_filtered, clock.now()
            )

        show(found)
        return show

    def look(self, values: dict[str, str]) -> None:
        """Show what is asked for; the address follows, so that back and reload keep it."""
        before = self.asked
        sort = ("-" if before.descending else "") + before.sort.value
        search, site, status, needs = (values.get(name, "") for name in ("search", "site", "status", "needs"))
        self.asked = Asked.of(search, site, status, needs, sort)
        ui.navigate.history.replace(self.asked.address())
        self.found.ask()
