"""`/admin/chargers`: all chargers, live, with a search, and filters by site and status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.pages.console import Console
from app.pages.row_id import row_id
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
    """What is searched for; unknown words of an address are dropped, never a wider search (T5)."""

    search: str = ""
    site_id: int | None = None
    status: ConsoleStatus | None = None
    needs: Need | None = None
    sort: Sort = Sort.NAME
    descending: bool = False

    @classmethod
    def of(cls, search: str, site: str, status: str, needs: str, sort: str) -> Asked:
        """Read out of an address. A site that can't be one is that of no charger."""
        site_id = None
        if site:
            site_id = row_id(site) or 0
        by = sort.removeprefix("-")
        return cls(
            cleaned(search)[: charger_list.LONGEST_SEARCH],
            site_id,
            ConsoleStatus(status) if status in set(ConsoleStatus) else None,
            Need(needs) if needs in set(Need) else None,
            Sort(by) if by in set(Sort) else Sort.NAME,
            sort.startswith("-") and by in set(Sort),
        )

    def address(self, sort: Sort | None = None, descending: bool = False) -> str:
        """Where this is shown, in another order if one is given."""
        by, falling = (self.sort, self.descending) if sort is None else (sort, descending)
        given = {
            "search": self.search,
            "site": "" if self.site_id is None else str(self.site_id),
            "status": self.status.value if self.status is not None else "",
            "needs": self.needs.value if self.needs is not None else "",
            "sort": "" if (by, falling) == (Sort.NAME, False) else ("-" if falling else "") + by.value,
        }
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{PATH}?{query}" if query else PATH

    @property
    def is_filtered(self) -> bool:
        """Whether there may be chargers that it does not show."""
        return bool(self.search or self.site_id is not None or self.status or self.needs)


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
        reader, asked = self.console.reader, self.asked
        values = {
            "search": asked.search,
            "site": "" if asked.site_id is None else str(asked.site_id),
            "status": asked.status.value if asked.status else "",
            "needs": asked.needs.value if asked.needs else "",
        }
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
