"""*Needs attention*: what it is, since when, and one place to go; one element, the most urgent first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from components import displays
from components.drawn import Card, Drawn
from components.people import PATHS
from components.words import Reader
from data.queries.matters import Kind, Matter, Matters
from data.types import Role

TEMPLATE = """
<h2 id="attention-title" aria-live="polite">
  <i v-if="!props.row.lines.length" class="p-icon p-i-check_circle" aria-hidden="true"></i>
  {{ props.row.title }}
</h2>
<ul v-if="props.row.lines.length">
  <li v-for="line in props.row.lines" :key="line.key">
    <span class="p-pill" :class="'is-' + line.look">
      <i class="p-icon" :class="'p-i-' + line.icon" aria-hidden="true"></i>{{ line.pill }}</span>
    <div class="p-what">
      <div class="p-name" :id="'attention-' + line.key">{{ line.what }}</div>
      <div v-if="line.meta" class="p-meta">{{ line.meta }}</div>
    </div>
    <a class="p-page-link" :href="line.href" :aria-describedby="'attention-' + line.key">{{ line.action }}</a>
  </li>
</ul>
<p v-if="props.row.more" class="p-muted p-small">{{ props.row.more }}</p>
"""
MOST_LINES = 12
APART = 3
"""So many of a kind have a line each; more share one."""

_LOOKS = {"fault": "error", "offline": "cloud_off", "settling": "hourglass_top", "in_use": "flag"}
_KINDS: dict[Kind, tuple[str, str]] = {
    Kind.DISK: ("fault", "/admin/health"),
    Kind.DATABASE: ("fault", "/admin/health"),
    Kind.BILLING: ("offline", "/admin/health"),
    Kind.FAULT: ("fault", "/admin/chargers?status=fault"),
    Kind.OFFLINE: ("offline", "/admin/chargers?status=offline&sort=seen"),
    Kind.SETTLING: ("settling", "/admin/sessions?state=settling"),
    Kind.UNENDED: ("settling", "/admin/sessions?state=charging"),
    Kind.REFUSED: ("fault", "/admin/reservations"),
    Kind.DISPLAY: ("offline", displays.MISSING),
    Kind.QUARANTINE: ("settling", "/admin/quarantine"),
    Kind.TAG: ("in_use", "/admin/cards?state=unknown"),
    Kind.METER: ("settling", "/admin/sessions?state=review"),
    Kind.FLAGGED: ("settling", "/admin/sessions?state=review"),
    Kind.CLOCK: ("settling", "/admin/chargers?needs=clock"),
    Kind.PENDING: ("in_use", "/admin/chargers?status=pending"),
    Kind.UNCONNECTED: ("in_use", "/admin/chargers?needs=unconnected"),
    Kind.PASSWORD: ("in_use", "/admin/chargers?needs=password"),
    Kind.LEAVING: ("in_use", PATHS[Role.DRIVER][:-1]),
    Kind.NO_WAY_IN: ("in_use", PATHS[Role.DRIVER][:-1]),
    Kind.INVITED: ("in_use", PATHS[Role.DRIVER][:-1]),
    Kind.SETUP: ("in_use", "/admin/setup"),
}
"""How the pill looks, and where all of a kind are listed."""
_OF_CHARGERS = frozenset(
    {Kind.FAULT, Kind.OFFLINE, Kind.METER, Kind.CLOCK, Kind.PENDING, Kind.UNCONNECTED, Kind.PASSWORD}
)
_OF_SESSIONS = frozenset({Kind.SETTLING, Kind.UNENDED, Kind.FLAGGED})
_OF_PEOPLE = frozenset({Kind.LEAVING, Kind.NO_WAY_IN, Kind.INVITED})
_ALONE = frozenset({Kind.QUARANTINE, Kind.SETUP})
"""Always in one line: they are seen to in one place."""


class AttentionCard(Card):
    """The card."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-attention", "attention-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(TEMPLATE)

    def show(self, found: Sequence[Matters], now: datetime) -> None:
        """Show *found*, the most urgent first, as it is at *now*."""
        reader = self._reader
        lines, left = _fitting(found)
        # As many as there are lines to read: a line says by itself how many it stands for.
        number = len(lines) + len(left)
        title = (
            reader.text("attention.title", n=reader.integer(number))
            if found
            else reader.text("attention.none")
        )
        self.classes(
            add="is-urgent" if any(_is_urgent(one.kind) for one in found) else "",
            remove="" if any(_is_urgent(one.kind) for one in found) else "is-urgent",
        )
        more = ""
        if left:
            kinds = ", ".join(reader.text(f"attention.kind.{one.kind}") for one in left)
            more = reader.count("attention.more", sum(one.number for one in left), kinds=kinds)
        self._drawn.show(
            {"title": title, "lines": tuple(_Line(reader, now, *line).told() for line in lines), "more": more}
        )


