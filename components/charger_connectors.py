"""The connectors of a charger: what they are, how they stand, and what runs there, by push (P9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from nicegui import ui
from nicegui.element import Element

from components import forms
from components.charger_list import trouble
from components.drawn import Card, Drawn
from components.words import Reader
from data.live import LiveSession, Reading
from data.queries.charger_page import ConnectorFacts
from data.queries.chargers import OUT_OF_SERVICE
from data.types import ConnectorStatus

CONNECTOR = """
<div class="p-plug-head">
  <h3>{{ props.row.name }}</h3>
  <span class="p-pill" :class="'is-' + props.row.kind"><i class="p-icon" :class="'p-i-' + props.row.icon"
    aria-hidden="true"></i>{{ props.row.state }}</span>
</div>
<div class="p-meta p-parts"><span v-for="part in props.row.parts" :key="part">{{ part }}</span></div>
<div v-if="props.row.trouble" class="p-plug-trouble">{{ props.row.trouble }}</div>
"""
_LOOKS = {
    ConnectorStatus.AVAILABLE: ("online", "check_circle"),
    ConnectorStatus.RESERVED: ("reserved", "event"),
    ConnectorStatus.UNAVAILABLE: ("offline", "block"),
    ConnectorStatus.FAULTED: ("fault", "error"),
    ConnectorStatus.UNKNOWN: ("offline", "help"),
}
Live = Callable[[Reading], LiveSession]


class Connectors(Card):
    """The card. *live* gives the bindable session of a reading; *on_edit* is called with a connector."""

    def __init__(self, reader: Reader, live: Live, on_edit: Callable[[ConnectorFacts], object]) -> None:
        super().__init__("p-plugs p-two-thirds", "connectors-title")
        self._reader = reader
        self._live = live
        self._on_edit = on_edit
        self._shape: tuple[object, ...] | None = None
        self._rows: dict[int, _Row] = {}
        with self:
            forms.text("h2", reader.text("charger.connectors")).props("id=connectors-title")
            self._place = Element("div").classes("p-slot")

    def show(self, connectors: Sequence[ConnectorFacts], now: datetime) -> None:
        """Show *connectors* as they are at *now*; readings come by themselves."""
        whole = [one for one in connectors if one.number == 0]
        plugs = [one for one in connectors if one.number > 0]
        # The charger as a whole only where it has something to say that its plugs don't.
        said = [one for one in whole if one.session or one.status in OUT_OF_SERVICE]
        shown = [*said, *plugs]
        shape = tuple((one.id, one.session.id if one.session else None) for one in shown)
        if shape != self._shape:
            self._shape = shape
            self._place.clear()
            with self._place:
                self._rows = {one.id: _Row(one, self._reader, self._live, self._edit) for one in shown}
                if not shown:
                    forms.text("p", self._reader.text("charger.connectors.empty")).classes("p-empty")
        for one in shown:
            self._rows[one.id].show(one, now)

    def _edit(self, connector: ConnectorFacts) -> None:
        self._on_edit(connector)


class _Row:
    """One connector: drawn anew when it changes; what its session draws is bound."""

    def __init__(
        self, one: ConnectorFacts, reader: Reader, live: Live, edit: Callable[[ConnectorFacts], object]
    ) -> None:
        self._reader = reader
        self._facts = one
        with Element("q-card").props("flat").classes("p-plug-row"):
            self._drawn = Drawn(CONNECTOR)
            if one.session is not None:
                with Element("div").classes("p-plug-live"):
                    session = live(one.session.reading)
                    ui.label().classes("p-plug-number").bind_text_from(session, "reading", self._told)
                    path = f"/admin/sessions/{one.session.id}"
                    ui.link(reader.text("charger.session"), path).classes("p-text-link")
            if one.number > 0:
                button = ui.button(reader.text("charger.connector.edit"), color=None)
                button.classes("p-button").props("flat").on_click(lambda: edit(self._facts))
                button.props["aria-label"] = reader.text("charger.connector.edit.of", number=one.number)

    def show(self, one: ConnectorFacts, now: datetime) -> None:
        self._facts = one
        self._drawn.show(_values(one, self._reader, now))

    def _told(self, reading: Reading) -> str:
        reader = self._reader
        if reading.energy_wh is None and reading.power_w is None:
            return reader.text("charger.waiting")
        energy = f"{reader.live_kwh(reading.energy_wh)} kWh"
        if reading.power_w is None:
            return energy
        power = reader.kw(reading.power_w)
        return f"{energy} · {power}" if not reading.power_derived else f"{energy} · ≈ {power}"


def label(one: ConnectorFacts, reader: Reader) -> str:
    """How people call a connector: number, type and power."""
    if one.number == 0:
        return reader.text("charger.whole")
    parts = [reader.text("charger.connector.number", number=one.number)]
    if one.own_number != one.number and one.own_number > 1:
        parts[0] += f".{one.own_number}"
    parts.append(one.type or reader.text("charger.connector.unknown"))
    if one.max_power_w is not None:
        parts.append(reader.rated_kw(one.max_power_w))
    return " · ".join(parts)


def _values(one: ConnectorFacts, reader: Reader, now: datetime) -> dict[str, Any]:
    kind, icon = _LOOKS.get(one.status, ("in_use", "bolt"))
    parts = []
    if one.since is not None:
        parts.append(reader.text("charger.since", moment=reader.moment(one.since, now)))
    if one.session is not None:
        name = one.session.account_name or reader.text("charger.nobody")
        parts += [name, reader.text("charger.started", moment=reader.moment(one.session.started_at, now))]
    told = [trouble(one.error_code or "", reader), one.info or ""]
    return {
        "name": label(one, reader),
        "kind": kind,
        "icon": icon,
        "state": reader.text("charger.plug." + one.status.value),
        "parts": parts,
        "trouble": " · ".join(part for part in told if part),
    }
