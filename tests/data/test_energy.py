"""P15: parts of energy add up to the whole, to the Wh, in every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.energy import EnergySpan, by_day, energy_between, energy_until
from data.periods import Period, Window, day_start, window

ZONES = sorted(available_timezones())
ODD = [
    ("America/Santiago", date(2024, 9, 8)),
    ("America/Santiago", date(2024, 4, 7)),
    ("Asia/Beirut", date(2026, 3, 29)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Africa/Cairo", date(2026, 10, 30)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Havana", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("America/St_Johns", date(2006, 10, 29)),
    ("America/Toronto", date(1919, 3, 31)),
    ("America/Sitka", date(1867, 10, 19)),
]
places = st.one_of(
    st.sampled_from(ODD),
    st.tuples(st.sampled_from(ZONES), st.dates(date(1990, 1, 1), date(2036, 1, 1))),
)
micros = st.integers(0, 3 * 86_400 * 1_000_000)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def session(start: datetime, parts: list[tuple[int, int, int]]) -> list[EnergySpan]:
    """Spans one after the other: a pause, a length (µs) and Wh each."""
    spans = []
    for pause, length, energy in parts:
        start += timedelta(microseconds=pause)
        spans.append(EnergySpan(start, start + timedelta(microseconds=length), energy))
        start = spans[-1].ended_at
    return spans


sessions = st.lists(st.tuples(st.integers(0, 10**10), micros, st.integers(0, 90_000)), min_size=1, max_size=6)


@settings(max_examples=400, deadline=None)
@given(places, st.integers(-4 * 86_400, 86_400), sessions)
def test_p15_the_days_of_a_session_add_up_to_the_session(
    place: tuple[str, date], offset: int, parts: list[tuple[int, int, int]]
) -> None:
    zone, day = place
    spans = session(day_start(day, ZoneInfo(zone)) + timedelta(seconds=offset), parts)
    last = max((spans[-1].ended_at - spans[0].started_at).days + 8, 8)
    whole = Window(day - timedelta(days=7), day + timedelta(days=last), zone)
    bars = by_day(spans, whole)
    assert len(bars) == len(whole.days)
    assert min(bars) >= 0
    assert sum(bars) == sum(span.energy_wh for span in spans)
    for (start, end), bar in zip(pairwise(whole.bounds), bars, strict=True):
        assert bar == energy_between(spans, start, end)


@settings(max_examples=300, deadline=None)
@given(
    places,
    st.lists(st.tuples(st.integers(-90 * 86_400, 30 * 86_400), sessions), max_size=5),
    st.sampled_from(Period),
    st.integers(1, 31),
)
def test_p13_p15_bars_add_up_to_the_total_and_adjacent_windows_add_up(
    place: tuple[str, date], many: list[tuple[int, list[tuple[int, int, int]]]], period: Period, anchor: int
) -> None:
    zone, day = place
    now = day_start(day, ZoneInfo(zone)) + timedelta(hours=12)
    spans = [span for offset, parts in many for span in session(now + timedelta(seconds=offset), parts)]
    this = window(period, now, zone, anchor)
    bars = by_day(spans, this)
    assert sum(bars) == energy_between(spans, this.starts_at, this.ends_at)
    following = window(period, this.ends_at, zone, anchor) if period is not Period.PREVIOUS else this
    if following is not this:
        both = Window(this.first, following.end, zone)
        assert bars + by_day(spans, following) == by_day(spans, both)
        assert sum(by_day(spans, both)) == sum(bars) + sum(by_day(spans, following))


@settings(max_examples=300, deadline=None)
@given(sessions, st.integers(-(10**9), 10**12), st.integers(0, 10**9))
def test_p15_the_cumulative_never_falls(parts: list[tuple[int, int, int]], at: int, more: int) -> None:
    spans = session(utc("2026-05-01T12:00"), parts)
    moment = utc("2026-05-01T12:00") + timedelta(microseconds=at)
    assert 0 <= energy_until(spans, moment) <= energy_until(spans, moment + timedelta(microseconds=more))
    assert energy_until(spans, spans[0].started_at) == 0
    assert energy_until(spans, spans[-1].ended_at + timedelta(microseconds=1)) == sum(
        span.energy_wh for span in spans
    )


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 90_000), st.integers(1, 10**11), st.integers(0, 10**11), st.integers(2, 9))
def test_p15_a_session_in_one_day_needs_no_steps(energy: int, length: int, offset: int, parts: int) -> None:
    """Cut or whole, what lies within one local day is that day's."""
    start = utc("2026-05-03T22:00") + timedelta(microseconds=offset % (86_400 * 10**6 - 1))
    end = min(start + timedelta(microseconds=length), utc("2026-05-04T22:00"))
    cuts = [start + (end - start) * n / parts for n in range(parts + 1)]
    shares = [energy * n // parts for n in range(parts + 1)]
    steps = [EnergySpan(a, b, y - x) for (a, b), (x, y) in zip(pairwise(cuts), pairwise(shares), strict=True)]
    one = Window(date(2026, 5, 3), date(2026, 5, 6), "Europe/Berlin")
    assert by_day(steps, one) == by_day([EnergySpan(start, end, energy)], one) == (0, energy, 0)


def test_p15_energy_is_spread_evenly_and_cut_at_the_local_midnight() -> None:
    night = EnergySpan(utc("2026-05-01T20:00"), utc("2026-05-02T00:00"), 10_001)
    days = by_day([night], Window(date(2026, 5, 1), date(2026, 5, 3), "Europe/Berlin"))
    assert days == (5_001, 5_000)


@pytest.mark.parametrize(
    ("first", "day_wh"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 5, 1), 24)]
)
def test_p15_days_of_23_and_25_hours(first: date, day_wh: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = day_start(first - timedelta(days=1), zone)
    steady = EnergySpan(start, start + timedelta(hours=72), 72)
    days = by_day([steady], Window(first - timedelta(days=1), first + timedelta(days=1), "Europe/Berlin"))
    assert days == (24, day_wh)


def test_p15_a_skipped_day_has_no_energy() -> None:
    """Apia went from 29 to 31 December 2011."""
    steady = EnergySpan(utc("2011-12-29T10:00"), utc("2011-12-31T10:00"), 4_800)
    days = by_day([steady], Window(date(2011, 12, 29), date(2012, 1, 1), "Pacific/Apia"))
    assert days == (2_400, 0, 2_400)


def test_p15_energy_that_took_no_time_is_in_the_day_that_begins_then() -> None:
    midnight = utc("2026-05-01T22:00")
    days = by_day(
        [EnergySpan(midnight, midnight, 7)], Window(date(2026, 5, 1), date(2026, 5, 3), "Europe/Berlin")
    )
    assert days == (0, 7)


def test_p15_energy_that_ended_at_midnight_is_in_the_day_before() -> None:
    span = EnergySpan(utc("2026-05-01T21:00"), utc("2026-05-01T22:00"), 7)
    assert by_day([span], Window(date(2026, 5, 1), date(2026, 5, 3), "Europe/Berlin")) == (7, 0)


def test_p14_only_what_lies_in_the_window_counts() -> None:
    span = EnergySpan(utc("2026-04-29T22:00"), utc("2026-05-03T22:00"), 400)
    assert by_day([span], Window(date(2026, 5, 1), date(2026, 5, 2), "Europe/Berlin")) == (100,)
    assert by_day([span], Window(date(2026, 6, 1), date(2026, 6, 3), "Europe/Berlin")) == (0, 0)
    assert by_day([span], Window(date(2026, 4, 1), date(2026, 4, 3), "Europe/Berlin")) == (0, 0)
