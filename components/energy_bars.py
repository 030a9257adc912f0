"""Bars of energy by local day, and the same as a table (P15, P16): what usage and the overview share."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from components.drawn import Drawn
from components.words import Reader
from data.queries.usage import DayEnergy, Usage

TABLE = """
<div class="p-scroll" tabindex="0" role="region" aria-labelledby="usage-caption">
  <table>
    <caption id="usage-caption">{{ props.row.caption }}</caption>
    <thead>
      <tr><th scope="col">{{ props.row.day }}</th><th scope="col">{{ props.row.energy }}</th></tr>
    </thead>
    <tbody>
      <tr v-for="[name, energy] in props.row.days" :key="name">
        <th scope="row">{{ name }}</th><td>{{ energy }}</td>
      </tr>
    </tbody>
    <tfoot><tr><th scope="row">{{ props.row.sum }}</th><td>{{ props.row.total }}</td></tr></tfoot>
  </table>
</div>
"""


class EnergyBars:
    """The picture, loaded when it is scrolled into view, and the table; drawn into the card around it."""

    def __init__(self, usage: Usage, reader: Reader) -> None:
        self._reader = reader
        self._chart = ui.element("q-intersection").classes("p-chart").props("once role=img")
        with self._chart:
            self._plot = ui.plotly(_figure(usage, reader))
        with ui.element("details").classes("p-table") as self._details:
            summary = ui.label(reader.text("usage.table")).classes("p-i-expand_more")
            summary.tag = "summary"
            self._table = Drawn(TABLE)

    def show(self, usage: Usage, dates: str, total: str) -> None:
        """Show *usage*, whose days and sum are told as *dates* and *total*; without energy nothing."""
        reader = self._reader
        drawn = [day for day in usage.days if day.energy_wh]
        self._chart.visible = self._details.visible = bool(drawn)
        spoken = _spoken(usage, drawn, dates, total, reader) if drawn else ""
        if self._chart.props.get("aria-label") != spoken:
            self._chart.props["aria-label"] = spoken
            self._chart.update()
        figure = _figure(usage, reader)
        if self._plot.figure != figure:
            self._plot.update_figure(figure)
        self._table.show(_table(drawn, total, reader))


def _spoken(usage: Usage, drawn: list[DayEnergy], dates: str, total: str, reader: Reader) -> str:
    """What a screen reader says instead of the picture."""
    most = max(drawn, key=lambda day: day.energy_wh)
    return " ".join(
        (
            reader.text("usage.chart", dates=dates, total=total),
            reader.text(
                "usage.chart.most", day=reader.short_date(most.day), energy=reader.kwh(most.energy_wh)
            ),
            reader.count("usage.chart.days", len(drawn), all=reader.integer(len(usage.days))),
        )
    )


def _table(drawn: list[DayEnergy], total: str, reader: Reader) -> dict[str, Any] | None:
    if not drawn:
        return None
    return {
        "caption": reader.text("usage.table.caption"),
        "day": reader.text("usage.table.day"),
        "energy": reader.text("usage.table.energy"),
        "sum": reader.text("usage.table.total"),
        "total": total,
        "days": tuple((reader.weekday_date(day.day), reader.kwh(day.energy_wh)) for day in drawn),
    }


def _figure(usage: Usage, reader: Reader) -> dict[str, Any]:
    """The bars for Plotly. Every text is made here from numbers and dates; no stored text is among them.

    Colours come from the style sheet, which follows the theme of the device; these stand in until then.
    """
    days = usage.days
    most = max(day.energy_wh for day in days)
    months = len(days) > 62
    if months:
        ticks = [place for place, day in enumerate(days) if day.day.day == 1][::2]
        names = [reader.month(days[place].day) for place in ticks]
    else:
        ticks = list(range(0, len(days), 7))
        # The month only where it is another than before: labels must not touch on a phone.
        named = [place for place in ticks if place < 7 or days[place].day.month != days[place - 7].day.month]
        names = [
            reader.short_date(days[place].day) if place in named else str(days[place].day.day)
            for place in ticks
        ]
    return {
        "data": [
            {
                "type": "bar",
                "y": tuple(day.energy_wh / 1000 for day in days),
                "hovertext": tuple(reader.short_date(day.day) if day.energy_wh else "" for day in days),
                "hovertemplate": "%{hovertext}: %{y:,.1f} kWh<extra></extra>",
                "marker": {"color": "#094e94"},
            }
        ],
        "layout": {
            "margin": {"l": _room(usage), "r": 14, "t": 14, "b": 34},
            "bargap": 0.15 if months else 0.28,
            "barcornerradius": 0 if months else 4,
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "Roboto, sans-serif", "size": 14, "color": "#424e5d"},
            "separators": reader.point + reader.group,
            "showlegend": False,
            "dragmode": False,
            "xaxis": {
                "tickvals": tuple(ticks),
                "ticktext": tuple(names),
                "tickangle": 0,
                "ticks": "outside",
                "ticklen": 6,
                "tickcolor": "rgba(0,0,0,0)",
                "fixedrange": True,
                "showgrid": False,
                "zeroline": False,
                "range": [-0.6, len(days) - 0.4],
            },
            "yaxis": {
                "ticksuffix": " kWh",
                "showticksuffix": "last",
                "ticks": "outside",
                "ticklen": 6,
                "tickcolor": "rgba(0,0,0,0)",
                # Below 5 kWh whole numbers would stand at several lines of the axis.
                "tickformat": ",d" if most >= 5_000 else ",.1f",
                "nticks": 5,
                "rangemode": "tozero",
                # Less than a kWh is little, and drawn so: a scale of tenths of it would repeat its numbers.
                **({"range": (0, 1), "dtick": 0.5} if most < 1_000 else {}),
                "fixedrange": True,
                "gridcolor": "#d3dae3",
                "zerolinecolor": "#7a8797",
            },
        },
        "config": {"displayModeBar": False, "responsive": True},
    }


def _room(usage: Usage) -> int:
    """Pixels at the left of the bars, for the longest of the numbers there: `40 kWh`, `1,000 kWh`."""
    top = max((day.energy_wh for day in usage.days), default=0) * 11 // 10  # the scale ends above the bars
    return 60 if top < 100_000 else 70 if top < 1_000_000 else 84 if top < 10_000_000 else 98
