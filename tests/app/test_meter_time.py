"""M13–M15: what chargers call the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.charging.metering.device_time import DRIFT, TimeFlag, read

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


@pytest.mark.parametrize(
    "raw",
    [
        "2026-07-01T11:59:00Z",
        "2026-07-01T11:59:00.000Z",
        "2026-07-01T11:59:00.0000000Z",
        "2026-07-01T13:59:00+02:00",
        "2026-07-01T13:59:00+0200",
        "2026-07-01T11:59Z",
        " 2026-07-01 11:59:00z ",
    ],
)
def test_ways_to_write_a_time(raw: str) -> None:
    assert (read(raw, NOW, BERLIN).at, read(raw, NOW, BERLIN).flags) == (ago(minutes=1), ())


@pytest.mark.parametrize("raw", [None, "", "now", "0", "2026-13-01T00:00:00Z", "9" * 500, "٢", [1]])
def test_an_unreadable_time_is_the_receive_time(raw: str | None) -> None:
    assert (read(raw, NOW, BERLIN).at, read(raw, NOW, BERLIN).flags) == (NOW, (TimeFlag.UNREADABLE,))


@pytest.mark.parametrize(
    "raw", ["1970-01-01T00:00:07Z", "2000-01-01T00:00:00Z", "2020-05-05T10:00:00", "0001-01-02T00:00:00Z"]
)
def test_m13_a_clock_never_set_is_the_receive_time(raw: str) -> None:
    found = read(raw, NOW, BERLIN)
    assert found.at == NOW
    assert TimeFlag.NOT_SET in found.flags


@pytest.mark.parametrize("raw", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_m13_times_at_the_ends_of_the_calendar_do_no_harm(raw: str) -> None:
    assert read(raw, NOW, BERLIN).at == NOW


def test_c13_a_replay_of_weeks_ago_keeps_its_time() -> None:
    found = read("2026-06-01T12:00:00Z", NOW, BERLIN)
    assert (found.at, found.flags) == (ago(days=30), ())


def test_m14_local_time_labelled_z_keeps_its_order_and_is_flagged() -> None:
    """Three readings before the clock is set, one after; the messages come as they are taken."""
    sent = [("2026-07-01T14:00:00Z", 0), ("2026-07-01T14:01:00Z", 1), ("2026-07-01T14:02:00Z", 2)]
    sent += [("2026-07-01T12:03:00Z", 3)]
    found = [read(raw, NOW + timedelta(minutes=minute), BERLIN) for raw, minute in sent]
    assert [time.at for time in found] == [NOW + timedelta(minutes=minute) for minute in range(4)]
    assert [time.flags for time in found] == [(TimeFlag.SKEW,)] * 3 + [()]


def test_m14_local_time_behind_utc_keeps_its_order_and_is_flagged() -> None:
    sent = [("2026-07-01T08:00:00Z", 0), ("2026-07-01T08:01:00Z", 1), ("2026-07-01T12:02:00Z", 2)]
    found = [read(raw, NOW + timedelta(minutes=minute), "America/New_York") for raw, minute in sent]
    assert [time.at for time in found] == sorted(time.at for time in found)
    assert [time.flags for time in found] == [(TimeFlag.SKEW,)] * 2 + [()]


def test_m14_a_time_to_come_by_any_reading_is_the_receive_time() -> None:
    found = read("2031-07-01T12:00:00Z", NOW, BERLIN)
    assert (found.at, found.flags) == (NOW, (TimeFlag.SKEW,))


def test_m14_a_little_drift_is_normal() -> None:
    found = read("2026-07-01T12:02:00Z", NOW, BERLIN)
    assert (found.at, found.flags) == (ago(minutes=-2), ())


def test_m15_a_time_without_zone_is_the_sites() -> None:
    found = read("2026-07-01T13:59:00", NOW, BERLIN)
    assert (found.at, found.flags) == (ago(minutes=1), (TimeFlag.NO_ZONE,))


def test_m15_without_zone_but_to_come_there_it_is_utc() -> None:
    found = read("2026-07-01T11:59:00", NOW, "America/New_York")
    assert found.at == ago(minutes=1)
    assert found.flags == (TimeFlag.NO_ZONE, TimeFlag.SKEW)


@pytest.mark.parametrize("hour", [0, 1])
def test_m15_an_hour_that_comes_twice_is_the_one_nearer_to_the_receipt(hour: int) -> None:
    received = datetime(2026, 10, 25, hour, 31, tzinfo=UTC)
    assert read("2026-10-25T02:30:00", received, BERLIN).at == received - timedelta(minutes=1)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(max_size=40), st.datetimes().map(str), st.datetimes().map(lambda time: f"{time}Z")),
    st.sampled_from(sorted(available_timezones())),
)
def test_any_text_in_any_zone_is_a_moment_not_to_come(raw: str, zone: str) -> None:
    found = read(raw, NOW, zone)
    assert NOW - timedelta(days=401) <= found.at <= NOW + DRIFT
    assert found.at.utcoffset() == timedelta(0)
