"""The console's list of chargers: what each one is doing, and what is the matter with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from components.listing import Cell, Column, Line, Listing, Page, sortable
from components.words import Reader
from data.queries.charger_list import ConsoleStatus, ListedCharger, ListedChargers, Sort

ICONS = {
    ConsoleStatus.FAULT: "error",
    ConsoleStatus.PENDING: "hourglass_top",
    ConsoleStatus.OFFLINE: "cloud_off",
    ConsoleStatus.OUT_OF_SERVICE: "block",
    ConsoleStatus.BLOCKED: "block",
    ConsoleStatus.IN_USE: "bolt",
    ConsoleStatus.RESERVED: "event",
    ConsoleStatus.ONLINE: "check_circle",
}
KINDS = {
    ConsoleStatus.PENDING: "reserved",
    ConsoleStatus.OUT_OF_SERVICE: "offline",
    ConsoleStatus.BLOCKED: "offline",
}
"""Pills that look like another one; the rest are called as their status."""
_COLUMNS: tuple[tuple[str, Sort | None, bool], ...] = (
    ("charger", Sort.NAME, False),
    ("status", Sort.STATUS, False),
    ("site", Sort.SITE, False),
    ("connectors", None, True),
    ("power", Sort.POWER, True),
    ("seen", Sort.SEEN, False),
    ("model", None, False),
)
FALLING_FIRST = frozenset({Sort.POWER, Sort.SEEN})


def status_word(reader: Reader, status: ConsoleStatus) -> str:
    """The word of *status*."""
    return reader.text("chargerlist.status." + status.value)


def kind(status: ConsoleStatus) -> str:
    """The kind of pill of *status*."""
    return KINDS.get(status, status.value)


class ChargerList(Listing):
    """The card. *link* makes the address of the list sorted by something, falling or rising."""

    def __init__(self, reader: Reader, link: Callable[[Sort, bool], str]) -> None:
        super().__init__(reader, reader.text("chargers.title"), classes="p-charger-list")
        self._reader = reader
        self._link = link

    def show_chargers(
        self, found: ListedChargers, sort: Sort, descending: bool, filtered: bool, now: datetime
    ) -> None:
        """Show *found* as it is at *now*."""
        reader = self._reader
        self.show(
            Page(
                columns=[self._column(key, by, number, sort, descending) for key, by, number in _COLUMNS],
                lines=[Line(one.id, _cells(one, reader, now)) for one in found.shown],
                told=told(found, reader),
                empty=reader.text("chargerlist.no_match" if filtered else "chargerlist.empty"),
            )
        )

    def _column(self, key: str, by: Sort | None, number: bool, sort: Sort, descending: bool) -> Column:
        label = self._reader.text("chargerlist." + key)
        if by is None:
            return Column(label, number)
        falling_first = by in FALLING_FIRST
        return sortable(label, by, sort, descending, self._link, number=number, falling_first=falling_first)


def told(found: ListedChargers, reader: Reader) -> str:
    """How many there are, of which kinds, and how many of them are shown."""
    parts = [reader.count("chargerlist.count", found.all)]
    if found.matching < found.all:
        parts = [
            reader.count("chargerlist.matching", found.all, matching=reader.integer(found.matching)),
        ]
    elif found.all:
        parts += [
            f"{status_word(reader, status)}: {reader.integer(found.counts[status])}"
            for status in ConsoleStatus
            if found.counts.get(status)
        ]
    if len(found.shown) < found.matching:
        parts.append(reader.text("chargerlist.first", shown=reader.integer(len(found.shown))))
    return " · ".join(parts)


def why(one: ListedCharger, reader: Reader, now: datetime) -> str:
    """What explains the status, if anything does."""
    if one.status is ConsoleStatus.FAULT:
        return trouble(one.trouble or "", reader)
    if one.status is ConsoleStatus.IN_USE and one.since is not None:
        return reader.text("chargers.since", moment=reader.moment(one.since, now))
    if one.status is ConsoleStatus.RESERVED and one.until is not None:
        return reader.text("chargers.until", moment=reader.moment(one.until, now))
    return ""


def trouble(code: str, reader: Reader) -> str:
    """An error code in words, with the code itself: that is what a technician asks for."""
    if code in ("", "NoError", "Faulted"):
        return ""
    if code == "Unavailable":
        return reader.text("reason.unavailable")
    key = "reason." + code
    return f"{reader.text(key)} ({code})" if reader.knows(key) else code


def _cells(one: ListedCharger, reader: Reader, now: datetime) -> tuple[Cell | str, ...]:
    free = ""
    if one.connectors:
        free = reader.text(
            "chargerlist.free", free=reader.integer(one.free), all=reader.integer(one.connectors)
        )
    return (
        Cell(
            one.name, meta="" if one.identity == one.name else one.identity, href=f"/admin/chargers/{one.id}"
        ),
        Cell(
            status_word(reader, one.status),
            meta=why(one, reader, now),
            kind=kind(one.status),
            icon=ICONS[one.status],
        ),
        one.site_name,
        free,
        "" if one.power_w is None else reader.kw(one.power_w),
        reader.text("chargerlist.never") if one.last_seen_at is None else reader.ago(one.last_seen_at, now),
        Cell(one.product, meta=protocol(one.protocol)),
    )


def protocol(said: str | None) -> str:
    """The version of OCPP as people write it: `OCPP 1.6`."""
    if not said:
        return ""
    return "OCPP " + said.removeprefix("ocpp") if said.startswith("ocpp") else said
