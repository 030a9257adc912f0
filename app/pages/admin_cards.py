"""`/admin/cards`: all charging cards, mapped or not, and what can be done with each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.pages import card_dialogs
from app.pages.console import Console
from components import forms
from components.bound import Show, When
from components.card_table import CardTable
from components.drawn import Card
from components.filters import Filters
from components.words import UNKNOWN
from data.announcements import Topic
from data.queries import accounts, cards
from data.queries.cards import CardDetails, Cards, State

if TYPE_CHECKING:
    from app.portal import Portal

PATH = "/admin/cards"
AT_MOST_EVERY = 1.0
"""Seconds between the questions of an open list: cards are held to chargers all the time."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page(PATH)
    async def page(
        request: Request,
        operator: Operator,
        search: str = "",
        state: str = "",
        after: str = "",
        before: str = "",
        card: str = "",
    ) -> None:
        await CardsPage(Console(portal, operator, request), search, state, after, before).draw(card)


@dataclass(frozen=True, slots=True)
class Found:
    """Cards, and what was searched for: another search is another answer, also with the same rows."""

    asked: tuple[str, State | None]
    cards: Cards


class CardsPage:
    """The list."""

    def __init__(self, console: Console, search: str, state: str, after: str, before: str) -> None:
        self.console = console
        self.search = accounts.cleaned(search)
        self.state = State(state) if state in set(State) else None
        self.nothing = bool(state) and self.state is None  # T5: what is unknown shows nothing more
        self.after, self.before = cards.place(after), cards.place(before)
        self.cards = console.cards()
        told = [When(one, at_most_every=lambda: AT_MOST_EVERY) for one in (Topic.TAGS, Topic.PEOPLE)]
        self.found = self.cards.bind(self.ask, *told, tells_time=True)

    def ask(self, db: Connection) -> Found:
        """Asked in a thread."""
        search, state = self.search, self.state
        if self.nothing:
            return Found((search, state), Cards((), "", ""))
        found = cards.listed(db, search, state, after=self.after, before=self.before)
        return Found((search, state), found)

    async def draw(self, asked: str = "") -> None:
        """The page; with the dialog of the card that the key *asked* names, if nobody has it yet."""
        details = None
        if asked:
            details = await self.console.portal.database.ask(cards.details, asked, clock.now())
        await self.cards.load()
        reader = self.console.reader
        with self.console.page(reader.text("cards.title")) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/cards.css">')
            with frame.title:
                add = ui.button(reader.text("cards.add"), color=None).classes("p-button is-main")
                add.on_click(lambda: card_dialogs.add(self.console))
            if asked:
                self.draw_asked(details, frame.heading)
            values = {"search": self.search, "state": self.state.value if self.state else ""}
            filters = Filters(reader, values, self.look)
            filters.search("search", reader.text("cards.search"))
            states = {state.value: reader.text("cards.state." + state.value) for state in State}
            filters.choice(
                "state", reader.text("cards.state"), states, everything=reader.text("cards.state.any")
            )
            self.found.draw(self.draw_cards)

    def draw_asked(self, details: CardDetails | None, heading: ui.label) -> None:
        """The dialog of one card; of one that is linked meanwhile, or unknown, it is said instead."""
        reader = self.console.reader
        if details is not None and not details.card.is_linked:

            def closed() -> None:
                # Loaded again, the page is what is seen now; and nothing had the focus before the dialog.
                ui.navigate.history.replace(self.address())
                heading.run_method("focus")

            card_dialogs.tell(self.console, details).on_value_change(closed)
            return
        told = reader.text("cards.asked.gone")
        if details is not None:
            told = reader.text(
                "cards.asked.linked", tag=details.card.id_tag, name=details.card.driver or UNKNOWN
            )
        with Card("p-asked-card"):
            forms.text("p", told).classes("p-note-box").props("role=status")

    def draw_cards(self, found: Found) -> Show[Found]:
        """The table."""
        table = CardTable(self.console.reader, lambda key: card_dialogs.show(self.console, key))

        def show(found: Found) -> None:
            searched = any(found.asked) or self.nothing
            table.show(
                found.cards.cards,
                clock.now(),
                empty=self.console.reader.text("cards.no_match" if searched else "cards.empty"),
                previous=self.address(before=found.cards.previous) if found.cards.previous else "",
                next=self.address(after=found.cards.next) if found.cards.next else "",
            )

        show(found)
        return show

    def look(self, values: dict[str, str]) -> None:
        """Show what is searched for, from the beginning; the address follows."""
        self.search, self.nothing = accounts.cleaned(values.get("search", "")), False
        state = values.get("state", "")
        self.state = State(state) if state in set(State) else None
        self.after = self.before = None
        ui.navigate.history.replace(self.address())
        self.found.ask()

    def address(self, **more: str) -> str:
        """Where this is shown."""
        given = {"search": self.search, "state": self.state.value if self.state else "", **more}
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{PATH}?{query}" if query else PATH
