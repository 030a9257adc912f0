"""Local days in every zone, and the windows of P13."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.periods import Period, Window, day_start, local_day, window

ZONES = sorted(available_timezones())
DAY = timedelta(days=1)
moments = st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def hours(day: date, zone: str) -> float:
    return (day_start(day + DAY, ZoneInfo(zone)) - day_start(day, ZoneInfo(zone))) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "length"),
    [
        # midnight does not exist
        ("America/Santiago", "2024-09-08", "2024-09-08T04:00", 23),
        ("Asia/Beirut", "2026-03-29", "2026-03-28T22:00", 23),
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", 23),
        ("America/Havana", "2026-03-08", "2026-03-08T05:00", 23),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", 23),
        ("America/Asuncion", "2024-10-06", "2024-10-06T04:00", 23),
        ("Asia/Amman", "2022-02-25", "2022-02-24T22:00", 23),
        ("Asia/Tehran", "2022-03-22", "2022-03-21T20:30", 23),
        # the gap begins before midnight
        ("America/Toronto", "1919-03-31", "1919-03-31T04:30", 23.5),
        # an hour is missing just before midnight
        ("America/Godthab", "2024-03-30", "2024-03-30T02:00", 23),
        # an hour repeats before, at or over midnight
        ("America/Santiago", "2024-04-06", "2024-04-06T03:00", 25),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00", 25),
        ("America/St_Johns", "2006-10-29", "2006-10-29T02:30", 25),
        ("Asia/Beirut", "2026-10-24", "2026-10-23T21:00", 25),
        ("Africa/Cairo", "2026-10-29", "2026-10-28T21:00", 25),
        ("Atlantic/Azores", "2026-10-25", "2026-10-25T00:00", 25),
        # half an hour
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", 24.5),
        # the usual ones, and a day that a zone skipped
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", 25),
        ("Europe/London", "2018-06-06", "2018-06-05T23:00", 24),
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", 24),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00", 0),
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", 24),
        ("Pacific/Kwajalein", "1993-08-21", "1993-08-21T12:00", 0),
    ],
)
def test_p15_days_where_midnight_is_odd(zone: str, day: str, begins: str, length: float) -> None:
    first = date.fromisoformat(day)
    assert day_start(first, ZoneInfo(zone)) == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert hours(first, zone) == length


@pytest.mark.parametrize(("year", "every"), [(2026, 1), (2024, 7), (2011, 7)])
def test_p15_days_tile_the_time_line_in_every_zone(year: int, every: int) -> None:
    """Each day begins where its date first shows on the wall, and none begins before the one before it."""
    for name in ZONES[::every]:
        zone = ZoneInfo(name)
        bounds = Window(date(year, 1, 1), date(year + 1, 1, 1), name).bounds
        assert len(bounds) == (date(year + 1, 1, 1) - date(year, 1, 1)).days + 1
        for n, (start, end) in enumerate(pairwise(bounds)):
            length = end - start
            if length == DAY:
                continue
            day = date(year, 1, 1) + n * DAY
            assert timedelta(0) <= length <= timedelta(hours=26), (name, day)
            assert start.astimezone(zone).date() >= day, (name, day)
            assert (start - timedelta(seconds=1)).astimezone(zone).date() < day, (name, day)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), moments)
def test_p15_each_moment_is_in_one_day(name: str, moment: datetime) -> None:
    zone = ZoneInfo(name)
    day = local_day(moment, zone)
    assert day_start(day, zone) <= moment < day_start(day + DAY, zone)
    assert day - moment.astimezone(zone).date() in (timedelta(0), DAY)


def test_p15_yesterday_on_the_wall_again_still_is_today() -> None:
    """St. John's set its clocks back at 00:01."""
    zone = ZoneInfo("America/St_Johns")
    moment = datetime(2006, 10, 29, 2, 45, tzinfo=UTC)
    assert moment.astimezone(zone).date() == date(2006, 10, 28)
    assert local_day(moment, zone) == date(2006, 10, 29)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), moments, st.one_of(st.none(), st.integers(1, 31)), st.sampled_from(Period))
