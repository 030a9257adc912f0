"""`/admin/sessions`: all sessions, filtered by the address; `/admin/sessions.csv`: the same as a file."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import nicegui
from nicegui import background_tasks, ui
from nicegui.element import Element
from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import StreamingResponse

from app import clock
from app.access.all_sessions import Progress
from app.access.visitor import Operator
from app.pages import downloads, places
from app.pages.asked_sessions import FILE, MOST_DRIVERS, PATH, Asked
from app.pages.console import Console
from components import words
from components.bound import Show, When
from components.filters import Filters
from components.session_list import SessionList
from data.announcements import Announcement, Topic
from data.live import LiveSession, Reading
from data.models import Account, Charger, Site
from data.queries import accounts, session_list
from data.queries.listed_sessions import State
from data.queries.session_list import Found, Wanted
from data.types import Role

if TYPE_CHECKING:
    from app.portal import Portal

AT_MOST_EVERY = 1.0
"""Seconds between the questions of an open list, and between its showing what chargers say."""
MOST_CHARGERS = 100
"""Chargers to choose among; where there are more a site is to be chosen first, for choices cost the page."""


def install(portal: Portal) -> None:
    """Install the page and the download."""

    @ui.page(PATH)
    async def sessions(request: Request, operator: Operator) -> None:
        await SessionsPage(Console(portal, operator, request), Asked.of(request)).draw()

    @nicegui.app.get(FILE)
    async def file(request: Request, operator: Operator) -> StreamingResponse:
        asked = Asked.of(request)
        reader = words.reader(operator.language, operator.time_zone)
        wanted, _ = await portal.database.ask(asked.wanted, reader)
        token = request.query_params.get("progress", "")
        pieces = await portal.all_sessions.csv(operator.caller, wanted, reader, token)
        return downloads.download(pieces, "polaris-express-sessions.csv", downloads.CSV)


@dataclass(frozen=True, slots=True)
class Answer:
    """The page of the list, and what it is the answer to."""

    asked: Asked
    wanted: Wanted
    found: Found
    matching: int
    """Drivers that match what is searched for."""
    driver: str
    """Name of the one driver whose sessions these are; empty without one."""
    sites: tuple[tuple[int, str], ...]
    chargers: tuple[tuple[int, str], ...]
    """Those to choose among, of the site if one is chosen."""


class SessionsPage:
    """The list."""

    def __init__(self, console: Console, asked: Asked) -> None:
        self.console = console
        self.asked = asked
        self.token = secrets.token_urlsafe(12)
        self.lives: dict[int, LiveSession] = {}
        """The sessions in progress among the rows."""
        self.answer: Answer
        self.list: SessionList
        self.due = False
        self.cards = console.cards()
        # Nobody's sessions are told of by their chargers alone.
        soon = [
            When(topic, at_most_every=lambda: AT_MOST_EVERY)
            for topic in (Topic.SESSIONS, Topic.CHARGERS, Topic.ATTENTION, Topic.SITES)
        ]
        self.found = self.cards.bind(self.ask, *soon, tells_time=True)

    def ask(self, db: Connection) -> Answer:
        """Asked in a thread."""
        asked = self.asked
        wanted, matching = asked.wanted(db, self.console.reader)
        after, before = places.read(asked.after, wanted.sort), places.read(asked.before, wanted.sort)
        found = session_list.page(db, wanted, after, before)
        driver = ""
        if asked.driver and not wanted.nothing:
            name = select(Account.name).where(Account.id == int(asked.driver), Account.role == Role.DRIVER)
            driver = db.scalar(name) or ""
        sites = db.execute(select(Site.id, Site.name).order_by(Site.name)).all()
        chargers = select(Charger.id, Charger.name).order_by(Charger.name, Charger.id)
        if wanted.site is not None:
            chargers = chargers.where(Charger.site_id == wanted.site)
        offered = db.execute(chargers.limit(MOST_CHARGERS + 1)).all()
        if len(offered) > MOST_CHARGERS:
            offered = db.execute(chargers.where(Charger.id == (wanted.charger or 0))).all()
        return Answer(
            asked,
            wanted,
            found,
            matching,
            driver,
            tuple((id_, name) for id_, name in sites),
            tuple((id_, name) for id_, name in offered),
        )

    async def draw(self) -> None:
        """The page."""
        await self.cards.load()
        reader, portal = self.console.reader, self.console.portal
        with self.console.page(reader.text("sessions.title")) as frame:
            with frame.title, ui.element("div").classes("p-tools"):
                self.found.draw(self.draw_download, silent=True)
            self.found.draw(self.draw_filters, silent=True)
            self.found.draw(self.draw_driver, silent=True)
            self.found.draw(self.draw_list)
        stops = (
            portal.live.listen(Topic.READING, self.heard),
            portal.all_sessions.watch(self.token, self.told_progress),
        )
        for stop in stops:
            ui.context.client.on_delete(stop)

    # --- what can be chosen

    def draw_filters(self, answer: Answer) -> Show[Answer]:
        """Site, charger, driver, state, days."""
        reader, asked = self.console.reader, answer.asked
        values = {
            "site": asked.site,
            "charger": asked.charger,
            "who": asked.who,
            "state": asked.state,
            "from": asked.since,
            "to": asked.until,
        }
        filters = Filters(reader, values, self.look)
        filters.search("who", reader.text("sessions.who"))
        for name, options in (("site", answer.sites), ("charger", answer.chargers)):
            label, every = reader.text(f"sessions.{name}"), reader.text(f"sessions.{name}.all")
            if len(options) > 1 or values[name]:
                offered = {str(id_): text for id_, text in options}
                if values[name]:  # what the address names and nobody knows lists nothing: it says so
                    offered.setdefault(values[name], reader.text("sessions.filter.unknown"))
                filters.choice(name, label, offered, everything=every)
        states = {state.value: reader.text("sessions.state." + state.value) for state in State}
        every = reader.text("sessions.state.all")
        if asked.state:
            states.setdefault(asked.state, reader.text("sessions.filter.unknown"))
        filters.choice("state", reader.text("sessions.state"), states, everything=every)
        filters.day("from", reader.text("sessions.from"))
        filters.day("to", reader.text("sessions.to"))
        return lambda answer: None

    def look(self, values: dict[str, str]) -> None:
        """Show what is asked for; the address follows, so that back and reload keep it."""
        site = values.get("site", "")
        # Another site has other chargers, and their list is drawn with the page.
        moved = site != self.asked.site
        self.asked = replace(
            self.asked,
            site=site,
            charger="" if moved else values.get("charger", ""),
            who=accounts.cleaned(values.get("who", "")),
            state=values.get("state", ""),
            since=values.get("from", ""),
            until=values.get("to", ""),
            after="",
            before="",
        )
        if moved:
            ui.navigate.to(self.asked.address())
            return
        ui.navigate.history.replace(self.asked.address())
        self.found.ask()

    def draw_driver(self, answer: Answer) -> Show[Answer]:
        """Whose sessions these are, and the way to those of all."""
        reader = self.console.reader
        place = ui.element("div").classes("p-slot")

        def show(answer: Answer) -> None:
            place.clear()
            with place:
                if answer.asked.driver and answer.driver:
                    with ui.element("p").classes("p-note-line"):
                        ui.label(reader.text("sessions.only_driver", name=answer.driver))
                        drop = replace(answer.asked, driver="", after="", before="").address()
                        ui.link(reader.text("sessions.only_driver.drop"), drop).classes("p-text-link")
                if answer.matching > MOST_DRIVERS:
                    told = reader.text("sessions.first_drivers", n=reader.integer(MOST_DRIVERS))
                    ui.label(told).classes("p-muted p-small").props("role=status")

        show(answer)
        return show

    # --- the rows

    def draw_list(self, answer: Answer) -> Show[Answer]:
        """The table."""
        self.list = SessionList(
            self.console.reader,
            lambda sort, ascending: self.answer.asked.ordered(sort, ascending),
            lambda way, place: self.answer.asked.turned(way, place),
        )

        def show(answer: Answer) -> None:
            self.answer = answer
            live = self.console.portal.live
            going = [one for one in answer.found.sessions if one.ended_at is None]
            self.lives = {one.id: live.session(one.reading) for one in going}
            self.show_rows()

        show(answer)
        return show

    def show_rows(self) -> None:
        """Show the rows with what is known of those in progress."""
        readings: dict[int, Reading] = {id_: live.reading for id_, live in self.lives.items()}
        self.list.show_sessions(self.answer.found, self.answer.wanted, readings, clock.now())

    def heard(self, announcement: Announcement) -> None:
        """A charger said something: rows that it is about are shown anew, all of a second at once (P9)."""
        values = announcement.values
        if values is None or values.get("session_id") not in self.lives or self.due:
            return
        self.due = True
        background_tasks.create(self.show_soon(), name="a list shows readings")

    async def show_soon(self) -> None:
        """Show the rows when the second is over."""
        await asyncio.sleep(AT_MOST_EVERY)
        self.due = False
        if not self.list.is_deleted:
            self.show_rows()

    # --- the file

    def draw_download(self, answer: Answer) -> Show[Answer]:
        """The link, which follows the filters, and how far a download of this page's has come."""
        self.said = ui.label().classes("p-muted p-small").props("role=status")
        link = Element("a").classes("p-page-link p-download")
        link.props("download")
        with link:
            Element("i").classes("p-icon p-i-download").props("aria-hidden=true")
            ui.label(self.console.reader.text("sessions.download")).tag = "span"

        def show(answer: Answer) -> None:
            asked = replace(answer.asked, after="", before="")
            target = asked.address(FILE, progress=self.token)
            if link.props.get("href") != target:
                link.props["href"] = target
                link.update()

        show(answer)
        return show

    def told_progress(self, progress: Progress) -> None:
        """Say how far the download is."""
        reader = self.console.reader
        if self.said.is_deleted:
            return
        if progress.ended:
            key = "sessions.download.done" if progress.whole else "sessions.download.broken"
            self.said.text = reader.count(key, progress.sent)
        elif progress.about is not None and progress.about > progress.sent:
            about = reader.integer(_rounded(progress.about))
            sent = reader.integer(progress.sent)
            self.said.text = reader.text("sessions.download.about", sent=sent, about=about)
        else:
            self.said.text = reader.count("sessions.download.sent", progress.sent)


def _rounded(number: int) -> int:
    """To two digits: it is an estimate."""
    step: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step
