"""`/admin/chargers/new`, and what the first run shares with it: a charger is made known, and waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import ui
from nicegui.element import Element
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.own_address import own_address
from app.access.visitor import Operator
from app.charging.ocpp.refusals import Why
from app.operating.chargers import LONGEST_IDENTITY, PLUG_TYPES, NewCharger
from app.operating.sites import CannotKeep
from app.pages.console import Console
from components import dialogs, forms, new_charger
from components.bound import BoundCards, Show, When
from components.dialogs import Problem
from components.drawn import Card
from components.new_charger import Address, Heard, Try, Waiting
from data.announcements import Topic
from data.queries import setup
from data.queries.setup import NewChargerFacts, PlaceFacts

if TYPE_CHECKING:
    from app.portal import Portal

TRIES = 3
"""Refused connections that are told at most."""
PLUGS = 2
"""Connectors that the form has room for; a charger reports the others by itself."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin/chargers/new")
    async def page(request: Request, operator: Operator) -> None:
        await NewChargerPage(Console(portal, operator, request)).draw()


class NewChargerPage:
    """The form; once it is sent, the charger that is waited for."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.cards = console.cards()

    async def draw(self) -> None:
        """The page."""
        console = self.console
        found = await console.portal.database.ask(known)
        with console.page(console.reader.text("new_charger.title")) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/setup.css">')
            with frame.title:
                words = console.reader.text("shell.chargers")
                back = ui.link(f"← {words}", "/admin/chargers").classes("p-text-link p-way-back")
                back.move(target_index=0)
            place = Element("div").classes("p-slot")
            with place:
                if not found.places:
                    with Card("p-two-thirds"):
                        forms.text("p", console.reader.text("new_charger.no_site"))
                        ui.link(console.reader.text("sites.add"), "/admin/sites").classes("p-text-link")
                    return
                with Card("p-two-thirds p-fields p-setup-form"):
                    ChargerForm(console, found, self.added, place).draw(all_of_it=True)

    async def added(self, place: Element, made: NewCharger) -> None:
        """Show the charger's address instead of the form, and wait for it."""
        await Connecting(self.console, self.cards, made.id, made.password).draw_into(place)


class ChargerForm:
    """The fields of a new charger; *added* is called with *place* and what was made."""

    def __init__(
        self,
        console: Console,
        known: Known,
        added: Callable[[Element, NewCharger], object],
        place: Element,
    ) -> None:
        self.console = console
        self.known = known
        self.added = added
        self.place = place

    def draw(self, *, all_of_it: bool) -> None:
        """Draw the fields here; *all_of_it*: groups and a further connector too."""
        reader = self.console.reader
        # Proposed as hints are not: whoever has nothing better in mind just goes on.
        identity = dialogs.field(
            reader.text("new_charger.identity"), self.known.identity, longest=LONGEST_IDENTITY
        )
        identity.props("autocomplete=off spellcheck=false autofocus")
        identity.props["hint"] = reader.text("new_charger.identity.hint")
        name = dialogs.field(reader.text("new_charger.name"), longest=200)
        name.props("autocomplete=off")
        name.props["hint"] = reader.text("new_charger.name.hint")
        names = {place.id: place.name for place in self.known.places}
        site = ui.select(names, value=self.known.places[-1].id, label=reader.text("new_charger.site"))
        site.props("outlined options-dense behavior=menu")
        site.set_visibility(all_of_it or len(names) > 1)
        plugs: list[tuple[ui.select, ui.number]] = []
        groups: ui.select | None = None
        for number in range(1, (PLUGS if all_of_it else 1) + 1):
            plugs.append(self._plug(number))
        if all_of_it:
            groups = ui.select(
                list(self.known.groups),
                value=[],
                multiple=True,
                label=reader.text("new_charger.groups"),
                new_value_mode="add-unique",
            )
            groups.props("outlined options-dense behavior=menu use-chips")
            groups.props["hint"] = reader.text("new_charger.groups.hint")

        async def add() -> Problem:
            if (caller := await self.console.caller()) is None:
                return ""
            wanted = [
                (kind.value or None, None if power.value is None else round(float(power.value) * 1000))
                for kind, power in plugs
            ]
            while wanted and wanted[-1] == (None, None):
                wanted.pop()
            try:
                made = await self.console.portal.chargers.add(
                    caller,
                    (identity.value or "").strip(),
                    name.value or "",
                    site.value,
                    wanted,
                    list(groups.value) if groups is not None else (),
                )
            except CannotKeep as refused:
                return reader.text(f"operating.problem.{refused.why}")
            result = self.added(self.place, made)
            if result is not None:
                await result  # type: ignore[misc]
            return ""

        buttons(reader.text("new_charger.do"), add, fields=[identity, name])

    def _plug(self, number: int) -> tuple[ui.select, ui.number]:
        reader = self.console.reader
        with Element("div").classes("p-plug"):
            kinds = {"": reader.text("new_charger.plug.unknown")} | {one: one for one in PLUG_TYPES}
            label = reader.text("new_charger.plug", number=number)
            kind = ui.select(kinds, value="", label=label).props("outlined options-dense behavior=menu")
            power = ui.number(reader.text("new_charger.power"), min=0, max=10_000).props("outlined")
            power.props("inputmode=decimal")
        return kind, power


