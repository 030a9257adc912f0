"""What a charger calls the time, read with the moment of receipt beside it (M13–M15). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

DRIFT = timedelta(minutes=5)
"""A clock may be this far ahead: clocks drift, and messages wait."""
LOCAL_MATCH = timedelta(seconds=60)
"""A live message that carries local time as UTC is off by the zone's offset to within this."""
OLDEST = timedelta(days=400)
"""No queue of a charger reaches further back: such a clock was never set (1970, 2000, the firmware's day)."""


class TimeFlag(StrEnum):
    """What was wrong with a time."""

    UNREADABLE = "time_unreadable"
    """Missing, or no time at all: the receive time is used."""
    NOT_SET = "clock_not_set"
    """From long ago: the receive time is used (M13)."""
    SKEW = "clock_skew"
    """The clock is wrong by more than drift, most likely local time labelled as UTC (M14)."""
    NO_ZONE = "time_without_zone"
    """Read as local time of the site (M15)."""


@dataclass(frozen=True, slots=True)
class DeviceTime:
    """A moment in UTC and what had to be assumed to get it (`TimeFlag`)."""

    at: datetime
    flags: tuple[str, ...] = ()


def read(raw: str | None, received_at: datetime, site_zone: str) -> DeviceTime:
    """The moment that *raw* (ISO 8601, leniently) means, for a message that came at *received_at*.

    M13: times of long ago become the receive time. M15: without a zone it is the site's local time,
    unless that is still to come and the same digits in UTC are not. M14: a time that is still to come is
    local time labelled Z if that makes it past, and is moved by the zone's offset: all times of an
    unset clock move alike, so their order is kept, and it still is when the clock is set. A time that
    is to come by any reading becomes the receive time. Local time *behind* UTC can't be told from a
    replay for certain: it is kept as it is, which keeps the order too, and flagged when it fits to the
    minute.
    """
    parsed = _parse(raw)
    if parsed is None:
        return DeviceTime(received_at, (TimeFlag.UNREADABLE,))
    zone = ZoneInfo(site_zone)
    flags: tuple[str, ...] = ()
    try:
        if parsed.tzinfo is None:
            flags = (TimeFlag.NO_ZONE,)
            at = _local(parsed, zone, received_at)
            if at > received_at + DRIFT and (in_utc := parsed.replace(tzinfo=UTC)) <= received_at + DRIFT:
                at = in_utc
                flags = (TimeFlag.NO_ZONE, TimeFlag.SKEW)
        else:
            at = parsed.astimezone(UTC)
        local = _local(at.replace(tzinfo=None), zone, received_at)
    except (OverflowError, ValueError):
        return DeviceTime(received_at, (TimeFlag.UNREADABLE,))
    if at < received_at - OLDEST:
        return DeviceTime(received_at, (*flags, TimeFlag.NOT_SET))
    if at > received_at + DRIFT:
        return DeviceTime(local if local <= received_at + DRIFT else received_at, (*flags, TimeFlag.SKEW))
    if parsed.tzinfo is not None and local - at > LOCAL_MATCH and abs(local - received_at) <= LOCAL_MATCH:
        return DeviceTime(at, (*flags, TimeFlag.SKEW))
    return DeviceTime(at, flags)


def _parse(raw: str | None) -> datetime | None:
    if not isinstance(raw, str):
        return None
    try:
        return datetime.fromisoformat(raw.strip().replace("z", "Z"))
    except ValueError:
        return None


def _local(naive: datetime, zone: ZoneInfo, received_at: datetime) -> datetime:
    """*naive* as local time; of an hour that comes twice the reading that is nearer to the receipt."""
    first = naive.replace(tzinfo=zone).astimezone(UTC)
    second = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return first if abs(received_at - first) <= abs(received_at - second) else second