def draw(found: Sequence[Matters], reader: Reader, now: datetime) -> AttentionCard:
    """Draw the card; ``show`` of what is returned keeps it up to date."""
    card = AttentionCard(reader)
    card.show(found, now)
    return card


def _is_urgent(kind: Kind) -> bool:
    return _KINDS[kind][0] in ("fault", "offline")


def _fitting(found: Sequence[Matters]) -> tuple[list[tuple[Matters, Matter | None]], list[Matters]]:
    """At most `MOST_LINES` lines, a kind or one matter of it each, and the kinds that have none.

    Where they are too many, the least urgent share a line first.
    """
    apart = [one.number <= APART and one.kind not in _ALONE and not one.more for one in found]
    for place in reversed(range(len(found))):
        if sum(len(one.first) if alone else 1 for one, alone in zip(found, apart, strict=True)) <= MOST_LINES:
            break
        # People are told by role, whose lines say what is to be done for whom.
        apart[place] = False
    lines: list[tuple[Matters, Matter | None]] = []
    for one, alone in zip(found, apart, strict=True):
        if one.kind in _OF_PEOPLE or (alone and one.first):
            lines += [(one, matter) for matter in one.first]
        else:
            lines.append((one, None))
    shown = {one.kind for one, _ in lines[:MOST_LINES]}
    return lines[:MOST_LINES], [one for one in found if one.kind not in shown]


