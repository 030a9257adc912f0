"""The two elements that cards are made of: a card, and one element that draws a whole piece.

Elements are what a page costs the server, not bytes: a list of 50 chargers drawn as one element
is 50 times cheaper than one of 50. So a piece is one Quasar table in grid mode with a single row,
which hands that row's plain values to a literal Vue template.

A template is drawn anew whenever the nearest Vue component around its element is: everything that is
pushed stands in a card of its own (`Card` is such a component), and what keeps a state in the browser
(fields, switches, open details) is an element of its own, never part of a template.
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
    only ever use ``{{ }}`` and attributes whose values come from closed lists of words.
    """

    def __init__(self, template: str, values: dict[str, Any] | None = None) -> None:
        super().__init__("q-table")
        self.props["rows"] = _rows(values)
        self.add_slot("item", _compact(template))

    def show(self, values: dict[str, Any] | None) -> None:
        """Draw *values* instead, ``None`` for nothing; the same ones as before send nothing."""
        rows = _rows(values)
        if self.props["rows"] != rows:
            self.props["rows"] = rows

    def _displayed_contents(self, *, only_visible: bool) -> list[Any]:
        # NiceGUI's own hook: what tests and element filters find by text.
        return [*super()._displayed_contents(only_visible=only_visible), *_texts(self.props["rows"])]


def _rows(values: dict[str, Any] | None) -> tuple[dict[str, Any], ...]:
    # A tuple, because NiceGUI wraps each list and dict within a list into one that watches its changes.
    return () if values is None else (values,)


@cache
def _compact(template: str) -> str:
    """*template* without its indentation: each page carries it, and escapes it letter by letter."""
    return re.sub(r">\s+<", "><", re.sub(r"\s+", " ", template.strip()))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
