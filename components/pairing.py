"""What a screen shows that waits to be paired: its code, a QR code for the operator, and what to do (K1).

Read from 3 m by whoever mounts it. Nobody has told the screen a language yet: it says all in two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from nicegui import ui
from nicegui.element import Element

from components import board_layout as layout
from components import board_words
from components.forms import text
from components.qr import show_qr
from components.words import Reader

STEPS = ("pairing.step.open", "pairing.step.sign_in", "pairing.step.confirm")
EVERY = timedelta(seconds=10)
"""The countdown is told anew so often: a screen may wait for years, and nobody counts the seconds."""
NONE = "····"
SIZES = (3.3, 2.9, 2.6, 2.3, 2.0)
"""Of the console's address, in u of the style sheet; it stands once, below both languages."""
LYING, STANDING = (86.0, 5.8), (60.0, 12.0)
"""Room for it, width and height in u: on a screen that lies, and on one that stands."""
LINE = 1.2
"""Height of its lines, as a multiple of its size."""


class Pairing:
    """The whole page, drawn once; what changes is its code, its picture and the time that is left."""

    def __init__(self, readers: Sequence[Reader], address: str, on_new: Callable[[], Any]) -> None:
        """*readers* are whose languages it speaks, the first one louder; *address* is the console's page.

        *on_new* is called when somebody wants another code.
        """
        self._readers = readers
        self._address = address
        ui.add_head_html('<link rel="stylesheet" href="/look/pairing.css">')
        ui.context.client.content.classes("k-pairing")
        self._draw_steps()
        with ui.element("section").classes("k-pairing-code").props("translate=no aria-live=polite"):
            self._halves = text("span", NONE), text("span", NONE)
        with ui.element("section").classes("k-pairing-qr"):
            self._qr = Element("img")
            self._qr.props["alt"] = readers[0].text("pairing.qr")
        self._foot = ui.element("section").classes("k-pairing-foot")
        with self._foot:
            self._bar = Element("progress").props("aria-hidden=true value=0")
            with ui.element("div"):
                with ui.element("p"):
                    self._left = [self._said(reader, "") for reader in readers]
                with ui.element("p").classes("k-pairing-trouble"):
                    for reader in readers:
                        self._said(reader, reader.text("board.trouble"))
                with ui.element("p").classes("k-pairing-silent"):
                    for reader in readers:
                        self._said(reader, reader.text("pairing.silent"))
            with ui.element("button").props("type=button").on("click", on_new):
                for reader in readers:
                    self._said(reader, reader.text("pairing.new"))

    def show(self, code: str, left: timedelta, lasts: timedelta) -> None:
        """*code*, good for *left* of *lasts*. What is shown already is not sent again."""
        half = len(code) // 2
        parts = code[:half], code[half:]
        if tuple(label.text for label in self._halves) != parts:
            for label, part in zip(self._halves, parts, strict=True):
                label.set_text(part)
            show_qr(self._qr, f"{self._address}?code={code}")
        steps = max(0, -(-min(left, lasts) // EVERY))
        self._fill(steps, -(-lasts // EVERY))
        seconds = steps * int(EVERY.total_seconds())
        clock = f"{seconds // 60}:{seconds % 60:02d}"
        self._say("pairing.left", time=clock)

    def wait(self) -> None:
        """There is no code for this screen now; it asks again by itself."""
        for label in self._halves:
            label.set_text(NONE)
        self._qr.props.pop("src", None)
        self._qr.update()
        self._fill(0, 1)
        self._say("pairing.full")

    def beat(self, now: datetime) -> None:
        """It is *now*: each ten seconds something changes, or the page says that it hears nothing (K5)."""
        is_odd = now.second // 10 % 2
        self._foot.classes(replace="k-pairing-foot is-odd" if is_odd else "k-pairing-foot is-even")

    def _draw_steps(self) -> None:
        first = self._readers[0]
        with ui.element("header").classes("k-pairing-head"):
            with ui.element("p"):
                ui.element("span").classes("p-icon p-i-ev_station").props("aria-hidden=true")
                text("span", first.text("brand"))
            text("h1", first.text("pairing.title"))
            self._in_others("pairing.title")
        with ui.element("ol").classes("k-pairing-steps"):
            for step in STEPS:
                with ui.element("li"):
                    text("span", first.text(step))
                    self._in_others(step)
                    if step == STEPS[0]:
                        self._draw_address()

    def _draw_address(self) -> None:
        shown, boxes = self._address, [(wide * layout.REGULAR, high) for wide, high in (LYING, STANDING)]
        for wide, high in boxes:
            shown, _ = layout.fitted(shown, wide, high, SIZES[-1:], LINE)
        label = text("p", shown).classes("k-pairing-address").props('translate=no dir=ltr lang=""')
        for name, size in board_words.variables(size=[_size(shown, *box) for box in boxes]).items():
            label.style[name] = str(size)

    def _in_others(self, key: str) -> None:
        for reader in self._readers[1:]:
            self._said(reader, reader.text(key))

    def _say(self, key: str, **values: str) -> None:
        for reader, label in zip(self._readers, self._left, strict=True):
            label.set_text(reader.text(key, **values))

    def _fill(self, steps: int, of: int) -> None:
        if self._bar.props["value"] != steps:
            self._bar.props["max"] = of
            self._bar.props["value"] = steps
            self._bar.update()

    @staticmethod
    def _said(reader: Reader, content: str) -> ui.label:
        label = text("span", content)
        label.props["lang"] = reader.language.code
        return label


def _size(shown: str, width: float, height: float) -> float:
    """The first of `SIZES` in which *shown* fits a box: an address is broken anywhere."""
    fitting = (size for size in SIZES if layout.lines(shown, width, size) * size * LINE <= height)
    return next(fitting, SIZES[-1])
