"""The driver's latest sessions (P10, P11)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from components.drawn import Card, Drawn
from components.words import Reader
from data.queries.sessions import RecentSession

TEMPLATE = """
<h2 id="recent-title">{{ props.row.title }}</h2>
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<ul v-else>
  <li v-for="session in props.row.sessions" :key="session.id">
    <div class="p-name">{{ session.name }}</div>
    <div class="p-meta p-parts"><span v-for="part in session.parts" :key="part">{{ part }}</span></div>
    <div class="p-energy">{{ session.energy }}</div>
    <div class="p-mark"><span class="p-pill" :class="'is-' + session.state">
      <i class="p-icon" :class="'p-i-' + session.icon" aria-hidden="true"></i>{{ session.mark }}
    </span></div>
  </li>
</ul>
<p v-if="!props.row.empty" class="p-recent-all"><a href="/account/sessions">{{ props.row.all }}</a></p>
"""
ICONS = {"charging": "bolt", "finalized": "task_alt", "settling": "hourglass_top", "nobody": "credit_card"}


class RecentSessions(Card):
    """The card."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-recent p-two-thirds", "recent-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(TEMPLATE)

    def show(self, sessions: Sequence[RecentSession], now: datetime) -> None:
        """Show *sessions*, newest first, as they are at *now*."""
        self._drawn.show(
            {
                "title": self._reader.text("recent.title"),
                "all": self._reader.text("own.all"),
                "empty": "" if sessions else self._reader.text("recent.empty"),
                "sessions": [_row(session, self._reader, now) for session in sessions],
            }
        )


def draw(sessions: Sequence[RecentSession], reader: Reader, now: datetime) -> RecentSessions:
    """Draw the card; ``show`` of what is returned keeps it up to date."""
    card = RecentSessions(reader)
    card.show(sessions, now)
    return card


def _row(session: RecentSession, reader: Reader, now: datetime) -> dict[str, Any]:
    ended = session.ended_at
    if ended is None:
        state = "charging"
        started = reader.text("recent.started", moment=reader.moment(session.started_at, now))
        parts = [started, reader.duration(now - session.started_at)]
    else:
        state = "finalized" if session.finalized else "settling"
        parts = [
            reader.span(session.started_at, ended, now),
            reader.duration(ended - session.started_at),
        ]
        if not session.finalized:
            parts.append(reader.text("session.settling.long"))
    return {
        "id": session.id,
        "name": session.charger_name,
        "parts": parts,
        "energy": reader.kwh(session.energy_wh),
        "state": state,
        "icon": ICONS[state],
        "mark": reader.text("session." + state),
    }
