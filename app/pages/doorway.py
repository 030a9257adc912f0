"""The frame of the pages before sign-in: the brand, one card, a form that works without a script of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui
from starlette.requests import Request

from app.access.languages import preferred
from components import theme, words
from components.words import Reader


def stranger(request: Request) -> Reader:
    """Who reads the page of *request* before anybody is signed in: the browser's language (P25)."""
    return words.reader(preferred(request.headers.get("accept-language")), None)


@contextmanager
def doorway(reader: Reader, title: str) -> Iterator[None]:
    """The page around a card with *title* as its heading; draw the card's content inside."""
    theme.dress(reader)
    ui.add_head_html('<link rel="stylesheet" href="/look/access.css">')
    client = ui.context.client
    client.title = f"{title} · {reader.text('brand')}"
    client.content.classes("p-doorway")
    with ui.element("p").classes("p-doorway-brand"):
        ui.element("span").classes("p-icon p-i-ev_station").props("aria-hidden=true")
        text("span", reader.text("brand"))
    with ui.card().classes("p-card p-doorway-card").props("tag=section aria-labelledby=doorway-title"):
        text("h1", title).props("id=doorway-title")
        yield


def text(tag: str, content: str) -> ui.label:
    """*content* in an element *tag*."""
    label = ui.label(content)
    label.tag = tag
    return label


@contextmanager
def form(action: str) -> Iterator[None]:
    """A form that the browser itself posts to *action*."""
    element = ui.element("form").props("method=post").classes("p-form")
    element.props["action"] = action
    with element:
        yield


def field(label: str, value: str = "") -> ui.element:
    """A labelled box; give it its type, name and autocomplete as props.

    A plain element on purpose: what is typed stays in the browser until the form is posted, and a
    password manager knows it for what it is.
    """
    with ui.element("label").classes("p-field"):
        text("span", label)
        box = ui.element("input")
    if value:
        box.props["value"] = value
    return box


def hidden(name: str, value: str) -> None:
    """A value that the form carries along."""
    box = ui.element("input").props("type=hidden")
    box.props["name"] = name
    box.props["value"] = value


def browser_time_zone() -> None:
    """A value `time_zone` that the form carries along: the zone that the browser is set to (P25).

    The only expression of ours that asks the browser for something (house rule 9): nothing else tells
    the zone. `tests/test_layers.py` knows it word by word.
    """
    ui.element("span").props("hidden").add_slot(
        "default",
        '<input type="hidden" name="time_zone" :value="Intl.DateTimeFormat().resolvedOptions().timeZone">',
    )


def submit(label: str) -> None:
    """The button that posts the form."""
    text("button", label).props("type=submit").classes("p-submit")


def alert(content: str) -> None:
    """What went wrong; read out at once."""
    text("p", content).props("role=alert").classes("p-alert")
