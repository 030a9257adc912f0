"""What an example month costs under a plan: a bar of its energy, and the sum, part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from components import forms
from components.drawn import Card, Drawn
from components.words import UNKNOWN, Reader

PREVIEW = """
<p v-if="props.row.empty" class="p-empty" role="status">{{ props.row.empty }}</p>
<template v-else>
  <div v-if="props.row.parts.length" class="p-month-bar" aria-hidden="true">
    <div v-for="part in props.row.parts" :key="part.key" :class="'is-' + part.shade"
        :style="{ width: part.percent + '%' }"></div>
  </div>
  <table class="p-month">
    <caption class="p-hidden-text">{{ props.row.caption }}</caption>
    <tbody>
      <tr v-for="part in props.row.parts" :key="part.key">
        <th scope="row"><i class="p-shade" :class="'is-' + part.shade" aria-hidden="true"></i>{{ part.what }}
          <span class="p-meta">{{ part.how }}</span></th>
        <td>{{ part.amount }}</td>
      </tr>
      <tr><th scope="row">{{ props.row.fee }}</th><td>{{ props.row.fee_amount }}</td></tr>
    </tbody>
    <tfoot><tr><th scope="row">{{ props.row.total }}</th><td>{{ props.row.total_amount }}</td></tr></tfoot>
  </table>
  <p v-if="props.row.note" class="p-muted p-small">{{ props.row.note }}</p>
</template>
"""
KWH, NIGHT = 300, 40
"""The example that the preview begins with: kWh a month, and percent of them at night."""
MOST_KWH = 100_000


@dataclass(frozen=True, slots=True)
class PricedPart:
    """Energy of one price."""

    kind: str
    """``included``, ``flat``, ``tier`` or ``window``."""
    energy_wh: int
    price_per_kwh: int
    amount: int


@dataclass(frozen=True, slots=True)
class Month:
    """What the month costs; money in minor units of ``currency``. ``total`` is ``None`` without a price."""

    currency: str
    parts: Sequence[PricedPart]
    base_fee: int | None
    total: int | None


class Preview(Card):
    """The card. *month* prices so many Wh, so much percent of them at night; ``None``: terms are missing."""

    def __init__(self, reader: Reader, month: Callable[[int, int], Month | None]) -> None:
        super().__init__("p-preview p-fields p-one-third", "preview-title")
        self._reader = reader
        self._month = month
        with self:
            forms.text("h2", reader.text("plans.preview.title")).props("id=preview-title")
            with ui.element("div").classes("p-preview-fields"):
                self._kwh = self._number("kwh", KWH, MOST_KWH).props("suffix=kWh")
                self._night = self._number("night", NIGHT, 100).props("suffix=%")
            forms.text("p", reader.text("plans.preview.text")).classes("p-muted p-small")
            self._drawn = Drawn(PREVIEW)
        self.show()

    def show(self) -> None:
        """Price the month anew."""
        kwh, night = _whole(self._kwh.value, MOST_KWH), _whole(self._night.value, 100)
        month = None if kwh is None or night is None else self._month(kwh * 1_000, night)
        self._drawn.show(_values(month, self._reader))

    def _number(self, name: str, value: int, most: int) -> ui.input:
        box = ui.input(self._reader.text(f"plans.preview.{name}"), value=str(value), on_change=self._changed)
        box.props("outlined dense debounce=250 type=number inputmode=numeric min=0")
        box.props["max"] = most
        return box

    def _changed(self) -> None:
        self.show()


def _values(month: Month | None, reader: Reader) -> dict[str, Any]:
    if month is None:
        return {"empty": reader.text("plans.preview.empty"), "parts": []}
    whole = sum(part.energy_wh for part in month.parts)
    parts = [
        {
            "key": at,
            "shade": "included" if part.kind == "included" else f"price-{at % 4}",
            "percent": part.energy_wh * 1_000 // whole / 10,
            "what": reader.kwh(part.energy_wh),
            "how": _how(part, month.currency, reader),
            "amount": reader.money(part.amount, month.currency),
        }
        for at, part in enumerate(month.parts)
    ]
    return {
        "empty": "",
        "caption": reader.text("plans.preview.title"),
        "parts": parts,
        "fee": reader.text("plans.form.base_fee"),
        "fee_amount": reader.money(month.base_fee or 0, month.currency),
        "total": reader.text("plans.preview.total"),
        "total_amount": UNKNOWN if month.total is None else reader.money(month.total, month.currency),
        "note": reader.text("plans.preview.no_price") if month.total is None else "",
    }


def _how(part: PricedPart, currency: str, reader: Reader) -> str:
    if part.kind == "included":
        return reader.text("plans.preview.included")
    return reader.text("plan.price", price=reader.price(part.price_per_kwh, currency))


def _whole(value: Any, most: int) -> int | None:
    text = str(value or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and int(text) <= most else None
