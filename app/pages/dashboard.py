"""`/`: what a driver wants to know about their charging, live (P4–P22)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from nicegui import Client, ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Driver, Visitor
from app.charging.cost import Costs, costs
from app.pages import preferences
from components import (
    chargers,
    counts,
    next_reservation,
    plan,
    recent_sessions,
    session_banner,
    shell,
    usage,
    words,
)
from components.bound import BoundCards, Show, When
from data.announcements import Topic
from data.live import LiveSession
from data.periods import Period, local_day
from data.queries import mappings, plans, reservations, sessions
from data.queries.board import SharedBoard
from data.queries.chargers import VisibleChargers, visible_chargers
from data.queries.mappings import Standing
from data.queries.plans import ComingPlan, PlanUse
from data.queries.reservations import NextReservation
from data.queries.sessions import ActiveSession, RecentSession
from data.queries.usage import Usage
from data.queries.usage import usage as energy_of

if TYPE_CHECKING:
    from app.portal import Portal

FOLLOW_A_SECOND = 5.0
"""Open pages of which cards ask again in a second, of those cards that follow a session in progress.

They have one decimal and cost queries; the banner follows each reading without a question. With few
pages open they are two seconds behind it, with many up to `FOLLOW_AT_LATEST`."""
FOLLOW_AT_BEST, FOLLOW_AT_LATEST = 2.0, 30.0
SPREAD = 0.5
"""Seconds within which open pages ask about a charger of which something was told (P22 gives them one)."""
USAGE = "usage-title"
"""The heading that an address with another period leads to."""


def install(portal: Portal) -> None:
    """Install the page."""
    board = SharedBoard(portal.live)

    @ui.page("/")
    async def dashboard(request: Request, driver: Driver, period: str = "") -> None:
        page = Dashboard(portal, board, driver, Period.read(period))
        await page.cards.load()
        page.draw(request)


def _follow() -> float:
    """Seconds between the questions of one page's card that follows a session in progress."""
    pages = len(Client.instances)
    return min(FOLLOW_AT_LATEST, max(FOLLOW_AT_BEST, pages / FOLLOW_A_SECOND)) * random.uniform(1, 1.2)  # noqa: S311


@dataclass(frozen=True, slots=True)
class Found:
    """Chargers, and what was searched for: the words of the card name it."""

    search: str
    chargers: VisibleChargers


@dataclass(frozen=True, slots=True)
class Used:
    """Energy in a period, as of a local day: on the next one it may be another period."""

    usage: Usage
    asked_on: date


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan's use in the billing period of a local day."""

    use: PlanUse | ComingPlan | None
    asked_on: date
    asked_at: datetime = field(compare=False)
    outdated: bool = False
    """Nothing newer can be had (P18)."""


def active_with_costs(
    db: Connection, account_id: int, default_zone: str, now: datetime
) -> tuple[ActiveSession, ...]:
    """The sessions in progress of *account_id* and what each is estimated to cost so far (P6, P7).

    The terms and the use of the billing period are asked for once, however many sessions there are.
    """
    found = sessions.active(db, account_id)
    if all(session.reading.energy_wh is None for session in found):
        return tuple(found)
    terms = costs(db, account_id, [session.id for session in found], now, default_zone)
    return tuple(_estimated(session, terms.get(session.id)) for session in found)


def _estimated(session: ActiveSession, terms: Costs | None) -> ActiveSession:
    energy_wh = session.reading.energy_wh
    if energy_wh is None or terms is None:
        return session
    cost, currency = terms.estimate(energy_wh)
    return replace(session, reading=replace(session.reading, cost=cost, currency=currency))


