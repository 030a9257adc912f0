"""One account as the console shows it: what it is, how its owner signs in, where, and what was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from nicegui.element import Element

from components.browsers import browser_name
from components.drawn import Card, Drawn
from components.people import ICONS, KINDS
from components.words import UNKNOWN, Reader
from data.queries.accounts import AccountFacts, LinkedIdentity, State
from data.queries.audit import Entry
from data.queries.sign_ins import ListedSignIn
from data.types import Role

FACTS = """
<div class="p-person-head">
  <h2 id="facts-title">{{ props.row.title }}</h2>
  <span class="p-pill" :class="'is-' + props.row.kind">
    <i class="p-icon" :class="'p-i-' + props.row.icon" aria-hidden="true"></i>{{ props.row.state }}
  </span>
</div>
<p v-for="note in props.row.notes" :key="note" class="p-note-box" role="status">{{ note }}</p>
<dl class="p-person-facts">
  <div v-for="[name, value] in props.row.facts" :key="name"><dt>{{ name }}</dt><dd>{{ value }}</dd></div>
</dl>
"""
IDENTITIES = """
<h2 id="identities-title">{{ props.row.title }}</h2>
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<ul v-else class="p-entries">
  <li v-for="one in props.row.identities" :key="one.id">
    <div class="p-name">{{ one.name }}</div>
    <div class="p-meta p-parts"><span v-for="part in one.parts" :key="part">{{ part }}</span></div>
  </li>
</ul>
"""
SIGN_INS = """
<h2 id="sign-ins-title">{{ props.row.title }}</h2>
<p v-if="props.row.text" class="p-empty">{{ props.row.text }}</p>
<q-table v-if="props.row.rows.length" class="p-rows" flat hide-header hide-bottom hide-pagination
         separator="none" row-key="id" :columns="[{ name: 'sign_in', field: 'id', label: '' }]"
         :rows="props.row.rows" :pagination="{ rowsPerPage: 0 }"
         :onRowClick="$parent.$parent.$attrs.onRowClick">
  <template #body-cell="cell">
    <td class="p-sign-in">
      <div class="p-name">{{ cell.row.name }}</div>
      <div class="p-meta p-parts"><span v-for="part in cell.row.parts" :key="part">{{ part }}</span></div>
      <button type="button" class="p-plain" :aria-label="cell.row.label">{{ cell.row.end }}</button>
    </td>
  </template>
</q-table>
"""
HISTORY = """
<h2 id="history-title">{{ props.row.title }}</h2>
<p v-if="props.row.empty" class="p-empty">{{ props.row.empty }}</p>
<ul v-else class="p-entries">
  <li v-for="one in props.row.entries" :key="one.id">
    <div class="p-name">{{ one.what }}</div>
    <div class="p-meta p-parts"><span v-for="part in one.parts" :key="part">{{ part }}</span></div>
    <div v-if="one.reason" class="p-said">{{ one.reason }}</div>
  </li>
</ul>
"""
SHOWN = 20
"""Sign-ins that are listed; all of them can be ended at once."""


class Facts(Card):
    """What the account is; what can be done with it is drawn below, into ``actions``."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-person p-two-thirds", "facts-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(FACTS)
            self.actions = Element("div").classes("p-person-actions")

    def show(self, facts: AccountFacts, now: datetime) -> None:
        """Show *facts* as they are at *now*."""
        reader = self._reader
        pairs = [("people.email", facts.email)]
        if facts.role is Role.DRIVER:
            pairs.append(("people.cards", reader.integer(facts.cards)))
        seen = UNKNOWN if facts.last_seen_at is None else reader.ago(facts.last_seen_at, now)
        since = reader.full_date(reader.local(facts.created_at).date())
        pairs += [
            ("people.seen", seen),
            ("people.time_zone", facts.time_zone or UNKNOWN),
            ("people.since", since),
        ]
        self._drawn.show(
            {
                "title": reader.text("people.facts"),
                "state": reader.text("people.state." + facts.state),
                "kind": KINDS[facts.state],
                "icon": ICONS[facts.state],
                "notes": self._notes(facts, now),
                "facts": [(reader.text(key), value) for key, value in pairs],
            }
        )

    def _notes(self, facts: AccountFacts, now: datetime) -> list[str]:
        reader, notes = self._reader, []
        if facts.state is State.ERASED and facts.disabled_at is not None:
            return [reader.text("people.erased", moment=reader.moment(facts.disabled_at, now))]
        if facts.disabled_at is not None:
            notes.append(reader.text("people.disabled_since", moment=reader.moment(facts.disabled_at, now)))
        if facts.deletion_requested_at is not None:
            asked = reader.moment(facts.deletion_requested_at, now)
            notes.append(reader.text("people.deletion_requested", moment=asked))
        if facts.state is State.NO_WAY_IN:
            notes.append(reader.text("people.no_way_in"))
        if facts.state in (State.INVITED, State.NO_WAY_IN):
            if facts.invited_until is None:
                if facts.state is State.INVITED:
                    notes.append(reader.text("people.not_invited"))
            elif facts.invited_until > now:
                until = f"{reader.moment(facts.invited_until, now)} ({reader.zone})"
                notes.append(reader.text("people.invited_until", moment=until))
            else:
                notes.append(reader.text("people.invitation_over"))
        return notes


