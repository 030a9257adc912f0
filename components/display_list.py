"""The console's list of displays, and those of a site: which of them needs a hand (K7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from components.displays import LIST, size, state
from components.listing import Cell, Column, Line, Listing, Page, sortable
from components.texts import languages
from components.words import Reader
from data.queries.display_list import DisplayFacts, Sort, State

PAGE = 100
"""Displays a page."""
_COLUMNS: tuple[tuple[str, Sort | None], ...] = (
    ("name", Sort.NAME),
    ("site", Sort.SITE),
    ("state", Sort.STATE),
    ("seen", Sort.SEEN),
    ("version", Sort.VERSION),
    ("size", None),
    ("languages", None),
)


class DisplayList(Listing):
    """The card."""

    def __init__(
        self,
        reader: Reader,
        address: str,
        version: str,
        link: Callable[[Sort, bool], str],
        turned: Callable[[int], str],
    ) -> None:
        """*address* is what a screen opens to be paired, *version* of the program that runs here.

        *link* makes the address of the list sorted by something, falling or rising, *turned* that of a page.
        """
        super().__init__(reader, reader.text("displays.title"), classes="p-display-list")
        self._reader = reader
        self._version = version
        self._address = address
        self._link = link
        self._turned = turned

    def show_displays(
        self,
        everybody: Sequence[DisplayFacts],
        matching: Sequence[DisplayFacts],
        sort: Sort,
        descending: bool,
        page: int,
        now: datetime,
        *,
        only: State | None = None,
    ) -> None:
        """Show *page* (or the last one) of *matching* out of *everybody*, as they are at *now*.

        *only*: they were looked for by this alone.
        """
        reader = self._reader
        page = max(1, min(page, -(-len(matching) // PAGE)))
        begin = (page - 1) * PAGE
        shown = matching[begin : begin + PAGE]
        told = self._told(everybody, len(matching), now)
        if len(shown) < len(matching):
            first, last = reader.integer(begin + 1), reader.integer(begin + len(shown))
            told += " · " + reader.text("displays.part", first=first, last=last)
        if not everybody:
            empty = reader.text("displays.empty", address=self._address)
            way_on, words_on = "", ""  # the way to it stands above, whatever is listed
        else:
            known = f"displays.none.{only}" if only is not None else ""
            empty = reader.text(known if reader.knows(known) else "displays.no_match")
            way_on, words_on = LIST, reader.text("displays.clear")
        self.show(
            Page(
                [self._column(name, by, sort, descending) for name, by in _COLUMNS],
                [Line(one.id, _cells(one, reader, self._version, now)) for one in shown],
                told=told,
                empty=empty,
                way_on=way_on,
                words_on=words_on,
                previous=self._turned(page - 1) if page > 1 else "",
                next=self._turned(page + 1) if begin + PAGE < len(matching) else "",
            )
        )

    def _told(self, everybody: Sequence[DisplayFacts], matching: int, now: datetime) -> str:
        """How many there are, and whether they are well; or how many of them were looked for."""
        reader, number = self._reader, len(everybody)
        if matching < number:
            return reader.count("displays.matching", number, matching=reader.integer(matching))
        seen = sum(one.is_seen(now) for one in everybody)
        told = reader.count("displays.told", number, seen=reader.integer(seen)) if everybody else ""
        if old := sum(one.is_old(now, self._version) for one in everybody):
            told += " · " + reader.count("displays.told.old", old)
        return told

    def _column(self, name: str, by: Sort | None, sort: Sort, descending: bool) -> Column:
        label = self._reader.text(f"displays.{name}")
        if by is None:
            return Column(label)
        return sortable(label, by, sort, descending, self._link)


class SiteDisplays(Listing):
    """The displays of one site, beside its chargers."""

    def __init__(self, reader: Reader) -> None:
        title = reader.text("displays.title")
        super().__init__(reader, title, title=title, heading="displays-title", classes="p-site-displays")
        self._reader = reader

    def show_displays(self, found: Sequence[DisplayFacts], now: datetime) -> None:
        """Show *found* as it is at *now*."""
        reader = self._reader
        columns = [Column(reader.text(f"displays.{name}")) for name in ("name", "state", "seen")]
        lines = [
            Line(one.id, (_name(one), _state(one, reader, now), _seen(one, reader, now))) for one in found
        ]
        self.show(Page(columns, lines, empty=reader.text("sites.no_displays")))


def _cells(one: DisplayFacts, reader: Reader, version: str, now: datetime) -> tuple[Cell | str, ...]:
    program = Cell(one.version)
    if one.is_old(now, version):
        other = reader.text("displays.version.other", version=version)
        program = Cell(one.version, meta=other, kind="settling", icon="warning")
    return (
        _name(one),
        one.site_name,
        _state(one, reader, now),
        _seen(one, reader, now),
        program,
        size(one, reader),
        spoken(one),
    )


def _name(one: DisplayFacts) -> Cell:
    return Cell(one.name, href=f"{LIST}/{one.id:d}")


def _state(one: DisplayFacts, reader: Reader, now: datetime) -> Cell:
    pill = state(one, reader, now)
    return Cell(pill.text, kind=pill.kind, icon=pill.icon)


def _seen(one: DisplayFacts, reader: Reader, now: datetime) -> str:
    return "" if one.last_seen_at is None else reader.ago(one.last_seen_at, now)


def spoken(one: DisplayFacts) -> str:
    """The names of its languages, each in itself, in their order."""
    known = languages()
    return ", ".join(known[code].name if code in known else code for code in one.languages)
