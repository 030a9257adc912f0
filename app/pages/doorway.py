"""The frame of the pages before sign-in, and of those that say that something went wrong: one card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui
from starlette.requests import Request

from app.access import cookies, open_pages
from app.access.languages import preferred
from app.pages import acting_banner
from components import forms, theme, words
from components.forms import alert as alert
from components.forms import field as field
from components.forms import form as form
from components.forms import hidden as hidden
from components.forms import submit as submit
from components.forms import text as text
from components.words import Reader
from data.types import Theme


def stranger(request: Request) -> Reader:
    """Who reads the page of *request* before anybody is signed in: the browser's language (P25)."""
    return words.reader(preferred(request.headers.get("accept-language")), None)


@contextmanager
def doorway(reader: Reader, title: str) -> Iterator[None]:
    """The page around a card with *title* as its heading; draw the card's content inside."""
    client = ui.context.client
    visitor = open_pages.visitor_of(client)
    theme.dress(reader, visitor.theme if visitor is not None else Theme.SYSTEM)
    ui.add_head_html('<link rel="stylesheet" href="/look/access.css">')
    acting_banner.draw(reader)  # also where something went wrong (T29)
    client.title = f"{title} · {reader.text('brand')}"
    client.content.classes("p-doorway")
    with ui.element("p").classes("p-doorway-brand"):
        ui.element("span").classes("p-icon p-i-ev_station").props("aria-hidden=true")
        text("span", reader.text("brand"))
    with ui.card().classes("p-card p-doorway-card").props("tag=section aria-labelledby=doorway-title"):
        text("h1", title).props("id=doorway-title")
        yield


def once() -> None:
    """Let the form be answered once, though a double-click posts it twice; see that cookies are kept."""
    request = ui.context.client.request
    if not request.cookies:
        request.scope[cookies.ASKED] = True
    forms.once()


def browser_time_zone() -> None:
    """A value `time_zone` that the form carries along: the zone that the browser is set to (P25).

    The only expression of ours that asks the browser for something (house rule 9): nothing else tells
    the zone. `tests/test_layers.py` knows it word by word.
    """
    ui.element("span").props("hidden").add_slot(
        "default",
        '<input type="hidden" name="time_zone" :value="Intl.DateTimeFormat().resolvedOptions().timeZone">',
    )
