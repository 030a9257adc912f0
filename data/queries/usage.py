"""Energy of a driver by local day (P13–P15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from data.periods import Window


@dataclass(frozen=True, slots=True)
class DayEnergy:
    """One bar: a local day and the whole Wh drawn in it."""

    day: date
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Usage:
    """The energy in a window; the days add up to the total exactly (P15)."""

    window: Window
    total_wh: int
    days: tuple[DayEnergy, ...]
    """Each local day of the window, in order, days to come included (0 Wh)."""


def usage(db: Connection, account_id: int, window: Window) -> Usage:
    """The energy of all mappings of *account_id* in *window*, sessions in progress included (P14)."""
    raise NotImplementedError
