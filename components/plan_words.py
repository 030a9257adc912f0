"""What a plan costs, in words: for its list, its page, its preview and the driver's card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from components.words import Reader


class Priced(Protocol):
    """The terms that words are made of, as in `data.models.Plan`."""

    @property
    def currency(self) -> str:
        """ISO 4217."""

    @property
    def base_fee(self) -> int | None:
        """Minor units."""

    @property
    def price_per_kwh(self) -> int | None:
        """In 1/10,000."""

    @property
    def included_wh(self) -> int | None:
        """Wh a billing period."""

    @property
    def unlimited(self) -> bool:
        """All energy is included."""

    @property
    def tiers(self) -> Sequence[Mapping[str, int]]:
        """Ascending."""

    @property
    def windows(self) -> Sequence[Mapping[str, int]]:
        """By time of day."""


class Coming(Priced, Protocol):
    """A plan that begins on a day that is still to come."""

    @property
    def name(self) -> str:
        """Of the plan."""

    @property
    def started_on(self) -> date:
        """Its first day."""


def coming(plan: Coming, reader: Reader) -> str:
    """`From Dec 4, 2026: Night & Day, €29.00 per period, 200 kWh included, then €0.39 per kWh`."""
    parts = [plan.name]
    if plan.base_fee:
        parts.append(fee(plan, reader))
    if plan.unlimited:
        parts.append(reader.text("plan.unlimited"))
    elif plan.included_wh:
        parts.append(reader.text("plan.included", energy=reader.whole_kwh(plan.included_wh)))
    if plan.price_per_kwh is not None and not plan.unlimited:
        price = reader.price(plan.price_per_kwh, plan.currency)
        parts.append(reader.text("plan.then" if plan.included_wh else "plan.price", price=price))
    words = ", ".join([*parts, *others(plan, reader)])
    return reader.text("plan.from", date=reader.full_date(plan.started_on), plan=words)


def prices(plan: Priced, reader: Reader) -> list[str]:
    """What a kWh costs: one sentence each for the price, its tiers and its windows; [] without a price."""
    if plan.unlimited or plan.price_per_kwh is None:
        return []
    return [
        reader.text("plan.price", price=reader.price(plan.price_per_kwh, plan.currency)),
        *others(plan, reader),
    ]


def others(plan: Priced, reader: Reader) -> list[str]:
    """The prices beside the one: `€0.35 per kWh above 300 kWh`, `€0.19 per kWh from 22:00 to 06:00`."""
    if plan.unlimited:
        return []
    tiers = [
        reader.text(
            "plan.tier",
            price=reader.price(one["price_per_kwh"], plan.currency),
            energy=reader.whole_kwh((plan.included_wh or 0) + one["above_wh"]),
        )
        for one in plan.tiers
    ]
    windows = [
        reader.text(
            "plan.window",
            price=reader.price(one["price_per_kwh"], plan.currency),
            start=time_of_day(one["from_minute"]),
            end=time_of_day(one["to_minute"]),
        )
        for one in plan.windows
    ]
    return tiers + windows


def included(plan: Priced, reader: Reader) -> str:
    """`200 kWh`, `Unlimited charging`, or that nothing is."""
    if plan.unlimited:
        return reader.text("plan.unlimited")
    return reader.whole_kwh(plan.included_wh) if plan.included_wh else reader.text("plans.included.none")


def fee(plan: Priced, reader: Reader) -> str:
    """`€19.00 per period`, or that there is none."""
    if not plan.base_fee:
        return reader.text("plans.fee.none")
    return reader.text("plan.fee", amount=reader.money(plan.base_fee, plan.currency))


def time_of_day(minute: int) -> str:
    """A minute of the day as its time: `22:00`."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
