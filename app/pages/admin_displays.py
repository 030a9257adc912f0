"""`/admin/displays`: all displays, and which of them need a hand, with a search and filters (K7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.about import VERSION
from app.access.visitor import Operator
from app.pages import asked_list
from app.pages.console import Console
from app.pages.new_display import screen_address
from app.pages.row_id import row_id
from components.bound import Show, When
from components.display_list import DisplayList
from components.displays import LIST
from components.filters import Filters
from data.announcements import Topic
from data.queries import display_list
from data.queries.accounts import cleaned
from data.queries.display_list import ListedDisplays, Sort, State, until_unseen

if TYPE_CHECKING:
    from app.portal import Portal

AT_MOST_EVERY = 1.0
"""Seconds between the questions of an open list."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page(LIST)
    async def displays(
        request: Request,
        operator: Operator,
        search: str = "",
        site: str = "",
        state: str = "",
        sort: str = "",
        page: str = "",
    ) -> None:
        asked = Asked.of(search, site, state, sort, page)
        await DisplaysPage(Console(portal, operator, request), asked).draw()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for."""

    search: str = ""
    site_id: int | None = None
    state: State | None = None
    sort: Sort = Sort.STATE
    descending: bool = False
    page: int = 1
    nothing: bool = False
    """Something that no display is."""

    @classmethod
    def of(cls, search: str, site: str, state: str, sort: str, page: str = "") -> Asked:
        """Read out of an address."""
        return cls(
            cleaned(search),
            asked_list.site(site),
            asked_list.word(state, State),
            *asked_list.order(sort, Sort, Sort.STATE),
            row_id(page) or 1,
            asked_list.is_unknown(state, State),
        )

    @property
    def filters(self) -> dict[str, str]:
        """What narrows the list and is understood, by the names that the address has for it."""
        return {
            "search": self.search,
            "site": "" if self.site_id is None else str(self.site_id),
            "state": self.state.value if self.state is not None else "",
        }

    @property
    def order(self) -> str:
        """As the address has it."""
        return asked_list.named_order(self.sort, self.descending, Sort.STATE)

    @property
    def address(self) -> str:
        """Where this is shown."""
        given = {**self.filters, "sort": self.order, "page": "" if self.page == 1 else str(self.page)}
        if self.nothing:
            given["state"] = asked_list.UNKNOWN
        return asked_list.address(LIST, given)

    def sorted(self, sort: Sort, descending: bool) -> str:
        """The address of its first page in another order."""
        return replace(self, sort=sort, descending=descending, page=1).address

    def turned(self, page: int) -> str:
        """The address of another page."""
        return replace(self, page=page).address


@dataclass(frozen=True, slots=True)
class Found:
    """The answer, and what it is one to: another search is another answer, also with the same rows."""

    asked: Asked
    displays: ListedDisplays


class DisplaysPage:
    """The list; it follows each heartbeat, and time alone where none comes."""

    def __init__(self, console: Console, asked: Asked) -> None:
        self.console = console
        self.asked = asked
        self.cards = console.cards()
        told = [When(topic, at_most_every=lambda: AT_MOST_EVERY) for topic in (Topic.DISPLAYS, Topic.SITES)]
        self.found = self.cards.bind(
            self.ask,
            *told,
            tells_time=True,
            until=lambda found: until_unseen(found.displays.all, clock.now()),
        )

    def ask(self, db: Connection) -> Found:
        """Asked in a thread."""
        return Found(self.asked, display_list.listed(db))

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        reader = self.console.reader
        with self.console.page(reader.text("displays.title")) as frame:
            with frame.title:
                ui.link(reader.text("displays.add"), "/admin/displays/new").classes("p-page-link is-main")
            self.found.draw(self.draw_filters, silent=True)
            self.found.draw(self.draw_list)

    def draw_filters(self, found: Found) -> Show[Found]:
        """Search, site and state; nothing where there is nothing to look for."""
        reader, values = self.console.reader, self.asked.filters
        filters = Filters(reader, values, self.look)
        filters.search("search", reader.text("displays.search"))
        sites = {str(id_): name for id_, name in found.displays.sites}
        if len(sites) > 1 or values["site"]:
            everywhere = reader.text("chargerlist.all_sites")
            filters.choice("site", reader.text("displays.site"), sites, everything=everywhere)
        states = {one.value: reader.text(f"displays.state.{one}") for one in State}
        every = reader.text("displays.state.any")
        filters.choice("state", reader.text("displays.state.filter"), states, everything=every)

        def show(found: Found) -> None:
            filters.set_visibility(bool(found.displays.all))

        show(found)
        return show

    def draw_list(self, found: Found) -> Show[Found]:
        """The table."""
        card = DisplayList(
            self.console.reader,
            screen_address(self.console),
            VERSION,
            lambda sort, descending: self.asked.sorted(sort, descending),
            lambda page: self.asked.turned(page),
        )

        def show(found: Found) -> None:
            now, asked = clock.now(), found.asked
            matching = found.displays.matching(
                now,
                VERSION,
                search=asked.search,
                site_id=asked.site_id,
                state=asked.state,
                nothing=asked.nothing,
                sort=asked.sort,
                descending=asked.descending,
            )
            only = asked.state if not asked.search and asked.site_id is None else None
            card.show_displays(
                found.displays.all, matching, asked.sort, asked.descending, asked.page, now, only=only
            )

        show(found)
        return show

    def look(self, values: dict[str, str]) -> None:
        """Show what is looked for from its first page on; the address follows, so that reload keeps it."""
        search, site, state = (values.get(name, "") for name in ("search", "site", "state"))
        self.asked = Asked.of(search, site, state, self.asked.order)
        ui.navigate.history.replace(self.asked.address)
        self.found.ask()
