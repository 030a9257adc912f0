"""A table of the console: one element, whatever it lists.

Rows are plain values for one literal template; on a phone each row becomes a block with the heads before
its cells. Sorting and paging are links, so that the address says what is shown and back works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from components.drawn import Card, Drawn
from components.words import Reader

By = TypeVar("By")
TABLE = """
<h2 v-if="props.row.title" :id="props.row.heading">{{ props.row.title }}</h2>
<p v-if="props.row.told" class="p-muted p-small p-listing-told" role="status">{{ props.row.told }}</p>
<div v-if="props.row.empty">
  <p class="p-empty">{{ props.row.empty }}</p>
  <a v-if="props.row.way_on" class="p-page-link" :href="props.row.way_on">{{ props.row.words_on }}</a>
</div>
<table v-else class="p-listing-table">
  <caption class="p-hidden-text">{{ props.row.caption }}</caption>
  <thead><tr>
    <th v-for="head in props.row.heads" :key="head.label" scope="col" :class="{ 'is-number': head.number }"
        :aria-sort="head.sorted || null">
      <a v-if="head.href" :href="head.href">{{ head.label }}<i v-if="head.icon" class="p-icon"
        :class="'p-i-' + head.icon" aria-hidden="true"></i></a>
      <template v-else>{{ head.label }}</template>
    </th>
  </tr></thead>
  <tbody>
    <tr v-for="line in props.row.lines" :key="line.key">
      <td v-for="(cell, at) in line.cells" :key="at" :data-head="props.row.heads[at].label"
          :class="[props.row.heads[at].number ? 'is-number' : '', at === 0 ? 'is-first' : '']"
          :data-unknown="cell.text || cell.meta ? null : ''">
        <span v-if="cell.kind" class="p-pill" :class="'is-' + cell.kind">
          <i class="p-icon" :class="'p-i-' + cell.icon" aria-hidden="true"></i>
          {{ cell.text }}
        </span>
        <a v-else-if="cell.href" :href="cell.href">{{ cell.text }}</a>
        <span v-else>{{ cell.text || "—" }}</span>
        <span v-if="cell.meta" class="p-meta">{{ cell.meta }}</span>
      </td>
    </tr>
  </tbody>
</table>
<nav v-if="props.row.previous || props.row.next" class="p-paging" :aria-label="props.row.paging">
  <a v-if="props.row.previous" class="p-page-link" :href="props.row.previous" rel="prev">
    <i class="p-icon p-i-chevron_left" aria-hidden="true"></i>{{ props.row.words_previous }}</a>
  <span v-else></span>
  <a v-if="props.row.next" class="p-page-link" :href="props.row.next" rel="next">{{ props.row.words_next }}
    <i class="p-icon p-i-chevron_right" aria-hidden="true"></i></a>
</nav>
"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, already in the reader's words."""

    label: str
    number: bool = False
    """Set to the right, as numbers are."""
    href: str = ""
    """Where the table is sorted by it (or the other way round)."""
    sorted: str = ""
    """``ascending`` or ``descending`` if the table is sorted by it now."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place; an empty *text* is shown as unknown."""

    text: str
    meta: str = ""
    """A second, smaller line."""
    href: str = ""
    """A path of ours, never anything stored."""
    kind: str = ""
    """A pill of this kind: ``online``, ``in_use``, ``reserved``, ``offline``, ``fault``, ``finalized``,
    ``settling``, ``charging``."""
    icon: str = ""
    """Of the pill: a ``p-i-`` class."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row; *key* tells it from all others."""

    key: str | int
    cells: tuple[Cell | str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """What a list shows: its lines, and where the lines before and after them are."""

    columns: Sequence[Column]
    lines: Sequence[Line]
    told: str = ""
    """How many there are, or which part of them this is."""
    empty: str = ""
    """Said instead of a table without lines."""
    way_on: str = ""
    """Below it: the path to what can be done about that, and its words."""
    words_on: str = ""
    previous: str = ""
    next: str = ""


class Table(Drawn):
    """The table itself, for a place inside of a card; with *title* as its visible heading."""

    def __init__(
        self, reader: Reader, caption: str, *, title: str = "", heading: str = "listing-title"
    ) -> None:
        super().__init__(TABLE)
        self._fixed = {
            "title": title,
            "heading": heading,
            "caption": caption,
            "paging": reader.text("listing.paging"),
            "words_previous": reader.text("listing.previous"),
            "words_next": reader.text("listing.next"),
        }

    def show_page(self, page: Page) -> None:
        """Show *page* instead of what is shown."""
        self.show(
            self._fixed
            | {
                "told": page.told,
                "empty": "" if page.lines else page.empty,
                "way_on": page.way_on,
                "words_on": page.words_on,
                "heads": [_head(column) for column in page.columns],
                "lines": [
                    {"key": line.key, "cells": [_cell(cell) for cell in line.cells]} for line in page.lines
                ],
                "previous": page.previous,
                "next": page.next,
            }
        )


class Listing(Card):
    """A card that lists *caption*; with *title* as its visible heading."""

    def __init__(
        self,
        reader: Reader,
        caption: str,
        *,
        title: str = "",
        heading: str = "listing-title",
        classes: str = "",
    ) -> None:
        super().__init__("p-listing")
        self.classes(classes)
        if title:
            self.props["aria-labelledby"] = heading
        else:
            self.props["aria-label"] = caption
        with self:
            self._table = Table(reader, caption, title=title, heading=heading)

    def show(self, page: Page) -> None:
        """Show *page* instead of what is shown."""
        self._table.show_page(page)


def sortable(
    label: str,
    by: By,
    sort: By,
    descending: bool,
    link: Callable[[By, bool], str],
    *,
    number: bool = False,
    falling_first: bool = False,
) -> Column:
    """A column that sorts *by* something, in a table that is sorted by *sort*: the other way round if that
    is the same. *link* makes the address of the table sorted by something, falling or rising.
    """
    if by != sort:
        return Column(label, number, link(by, falling_first))
    return Column(label, number, link(by, not descending), "descending" if descending else "ascending")


def _head(column: Column) -> dict[str, Any]:
    icons = {"ascending": "arrow_upward", "descending": "arrow_downward"}
    return {
        "label": column.label,
        "number": column.number,
        "href": column.href,
        "sorted": column.sorted,
        "icon": icons.get(column.sorted, ""),
    }


def _cell(cell: Cell | str) -> dict[str, str]:
    if isinstance(cell, str):
        return {"text": cell}
    parts = {"text": cell.text, "meta": cell.meta, "href": cell.href, "kind": cell.kind, "icon": cell.icon}
    return {name: value for name, value in parts.items() if value or name == "text"}
