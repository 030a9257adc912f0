"""P7, P17, P25: what energy costs, in integers; flat, in tiers, at times of day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.tariffs import Kind, Part, Slice, estimate, price
from data.money import minor_digits


@dataclass(frozen=True)
class Terms:
    price_per_kwh: int | None
    currency: str = "EUR"
    included_wh: int | None = None
    unlimited: bool = False
    tiers: Sequence[Mapping[str, int]] = ()
    windows: Sequence[Mapping[str, int]] = ()


@pytest.mark.parametrize(
    ("energy", "used", "terms", "cost"),
    [
        (10_000, 0, Terms(3_900), 390),
        (0, 0, Terms(3_900), 0),
        (12_345, 0, Terms(3_900), 481),  # 481.455 ct
        (10_000, 0, Terms(None), None),
        (10_000, 0, Terms(3_900, included_wh=10_000), 0),
        (10_000, 4_000, Terms(3_900, included_wh=10_000), 156),
        (10_000, 99_000, Terms(3_900, included_wh=10_000), 390),
        (10_000, 0, Terms(3_900, unlimited=True), 0),
        (10_000, 0, Terms(None, unlimited=True), 0),
        (10_000, 0, Terms(500_000, "JPY"), 500),
        (10_000, 0, Terms(1_234, "KWD"), 1_234),
        (1_000, 0, Terms(50), 0),  # half a cent goes to the even one: 0
        (1_000, 0, Terms(150), 2),  # and 1.5 to 2
        (-5, 0, Terms(3_900), 0),
        (10_000, -5, Terms(3_900, included_wh=10_000), 0),
    ],
)
def test_p7_estimate(energy: int, used: int, terms: Terms, cost: int | None) -> None:
    assert estimate(energy, used, terms) == cost


@given(
    st.integers(0, 10**7),
    st.integers(0, 10**7),
    st.integers(0, 10**7),
    st.integers(0, 10**6),
    st.sampled_from(["EUR", "JPY", "KWD", "CLF"]),
)
def test_p25_exact_half_even_in_any_currency(
    energy: int, used: int, included: int, price: int, currency: str
) -> None:
    charged = max(0, energy - max(0, included - used))
    exact = Decimal(charged) / 1000 * Decimal(price) / 10_000 * 10 ** minor_digits(currency)
    cost = estimate(energy, used, Terms(price, currency, included))
    assert cost == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))


@pytest.mark.parametrize(
    ("currency", "digits"), [("EUR", 2), ("jpy", 0), ("KWD", 3), ("IQD", 3), ("HUF", 2), ("XXX", 2)]
)
def test_p25_minor_digits_are_those_of_iso_4217(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


def tiers(*rows: tuple[int, int]) -> tuple[dict[str, int], ...]:
    return tuple({"above_wh": above, "price_per_kwh": price} for above, price in rows)


TIERED = Terms(3_000, included_wh=5_000, tiers=tiers((10_000, 4_000), (20_000, 5_000)))
"""5 kWh included, 10 at 0.30, 10 at 0.40, the rest at 0.50."""
NIGHT = 1_900


@pytest.mark.parametrize(
    ("slices", "used", "terms", "parts"),
    [
        # Included first, then each tier, wherever in the billing period the session begins.
        ([Slice(4_000)], 0, TIERED, [(Kind.INCLUDED, 4_000, 0, 0)]),
        (
            [Slice(40_000)],
            0,
            TIERED,
            [
                (Kind.INCLUDED, 5_000, 0, 0),
                (Kind.FLAT, 10_000, 3_000, 300),
                (Kind.TIER, 10_000, 4_000, 400),
                (Kind.TIER, 15_000, 5_000, 750),
            ],
        ),
        ([Slice(2_000)], 14_000, TIERED, [(Kind.FLAT, 1_000, 3_000, 30), (Kind.TIER, 1_000, 4_000, 40)]),
        ([Slice(2_000)], 90_000, TIERED, [(Kind.TIER, 2_000, 5_000, 100)]),
        ([Slice(1_000), Slice(1_000)], 90_000, TIERED, [(Kind.TIER, 2_000, 5_000, 100)]),
        # Windows: included first in order of time, whatever it would have cost.
        (
            [Slice(3_000), Slice(6_000, NIGHT), Slice(1_000)],
            0,
            Terms(3_900, included_wh=5_000),
            [
                (Kind.INCLUDED, 5_000, 0, 0),
                (Kind.WINDOW, 4_000, NIGHT, 76),
                (Kind.FLAT, 1_000, 3_900, 39),
            ],
        ),
        ([Slice(5_000, 0)], 0, Terms(3_900), [(Kind.WINDOW, 5_000, 0, 0)]),
        ([Slice(0), Slice(0, NIGHT)], 0, Terms(3_900), []),
        ([Slice(5_000, NIGHT)], 0, Terms(3_900, unlimited=True), [(Kind.INCLUDED, 5_000, 0, 0)]),
        # 0, 2 and 3 decimals: each price per kWh has up to 4.
        ([Slice(10_000, 450_000)], 0, Terms(500_000, "JPY"), [(Kind.WINDOW, 10_000, 450_000, 450)]),
        ([Slice(10_000, 1_234)], 0, Terms(500, "KWD"), [(Kind.WINDOW, 10_000, 1_234, 1_234)]),
        # Half a cent each: rounded once, so that two of them are one cent and not two or none.
        (
            [Slice(1_000, 50), Slice(1_000)],
            0,
            Terms(50),
            [(Kind.WINDOW, 1_000, 50, 0), (Kind.FLAT, 1_000, 50, 1)],
        ),
    ],
)
def test_p7_parts(
    slices: list[Slice], used: int, terms: Terms, parts: list[tuple[Kind, int, int, int]]
) -> None:
    """Issue: tiers, time-of-day windows, included amount; parts add up to the amount."""
    priced = price(slices, used, terms)
    assert priced is not None
    assert priced.parts == tuple(Part(*part) for part in parts)
    assert priced.amount == sum(part.amount for part in priced.parts)


def test_without_a_price_there_is_none() -> None:
    assert price([Slice(5_000, NIGHT)], 0, Terms(None)) is None


@given(
    st.lists(st.builds(Slice, st.integers(0, 10**5), st.none() | st.integers(0, 9_999)), max_size=8),
    st.integers(0, 10**5),
    st.builds(
        Terms,
        st.integers(0, 10**5),
        st.sampled_from(["EUR", "JPY", "KWD"]),
        st.none() | st.integers(0, 10**5),
        tiers=st.sampled_from([(), tiers((1, 100)), tiers((10_000, 4_000), (20_000, 5_001))]),
    ),
)
def test_p25_parts_add_up_and_are_rounded_once(slices: list[Slice], used: int, terms: Terms) -> None:
    """P25: Wh and amounts of the parts add up; the sum is off by half a minor unit at most."""
    priced = price(slices, used, terms)
    assert priced is not None
    assert sum(part.energy_wh for part in priced.parts) == sum(one.energy_wh for one in slices)
    exact = Decimal(sum(part.exact for part in priced.parts)) / 10**7 * 10 ** minor_digits(terms.currency)
    assert priced.amount == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    assert sum(part.amount for part in priced.parts) == priced.amount
    if all(one.price is None for one in slices):
        assert priced.amount == estimate(sum(one.energy_wh for one in slices), used, terms)


@given(st.lists(st.integers(0, 10**5), min_size=1, max_size=6))
def test_the_included_amount_and_the_tiers_are_used_once(energies: list[int]) -> None:
    """Issue: over all sessions of a billing period: one after the other costs what all at once does."""
    used, parts = 0, []
    for energy in energies:
        priced = price([Slice(energy)], used, TIERED)
        assert priced is not None
        parts += priced.parts
        used += energy
    whole = price([Slice(used)], 0, TIERED)
    assert whole is not None
    assert sum(part.exact for part in parts) == sum(part.exact for part in whole.parts)
