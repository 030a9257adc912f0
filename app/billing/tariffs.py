"""What energy costs under a plan's terms: integers in, integers out (P7, P17, P25). Pure.

A price is flat, or it has tiers (another one beyond so many Wh of the billing period), or windows (another
one at times of day). The included amount is used up first, in order of time.

Nothing is rounded but once: what a charge line costs in minor units, half-even. Its parts are what that
sum has grown by with each of them, so they add up to it exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from data.money import divide_half_even, minor_digits

PRICE_SCALE = 10_000
"""`price_per_kwh` counts 1/10,000 of the currency's major unit."""
EXACT_SCALE = 1_000 * PRICE_SCALE
"""An *exact* cost is Wh × price: it counts 1/10,000,000 of the major unit."""


class Terms(Protocol):
    """The terms of a plan that decide a price; `data.queries.plans.CurrentPlan` is one."""

    @property
    def currency(self) -> str:
        """ISO 4217."""

    @property
    def price_per_kwh(self) -> int | None:
        """In 1/10,000 of the major unit, beyond the included amount."""

    @property
    def included_wh(self) -> int | None:
        """Wh a billing period that cost nothing more."""

    @property
    def unlimited(self) -> bool:
        """All energy is included."""

    @property
    def tiers(self) -> Sequence[Mapping[str, int]]:
        """``above_wh`` beyond the included amount and ``price_per_kwh``, ascending."""

    @property
    def windows(self) -> Sequence[Mapping[str, int]]:
        """Other prices at times of day; `app.billing.slots` finds them for a `Slice`."""


class Kind(StrEnum):
    """By what a part got its price."""

    INCLUDED = "included"
    FLAT = "flat"
    TIER = "tier"
    WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Slice:
    """Energy that flowed in one stretch of time."""

    energy_wh: int
    price: int | None = None
    """Of the window that it flowed in; ``None``: in none."""


@dataclass(frozen=True, slots=True)
class Part:
    """Energy of one price."""

    kind: Kind
    energy_wh: int
    price_per_kwh: int
    """As `Terms.price_per_kwh`."""
    amount: int = 0
    """Minor units; the parts of a line add up to its amount."""

    @property
    def exact(self) -> int:
        """Wh × price."""
        return self.energy_wh * self.price_per_kwh


@dataclass(frozen=True, slots=True)
class Priced:
    """What slices cost. ``amount`` is the sum of its parts."""

    parts: tuple[Part, ...]
    amount: int


def price(slices: Iterable[Slice], used_wh: int, terms: Terms, charged_wh: int = 0) -> Priced | None:
    """What *slices*, in order of time, cost; ``None`` where the plan has no price.

    *used_wh* is what the driver had drawn in the billing period before: it uses up the included amount
    and the lower tiers first. *charged_wh*: see `split`.
    """
    parts = split(slices, used_wh, terms, charged_wh)
    if parts is None:
        return None
    told = amounts(parts, terms.currency)
    return Priced(told, sum(part.amount for part in told))


def split(
    slices: Iterable[Slice], used_wh: int, terms: Terms, charged_wh: int = 0
) -> tuple[Part, ...] | None:
    """The parts of *slices*, without amounts; neighbours of one price are one part.

    *charged_wh* had a price although *used_wh* may have left some of the included amount: a correction
    gave that back. It uses up the lower tiers.
    """
    if not terms.unlimited and terms.price_per_kwh is None:
        return None
    found: list[Part] = []
    position = max(0, used_wh)
    for one in slices:
        if one.energy_wh > 0:
            _split(one, position, charged_wh, terms, found)
            position += one.energy_wh
    return tuple(found)


def amounts(parts: Iterable[Part], currency: str, before: int = 0) -> tuple[Part, ...]:
    """*parts* with their amounts; *before* is the exact cost of what their sum goes on from.

    Half-even of the sum so far, and of each part what that has grown by: the one place where money is
    rounded, once for all of a line.
    """
    told, exact, amount = [], before, minor(before, currency)
    for part in parts:
        exact += part.exact
        until = minor(exact, currency)
        told.append(replace(part, amount=until - amount))
        amount = until
    return tuple(told)


def minor(exact: int, currency: str) -> int:
    """An exact cost (Wh × price) in minor units, half-even."""
    scale: int = 10 ** minor_digits(currency)
    return divide_half_even(exact * scale, EXACT_SCALE)


def estimate(energy_wh: int, used_wh_in_period_before: int, terms: Terms, charged_wh: int = 0) -> int | None:
    """What *energy_wh* costs in minor units, half-even (P7); ``None`` where the plan has no price.

    As `price` for one slice outside of all windows, without the parts: for each reading of a session.
    """
    if terms.unlimited:
        return 0
    if terms.price_per_kwh is None:
        return None
    if terms.tiers:
        priced = price((Slice(energy_wh),), used_wh_in_period_before, terms, charged_wh)
        return None if priced is None else priced.amount
    left = max(0, (terms.included_wh or 0) - max(0, used_wh_in_period_before))
    charged = max(0, energy_wh - left)
    return minor(charged * terms.price_per_kwh, terms.currency)


def _split(one: Slice, position: int, charged: int, terms: Terms, found: list[Part]) -> None:
    """Add the parts of a slice that begins at *position*, in Wh of the billing period."""
    left = one.energy_wh
    included = left if terms.unlimited else max(0, (terms.included_wh or 0) - position)
    if (free := min(left, included)) > 0:
        _add(found, Part(Kind.INCLUDED, free, 0))
        left -= free
    if one.price is not None:
        _add(found, Part(Kind.WINDOW, left, one.price))
        return
    beyond = max(0, position - (terms.included_wh or 0)) + max(0, charged)
    kind, rate = Kind.FLAT, terms.price_per_kwh or 0
    for tier in terms.tiers:
        below = min(left, max(0, tier["above_wh"] - beyond))
        _add(found, Part(kind, below, rate))
        left, beyond = left - below, beyond + below
        kind, rate = Kind.TIER, tier["price_per_kwh"]
    _add(found, Part(kind, left, rate))


def _add(found: list[Part], part: Part) -> None:
    if part.energy_wh <= 0:
        return
    last = found[-1] if found else None
    if last is not None and (last.kind, last.price_per_kwh) == (part.kind, part.price_per_kwh):
        found[-1] = replace(last, energy_wh=last.energy_wh + part.energy_wh)
    else:
        found.append(part)
