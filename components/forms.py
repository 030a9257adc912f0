"""Forms that the browser itself posts: they work without a script of ours.

Plain elements on purpose: what is typed stays in the browser until the form is posted, and a password
manager knows each box for what it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui

ONCE = "once"
"""The field that makes two posts of a form the same (`app.access.once`)."""
DRAWN_FOR = "drawn_for"
"""The field that says which sign-in a form's page was drawn for."""


def text(tag: str, content: str) -> ui.label:
    """*content* in an element *tag*."""
    label = ui.label(content)
    label.tag = tag
    return label


@contextmanager
def form(action: str, *, drawn_for: int | None = None, read_only: bool = False) -> Iterator[ui.element]:
    """A form that the browser itself posts to *action*; a *read_only* one can be looked at.

    *drawn_for* is the sign-in whose page it is on: it changes nothing once another one is current.
    """
    element = ui.element("form").props("method=post").classes("p-form")
    element.props["action"] = action
    with element:
        if drawn_for is not None:
            hidden(DRAWN_FOR, str(drawn_for))
        if read_only:
            with ui.element("fieldset").props("disabled").classes("p-form"):
                yield element
        else:
            yield element


def field(label: str, value: str = "") -> ui.element:
    """A labelled box; give it its type, name and autocomplete as props."""
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


def once() -> None:
    """A random word of this page's: the form that carries it is answered once, however often it is posted."""
    hidden(ONCE, secrets.token_urlsafe(32))


def submit(label: str) -> ui.label:
    """The button that posts the form."""
    return text("button", label).props("type=submit").classes("p-submit")


def alert(content: str) -> None:
    """What went wrong; read out at once."""
    text("p", content).props("role=alert").classes("p-alert")
