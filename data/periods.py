"""Local days and billing periods, computed in UTC (P13). Pure: no clock, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo


class Period(StrEnum):
    """The values of ``?period=``."""

    CURRENT = "current"
    PREVIOUS = "previous"
    YEAR = "year"

    @classmethod
    def read(cls, text: str | None) -> Period:
        """The period that *text* names; `CURRENT` for any other text (P13)."""
        return cls(text) if text in set(cls) else cls.CURRENT


@dataclass(frozen=True, slots=True)
class Window:
    """Local days ``first`` up to and without ``end``, in ``zone``."""

    first: date
    end: date
    zone: str

    @property
    def starts_at(self) -> datetime:
        """The local midnight that begins the window, in UTC."""
        return day_start(self.first, ZoneInfo(self.zone))

    @property
    def ends_at(self) -> datetime:
        """The local midnight at which the window is over, in UTC."""
        return day_start(self.end, ZoneInfo(self.zone))


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of *day* in *zone*, in UTC; where midnight does not exist, what comes first after."""
    raise NotImplementedError


def window(period: Period, now: datetime, zone: str, anchor_day: int | None) -> Window:
    """The window of *period* that *now* falls into; *anchor_day* ``None`` means calendar months (P13)."""
    raise NotImplementedError
