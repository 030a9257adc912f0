"""The energy of a period: total, exact dates, a bar for each local day, and the same as a table (P13–P16)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from nicegui.elements.mixins.value_element import ValueElement
from nicegui.events import GenericEventArguments, ValueChangeEventArguments

from components.drawn import Card, Drawn
from components.energy_bars import EnergyBars
from components.words import Reader
from data.periods import Period
from data.queries.usage import Usage

HEAD = """
<h2 id="usage-title">{{ props.row.title }}</h2>
<p class="p-total">{{ props.row.total }}</p>
<p class="p-dates p-parts"><span>{{ props.row.dates }}</span><span>{{ props.row.zone }}</span></p>
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
"""


class Switch(
    ValueElement[Period],
    default_classes="p-switch",
    # Colour names that Quasar does not know: its own would come with !important.
    default_props="role=group unelevated no-caps toggle-color=p-main toggle-text-color=p-main",
):
    """Which period. `ui.toggle` does the same for 1 ms more a page: it watches its options for changes."""

    def __init__(self, reader: Reader, period: Period, on_period: Callable[[Period], object]) -> None:
        super().__init__(tag="q-btn-toggle", value=period, on_value_change=self._changed)
        self._on_period = on_period
        self._names = tuple(reader.text("usage." + period.value) for period in Period)
        self._showing = False
        self.props["aria-label"] = reader.text("usage.period")
        self.props["options"] = tuple(
            {"value": period.value, "label": name} for period, name in zip(Period, self._names, strict=True)
        )

    def show(self, period: Period) -> None:
        """Stand at *period*, without telling anybody."""
        self._showing = True
        self.value = period
        self._showing = False

    def _changed(self, event: ValueChangeEventArguments[Period]) -> object:
        return None if self._showing else self._on_period(event.value)

    def _event_args_to_value(self, e: GenericEventArguments) -> Period:
        return Period.read(e.args)

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        return [*super()._displayed_contents(only_visible=only_visible), *self._names]


class UsageCard(Card):
    """The card. *on_period* is called with the period that somebody switches to."""

    def __init__(
        self,
        usage: Usage,
        period: Period,
        reader: Reader,
        now: datetime,
        on_period: Callable[[Period], object],
    ) -> None:
        super().__init__("p-usage p-two-thirds", "usage-title")
        self._reader = reader
        with self:
            self._head = Drawn(HEAD).classes("p-usage-head")
            self._switch = Switch(reader, period, on_period)
            self._bars = EnergyBars(usage, reader)
        self.show(usage, period, now)

    def show(self, usage: Usage, period: Period, now: datetime) -> None:
        """Show *usage*, the energy of *period* as it is at *now*."""
        reader, window = self._reader, usage.window
        self._switch.show(period)
        last = window.end - timedelta(days=1)
        dates, total = reader.dates(window.first, last), reader.kwh(usage.total_wh)
        empty = ""
        if not any(day.energy_wh for day in usage.days):
            over = window.end <= reader.local(now).date()
            empty = reader.text("usage.empty.past" if over else "usage.empty.current")
        title = reader.text("usage.title")
        self._head.show({"title": title, "total": total, "dates": dates, "zone": window.zone, "empty": empty})
        self._bars.show(usage, dates, total)


def draw(
    usage: Usage, period: Period, reader: Reader, now: datetime, on_period: Callable[[Period], object]
) -> UsageCard:
    """Draw the card; ``show`` of what is returned keeps it up to date."""
    return UsageCard(usage, period, reader, now, on_period)