class Identities(Card):
    """The identities at providers; *labels* are the names of those that are set up, by key."""

    def __init__(self, reader: Reader, labels: Mapping[str, str]) -> None:
        super().__init__("p-one-third", "identities-title")
        self._reader = reader
        self._labels = labels
        with self:
            self._drawn = Drawn(IDENTITIES)

    def show(
        self, identities: Sequence[LinkedIdentity], has_password: bool, now: datetime, *, passwords: bool
    ) -> None:
        """Show *identities*, and whether there is a password too, and whether *passwords* are a way in."""
        reader = self._reader
        rows: list[dict[str, Any]] = []
        if has_password:
            off = [] if passwords else [reader.text("people.password.off")]
            rows.append({"id": 0, "name": reader.text("people.password"), "parts": off})
        for one in identities:
            used = reader.text("people.last_used", ago=reader.ago(one.last_used_at, now))
            parts = [part for part in (one.email, used) if part]
            rows.append({"id": one.id, "name": self._labels.get(one.provider, one.provider), "parts": parts})
        empty = "" if rows else reader.text("people.identities.empty")
        self._drawn.show(
            {"title": reader.text("people.identities"), "empty": empty, "identities": rows},
        )


class PersonSignIns(Card):
    """Where the account is signed in. *on_end* is called with the id of the sign-in whose row is clicked.

    The button of a row is a part of the one template, and its click the row's: Quasar's table within it
    tells which to whoever listens at the card.
    """

    def __init__(self, reader: Reader, on_end: Callable[[int], object]) -> None:
        super().__init__("p-person-sign-ins p-two-thirds", "sign-ins-title")
        self._reader = reader
        self._on_end = on_end
        self.on("rowClick", self._clicked, args=[[], ["id"], None])
        with self:
            self._drawn = Drawn(SIGN_INS)
            self.actions = Element("div").classes("p-person-actions")

    def show(self, sign_ins: Sequence[ListedSignIn], now: datetime) -> None:
        """Show *sign_ins*, the last used first."""
        reader = self._reader
        text = "" if sign_ins else reader.text("people.sign_ins.empty")
        if len(sign_ins) > SHOWN:
            text = reader.text("people.first", shown=SHOWN, matching=reader.integer(len(sign_ins)))
        rows = [self._row(one, now) for one in sign_ins[:SHOWN]]
        self._drawn.show({"title": reader.text("people.sign_ins"), "text": text, "rows": rows})

    def _row(self, one: ListedSignIn, now: datetime) -> dict[str, Any]:
        reader = self._reader
        name = browser_name(one.browser_name, reader)
        parts = [
            reader.text("account.how." + one.how.value),
            *([one.address] if one.address else []),
            reader.text("people.signed_in_since", moment=reader.moment(one.created_at, now)),
            reader.text("people.last_used", ago=reader.ago(one.last_seen_at, now)),
        ]
        end = reader.text("people.sign_in.end")
        return {"id": one.id, "name": name, "parts": parts, "end": end, "label": f"{end}: {name}"}

    def _clicked(self, event: Any) -> object:
        row = event.args[1] if isinstance(event.args, list) and len(event.args) > 1 else None
        sign_in_id = row.get("id") if isinstance(row, dict) else None
        # What a browser sends is anything at all; whose sign-in it is, the service looks up (T3).
        return self._on_end(sign_in_id) if isinstance(sign_in_id, int) else None


class History(Card):
    """What was done about the account, support visits among it."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-history", "history-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(HISTORY)

    def show(self, entries: Sequence[Entry], account_id: int, now: datetime) -> None:
        """Show *entries*, newest first."""
        reader = self._reader
        empty = "" if entries else reader.text("people.history.empty")
        rows = [_entry(one, account_id, reader, now) for one in entries]
        self._drawn.show({"title": reader.text("people.history"), "empty": empty, "entries": rows})


def _entry(one: Entry, account_id: int, reader: Reader, now: datetime) -> dict[str, Any]:
    action = one.action.removesuffix(".refused")
    key = f"people.did.{action}"
    # What has no words yet is shown as it is called: better a strange word than nothing.
    what = reader.text(key) if reader.knows(key) else action
    if action == "account.role" and reader.knows(f"people.role.{one.about}"):
        what = reader.text("people.did.account.role.to", role=reader.text(f"people.role.{one.about}"))
    if action != one.action:
        what = reader.text("people.did.refused", what=what)
    who = reader.text("people.by_themselves")
    if one.actor_id != account_id:
        who = reader.text("people.by", name=one.actor_name or UNKNOWN)
    return {"id": one.id, "what": what, "parts": [reader.moment(one.at, now), who], "reason": one.reason}