class Dashboard:
    """One driver's dashboard: its cards are bound at once, and drawn when their answers are there."""

    def __init__(self, portal: Portal, board: SharedBoard, driver: Visitor, period: Period) -> None:
        self.portal = portal
        self.board = board
        self.driver = driver
        self.period = period
        self.search = ""
        self.reader = reader = words.reader(driver.language, driver.time_zone)
        self.cards = cards = BoundCards(portal.live, portal.database, lambda: shell.card_error(reader))

        me = driver.id
        mine = When(Topic.SESSIONS, me)
        following = When(Topic.READING, me, at_most_every=_follow)
        subscribed = When(Topic.PLAN, me)
        linked = When(Topic.PEOPLE, me)
        any_charger = When(Topic.CHARGERS, within=SPREAD)
        self.linked = cards.bind(lambda db: mappings.standing(db, me), linked)
        self.active = cards.bind(self.ask_active, mine, tells_time=True, until=self.until_stale)
        self.recent = cards.bind(lambda db: tuple(sessions.recent(db, me)), mine, following, tells_time=True)
        self.reservation = cards.bind(
            lambda db: reservations.next_reservation(db, me, clock.now()),
            When(Topic.RESERVATIONS, me),
            tells_time=True,
            over=lambda found: found is not None and found.ends_at <= clock.now(),
        )
        self.usage = cards.bind(self.ask_usage, mine, following, subscribed, over=self.is_yesterdays)
        self.plan = cards.bind(self.ask_plan, mine, following, subscribed, over=self.is_yesterdays)
        self.chargers = cards.bind(self.ask_chargers, any_charger, mine, linked, tells_time=True)

    # --- asked, in a thread

    def ask_active(self, db: Connection) -> tuple[ActiveSession, ...]:
        """The sessions in progress with their cost so far, which each reading brings up to date."""
        return active_with_costs(db, self.driver.id, self.portal.settings.default_time_zone, clock.now())

    def ask_usage(self, db: Connection) -> Used:
        """The energy of the period that the address names."""
        me, now = self.driver.id, clock.now()
        window = plans.period_window(db, me, self.period, self.reader.zone, now)
        return Used(energy_of(db, me, window), self.today())

    def ask_plan(self, db: Connection) -> Planned:
        """The plan, and the energy of the current billing period whatever the address names (P17)."""
        now = clock.now()
        return Planned(plans.plan_use(db, self.driver.id, self.reader.zone, now), self.today(), now)

    def ask_chargers(self, db: Connection) -> Found:
        """The chargers that match what is searched for."""
        me, now, search = self.driver.id, clock.now(), self.search
        if not self.chargers.loaded:  # a page that is opened shows what is there, told or not
            return Found(search, visible_chargers(db, me, now, search))
        return Found(search, self.board.seen_by(db, me, now, search))

    def today(self) -> date:
        """The driver's local day."""
        return local_day(clock.now(), ZoneInfo(self.reader.zone))

    def is_yesterdays(self, found: Used | Planned) -> bool:
        """Whether a local midnight has gone by since."""
        return found.asked_on != self.today()

    # --- drawn

    def draw(self, request: Request) -> None:
        """Draw all cards, in the order of the tour."""
        person = preferences.person(self.driver)
        keep = preferences.keeper(self.portal, self.driver, request)
        with shell.page(self.reader, self.reader.text("dashboard.title"), person, keep) as frame:
            with frame.title:
                self.chargers.draw(self.draw_counts, silent=True)
            self.linked.draw(self.draw_first_run, silent=True)
            self.active.draw(self.draw_banner)
            self.recent.draw(self.draw_recent)
            self.reservation.draw(self.draw_reservation)
            self.usage.draw(self.draw_usage)
            self.plan.draw(
                self.draw_plan,
                sorry=lambda: plan.unavailable(self.reader),
                outdated=lambda found: replace(found, outdated=True),
            )
            self.chargers.draw(self.draw_chargers)

    def draw_first_run(self, found: Standing) -> Show[Standing]:
        """P4: the note is there as long as the operator has something to do."""
        place = ui.element("div").classes("p-slot")

        def show(found: Standing) -> None:
            if found is Standing.LINKED:
                place.clear()
            elif not place.default_slot.children:
                with place:
                    shell.first_run(self.reader, again=found is Standing.NO_MORE)

        show(found)
        return show

    def draw_banner(self, found: Sequence[ActiveSession]) -> Show[Sequence[ActiveSession]]:
        """P6–P9: the strips, each bound to what its charger says."""
        banner = session_banner.draw(self.with_live(found), self.reader, clock.now())
        return lambda found: banner.show(self.with_live(found), clock.now())

    def until_stale(self, found: Sequence[ActiveSession]) -> float | None:
        """P8, P22: seconds until a reading is old enough to be shown with its time."""
        return session_banner.until_stale(self.with_live(found), clock.now())

    def with_live(self, found: Sequence[ActiveSession]) -> list[tuple[ActiveSession, LiveSession]]:
        """Each session with the object that readings are assigned to."""
        return [(session, self.portal.live.session(session.reading)) for session in found]

    def draw_recent(self, found: Sequence[RecentSession]) -> Show[Sequence[RecentSession]]:
        """P10, P11."""
        card = recent_sessions.draw(found, self.reader, clock.now())
        return lambda found: card.show(found, clock.now())

    def draw_reservation(self, found: NextReservation | None) -> Show[NextReservation | None]:
        """P12."""
        card = next_reservation.draw(found, self.reader, clock.now())
        return lambda found: card.show(found, clock.now())

    def draw_usage(self, found: Used) -> Show[Used]:
        """P13–P16. Another period is another address, so that back and reload keep it."""

        def switch(period: Period) -> None:
            ui.navigate.to(f"/?period={period.value}#{USAGE}")

        card = usage.draw(found.usage, self.period, self.reader, clock.now(), switch)
        return lambda found: card.show(found.usage, self.period, clock.now())

    def draw_plan(self, found: Planned) -> Show[Planned]:
        """P17, P18."""
        card = plan.draw(found.use, self.reader, clock.now())
        return lambda found: card.show(found.use, clock.now(), found.asked_at if found.outdated else None)

    def draw_chargers(self, found: Found) -> Show[Found]:
        """P19, P20."""

        def search(text: str) -> None:
            self.search = text
            self.chargers.ask()

        card = chargers.draw(found.chargers, self.reader, clock.now(), search)
        return lambda found: card.show(found.chargers, clock.now())

    def draw_counts(self, found: Found) -> Show[Found]:
        """P21."""
        pill = counts.draw(found.chargers, self.reader)
        return lambda found: pill.show(found.chargers)
