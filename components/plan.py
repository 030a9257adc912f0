"""The driver's plan and what of its included amount is used (P17, P18)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from components import plan_words
from components.drawn import Card, Drawn
from components.words import Reader
from data.queries.plans import ComingPlan, PlanUse

TEMPLATE = """
<h2 id="plan-title">{{ props.row.title }}</h2>
<div class="p-plan-head">
  <span class="p-name">{{ props.row.name }}</span>
  <span v-if="props.row.fee" class="p-muted p-small">{{ props.row.fee }}</span>
</div>
<div v-if="props.row.percent !== null" class="p-progress" :class="{ 'is-over': props.row.over }"
    role="progressbar" aria-valuemin="0" aria-valuemax="100" :aria-valuenow="props.row.filled"
    :aria-label="props.row.progress">
  <div :style="{ width: props.row.filled + '%' }"></div>
</div>
<div class="p-lines" :class="{ 'p-no-progress': props.row.percent === null }">
  <p v-if="props.row.used" class="p-used">{{ props.row.used }}</p>
  <p v-for="line in props.row.lines" :key="line">{{ line }}</p>
</div>
<div class="p-lines"><p v-for="line in props.row.terms" :key="line">{{ line }}</p></div>
<p v-if="props.row.as_of" class="p-note-box" role="status">
  <i class="p-icon p-i-schedule" aria-hidden="true"></i><span>{{ props.row.as_of }}</span>
</p>
"""
UNAVAILABLE = """
<h2 id="plan-title">{{ props.row.title }}</h2>
<p class="p-error-text" role="status">
  <i class="p-icon p-i-schedule" aria-hidden="true"></i><span>{{ props.row.text }}</span>
</p>
"""


class Plan(Card):
    """The card; without a plan it is not to be seen."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-plan p-one-third", "plan-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(TEMPLATE)

    def show(self, use: PlanUse | ComingPlan | None, now: datetime, as_of: datetime | None = None) -> None:
        """Show the plan of *use*, the energy of the current billing period, and what is to change.

        *as_of*: what is shown was true then, and nothing newer can be had (P18).
        """
        self.visible = use is not None
        if use is None:
            self._drawn.show(None)
            return
        told = ""
        if as_of is not None:
            told = self._reader.text("plan.as_of", moment=self._reader.moment(as_of, now))
        values = _begins(use, self._reader) if isinstance(use, ComingPlan) else _values(use, self._reader)
        self._drawn.show({**values, "as_of": told})


def draw(use: PlanUse | ComingPlan | None, reader: Reader, now: datetime) -> Plan:
    """Draw the card; ``show`` of what is returned keeps it up to date."""
    card = Plan(reader)
    card.show(use, now)
    return card


def unavailable(reader: Reader) -> Card:
    """Draw, where no plan is known and none can be had, the sentence that says so (P18)."""
    with Card("p-plan p-one-third", "plan-title") as card:
        Drawn(UNAVAILABLE, {"title": reader.text("plan.title"), "text": reader.text("plan.unavailable")})
    return card


def _begins(coming: ComingPlan, reader: Reader) -> dict[str, Any]:
    """A plan that has not begun, and none before it."""
    return {
        "title": reader.text("plan.title"),
        "name": coming.name,
        "fee": "",
        "percent": None,
        "filled": None,
        "over": False,
        "progress": "",
        "used": "",
        "lines": [],
        "terms": [plan_words.coming(coming, reader), reader.text("plan.currency", currency=coming.currency)],
    }


def _values(use: PlanUse, reader: Reader) -> dict[str, Any]:
    plan, used = use.plan, reader.kwh(use.used_wh)
    lines: list[str] = []
    percent = filled = None
    over = False
    if plan.unlimited:
        lines.append(reader.text("plan.unlimited"))
    if plan.included_wh:
        over = use.used_wh > plan.included_wh
        percent = use.used_wh * 100 // plan.included_wh
        filled = min(percent, 100)
        said = reader.text("plan.used_of", used=used, included=reader.whole_kwh(plan.included_wh))
        if over:
            lines.append(reader.text("plan.over", energy=reader.kwh(use.used_wh - plan.included_wh)))
        elif use.used_wh == plan.included_wh:
            lines.append(reader.text("plan.nothing_left"))
        else:
            lines.append(reader.text("plan.left", energy=reader.kwh(plan.included_wh - use.used_wh)))
    else:
        said = reader.text("plan.used_in", used=used)
    terms = []
    if plan.price_per_kwh is not None and not plan.unlimited:
        key = "plan.price" if not plan.included_wh else "plan.beyond_now" if over else "plan.beyond"
        terms.append(reader.text(key, price=reader.price(plan.price_per_kwh, plan.currency)))
        terms += plan_words.others(plan, reader)
    renews = reader.local(use.renews_at).date()
    begins_on = None if use.coming is None else use.coming.started_on
    if not any(day is not None and day <= renews for day in (plan.ended_on, begins_on)):
        terms.append(reader.text("plan.renews", date=reader.full_date(renews)))
    if plan.ended_on is not None:
        terms.append(reader.text("plan.ends", date=reader.full_date(plan.ended_on)))
    if use.coming is not None:
        terms.append(plan_words.coming(use.coming, reader))
    terms.append(reader.text("plan.currency", currency=plan.currency))
    fee = "" if plan.base_fee is None else reader.money(plan.base_fee, plan.currency)
    return {
        "title": reader.text("plan.title"),
        "name": plan.name,
        "fee": reader.text("plan.fee", amount=fee) if fee else "",
        "percent": percent,
        "filled": filled,
        "over": over,
        "progress": reader.text("plan.progress", percent=percent) if percent is not None else "",
        "used": said,
        "lines": lines,
        "terms": terms,
    }