class Connecting:
    """A charger that was made known: where it connects to, and whether it has."""

    def __init__(
        self, console: Console, cards: BoundCards, charger_id: int, password: str | None = None
    ) -> None:
        """*password* is there only where it has just been made: it is kept nowhere."""
        self.console = console
        self.id = charger_id
        self.password = password
        self._identity = ""
        about = When(Topic.CHARGERS, charger_id)
        heard = When(Topic.COMMANDS, charger_id)  # told when it connects, and when it has started
        self.heard = cards.bind(self.ask, about, heard, When(Topic.REFUSED, within=0.3), tells_time=True)
        self.cards = cards

    def ask(self, db: Connection) -> Heard:
        """Asked in a thread."""
        charger = setup.new_charger(db, self.id)
        if charger is None or charger.has_connected:
            return Heard(charger)
        return Heard(charger, self.tries(charger), setup.pending_chargers(db))

    def tries(self, charger: NewChargerFacts) -> tuple[Try, ...]:
        """Connections that were refused since it is known: its own, and those of names that nobody has."""
        since = charger.created_at
        found = [
            Try(one.identity, one.address, one.why.value, one.at, one.times)
            for one in self.console.portal.endpoint.refusals.latest
            if (since is None or one.at >= since)
            and (one.identity == charger.identity or one.why is Why.UNKNOWN)
        ]
        return tuple(found[:TRIES])

    async def draw_into(self, place: Element) -> None:
        """Draw the two cards into *place*, instead of what is there."""
        await self.cards.load()
        place.clear()
        with place:
            self.draw()

    def draw(self) -> None:
        """Draw the two cards here; their answer is loaded already."""
        self.heard.draw(self._draw_address, silent=True)
        self.heard.draw(self._draw_waiting)

    def _draw_address(self, heard: Heard) -> Show[Heard]:
        """The address; the password once, or another one."""
        place = Element("div").classes("p-slot")
        drawn_for = ""

        def show(heard: Heard) -> None:
            nonlocal drawn_for
            charger = heard.charger
            # Whoever has connected needs no address any more, unless the password is still to be noted.
            wanted = ""
            if charger is not None and (self.password is not None or not charger.has_connected):
                wanted = charger.identity
            if wanted == drawn_for:
                return
            drawn_for = wanted
            place.clear()
            if charger is not None and wanted:
                with place:
                    self._draw_card(charger)

        show(heard)
        return show

    def _draw_card(self, charger: NewChargerFacts) -> None:
        console, reader = self.console, self.console.reader
        base = own_address(console.portal.settings, console.request)
        address = console.portal.chargers.address(charger.identity, base)
        card = Address(
            reader,
            charger.name,
            address,
            charger.identity,
            can_copy=console.can_copy,
            only_here=console.only_here,
        )
        with card.secret:
            self._draw_password(card.secret)

    def _draw_password(self, place: Element) -> None:
        console, reader = self.console, self.console.reader
        if self.password is not None:
            label = reader.text("new_charger.password")
            new_charger.copied(reader, label, self.password, can_copy=console.can_copy)
            forms.text("p", reader.text("new_charger.password.once")).classes("p-note-box p-small")
            return
        forms.text("p", reader.text("new_charger.password.gone")).classes("p-muted p-small")

        async def renew() -> None:
            if (caller := await console.caller()) is None:
                return
            try:
                self.password = await console.portal.chargers.renew_password(caller, self.id)
            except CannotKeep as refused:
                ui.notify(reader.text(f"operating.problem.{refused.why}"), type="negative", position="top")
                return
            place.clear()
            with place:
                self._draw_password(place)

        button = ui.button(reader.text("new_charger.password.renew"), on_click=renew, color=None)
        button.classes("p-button").props("flat")

    def _draw_waiting(self, heard: Heard) -> Show[Heard]:
        card = Waiting(self.console.reader)
        card.show(heard, clock.now())
        return lambda heard: card.show(heard, clock.now())


def buttons(
    label: str, do: Callable[[], object], *, fields: list[ui.input], skip: tuple[str, str] | None = None
) -> None:
    """The button of a form in a card, what went wrong above it, and a link that does nothing of it.

    *do* is awaited and returns a `Problem`. Enter in one of *fields* is the same as a click.
    """
    told = forms.text("p", "").props("role=alert").classes("p-alert hidden")

    async def act() -> None:
        if not button.enabled:  # a second click while the first is under way is none
            return
        button.disable()
        problem = await do()  # type: ignore[misc]
        if button.is_deleted:
            return
        button.enable()
        told.set_text(problem)
        told.classes(remove="hidden") if problem else told.classes("hidden")

    with Element("div").classes("p-setup-actions"):
        button = ui.button(label, on_click=act, color=None).classes("p-button is-main")
        if skip is not None:
            ui.link(*skip).classes("p-text-link")
    for one in fields:
        one.on("keydown.enter", act, args=[])


@dataclass(frozen=True, slots=True)
class Known:
    """What the form of a new charger offers."""

    places: tuple[PlaceFacts, ...]
    identity: str
    """One that is free."""
    groups: tuple[str, ...]


def known(db: Connection) -> Known:
    """See `Known`."""
    return Known(setup.places(db), setup.free_identity(db), setup.group_names(db))
