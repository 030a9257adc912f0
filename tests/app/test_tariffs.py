"""P7, P17, P25: what energy costs, in integers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.tariffs import estimate
from data.money import minor_digits


@dataclass(frozen=True)
class Terms:
    price_per_kwh: int | None
    currency: str = "EUR"
    included_wh: int | None = None
    unlimited: bool = False


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
