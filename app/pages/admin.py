"""`/admin`: what needs a hand, the figures, what charges right now, and the energy of 30 days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nicegui import ui
from sqlalchemy import Connection
from starlette.requests import Request

from app import clock
from app.access.visitor import Operator
from app.pages.console import Console
from app.settings import password_sign_in
from components import attention as drawn
from components.bound import Show, When
from components.displays import SeenCard
from components.overview import SORTS, EnergyCard, LiveTable, Tiles, Told
from data.announcements import Topic
from data.queries import setup
from data.queries.attention import attention
from data.queries.display_list import Heartbeat, heartbeats, until_unseen
from data.queries.energy_days import EnergyDays
from data.queries.matters import Machine, Matters, Terms
from data.queries.overview import Figures, LiveSessions, Shared, figures, live_sessions
from data.queries.usage import Usage
from data.types import Role

if TYPE_CHECKING:
    from app.portal import Portal

BEAT = 1.0
"""Seconds between two questions of all open overviews, however many readings and other news there are."""
ENERGY_BEAT = 30.0
BACKLOG = 500
"""Changes that wait for the database and are too many: at a moment's load there are some dozen."""
SETTLING_LATE = timedelta(hours=1)
"""How much later than it should be a session is settled before somebody is told."""
TROUBLE = (
    Topic.ATTENTION,
    Topic.CHARGERS,
    Topic.SESSIONS,
    Topic.RESERVATIONS,
    Topic.PEOPLE,
    Topic.TAGS,
    Topic.COMMANDS,
    Topic.SITES,
    Topic.PLAN,
    Topic.PLANS,
    Topic.DISPLAYS,
)
"""What there is more or less to see to after it was told."""
MOVING = (Topic.READING, Topic.SESSIONS, Topic.CHARGERS, Topic.PEOPLE)
COUNTED = (Topic.SESSIONS, Topic.CHARGERS, Topic.SITES, Topic.PEOPLE)


def install(portal: Portal) -> None:
    """Install the page."""
    looks = Looks(portal)

    @ui.page("/admin")
    async def admin(request: Request, operator: Operator, sort: str = "") -> None:
        overview = Overview(Console(portal, operator, request), looks, sort if sort in SORTS else SORTS[0])
        await overview.draw()


