"""`/account/sessions`: all sessions of a driver, and what was billed for each (P10, P11)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nicegui import ui
from starlette.requests import Request

from app import clock
from app.access.visitor import Driver
from app.pages import places, preferences
from components import shell, words
from components.bound import BoundCards, Show, When
from components.own_sessions import PATH, OwnSessionList
from data.announcements import Topic
from data.queries import own_sessions
from data.queries.own_sessions import OwnSessions
from data.queries.session_list import Place

if TYPE_CHECKING:
    from app.portal import Portal

AT_MOST_EVERY = 2.0
"""Seconds between two questions of an open page while something is told."""


def install(portal: Portal) -> None:
    """Install the page. Whoever acts as a driver sees what they see (P23)."""

    @ui.page(PATH)
    async def sessions(request: Request, driver: Driver, after: str = "", before: str = "") -> None:
        reader, me = words.reader(driver.language, driver.time_zone), driver.id
        cards = BoundCards(portal.live, portal.database, lambda: shell.card_error(reader))
        begins, ends = places.read(after[:40]), places.read(before[:40])
        mine = [
            When(topic, me, at_most_every=lambda: AT_MOST_EVERY) for topic in (Topic.SESSIONS, Topic.READING)
        ]
        found = cards.bind(lambda db: own_sessions.page(db, me, begins, ends), *mine, tells_time=True)
        await cards.load()

        def draw(own: OwnSessions) -> Show[OwnSessions]:
            table = OwnSessionList(reader, _turned)

            def show(own: OwnSessions) -> None:
                table.show_sessions(own, clock.now())

            show(own)
            return show

        keep = preferences.keeper(portal, driver, request)
        with shell.page(reader, reader.text("own.title"), preferences.person(driver), keep) as frame:
            ui.add_head_html('<link rel="stylesheet" href="/look/access.css">')
            ui.add_head_html('<link rel="stylesheet" href="/look/console.css">')
            ui.context.client.content.classes("p-console")
            with frame.title:
                back = ui.link(f"← {reader.text('account.title')}", "/account#data-title")
                back.classes("p-text-link p-way-back").move(target_index=0)
                if driver.actor is None:
                    file = ui.link(reader.text("own.csv"), "/account/sessions.csv").classes("p-act")
                    file.props("download")
            found.draw(draw)


def _turned(way: str, place: Place) -> str:
    """Where the page *after* or *before* a place is."""
    return f"{PATH}?{urlencode({way: places.named(place)})}"
