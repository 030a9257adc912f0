"""Charging cards as the console lists them: one table, whose rows open what can be done with a card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from nicegui.element import Element

from components.drawn import Card, Drawn
from components.words import UNKNOWN, Reader
from data.queries import cards
from data.queries.cards import State

HEAD = """
<h2 v-if="props.row.title" :id="props.row.heading">{{ props.row.title }}</h2>
<p v-if="props.row.empty" class="p-empty" role="status">{{ props.row.empty }}</p>
"""
ROWS = """
<q-table v-if="props.row.rows.length" class="p-card-rows" flat hide-bottom hide-pagination separator="none"
         row-key="key" table-class="p-listing-table" :pagination="{ rowsPerPage: 0 }"
         :columns="props.row.columns" :rows="props.row.rows" :onRowClick="$parent.$parent.$attrs.onRowClick">
  <template #body-cell="cell">
    <td :data-head="cell.col.label" :class="'is-' + cell.col.name">
      <template v-if="cell.col.name === 'tag'">
        <button type="button" class="p-card-button" :aria-label="cell.row.label">{{ cell.row.tag }}</button>
      </template>
      <span v-else-if="cell.col.name === 'state'" class="p-pill" :class="'is-' + cell.row.kind">
        <i class="p-icon" :class="'p-i-' + cell.row.icon" aria-hidden="true"></i>{{ cell.row.state }}
      </span>
      <template v-else>
        <a v-if="cell.row[cell.col.name].href" :href="cell.row[cell.col.name].href" @click.stop>
          {{ cell.row[cell.col.name].text }}</a>
        <span v-else>{{ cell.row[cell.col.name].text }}</span>
        <span v-if="cell.row[cell.col.name].meta" class="p-meta">{{ cell.row[cell.col.name].meta }}</span>
      </template>
    </td>
  </template>
</q-table>
"""
PAGING = """
<nav v-if="props.row.previous || props.row.next" class="p-paging" :aria-label="props.row.paging">
  <a v-if="props.row.previous" class="p-page-link" :href="props.row.previous" rel="prev">
    <i class="p-icon p-i-chevron_left" aria-hidden="true"></i>{{ props.row.words_previous }}</a>
  <span v-else></span>
  <a v-if="props.row.next" class="p-page-link" :href="props.row.next" rel="next">{{ props.row.words_next }}
    <i class="p-icon p-i-chevron_right" aria-hidden="true"></i></a>
</nav>
"""
ICONS = {
    State.ACTIVE: "check_circle",
    State.BLOCKED: "block",
    State.DEACTIVATED: "block",
    State.UNKNOWN: "help",
    State.IGNORED: "hourglass_top",
}
KINDS = {
    State.ACTIVE: "online",
    State.BLOCKED: "fault",
    State.DEACTIVATED: "offline",
    State.UNKNOWN: "reserved",
    State.IGNORED: "offline",
}
"""Each state as one of the kinds of pills that there are."""


class CardTable(Card):
    """The card of the cards. *on_pick* is called with the key of the row that is chosen.

    The button of a row is a part of the one template, and its click the row's: Quasar's table within it
    tells which to whoever listens at the card.
    """

    def __init__(
        self,
        reader: Reader,
        on_pick: Callable[[str], object],
        *,
        title: str = "",
        columns: Sequence[str] = ("tag", "state", "driver", "seen", "sessions"),
        classes: str = "",
    ) -> None:
        super().__init__("p-listing p-cards", "cards-title" if title else None)
        self.classes(classes)
        if not title:
            self.props["aria-label"] = reader.text("cards.title")
        self._reader = reader
        self._on_pick = on_pick
        self._title = title
        self._columns = [
            {"name": name, "field": name, "label": reader.text("cards." + name), "align": "left"}
            for name in columns
        ]
        self.on("rowClick", self._clicked, args=[[], ["key"], None])
        with self:
            self._head = Drawn(HEAD)
            self._rows = Drawn(ROWS)
            self._paging = Drawn(PAGING)
            self.actions = Element("div").classes("p-person-actions")

    def show(
        self,
        found: Sequence[cards.Card],
        now: datetime,
        *,
        empty: str = "",
        previous: str = "",
        next: str = "",  # noqa: A002 (as in a link's rel)
    ) -> None:
        """Show *found* as they are at *now*; *previous* and *next* are paths of ours."""
        reader = self._reader
        self._head.show({"title": self._title, "heading": "cards-title", "empty": "" if found else empty})
        self._rows.show({"columns": self._columns, "rows": [_row(one, reader, now) for one in found]})
        self._paging.show(
            {
                "previous": previous,
                "next": next,
                "paging": reader.text("listing.paging"),
                "words_previous": reader.text("listing.previous"),
                "words_next": reader.text("listing.next"),
            }
        )

    def _clicked(self, event: Any) -> object:
        row = event.args[1] if isinstance(event.args, list) and len(event.args) > 1 else None
        key = row.get("key") if isinstance(row, dict) else None
        # What a browser sends is anything at all; which card it is, the query looks up (T3).
        return self._on_pick(key) if isinstance(key, str) else None


def _row(one: cards.Card, reader: Reader, now: datetime) -> dict[str, Any]:
    return {
        "key": one.key,
        "tag": one.id_tag,
        "label": reader.text("cards.open", tag=one.id_tag),
        "state": reader.text("cards.state." + one.state.value),
        "kind": KINDS[one.state],
        "icon": ICONS[one.state],
        "driver": owner(one, reader, now),
        "seen": last_seen(one, reader, now),
        "sessions": {"text": sessions(one, reader)},
        "since": {
            "text": "" if one.linked_at is None else reader.full_date(reader.local(one.linked_at).date())
        },
    }


def owner(one: cards.Card, reader: Reader, now: datetime) -> dict[str, str]:
    """Whose it is, or was."""
    if one.account_id is None:
        return {"text": reader.text("cards.nobody")}
    path = f"/admin/drivers/{one.account_id}"
    if one.is_linked:
        return {"text": one.driver, "href": path}
    until = "" if one.ended_at is None else reader.moment(one.ended_at, now)
    return {"text": one.driver, "href": path, "meta": reader.text("cards.until", moment=until)}


def last_seen(one: cards.Card, reader: Reader, now: datetime) -> dict[str, str]:
    """When and where."""
    if one.last_seen_at is None:
        return {"text": UNKNOWN, "meta": reader.text("cards.never_seen")}
    where = one.charger
    if one.connector_number:
        where = reader.text("banner.place", charger=one.charger, number=one.connector_number)
    return {"text": reader.ago(one.last_seen_at, now), "meta": where}


def sessions(one: cards.Card, reader: Reader) -> str:
    """How many sessions belong to nobody."""
    if not one.of_nobody:
        return "0"
    number = reader.integer(one.of_nobody)
    return f"{number}+" if one.of_nobody >= cards.COUNTED else number
