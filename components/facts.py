"""Pairs of a name and a value, as the pages of one thing begin: one element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui.element import Element

from components.drawn import Card, Drawn

FACTS = """
<div class="p-person-head">
  <h2 :id="props.row.heading">{{ props.row.title }}</h2>
  <span v-if="props.row.state" class="p-pill" :class="'is-' + props.row.kind">
    <i class="p-icon" :class="'p-i-' + props.row.icon" aria-hidden="true"></i>{{ props.row.state }}
  </span>
</div>
<p v-for="note in props.row.notes" :key="note" class="p-note-box" role="status">{{ note }}</p>
<dl class="p-person-facts">
  <div v-for="[name, value, href] in props.row.facts" :key="name"><dt>{{ name }}</dt>
    <dd><a v-if="href" :href="href">{{ value }}</a><template v-else>{{ value || "—" }}</template></dd></div>
</dl>
"""


@dataclass(frozen=True, slots=True)
class Pill:
    """A state: its word, the kind of pill and its icon (see `components.listing.Cell`)."""

    text: str
    kind: str
    icon: str


class FactsCard(Card):
    """A card headed *title* with pairs of names and values; what can be done goes into ``actions``."""

    def __init__(self, title: str, *, heading: str = "facts-title", classes: str = "p-two-thirds") -> None:
        super().__init__("p-person", heading)
        self.classes(classes)
        self._title = title
        self._heading = heading
        with self:
            self._drawn = Drawn(FACTS)
            self.actions = Element("div").classes("p-person-actions")

    def show(
        self,
        facts: Sequence[tuple[str, str] | tuple[str, str, str]],
        *,
        pill: Pill | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        """Show *facts*: name, value and, if it leads somewhere, a path of ours."""
        self._drawn.show(
            {
                "title": self._title,
                "heading": self._heading,
                "state": pill.text if pill else "",
                "kind": pill.kind if pill else "",
                "icon": pill.icon if pill else "",
                "notes": list(notes),
                "facts": [(*fact, "")[:3] for fact in facts],
            }
        )
