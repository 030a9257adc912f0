"""P25, P26: everything a person reads, in both languages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from babel.numbers import format_currency, format_decimal
from hypothesis import given
from hypothesis import strategies as st

from components import words

EN = words.reader("en", "Europe/Berlin")
DE = words.reader("de", "Europe/Berlin")
NOW = datetime(2026, 11, 22, 14, 20, tzinfo=UTC)  # 15:20 in Berlin, a Sunday
NBSP = "\u00a0"


def local(day: int, hour: int, minute: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=EN.tz).astimezone(UTC)


@pytest.mark.parametrize(
    ("wh", "live", "past", "german"),
    [
        (0, "0.00", "0.0 kWh", "0,0 kWh"),
        (5, "0.00", "0.0 kWh", "0,0 kWh"),
        (12_456, "12.46", "12.5 kWh", "12,5 kWh"),
        (12_465, "12.46", "12.5 kWh", "12,5 kWh"),  # half to even, as Babel does
        (18_449, "18.45", "18.4 kWh", "18,4 kWh"),
        (1_234_567, "1,234.57", "1,234.6 kWh", "1.234,6 kWh"),
        (None, "—", "—", "—"),
    ],
)
def test_p7_p26_energy(wh: int | None, live: str, past: str, german: str) -> None:
    assert (EN.live_kwh(wh), EN.kwh(wh), DE.kwh(wh)) == (live, past, german)


@given(st.integers(0, 10**10))
def test_p7_the_live_energy_never_falls_by_rounding(wh: int) -> None:
    first, second = (Decimal(EN.live_kwh(value).replace(",", "")) for value in (wh, wh + 1))
    assert first <= second


@given(st.integers(-(10**12), 10**12), st.integers(0, 3))
@pytest.mark.parametrize("reader", [EN, DE], ids=["en", "de"])
def test_p26_the_short_cut_writes_what_babel_writes(reader: words.Reader, scaled: int, digits: int) -> None:
    pattern = "#,##0." + "0" * digits if digits else "#,##0"
    expected = format_decimal(Decimal(scaled).scaleb(-digits), pattern, locale=reader.locale)
    assert reader._number(scaled, digits) == expected


@given(st.integers(-(10**9), 10**9), st.sampled_from(["EUR", "USD", "GBP"]))
@pytest.mark.parametrize("reader", [EN, DE], ids=["en", "de"])
def test_p26_money_is_written_as_babel_writes_it(reader: words.Reader, minor: int, currency: str) -> None:
    expected = format_currency(Decimal(minor) / 100, currency, locale=reader.locale)
    assert reader.money(minor, currency) == expected


@pytest.mark.parametrize(
    ("watts", "power", "rated"),
    [
        (7_249, "7.2 kW", "7.2 kW"),
        (0, "0.0 kW", "0 kW"),
        (22_000, "22.0 kW", "22 kW"),
        (99_949, "99.9 kW", "99.9 kW"),
        (99_960, "100 kW", "100 kW"),
        (142_500, "142 kW", "142 kW"),
        (None, "—", "—"),
    ],
)
def test_p26_power_has_a_decimal_below_100_kw(watts: int | None, power: str, rated: str) -> None:
    assert (EN.kw(watts), EN.rated_kw(watts)) == (power, rated)


@pytest.mark.parametrize(
    ("minor", "currency", "english", "german"),
    [
        (347, "EUR", "€3.47", f"3,47{NBSP}€"),
        (1_234, "JPY", "¥1,234", f"1.234{NBSP}¥"),
        (1_234_567, "KWD", f"KWD{NBSP}1,234.567", f"1.234,567{NBSP}KWD"),
        (-205, "EUR", "-€2.05", f"-2,05{NBSP}€"),
        (0, "CHF", f"CHF{NBSP}0.00", f"0,00{NBSP}CHF"),
        (None, "EUR", "—", "—"),
        (5, None, "—", "—"),
    ],
)
def test_p25_money_has_the_decimals_of_its_currency(
    minor: int | None, currency: str | None, english: str, german: str
) -> None:
    assert (EN.money(minor, currency), DE.money(minor, currency)) == (english, german)


def test_p7_an_estimate_is_marked() -> None:
    assert EN.estimate(347, "EUR") == "≈ €3.47"
    assert DE.estimate(347, "EUR") == f"≈ 3,47{NBSP}€"
    assert EN.estimate(None, "EUR") == "—"


@pytest.mark.parametrize(
    ("parts", "currency", "price"),
    [
        (2_800, "EUR", "€0.28"),
        (2_845, "EUR", "€0.2845"),
        (2_850, "EUR", "€0.285"),
        (350_000, "JPY", "¥35"),
        (355_000, "JPY", "¥35.5"),
        (280, "KWD", f"KWD{NBSP}0.028"),
    ],
)
def test_p17_a_price_has_up_to_four_decimals(parts: int, currency: str, price: str) -> None:
    assert EN.price(parts, currency) == price


def test_p17_an_amount_agreed_on_has_no_needless_decimals() -> None:
    assert (EN.whole_kwh(200_000), EN.whole_kwh(12_500)) == ("200 kWh", "12.5 kWh")


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(hours=1, minutes=38, seconds=59), "1 h 38 min"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(hours=26, minutes=5), "26 h 5 min"),
        (timedelta(seconds=59), "< 1 min"),
        (timedelta(0), "< 1 min"),
        (timedelta(minutes=-3), "< 1 min"),
    ],
)
def test_p10_durations(length: timedelta, text: str) -> None:
    assert (EN.duration(length), DE.duration(length)) == (text, text)


def test_p12_far_times_are_told_in_days() -> None:
    assert EN.length(timedelta(hours=47, minutes=59)) == "47 h 59 min"
    assert (EN.length(timedelta(days=2)), DE.length(timedelta(days=3))) == ("2 days", "3 Tage")


@pytest.mark.parametrize(
    ("length", "english", "german"),
    [
        (timedelta(seconds=20), "just now", "gerade eben"),
        (timedelta(minutes=5), "5 min ago", "vor 5 min"),
        (timedelta(hours=3, minutes=50), "3 h ago", "vor 3 h"),
        (timedelta(days=3), "3 days ago", "vor 3 Tagen"),
    ],
)
def test_p19_last_seen(length: timedelta, english: str, german: str) -> None:
    assert (EN.ago(NOW - length, NOW), DE.ago(NOW - length, NOW)) == (english, german)


@pytest.mark.parametrize(
    ("start", "end", "english", "german"),
    [
        (local(22, 13, 2), local(22, 14, 40), "Today, 13:02–14:40", "Heute, 13:02–14:40"),
        (local(21, 18, 2), local(21, 19, 40), "Yesterday, 18:02–19:40", "Gestern, 18:02–19:40"),
        (
            local(20, 23, 10),
            local(21, 1, 25),
            "Fri, Nov 20 · 23:10–01:25 +1",
            "Fr., 20. Nov. · 23:10–01:25 +1",
        ),
        (local(22, 13, 2), None, "Today, 13:02–", "Heute, 13:02–"),
        (
            local(1, 9, 0, 3),
            local(3, 8, 0, 3),
            "Sun, Mar 1 · 09:00–08:00 +2",
            "So., 1. März · 09:00–08:00 +2",
        ),
    ],
)
def test_p10_days_and_times(start: datetime, end: datetime | None, english: str, german: str) -> None:
    """Local times; over midnight `+1`."""
    assert (EN.span(start, end, NOW), DE.span(start, end, NOW)) == (english, german)


def test_p10_an_hour_that_repeats_is_told_apart() -> None:
    start = datetime(2026, 10, 25, 0, 40, tzinfo=UTC)
    assert DE.times(start, start + timedelta(minutes=30)) == "02:40 MESZ–02:10 MEZ"
    assert EN.times(start, start + timedelta(minutes=30)) == "02:40 CEST–02:10 CET"


def test_p10_another_year_is_named() -> None:
    assert EN.day(date(2025, 1, 3), NOW) == "Fri, Jan 3, 2025"
    assert EN.day(date(2026, 11, 23), NOW) == "Tomorrow"


def test_p8_the_time_of_a_reading() -> None:
    assert EN.moment(NOW - timedelta(minutes=18), NOW) == "15:02"
    assert EN.moment(NOW - timedelta(hours=16), NOW) == "yesterday, 23:20"  # as in "Last reading yesterday"
    assert DE.moment(NOW + timedelta(hours=16), NOW) == "morgen, 07:20"


def test_p13_the_dates_of_a_period() -> None:
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    assert EN.dates(first, last).replace("\u2009", " ") == "Nov 1 – 30, 2026"
    assert DE.dates(first, last) == "1.–30. Nov. 2026"
    assert EN.dates(first, first) == "Nov 1, 2026"


def test_p25_a_zone_moves_the_day() -> None:
    tokyo = words.reader("en", "Asia/Tokyo")
    assert tokyo.span(NOW, NOW + timedelta(hours=1), NOW) == "Today, 23:20–00:20 +1"
    assert EN.time(NOW) == "15:20"


def test_p25_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        EN.time(datetime(2026, 11, 22, 14, 20))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("language", "zone"), [("xx", "Nowhere/At_All"), (None, None), ("", "../etc/passwd")]
)
def test_p26_an_unknown_language_or_zone_breaks_no_page(language: str | None, zone: str | None) -> None:
    reader = words.reader(language, zone)
    assert (reader.language.code, reader.zone) == ("en", "UTC")


def test_p26_a_country_does_not_hide_the_language() -> None:
    assert words.reader("de-AT", "Europe/Vienna").language.code == "de"


def test_p25_zones_to_choose_from() -> None:
    zones = words.zones()
    assert zones[0] == "UTC"
    assert {"Europe/Berlin", "America/Santiago", "Asia/Kathmandu"} <= set(zones)
    assert not any(zone.startswith(("Etc/", "SystemV/", "posix")) for zone in zones)


@pytest.mark.parametrize(
    ("count", "english", "german"),
    [(1, "1 kB", "1 kB"), (12_499, "12 kB", "12 kB"), (3_449_999, "3.4 MB", "3,4 MB")],
)
def test_p26_file_sizes(count: int, english: str, german: str) -> None:
    assert EN.file_size(count) == english
    assert DE.file_size(count) == german
