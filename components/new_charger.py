"""A charger that is to connect: its address as text and QR code, and what is heard of it meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nicegui import ui
from nicegui.element import Element

from components import forms
from components.drawn import Card, Drawn
from components.qr import qr_code
from components.words import UNKNOWN, Reader
from data.queries.setup import NewChargerFacts

WAITING = """
<div class="p-person-head">
  <h2 id="waiting-title">{{ props.row.title }}</h2>
  <span class="p-pill" :class="'is-' + props.row.kind" role="status">
    <i class="p-icon" :class="'p-i-' + props.row.icon" aria-hidden="true"></i>{{ props.row.state }}
  </span>
</div>
<p v-if="props.row.text">{{ props.row.text }}</p>
<dl v-if="props.row.facts.length" class="p-person-facts">
  <div v-for="[name, value] in props.row.facts" :key="name"><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
</dl>
<div v-if="props.row.tries.length" class="p-tries" role="status">
  <h3>{{ props.row.tries_title }}</h3>
  <ul><li v-for="one in props.row.tries" :key="one"><i class="p-icon p-i-warning" aria-hidden="true"></i>
    <span>{{ one }}</span></li></ul>
</div>
"""
"""One element; its words come from outside of the portal, so they are text and nothing else."""


@dataclass(frozen=True, slots=True)
class Try:
    """A connection that was refused, for the operator."""

    identity: str
    address: str
    why: str
    """A word that ``new_charger.try.WHY`` has a sentence for."""
    at: datetime
    times: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of the charger by now."""

    charger: NewChargerFacts | None
    tries: tuple[Try, ...] = ()
    """Refused connections that may have been its own, newest first."""
    pending: tuple[str, ...] = ()
    """Identities of chargers that wait for being accepted."""


class Address(Card):
    """Where a charger connects to: to copy, and as a QR code for the installer's phone.

    What can be done with the password goes into ``secret``.
    """

    def __init__(
        self, reader: Reader, name: str, address: str, user: str, *, can_copy: bool, only_here: bool
    ) -> None:
        """*only_here*: the address works on this machine alone."""
        super().__init__("p-two-thirds p-connect", "connect-title")
        with self:
            forms.text("h2", reader.text("new_charger.connect", name=name)).props("id=connect-title")
            forms.text("p", reader.text("new_charger.connect.text")).classes("p-muted")
            with Element("div").classes("p-connect-row"):
                with Element("div").classes("p-connect-fields p-fields"):
                    copied(reader, reader.text("new_charger.address"), address, can_copy=can_copy)
                    if only_here:
                        told = forms.text("p", reader.text("new_charger.help.only_here"))
                        told.classes("p-note-box p-small").props("role=note")
                    copied(reader, reader.text("new_charger.user"), user, can_copy=can_copy)
                    self.secret = Element("div").classes("p-slot")
                qr_code(address, reader.text("new_charger.qr", address=address))


SHORT = 16
"""Characters that a phone has room for beside a button."""


def copied(reader: Reader, label: str, value: str, *, can_copy: bool) -> Element:
    """A box with *value* that can only be read, and a button that copies it where browsers allow that."""
    with Element("div").classes("p-copied") as row:
        if len(value) > SHORT:
            row.classes("is-long")
        box = ui.input(label, value=value).props("outlined readonly").classes("p-link-address")
        if can_copy:
            said = reader.text("new_charger.copied")
            words = reader.text("new_charger.copy")

            def copy() -> None:
                ui.clipboard.write(value)
                button.set_text(said)

            button = ui.button(words, on_click=copy, color=None).classes("p-button").props("flat")
            button.props["aria-label"] = f"{words}: {label}"
        box.props["spellcheck"] = "false"
    return row


class Waiting(Card):
    """Whether it has connected, and what it says it is; until then what was refused, and what to look at."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-one-third p-waiting-for", "waiting-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(WAITING)
            with Element("details").classes("p-checklist") as self._help:
                forms.text("summary", reader.text("new_charger.help"))
                with Element("ul"):
                    keys = ["reach", "address", "user", "protocol", "tls", "restart"]
                    for key in keys:
                        forms.text("li", reader.text(f"new_charger.help.{key}"))

    def show(self, heard: Heard, now: datetime) -> None:
        """Show what is known now."""
        reader, charger = self._reader, heard.charger
        here = charger is not None and charger.has_connected
        self._help.set_visibility(not here)
        facts: list[tuple[str, str]] = []
        if charger is not None and here:
            maker = " ".join(one for one in (charger.vendor, charger.model) if one)
            protocol = (charger.protocol or "").replace("ocpp", "OCPP ")
            facts = [
                (reader.text("new_charger.model"), maker or UNKNOWN),
                (reader.text("new_charger.serial"), charger.serial_number or UNKNOWN),
                (reader.text("new_charger.firmware"), charger.firmware or UNKNOWN),
                (reader.text("new_charger.protocol"), protocol or UNKNOWN),
                (reader.text("new_charger.connectors"), reader.integer(charger.connectors)),
            ]
        told = [] if here else [*self._tries(heard.tries, now), *self._pending(heard.pending)]
        self._drawn.show(
            {
                "title": charger.name if charger is not None else UNKNOWN,
                "state": reader.text("new_charger.connected" if here else "new_charger.waiting"),
                "kind": "online" if here else "settling",
                "icon": "check_circle" if here else "hourglass_top",
                "text": reader.text("new_charger.connected.text" if here else "new_charger.waiting.text"),
                "facts": facts,
                "tries_title": reader.text("new_charger.tries") if told else "",
                "tries": told,
            }
        )

    def _tries(self, tries: Sequence[Try], now: datetime) -> list[str]:
        reader = self._reader
        return [
            reader.text(
                f"new_charger.try.{one.why}",
                moment=reader.moment(one.at, now),
                identity=one.identity,
                address=one.address or UNKNOWN,
            )
            + (f" ({reader.count('new_charger.times', one.times)})" if one.times > 1 else "")
            for one in tries
        ]

    def _pending(self, pending: Sequence[str]) -> list[str]:
        return [self._reader.text("new_charger.try.pending", identity=one) for one in pending]
