"""What somebody can choose about their pages: the fields for it, in the settings and on the account page."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from nicegui import ui
from nicegui.events import GenericEventArguments

from components.texts import languages
from components.words import Reader, zones
from data.types import Theme

AT_ONCE = 0.1
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What somebody can choose about their pages."""

    language: str
    """A code of `components.texts.languages`."""
    theme: Theme
    time_zone: str
    """IANA name."""


class Choice(ui.select):
    """`ui.select` without watching its options for changes: with 400 time zones that took 25 ms a page."""

    def _update_options(self) -> None:
        # As NiceGUI does it, but a tuple: lists and dicts within it are not wrapped into watched ones.
        self._props["options"] = tuple(
            {"value": index, "label": label} for index, label in enumerate(self._labels)
        )
        self._props[self.VALUE_PROP] = self._value_to_model_value(self.value)


class SearchedChoice(Choice):
    """A choice to type into. Enter takes the first that matches, leaving takes the only one.

    What is typed and fits nothing, or more than one, is said: the browser puts back what stood there
    before, and somebody who does not look would believe that it was taken.
    """

    def __init__(self, reader: Reader, options: Mapping[str, str], *, value: str, label: str) -> None:
        super().__init__(dict(options), value=value, label=label, with_input=True)
        self.props("outlined options-dense behavior=menu")
        self._reader = reader
        self._typed = self._left = ""
        self.on("input-value", self._type)
        # With Tab the list closes and the text is put back before the box is left.
        self.on("popup-hide", self._close, args=[])
        # Not sent with the form around it, before the answer is taken.
        self.on("keydown.enter.prevent", self._enter, args=[])
        self.on("blur", self._take, args=[])
        self.on_value_change(self._chosen)

    def settle(self) -> str:
        """Take what is typed, as leaving does. The sentence to show if that was not to be understood."""
        self._take()
        problem, self.error = self.error or "", None
        return problem

    def _type(self, event: GenericEventArguments) -> None:
        typed = event.args.strip() if isinstance(event.args, str) else ""
        # The browser tells what it has put back in the same way.
        self._typed = "" if typed == self._words().get(self.value) else typed
        if self._typed:  # a complaint stands until then: to take it off now would draw the whole list anew
            self._left = ""

    async def _enter(self) -> None:
        await asyncio.sleep(AT_ONCE)  # what the same key chose in the list is told right behind it
        self._take(first=True)

    def _close(self) -> None:
        self._left = self._typed

    def _chosen(self) -> None:
        self._typed, self._left, self.error = "", "", None

    def _words(self) -> dict[str, str]:
        return dict(zip(self._values, self._labels, strict=True))

    def _take(self, *, first: bool = False) -> None:
        typed, self._typed, self._left = self._typed or self._left, "", ""
        if not typed:
            return
        wanted = typed.casefold()
        matching = [one for one, words in self._words().items() if wanted in words.casefold()]
        exact = [one for one in matching if self._words()[one].casefold().rpartition("/")[2] == wanted]
        if len(exact) == 1 or (exact and first):
            matching = exact
        if len(matching) == 1 or (matching and first):
            self.error = None
            self.set_value(matching[0])
            self.run_method("hidePopup")
            self.run_method("updateInputValue", self._words()[matching[0]], True)
            return
        self.error = self._reader.text("choice.many" if matching else "choice.none", typed=typed)


class Fields:
    """Language, appearance and time zone, drawn where it is made, standing at *now*."""

    def __init__(self, reader: Reader, now: Preferences) -> None:
        themes = {value: reader.text("settings.theme." + value.value) for value in Theme}
        names = {code: language.name for code, language in languages().items()}
        # "New York", as somebody types it; the name of the zone itself has an underscore.
        all_zones = {zone: zone.replace("_", " ") for zone in sorted({*zones(), now.time_zone})}
        self._now = now
        self._language = Choice(names, value=now.language, label=reader.text("settings.language"))
        self._theme = Choice(themes, value=now.theme, label=reader.text("settings.theme"))
        self._zone = SearchedChoice(
            reader, all_zones, value=now.time_zone, label=reader.text("settings.time_zone")
        )
        self._all = self._language, self._theme, self._zone
        self._zone.props["hint"] = reader.text("settings.time_zone.hint")
        for field in self._all:
            field.props("outlined options-dense behavior=menu")

    def disable(self) -> None:
        """Let nothing be chosen."""
        for field in self._all:
            field.disable()

    @property
    def chosen(self) -> Preferences:
        """What stands in the fields."""
        self._zone.settle()
        zone = self._zone.value or self._now.time_zone
        return Preferences(self._language.value, self._theme.value, zone)
