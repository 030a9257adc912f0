"""`/admin/chargers/{id}`: one charger, live: what it is, what it does, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import ui
from nicegui.element import Element
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator, not_found
from app.pages import charger_asking, charger_dialogs
from app.pages.charger_configuration import ConfigurationCard
from app.pages.charger_messages import Messages
from app.pages.console import Console
from app.pages.row_id import own_row_id
from components import check_ins as strip
from components import forms
from components.bound import Show, When
from components.charger_connectors import Connectors
from components.charger_facts import ChargerFactsCard
from components.charger_requests import Requests
from components.check_ins import CheckInStrip
from components.drawn import Card
from data.announcements import Topic
from data.queries import charger_page, check_ins, commands
from data.queries.charger_page import ChargerFacts, ConnectorFacts
from data.queries.check_ins import CheckIns
from data.queries.commands import Command, Configuration
from data.types import Admission

if TYPE_CHECKING:
    from app.portal import Portal

REQUESTS = 10
AT_MOST_EVERY = 0.5
"""Seconds between the questions of a card: a charger that says a lot is asked about no more often."""


def install(portal: Portal) -> None:
    """Install the page. After those whose addresses look like a charger's."""

    @ui.page("/admin/chargers/{charger_id}")
    async def charger(request: Request, operator: Operator, charger_id: str) -> None:
        await ChargerPage(Console(portal, operator, request), charger_id).draw()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the charger."""

    facts: ChargerFacts | None
    """``None`` once it was removed."""
    is_here: bool
    """Whether it is connected to this process: another answer, also if nothing else has changed."""


class ChargerPage:
    """The page of one charger. Raises `not_found` for what is none."""

    def __init__(self, console: Console, charger_id: str) -> None:
        self.id = own_row_id(charger_id)
        self.console = console
        self.known: ChargerFacts
        """As it was found last."""
        self.plugs: tuple[ConnectorFacts, ...] = ()
        cards = self.cards = console.cards()

        def when(topic: Topic, about: int | None = self.id) -> When:
            return When(topic, about, at_most_every=lambda: AT_MOST_EVERY)

        told = [when(Topic.CHARGERS), when(Topic.COMMANDS), when(Topic.SITES, None)]
        self.facts = cards.bind(self.ask_facts, *told, tells_time=True)
        running = [when(Topic.CHARGERS), when(Topic.COMMANDS), when(Topic.SESSIONS, None)]
        self.connectors = cards.bind(
            lambda db: charger_page.connectors(db, self.id), *running, tells_time=True
        )
        self.requests = cards.bind(
            lambda db: commands.latest(db, self.id, REQUESTS), when(Topic.COMMANDS), tells_time=True
        )
        self.heard = cards.bind(self.ask_check_ins, when(Topic.COMMANDS), over=lambda found: True)
        self.configuration = cards.bind(
            lambda db: commands.configuration(db, self.id), when(Topic.COMMANDS), tells_time=True
        )
        self.messages = Messages(console, self.id)

    def ask_facts(self, db: Connection) -> Known:
        """Asked in a thread."""
        here = self.id in self.console.portal.endpoint.connected()
        return Known(charger_page.facts(db, self.id, clock.now()), here)

    def ask_check_ins(self, db: Connection) -> CheckIns:
        """Asked in a thread; once a minute, for time alone moves the strip on."""
        now = clock.now()
        return check_ins.check_ins(db, self.id, strip.since(now, self.console.reader), now)

    async def draw(self) -> None:
        """The page, if there is such a charger."""
        known = await self.console.portal.database.ask(charger_page.facts, self.id, clock.now())
        if known is None:
            raise not_found()
        self.known = known
        await self.cards.load()
        reader = self.console.reader
        with self.console.page(known.name) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/chargers.css">')
            with frame.title:
                back = ui.link(f"← {reader.text('shell.chargers')}", "/admin/chargers")
                back.classes("p-text-link p-way-back").move(target_index=0)
            self.facts.draw(self.draw_facts)
            self.facts.draw(self.draw_asking, silent=True)
            self.connectors.draw(self.draw_connectors)
            self.requests.draw(self.draw_requests)
            self.heard.draw(self.draw_check_ins)
            self.configuration.draw(self.draw_configuration)
            self.messages.draw()

    # --- cards

    def draw_facts(self, known: Known) -> Show[Known]:
        """What it is, and buttons for what operators decide about it."""
        reader = self.console.reader
        card = ChargerFactsCard(reader)
        offered: tuple[object, ...] = ()

        def show(known: Known) -> None:
            nonlocal offered
            facts = known.facts
            if facts is None:
                card.actions.clear()
                with card.actions:
                    forms.text("p", reader.text("charger.gone")).props("role=status")
                return
            self.known = facts
            self.messages.catch_up()
            address = charger_dialogs.address(self.console, facts.identity)
            card.show_charger(facts, address, clock.now())
            # Drawn anew only if they change: whoever has just tabbed to one stays there.
            offers = (facts.admission, facts.has_password)
            if offers != offered:
                offered = offers
                card.actions.clear()
                with card.actions:
                    self.draw_actions(facts)

        show(known)
        return show

    def draw_actions(self, facts: ChargerFacts) -> None:
        """The buttons; what they change is looked up at the click."""
        console, reader = self.console, self.console.reader

        def button(key: str, do: Callable[[], object], *, danger: bool = False, main: bool = False) -> None:
            made = ui.button(reader.text(key), on_click=do, color=None)
            made.classes("p-button")
            if main:
                made.classes("is-main")
            else:
                made.props("flat")
            if danger:
                made.classes("is-danger")

        if facts.admission is not Admission.ACCEPTED:
            button("charger.accept", lambda: charger_dialogs.accept(console, self.known), main=True)
        button("charger.edit", lambda: charger_dialogs.edit(console, self.known))
        button("charger.password", lambda: charger_dialogs.renew_password(console, self.known))
        # Rare, and not to be taken for what one does every day: apart, at the end.
        with Element("div").classes("p-rare-actions"):
            if facts.admission is not Admission.BLOCKED:
                button("charger.block", lambda: charger_dialogs.block(console, self.known), danger=True)
            button("charger.remove", lambda: charger_dialogs.remove(console, self.known), danger=True)

    def draw_asking(self, known: Known) -> Show[Known]:
        """What can be asked of it; if it can't be, why not."""
        reader = self.console.reader
        buttons: list[ui.button] = []
        with Card("p-asking p-one-third", "asking-title"):
            forms.text("h2", reader.text("charger.asking")).props("id=asking-title")
            reason = ui.label().classes("p-note-box").props("role=status")
            with Element("div").classes("p-asking-buttons"):
                for key, ask in charger_asking.DIALOGS.items():
                    made = ui.button(reader.text(f"charger.ask.{key}"), color=None)
                    made.classes("p-button").props("flat")
                    made.on_click(lambda _, ask=ask: ask(self.console, self.known, self.plugs))
                    buttons.append(made)

        def show(known: Known) -> None:
            why = "" if known.facts is None else self.why_not(known.facts)
            reason.set_text(why)
            reason.set_visibility(bool(why))
            for button in buttons:
                button.set_enabled(not why)

        show(known)
        return show

    def why_not(self, facts: ChargerFacts) -> str:
        """Why the charger can't be asked for anything now; empty if it can."""
        reader = self.console.reader
        if facts.admission is not Admission.ACCEPTED:
            return reader.text(f"charger.cannot.{facts.admission.value}")
        portal = self.console.portal
        if self.id in portal.endpoint.connected():
            return ""
        if portal.database.dialect != "sqlite" and facts.is_heard:
            return ""  # another process may have it
        if facts.last_seen_at is None:
            return reader.text("charger.cannot.never")
        return reader.text("charger.cannot.offline", ago=reader.ago(facts.last_seen_at, clock.now()))

    def draw_connectors(self, found: tuple[ConnectorFacts, ...]) -> Show[tuple[ConnectorFacts, ...]]:
        """The plugs and what runs at them."""

        def edit(connector: ConnectorFacts) -> None:
            charger_dialogs.edit_connector(self.console, self.known, connector)

        card = Connectors(self.console.reader, self.console.portal.live.session, edit)

        def show(found: tuple[ConnectorFacts, ...]) -> None:
            self.plugs = found
            card.show(found, clock.now())

        show(found)
        return show

    def draw_requests(self, found: tuple[Command, ...]) -> Show[tuple[Command, ...]]:
        """What was asked of it, and what became of that."""
        card = Requests(self.console.reader)
        card.show(found, clock.now())
        return lambda found: card.show(found, clock.now())

    def draw_check_ins(self, found: CheckIns) -> Show[CheckIns]:
        """The strip of the last seven days."""
        card = CheckInStrip(self.console.reader)
        card.show(found, clock.now())
        return lambda found: card.show(found, clock.now())

    def draw_configuration(self, found: Configuration | None) -> Show[Configuration | None]:
        """Its keys, as it told them last."""
        card = ConfigurationCard(self.console, lambda: self.known)
        card.show(found, clock.now())
        return lambda found: card.show(found, clock.now())
