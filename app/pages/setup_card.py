"""The first card of the first run (`app.pages.setup`): its number is typed, or it is held to a charger."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui
from nicegui.element import Element

from app import clock
from app.operating.cards import CardStays
from app.pages.console import Console
from app.pages.new_charger import buttons
from app.pages.setup_parts import card, driver_choice, facts
from components import dialogs, forms
from components.bound import BoundCards, Show, When
from components.dialogs import Problem
from components.drawn import Card, Drawn
from data.announcements import Topic
from data.queries import setup
from data.queries.setup import SeenCard, Step

LONGEST_TAG = 255
HELD = """
<p v-if="!props.row.any" class="p-note-box" role="status">
  <i class="p-icon p-i-hourglass_top" aria-hidden="true"></i>{{ props.row.waiting }}</p>
<p v-else class="p-note-box is-running" role="status">
  <i class="p-icon p-i-credit_card" aria-hidden="true"></i>{{ props.row.found }}</p>
"""


class CardStep:
    """The first card: typed, or held to a charger."""

    def __init__(self, console: Console, cards: BoundCards, on: str) -> None:
        self.console, self.on = console, on
        self.seen = cards.bind(
            lambda db: setup.unknown_cards(db, clock.now()), When(Topic.TAGS), tells_time=True
        )

    async def load(self) -> None:
        """The drivers, and whether one has a card."""
        self.drivers = await self.console.portal.database.ask(setup.drivers)
        self.open = Step.CARD in await self.console.portal.database.ask(setup.open_steps)

    def draw(self) -> None:
        """Who the card is for, its number, and the cards that chargers have just reported."""
        console, reader = self.console, self.console.reader
        with card(console, Step.CARD, done=not self.open):
            if not self.open:
                facts([(one.name, one.email) for one in self.drivers if one.has_card][:3])
                ui.link(reader.text("setup.card.look"), "/admin/cards").classes("p-text-link")
                return
            if not self.drivers:
                forms.text("p", reader.text("setup.needs_driver")).classes("p-note-box")
                ui.link(reader.text("setup.driver.short"), "/admin/setup?step=driver").classes("p-text-link")
                return
            self.told = forms.text("p", "").props("role=status").classes("p-note-box is-running hidden")
            whose = driver_choice(reader.text("setup.card.driver"), self.drivers)
            self.whose = whose
            with Element("div").classes("p-held"):
                forms.text("h3", reader.text("setup.card.hold"))
                forms.text("p", reader.text("setup.card.hold.text")).classes("p-muted")
                self.seen.draw(self._draw_seen)
            forms.text("h3", reader.text("setup.card.type"))
            tag = dialogs.field(reader.text("setup.card.number"), longest=LONGEST_TAG)
            tag.props("autocomplete=off spellcheck=false")
            tag.props["hint"] = reader.text("setup.card.number.hint")

            async def typed() -> Problem:
                return await self._link(tag.value or "")

            buttons(reader.text("setup.card.do"), typed, fields=[tag])

    def _draw_seen(self, found: Sequence[SeenCard]) -> Show[Sequence[SeenCard]]:
        """A button for each card that was just held to a charger and that nobody has."""
        reader = self.console.reader
        with Card("p-held-cards"):
            told = Drawn(HELD)
            place = Element("ul").classes("p-held-list")
        offered: list[tuple[str, str]] = []
        told_problem = forms.text("p", "").props("role=alert").classes("p-alert hidden")

        async def take(id_tag: str) -> None:
            problem = await self._link(id_tag)
            told_problem.set_text(problem)
            told_problem.classes(remove="hidden") if problem else told_problem.classes("hidden")

        def show(found: Sequence[SeenCard]) -> None:
            told.show(
                {
                    "any": bool(found),
                    "waiting": reader.text("setup.card.waiting"),
                    "found": reader.count("setup.card.found", len(found)),
                }
            )
            lines = [(one.id_tag, self._where(one)) for one in found]
            if lines == offered:
                return
            offered[:] = lines
            place.clear()
            with place:
                for id_tag, where in lines:
                    with Element("li"):
                        with Element("div"):
                            forms.text("strong", id_tag)
                            forms.text("span", where).classes("p-muted p-small")
                        label = reader.text("setup.card.take")
                        button = ui.button(label, color=None).classes("p-button is-main")
                        button.props["aria-label"] = f"{label}: {id_tag}"
                        button.on_click(lambda id_tag=id_tag: take(id_tag))

        show(found)
        return show

    def _where(self, one: SeenCard) -> str:
        reader = self.console.reader
        moment = reader.moment(one.seen_at, clock.now())
        return reader.text("setup.card.where", charger=one.charger, moment=moment)

    async def _link(self, id_tag: str) -> Problem:
        if (caller := await self.console.caller()) is None:
            return ""
        try:
            await self.console.portal.cards.map(caller, id_tag, self.whose.value)
        except CardStays as stays:
            return self.console.reader.text(f"setup.card.problem.{stays.why}")
        self._linked(id_tag.strip().upper())
        return ""

    def _linked(self, tag: str) -> None:
        """Say so in the place of the form; the way on is below."""
        name = next((one.name for one in self.drivers if one.id == self.whose.value), "")
        self.told.set_text(self.console.reader.text("setup.card.linked", tag=tag, name=name))
        assert self.told.parent_slot is not None
        drawn = self.told.parent_slot.children
        for one in drawn[drawn.index(self.told) + 1 :]:
            one.set_visibility(False)
        self.told.classes(remove="hidden")
