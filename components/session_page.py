"""One session in words: its facts, why it needs a look, what was billed, what was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from nicegui.element import Element

from components.drawn import Card, Drawn
from components.facts import FactsCard, Pill
from components.listing import Cell, Column, Line, Listing, Page
from components.recent_sessions import ICONS
from components.words import UNKNOWN, Reader
from data.queries.charges import BilledLine, Correction
from data.queries.listed_sessions import ListedSession, Unbilled
from data.queries.session_facts import Quarantined, SessionFacts
from data.types import Authorization

FLAGS = """
<h2 id="flags-title">{{ props.row.title }}</h2>
<ul class="p-flags">
  <li v-for="[flag, sentence] in props.row.flags" :key="flag">
    <i class="p-icon p-i-flag" aria-hidden="true"></i><span>{{ sentence }}</span>
  </li>
</ul>
<p v-if="props.row.reviewed" class="p-muted p-small">{{ props.row.reviewed }}</p>
"""


def flag_words(flag: str, reader: Reader) -> str:
    """The sentence that says what *flag* means; one of a later version or an import by its name."""
    key = "sessions.flag." + flag
    return reader.text(key) if reader.knows(key) else reader.text("sessions.flag.unknown", flag=flag)


class SessionFactsCard(FactsCard):
    """What is known of the session."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.text("sessions.facts"), classes="p-session-facts")
        self._reader = reader

    def show_session(self, facts: SessionFacts, now: datetime) -> None:
        """Show *facts* as they are at *now*."""
        state = facts.listed.state
        pill = Pill(self._reader.text("session." + state.value), state.value, ICONS[state.value])
        self.show(_pairs(facts, self._reader, now), pill=pill, notes=_notes(facts, self._reader))


def _notes(facts: SessionFacts, reader: Reader) -> list[str]:
    told = {
        "nobody": facts.listed.account_id is None,
        "replayed": facts.replayed,
        "late": facts.late_at is not None,
    }
    return [reader.text("sessions.note." + key) for key, is_so in told.items() if is_so]


def _pairs(facts: SessionFacts, reader: Reader, now: datetime) -> list[tuple[str, str, str]]:
    one = facts.listed
    ended = one.ended_at is not None

    def at(moment: datetime | None) -> str:
        return "" if moment is None else _with_seconds(moment, reader, now)

    pairs: list[tuple[str, str, str]] = [
        (
            "driver",
            one.driver_name or reader.text("sessions.nobody"),
            "" if one.account_id is None else f"/admin/drivers/{one.account_id}",
        ),
        ("card", one.id_tag, ""),
        ("charger", one.charger_name, f"/admin/chargers/{one.charger_id}"),
        ("connector", " · ".join(filter(None, (str(one.connector), facts.connector_type))), ""),
        ("site", one.site_name, ""),
        ("energy", reader.billed_kwh(one.energy_wh) if ended else "", ""),
        ("duration", reader.length((one.ended_at or now) - one.started_at), ""),
        ("start", at(one.started_at), ""),
        ("start_received", at(facts.received_at), ""),
        ("end", at(one.ended_at), ""),
        ("end_received", at(facts.stop_received_at), ""),
        ("flowed", _flowed(facts, reader, now), ""),
        ("stop_reason", facts.stop_reason or "", ""),
        ("meter_start", _register(facts.meter_start, reader), ""),
        ("meter_stop", _register(facts.meter_stop, reader), ""),
        ("transaction", facts.ocpp_transaction_id or str(one.id), ""),
        ("authorization", _answer(facts.authorization, reader), ""),
    ]
    if facts.reservation_starts_at is not None:
        span = reader.span(facts.reservation_starts_at, facts.reservation_ends_at, now)
        pairs.append(("reservation", span, "/admin/reservations"))
    if facts.source != "ocpp":
        pairs.append(("source", facts.source, ""))
    if not ended:
        unsaid = {"energy", "end", "end_received", "stop_reason", "meter_stop"}
        pairs = [pair for pair in pairs if pair[0] not in unsaid]
    return [(reader.text("sessions.fact." + name), value, href) for name, value, href in pairs]