def test_p13_windows_tile_the_time_line(zone: str, now: datetime, anchor: int | None, period: Period) -> None:
    current = window(period, now, zone, anchor)
    if period is Period.PREVIOUS:
        assert current.ends_at == window(Period.CURRENT, now, zone, anchor).starts_at
        assert current.ends_at <= now
        period, now = Period.CURRENT, current.starts_at
    assert current.starts_at <= now < current.ends_at
    following = window(period, current.ends_at, zone, anchor)
    assert (following.first, following.zone) == (current.end, zone)
    last = window(period, current.ends_at - timedelta(microseconds=1), zone, anchor)
    assert last.first == current.first
    before = window(Period.PREVIOUS, now, zone, anchor) if period is Period.CURRENT else None
    assert before is None or before.end == current.first


@pytest.mark.parametrize("zone", ["America/Santiago", "Asia/Beirut", "Pacific/Apia", "Europe/Berlin"])
@pytest.mark.parametrize("anchor", [1, 8, 29, 30, 31])
def test_p13_a_year_of_windows_is_without_gaps(zone: str, anchor: int) -> None:
    moment, starts = datetime(2011, 1, 15, tzinfo=UTC), []
    for _ in range(14):
        current = window(Period.CURRENT, moment, zone, anchor)
        starts.append(current.first)
        moment = current.ends_at
        assert bisect_right(current.bounds, current.starts_at) in (1, 2)
    assert all(before < after for before, after in pairwise(starts))
    assert all(start.day <= anchor for start in starts)


@pytest.mark.parametrize(
    ("now", "anchor", "current", "previous"),
    [
        ("2026-03-15", 31, ("2026-02-28", "2026-03-31"), ("2026-01-31", "2026-02-28")),
        ("2026-02-28", 31, ("2026-02-28", "2026-03-31"), ("2026-01-31", "2026-02-28")),
        ("2028-02-29", 30, ("2028-02-29", "2028-03-30"), ("2028-01-30", "2028-02-29")),
        ("2026-04-30", 31, ("2026-04-30", "2026-05-31"), ("2026-03-31", "2026-04-30")),
        ("2026-01-10", 15, ("2025-12-15", "2026-01-15"), ("2025-11-15", "2025-12-15")),
        ("2026-01-15", 15, ("2026-01-15", "2026-02-15"), ("2025-12-15", "2026-01-15")),
        ("2026-01-31", None, ("2026-01-01", "2026-02-01"), ("2025-12-01", "2026-01-01")),
    ],
)
def test_p13_billing_periods(
    now: str, anchor: int | None, current: tuple[str, str], previous: tuple[str, str]
) -> None:
    noon = datetime.fromisoformat(f"{now}T12:00+00:00")
    for period, expected in ((Period.CURRENT, current), (Period.PREVIOUS, previous)):
        found = window(period, noon, "Europe/Berlin", anchor)
        assert (found.first.isoformat(), found.end.isoformat()) == expected


def test_p13_the_last_second_of_a_month_is_local() -> None:
    found = window(Period.CURRENT, datetime(2026, 4, 30, 22, tzinfo=UTC), "Europe/Berlin", None)
    assert found.first == date(2026, 5, 1)


def test_p13_the_year_is_the_local_calendar_year() -> None:
    found = window(Period.YEAR, datetime(2025, 12, 31, 11, tzinfo=UTC), "Pacific/Kiritimati", 31)
    assert (found.first, found.end) == (date(2026, 1, 1), date(2027, 1, 1))
    assert len(found.days) == 365


@pytest.mark.parametrize("text", [None, "", "CURRENT", "week", "'; DROP", "current"])
def test_p13_an_unknown_period_is_the_current_one(text: str | None) -> None:
    assert Period.read(text) is Period.CURRENT


def test_p13_known_periods() -> None:
    assert (Period.read("previous"), Period.read("year")) == (Period.PREVIOUS, Period.YEAR)
