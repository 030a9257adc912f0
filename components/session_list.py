"""The console's list of sessions: those in progress with the numbers that their chargers send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from components.listing import Cell, Column, Line, Listing, Page
from components.recent_sessions import ICONS
from components.words import UNKNOWN, Reader
from data.live import Reading
from data.queries.listed_sessions import ListedSession, State
from data.queries.session_list import Found, Place, Sort, Wanted

HEADS: tuple[tuple[str, Sort | None, bool], ...] = (
    ("start", Sort.START, False),
    ("driver", None, False),
    ("charger", None, False),
    ("energy", Sort.ENERGY, True),
    ("duration", None, True),
    ("state", None, False),
    ("flags", None, False),
    ("billed", None, True),
)
PATH = "/admin/sessions/"
"""Where the page of one is, before its number."""


class SessionList(Listing):
    """The card. *order* makes the address of the list in another order, *turned* that of another page."""

    def __init__(
        self,
        reader: Reader,
        order: Callable[[Sort, bool], str],
        turned: Callable[[str, Place], str],
    ) -> None:
        super().__init__(reader, reader.text("sessions.title"), classes="p-session-list")
        self._reader = reader
        self._order = order
        self._turned = turned

    def show_sessions(
        self, found: Found, wanted: Wanted, readings: Mapping[int, Reading], now: datetime
    ) -> None:
        """Show *found*, the answer to *wanted*, as it is at *now*; *readings* are newer than their rows."""
        reader = self._reader
        self.show(
            Page(
                columns=[self._column(name, by, number, wanted) for name, by, number in HEADS],
                lines=[
                    Line(one.id, _cells(one, readings.get(one.id, one.reading), reader, now))
                    for one in found.sessions
                ],
                told=_told(found, wanted, reader, now),
                empty=_empty(found, wanted, reader),
                previous="" if found.previous is None else self._turned("before", found.previous),
                next="" if found.next is None else self._turned("after", found.next),
            )
        )

    def _column(self, name: str, by: Sort | None, number: bool, wanted: Wanted) -> Column:
        label = self._reader.text("sessions.head." + name)
        if by is None or by not in wanted.sorts:
            return Column(label, number)
        if by is not wanted.sort:
            return Column(label, number, self._order(by, False))
        words = "ascending" if wanted.ascending else "descending"
        return Column(label, number, self._order(by, not wanted.ascending), words)


def is_filtered(wanted: Wanted) -> bool:
    """Whether there may be sessions that *wanted* does not name."""
    given = (wanted.site, wanted.charger, wanted.drivers, wanted.state, wanted.since, wanted.until)
    return wanted.nothing or any(one is not None for one in given)


def state_pill(state: State, reader: Reader) -> Cell:
    """How far a session has come."""
    return Cell(reader.text("session." + state.value), kind=state.value, icon=ICONS[state.value])


def billed(one: ListedSession, reader: Reader) -> str:
    """What was billed; nothing if nothing was."""
    return " + ".join(reader.money(amount, currency) for amount, currency in one.billed)


def _told(found: Found, wanted: Wanted, reader: Reader, now: datetime) -> str:
    if found.cut_short is None:
        return reader.text("sessions.by_energy") if wanted.sort is Sort.ENERGY else ""
    if not isinstance(found.cut_short, datetime):
        return reader.text("sessions.looked.energy", energy=reader.kwh(found.cut_short))
    back = found.next is not None and not wanted.ascending
    moment = reader.moment(found.cut_short, now)
    return reader.text("sessions.looked.back" if back else "sessions.looked.on", moment=moment)


def _empty(found: Found, wanted: Wanted, reader: Reader) -> str:
    if found.cut_short is not None:
        return ""
    return reader.text("sessions.empty.filtered" if is_filtered(wanted) else "sessions.empty")


def when_it_was(one: ListedSession, reader: Reader, now: datetime) -> str:
    """From when to when it was plugged in, or since when it is."""
    return span(one.started_at, one.ended_at, reader, now)


def span(began: datetime, ended: datetime | None, reader: Reader, now: datetime) -> str:
    """From when to when something was, or since when it is in progress."""
    if ended is not None:
        return reader.span(began, ended, now)
    today = reader.local(began).date() == reader.local(now).date()
    moment = reader.time(began) if today else reader.moment(began, now)
    return reader.text("charger.since", moment=moment)


def _cells(one: ListedSession, reading: Reading, reader: Reader, now: datetime) -> tuple[Cell | str, ...]:
    going = one.ended_at is None
    # With as many decimals as what is in progress: one column.
    energy = Cell(UNKNOWN if one.energy_wh is None else f"{reader.live_kwh(one.energy_wh)} kWh")
    if going:
        live = reader.live_kwh(reading.energy_wh)
        energy = Cell(
            "" if reading.energy_wh is None else f"{live} kWh",
            "" if reading.power_w is None else reader.kw(reading.power_w),
        )
    driver = Cell(reader.text("sessions.nobody"), one.id_tag)
    if one.account_id is not None:
        driver = Cell(one.driver_name or "", href=f"/admin/drivers/{one.account_id}")
    flags = Cell(
        reader.integer(len(one.flags)) if one.flags else "",
        reader.text("sessions.reviewed") if one.flags and one.reviewed_at is not None else "",
    )
    if one.flags and one.reviewed_at is None:
        flags = Cell(flags.text, kind="reserved", icon="flag")
    place = reader.text("sessions.place", site=one.site_name, number=one.connector)
    return (
        Cell(when_it_was(one, reader, now), href=f"{PATH}{one.id}"),
        driver,
        Cell(one.charger_name, place, f"/admin/chargers/{one.charger_id}"),
        energy,
        reader.length((one.ended_at or now) - one.started_at),
        state_pill(one.state, reader),
        flags,
        Cell(
            billed(one, reader),
            "" if one.unbilled is None else reader.text(f"sessions.unbilled.{one.unbilled}"),
        ),
    )
