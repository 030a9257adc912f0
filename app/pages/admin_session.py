"""`/admin/sessions/{id}`: one session, its course, its bill, and what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nicegui import ui
from nicegui.element import Element
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator, not_found
from app.pages import session_dialogs
from app.pages.console import Console
from app.pages.row_id import LONG_DIGITS, own_row_id
from components import session_banner
from components.bound import Show, When
from components.meter_curve import MeterCurve
from components.session_page import Bill, Corrections, FlagsCard, Messages, SessionFactsCard
from data.announcements import Topic
from data.caller import Caller
from data.queries import charges, session_facts
from data.queries.charges import BilledLine, Correction
from data.queries.session_facts import Curve, Quarantined, SessionFacts
from data.queries.sessions import ActiveSession

if TYPE_CHECKING:
    from app.portal import Portal

AT_MOST_EVERY = 1.0
CURVE_EVERY = 15.0
"""Seconds between the questions for the course of a session in progress."""


def install(portal: Portal) -> None:
    """Install the page."""

    @ui.page("/admin/sessions/{session_id}")
    async def session(request: Request, operator: Operator, session_id: str) -> None:
        await SessionPage(Console(portal, operator, request), session_id).draw()


@dataclass(frozen=True, slots=True)
class Money:
    """What was billed and changed, with the names of those whom it concerns."""

    lines: tuple[BilledLine, ...]
    corrections: tuple[Correction, ...]
    names: dict[int, str]


class SessionPage:
    """The page of one session. Raises `not_found` for what is none."""

    def __init__(self, console: Console, session_id: str) -> None:
        self.id = own_row_id(session_id, LONG_DIGITS)
        self.console = console
        self.known: SessionFacts
        """As it was found last."""
        self.messages: tuple[Quarantined, ...] = ()

    async def draw(self) -> None:
        """The page, if there is such a session."""
        console, reader = self.console, self.console.reader
        known = await console.portal.database.ask(session_facts.facts, self.id)
        if known is None:
            raise not_found()
        self.known = known
        cards = console.cards()
        # Anybody's, for it may change hands; nobody's is told of by its charger alone.
        soon = [
            When(topic, about, at_most_every=lambda: AT_MOST_EVERY)
            for topic, about in (
                (Topic.SESSIONS, None),
                (Topic.ATTENTION, None),
                (Topic.CHARGERS, known.listed.charger_id),
            )
        ]
        reading = When(Topic.READING, known.listed.account_id, at_most_every=lambda: CURVE_EVERY)
        facts = cards.bind(lambda db: session_facts.facts(db, self.id), *soon, tells_time=True)
        curve = cards.bind(lambda db: session_facts.curve(db, self.id), *soon, reading)
        money = cards.bind(self.ask_money, *soon, tells_time=True)
        messages = cards.bind(lambda db: session_facts.quarantined(db, self.id), *soon, tells_time=True)
        await cards.load()
        with console.page(reader.text("sessions.one", number=self.id)) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/sessions.css">')
            with frame.title:
                back = ui.link("← " + reader.text("sessions.back"), "/admin/sessions")
                back.classes("p-text-link p-way-back").move(target_index=0)
            facts.draw(self.draw_live, silent=True)
            facts.draw(self.draw_flags, silent=True)
            facts.draw(self.draw_facts)
            curve.draw(self.draw_curve)
            money.draw(self.draw_bill)
            money.draw(self.draw_corrections, silent=True)
            messages.draw(self.draw_messages)

    def ask_money(self, db: Connection) -> Money:
        """Asked in a thread."""
        lines, corrections = charges.lines_of(db, self.id), charges.corrections_of(db, self.id)
        ids = {line.account_id for line in lines}
        for one in corrections:
            ids |= {values["account_id"] for values in (one.before, one.after) if values.get("account_id")}
        return Money(lines, corrections, session_facts.names(db, ids))

    # --- cards

    def draw_live(self, facts: SessionFacts | None) -> Show[SessionFacts | None]:
        """What the charger says, as it says it (P9), as long as the session goes on."""
        banner = session_banner.SessionBanner(self.console.reader)
        live = self.console.portal.live

        def show(facts: SessionFacts | None) -> None:
            going = []
            if facts is not None and facts.listed.ended_at is None:
                one = facts.listed
                active = ActiveSession(
                    one.id,
                    one.charger_name,
                    one.connector,
                    facts.connector_type,
                    one.started_at,
                    facts.reading_interval,
                    one.reading,
                )
                going.append((active, live.session(one.reading)))
            banner.show(going, clock.now())

        show(facts)
        return show

    def draw_flags(self, facts: SessionFacts | None) -> Show[SessionFacts | None]:
        """Why it needs a look, and that somebody has looked."""
        console = self.console
        card = FlagsCard(console.reader)

        async def review() -> None:
            problem = await session_dialogs.done(
                console, lambda caller: console.portal.care.review(caller, self.id)
            )
            if problem:
                ui.notify(problem, type="negative", position="top")

        with card.actions:
            button = _button(console.reader.text("sessions.review"), review)

        def show(facts: SessionFacts | None) -> None:
            one = facts.listed if facts is not None else None
            flags, reviewed_at = (one.flags, one.reviewed_at) if one is not None else ((), None)
            card.show(flags, reviewed_at, clock.now())
            button.set_visibility(reviewed_at is None)

        show(facts)
        return show

    def draw_facts(self, facts: SessionFacts | None) -> Show[SessionFacts | None]:
        """What it is, and what can be done."""
        card = SessionFactsCard(self.console.reader)
        offered: tuple[object, ...] = ()

        def show(facts: SessionFacts | None) -> None:
            nonlocal offered
            if facts is None:
                return
            self.known = facts
            card.show_session(facts, clock.now())
            # Drawn anew only if they change: whoever has just tabbed to one stays there.
            offers = (facts.listed.ended_at is None,)
            if offers != offered:
                offered = offers
                card.actions.clear()
                with card.actions:
                    self.draw_actions(going=facts.listed.ended_at is None)

        show(facts)
        return show

    def draw_actions(self, *, going: bool) -> None:
        """The buttons."""
        console, reader = self.console, self.console.reader
        _button(reader.text("sessions.assign"), lambda: session_dialogs.assign(console, self.known))
        if going:
            end = _button(reader.text("sessions.end"), lambda: session_dialogs.end(console, self.known))
            end.classes("is-danger")
        else:
            _button(reader.text("sessions.correct"), lambda: session_dialogs.correct(console, self.known))

    def draw_curve(self, curve: Curve | None) -> Show[Curve | None]:
        """The meter curve."""
        card = MeterCurve(self.console.reader)
        card.show(curve, clock.now())
        return lambda curve: card.show(curve, clock.now())

    def draw_bill(self, money: Money) -> Show[Money]:
        """What was billed."""
        card = Bill(self.console.reader)

        def show(money: Money) -> None:
            card.show_bill(money.lines, money.names, self.known.listed, clock.now())

        show(money)
        return show

    def draw_corrections(self, money: Money) -> Show[Money]:
        """What was changed."""
        card = Corrections(self.console.reader)

        def show(money: Money) -> None:
            card.show_corrections(money.corrections, money.names, clock.now())

        show(money)
        return show

    def draw_messages(self, messages: tuple[Quarantined, ...]) -> Show[tuple[Quarantined, ...]]:
        """What did not fit."""
        console = self.console
        card = Messages(console.reader)

        async def resolve() -> None:
            waiting = [one.id for one in self.messages if one.resolved_at is None]

            async def all_of_them(caller: Caller) -> None:
                for id_ in waiting:
                    await console.portal.care.resolve(caller, id_)

            if problem := await session_dialogs.done(console, all_of_them):
                ui.notify(problem, type="negative", position="top")

        with card.actions:
            button = _button(console.reader.text("sessions.messages.resolve"), resolve)

        def show(messages: tuple[Quarantined, ...]) -> None:
            self.messages = messages
            card.show_messages(messages, clock.now())
            button.set_visibility(any(one.resolved_at is None for one in messages))

        show(messages)
        return show


def _button(label: str, do: object) -> Element:
    button = ui.button(label, on_click=do, color=None)  # type: ignore[arg-type]
    return button.classes("p-button").props("flat")
