"""The overview's figures, each a link to what it counts, what charges right now, and 30 days of energy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nicegui import ui

from components.drawn import Card, Drawn
from components.energy_bars import EnergyBars
from components.listing import Cell, Column, Line, Listing, Page
from components.words import UNKNOWN, Reader
from data.queries.energy_days import Today
from data.queries.overview import COUNTED, Figures, LiveRow, LiveSessions
from data.queries.usage import Usage

TILES = """
<ul class="p-tiles">
  <li v-for="tile in props.row.tiles" :key="tile.key"><a :href="tile.href">
    <span class="p-tile-name">{{ tile.name }}</span>
    <span class="p-tile-value">{{ tile.value }}</span>
    <span class="p-tile-more">{{ tile.more || "\u00a0" }}</span>
  </a></li>
</ul>
"""
ENERGY = """
<h2 id="energy-title">{{ props.row.title }}</h2>
<p v-if="props.row.total" class="p-total">{{ props.row.total }}</p>
<p v-if="props.row.dates" class="p-dates p-parts">
  <span>{{ props.row.dates }}</span><span>{{ props.row.zone }}</span>
</p>
<p v-if="props.row.empty" class="p-empty" role="status">{{ props.row.empty }}</p>
"""
SORTS = ("power", "energy", "duration", "reading")


@dataclass(frozen=True, slots=True)
class Told:
    """All that the tiles tell."""

    figures: Figures
    live: LiveSessions
    today: Today


class Tiles(Card):
    """The figures."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-tiles-card")
        self.props["aria-label"] = reader.text("overview.figures")
        self._reader = reader
        with self:
            self._drawn = Drawn(TILES)

    def show(self, told: Told, now: datetime) -> None:
        """Show *told* as it is at *now*."""
        reader, figures, live = self._reader, told.figures, told.live
        not_usable = {
            "offline": figures.offline,
            "out_of_service": figures.out_of_service,
            "faults": figures.faults,
        }
        troubles = [
            reader.count(f"overview.{which}", number) for which, number in not_usable.items() if number
        ]
        waits = reader.integer(figures.settling) + ("+" if figures.settling >= COUNTED else "")
        oldest = figures.oldest_settling
        tiles = (
            (
                "charging",
                reader.integer(live.number),
                reader.count("overview.of_connectors", figures.connectors),
                "/admin/sessions?state=charging",
            ),
            (
                "power",
                UNKNOWN if live.number and live.unknown == live.number else reader.kw(live.power_w),
                reader.count("overview.power_unknown", live.unknown) if live.unknown else "",
                "/admin/sessions?state=charging",
            ),
            ("today", reader.kwh(told.today.energy_wh), _compared(told.today, reader), "#energy-title"),
            (
                "online",
                f"{reader.integer(figures.chargers - figures.offline)} / {reader.integer(figures.chargers)}",
                " · ".join(troubles),
                "/admin/chargers?sort=status" if troubles else "/admin/chargers",
            ),
            (
                "settling",
                waits,
                ""
                if oldest is None
                else reader.text("overview.oldest", length=reader.length(max(now - oldest, timedelta(0)))),
                "/admin/sessions?state=settling",
            ),
            ("drivers", reader.integer(figures.drivers), "", "/admin/drivers"),
        )
        self._drawn.show(
            {
                "tiles": [
                    {
                        "key": key,
                        "name": reader.text(f"overview.{key}"),
                        "value": value,
                        "more": more,
                        "href": href,
                    }
                    for key, value, more, href in tiles
                ]
            }
        )


def _compared(today: Today, reader: Reader) -> str:
    """Against the same weekday a week ago, until the same time of day: `+12 % on Sun, Nov 15 by now`."""
    if today.then_wh is None:
        return ""
    day = reader.weekday_date(today.then)
    if not today.then_wh:
        return reader.text("overview.then_none", day=day)
    percent = round((today.energy_wh - today.then_wh) * 100 / today.then_wh)
    sign = "±" if not percent else "+" if percent > 0 else "\u2212"
    return reader.text("overview.then", percent=f"{sign}{reader.integer(abs(percent))}", day=day)


class LiveTable:
    """The sessions in progress as a list; its sorts are links."""

    def __init__(self, reader: Reader, sort: str) -> None:
        self._reader = reader
        self._sort = sort
        title = reader.text("overview.live")
        self._list = Listing(reader, title, title=title, heading="live-title", classes="p-live")
        with self._list:
            self._all = ui.link(reader.text("overview.live.all"), "/admin/sessions?state=charging")
            self._all.classes("p-text-link")

    def show(self, live: LiveSessions, now: datetime) -> None:
        """Show *live* as it is at *now*."""
        reader = self._reader
        told = ""
        self._all.visible = bool(live.number)
        if len(live.shown) < live.number:
            told = reader.text(
                "overview.live.shown", shown=reader.integer(len(live.shown)), all=reader.integer(live.number)
            )
        columns = [
            Column(reader.text("overview.live.charger")),
            Column(reader.text("overview.live.driver")),
            *(
                Column(
                    reader.text(f"overview.live.{sort}"),
                    number=True,
                    href=f"/admin?sort={sort}#live-title",
                    sorted=("" if sort != self._sort else "descending" if sort in SORTS[:3] else "ascending"),
                )
                for sort in SORTS
            ),
        ]
        self._list.show(
            Page(
                columns,
                [_line(row, reader, now) for row in live.shown],
                told=told,
                empty=reader.text("overview.live.empty"),
            )
        )


def _line(row: LiveRow, reader: Reader, now: datetime) -> Line:
    name = row.charger_name
    if row.connector_number is not None:
        name = reader.text("overview.live.plug", name=name, n=row.connector_number)
    read: Cell | str = ""
    if row.reading_at is not None:
        ago = reader.ago(row.reading_at, now)
        read = Cell(ago, meta=reader.text("overview.live.stale")) if row.stale else ago
    return Line(
        row.id,
        (
            Cell(name, href=f"/admin/sessions/{row.id:d}"),
            row.driver or Cell(reader.text("overview.live.nobody")),
            "" if row.power_w is None else reader.kw(row.power_w),
            "" if row.energy_wh is None else f"{reader.live_kwh(row.energy_wh)} kWh",
            reader.duration(now - row.started_at),
            read,
        ),
    )


class EnergyCard(Card):
    """The energy of all sites, day by day. Without *usage* it is still being added up."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-usage p-energy-days", "energy-title")
        self._reader = reader
        self._bars: EnergyBars | None = None
        with self:
            self._head = Drawn(ENERGY).classes("p-usage-head")

    def show(self, usage: Usage | None) -> None:
        """Show *usage*."""
        reader = self._reader
        values: dict[str, Any] = {"title": reader.text("overview.energy"), "total": "", "dates": ""}
        if usage is None:
            self._head.show({**values, "empty": reader.text("overview.energy.asked")})
            return
        dates, total = reader.dates(usage.days[0].day, usage.days[-1].day), reader.kwh(usage.total_wh)
        empty = "" if usage.total_wh else reader.text("overview.energy.empty")
        self._head.show({**values, "total": total, "dates": dates, "zone": usage.window.zone, "empty": empty})
        if self._bars is None:
            with self:
                self._bars = EnergyBars(usage, reader)
        self._bars.show(usage, dates, total)
