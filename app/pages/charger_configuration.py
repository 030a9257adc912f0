"""A charger's configuration: read when asked for, searched, and changed key by key (C16)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from nicegui import ui
from nicegui.element import Element

from app.charging.ocpp.shown_frames import is_secret
from app.pages import charger_asking
from app.pages.console import Console
from components import dialogs, forms
from components.dialogs import Problem
from components.drawn import Card, Drawn
from data.queries.charger_page import ChargerFacts
from data.queries.chargers import folded
from data.queries.commands import Configuration, Entry

LONGEST_VALUE = 1_000
KEYS = """
<p class="p-muted p-small" role="status">{{ props.row.told }}</p>
<table v-if="props.row.keys.length" class="p-listing-table p-keys">
  <caption class="p-hidden-text">{{ props.row.caption }}</caption>
  <thead><tr><th v-for="head in props.row.heads" :key="head" scope="col">{{ head }}</th></tr></thead>
  <tbody>
    <tr v-for="[key, value, note] in props.row.keys" :key="key">
      <td class="is-first">{{ key }}</td>
      <td :data-head="props.row.heads[1]" :class="{ 'is-unknown': !value }">{{ value || "—" }}</td>
      <td :data-head="props.row.heads[2]">{{ note }}</td>
    </tr>
  </tbody>
</table>
"""


class ConfigurationCard(Card):
    """The card. *facts* gives the charger as it is known now."""

    def __init__(self, console: Console, facts: Callable[[], ChargerFacts]) -> None:
        super().__init__("p-configuration", "configuration-title")
        self._console = console
        self._facts = facts
        self._found: Configuration | None = None
        self._now: datetime
        reader = console.reader
        with self:
            forms.text("h2", reader.text("charger.configuration")).props("id=configuration-title")
            self._search = ui.input(placeholder=reader.text("charger.configuration.search"))
            self._search.classes("p-search p-i-search").props(
                "outlined dense debounce=250 type=search maxlength=100"
            )
            self._search.props["aria-label"] = reader.text("charger.configuration.search")
            self._search.on_value_change(lambda _: self._draw())
            self._keys = Drawn(KEYS)
            with Element("div").classes("p-person-actions"):
                read = ui.button(reader.text("charger.configuration.read"), on_click=self._read, color=None)
                read.classes("p-button").props("flat")
                self._change = ui.button(reader.text("charger.configuration.change"), color=None)
                self._change.classes("p-button").props("flat").on_click(self._ask_for_change)

    def show(self, found: Configuration | None, now: datetime) -> None:
        """Show *found* as it is at *now*."""
        self._found, self._now = found, now
        self._search.set_visibility(found is not None)
        self._change.set_visibility(found is not None)
        self._draw()

    def _draw(self) -> None:
        reader, found = self._console.reader, self._found
        entries: list[Entry] = []
        told = reader.text("charger.configuration.empty")
        if found is not None:
            words = folded(self._search.value or "").split()
            entries = [one for one in found.entries if all(word in folded(one.key) for word in words)]
            entries.sort(key=lambda one: folded(one.key))
            moment = "" if found.answered_at is None else reader.moment(found.answered_at, self._now)
            told = reader.text(
                "charger.configuration.told",
                shown=reader.integer(len(entries)),
                all=reader.integer(len(found.entries)),
                moment=moment,
            )
        self._keys.show(
            {
                "told": told,
                "caption": reader.text("charger.configuration"),
                "heads": [reader.text("charger.configuration." + one) for one in ("key", "value", "note")],
                "keys": [self._row(one) for one in entries],
            }
        )

    def _row(self, one: Entry) -> tuple[str, str, str]:
        reader = self._console.reader
        notes = []
        if one.read_only:
            notes.append(reader.text("charger.configuration.read_only"))
        value = one.value or ""
        if is_secret(one.key):
            value = ""
            notes.append(reader.text("charger.configuration.secret"))
        return one.key, value, " · ".join(notes)

    async def _read(self) -> None:
        console = self._console
        problem = await charger_asking.ask(console, self._facts().id, "get_configuration")
        said = problem or console.reader.text("charger.configuration.asked")
        ui.notify(said, type="negative" if problem else None, position="top")

    def _ask_for_change(self) -> None:
        console, reader, facts = self._console, self._console.reader, self._facts()
        entries = {one.key: one for one in (self._found.entries if self._found else ()) if not one.read_only}
        if not entries:
            ui.notify(reader.text("charger.configuration.all_read_only"), position="top")
            return
        with dialogs.dialog(reader.text("charger.configuration.title", name=facts.name)) as box:
            key = ui.select(sorted(entries), value=None, with_input=True)
            key.props("outlined options-dense behavior=menu")
            key.props["label"] = reader.text("charger.configuration.key")
            value = dialogs.field(reader.text("charger.configuration.new"), longest=LONGEST_VALUE)
            dialogs.paragraph(reader.text("charger.configuration.text")).classes("p-muted p-small")

            def chosen() -> None:
                one = entries.get(key.value or "")
                value.set_value("" if one is None or is_secret(one.key) else one.value or "")

            key.on_value_change(chosen)

            async def act() -> Problem:
                if not key.value:
                    return reader.text("charger.configuration.no_key")
                return await charger_asking.ask(
                    console, facts.id, "set_configuration", key=key.value, value=value.value or ""
                )

            label = reader.text("charger.configuration.do", name=facts.name)
            dialogs.actions(reader, box, label, act, danger=True)
