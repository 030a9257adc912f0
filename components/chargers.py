"""The chargers that the driver can see, at most 50 at a time, and a search that reaches all (P19, P20)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from components.drawn import Card, Drawn
from components.words import Reader
from data.queries.chargers import ChargerStatus, VisibleCharger, VisibleChargers

HEAD = """
<div class="p-chargers-head">
  <h2 id="chargers-title">{{ props.row.title }}</h2>
  <span class="p-muted p-small" role="status">{{ props.row.shown }}</span>
</div>
"""
CARDS = """
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<ul v-else>
  <li v-for="charger in props.row.chargers" :key="charger.id"
      :class="['is-' + charger.status, { 'is-mine': charger.mine }]">
    <div class="p-charger-head">
      <span class="p-name">{{ charger.name }}</span>
      <span class="p-pill" :class="'is-' + charger.status">
        <i class="p-icon" :class="'p-i-' + charger.icon" aria-hidden="true"></i>{{ charger.word }}
      </span>
    </div>
    <div class="p-meta p-parts"><span v-for="part in charger.parts" :key="part">{{ part }}</span></div>
    <div v-for="line in charger.lines" :key="line" class="p-meta">{{ line }}</div>
  </li>
</ul>
"""
ICONS = {
    ChargerStatus.ONLINE: "check_circle",
    ChargerStatus.IN_USE: "bolt",
    ChargerStatus.RESERVED: "event",
    ChargerStatus.OFFLINE: "cloud_off",
}
SEARCH_FROM = 10
"""With fewer chargers than these a search would only stand in the way."""


class Chargers(Card):
    """The card. *on_search* is called with the text to search for, empty for all."""

    def __init__(self, reader: Reader, on_search: Callable[[str], object]) -> None:
        super().__init__("p-chargers", "chargers-title")
        self._reader = reader
        self._on_search = on_search
        self._search: ui.input | None = None
        with self:
            self._head = Drawn(HEAD)
            self._head.classes("p-chargers-top")
            self._place = ui.element("div").classes("p-slot")
            self._cards = Drawn(CARDS)

    def show(self, chargers: VisibleChargers, now: datetime) -> None:
        """Show *chargers*, those that match the search, as they are at *now*."""
        reader = self._reader
        if self._search is None and chargers.visible >= SEARCH_FROM:
            with self._place:
                self._search = self._draw_search()
        shown = ""
        if len(chargers.shown) < chargers.visible:
            shown = reader.text(
                "chargers.shown",
                shown=reader.integer(len(chargers.shown)),
                all=reader.integer(max(chargers.matching, len(chargers.shown))),
            )
        self._head.show({"title": reader.text("chargers.title"), "shown": shown})
        empty = ""
        if not chargers.visible:
            empty = reader.text("chargers.empty")
        elif not chargers.shown:
            search = self._search.value if self._search is not None else ""
            empty = reader.text("chargers.no_match", search=search or "")
        several_sites = len({charger.site_name for charger in chargers.shown}) > 1
        self._cards.show(
            {
                "empty": empty,
                "chargers": [_card(charger, reader, now, several_sites) for charger in chargers.shown],
            }
        )

    def _draw_search(self) -> ui.input:
        def search(event: ValueChangeEventArguments[str | None]) -> object:
            return self._on_search((event.value or "").strip())

        field = ui.input(placeholder=self._reader.text("chargers.search"), on_change=search)
        field.classes("p-search").props("outlined dense debounce=250 type=search maxlength=100")
        field.props["aria-label"] = self._reader.text("chargers.search.label")
        with field.add_slot("prepend"):
            ui.element("i").classes("p-icon p-i-search").props("aria-hidden=true")
        return field


def draw(
    chargers: VisibleChargers, reader: Reader, now: datetime, on_search: Callable[[str], object]
) -> Chargers:
    """Draw the card; ``show`` of what is returned keeps it up to date."""
    card = Chargers(reader, on_search)
    card.show(chargers, now)
    return card


def _card(charger: VisibleCharger, reader: Reader, now: datetime, with_site: bool) -> dict[str, Any]:
    parts = [*charger.connector_types]
    if charger.max_power_w is not None:
        parts.append(reader.rated_kw(charger.max_power_w))
    lines = [line for line in (_why(charger, reader, now),) if line]
    if charger.connectors > 1 and charger.status is not ChargerStatus.OFFLINE:
        free = reader.integer(charger.free)
        lines.append(reader.count("chargers.free", charger.connectors, free=free))
    if with_site:
        lines.append(charger.site_name)
    return {
        "id": charger.id,
        "name": charger.name,
        "status": charger.status.value,
        "icon": ICONS[charger.status],
        "word": reader.text("status." + charger.status.value),
        "mine": charger.mine,
        "parts": parts,
        "lines": lines,
    }


def _why(charger: VisibleCharger, reader: Reader, now: datetime) -> str:
    """What explains the status (P19)."""
    if charger.mine:
        return reader.text("chargers.mine")
    if charger.status is ChargerStatus.IN_USE and charger.since is not None:
        return reader.text("chargers.since", moment=reader.moment(charger.since, now))
    if charger.status is ChargerStatus.RESERVED and charger.until is not None:
        return reader.text("chargers.until", moment=reader.moment(charger.until, now))
    if charger.status is ChargerStatus.OFFLINE:
        if charger.out_of_service is not None:
            return _out_of_service(charger.out_of_service, reader)
        if charger.last_seen_at is None:
            return reader.text("chargers.never_seen")
        return reader.text("chargers.last_seen", ago=reader.ago(charger.last_seen_at, now))
    return ""


def _out_of_service(code: str, reader: Reader) -> str:
    if code in ("", "NoError"):
        return reader.text("chargers.out_of_service")
    key = "reason." + ("unavailable" if code == "Unavailable" else code)
    # A vendor's own code is shown as it came: better a strange word than no reason.
    reason = reader.text(key) if reader.knows(key) else code
    return reader.text("chargers.out_of_service_why", reason=reason)
