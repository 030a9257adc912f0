"""The example month of a plan's preview: by the functions that bill, and adding up (P25)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.example import Example, example
from app.billing.plans import Terms
from app.billing.tariffs import Kind, Slice
from app.billing.tariffs import price as bill
from app.pages.typed_plan import read, typed_of
from components import words
from components.plan_form import Typed
from data.queries.plan_list import ListedPlan

NIGHT = {"from_minute": 22 * 60, "to_minute": 6 * 60, "price_per_kwh": 1_900}
LATE = {"from_minute": 20 * 60, "to_minute": 24 * 60, "price_per_kwh": 2_000}


def told(found: Example) -> list[tuple[str, int, int]]:
    return [(part.kind, part.energy_wh, part.amount) for part in found.parts]


def test_included_flat_and_base_fee_are_each_a_line() -> None:
    found = example(300_000, 40, Terms("x", "EUR", 1_900, 2_800, 200_000), 1_900)
    assert told(found) == [("included", 200_000, 0), ("flat", 100_000, 2_800)]
    assert (found.energy_amount, found.base_fee, found.total) == (2_800, 1_900, 4_700)


def test_tiers_count_beyond_the_included_amount() -> None:
    tiers = [{"above_wh": 50_000, "price_per_kwh": 3_900}]
    found = example(300_000, 0, Terms("x", "EUR", None, 2_800, 100_000, tiers=tiers), None)
    assert told(found) == [("included", 100_000, 0), ("flat", 50_000, 1_400), ("tier", 150_000, 5_850)]


def test_the_share_at_night_meets_the_windows() -> None:
    """40 % from 22 to 6; of the rest 2 of 16 hours from 20 on: a window may hold a part of either."""
    found = example(100_000, 40, Terms("x", "EUR", None, 2_800, windows=[NIGHT]), None)
    assert sorted(told(found)) == [("flat", 60_000, 1_680), ("window", 40_000, 760)]
    found = example(160_000, 50, Terms("x", "EUR", None, 2_800, windows=[LATE]), None)
    energy = {part.kind: part.energy_wh for part in found.parts}
    assert energy == {
        Kind.WINDOW: 30_000,
        Kind.FLAT: 130_000,
    }  # 2 of 8 hours and 2 of 16


@pytest.mark.parametrize(
    ("terms", "total"), [(Terms("x", "EUR"), None), (Terms("x", "EUR", unlimited=True), 500)]
)
def test_no_price_is_no_total_and_unlimited_is_the_base_fee(terms: Terms, total: int | None) -> None:
    assert example(300_000, 40, terms, 500).total == total


@given(st.integers(0, 10**8), st.integers(0, 100), st.integers(0, 10**8), st.booleans())
def test_nothing_of_the_month_is_lost(energy: int, night: int, included: int, windows: bool) -> None:
    """Parts add up to the energy and to the amount; without windows it is what billing says of one month."""
    terms = Terms("x", "EUR", None, 2_845, included or None, windows=[NIGHT, LATE][:1] if windows else [])
    found = example(energy, night, terms, None)
    assert sum(part.energy_wh for part in found.parts) == energy
    assert sum(part.amount for part in found.parts) == found.energy_amount
    if not windows:
        billed = bill([Slice(energy)], 0, terms)
        assert billed is not None
        assert billed.amount == found.energy_amount


def typed(**values: object) -> Typed:
    return Typed(**{"name": "Home", "price_per_kwh": "0.28", **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        (
            {"name": "", "base_fee": "19.005", "price_per_kwh": "abc"},
            {"name": "name", "base_fee": "number.2", "price_per_kwh": "number.4"},
        ),
        (
            {"energy": "amount", "included_wh": "1,234"},
            {"included_wh": "kwh"},
        ),  # 1,234 or 1.234?
        ({"energy": "amount"}, {"included_wh": "missing"}),
        ({"anchor_day": "1.5"}, {"anchor_day": "number.0"}),
        ({"currency": "JPY", "base_fee": "1.5"}, {"base_fee": "number.0"}),
        (
            {"changes": "tiers", "tiers": [{"above_wh": "", "price_per_kwh": "-1"}]},
            {"tiers.0.above_wh": "missing", "tiers.0.price_per_kwh": "number.4"},
        ),
        (
            {
                "changes": "windows",
                "windows": [{"from_minute": "25:00", "to_minute": "", "price_per_kwh": "1"}],
            },
            {"windows.0.from_minute": "time", "windows.0.to_minute": "time"},
        ),
    ],
)
def test_what_was_typed_wrong_is_told_field_by_field(
    values: dict[str, object], wrong: dict[str, str]
) -> None:
    terms, problems = read(typed(**values))
    assert terms is None
    assert problems == wrong


@pytest.mark.parametrize("language", ["en", "de"])
def test_what_is_stored_is_typed_back_the_same(language: str) -> None:
    """P25: with the reader's decimal mark; what a choice hides is not kept."""
    plan = ListedPlan(
        id=1, family_id=1, version=1, name="Home", currency="KWD", base_fee=1_250, price_per_kwh=285,
        included_wh=12_500, unlimited=False, tiers=[{"above_wh": 1_000_000, "price_per_kwh": 1_234}],
        windows=[], anchor_day=31, created_at=None, retired_at=None, drivers=0,
    )  # fmt: skip
    shown = typed_of(plan, words.reader(language, None))
    assert shown.base_fee == {"en": "1.250", "de": "1,250"}[language]
    assert shown.price_per_kwh == {"en": "0.0285", "de": "0,0285"}[language]
    terms, problems = read(shown)
    assert (problems, terms) == (
        {},
        Terms("Home", "KWD", 1_250, 285, 12_500, False, plan.tiers, [], 31),
    )
    shown.energy = "all"
    terms, _ = read(shown)
    assert terms == Terms("Home", "KWD", 1_250, unlimited=True, anchor_day=31)
