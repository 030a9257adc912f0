"""Dialogs: drawn when they are opened, gone when they are closed, so that a page costs nothing for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from nicegui import ui
from nicegui.element import Element

from components.words import Reader

LONGEST_REASON = 500
"""Characters."""

Problem = str
"""A sentence about what was not accepted; empty if all was."""


@contextmanager
def dialog(title: str) -> Iterator[ui.dialog]:
    """Open a dialog headed *title*; draw its content inside."""
    with ui.context.client.content:
        place = ui.element().classes("p-slot")
    with place, ui.dialog() as box, Element("q-card").classes("p-dialog"):
        heading = ui.label(title)
        heading.tag = "h2"
        # The name that NiceGUI gives it: one dialog may open while another still fades.
        box.props["aria-labelledby"] = heading.html_id
        yield box

    def gone() -> None:
        box.delete()
        place.delete()

    # Not before the browser says so: what was typed may still be on its way.
    box.on("hide", gone, args=[])
    box.open()


async def instead(box: ui.dialog, do: Callable[[], Awaitable[object]]) -> None:
    """Close *box* and *do* what may open another, which then gives the focus back to what opened *box*."""
    with ui.context.client.content:  # what is in the box goes with it
        box.close()
        await do()


def paragraph(content: str) -> ui.label:
    """*content* as a paragraph of a dialog."""
    label = ui.label(content)
    label.tag = "p"
    return label


def field(label: str, value: str = "", *, longest: int) -> ui.input:
    """A labelled box for one line of at most *longest* characters."""
    box = ui.input(label, value=value).props("outlined")
    box.props["maxlength"] = longest
    return box


def actions(
    reader: Reader,
    box: ui.dialog,
    label: str,
    do: Callable[[], Awaitable[Problem]],
    *,
    fields: Sequence[ui.input] = (),
    danger: bool = False,
    keep: str = "",
) -> ui.button:
    """The two buttons: cancel (*keep* where that word could be misread), and *label*.

    The latter closes the dialog unless there is a problem to tell.

    Returned is the second; while it is disabled, Enter does nothing either.

    Enter in one of *fields* is the same as a click on it; the first of them waits for what is typed.
    """
    told = paragraph("").props("role=alert").classes("p-alert hidden")

    async def act() -> None:
        if not button.enabled:  # a second click, or Enter, while the first is under way is none
            return
        button.disable()
        problem = await do()
        if box.is_deleted:
            return
        button.enable()
        told.set_text(problem)
        told.classes(remove="hidden") if problem else told.classes("hidden")
        if not problem:
            box.close()

    with ui.element("div").classes("p-actions"):
        cancel = ui.button(keep or reader.text("settings.cancel"), on_click=box.close, color=None)
        cancel.classes("p-button").props("flat")
        button = ui.button(label, on_click=act, color=None).classes("p-button is-main")
        if danger:
            button.classes("is-danger")
    for one in fields:
        one.on("keydown.enter", act, args=[])
    for one in fields[:1]:
        one.props("autofocus")
    return button


def confirm(
    reader: Reader,
    title: str,
    text: str,
    label: str,
    do: Callable[[str], Awaitable[Problem]],
    *,
    reason: str = "",
    danger: bool = False,
    keep: str = "",
) -> None:
    """Ask before *do*, with *label* on its button, which names what it is done to.

    With *reason* as its label there is a box for one, which *do* is called with; else it is empty.
    """
    with dialog(title) as box:
        paragraph(text)
        why = field(reason, longest=LONGEST_REASON) if reason else None

        async def act() -> Problem:
            return await do((why.value or "") if why is not None else "")

        actions(reader, box, label, act, fields=[why] if why is not None else [], danger=danger, keep=keep)
