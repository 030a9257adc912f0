"""What was asked of a charger lately, and what became of each request (C16)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from components import asking
from components.drawn import Card, Drawn
from components.words import UNKNOWN, Reader
from data.queries.commands import Command
from data.types import CommandState

REQUESTS = """
<h2 id="requests-title">{{ props.row.title }}</h2>
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<ul v-else class="p-entries p-requests" role="log" :aria-label="props.row.title" tabindex="0">
  <li v-for="one in props.row.requests" :key="one.id" :class="'is-' + one.kind">
    <div class="p-request-head"><span class="p-name">{{ one.what }}</span>
      <i class="p-icon" :class="'p-i-' + one.icon" aria-hidden="true"></i></div>
    <div class="p-request-told">{{ one.told }}</div>
    <div class="p-meta p-parts"><span v-for="part in one.parts" :key="part">{{ part }}</span></div>
    <a v-if="one.href" :href="one.href">{{ one.link }}</a>
  </li>
</ul>
"""
_LOOKS = {
    CommandState.WAITING: ("settling", "hourglass_top"),
    CommandState.SENT: ("settling", "hourglass_top"),
    CommandState.ACCEPTED: ("settling", "hourglass_top"),
    CommandState.DONE: ("online", "check_circle"),
    CommandState.FAILED: ("fault", "error"),
    CommandState.TIMED_OUT: ("fault", "schedule"),
}


class Requests(Card):
    """The card."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-requests-card p-one-third", "requests-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(REQUESTS)

    def show(self, requests: Sequence[Command], now: datetime) -> None:
        """Show *requests*, the newest first."""
        reader = self._reader
        self._drawn.show(
            {
                "title": reader.text("charger.requests"),
                "empty": "" if requests else reader.text("charger.requests.empty"),
                "requests": [_row(one, reader, now) for one in requests],
            }
        )


def _row(one: Command, reader: Reader, now: datetime) -> dict[str, Any]:
    kind, icon = _LOOKS[one.state]
    parts = [
        reader.moment(one.requested_at, now),
        reader.text("people.by", name=one.asked_by or UNKNOWN),
    ]
    if one.said and one.state is CommandState.FAILED:
        parts.append(reader.text("charger.request.said", said=one.said))
    has_session = one.session_id is not None and one.kind in ("start", "stop")
    return {
        "id": one.id,
        "what": what(one, reader),
        "told": asking.told(reader, one),
        "kind": kind,
        "icon": icon,
        "parts": parts,
        "href": f"/admin/sessions/{one.session_id}" if has_session else "",
        "link": reader.text("charger.session"),
    }


def what(one: Command, reader: Reader) -> str:
    """What was asked for, and of which connector, key or message."""
    told = asking.what(reader, one)
    about = ""
    if one.kind == "trigger":
        about = str(one.parameters.get("message", ""))
    elif one.kind == "set_configuration":
        about = str(one.parameters.get("key", ""))
    elif one.kind == "change_availability":
        operative = one.parameters.get("operative")
        told = reader.text("charger.availability.in" if operative else "charger.availability.out")
    if one.connector_number is not None:
        about = " · ".join(
            part
            for part in (about, reader.text("charger.connector.number", number=one.connector_number))
            if part
        )
    return f"{told}: {about}" if about else told
