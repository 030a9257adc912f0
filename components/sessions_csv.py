"""Charging sessions as a file for spreadsheets (RFC 4180), in the reader's words. Pure.

JSON is for programs; this is for people, whose spreadsheet reads it without being asked how: as many
German-speaking ones do it, numbers have a comma and columns are parted by a semicolon where that is so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from components.words import Reader
from data.queries.own_data import OwnedSession

BOM = "\ufeff"
"""At the start of the file: Excel takes UTF-8 for something else without it."""
COLUMNS = (
    "number",
    "site",
    "charger",
    "connector",
    "card",
    "start",
    "end",
    "zone",
    "start_utc",
    "end_utc",
    "energy",
    "state",
)

_BEGINS = "=+-@\uff1d\uff0b\uff0d\uff20"
"""What a formula begins with; Excel takes the wide forms of East Asian keyboards too."""
_INSIDE = re.compile(rf'([",;|\t\r\n]\s*)([{re.escape(_BEGINS)}])')
"""A formula after what some spreadsheet may take for the end of a cell, whatever ends ours (T46)."""


def head(reader: Reader) -> str:
    """The first line of the file, with what has to stand before it."""
    return BOM + line([reader.text("account.csv." + column) for column in COLUMNS], reader)


def lines(sessions: Iterable[OwnedSession], reader: Reader) -> str:
    """A line for each of *sessions*."""
    return "".join(line(_cells(session, reader), reader) for session in sessions)


def neutral(cell: str) -> str:
    """*cell* so that no spreadsheet takes any of it for a formula: an apostrophe goes before one (T46)."""
    cell = _INSIDE.sub(r"\1'\2", cell)
    return "'" + cell if cell.startswith(("\t", "\r", "\n")) or cell.lstrip()[:1] in set(_BEGINS) else cell


def _cells(session: OwnedSession, reader: Reader) -> tuple[str, ...]:
    start, end, wh = session.started_at, session.ended_at, session.energy_wh
    state = "settling" if end is not None else "charging"
    if session.finalized_at is not None:
        state = "finalized"
    return (
        str(session.id),
        session.site,
        session.charger,
        str(session.connector),
        session.id_tag,
        moment(reader.local(start)),
        moment(reader.local(end)) if end is not None else "",
        reader.zone,
        moment(start),
        moment(end) if end is not None else "",
        energy(wh, reader),
        reader.text("session." + state),
    )


def energy(wh: int | None, reader: Reader) -> str:
    """In kWh; nothing where it is unknown."""
    return f"{wh // 1000}{reader.point}{wh % 1000:03d}" if wh is not None else ""


def moment(at: datetime) -> str:
    """As spreadsheets of all languages know a moment: `2026-11-22 14:02:00`."""
    return at.replace(tzinfo=None, microsecond=0).isoformat(" ")


def line(cells: Iterable[str], reader: Reader) -> str:
    """*cells* as a line of a file in the reader's way, none of them a formula."""
    between = ";" if reader.point == "," else ","
    return between.join(map(_quoted, cells)) + "\r\n"


@lru_cache(maxsize=4096)
def _quoted(cell: str) -> str:
    return '"' + neutral(cell).replace('"', '""') + '"'
