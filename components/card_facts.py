"""What there is to know of one card, as its dialog tells it: one element."""

from __future__ import annotations

from datetime import datetime

from components.card_table import ICONS, KINDS, last_seen, owner, sessions
from components.drawn import Drawn
from components.words import Reader
from data.queries.cards import CardDetails

FACTS = """
<span class="p-pill" :class="'is-' + props.row.kind">
  <i class="p-icon" :class="'p-i-' + props.row.icon" aria-hidden="true"></i>{{ props.row.state }}
</span>
<dl class="p-person-facts">
  <div v-for="[name, value, href] in props.row.facts" :key="name + value"><dt>{{ name }}</dt>
    <dd><a v-if="href" :href="href">{{ value }}</a><template v-else>{{ value }}</template></dd></div>
</dl>
"""


def draw(details: CardDetails, reader: Reader, now: datetime) -> None:
    """Draw it here, as it is at *now*."""
    one = details.card
    whose = owner(one, reader, now)
    facts = [("driver", whose["text"], whose.get("href", ""))] if one.is_linked else []
    if one.is_linked and one.linked_at is not None:
        facts.append(("linked", reader.moment(one.linked_at, now), ""))
    seen = last_seen(one, reader, now)
    charger = "" if one.charger_id is None else f"/admin/chargers/{one.charger_id}"
    facts.append(("seen", " · ".join(part for part in (seen["text"], seen.get("meta", "")) if part), charger))
    if details.first_seen_at is not None:
        facts.append(("first", reader.moment(details.first_seen_at, now), ""))
    if details.since is not None:
        told = reader.text(
            "cards.facts.of_nobody.value",
            number=sessions(one, reader),
            moment=reader.moment(details.since, now),
            energy=reader.kwh(details.energy_wh),
        )
        facts.append(("of_nobody", told, ""))
    for earlier in details.mappings:
        if earlier.ended_at is not None:
            until = reader.moment(earlier.ended_at, now)
            told = reader.text("cards.facts.earlier.value", name=earlier.driver, moment=until)
            facts.append(("earlier", told, f"/admin/drivers/{earlier.account_id}"))
    Drawn(
        FACTS,
        {
            "state": reader.text("cards.state." + one.state.value),
            "kind": KINDS[one.state],
            "icon": ICONS[one.state],
            "facts": [(reader.text("cards.facts." + key), value, href) for key, value, href in facts],
        },
    )
