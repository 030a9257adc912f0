"""What energy costs under a plan's terms: integers in, integers out (P7, P17, P25). Pure."""

from __future__ import annotations

from typing import Protocol

from data.money import divide_half_even, minor_digits

PRICE_SCALE = 10_000
"""`price_per_kwh` counts 1/10,000 of the currency's major unit."""


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


def estimate(energy_wh: int, used_wh_in_period_before: int, terms: Terms) -> int | None:
    """What *energy_wh* costs in minor units, half-even (P7); ``None`` where the plan has no price.

    *used_wh_in_period_before* is what the driver had drawn in the billing period without this
    energy: it uses up the included amount first.
    """
    if terms.unlimited:
        return 0
    if terms.price_per_kwh is None:
        return None
    left = max(0, (terms.included_wh or 0) - max(0, used_wh_in_period_before))
    charged = max(0, energy_wh - left)
    scale: int = 10 ** minor_digits(terms.currency)
    return divide_half_even(charged * terms.price_per_kwh * scale, 1_000 * PRICE_SCALE)
