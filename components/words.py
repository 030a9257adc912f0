"""Numbers, money, time and texts as a person reads them: the one place for it (P25, P26). Pure.

A `Reader` is who reads: a language and a time zone. Everything that can be seen goes through its
methods; they take what the program counts in (Wh, W, minor units, UTC) and give text.

Babel's data decide everything. Plain numbers take a short cut past Babel's pattern machinery,
because each reading formats some for each page that shows it; a test holds both against each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton, get_timezone_name
from babel.numbers import format_currency, format_decimal

from components.texts import FALLBACK, Language, languages
from data.money import minor_digits

UNKNOWN = "—"
"""Stands where a value is not known; never 0 (P7)."""
ESTIMATE = "≈"
FALLBACK_ZONE = "UTC"
FAR = timedelta(days=2)
"""From here on a length of time is told in days."""


@dataclass(frozen=True, eq=False)
class Reader:
    """Somebody who reads: make one with `reader`."""

    language: Language
    zone: str
    locale: Locale
    tz: ZoneInfo
    group: str
    point: str
    short_cut: bool
    """The language writes 1,234.5 with western digits and groups of three."""

    # texts

    def text(self, key: str, **values: object) -> str:
        """The text of *key* with *values* filled in. Raises ``KeyError`` for an unknown key."""
        text = self.language.texts[key]
        if isinstance(text, Mapping):
            raise KeyError(f"{key} has plural forms: ask for them with count()")
        return text.format(**values) if values else text

    def knows(self, key: str) -> bool:
        """True if there is a text of *key*."""
        return key in self.language.texts

    def count(self, key: str, number: int, *, told: str = "", **values: object) -> str:
        """The text of *key* in the plural form of *number*, which fills ``{n}``, or is *told* so there."""
        forms = self.language.texts[key]
        if isinstance(forms, str):
            raise KeyError(f"{key} has no plural forms: ask for it with text()")
        form = forms.get(self.locale.plural_form(number), forms["other"])
        return form.format(n=told or self.integer(number), **values)

    # numbers

    def integer(self, number: int) -> str:
        """A whole number, grouped."""
        return self._number(number, 0)

    def _number(self, scaled: int, digits: int) -> str:
        """The number *scaled* / 10 ** *digits*, with exactly that many decimals."""
        if not self.short_cut or scaled < 0:
            pattern = "#,##0." + "0" * digits if digits else "#,##0"
            return format_decimal(Decimal(scaled).scaleb(-digits), pattern, locale=self.locale)
        whole, part = divmod(scaled, 10**digits)
        text = f"{whole:,}".replace(",", self.group) if whole > 999 else str(whole)
        return f"{text}{self.point}{part:0{digits}d}" if digits else text

    def live_kwh(self, wh: int | None) -> str:
        """Energy in progress without its unit, 2 decimals: `12.46`."""
        return UNKNOWN if wh is None else self._number(_scaled(wh, 1000, 2), 2)

    def kwh(self, wh: int | None) -> str:
        """Energy of the past, 1 decimal: `18.4 kWh`."""
        return UNKNOWN if wh is None else f"{self._number(_scaled(wh, 1000, 1), 1)} kWh"

    def billed_kwh(self, wh: int | None) -> str:
        """Energy with a price beside it, to the Wh where that is needed: `24.75 kWh`, `24.751 kWh`."""
        if wh is None:
            return UNKNOWN
        return f"{self._number(wh // 10, 2) if wh % 10 == 0 else self._number(wh, 3)} kWh"

    def whole_kwh(self, wh: int) -> str:
        """An amount agreed on, without decimals where it has none: `200 kWh`, `12.5 kWh`."""
        return f"{self._number(wh // 1000, 0)} kWh" if wh % 1000 == 0 else self.kwh(wh)

    def kw(self, watts: int | None) -> str:
        """Power now, 1 decimal, from 100 on none: `7.2 kW`, `142 kW`."""
        if watts is None:
            return UNKNOWN
        tenths = _scaled(watts, 1000, 1)
        text = self._number(tenths, 1) if abs(tenths) < 1000 else self._number(_scaled(watts, 1000, 0), 0)
        return f"{text} kW"

    def rated_kw(self, watts: int | None) -> str:
        """What a connector can do at most: `11 kW`, `3.7 kW`."""
        if watts is not None and watts % 1000 == 0:
            return f"{self._number(watts // 1000, 0)} kW"
        return self.kw(watts)

    def file_size(self, count: int) -> str:
        """About how large a file of *count* bytes is: `12 kB`, `3.4 MB`, `76.1 GB`."""
        if count < 1_000_000:
            return f"{self._number(max(1, _scaled(count, 1_000, 0)), 0)} kB"
        if count < 1_000_000_000:
            return f"{self._number(_scaled(count, 1_000_000, 1), 1)} MB"
        return f"{self._number(_scaled(count, 1_000_000_000, 1), 1)} GB"

    # money

    def money(self, minor: int | None, currency: str | None) -> str:
        """An amount in minor units of *currency*, with its decimals: `€3.47`, `¥347`."""
        if minor is None or currency is None:
            return UNKNOWN
        digits = minor_digits(currency)
        if minor < 0 or not self.short_cut:
            return _money(self.locale, Decimal(minor).scaleb(-digits), currency, digits, digits)
        before, after = _around(self.locale, currency, digits)
        return before + self._number(minor, digits) + after

    def estimate(self, minor: int | None, currency: str | None) -> str:
        """As `money`, marked as an estimate: `≈ €3.47`."""
        amount = self.money(minor, currency)
        return amount if amount == UNKNOWN else f"{ESTIMATE} {amount}"

    def price(self, parts: int, currency: str) -> str:
        """A price of 1/10,000 of *currency*'s major unit, up to 4 decimals: `€0.28`, `€0.2845`."""
        amount = Decimal(parts).scaleb(-4)
        return _money(self.locale, amount, currency, min(minor_digits(currency), 4), 4)

    # time

    def local(self, moment: datetime) -> datetime:
        """*moment* in the reader's zone. Raises ``ValueError`` for a naive one."""
        if moment.tzinfo is None:
            raise ValueError(f"a moment needs a zone: {moment!r}")
        return moment.astimezone(self.tz)

    def time(self, moment: datetime) -> str:
        """The local time of day, 24 hours: `14:02`."""
        local = self.local(moment)
        return f"{local.hour:02d}:{local.minute:02d}"

    def day(self, day: date, now: datetime) -> str:
        """`Today`, `Yesterday`, `Tomorrow`, else `Sat, Nov 21`; with the year if it is another."""
        today = self.local(now).date()
        if (key := _NEAR.get((day - today).days)) is not None:
            return self.text(key)
        return _skeleton(self.locale, "MMMEd" if day.year == today.year else "yMMMEd", day)

    def moment(self, moment: datetime, now: datetime) -> str:
        """`14:02` if it is today, else with its day, as within a sentence: `yesterday, 14:02`."""
        day, time = self.local(moment).date(), self.time(moment)
        near = _NEAR.get((day - self.local(now).date()).days)
        if near == "day.today":
            return time
        return self.parted(day, time, now) if near is None else self.text(_WITHIN[near], time=time)

    def times(self, start: datetime, end: datetime | None) -> str:
        """`18:02–19:40`; over midnight `23:10–01:25 +1`; without an end `18:02–`."""
        if end is None:
            return f"{self.time(start)}–"
        first, last = self.local(start), self.local(end)
        text = f"{self.time(start)}–{self.time(end)}"
        days = (last.date() - first.date()).days
        if days > 0:
            return f"{text} +{days}"
        if last.replace(tzinfo=None) < first.replace(tzinfo=None):
            # An hour that repeats makes the end look earlier than the start: say which of the two each is.
            return f"{self.time(start)} {self._offset(first)}–{self.time(end)} {self._offset(last)}"
        return text

    def span(self, start: datetime, end: datetime | None, now: datetime) -> str:
        """Day and times: `Today, 18:02–19:40`, `Sat, Nov 21 · 18:02–19:40`."""
        return self.parted(self.local(start).date(), self.times(start, end), now)

    def parted(self, day: date, times: str, now: datetime) -> str:
        """*times* behind their day, parted so that neither is taken for a part of the other."""
        near = (day - self.local(now).date()).days in _NEAR
        return f"{self.day(day, now)}{', ' if near else ' · '}{times}"

    def full_date(self, day: date) -> str:
        """`Nov 21, 2026`."""
        return _skeleton(self.locale, "yMMMd", day)

    def long_date(self, day: date) -> str:
        """`Saturday, November 21, 2026`."""
        return _long(self.locale, day)

    def short_date(self, day: date) -> str:
        """`Nov 21`."""
        return _skeleton(self.locale, "MMMd", day)

    def weekday_date(self, day: date) -> str:
        """`Sat, Nov 21`."""
        return _skeleton(self.locale, "MMMEd", day)

    def month(self, day: date) -> str:
        """`Nov`."""
        return _skeleton(self.locale, "LLL", day)

    def weekday(self, day: date) -> str:
        """`Sat`."""
        return _skeleton(self.locale, "ccc", day)

    def dates(self, first: date, last: date) -> str:
        """The days from *first* to *last*, both meant: `Nov 1 – 30, 2026`."""
        return _interval(self.locale, first, last)

    def duration(self, length: timedelta) -> str:
        """`1 h 38 min`, `12 min`, `< 1 min`; seconds are cut off. A negative one counts as none."""
        minutes = max(0, length // timedelta(minutes=1))
        if not minutes:
            return self.text("duration.under_a_minute")
        hours, minutes = divmod(minutes, 60)
        parts = [self.text("duration.hours", n=self.integer(hours))] if hours else []
        if minutes:
            parts.append(self.text("duration.minutes", n=minutes))
        return " ".join(parts)

    def distance(self, length: timedelta) -> str:
        """A length of time as one counts it from afar: `12 min`, `5 h`, from two days on `3 days`."""
        if length >= FAR:
            return self.count("duration.days", length // timedelta(days=1))
        if length >= timedelta(hours=1):
            return self.text("duration.hours", n=length // timedelta(hours=1))
        return self.duration(length)

    def length(self, length: timedelta) -> str:
        """As `duration`, from two days on in days: `16 h 10 min`, `3 days`."""
        return self.distance(length) if length >= FAR else self.duration(length)

    def ago(self, moment: datetime, now: datetime) -> str:
        """`3 h ago`; within the last minute `just now`."""
        length = now - moment
        if length < timedelta(minutes=1):
            return self.text("duration.just_now")
        if length >= FAR:
            return self.count("duration.days_ago", length // timedelta(days=1))
        return self.text("duration.ago", distance=self.distance(length))

    def _offset(self, local: datetime) -> str:
        name: str = get_timezone_name(local, width="short", locale=self.locale)
        return local.tzname() or name if name[:1] in "+-" else name


@lru_cache(maxsize=1024)
def reader(language: str | None, zone: str | None) -> Reader:
    """Who reads *language* (`de`, also `de-AT`) in *zone* (IANA).

    What is unknown or missing becomes English and UTC: an old account must not break its pages.
    """
    known = languages()
    chosen = known.get(language or "") or known.get((language or "").split("-")[0].lower())
    chosen = chosen or known[FALLBACK]
    locale = Locale.parse(chosen.locale)
    try:
        tz = ZoneInfo(zone or FALLBACK_ZONE)
    except (KeyError, ValueError, OSError):
        tz = ZoneInfo(FALLBACK_ZONE)
    digits = locale.default_numbering_system
    symbols = locale.number_symbols.get(digits) or locale.number_symbols["latn"]
    plain = digits == "latn" and locale.decimal_formats[None].pattern == "#,##0.###"
    return Reader(chosen, tz.key, locale, tz, symbols["group"], symbols["decimal"], plain)


@cache
def zones() -> tuple[str, ...]:
    """The time zones to choose from, by name: places, and UTC."""
    regions = {"Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia"}
    regions |= {"Europe", "Indian", "Pacific"}
    return ("UTC", *sorted(name for name in available_timezones() if name.split("/")[0] in regions))


_GLUED = re.compile(r"([A-Za-z])(\d)")
_NEAR = {-1: "day.yesterday", 0: "day.today", 1: "day.tomorrow"}
_WITHIN = {"day.yesterday": "moment.yesterday", "day.tomorrow": "moment.tomorrow"}


def _scaled(value: int, unit: int, digits: int) -> int:
    """*value* / *unit* in steps of 10 ** -*digits*, half to even, without floats."""
    step: int = 10**digits
    whole, rest = divmod(abs(value) * step, unit)
    if rest * 2 > unit or (rest * 2 == unit and whole % 2):
        whole += 1
    return whole if value >= 0 else -whole


def _money(locale: Locale, amount: Decimal, currency: str, least: int, most: int) -> str:
    whole = locale.currency_formats["standard"].pattern
    digits = "0." + "0" * least + "#" * (most - least) if most else "0"
    pattern = whole.replace("0.00", digits)
    text: str = format_currency(amount, currency.upper(), pattern, locale=locale, currency_digits=False)
    # CLDR parts a code of letters from the digits; Babel does not: "KWD1.234".
    return _GLUED.sub("\\1\u00a0\\2", text)


@lru_cache(maxsize=256)
def _around(locale: Locale, currency: str, digits: int) -> tuple[str, str]:
    """What stands before and after the digits of an amount."""
    text = _money(locale, Decimal(0), currency, digits, digits)
    first = text.index("0")
    return text[:first], text[text.rindex("0") + 1 :]


@lru_cache(maxsize=4096)
def _skeleton(locale: Locale, skeleton: str, day: date) -> str:
    if skeleton in ("LLL", "ccc"):
        return format_date(day, skeleton, locale=locale)
    return format_skeleton(skeleton, datetime(day.year, day.month, day.day, tzinfo=UTC), locale=locale)


@lru_cache(maxsize=1024)
def _long(locale: Locale, day: date) -> str:
    return format_date(day, "full", locale=locale)


@lru_cache(maxsize=1024)
def _interval(locale: Locale, first: date, last: date) -> str:
    if first == last:
        return _skeleton(locale, "yMMMd", first)
    return format_interval(first, last, "yMMMd", locale=locale)
