"""What a screen shows that waits to be paired: its code, a QR code for the operator, and what to do (K1).

Read from 3 m by whoever mounts it. Nobody has told the screen a language yet: it says all in two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from nicegui import ui
from nicegui.element import Element

from components.forms import text
from components.qr import qr_image
from components.words import Reader

STEPS = ("pairing.step.open", "pairing.step.sign_in", "pairing.step.confirm")
STEP_SECONDS = 10
"""The countdown is told anew so often."""


class Pairing:
    """The whole page; all of it is drawn once."""

    def __init__(self, readers: Sequence[Reader], address: str, on_new: Callable[[], Any]) -> None:
        """*readers* are whose languages it speaks, the first one louder; *address* is the console's page."""
        self._readers = readers
        self._address = address
        ui.add_head_html('<link rel="stylesheet" href="/look/pairing.css">')
        ui.context.client.content.classes("k-pairing")
        first = readers[0]
        with ui.element("section").classes("k-pairing-say").props("aria-labelledby=pairing-title"):
            with text("p", "").classes("k-pairing-brand"):
                ui.element("span").classes("p-icon p-i-ev_station").props("aria-hidden=true")
                text("span", first.text("brand"))
            text("h1", first.text("pairing.title")).props("id=pairing-title")
            self._in_others("pairing.title")
            with ui.element("ol").classes("k-pairing-steps"):
                for step in STEPS:
                    with ui.element("li"):
                        text("span", first.text(step, address=address))
                        self._in_others(step, address=address)
        with ui.element("section").classes("k-pairing-show"):
            with text("p", "").classes("k-pairing-code").props("translate=no"):
                self._halves = text("span", ""), text("span", "")
            self._qr = Element("img").classes("k-pairing-qr")
            self._qr.props["alt"] = first.text("pairing.qr")
        with ui.element("section").classes("k-pairing-time"):
            self._bar = Element("progress").props("aria-hidden=true")
            self._left = [self._said(reader, "") for reader in readers]
            self._button = text("button", first.text("pairing.new")).props("type=button")
            self._button.on("click", on_new)

    def show(self, code: str, left: timedelta, lasts: timedelta) -> None:
        """*code*, good for *left* of *lasts*. The same again sends nothing."""
        half = len(code) // 2
        for label, part in zip(self._halves, (code[:half], code[half:]), strict=True):
            label.set_text(part)
        self._set(self._qr, "src", qr_image(f"{self._address}?code={code}"))
        seconds = max(0, -(-left // timedelta(seconds=STEP_SECONDS))) * STEP_SECONDS
        self._set(self._bar, "max", int(lasts.total_seconds()))
        self._set(self._bar, "value", seconds)
        clock = f"{seconds // 60}:{seconds % 60:02d}"
        for reader, label in zip(self._readers, self._left, strict=True):
            label.set_text(reader.text("pairing.left", time=clock))

    def wait(self) -> None:
        """There is no code for this screen now; it asks again by itself."""
        for label in self._halves:
            label.set_text("····")
        self._set(self._bar, "value", 0)
        for reader, label in zip(self._readers, self._left, strict=True):
            label.set_text(reader.text("pairing.full"))

    def _in_others(self, key: str, **values: str) -> None:
        for reader in self._readers[1:]:
            self._said(reader, reader.text(key, **values)).classes("k-pairing-other")

    @staticmethod
    def _said(reader: Reader, content: str) -> ui.label:
        label = text("span", content)
        label.props["lang"] = reader.language.code
        return label

    @staticmethod
    def _set(element: Element, name: str, value: object) -> None:
        if element.props.get(name) != value:
            element.props[name] = value
            element.update()
