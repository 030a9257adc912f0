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
  <li v-for="[id, name, status, mine, ...lines] in props.row.chargers" :key="id"
      :class="['is-' + status, { 'is-mine': mine }]">
    <div class="p-charger-head">
      <span class="p-name">{{ name }}</span>
      <span class="p-pill" :class="'is-' + status">
        <i class="p-icon" :class="'p-i-' + props.row.icons[status]" aria-hidden="true"></i>
        {{ props.row.words[status] }}
      </span>
    </div>
    <div v-for="line in lines" :key="line" class="p-meta">{{ line }}</div>
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
            self._cards = Drawn(CARDS)

    def show(self, chargers: VisibleChargers, now: datetime) -> None:
        """Show *chargers*, those that match the search, as they are at *now*."""
        reader = self._reader
        if self._search is None and chargers.visible >= SEARCH_FROM:
            with self:
                self._search = self._draw_search()
            self._search.move(target_index=1)
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
                "icons": ICONS,
                "words": {status: reader.text("status." + status) for status in ICONS},
                "chargers": [_card(charger, reader, now, several_sites) for charger in chargers.shown],
            }
        )

    def _draw_search(self) -> ui.input:
        def search(event: ValueChangeEventArguments[str | None]) -> object:
            return self._on_search((event.value or "").strip())

        field = ui.input(placeholder=self._reader.text("chargers.search"), on_change=search)
        field.classes("p-search p-i-search").props("outlined dense debounce=250 type=search maxlength=100")
        field.props["aria-label"] = self._reader.text("chargers.search.label")
        return field


def draw(
    chargers: VisibleChargers, reader: Reader, now: datetime, on_search: Callable[[str], object]
) -> Chargers:
    """Draw the card; ``show`` of what is returned keeps it up to date."""
    card = Chargers(reader, on_search)
    card.show(chargers, now)
    return card


def _card(charger: VisibleCharger, reader: Reader, now: datetime, with_site: bool) -> tuple[Any, ...]:
    """What the template takes apart: id, name, status, whether it is mine, and lines of text.

    A tuple, because 50 of them are the larger part of a page's bytes, and each byte costs twice: NiceGUI
    escapes letter by letter.
    """
    parts = [*charger.connector_types]
    if charger.max_power_w is not None:
        parts.append(reader.rated_kw(charger.max_power_w))
    lines = [line for line in (" · ".join(parts), _why(charger, reader, now)) if line]
    if charger.connectors > 1 and charger.status is not ChargerStatus.OFFLINE:
        free = reader.integer(charger.free)
        lines.append(reader.count("chargers.free", charger.connectors, free=free))
    if with_site and not charger.name.casefold().startswith(charger.site_name.casefold()):
        lines.append(charger.site_name)
    return charger.id, charger.name, charger.status.value, charger.mine, *lines


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
