"""When a charger was heard of in the last seven days, half hour by half hour (C4)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from components.drawn import Card, Drawn
from components.words import Reader
from data.queries.check_ins import SLOT, CheckIns, slot_of, start_of

STRIP = """
<div class="p-person-head"><h2 id="check-ins-title">{{ props.row.title }}</h2>
  <span class="p-muted p-small">{{ props.row.zone }}</span></div>
<p class="p-strip-told">{{ props.row.told }}</p>
<div v-if="props.row.days.length" class="p-strip-days" role="img" :aria-label="props.row.label">
  <div v-for="day in props.row.days" :key="day.name" class="p-strip-day">
    <span class="p-strip-name">{{ day.name }}</span>
    <span class="p-strip-cells"><i v-for="(cell, at) in day.cells" :key="at" :class="'is-' + cell"></i></span>
  </div>
  <div class="p-strip-day p-strip-hours"><span class="p-strip-name"></span>
    <span class="p-strip-scale"><b v-for="hour in props.row.hours" :key="hour">{{ hour }}</b></span></div>
</div>
<ul v-if="props.row.gaps.length" class="p-strip-gaps">
  <li v-for="gap in props.row.gaps" :key="gap">{{ gap }}</li>
</ul>
"""
DAYS = 7
HEARD, SILENT, UNKNOWN = "heard", "silent", "unknown"


@dataclass(frozen=True, slots=True)
class Day:
    """One local day: a word for each half hour, and the silences from their start to their end."""

    day: date
    cells: tuple[str, ...]
    gaps: tuple[tuple[datetime, datetime], ...]


def since(now: datetime, reader: Reader) -> datetime:
    """The first local midnight of the strip, or a little before."""
    first = reader.local(now).date() - timedelta(days=DAYS - 1)
    return datetime.combine(first, datetime.min.time(), reader.tz)


def days(heard: Collection[int], known_since: int, now: datetime, reader: Reader) -> list[Day]:
    """The strip, the oldest day first; days of 23 and 25 hours have their own number of half hours.

    Half hours before *known_since*, and the present one unless something was heard in it, are unknown.
    """
    present = slot_of(now)
    cells: dict[date, list[tuple[int, str]]] = {}
    slot = slot_of(since(now, reader))
    today = reader.local(now).date()
    while (day := reader.local(start_of(slot)).date()) <= today:
        if day > today - timedelta(days=DAYS):
            word = HEARD if slot in heard else SILENT
            if word is SILENT and (slot >= present or slot < known_since):
                word = UNKNOWN
            cells.setdefault(day, []).append((slot, word))
        slot += 1
    return [
        Day(day, tuple(word for _, word in of_day), tuple(_gaps(of_day))) for day, of_day in cells.items()
    ]


def _gaps(cells: list[tuple[int, str]]) -> list[tuple[datetime, datetime]]:
    gaps: list[tuple[datetime, datetime]] = []
    for slot, word in cells:
        if word is not SILENT:
            continue
        start = start_of(slot)
        if gaps and gaps[-1][1] == start:
            gaps[-1] = (gaps[-1][0], start + SLOT)
        else:
            gaps.append((start, start + SLOT))
    return gaps


class CheckInStrip(Card):
    """The card."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-check-ins", "check-ins-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(STRIP)

    def show(self, found: CheckIns, now: datetime) -> None:
        """Show *found* as it is at *now*."""
        reader = self._reader
        shown = days(found.heard, found.known_since, now, reader) if found.ever else []
        silent = sum(day.cells.count(SILENT) for day in shown)
        gaps = [_told(day, reader) for day in reversed(shown) if day.gaps]
        if not found.ever:
            told = reader.text("checkins.never")
        elif not silent:
            told = reader.text("checkins.always")
        else:
            told = reader.text("checkins.silent", length=reader.length(silent * SLOT))
        self._drawn.show(
            {
                "title": reader.text("checkins.title"),
                "zone": reader.zone,
                "told": told,
                "label": ". ".join([reader.text("checkins.label"), told, *gaps]),
                "days": [{"name": reader.weekday_date(day.day), "cells": day.cells} for day in shown],
                "hours": ["00", "06", "12", "18"],
                "gaps": gaps,
            }
        )


def _told(day: Day, reader: Reader) -> str:
    name = reader.weekday_date(day.day)
    if UNKNOWN not in day.cells and HEARD not in day.cells:
        return reader.text("checkins.all_day", day=name)
    spans = ", ".join(f"{reader.time(start)}–{reader.time(end)}" for start, end in day.gaps)
    return reader.text("checkins.gap", day=name, times=spans)
