"""`/admin/drivers`, `/admin/operators`: the accounts, a search among them, and invitations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.pages import people_dialogs
from app.pages.console import Console
from app.settings import password_sign_in
from components.bound import Show, When
from components.people import PATHS, People
from data.announcements import Topic
from data.periods import local_day
from data.queries import accounts
from data.queries.accounts import Lack, ListedAccounts, State
from data.types import Role

if TYPE_CHECKING:
    from app.portal import Portal

AT_MOST_EVERY = 1.0
"""Seconds between the questions of an open list: people come and go all the time."""


def install(portal: Portal) -> None:
    """Install the two pages."""

    @ui.page("/admin/drivers")
    async def drivers(
        request: Request, operator: Operator, search: str = "", state: str = "", lacks: str = ""
    ) -> None:
        await PeoplePage(Console(portal, operator, request), Role.DRIVER, search, state, lacks).draw()

    @ui.page("/admin/operators")
    async def operators(request: Request, operator: Operator, search: str = "", state: str = "") -> None:
        await PeoplePage(Console(portal, operator, request), Role.OPERATOR, search, state).draw()


@dataclass(frozen=True, slots=True)
class Found:
    """Accounts, and what was searched for: another search is another answer, also with the same rows."""

    search: str
    state: State | None
    lacks: Lack | None
    accounts: ListedAccounts


class PeoplePage:
    """The list of the accounts of one role."""

    def __init__(self, console: Console, role: Role, search: str, state: str, lacks: str = "") -> None:
        self.console = console
        self.role = role
        self.search = accounts.cleaned(search)
        known = State(state) if state in set(State) else None  # T5: what is unknown filters nothing
        self.passwords = password_sign_in(console.portal.settings)
        self.state = None if known is State.NO_WAY_IN and self.passwords else known
        self.lacks = Lack(lacks) if lacks in set(Lack) else None
        self.cards = console.cards()
        told = [Topic.PEOPLE, *([Topic.PLANS] if role is Role.DRIVER else [])]  # cards are told with people
        soon = [When(topic, at_most_every=lambda: AT_MOST_EVERY) for topic in told]
        self.found = self.cards.bind(self.ask, *soon, tells_time=True)

    def ask(self, db: Connection) -> Found:
        """Asked in a thread."""
        search, state, lacks = self.search, self.state, self.lacks
        today = None
        if self.role is Role.DRIVER:
            # Of the portal: a driver's own day is another one for some hours at most.
            today = local_day(clock.now(), ZoneInfo(self.console.portal.settings.default_time_zone))
        found = accounts.listed(
            db, self.role, search, state, passwords=self.passwords, today=today, lacks=lacks
        )
        return Found(search, state, lacks, found)

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        reader = self.console.reader
        with self.console.page(reader.text(f"people.{self.role.value}s")) as frame:
            with frame.title:
                invite = ui.button(reader.text(f"people.invite.{self.role.value}"), color=None)
                invite.classes("p-button is-main")
                invite.on_click(lambda: people_dialogs.invite(self.console, self.role))
            self.found.draw(self.draw_people)

    def draw_people(self, found: Found) -> Show[Found]:
        """The card with search, filter and rows."""
        # Where passwords are a way in, nobody is without one for having no other.
        states = [one for one in State if one is not State.NO_WAY_IN or not self.passwords]
        reader = self.console.reader
        card = People(reader, self.role, found.search, found.state, states, self.look, found.lacks)
        card.show(found.accounts, clock.now())
        return lambda found: card.show(found.accounts, clock.now())

    def look(self, search: str, state: State | None, lacks: Lack | None) -> None:
        """Show what is searched for; the address follows, so that back and reload keep it."""
        self.search, self.state, self.lacks = accounts.cleaned(search), state, lacks
        given = {"search": self.search, "state": state or "", "lacks": lacks or ""}
        query = urlencode({name: value for name, value in given.items() if value})
        path = PATHS[self.role].rstrip("/")
        ui.navigate.history.replace(f"{path}?{query}" if query else path)
        self.found.ask()
