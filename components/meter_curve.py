"""How the energy of one session flowed: energy so far and power over time, and the same as a table."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from nicegui import ui

from components.drawn import Card, Drawn
from components.words import Reader
from data.energy import EnergySpan
from data.queries.session_facts import Curve

HEAD = """
<h2 id="curve-title">{{ props.row.title }}</h2>
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<p v-for="line in props.row.lines" :key="line" class="p-muted p-small">{{ line }}</p>
"""
TABLE = """
<div class="p-scroll" tabindex="0" role="region" aria-labelledby="curve-caption">
  <table>
    <caption id="curve-caption">{{ props.row.caption }}</caption>
    <thead><tr><th v-for="head in props.row.heads" :key="head" scope="col">{{ head }}</th></tr></thead>
    <tbody>
      <tr v-for="[at, time, energy, power] in props.row.points" :key="at">
        <th scope="row">{{ time }}</th><td>{{ energy }}</td><td>{{ power }}</td>
      </tr>
    </tbody>
  </table>
</div>
"""
_HOUR = timedelta(hours=1)


class MeterCurve(Card):
    """The card. Plotly comes when it is scrolled into view, and never for a session without energy."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-curve", "curve-title")
        self._reader = reader
        with self:
            self._head = Drawn(HEAD)
            self._chart = ui.element("q-intersection").classes("p-chart").props("once role=img")
            with self._chart:
                self._plot = ui.plotly(_figure((), reader))
            with ui.element("details").classes("p-table") as self._details:
                summary = ui.label(reader.text("sessions.curve.table")).classes("p-i-expand_more")
                summary.tag = "summary"
                self._table = Drawn(TABLE)

    def show(self, curve: Curve | None, now: datetime) -> None:
        """Show *curve* as it is at *now*; ``None``: no energy has flowed."""
        reader = self._reader
        spans = curve.spans if curve is not None else ()
        lines = []
        if curve is not None:
            lines.append(reader.text("sessions.curve.text", zone=reader.zone))
            if curve.corrected:
                lines.append(reader.text("sessions.curve.corrected"))
            if curve.steps == 0:
                lines.append(reader.text("sessions.curve.even"))
            elif curve.steps > len(spans):
                steps, points = reader.integer(curve.steps), reader.integer(len(spans))
                lines.append(reader.text("sessions.curve.thinned", steps=steps, points=points))
        empty = "" if spans else reader.text("sessions.curve.empty")
        self._head.show({"title": reader.text("sessions.curve"), "empty": empty, "lines": lines})
        self._chart.visible = self._details.visible = bool(spans)
        spoken = _spoken(spans, reader, now) if spans else ""
        if self._chart.props.get("aria-label") != spoken:
            self._chart.props["aria-label"] = spoken
            self._chart.update()
        figure = _figure(spans, reader)
        if self._plot.figure != figure:
            self._plot.update_figure(figure)
        self._table.show(_table(spans, reader, now) if spans else None)


def power_w(span: EnergySpan) -> int | None:
    """Average W of *span*; ``None`` where it took no time."""
    length = span.ended_at - span.started_at
    return round(span.energy_wh * (_HOUR / length)) if length > timedelta(0) else None


def _spoken(spans: tuple[EnergySpan, ...], reader: Reader, now: datetime) -> str:
    """What a screen reader says instead of the picture."""
    most = max(spans, key=lambda span: power_w(span) or 0)
    return reader.text(
        "sessions.curve.spoken",
        span=reader.span(spans[0].started_at, spans[-1].ended_at, now),
        total=reader.kwh(sum(span.energy_wh for span in spans)),
        power=reader.kw(power_w(most)),
        time=reader.time(most.started_at),
    )


def _table(spans: tuple[EnergySpan, ...], reader: Reader, now: datetime) -> dict[str, Any]:
    sums = accumulate(span.energy_wh for span in spans)
    return {
        "caption": reader.text("sessions.curve.caption"),
        "heads": [reader.text("sessions.curve." + name) for name in ("time", "energy", "power")],
        "points": [
            (
                n,
                reader.span(span.started_at, span.ended_at, now),
                f"{reader.live_kwh(energy)} kWh",
                reader.kw(power_w(span)),
            )
            for n, (span, energy) in enumerate(zip(spans, sums, strict=True))
        ],
    }


def _figure(spans: tuple[EnergySpan, ...], reader: Reader) -> dict[str, Any]:
    """The lines for Plotly, with scales of their own. All texts are made of numbers; none is stored (T42).

    Colours come from the style sheet, which follows the theme of the device; these stand in until then.
    """
    moments: list[str] = []
    energy: list[float] = []
    power: list[float | None] = []
    total, before = 0, None
    for span in spans:
        if before is None or span.started_at > before:
            # A pause: the energy stands, and there is no power (M19).
            moments.append(_local(span.started_at, reader))
            energy.append(total / 1000)
            power.append(0.0 if before is not None else None)
        watts = power_w(span)
        power[-1] = None if watts is None else watts / 1000
        total += span.energy_wh
        before = span.ended_at
        moments.append(_local(span.ended_at, reader))
        energy.append(total / 1000)
        power.append(0.0)
    if power:
        power[-1] = power[-2]  # drawn as stairs: the last one goes on to the end
    axis = {
        "fixedrange": True,
        "rangemode": "tozero",
        "nticks": 5,
        "showgrid": False,
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 6,
        "tickcolor": "rgba(0,0,0,0)",
        "showticksuffix": "last",
    }
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "x": moments,
                "y": energy,
                "line": {"color": "#094e94", "width": 3},
                "hovertemplate": "%{x}: %{y:,.2f} kWh<extra></extra>",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "x": moments,
                "y": power,
                "yaxis": "y2",
                "line": {"color": "#424e5d", "width": 2, "dash": "dash", "shape": "hv"},
                "hovertemplate": "%{x}: %{y:,.1f} kW<extra></extra>",
            },
        ],
        "layout": {
            "margin": {"l": 70, "r": 70, "t": 14, "b": 40},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "Roboto, sans-serif", "size": 14, "color": "#424e5d"},
            "separators": reader.point + reader.group,
            "showlegend": False,
            "dragmode": False,
            "xaxis": {
                "type": "date",
                "fixedrange": True,
                "showgrid": False,
                "nticks": 6,
                "tickformat": _clock(spans),
                "hoverformat": _clock(spans),
                "tickangle": 0,
            },
            "yaxis": {
                **axis,
                "showgrid": True,
                "gridcolor": "#d3dae3",
                "ticksuffix": " kWh",
                # Less than a kWh is little, and drawn so.
                **({"range": (0, 1), "dtick": 0.5} if total < 1_000 else {}),
            },
            "yaxis2": {**axis, "overlaying": "y", "side": "right", "ticksuffix": " kW"},
        },
        "config": {"displayModeBar": False, "responsive": True},
    }


def _clock(spans: tuple[EnergySpan, ...]) -> str:
    """Seconds where minutes would repeat themselves, and the day where hours would."""
    length = spans[-1].ended_at - spans[0].started_at if spans else timedelta(0)
    if length < timedelta(minutes=12):
        return "%H:%M:%S"
    return "%H:%M" if length < timedelta(hours=22) else "%m-%d %H:%M"


def _local(moment: datetime, reader: Reader) -> str:
    """The reader's clock; Plotly knows no zones."""
    return reader.local(moment).replace(tzinfo=None, microsecond=0).isoformat(sep=" ")
