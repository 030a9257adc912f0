"""The row of choices above a list; what is chosen goes into the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nicegui import ui

from components.drawn import Card
from components.words import Reader

LONGEST = 100
"""Characters that can be searched for."""


class Filters(Card):
    """The row. *on_change* is called with all values by name, whenever one has changed.

    Give *values* as the address has them; what the address has and no field offers is to be dropped first.
    """

    def __init__(
        self, reader: Reader, values: Mapping[str, str], on_change: Callable[[dict[str, str]], object]
    ) -> None:
        super().__init__("p-filters")
        self.props["aria-label"] = reader.text("filters")
        self.values = dict(values)
        self._reader = reader
        self._on_change = on_change

    def search(self, name: str, label: str) -> None:
        """A box to type into."""
        with self:
            box = ui.input(value=self.values.get(name, ""), placeholder=label)
        box.on_value_change(lambda event: self._changed(name, (event.value or "").strip()))
        box.classes("p-search p-i-search").props("outlined dense debounce=250 type=search")
        box.props["maxlength"] = LONGEST
        box.props["aria-label"] = label

    def choice(self, name: str, label: str, options: Mapping[str, str], *, everything: str) -> None:
        """One of *options* (words by value), or *everything*."""
        value = self.values.get(name, "")
        with self:
            choice = ui.select(
                {"": everything} | dict(options),
                value=value if value in options else "",
                label=label,
                with_input=len(options) > 12,
            )
        choice.on_value_change(lambda event: self._changed(name, event.value or ""))
        choice.classes("p-choice").props("outlined dense options-dense behavior=menu")

    def day(self, name: str, label: str) -> None:
        """A day, as ``YYYY-MM-DD``."""
        with self:
            box = ui.input(label, value=self.values.get(name, ""))
        box.on_value_change(lambda event: self._changed(name, event.value or ""))
        box.classes("p-day").props("outlined dense stack-label type=date debounce=500")

    def _changed(self, name: str, value: str) -> None:
        if self.values.get(name, "") != value:
            self.values[name] = value
            self._on_change(dict(self.values))
