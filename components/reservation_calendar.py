"""One day of reservations: chargers below each other by site, time from left to right. One element.

On a phone the same blocks are a list by charger. A block is a link to this page with it open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from components.drawn import Card, Drawn
from components.reservation_words import place, standing
from components.words import Reader, reader
from data.queries.reservation_day import ChargerDay, Day, Held, SiteDay

TEMPLATE = """
<div class="p-cal-head">
  <h2 id="calendar-title">{{ props.row.title }}</h2>
  <p class="p-muted p-small" role="status">{{ props.row.told }}</p>
  <nav class="p-cal-days" :aria-label="props.row.days">
    <a class="p-page-link" :href="props.row.previous[1]">
      <i class="p-icon p-i-chevron_left" aria-hidden="true"></i>{{ props.row.previous[0] }}</a>
    <a v-if="props.row.today[1]" class="p-page-link" :href="props.row.today[1]">{{ props.row.today[0] }}</a>
    <a class="p-page-link" :href="props.row.next[1]">{{ props.row.next[0] }}
      <i class="p-icon p-i-chevron_right" aria-hidden="true"></i></a>
  </nav>
</div>
<div v-if="props.row.empty" class="p-cal-empty">
  <p>{{ props.row.empty }}</p><p class="p-muted p-small">{{ props.row.hint }}</p>
</div>
<section v-for="site in props.row.sites" :key="site.id" class="p-cal-site">
  <div class="p-cal-site-head">
    <h3><a :href="site.path">{{ site.name }}</a></h3>
    <p class="p-muted p-small">{{ site.zone }}</p>
    <p v-if="site.hours" class="p-note-box">{{ site.hours }}</p>
  </div>
  <div class="p-cal-axis" aria-hidden="true">
    <span v-for="[label, left] in site.ticks" :key="left" :style="{ left: left }">{{ label }}</span>
    <b v-if="site.now" :style="{ left: site.now[1] }">{{ site.now[0] }}</b>
  </div>
  <ul class="p-cal-rows">
    <li v-for="charger in site.chargers" :key="charger.id" class="p-cal-row">
      <a class="p-cal-name" :href="charger.path">{{ charger.name }}</a>
      <div class="p-cal-track" :style="{ '--lanes': charger.lanes }">
        <i v-for="[label, left] in site.ticks" :key="left" :style="{ left: left }" aria-hidden="true"></i>
        <b v-if="site.now" :style="{ left: site.now[1] }" aria-hidden="true"></b>
        <p v-if="!charger.blocks.length" class="p-muted p-small p-cal-free">{{ props.row.free }}</p>
        <ul v-else>
          <li v-for="block in charger.blocks" :key="block.id" :style="block.style">
            <a :href="block.path" class="p-cal-block" :class="['is-' + block.kind, 'is-' + block.side]"
              :title="block.spoken">
              <i class="p-icon" :class="'p-i-' + block.icon" aria-hidden="true"></i>
              <span><strong>{{ block.driver }}</strong>
                <span>{{ block.times }}</span><span>{{ block.place }}</span>
                <span>{{ block.state }}</span></span>
            </a>
          </li>
        </ul>
      </div>
    </li>
  </ul>
  <template v-if="site.cancelled.length">
    <h4 class="p-muted p-small">{{ props.row.cancelled }}</h4>
    <ul class="p-cal-cancelled">
      <li v-for="one in site.cancelled" :key="one.id"><a :href="one.path">{{ one.what }}</a>
        <span class="p-muted p-small">{{ one.sentence }}</span></li>
    </ul>
  </template>
