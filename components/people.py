"""The accounts of a role as the console lists them, with a search that reaches all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from nicegui import ui

from components.drawn import Card, Drawn
from components.words import UNKNOWN, Reader
from data.queries.accounts import LONGEST_SEARCH, Lack, ListedAccount, ListedAccounts, State
from data.types import Role

HEAD = """
<p class="p-muted p-small" role="status">{{ props.row.shown }}</p>
"""
ROWS = """
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<table v-else class="p-people-table">
  <caption class="p-hidden-text">{{ props.row.caption }}</caption>
  <thead><tr><th v-for="head in props.row.heads" :key="head" scope="col">{{ head }}</th></tr></thead>
  <tbody>
    <tr v-for="[id, name, email, state, seen, cards, plan] in props.row.people" :key="id">
      <td class="p-name"><a :href="props.row.path + id">{{ name }}</a></td>
      <td class="p-meta">{{ email }}</td>
      <td><span class="p-pill" :class="'is-' + props.row.kinds[state]">
        <i class="p-icon" :class="'p-i-' + props.row.icons[state]" aria-hidden="true"></i>
        {{ props.row.words[state] }}
      </span></td>
      <td class="p-meta">{{ seen }}</td>
      <td v-if="cards" class="p-meta">{{ cards }}</td>
      <td v-if="plan" class="p-meta">{{ plan }}</td>
    </tr>
  </tbody>
</table>
"""
ICONS = {
    State.ACTIVE: "check_circle",
    State.INVITED: "hourglass_top",
    State.NO_WAY_IN: "error",
    State.LEAVING: "error",
    State.DISABLED: "block",
    State.ERASED: "block",
}
KINDS = {
    State.ACTIVE: "online",
    State.INVITED: "reserved",
    State.NO_WAY_IN: "fault",
    State.LEAVING: "fault",
    State.DISABLED: "offline",
    State.ERASED: "offline",
}
"""Each state as one of the kinds of pills that there are."""
HEADS = {
    Role.DRIVER: ("name", "email", "state", "seen", "cards", "plan"),
    Role.OPERATOR: ("name", "email", "state", "seen"),
}
"""The columns of the list."""
PATHS = {Role.DRIVER: "/admin/drivers/", Role.OPERATOR: "/admin/operators/"}
"""Where the page of one is, before the number of the account."""


class People(Card):
    """The card. *states* can be chosen among.

    *on_search* is called with the words to search for, the state that is wanted, and what drivers are to
    lack.
    """

    def __init__(
        self,
        reader: Reader,
        role: Role,
        search: str,
        state: State | None,
        states: Sequence[State],
        on_search: Callable[[str, State | None, Lack | None], object],
        lacks: Lack | None = None,
    ) -> None:
        super().__init__("p-people")
        self.props["aria-label"] = reader.text(f"people.{role.value}s")
        self._reader = reader
        self._role = role
        self._states = states
        self._on_search = on_search
        with self:
            with ui.element("div").classes("p-people-head"):
                self._search = self._draw_search(search)
                self._state = self._draw_state(state)
                self._lacks = self._draw_lacks(lacks) if role is Role.DRIVER else None
                self._head = Drawn(HEAD)
                self._head.classes("p-people-count")
            self._rows = Drawn(ROWS)

    def show(self, found: ListedAccounts, now: datetime) -> None:
        """Show *found* as it is at *now*."""
        reader, role = self._reader, self._role.value
        shown, matching, everybody = (
            reader.integer(number) for number in (len(found.shown), found.matching, found.all)
        )
        if len(found.shown) < found.matching:
            told = reader.text("people.first", shown=shown, matching=matching)
        elif found.matching < found.all:
            told = reader.text("people.matching", matching=matching, all=everybody)
        else:
            told = reader.count(f"people.all.{role}", found.all)
        self._head.show({"shown": told if found.all else ""})
        empty = ""
        if not found.all:
            empty = reader.text(f"people.empty.{role}")
        elif not found.shown:
            empty = reader.text("people.no_match")
        self._rows.show(
            {
                "empty": empty,
                "caption": reader.text(f"people.{role}s"),
                "heads": [reader.text(f"people.{head}") for head in HEADS[self._role]],
                "path": PATHS[self._role],
                "icons": ICONS,
                "kinds": KINDS,
                "words": {state: reader.text("people.state." + state) for state in State},
                "people": [_row(one, self._role, reader, now) for one in found.shown],
            }
        )

    def _draw_search(self, value: str) -> ui.input:
        label = self._reader.text("people.search")
        field = ui.input(value=value, placeholder=label, on_change=self._changed)
        field.classes("p-search p-i-search").props("outlined dense debounce=250 type=search")
        field.props["maxlength"] = LONGEST_SEARCH
        field.props["aria-label"] = label
        return field

    def _draw_state(self, value: State | None) -> ui.select:
        names = {"": self._reader.text("people.state.any")}
        names |= {state.value: self._reader.text("people.state." + state) for state in self._states}
        choice = ui.select(names, value=value or "", on_change=self._changed)
        choice.classes("p-choice").props("outlined dense options-dense behavior=menu")
        choice.props["aria-label"] = self._reader.text("people.state")
        return choice

    def _draw_lacks(self, value: Lack | None) -> ui.select:
        names = {"": self._reader.text("people.lacks.any")}
        names |= {lack.value: self._reader.text("people.lacks." + lack) for lack in Lack}
        choice = ui.select(names, value=value or "", on_change=self._changed)
        choice.classes("p-choice").props("outlined dense options-dense behavior=menu")
        choice.props["aria-label"] = self._reader.text("people.lacks")
        return choice

    def _changed(self) -> object:
        state = self._state.value
        lacks = "" if self._lacks is None else self._lacks.value
        return self._on_search(
            (self._search.value or "").strip(),
            State(state) if state else None,
            Lack(lacks) if lacks else None,
        )


def _row(one: ListedAccount, role: Role, reader: Reader, now: datetime) -> tuple[Any, ...]:
    seen = UNKNOWN if one.last_seen_at is None else reader.ago(one.last_seen_at, now)
    row = one.id, one.name, one.email, one.state.value, seen
    if role is not Role.DRIVER:
        return row
    # In words: on a phone no head stands above them.
    cards = reader.count("people.cards.count", one.cards) if one.cards else reader.text("people.cards.none")
    return *row, cards, one.plan or reader.text("people.plan.none")
