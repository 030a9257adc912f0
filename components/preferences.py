"""What somebody can choose about their pages: the fields for it, in the settings and on the account page."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui

from components.texts import languages
from components.words import Reader, zones
from data.types import Theme


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
        self._zone = Choice(
            all_zones, value=now.time_zone, label=reader.text("settings.time_zone"), with_input=True
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
        zone = self._zone.value or self._now.time_zone
        return Preferences(self._language.value, self._theme.value, zone)