@dataclass(frozen=True, slots=True)
class _Line:
    """One line in words."""

    reader: Reader
    now: datetime
    matters: Matters
    matter: Matter | None

    def told(self) -> dict[str, Any]:
        """What the template takes."""
        kind, matter, reader = self.matters.kind, self.matter, self.reader
        look, all_of_it = _KINDS[kind]
        if matter is None:
            what, meta, href = self._many(), self._names(), all_of_it
            action = reader.text("attention.action.list")
            if kind is Kind.SETUP:
                meta = ", ".join(reader.text(f"attention.setup.{one.name}") for one in self.matters.first)
                action = reader.text("attention.action.setup")
            elif kind is Kind.QUARANTINE:
                meta, action = self._since(self.matters.first[0]), reader.text("attention.action.look")
        else:
            what, meta = self._what(matter), self._meta(matter)
            href, action = self._place(matter)
        return {
            "key": f"{kind}-{'' if matter is None else matter.id or matter.name or matter.detail}",
            "look": look,
            "icon": _LOOKS[look],
            "pill": reader.text(f"attention.pill.{kind}"),
            "what": what,
            "meta": meta,
            "href": href,
            "action": action,
        }

    def _many(self) -> str:
        number, kind = self.matters.number, self.matters.kind
        if kind in (Kind.DISK, Kind.DATABASE, Kind.BILLING):
            return self.reader.text(f"attention.many.{kind}")
        told = ""
        if self.matters.more:
            told = self.reader.text("attention.at_least", n=self.reader.integer(number))
        return self.reader.count(f"attention.many.{kind}", number, told=told)

    def _names(self) -> str:
        """The worst of many."""
        kind = self.matters.kind
        names = [one.detail if kind is Kind.TAG else self._name(one) for one in self.matters.first]
        if kind in _OF_SESSIONS:
            oldest = min((one.since for one in self.matters.first if one.since), default=None)
            if oldest is not None:
                return self.reader.text("attention.oldest", moment=self.reader.moment(oldest, self.now))
        named = ", ".join(dict.fromkeys(name for name in names if name))
        if self.matters.number > len(self.matters.first):
            named += " …"
        if kind is Kind.DISPLAY and all(one.since is None for one in self.matters.first):
            return self.reader.text("attention.displays.never", names=named)
        return named

    def _what(self, matter: Matter) -> str:
        reader, kind = self.reader, self.matters.kind
        if kind in _OF_PEOPLE:
            return reader.count(f"admin.waiting.{kind}.{matter.name}", matter.number)
        detail = matter.detail
        if kind is Kind.FAULT:
            return reader.text(
                "attention.fault.plug" if matter.number else "attention.fault",
                name=matter.name,
                n=matter.number,
                code=self._code(detail),
            )
        if kind is Kind.DISK:
            detail = reader.file_size(matter.number)
        if kind is Kind.DATABASE:
            detail = reader.integer(matter.number)
        if kind is Kind.CLOCK:
            # A minute at least: by less none is told.
            detail = reader.length(timedelta(seconds=abs(matter.number)))
            way = "ahead" if matter.number > 0 else "behind"
            return reader.text(f"attention.one.clock.{way}", name=matter.name, length=detail)
        return reader.text(f"attention.one.{kind}", name=self._name(matter), detail=detail, id=matter.id)

    def _name(self, matter: Matter) -> str:
        """What it is called; displays are called alike at many sites."""
        if self.matters.kind is Kind.DISPLAY:
            return displays.named(self.reader, matter.name, matter.detail)
        return matter.name

    def _code(self, code: str) -> str:
        """An error as P20 tells it; a vendor's own code as it came."""
        if not code or code == "NoError":
            return self.reader.text("reason.OtherError")
        key = f"reason.{code}"
        return f"{code} ({self.reader.text(key)})" if self.reader.knows(key) else code

    def _meta(self, matter: Matter) -> str:
        reader, kind = self.reader, self.matters.kind
        if kind is Kind.DISPLAY and matter.since is None:
            return reader.text("attention.display.never")
        if kind is Kind.TAG and matter.number:
            assert matter.since is not None
            moment = reader.moment(matter.since, self.now)
            return reader.count("attention.tag.sessions", matter.number, moment=moment)
        if kind is Kind.TAG:
            assert matter.since is not None
            moment = reader.moment(matter.since, self.now)
            return reader.text("attention.tag.seen", name=matter.name, moment=moment)
        if kind is Kind.METER:
            return reader.count("attention.meter.sessions", matter.number)
        if kind is Kind.REFUSED and matter.since is not None:
            return reader.text("attention.begins", moment=reader.moment(matter.since, self.now))
        if kind in (Kind.DISK, Kind.DATABASE, Kind.BILLING, Kind.CLOCK, Kind.UNCONNECTED, Kind.PASSWORD):
            return reader.text(f"attention.why.{kind}")
        return self._since(matter)

    def _since(self, matter: Matter) -> str:
        if matter.since is None:
            return ""
        moment = self.reader.moment(matter.since, self.now)
        key = f"attention.since.{self.matters.kind}"
        key = key if self.reader.knows(key) else "attention.since"
        return self.reader.text(key, moment=moment, length=self.reader.length(self.now - matter.since))

    def _place(self, matter: Matter) -> tuple[str, str]:
        """Where to go, and what that is called."""
        text: Callable[[str], str] = self.reader.text
        kind = self.matters.kind
        all_of_it = _KINDS[kind][1]
        if kind in _OF_PEOPLE:
            path = f"{PATHS[Role(matter.name)][:-1]}?state={kind}"
            return path, text("attention.action.list")
        if kind in _OF_CHARGERS and matter.id is not None:
            known = f"attention.action.{kind}"
            return f"/admin/chargers/{matter.id:d}", text(
                known if self.reader.knows(known) else "attention.action.charger"
            )
        if kind in _OF_SESSIONS and matter.id is not None:
            return f"/admin/sessions/{matter.id:d}", text("attention.action.session")
        if kind is Kind.TAG and matter.key:
            return f"/admin/cards?card={matter.key}", text("attention.action.tag")
        if kind is Kind.DISPLAY and matter.id is not None:
            return f"{displays.LIST}/{matter.id:d}", text("attention.action.display")
        if kind is Kind.REFUSED and matter.id is not None and matter.since is not None:
            day = self.reader.local(matter.since).date().isoformat()
            path = f"{all_of_it}?day={day}&reservation={matter.id:d}"
            return path, text("attention.action.refused")
        known = f"attention.action.{kind}"
        return all_of_it, text(known if self.reader.knows(known) else "attention.action.list")
