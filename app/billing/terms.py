"""The terms of a plan as an operator sets them, and what they have to be. Pure.

`proper` is the one place that decides: pages and commands show its words, and none checks by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from babel.numbers import is_currency

from app.access.account_rules import Refused, proper_name
from app.billing.slots import DAY_MINUTES

MOST_MONEY = 2_000_000_000
"""Minor units of a base fee, and 1/10,000 of a major unit of a price."""
MOST_WH = 1_000_000_000_000
MOST_ROWS = 12
"""Tiers or windows of one plan."""

Rows = Sequence[Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan costs; numbers as in `data.models.Plan`."""

    name: str
    currency: str
    base_fee: int | None = None
    """Minor units a billing period."""
    price_per_kwh: int | None = None
    """In 1/10,000 of the major unit, beyond the included amount."""
    included_wh: int | None = None
    unlimited: bool = False
    tiers: Rows = field(default_factory=list)
    """``above_wh`` (beyond the included amount) and ``price_per_kwh``, ascending."""
    windows: Rows = field(default_factory=list)
    """``from_minute``, ``to_minute`` (of the site's day, over midnight if it is not later) and
    ``price_per_kwh``."""
    anchor_day: int | None = None
    """1 to 31, proposed to new subscriptions; ``None``: the day on which one begins."""


class WrongTerms(Exception):
    """Why terms are not accepted: ``problems`` has a word for each field that is wrong.

    Fields of rows are named ``tiers.0``, ``windows.2``. Words: ``name``, ``taken``, ``currency``, ``range``,
    ``either`` (unlimited and an amount, tiers and windows), ``needs_price``, ``order``, ``many``, ``empty``
    (a window without a length), ``overlap``.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(", ".join(f"{name}: {word}" for name, word in problems.items()))
        self.problems = dict(problems)


def proper(terms: Terms) -> Terms:
    """*terms* as they are stored. Raises `WrongTerms` with everything that is wrong."""
    problems: dict[str, str] = {}
    name, currency = terms.name, terms.currency.strip().upper()
    try:
        name = proper_name(name)
    except Refused:
        problems["name"] = "name"
    if not is_currency(currency):
        problems["currency"] = "currency"
    included = terms.included_wh or None
    for field_name, value, most in (
        ("base_fee", terms.base_fee, MOST_MONEY),
        ("price_per_kwh", terms.price_per_kwh, MOST_MONEY),
        ("included_wh", included, MOST_WH),
        ("anchor_day", terms.anchor_day, 31),
    ):
        if value is not None and not (field_name == "anchor_day") <= value <= most:
            problems[field_name] = "range"
    if terms.unlimited and included is not None:
        problems["included_wh"] = "either"
    if terms.unlimited and terms.tiers:
        problems["tiers"] = "either"
    if terms.unlimited and terms.windows:
        problems["windows"] = "either"
    tiers = [{"above_wh": one["above_wh"], "price_per_kwh": one["price_per_kwh"]} for one in terms.tiers]
    windows = [
        {
            "from_minute": one["from_minute"],
            "to_minute": 0 if one["to_minute"] == DAY_MINUTES else one["to_minute"],
            "price_per_kwh": one["price_per_kwh"],
        }
        for one in terms.windows
    ]
    if tiers and windows:
        problems["windows"] = "either"
    if (tiers or windows) and terms.price_per_kwh is None and not terms.unlimited:
        problems.setdefault("price_per_kwh", "needs_price")
    problems |= _of_tiers(tiers) | _of_windows(windows)
    if problems:
        raise WrongTerms(problems)
    windows.sort(key=lambda one: one["from_minute"])
    return replace(terms, name=name, currency=currency, included_wh=included, tiers=tiers, windows=windows)


def _of_tiers(tiers: list[dict[str, int]]) -> dict[str, str]:
    problems = {}
    if len(tiers) > MOST_ROWS:
        problems["tiers"] = "many"
    before = 0
    for at, one in enumerate(tiers):
        if not (1 <= one["above_wh"] <= MOST_WH and 0 <= one["price_per_kwh"] <= MOST_MONEY):
            problems[f"tiers.{at}"] = "range"
        elif one["above_wh"] <= before:
            problems[f"tiers.{at}"] = "order"
        before = max(before, one["above_wh"])
    return problems


def _of_windows(windows: list[dict[str, int]]) -> dict[str, str]:
    problems = {}
    if len(windows) > MOST_ROWS:
        problems["windows"] = "many"
    taken: list[tuple[int, int]] = []
    for at, one in enumerate(windows):
        first, end = one["from_minute"], one["to_minute"]
        if not (
            0 <= first < DAY_MINUTES and 0 <= end < DAY_MINUTES and 0 <= one["price_per_kwh"] <= MOST_MONEY
        ):
            problems[f"windows.{at}"] = "range"
            continue
        if first == end:
            problems[f"windows.{at}"] = "empty"
            continue
        parts = [(first, end)] if first < end else [(first, DAY_MINUTES), (0, end)]
        if any(a < other_b and other_a < b for a, b in parts for other_a, other_b in taken):
            problems[f"windows.{at}"] = "overlap"
        taken += parts
    return problems
