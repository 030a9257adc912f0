"""The counts pill near the top: how many of the visible chargers are free (P21)."""

from __future__ import annotations

from components.drawn import Drawn
from components.words import Reader
from data.queries.chargers import VisibleChargers

TEMPLATE = """
<span class="p-counts" :class="{ 'is-none': !props.row.any }">
  <i class="p-icon p-i-ev_station" aria-hidden="true"></i>{{ props.row.text }}
</span>
"""


class Counts:
    """The pill."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._drawn = Drawn(TEMPLATE).classes("p-pill-place")

    def show(self, chargers: VisibleChargers) -> None:
        """Show the count of *chargers*, beyond the 50 that have cards too."""
        reader = self._reader
        if not chargers.visible:
            self._drawn.show({"text": reader.text("counts.none"), "any": False})
            return
        text = reader.text(
            "counts.free",
            online=reader.integer(chargers.online),
            visible=reader.integer(chargers.visible),
        )
        self._drawn.show({"text": text, "any": chargers.online > 0})


def draw(chargers: VisibleChargers, reader: Reader) -> Counts:
    """Draw the pill; ``show`` of what is returned keeps it up to date."""
    counts = Counts(reader)
    counts.show(chargers)
    return counts
