"""The fields of a display, where it is paired and where it is changed, and sentences for what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nicegui import ui

from app.access.account_rules import LONGEST_NAME
from app.access.display_rows import CannotShow
from app.access.display_rules import BAYS, MOST_LANGUAGES
from app.access.tries import TooManyTries
from app.pages import too_many
from components import dialogs
from components.dialogs import Problem
from components.texts import languages
from components.words import Reader
from data.queries.display_list import DisplayFacts
from data.queries.setup import PlaceFacts
from data.types import Orientation

NONE = ""
"""No second or third language."""


def problem(reader: Reader, error: CannotShow | TooManyTries) -> Problem:
    """The sentence for *error*, which says what to do."""
    if isinstance(error, TooManyTries):
        return reader.text("displays.problem.too_many", duration=too_many.wait(reader, error.seconds))
    return reader.text(f"displays.problem.{error.why}")


class DisplayFields:
    """Site, name, orientation, languages and tiles of a page, drawn where it is made."""

    def __init__(
        self,
        reader: Reader,
        places: Sequence[PlaceFacts],
        display: DisplayFacts | None = None,
        *,
        site_id: int | None = None,
    ) -> None:
        """*display* is changed; without one a new one is made, at the site *site_id* if one is named."""
        self._reader = reader
        names = {place.id: place.name for place in places}
        site = next(iter(names)) if len(names) == 1 else site_id
        if display is not None:
            names.setdefault(display.site_id, display.site_name)
            site = display.site_id
        self.site = self._choice(names, site, "displays.site", searched=len(names) > 12)
        self.name = dialogs.field(
            reader.text("displays.name"), display.name if display else "", longest=LONGEST_NAME
        )
        self.name.props("autocomplete=off")
        self.name.props["hint"] = reader.text("displays.name.hint")
        hangs = {one.value: reader.text(f"displays.orientation.{one.value}") for one in Orientation}
        way = display.orientation if display else Orientation.AUTO
        self.orientation = self._choice(hangs, way.value, "displays.orientation")
        self.languages = self._languages(display.languages if display else (reader.language.code,))
        tiles = {number: reader.text(f"displays.bays.{number}") for number in BAYS}
        bays = display.bays_per_page if display and display.bays_per_page in tiles else BAYS[0]
        self.bays = self._choice(tiles, bays, "displays.bays")

    def _languages(self, chosen: Sequence[str]) -> list[ui.select]:
        """A box for each language that there may be; the first has to be one."""
        names = {code: one.name for code, one in languages().items()}
        known = [code for code in chosen if code in names] or [next(iter(names))]
        boxes = []
        for number in range(min(MOST_LANGUAGES, len(names))):
            options = names if number == 0 else {NONE: self._reader.text("displays.language.none"), **names}
            value = known[number] if number < len(known) else NONE
            box = self._choice(options, value, f"displays.language.{number + 1}")
            box.on_value_change(self._offer)
            boxes.append(box)
        boxes[-1].props["hint"] = self._reader.text("displays.language.hint")
        self.languages = boxes
        self._offer()
        return boxes

    def _offer(self) -> None:
        """Each box offers what none before it has: nobody means a language twice."""
        names = {code: one.name for code, one in languages().items()}
        taken: set[str] = set()
        for number, box in enumerate(self.languages):
            left = {code: name for code, name in names.items() if code not in taken}
            if number:
                left = {NONE: self._reader.text("displays.language.none"), **left}
            value = box.value if box.value in left else NONE
            if box.options != left:
                box.set_options(left, value=value)
            taken.add(value)

    def _choice(self, options: Any, value: Any, label: str, *, searched: bool = False) -> ui.select:
        choice = ui.select(options, value=value, label=self._reader.text(label), with_input=searched)
        return choice.props("outlined options-dense behavior=menu")

    @property
    def missing(self) -> Problem:
        """What has to be chosen first; empty if nothing is missing."""
        return "" if self.site.value is not None else self._reader.text("displays.problem.no_site")

    @property
    def values(self) -> dict[str, Any]:
        """What stands in the fields, as `Displays.confirm` and `Displays.edit` take it."""
        spoken = [box.value for box in self.languages if box.value]
        return {
            "site_id": self.site.value,
            "name": self.name.value or "",
            "orientation": Orientation(self.orientation.value),
            "languages": tuple(dict.fromkeys(spoken)),  # one that is chosen twice is meant once
            "bays_per_page": self.bays.value,
        }