def _with_seconds(moment: datetime, reader: Reader, now: datetime) -> str:
    """With the second: what came first is often the question."""
    local = reader.local(moment)
    return reader.parted(local.date(), f"{reader.time(moment)}:{local.second:02d}", now)


def _flowed(facts: SessionFacts, reader: Reader, now: datetime) -> str:
    if not facts.listed.energy_wh or facts.listed.ended_at is None:
        return ""
    return reader.span(facts.energy_started_at, facts.energy_ended_at, now)


def _register(wh: int | None, reader: Reader) -> str:
    return "" if wh is None else f"{reader.live_kwh(wh)} kWh"


def _answer(authorization: Authorization, reader: Reader) -> str:
    return reader.text("sessions.authorization." + authorization.value)


class FlagsCard(Card):
    """Why an operator should look; what can be done about it is drawn into ``actions``."""

    def __init__(self, reader: Reader) -> None:
        super().__init__("p-session-flags", "flags-title")
        self._reader = reader
        with self:
            self._drawn = Drawn(FLAGS)
            self.actions = Element("div").classes("p-person-actions")

    def show(self, flags: Sequence[str], reviewed_at: datetime | None, now: datetime) -> None:
        """Show *flags*; nothing is seen of the card without any."""
        reader = self._reader
        self.set_visibility(bool(flags))
        reviewed = "" if reviewed_at is None else reader.moment(reviewed_at, now)
        self._drawn.show(
            {
                "title": reader.text("sessions.flags"),
                "flags": [(flag, flag_words(flag, reader)) for flag in flags],
                "reviewed": reader.text("sessions.flags.reviewed", moment=reviewed) if reviewed else "",
            }
        )


class Bill(Listing):
    """What was billed: each line in its parts, corrections among them, and the sum."""

    def __init__(self, reader: Reader) -> None:
        title = reader.text("sessions.bill")
        super().__init__(reader, title, title=title, heading="bill-title", classes="p-session-bill")
        self._reader = reader

    def show_bill(
        self, lines: Sequence[BilledLine], names: Mapping[int, str], session: ListedSession, now: datetime
    ) -> None:
        """Show *lines*; *names* are those of their drivers."""
        reader = self._reader
        heads = ("period", "what", "energy", "price", "amount", "written")
        numbers = {"energy", "price", "amount"}
        none = "sessions.bill.empty"
        if session.unbilled is not None:
            none = "sessions.bill.none"
            if session.unbilled in (Unbilled.NOBODY, Unbilled.IMPORTED):
                none += f".{session.unbilled}"
        self.show(
            Page(
                columns=[Column(reader.text("sessions.bill." + name), name in numbers) for name in heads],
                lines=[line for one in lines for line in _billed(one, names, reader, now)],
                told=_sum(lines, reader),
                empty=reader.text(none),
            )
        )


def _sum(lines: Sequence[BilledLine], reader: Reader) -> str:
    sums: dict[str, int] = {}
    for line in lines:
        if line.amount is not None and line.currency is not None:
            sums[line.currency] = sums.get(line.currency, 0) + line.amount
    if not lines:
        return ""
    amount = " + ".join(reader.money(minor, currency) for currency, minor in sums.items()) or UNKNOWN
    return reader.text(
        "sessions.bill.total", energy=reader.billed_kwh(sum(line.energy_wh for line in lines)), amount=amount
    )


