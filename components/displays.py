"""Kiosk displays in the console: how one of them is, and how many of them are seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from components.drawn import Card, Drawn
from components.facts import FactsCard, Pill
from components.words import Reader
from data.queries.display_list import DisplayFacts, Heartbeat

NAMED = 3
"""Displays that are not seen and named on the overview."""
LIST = "/admin/displays"
MISSING = LIST + "?state=unseen"
"""Those that are not seen."""

OVERVIEW = """
<h2 id="displays-title">{{ props.row.title }}</h2>
<p class="p-displays-told">
  <span class="p-pill" :class="'is-' + props.row.kind"><i class="p-icon" :class="'p-i-' + props.row.icon"
    aria-hidden="true"></i>{{ props.row.told }}</span>
  <span v-if="props.row.missing" class="p-muted">{{ props.row.missing }}</span>
</p>
<a class="p-text-link" :href="props.row.list">{{ props.row.words }}</a>
"""


def state(one: Heartbeat, reader: Reader, now: datetime) -> Pill:
    """Whether it is seen, in words."""
    if one.is_seen(now):
        return Pill(reader.text("displays.state.seen"), "online", "check_circle")
    if one.last_seen_at is None:
        return Pill(reader.text("displays.state.never"), "settling", "hourglass_top")
    return Pill(reader.text("displays.state.unseen"), "offline", "cloud_off")


def named(reader: Reader, name: str, site: str) -> str:
    """Which display it is, where those of several sites are told of."""
    return reader.text("displays.at", name=name, site=site)


def size(one: DisplayFacts, reader: Reader) -> str:
    """Its window in pixels, as it was told."""
    if one.width is None or one.height is None:
        return ""
    return reader.text("displays.pixels", width=one.width, height=one.height)


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
                (text("displays.site"), one.site_name, f"/admin/sites/{one.site_id:d}"),
                (text("displays.seen"), seen),
                (text("displays.version"), self._program(one)),
                (text("displays.size"), size(one, reader)),
                (text("displays.browser"), one.browser),
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

    def show(self, found: Sequence[Heartbeat], now: datetime) -> None:
        """Show *found* as it is at *now*."""
        reader = self._reader
        self.set_visibility(bool(found))
        missing = [one for one in found if not one.is_seen(now)]
        seen = reader.integer(len(found) - len(missing))
        names = ", ".join(named(reader, one.name, one.site_name) for one in missing[:NAMED]) + (
            " …" if len(missing) > NAMED else ""
        )
        self._drawn.show(
            {
                "title": reader.text("overview.displays"),
                "kind": "offline" if missing else "online",
                "icon": "cloud_off" if missing else "check_circle",
                "told": reader.count("overview.displays.seen", len(found), seen=seen),
                "missing": reader.text("overview.displays.not", names=names) if missing else "",
                "list": MISSING if missing else LIST,
                "words": reader.text(f"overview.displays.{'missing' if missing else 'all'}"),
            }
        )