</section>
"""
EVERY = 3
"""Hours between the marks of the axis."""
WIDE_ENOUGH = 0.2
"""The part of a day from which on the words of a block have room within it."""
_QUARTER = timedelta(minutes=15)
_DAY = timedelta(days=1)

Path = Callable[[date, int | None], str]
"""The address of this page for a day, with a reservation open or none."""


class Calendar(Card):
    """The card. *path* makes the addresses that its links lead to."""

    def __init__(self, reader: Reader, path: Path) -> None:
        super().__init__("p-cal", "calendar-title")
        self._reader = reader
        self._path = path
        with self:
            self._drawn = Drawn(TEMPLATE)

    def show(self, day: Day, now: datetime) -> None:
        """Show *day* as it is at *now*."""
        text = self._reader.text
        today = self._reader.local(now).date()
        many = sum(len(charger.held) for site in day.sites for charger in site.chargers)
        self._drawn.show(
            {
                "title": self._reader.long_date(day.date),
                "told": self._reader.count("reservations.shown", many) if many else "",
                "days": text("reservations.day"),
                "previous": (text("reservations.previous"), self._path(day.date - _DAY, None)),
                "today": (text("reservations.today"), "" if day.date == today else self._path(today, None)),
                "next": (text("reservations.next"), self._path(day.date + _DAY, None)),
                "empty": "" if day.sites else text("reservations.empty"),
                "hint": text("reservations.empty.hint" if day.chargers else "reservations.empty.chargers"),
                "free": text("reservations.free"),
                "cancelled": text("reservations.cancelled"),
                "sites": [self._site(day, site, now) for site in day.sites],
            }
        )

    def _site(self, day: Day, site: SiteDay, now: datetime) -> dict[str, Any]:
        there = reader(self._reader.language.code, site.zone)  # its clock is what stands on its walls
        hours = (site.ends_at - site.starts_at) / timedelta(hours=1)
        return {
            "id": site.id,
            "name": site.name,
            "path": f"/admin/sites/{site.id}",
            "zone": site.zone,
            "hours": "" if hours == 24 else there.text("reservations.hours", n=f"{hours:g}"),
            "ticks": ticks(site),
            "now": (there.text("reservations.now", time=there.time(now)), _part(site, now))
            if site.starts_at <= now < site.ends_at
            else None,
            "chargers": [self._charger(there, day, site, charger, now) for charger in site.chargers],
            "cancelled": [self._cancelled(there, day, held, now) for held in site.cancelled],
        }

    def _charger(
        self, there: Reader, day: Day, site: SiteDay, charger: ChargerDay, now: datetime
    ) -> dict[str, Any]:
        placed = lanes(charger.held)
        blocks = []
        for held, lane in zip(charger.held, placed, strict=True):
            first, end = max(held.starts_at, site.starts_at), min(held.ends_at, site.ends_at)
            beside = [other for other, its in zip(charger.held, placed, strict=True) if its == lane]
            side, room = _label(site, held, beside)
            state = standing(there, held, now)
            shown = {
                "driver": held.driver_name,
                "times": there.times(held.starts_at, held.ends_at),
                "place": place(there, held.connector_number),
                "state": state.word,
            }
            blocks.append(
                {
                    "id": held.id,
                    "path": self._path(day.date, held.id),
                    "kind": state.kind,
                    "icon": state.icon,
                    "side": side,
                    "style": {
                        "--left": _part(site, first),
                        "--width": _share(site, end - first),
                        "--lane": lane,
                        "--room": room,
                    },
                    "spoken": ", ".join(shown.values()),
                    **shown,
                }
            )
        return {
            "id": charger.id,
            "name": charger.name,
            "path": f"/admin/chargers/{charger.id}",
            "lanes": max(placed, default=0) + 1,
            "blocks": blocks,
        }

    def _cancelled(self, there: Reader, day: Day, held: Held, now: datetime) -> dict[str, Any]:
        what = (held.driver_name, held.charger_name, there.times(held.starts_at, held.ends_at))
        return {
            "id": held.id,
            "path": self._path(day.date, held.id),
            "what": " · ".join(what),
            "sentence": standing(there, held, now).sentence,
        }


def lanes(held: Sequence[Held]) -> list[int]:
    """The lane of each of *held*, which are in order: those that overlap lie below each other."""
    free: list[datetime] = []
    placed = []
    for one in held:
        lane = next((n for n, end in enumerate(free) if end <= one.starts_at), len(free))
        free[lane : lane + 1] = [one.ends_at]
        placed.append(lane)
    return placed


def ticks(site: SiteDay) -> list[tuple[str, str]]:
    """The marks of the axis: each third hour on the wall of the site, where it stands in the day.

    Where clocks change, an hour that does not exist has no mark, and one that comes twice has two.
    """
    zone = ZoneInfo(site.zone)
    marks = []
    moment = site.starts_at
    while moment < site.ends_at:
        local = moment.astimezone(zone)
        if local.minute == 0 and local.hour % EVERY == 0:
            marks.append((f"{local.hour:02d}", _part(site, moment)))
        moment += _QUARTER
    return [*marks, ("24", "100%")]


def _label(site: SiteDay, held: Held, beside: Sequence[Held]) -> tuple[str, float]:
    """Where the words of a block stand, and how much of the day is free there, in percent.

    Within it if it is long enough for them, else beside it, where the next one leaves more room.
    """
    whole = site.ends_at - site.starts_at
    first, end = max(held.starts_at, site.starts_at), min(held.ends_at, site.ends_at)
    if end - first >= whole * WIDE_ENOUGH:
        return "inside", 0.0
    after = min(
        (other.starts_at for other in beside if other.starts_at >= held.ends_at), default=site.ends_at
    )
    before = max(
        (other.ends_at for other in beside if other.ends_at <= held.starts_at), default=site.starts_at
    )
    right, left = min(after, site.ends_at) - end, first - max(before, site.starts_at)
    side = "right" if right >= min(left, whole * WIDE_ENOUGH) else "left"
    return side, round(max(right if side == "right" else left, timedelta(0)) / whole * 100, 2)


def _part(site: SiteDay, moment: datetime) -> str:
    return _share(site, moment - site.starts_at)


def _share(site: SiteDay, length: timedelta) -> str:
    return f"{length / (site.ends_at - site.starts_at) * 100:.3f}%"