class Looks:
    """What all open overviews of this process ask: once for those that ask at the same time."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        live = portal.live
        self._live = Shared[LiveSessions](live, BEAT, *MOVING)
        self._figures = Shared[Figures](live, BEAT, *COUNTED)
        self._attention = Shared[tuple[Matters, ...]](live, BEAT, *TROUBLE)
        self._displays = Shared[tuple[Heartbeat, ...]](live, BEAT, Topic.DISPLAYS)
        self.energy = EnergyDays()

    def live(self, db: Connection, now: datetime, sort: str) -> LiveSessions:
        """The sessions in progress by *sort*."""
        return self._live.answer(lambda: live_sessions(db, now, sort), sort)

    def figures(self, db: Connection, now: datetime) -> Figures:
        """The figures besides."""
        return self._figures.answer(lambda: figures(db, now))

    def displays(self, db: Connection) -> tuple[Heartbeat, ...]:
        """When each display answered last."""
        return self._displays.answer(lambda: heartbeats(db))

    def attention(self, db: Connection, now: datetime) -> tuple[Matters, ...]:
        """What needs a hand."""
        return self._attention.answer(lambda: attention(db, now, self._machine(db), self._terms()))

    def _machine(self, db: Connection) -> Machine:
        backlog = self._portal.database.backlog
        return Machine(
            disk_free=self._portal.watch.scarce(),
            backlog=backlog if backlog > BACKLOG else 0,
            settlement_fails=self._portal.settlement.failing(clock.now()),
            setup=tuple(step.value for step in setup.open_steps(db)),
        )

    def _terms(self) -> Terms:
        settings = self._portal.settings
        settled_by = timedelta(minutes=settings.settle_after_minutes, hours=settings.settle_incomplete_hours)
        return Terms(
            passwords=password_sign_in(settings),
            settling=settled_by + SETTLING_LATE,
            up_since=self._portal.watch.started_at,
        )


def _at_beats(topics: Iterable[Topic]) -> list[When]:
    """Asked again when one of *topics* is told, and each minute: some things come by time alone."""
    return [When(topic, beat=lambda: BEAT) for topic in (*dict.fromkeys(topics), Topic.MINUTE)]


@dataclass(frozen=True, slots=True)
class Energy:
    """The days, or ``None`` while they are being added up."""

    usage: Usage | None


class Overview:
    """One operator's overview: its cards are bound at once, and drawn when their answers are there."""

    def __init__(self, console: Console, looks: Looks, sort: str) -> None:
        self.console = console
        self.reader = console.reader
        self.looks = looks
        self.sort = sort
        self.cards = cards = console.cards()
        self.attention = cards.bind(self.ask_attention, *_at_beats(TROUBLE), tells_time=True)
        self.told = cards.bind(self.ask_told, *_at_beats((*MOVING, *COUNTED)), tells_time=True)
        self.live = cards.bind(self.ask_live, *_at_beats(MOVING), tells_time=True)
        self.displays = cards.bind(
            looks.displays,
            *_at_beats((Topic.DISPLAYS,)),
            until=lambda found: until_unseen(found, clock.now()),
        )
        drawing = [When(topic, beat=lambda: ENERGY_BEAT) for topic in (Topic.READING, Topic.SESSIONS)]
        self.energy = cards.bind(self.ask_energy, *drawing, When(Topic.MINUTE))

    # --- asked, in a thread

    def ask_attention(self, db: Connection) -> tuple[Matters, ...]:
        """What needs a hand."""
        return self.looks.attention(db, clock.now())

    def ask_told(self, db: Connection) -> Told:
        """The figures. A page that is opened does not wait for what was a week ago."""
        now = clock.now()
        today = self.looks.energy.today(db, self.reader.zone, now, compared=self.told.loaded)
        return Told(self.looks.figures(db, now), self.looks.live(db, now, self.sort), today)

    def ask_live(self, db: Connection) -> LiveSessions:
        """The sessions in progress."""
        return self.looks.live(db, clock.now(), self.sort)

    def ask_energy(self, db: Connection) -> Energy:
        """The last 30 days. A page that is opened does not wait until they are added up."""
        now, zone = clock.now(), self.reader.zone
        if not self.energy.loaded and not self.looks.energy.knows(zone, now):
            return Energy(None)
        return Energy(self.looks.energy.last(db, zone, now))

    # --- drawn

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        reader = self.reader
        # Asked as soon as the page is connected: what it did not wait for.
        self.told.ask()
        self.energy.ask()
        here = await self.console.portal.sign_ins.at_browser(self.console.request)
        with self.console.page(reader.text("admin.title")) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/overview.css">')
            if any(one.role is Role.DRIVER for one in here):
                with frame.title:  # P2, P3: a driver's dashboard is opened on purpose, by picking an account
                    ui.link(reader.text("admin.driver_side"), "/switch").classes("p-text-link")
            self.attention.draw(self.draw_attention)
            self.told.draw(self.draw_tiles)
            self.live.draw(self.draw_live)
            self.displays.draw(self.draw_displays)
            self.energy.draw(self.draw_energy)

    def draw_attention(self, found: tuple[Matters, ...]) -> Show[tuple[Matters, ...]]:
        """What needs a hand, first."""
        card = drawn.draw(found, self.reader, clock.now())
        return lambda found: card.show(found, clock.now())

    def draw_tiles(self, told: Told) -> Show[Told]:
        """The figures."""
        card = Tiles(self.reader)
        card.show(told, clock.now())
        return lambda told: card.show(told, clock.now())

    def draw_live(self, live: LiveSessions) -> Show[LiveSessions]:
        """The sessions in progress."""
        card = LiveTable(self.reader, self.sort)
        card.show(live, clock.now())
        return lambda live: card.show(live, clock.now())

    def draw_displays(self, found: tuple[Heartbeat, ...]) -> Show[tuple[Heartbeat, ...]]:
        """How many displays are seen. When one is not any more, that needs attention at once (K7)."""
        card = SeenCard(self.reader)
        shown: list[int] = []

        def show(found: tuple[Heartbeat, ...]) -> None:
            now = clock.now()
            card.show(found, now)
            seen = [one.id for one in found if one.is_seen(now)]
            if seen != shown:
                shown[:] = seen
                self.attention.ask()

        card.show(found, clock.now())
        shown[:] = [one.id for one in found if one.is_seen(clock.now())]
        return show

    def draw_energy(self, energy: Energy) -> Show[Energy]:
        """The chart."""
        card = EnergyCard(self.reader)
        card.show(energy.usage)
        return lambda energy: card.show(energy.usage)
