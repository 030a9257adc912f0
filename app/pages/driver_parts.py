"""The cards of a driver's page besides the account: cards, plan, sessions, reservations, groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from zoneinfo import ZoneInfo

from nicegui import ui
from sqlalchemy import Connection

from app import clock
from app.pages import card_dialogs, driver_dialogs
from app.pages.console import Console
from components import plan_words
from components.bound import BoundCards, Show, When
from components.card_table import CardTable
from components.facts import FactsCard
from components.listing import Cell, Column, Line, Listing, Page
from components.session_list import billed, state_pill, when_it_was
from data.announcements import Topic
from data.periods import local_day
from data.queries import cards, driver_page, session_list
from data.queries.accounts import AccountFacts
from data.queries.driver_page import SHOWN, Booked, Groups, Subscribed
from data.queries.listed_sessions import ListedSession
from data.queries.session_list import Wanted

AT_MOST_EVERY = 1.0
"""Seconds between the questions of one card of an open page."""


class DriverParts:
    """They are bound where this is made, and drawn by `draw`. *facts* tells the account as it is now."""

    def __init__(
        self, console: Console, bound: BoundCards, account_id: int, facts: Callable[[], AccountFacts]
    ) -> None:
        self.console = console
        self.reader = console.reader
        self.id = account_id
        self.facts = facts

        def when(topic: Topic, about: int | None = account_id) -> When:
            return When(topic, about, at_most_every=lambda: AT_MOST_EVERY)

        people = when(Topic.PEOPLE)
        self.cards = bound.bind(
            lambda db: cards.of_account(db, account_id), people, when(Topic.TAGS, None), tells_time=True
        )
        self.plan = bound.bind(self.ask_plan, people, when(Topic.PLAN), when(Topic.PLANS, None))
        self.sessions = bound.bind(
            lambda db: session_list.page(db, Wanted(drivers=(account_id,)), limit=SHOWN).sessions,
            when(Topic.SESSIONS),
            people,
            tells_time=True,
        )
        self.reservations = bound.bind(
            lambda db: driver_page.reservations(db, account_id, clock.now()),
            when(Topic.RESERVATIONS),
            tells_time=True,
        )
        self.groups = bound.bind(
            lambda db: driver_page.groups(db, account_id), people, when(Topic.SITES, None)
        )

    def ask_plan(self, db: Connection) -> tuple[Subscribed, ...]:
        """As of the driver's own day."""
        zone = self.facts().time_zone or self.console.portal.settings.default_time_zone
        return driver_page.subscriptions(db, self.id, local_day(clock.now(), ZoneInfo(zone)))

    def draw(self) -> None:
        """All of them, here."""
        self.cards.draw(self.draw_cards)
        self.plan.draw(self.draw_plan)
        self.sessions.draw(self.draw_sessions)
        self.reservations.draw(self.draw_reservations)
        self.groups.draw(self.draw_groups)

    def draw_cards(self, found: Sequence[cards.Card]) -> Show[Sequence[cards.Card]]:
        """Those they have and had; a row opens what can be done with it."""
        reader = self.reader
        table = CardTable(
            reader,
            lambda key: card_dialogs.show(self.console, key),
            title=reader.text("cards.title"),
            columns=("tag", "state", "driver", "seen"),
            classes="p-two-thirds",
        )
        with table.actions:
            add = ui.button(reader.text("cards.add"), color=None).classes("p-button").props("flat")
            add.on_click(lambda: card_dialogs.add(self.console, self.facts()))

        def show(found: Sequence[cards.Card]) -> None:
            table.show(found, clock.now(), empty=reader.text("cards.of_driver.empty"))
            add.set_visibility(not self.is_erased)

        show(found)
        return show

    @property
    def is_erased(self) -> bool:
        """Nothing is done to what stands for somebody in the books."""
        return self.facts().state == "erased"

    def draw_plan(self, found: Sequence[Subscribed]) -> Show[Sequence[Subscribed]]:
        """What they are subscribed to, and from when on something else."""
        console, reader = self.console, self.reader
        card = FactsCard(reader.text("subscription.title"), heading="plan-title", classes="p-one-third")
        held: list[Subscribed] = list(found)
        with card.actions:
            change = ui.button(color=None).classes("p-button").props("flat")
            change.on_click(lambda: driver_dialogs.subscribe(console, self.facts(), held))
            end = ui.button(reader.text("subscription.end"), color=None)
            end.classes("p-button is-danger").props("flat")
            end.on_click(lambda: driver_dialogs.unsubscribe(console, self.facts(), held[0]))

        def show(found: Sequence[Subscribed]) -> None:
            held[:] = found
            card.show(self._plan_facts(found), notes=() if found else (reader.text("subscription.none"),))
            change.set_text(reader.text("subscription.change" if found else "subscription.begin"))
            change.set_visibility(not self.is_erased)
            end.set_visibility(bool(found) and found[-1].ended_on is None and not self.is_erased)

        show(found)
        return show

    def _plan_facts(self, found: Sequence[Subscribed]) -> list[tuple[str, str] | tuple[str, str, str]]:
        reader = self.reader
        facts: list[tuple[str, str] | tuple[str, str, str]] = []
        zone = self.facts().time_zone or self.console.portal.settings.default_time_zone
        today = local_day(clock.now(), ZoneInfo(zone))
        for one in found:
            if one.started_on > today:
                then = plan_words.coming(one, reader)
                facts.append((reader.text("subscription.next"), then, f"/admin/plans/{one.plan_id}"))
                continue
            version = reader.text("subscription.version", plan=one.name, version=one.version)
            name = one.name if one.version == 1 else version
            facts += [
                (reader.text("subscription.plan"), name, f"/admin/plans/{one.plan_id}"),
                (reader.text("subscription.since"), reader.full_date(one.started_on)),
                (
                    reader.text("subscription.period"),
                    reader.text("subscription.period.value", day=one.anchor_day),
                ),
            ]
            if one.ended_on is not None:
                facts.append((reader.text("subscription.until"), reader.full_date(one.ended_on)))
        return facts

    def draw_sessions(self, found: Sequence[ListedSession]) -> Show[Sequence[ListedSession]]:
        """The latest, and the way to all."""
        reader = self.reader
        words = reader.text("driver.sessions")
        listing = Listing(reader, words, title=words, heading="driver-sessions-title", classes="p-all")
        columns = [
            Column(reader.text("driver.sessions.when")),
            Column(reader.text("driver.sessions.charger")),
            Column(reader.text("driver.sessions.energy"), number=True),
            Column(reader.text("driver.sessions.state")),
            Column(reader.text("driver.sessions.billed"), number=True),
        ]
        with listing:
            every = ui.link(reader.text("driver.sessions.all"), f"/admin/sessions?driver={self.id}")
            every.classes("p-text-link")

        def show(found: Sequence[ListedSession]) -> None:
            now = clock.now()
            lines = [
                Line(
                    one.id,
                    (
                        Cell(when_it_was(one, reader, now), href=f"/admin/sessions/{one.id}"),
                        Cell(one.charger_name, one.site_name, f"/admin/chargers/{one.charger_id}"),
                        reader.kwh(one.energy_wh),
                        state_pill(one.state, reader),
                        billed(one, reader),
                    ),
                )
                for one in found
            ]
            listing.show(Page(columns, lines, empty=reader.text("driver.sessions.empty")))
            every.set_visibility(bool(found))

        show(found)
        return show

    def draw_reservations(self, found: Sequence[Booked]) -> Show[Sequence[Booked]]:
        """The next ones."""
        reader = self.reader
        words = reader.text("driver.reservations")
        listing = Listing(
            reader, words, title=words, heading="driver-reservations-title", classes="p-two-thirds"
        )
        columns = [Column(reader.text("driver.reservations." + head)) for head in ("when", "charger")]
        with listing:
            every = ui.link(reader.text("driver.reservations.all"), f"/admin/reservations?driver={self.id}")
            every.classes("p-text-link")

        def show(found: Sequence[Booked]) -> None:
            now = clock.now()
            lines = [
                Line(
                    one.id,
                    (
                        reader.span(one.starts_at, one.ends_at, now),
                        Cell(one.charger, _connector(reader.text, one.connector_number)),
                    ),
                )
                for one in found
            ]
            listing.show(Page(columns, lines, empty=reader.text("driver.reservations.empty")))

        show(found)
        return show

    def draw_groups(self, found: Groups) -> Show[Groups]:
        """Which chargers they see besides those that everybody sees (P19)."""
        reader = self.reader
        card = FactsCard(reader.text("driver.groups"), heading="groups-title", classes="p-one-third")
        known = [found]
        with card.actions:
            change = ui.button(reader.text("driver.groups.change"), color=None)
            change.classes("p-button").props("flat")
            change.on_click(lambda: driver_dialogs.groups(self.console, self.facts(), known[0]))

        def show(found: Groups) -> None:
            known[0] = found
            names = ", ".join(found.mine) or reader.text("driver.groups.none")
            card.show([(reader.text("driver.groups.sees"), names)])
            change.set_visibility(not self.is_erased)

        show(found)
        return show


def _connector(text: Callable[..., str], number: int | None) -> str:
    return "" if number is None else text("reservation.connector", number=number)
