"""The five steps of the first run (`app.pages.setup`): each shows what is there, or asks for the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from nicegui import ui
from nicegui.element import Element
from sqlalchemy import Connection

from app.access.account_rules import LONGEST_EMAIL, LONGEST_NAME, Refused
from app.billing.subscribing import CannotSubscribe
from app.billing.terms import Terms, WrongTerms
from app.operating.chargers import NewCharger
from app.pages import new_charger, people_dialogs
from app.pages.console import Console
from app.pages.new_charger import ChargerForm, Connecting, buttons
from app.pages.setup_card import CardStep
from app.pages.setup_parts import card, driver_choice, facts
from app.pages.site_form import SiteForm, currency_choice
from components import amounts, dialogs, forms
from components.bound import BoundCards
from components.dialogs import Problem
from data.queries import setup
from data.queries.setup import DriverFacts, Step
from data.types import Role

LONGEST_AMOUNT = 20


class DrawnStep(Protocol):
    """A step: asks when it is loaded, and is drawn then."""

    async def load(self) -> None:
        """Ask for what is there."""

    def draw(self) -> None:
        """Draw it."""


class SiteStep:
    """The place: name, zone, address, currency."""

    def __init__(self, console: Console, cards: BoundCards, on: str) -> None:
        """*on* is the path of what follows."""
        self.console, self.on = console, on

    async def load(self) -> None:
        """The sites that are there."""
        self.found = await self.console.portal.database.ask(setup.places)

    def draw(self) -> None:
        """The form, or what is there."""
        reader = self.console.reader
        with card(self.console, Step.SITE, done=bool(self.found)):
            if self.found:
                facts(
                    [(one.name, f"{one.time_zone.replace('_', ' ')} · {one.currency}") for one in self.found]
                )
                ui.link(reader.text("setup.site.look"), "/admin/sites").classes("p-text-link")
                return
            SiteForm(self.console, lambda: ui.navigate.to(self.on)).draw(reader.text("setup.site.do"))


class ChargerStep:
    """The first charger: made known, and waited for until it has connected."""

    def __init__(self, console: Console, cards: BoundCards, on: str) -> None:
        self.console, self.cards = console, cards
        self.waiting: Connecting | None = None

    async def load(self) -> None:
        """The charger that was added last, and what a form needs."""
        database = self.console.portal.database
        newest = await database.ask(setup.new_charger)
        if newest is not None:
            self.waiting = Connecting(self.console, self.cards, newest.id)
        self.known = await database.ask(new_charger.known)

    def draw(self) -> None:
        """The form; or the charger, which may still be on its way."""
        reader = self.console.reader
        place = Element("div").classes("p-slot")
        with place:
            if self.waiting is not None:
                self.waiting.draw()
                return
            with card(self.console, Step.CHARGER):
                if not self.known.places:
                    forms.text("p", reader.text("setup.needs_site")).classes("p-note-box")
                    ui.link(reader.text("setup.site.short"), "/admin/setup?step=site").classes("p-text-link")
                    return
                ChargerForm(self.console, self.known, self.added, place).draw(all_of_it=False)

    async def added(self, place: Element, made: NewCharger) -> None:
        """Wait for it, on this page: it is the only one that knows the password."""
        await Connecting(self.console, self.cards, made.id, made.password).draw_into(place)


class DriverStep:
    """The first driver: an invitation to pass on."""

    def __init__(self, console: Console, cards: BoundCards, on: str) -> None:
        self.console, self.on = console, on

    async def load(self) -> None:
        """The drivers that are there."""
        self.found = await self.console.portal.database.ask(setup.drivers)

    def draw(self) -> None:
        """The form, or who is there."""
        console, reader = self.console, self.console.reader
        place = Element("div").classes("p-slot")
        with place, card(console, Step.DRIVER, done=bool(self.found)):
            if self.found:
                self._draw_there(self.found)
                return
            name = dialogs.field(reader.text("people.name"), longest=LONGEST_NAME).props("autofocus")
            name.props("autocomplete=off")
            email = dialogs.field(reader.text("people.email"), longest=LONGEST_EMAIL)
            email.props("type=email autocomplete=off")

            async def invite() -> Problem:
                if (caller := await console.caller()) is None:
                    return ""
                try:
                    link = await console.portal.links.invite(
                        caller,
                        name=name.value or "",
                        email=email.value or "",
                        role=Role.DRIVER,
                        language=reader.language.code,
                        base=people_dialogs.base(console),
                    )
                except Refused as refused:
                    return people_dialogs.problem(reader, refused)
                found = await console.portal.database.ask(setup.drivers)
                people_dialogs.show_link(console, link, name.value or "", Role.DRIVER)
                place.clear()  # and with it the button whose click this is: nothing more can be asked of it
                with place, card(console, Step.DRIVER, done=True):
                    self._draw_there(found)
                return ""

            buttons(reader.text("setup.driver.do"), invite, fields=[name, email])

    def _draw_there(self, found: Sequence[DriverFacts]) -> None:
        facts([(one.name, one.email) for one in found[:3]])
        ui.link(self.console.reader.text("setup.driver.look"), "/admin/drivers").classes("p-text-link")


class PlanStep:
    """The first plan, and the driver who gets it."""

    def __init__(self, console: Console, cards: BoundCards, on: str) -> None:
        self.console, self.on = console, on

    async def load(self) -> None:
        """The drivers, a plan that may be there, and the currency of the site."""
        self.drivers, self.plan, self.places, self.open = await self.console.portal.database.ask(_for_plan)

    def draw(self) -> None:
        """The form; without prices where there is a plan and nobody has it."""
        reader = self.console.reader
        with card(self.console, Step.PLAN, done=not self.open):
            if not self.open:
                has = [one for one in self.drivers if one.has_plan]
                facts([(one.name, one.email) for one in has][:3])
                ui.link(reader.text("setup.plan.look"), "/admin/plans").classes("p-text-link")
            elif self.plan is not None:
                self._draw_subscribing(self.plan)
            else:
                self._draw_form()

    def _draw_subscribing(self, plan: setup.FirstPlan) -> None:
        reader = self.console.reader
        facts([(reader.text("setup.plan.name"), plan.name)])
        if not self.drivers:
            forms.text("p", reader.text("setup.needs_driver")).classes("p-note-box")
            return
        whose = driver_choice(reader.text("setup.plan.driver"), self.drivers)

        async def act() -> Problem:
            return await self._subscribe(plan.id, whose.value)

        buttons(reader.text("setup.plan.subscribe"), act, fields=[])

    def _draw_form(self) -> None:
        reader = self.console.reader
        name = dialogs.field(
            reader.text("setup.plan.name"), reader.text("setup.plan.proposed"), longest=LONGEST_NAME
        )
        name.props("autocomplete=off")
        currency = currency_choice(reader, self.places[0].currency if self.places else "EUR")
        price = dialogs.field(reader.text("setup.plan.price"), longest=LONGEST_AMOUNT)
        price.props("inputmode=decimal autocomplete=off autofocus")
        price.props["hint"] = reader.text("setup.plan.price.hint")
        included = dialogs.field(reader.text("setup.plan.included"), longest=LONGEST_AMOUNT)
        included.props("inputmode=decimal autocomplete=off")
        included.props["hint"] = reader.text("setup.plan.included.hint")
        whose = driver_choice(reader.text("setup.plan.driver"), self.drivers) if self.drivers else None

        async def add() -> Problem:
            per_kwh = amounts.scaled(price.value or "", 4)
            # Three digits after a point may be meant as thousands: that is asked, not guessed.
            tens = amounts.scaled(included.value, 2) if (included.value or "").strip() else 0
            if per_kwh is None or tens is None:
                return reader.text(f"setup.plan.problem.{'price' if per_kwh is None else 'included'}")
            if (caller := await self.console.caller()) is None:
                return ""
            terms = Terms(
                name.value or "", currency.value or "", price_per_kwh=per_kwh, included_wh=tens * 10 or None
            )
            try:
                plan_id = await self.console.portal.plans.add(caller, terms)
            except WrongTerms as wrong:
                return reader.text(f"setup.plan.problem.{_first(wrong.problems)}")
            if whose is None:
                ui.navigate.to(self.on)
                return ""
            return await self._subscribe(plan_id, whose.value)

        buttons(reader.text("setup.plan.do"), add, fields=[name, price, included])

    async def _subscribe(self, plan_id: int, account_id: int) -> Problem:
        if (caller := await self.console.caller()) is None:
            return ""
        try:
            await self.console.portal.plans.subscribe(caller, account_id, plan_id)
        except CannotSubscribe:
            return self.console.reader.text("setup.plan.problem.subscribe")
        ui.navigate.to(self.on)
        return ""


def _first(problems: Mapping[str, str]) -> str:
    """The field that is told about: one at a time is enough for four fields."""
    told = {"price_per_kwh": "price", "included_wh": "included", "currency": "currency"}
    return next((told[one] for one in told if one in problems), problems.get("name", "name"))


def _for_plan(
    db: Connection,
) -> tuple[tuple[DriverFacts, ...], setup.FirstPlan | None, tuple[setup.PlaceFacts, ...], bool]:
    return (
        setup.drivers(db),
        setup.newest_plan(db),
        setup.places(db),
        Step.PLAN in setup.open_steps(db),
    )


STEPS: dict[Step, Callable[[Console, BoundCards, str], DrawnStep]] = {
    Step.SITE: SiteStep,
    Step.CHARGER: ChargerStep,
    Step.DRIVER: DriverStep,
    Step.CARD: CardStep,
    Step.PLAN: PlanStep,
}
