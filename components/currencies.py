"""The currencies to choose from, and a first guess of one."""

from __future__ import annotations

from functools import cache

from babel.core import get_global
from babel.numbers import get_currency_name, get_territory_currencies

from components.words import Reader

FALLBACK = "EUR"


@cache
def currencies() -> tuple[str, ...]:
    """The ISO 4217 codes of those that are legal tender somewhere today."""
    found = {code for place in get_global("territory_currencies") for code in get_territory_currencies(place)}
    return tuple(sorted(found))


def currency_of(zone: str) -> str:
    """The currency of the country that the time zone *zone* is in."""
    zone = get_global("zone_aliases").get(zone, zone)
    place = get_global("zone_territories").get(zone)
    here = get_territory_currencies(place) if place else []
    return here[0] if here else FALLBACK


@cache
def named_currencies(reader: Reader) -> dict[str, str]:
    """Each code with its name in the reader's language."""
    return {code: f"{code} · {get_currency_name(code, locale=reader.locale)}" for code in currencies()}
