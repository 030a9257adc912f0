"""The form of a plan: what it costs, as somebody types it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from nicegui import ui
from nicegui.element import Element

from components import forms
from components.currencies import named_currencies
from components.drawn import Card
from components.preferences import Choice, SearchedChoice
from components.words import Reader

B = TypeVar("B", ui.input, Choice)

LONGEST_NAME = 200
LONGEST_NUMBER = 16
Energy = Literal["none", "amount", "all"]
Changes = Literal["flat", "tiers", "windows"]


@dataclass
class Typed:
    """What stands in the fields: text as it was typed, lost by nothing."""

    name: str = ""
    currency: str = "EUR"
    base_fee: str = ""
    energy: Energy = "none"
    """Whether an amount is included, or all."""
    included_wh: str = ""
    """kWh."""
    price_per_kwh: str = ""
    changes: Changes = "flat"
    """By what the price changes."""
    tiers: list[dict[str, str]] = field(default_factory=list)
    """``above_wh`` (kWh) and ``price_per_kwh``."""
    windows: list[dict[str, str]] = field(default_factory=list)
    """``from_minute``, ``to_minute`` (``22:00``) and ``price_per_kwh``."""
    anchor_day: str = ""


ROWS: dict[str, dict[str, str]] = {
    "tiers": {"above_wh": "", "price_per_kwh": ""},
    "windows": {"from_minute": "22:00", "to_minute": "06:00", "price_per_kwh": ""},
}
"""A new row of each kind."""


class PlanForm(Card):
    """The card with the fields. *on_change* is called after each change of `typed`."""

    def __init__(self, reader: Reader, typed: Typed, on_change: Callable[[], object]) -> None:
        super().__init__("p-plan-form p-fields p-two-thirds", "plan-form-title")
        self.typed = typed
        self._reader = reader
        self._on_change = on_change
        self._boxes: dict[str, Any] = {}
        self._rows: dict[str, Element] = {}
        self._told: dict[str, ui.label] = {}
        self._draw_rows_of: dict[str, Callable[[], object]] = {}
        with self:
            self._draw()
            self.actions = ui.element("div").classes("p-actions")
        self._fit()

    def tell(self, problems: Mapping[str, str]) -> None:
        """Show *problems*, sentences by the name of the field, beside their fields and nowhere else."""
        for name, box in self._boxes.items():
            told = problems.get(name)
            first = name.rpartition(".")
            if told is None and first[2] in ("above_wh", "from_minute"):
                told = problems.get(first[0])
            if box.error != told:
                box.error = told
        for kind, told_label in self._told.items():
            told_label.set_text(problems.get(kind, ""))
            told_label.set_visibility(kind in problems)

    def _draw(self) -> None:
        reader, typed = self._reader, self.typed
        forms.text("h2", reader.text("plans.form.title")).props("id=plan-form-title")
        with ui.element("div").classes("p-form-grid"):
            self._input("name", LONGEST_NAME).classes("is-wide")
            label = reader.text("plans.form.currency")
            currency = SearchedChoice(reader, named_currencies(reader), value=typed.currency, label=label)
            self._keep("currency", currency)
            self._input("base_fee").props("inputmode=decimal")
            self._choice("energy", ("none", "amount", "all"))
            self._input("included_wh").props("inputmode=decimal suffix=kWh")
            self._input("price_per_kwh").props("inputmode=decimal")
            self._choice("changes", ("flat", "tiers", "windows"))
        for kind in ROWS:
            self._draw_rows(kind)
        with ui.element("div").classes("p-form-grid"):
            self._input("anchor_day").props("inputmode=numeric")

    def _draw_rows(self, kind: str) -> None:
        reader = self._reader
        group = ui.element("fieldset").classes("p-plan-rows")
        self._rows[kind] = group
        with group:
            forms.text("legend", reader.text(f"plans.form.{kind}"))
            forms.text("p", reader.text(f"plans.form.{kind}.text")).classes("p-muted p-small")
            place = ui.element("div").classes("p-slot")
            told = self._told[kind] = forms.text("p", "").props("role=alert").classes("p-alert")
            told.set_visibility(False)
            add = ui.button(reader.text(f"plans.form.{kind}.add"), color=None)
            add.classes("p-button").props("flat")

        def draw() -> None:
            rows: list[dict[str, str]] = getattr(self.typed, kind)
            for name in [name for name in self._boxes if name.startswith(kind + ".")]:
                del self._boxes[name]
            place.clear()
            with place:
                for at, row in enumerate(rows):
                    self._draw_row(kind, at, row, partial(drop, at))

        def drop(at: int) -> None:
            getattr(self.typed, kind).pop(at)
            draw()
            self._on_change()

        def one_more() -> None:
            getattr(self.typed, kind).append(dict(ROWS[kind]))
            draw()
            self._on_change()

        add.on_click(one_more)
        self._draw_rows_of[kind] = draw
        draw()

    def _draw_row(self, kind: str, at: int, row: dict[str, str], drop: Callable[[], object]) -> None:
        reader = self._reader
        with ui.element("div").classes("p-plan-row"):
            for name in ROWS[kind]:
                box = ui.input(reader.text(f"plans.form.{kind}.{name}"), value=row[name])
                box.props("outlined debounce=250")
                if name.endswith("minute"):
                    box.props("type=time stack-label")
                else:
                    box.props("inputmode=decimal")
                    box.props["maxlength"] = LONGEST_NUMBER
                if name == "above_wh":
                    box.props("suffix=kWh")

                def typed(event: Any, name: str = name) -> None:
                    row[name] = event.value or ""
                    self._on_change()

                box.on_value_change(typed)
                self._boxes[f"{kind}.{at}.{name}"] = box
            remove = ui.button(on_click=drop, color=None).classes("p-row-drop p-i-close").props("flat round")
            remove.props["aria-label"] = reader.text(f"plans.form.{kind}.drop", n=at + 1)

    def _input(self, name: str, longest: int = LONGEST_NUMBER) -> ui.input:
        box = ui.input(self._reader.text(f"plans.form.{name}"), value=getattr(self.typed, name))
        box.props("outlined debounce=250 autocomplete=off")
        box.props["maxlength"] = longest
        if self._reader.knows(f"plans.form.{name}.hint"):
            box.props["hint"] = self._reader.text(f"plans.form.{name}.hint")
        return self._keep(name, box)

    def _choice(self, name: str, values: tuple[str, ...]) -> None:
        words = {value: self._reader.text(f"plans.form.{name}.{value}") for value in values}
        box = Choice(words, value=getattr(self.typed, name), label=self._reader.text(f"plans.form.{name}"))
        self._keep(name, box).props("outlined options-dense behavior=menu")

    def _keep(self, name: str, box: B) -> B:
        def changed(event: Any) -> None:
            setattr(self.typed, name, event.value or "")
            if name == "changes" and event.value in ROWS and not getattr(self.typed, event.value):
                getattr(self.typed, event.value).append(dict(ROWS[event.value]))
                self._draw_rows_of[event.value]()
            self._fit()
            self._on_change()

        box.on_value_change(changed)
        self._boxes[name] = box
        return box

    def _fit(self) -> None:
        """Show what the choices leave to be said."""
        typed = self.typed
        priced = typed.energy != "all"
        self._boxes["included_wh"].set_visibility(typed.energy == "amount")
        self._boxes["price_per_kwh"].set_visibility(priced)
        self._boxes["changes"].set_visibility(priced)
        for kind, group in self._rows.items():
            group.set_visibility(priced and typed.changes == kind)