def _billed(one: BilledLine, names: Mapping[int, str], reader: Reader, now: datetime) -> list[Line]:
    first: date | None = one.period_first
    plan = one.plan_name or reader.text("sessions.bill.no_plan")
    who = " · ".join((plan, names.get(one.account_id, "")))
    period = Cell("" if first is None else reader.full_date(first), who)
    written = reader.moment(one.created_at, now)
    reason = reader.text("sessions.bill.correction", reason=one.reason) if one.revision else ""
    parts: list[dict[str, Any]] = (one.details or {}).get("parts") or []
    if not parts:
        amount = "" if one.amount is None else reader.money(one.amount, one.currency)
        energy = reader.billed_kwh(one.energy_wh)
        return [Line(f"{one.id}", (period, Cell(reason or plan), energy, "", amount, written))]
    rows = []
    for n, part in enumerate(parts):
        key = f"sessions.bill.kind.{part['kind']}"
        what = reader.text(key) if reader.knows(key) else str(part["kind"])
        price = reader.price(part["price_per_kwh"], one.currency) if one.currency else ""
        cells = (
            period,
            Cell(what, reason),
            reader.billed_kwh(part["energy_wh"]),
            price,
            reader.money(part["amount"], one.currency),
            written,
        )
        rows.append(Line(f"{one.id}.{n}", cells))
    return rows


class Corrections(Listing):
    """What was changed, by whom and why; what it was before stays to be seen."""

    def __init__(self, reader: Reader) -> None:
        title = reader.text("sessions.corrections")
        super().__init__(reader, title, title=title, heading="corrections-title", classes="p-session-changes")
        self._reader = reader

    def show_corrections(
        self, corrections: Sequence[Correction], names: Mapping[int, str], now: datetime
    ) -> None:
        """Show *corrections*; nothing is seen of the card without any."""
        reader = self._reader
        self.set_visibility(bool(corrections))
        heads = ("when", "by", "what", "reason")
        self.show(
            Page(
                columns=[Column(reader.text("sessions.corrections." + name)) for name in heads],
                lines=[
                    Line(
                        n,
                        (
                            reader.moment(one.at, now),
                            reader.text("sessions.corrections.late") if one.by == "late data" else one.by,
                            _changed(one, names, reader),
                            one.reason,
                        ),
                    )
                    for n, one in enumerate(corrections)
                ],
            )
        )


def _changed(one: Correction, names: Mapping[int, str], reader: Reader) -> str:
    def name(account_id: int | None) -> str:
        return reader.text("sessions.nobody") if account_id is None else names.get(account_id, UNKNOWN)

    told = []
    if "energy_wh" in one.after:
        before, after = (reader.billed_kwh(side.get("energy_wh")) for side in (one.before, one.after))
        told.append(reader.text("sessions.corrections.energy", before=before, after=after))
    if "account_id" in one.after:
        before, after = name(one.before.get("account_id")), name(one.after["account_id"])
        told.append(reader.text("sessions.corrections.driver", before=before, after=after))
    return ", ".join(told) or reader.text("sessions.correction.other")


class Messages(Listing):
    """What the charger said about it that could not be applied (C11)."""

    def __init__(self, reader: Reader) -> None:
        title = reader.text("sessions.messages")
        super().__init__(reader, title, title=title, heading="messages-title", classes="p-session-messages")
        self._reader = reader
        with self:
            self.actions = Element("div").classes("p-person-actions")

    def show_messages(self, messages: Sequence[Quarantined], now: datetime) -> None:
        """Show *messages*; nothing is seen of the card without any."""
        reader = self._reader
        self.set_visibility(bool(messages))
        heads = ("action", "reason", "received", "state")
        self.show(
            Page(
                columns=[Column(reader.text("sessions.messages." + name)) for name in heads],
                lines=[Line(one.id, _message(one, reader, now)) for one in messages],
            )
        )


def _message(one: Quarantined, reader: Reader, now: datetime) -> tuple[Cell | str, ...]:
    state = Cell(reader.text("sessions.messages.open"), kind="reserved", icon="hourglass_top")
    if one.resolved_at is not None:
        state = Cell(reader.text("sessions.messages.resolved"), kind="online", icon="check_circle")
    times = reader.count("sessions.messages.times", one.times) if one.times > 1 else ""
    return (one.action, one.reason, Cell(reader.moment(one.received_at, now), times), state)
