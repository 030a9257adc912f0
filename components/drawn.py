"""The two elements that cards are made of: a card, and one element that draws a whole piece.

Elements are what a page costs the server, not bytes: a list of 50 chargers drawn as one element
is 50 times cheaper than one of 50. So a piece is one Quasar table in grid mode with a single row,
which hands that row's plain values to a literal Vue template.

NiceGUI makes a new Vue component of a template each time that the table asks for its slot, which takes all
that was drawn out of the page: the focus with it, a press that is half a click, what is selected. So the
table is never asked twice: its properties stay what they are (``preserved_props``), and ``$stable`` among
its slots tells Vue that what is around it may be drawn anew without it. The values travel beside the
properties (``drawn``), where the template finds them in what the page knows of its elements, and Vue
patches what has become different.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from nicegui.element import Element


class Card(Element, default_classes="p-card", default_props="tag=section flat"):
    """A section of a page, named by the heading with the id *heading* inside of it."""

    def __init__(self, classes: str, heading: str | None = None) -> None:
        super().__init__("q-card")
        self.classes(classes)
        if heading is not None:
            self.props["aria-labelledby"] = heading


class Drawn(Element, default_classes="p-drawn", default_props="grid flat hide-bottom hide-no-data"):
    """Draws *values* with *template*, a literal Vue template that finds them as ``props.row``.

    Values are text, numbers, booleans, and lists and dicts of them. Text stays text: templates
    only ever use ``{{ }}`` and attributes whose values come from closed lists of words. What a list
    repeats needs a ``:key`` that stays with it: then its elements do too, whatever comes before it.
    """

    def __init__(self, template: str, values: dict[str, Any] | None = None) -> None:
        super().__init__("q-table")
        self.values = values
        self.props["rows"] = ({"id": self.id},)
        self.add_slot("item", _compact(template))
        self.add_slot("$stable")

    def show(self, values: dict[str, Any] | None) -> None:
        """Draw *values* instead, ``None`` for nothing; the same ones as before send nothing."""
        if self.values != values:
            self.values = values
            self.update()

    def _to_dict(self) -> dict[str, Any]:
        # NiceGUI's own hook: what a browser is told of this element. The rows that it has are to stay the
        # same object there: an equal one would be another to Vue.
        drawn = [] if self.values is None else [{"row": self.values}]
        return {**super()._to_dict(), "drawn": drawn, "preserved_props": ["rows"]}

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        # NiceGUI's own hook: what tests and element filters find by text.
        return [*super()._displayed_contents(only_visible=only_visible), *_texts(self.values)]


@cache
def _compact(template: str) -> str:
    """*template* without its indentation: each page carries it, and escapes it letter by letter.

    Around it is what gives it the values that there are now, as ``props``.
    """
    given = '<template v-for="props in $root.elements[props.row.id]?.drawn">' + template + "</template>"
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", given.strip()))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
