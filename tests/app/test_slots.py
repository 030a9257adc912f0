"""Issue: time-of-day windows in the site's zone, over midnight and over both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.slots import slots

BERLIN = "Europe/Berlin"
NIGHT = ({"from_minute": 22 * 60, "to_minute": 6 * 60, "price_per_kwh": 1_900},)
ODD = ({"from_minute": 22 * 60, "to_minute": 2 * 60 + 30, "price_per_kwh": 1_900},)
"""Ends in the hour that Berlin skips, or has twice."""
TWO = (
    {"from_minute": 0, "to_minute": 360, "price_per_kwh": 1},
    {"from_minute": 360, "to_minute": 720, "price_per_kwh": 2},
)


def told(
    windows: tuple[dict[str, int], ...], start: str, end: str, zone: str
) -> list[tuple[str, int | None]]:
    """When each slot begins, on the wall, and its price."""
    local = ZoneInfo(zone)
    first, last = (
        datetime.fromisoformat(text).replace(tzinfo=local).astimezone(UTC) for text in (start, end)
    )
    return [
        (one.starts_at.astimezone(local).strftime("%d %H:%M %z"), one.price)
        for one in slots(windows, first, last, zone)
    ]


@pytest.mark.parametrize(
    ("windows", "start", "end", "zone", "found"),
    [
        ((), "2026-11-22 12:00", "2026-11-24 12:00", BERLIN, [("22 12:00 +0100", None)]),
        (NIGHT, "2026-11-22 12:00", "2026-11-22 13:00", BERLIN, [("22 12:00 +0100", None)]),
        (
            NIGHT,
            "2026-11-22 21:00",
            "2026-11-23 07:00",
            BERLIN,
            [("22 21:00 +0100", None), ("22 22:00 +0100", 1_900), ("23 06:00 +0100", None)],
        ),
        (
            TWO,
            "2026-11-22 22:00",
            "2026-11-23 22:00",
            BERLIN,
            [
                ("22 22:00 +0100", None),
                ("23 00:00 +0100", 1),
                ("23 06:00 +0100", 2),
                ("23 12:00 +0100", None),
            ],
        ),
        (  # the hour that comes twice: half past two twice, and cheap twice before it
            ODD,
            "2026-10-24 23:00",
            "2026-10-25 12:00",
            BERLIN,
            [
                ("24 23:00 +0200", 1_900),
                ("25 02:30 +0200", None),
                ("25 02:00 +0100", 1_900),
                ("25 02:30 +0100", None),
            ],
        ),
        (  # the one that is skipped: what ends in it ends with it
            ODD,
            "2026-03-28 23:00",
            "2026-03-29 12:00",
            BERLIN,
            [("28 23:00 +0100", 1_900), ("29 03:00 +0200", None)],
        ),
        (  # midnight itself is skipped
            ({"from_minute": 0, "to_minute": 60, "price_per_kwh": 7},),
            "2026-09-05 22:00",
            "2026-09-06 12:00",
            "America/Santiago",
            [("05 22:00 -0400", None)],
        ),
    ],
)
def test_windows(
    windows: tuple[dict[str, int], ...], start: str, end: str, zone: str, found: list[tuple[str, int | None]]
) -> None:
    assert told(windows, start, end, zone) == found


@given(
    st.integers(0, 364 * 1_440),
    st.integers(1, 4_000),
    st.sampled_from([BERLIN, "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.integers(0, 1_439),
    st.integers(0, 1_439),
)
def test_each_minute_has_the_price_of_its_wall(
    start: int, minutes: int, zone: str, first: int, end: int
) -> None:
    """Slots tile the time, and say of each minute what a look at the site's clock says."""
    begin = datetime(2026, 1, 1, tzinfo=UTC) + start * timedelta(minutes=1)
    windows = ({"from_minute": first, "to_minute": end, "price_per_kwh": 5},)
    found = list(slots(windows, begin, begin + minutes * timedelta(minutes=1), zone))
    assert found[0].starts_at == begin
    assert found[-1].ends_at == begin + minutes * timedelta(minutes=1)
    for before, after in pairwise(found):
        assert before.ends_at == after.starts_at
        assert before.price != after.price
    for slot in found:
        moment = slot.starts_at
        while moment < slot.ends_at:
            wall = moment.astimezone(ZoneInfo(zone))
            minute = wall.hour * 60 + wall.minute
            inside = first <= minute < end if first < end else minute >= first or minute < end
            assert slot.price == (5 if inside else None)
            moment += timedelta(minutes=7)
