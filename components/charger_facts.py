"""What a charger is, as operators see it."""

from __future__ import annotations

from datetime import datetime, timedelta

from components.charger_list import ICONS, kind, protocol, status_word, trouble
from components.facts import FactsCard, Pill
from components.words import UNKNOWN, Reader
from data.queries.charger_list import ConsoleStatus
from data.queries.charger_page import ChargerFacts
from data.types import Admission

SKEW_TOLD = 5
"""Seconds that a clock may be off before it is worth a word."""


class ChargerFactsCard(FactsCard):
    """The card."""

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader.text("charger.facts"), classes="p-two-thirds p-charger-facts")
        self._reader = reader

    def show_charger(self, facts: ChargerFacts, address: str, now: datetime) -> None:
        """Show *facts*; *address* is where the charger is to connect to."""
        reader = self._reader
        text = reader.text
        seen = text("chargerlist.never")
        if facts.last_seen_at is not None:
            seen = reader.ago(facts.last_seen_at, now)
        booted = UNKNOWN if facts.booted_at is None else reader.moment(facts.booted_at, now)
        seen_by = text("charger.visible.all")
        if not facts.visible_to_all:
            seen_by = ", ".join(facts.groups) or text("charger.visible.nobody")
        pairs: list[tuple[str, str] | tuple[str, str, str]] = [
            (text("charger.site"), facts.site_name, f"/admin/sites/{facts.site_id}"),
            (text("charger.visible"), seen_by),
            (text("charger.identity"), facts.identity),
            (text("charger.address"), address),
            (text("charger.product"), facts.product),
            (text("charger.serial"), facts.serial_number or ""),
            (text("charger.firmware"), facts.firmware or ""),
            (text("charger.protocol"), protocol(facts.protocol)),
            (text("charger.seen"), seen),
            (text("charger.booted"), booted),
            (text("charger.clock"), self._clock(facts.clock_skew)),
            (text("charger.interval"), text("charger.seconds", n=reader.integer(facts.reading_interval))),
        ]
        if facts.created_at is not None:
            added = reader.full_date(reader.local(facts.created_at).date())
            pairs.append((text("charger.added"), added))
        self.show(
            pairs,
            pill=Pill(status_word(reader, facts.status), kind(facts.status), ICONS[facts.status]),
            notes=self._notes(facts, now),
        )

    def _clock(self, skew: int) -> str:
        reader = self._reader
        if abs(skew) <= SKEW_TOLD:
            return reader.text("charger.clock.right")
        length = timedelta(seconds=abs(skew))
        distance = reader.length(length)
        if abs(skew) < 60:
            distance = reader.text("charger.secs", n=reader.integer(abs(skew)))
        return reader.text("charger.clock.ahead" if skew > 0 else "charger.clock.behind", length=distance)

    def _notes(self, facts: ChargerFacts, now: datetime) -> list[str]:
        reader, notes = self._reader, []
        if facts.admission is Admission.PENDING:
            notes.append(reader.text("charger.pending.text"))
        elif facts.admission is Admission.BLOCKED:
            notes.append(reader.text("charger.blocked.text"))
        elif not facts.has_password:
            notes.append(reader.text("charger.no_password"))
        if facts.status is ConsoleStatus.OUT_OF_SERVICE:
            notes.append(reader.text("charger.out_of_service"))
        elif facts.status is ConsoleStatus.FAULT:
            told = trouble(facts.trouble or "", reader)
            notes.append(
                reader.text("charger.fault", trouble=told) if told else reader.text("charger.faulted")
            )
        elif facts.status is ConsoleStatus.OFFLINE and facts.last_seen_at is not None:
            notes.append(reader.text("charger.offline", ago=reader.ago(facts.last_seen_at, now)))
        return notes
