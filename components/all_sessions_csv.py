"""All sessions as a file for an operator's spreadsheet: the same way as a driver's own. Pure (T46)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from components.sessions_csv import BOM, energy, line, moment
from components.words import Reader
from data.money import minor_digits
from data.queries.listed_sessions import ListedSession

COLUMNS = (
    "number",
    "site",
    "charger",
    "connector",
    "driver",
    "card",
    "start",
    "end",
    "zone",
    "start_utc",
    "end_utc",
    "energy",
    "state",
    "flags",
    "amount",
    "currency",
)


def head(reader: Reader) -> str:
    """The first line of the file, with what has to stand before it."""
    return BOM + line([reader.text("sessions.csv." + column) for column in COLUMNS], reader)


def lines(sessions: Iterable[ListedSession], reader: Reader) -> str:
    """A line for each of *sessions*."""
    return "".join(line(_cells(session, reader), reader) for session in sessions)


def _cells(one: ListedSession, reader: Reader) -> tuple[str, ...]:
    start, end = one.started_at, one.ended_at
    amounts = [_amount(amount, currency, reader) for amount, currency in one.billed]
    return (
        str(one.id),
        one.site_name,
        one.charger_name,
        str(one.connector),
        one.driver_name or "",
        one.id_tag,
        moment(reader.local(start)),
        moment(reader.local(end)) if end is not None else "",
        reader.zone,
        moment(start),
        moment(end) if end is not None else "",
        energy(one.energy_wh, reader),
        reader.text("session." + one.state.value),
        " ".join(one.flags),
        " / ".join(amounts),
        " / ".join(currency for _, currency in one.billed),
    )


def _amount(minor: int, currency: str, reader: Reader) -> str:
    """`3.47`: a plain number, for sums. What is owed back begins with a minus sign of typography (T46)."""
    number = format(Decimal(abs(minor)).scaleb(-minor_digits(currency)), "f").replace(".", reader.point)
    return f"\N{MINUS SIGN}{number}" if minor < 0 else number
