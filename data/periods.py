"""Local days and billing periods, computed in UTC (P13). Pure: no clock, no database.

A day begins at the first moment at which its date has come in the zone. Days so defined tile the
time line in every zone: where midnight does not exist the day begins with what comes first after
it, where it comes twice with the first one, and a date that a zone skipped has no length.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


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

    @property
    def days(self) -> tuple[date, ...]:
        """Each date of the window in order; one that the zone skipped is there too, with no length."""
        return tuple(self.first + _DAY * n for n in range((self.end - self.first).days))

    @property
    def bounds(self) -> tuple[datetime, ...]:
        """The beginnings of `days` and the end of the last one, in UTC: one more than there are days."""
        return _bounds(self.first, self.end, ZoneInfo(self.zone))


@lru_cache(maxsize=16_384)
def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of *day* in *zone*, in UTC; where midnight does not exist, what comes first after."""
    midnight = datetime.combine(day, time.min, zone)
    moment = midnight.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return moment
    # Midnight was skipped. The clock jumped at a moment between the two readings of that midnight:
    # with the offset after the jump (fold=1, too early) and with the one before it (too late).
    early = midnight.replace(fold=1).astimezone(UTC)
    low, high = 0, (moment - early) // _SECOND
    naive = midnight.replace(tzinfo=None)
    while low < high:
        middle = (low + high) // 2
        if (early + _SECOND * middle).astimezone(zone).replace(tzinfo=None) >= naive:
            high = middle
        else:
            low = middle + 1
    return early + _SECOND * low


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The day that *moment* falls into: the last one that has begun.

    That is the date on the wall, but for the minutes in which a clock set back shows yesterday again.
    """
    day = moment.astimezone(zone).date()
    while day_start(day + _DAY, zone) <= moment:
        day += _DAY
    return day


def window(period: Period, now: datetime, zone: str, anchor_day: int | None) -> Window:
    """The window of *period* that *now* falls into; *anchor_day* ``None`` means calendar months (P13).

    An anchor day that a month does not have is that month's last day.
    """
    today = local_day(now, ZoneInfo(zone))
    if period is Period.YEAR:
        return Window(date(today.year, 1, 1), date(today.year + 1, 1, 1), zone)
    anchor = 1 if anchor_day is None else anchor_day
    first, end = billing_period(today, anchor)
    if period is Period.PREVIOUS:
        first, end = billing_period(first - _DAY, anchor)
    return Window(first, end, zone)


def billing_period(day: date, anchor_day: int) -> tuple[date, date]:
    """First day, and first day after the end, of the billing period that holds *day* (P13)."""
    month = day.year * 12 + day.month - 1
    if _anchored(month, anchor_day) > day:
        month -= 1
    return _anchored(month, anchor_day), _anchored(month + 1, anchor_day)


def _anchored(month: int, anchor: int) -> date:
    """The day *anchor* of *month*, which counts from the year 0."""
    year, index = divmod(month, 12)
    return date(year, index + 1, min(anchor, monthrange(year, index + 1)[1]))


@lru_cache(maxsize=1_024)
def _bounds(first: date, end: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    return tuple(day_start(first + _DAY * n, zone) for n in range((end - first).days + 1))
