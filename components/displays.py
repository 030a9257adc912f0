"""Kiosk displays in the console: the list, one of them, and how many of them are seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nicegui import ui

from components.drawn import Card, Drawn
from components.facts import FactsCard, Pill
from components.listing import Cell, Column, Line, Listing, Page
from components.texts import languages
from components.words import Reader
from data.queries.display_list import DisplayFacts, Heartbeat

SHOWN = 500
"""Displays in the list at most."""
NAMED = 3
"""Displays that are not seen and named on the overview."""
COLUMNS = ("name", "site", "state", "seen", "version", "size", "languages")

OVERVIEW = """
<h2 id="displays-title">{{ props.row.title }}</h2>
<p class="p-displays-told">
  <span class="p-pill" :class="'is-' + props.row.kind"><i class="p-icon" :class="'p-i-' + props.row.icon"
    aria-hidden="true"></i>{{ props.row.told }}</span>
  <span v-if="props.row.missing" class="p-muted">{{ props.row.missing }}</span>
</p>
"""


def state(one: Heartbeat, reader: Reader, now: datetime) -> Pill:
    """Whether it is seen, in words."""
    if one.is_seen(now):
        return Pill(reader.text("displays.state.seen"), "online", "check_circle")
    if one.last_seen_at is None:
        return Pill(reader.text("displays.state.never"), "settling", "hourglass_top")
    return Pill(reader.text("displays.state.unseen"), "offline", "cloud_off")


def size(one: DisplayFacts, reader: Reader) -> str:
    """Its window in pixels, as it was told."""
    if one.width is None or one.height is None:
        return ""
    return reader.text("displays.pixels", width=one.width, height=one.height)


def spoken(one: DisplayFacts) -> str:
    """The names of its languages, each in itself, in their order."""
    known = languages()
    return ", ".join(known[code].name if code in known else code for code in one.languages)


class DisplayList(Listing):
    """The list: what is not seen first."""

    def __init__(self, reader: Reader, address: str, version: str) -> None:
        """*address* is what a screen opens to be paired, *version* of the program that runs here."""
        super().__init__(reader, reader.text("displays.title"), classes="p-display-list")
        self._reader = reader
        self._version = version
        self._empty = reader.text("displays.empty", address=address)

    def show_displays(self, found: Sequence[DisplayFacts], now: datetime) -> None:
        """Show *found* as it is at *now*."""
        reader = self._reader
        shown = sorted(found, key=lambda one: one.is_seen(now))[:SHOWN]
        seen = sum(one.is_seen(now) for one in found)
        told = [reader.count("displays.told", len(found), seen=reader.integer(seen))] if found else []
        if len(shown) < len(found):
            told.append(reader.text("displays.first", shown=reader.integer(len(shown))))
        self.show(
            Page(
                [Column(reader.text(f"displays.{name}")) for name in COLUMNS],
                [Line(one.id, self._cells(one, now)) for one in shown],
                told=" · ".join(told),
                empty=self._empty,
            )
        )

    def _cells(self, one: DisplayFacts, now: datetime) -> tuple[Cell | str, ...]:
        reader, pill = self._reader, state(one, self._reader, now)
        seen = reader.text("displays.never")
        if one.last_seen_at is not None:
            seen = reader.ago(one.last_seen_at, now)
        other = ""
        if one.version not in ("", self._version):
            other = reader.text("displays.version.other", version=self._version)
        return (
            Cell(one.name, href=f"/admin/displays/{one.id:d}"),
            one.site_name,
            Cell(pill.text, kind=pill.kind, icon=pill.icon),
            seen,
            Cell(one.version, meta=other),
            size(one, reader),
            spoken(one),
        )


class DisplayCard(FactsCard):
    """What one display is, and whether its screen shows its board."""

    def __init__(self, reader: Reader, version: str) -> None:
        super().__init__(reader.text("displays.facts"), classes="p-two-thirds p-display-facts")
        self._reader = reader
        self._version = version

    def show_display(self, one: DisplayFacts | None, note: str, now: datetime) -> None:
        """Show *one* as it is at *now*, with what *note* says of it; ``None``: it was taken back."""
        reader, text = self._reader, self._reader.text
        if one is None:
            self.show([], notes=[text("displays.gone")])
            return
        seen = text("displays.never")
        if one.last_seen_at is not None:
            seen = f"{reader.moment(one.last_seen_at, now)} · {reader.ago(one.last_seen_at, now)}"
        self.show(
            [
                (text("displays.seen"), seen),
                (text("displays.version"), self._program(one)),
                (text("displays.size"), size(one, reader)),
                (text("displays.browser"), one.browser),
                (text("displays.site"), one.site_name, f"/admin/sites/{one.site_id:d}"),
                (text("displays.paired"), reader.moment(one.paired_at, now)),
            ],
            pill=state(one, reader, now),
            notes=[note] if note else [],
        )

    def _program(self, one: DisplayFacts) -> str:
        if not one.version:
            return ""
        same = one.version == self._version
        key = "displays.version.same" if same else "displays.version.differs"
        return self._reader.text(key, version=one.version, own=self._version)


class SeenCard(Card):
    """How many displays are seen, for the overview; nothing at all where there is none."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-displays-seen", "displays-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(OVERVIEW)
            ui.link(reader.text("overview.displays.all"), "/admin/displays").classes("p-text-link")

    def show(self, found: Sequence[Heartbeat], now: datetime) -> None:
        """Show *found* as it is at *now*."""
        reader = self._reader
        self.set_visibility(bool(found))
        missing = [one.name for one in found if not one.is_seen(now)]
        seen = reader.integer(len(found) - len(missing))
        names = ", ".join(missing[:NAMED]) + (" …" if len(missing) > NAMED else "")
        self._drawn.show(
            {
                "title": reader.text("overview.displays"),
                "kind": "offline" if missing else "online",
                "icon": "cloud_off" if missing else "check_circle",
                "told": reader.count("overview.displays.seen", len(found), seen=seen),
                "missing": reader.text("overview.displays.not", names=names) if missing else "",
            }
        )
