"""What was typed about a plan, as terms; and what is wrong with it, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.billing.plans import Terms, WrongTerms
from app.billing.terms import proper
from components import amounts
from components.plan_form import Typed
from components.plan_words import time_of_day
from components.words import Reader
from data.money import minor_digits
from data.queries.plan_list import ListedPlan

KWH_DIGITS = 2
"""Of kWh as they are typed: with three a thousand could be meant."""
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)(?::00)?")


def read(typed: Typed) -> tuple[Terms | None, dict[str, str]]:
    """The terms, and a word for each field that is wrong; no terms if there is one."""
    problems: dict[str, str] = {}

    def number(name: str, text: str, digits: int, scale: int = 1, *, needed: bool = False) -> int | None:
        if not text.strip():
            if needed:
                problems[name] = "missing"
            return None
        found = amounts.scaled(text, digits)
        if found is None:
            problems[name] = "kwh" if scale > 1 else f"number.{min(digits, 4)}"
        return None if found is None else found * scale

    def moment(name: str, text: str) -> int | None:
        found = _TIME.fullmatch(text.strip())
        if found is None:
            problems[name] = "time"
        return None if found is None else int(found[1]) * 60 + int(found[2])

    def row(kind: str, at: int, one: Mapping[str, str]) -> dict[str, int | None]:
        told: dict[str, int | None] = {}
        for name, text in one.items():
            path = f"{kind}.{at}.{name}"
            if name == "above_wh":
                told[name] = number(path, text, KWH_DIGITS, 10, needed=True)
            elif name == "price_per_kwh":
                told[name] = number(path, text, 4, needed=True)
            else:
                told[name] = moment(path, text)
        return told

    everything = typed.energy == "all"
    rows = {
        kind: [] if everything or typed.changes != kind else getattr(typed, kind)
        for kind in ("tiers", "windows")
    }
    read_rows = {kind: [row(kind, at, one) for at, one in enumerate(found)] for kind, found in rows.items()}
    has_amount = typed.energy == "amount"
    terms = Terms(
        name=typed.name,
        currency=typed.currency,
        base_fee=number("base_fee", typed.base_fee, minor_digits(typed.currency)),
        price_per_kwh=None if everything else number("price_per_kwh", typed.price_per_kwh, 4),
        included_wh=number("included_wh", typed.included_wh, KWH_DIGITS, 10, needed=True)
        if has_amount
        else None,
        unlimited=everything,
        tiers=_whole(read_rows["tiers"]),
        windows=_whole(read_rows["windows"]),
        anchor_day=number("anchor_day", typed.anchor_day, 0),
    )
    if problems:
        return None, _named(terms, problems)
    try:
        return proper(terms), {}
    except WrongTerms as wrong:
        return None, wrong.problems


def _named(terms: Terms, problems: dict[str, str]) -> dict[str, str]:
    """*problems*, and what is wrong beside them with what could be read."""
    try:
        proper(terms)
    except WrongTerms as wrong:
        return {name: word for name, word in wrong.problems.items() if "." not in name} | problems
    return problems


def _whole(rows: list[dict[str, int | None]]) -> list[dict[str, int]]:
    """The rows that could be read."""
    found = []
    for one in rows:
        known = {name: value for name, value in one.items() if value is not None}
        if len(known) == len(one):
            found.append(known)
    return found


def typed_of(plan: ListedPlan, reader: Reader) -> Typed:
    """*plan* as *reader* would type it."""

    def number(value: int | None, digits: int, least: int = 0) -> str:
        if value is None:
            return ""
        whole, part = divmod(value, 10**digits)
        decimals = f"{part:0{digits}d}".rstrip("0").ljust(least, "0") if digits else ""
        return f"{whole}{reader.point}{decimals}" if decimals else str(whole)

    def price(value: int | None) -> str:
        return number(value, 4, min(minor_digits(plan.currency), 4))

    digits = minor_digits(plan.currency)
    return Typed(
        name=plan.name,
        currency=plan.currency,
        base_fee=number(plan.base_fee, digits, digits),
        energy="all" if plan.unlimited else "amount" if plan.included_wh else "none",
        included_wh=number(plan.included_wh, 3),
        price_per_kwh=price(plan.price_per_kwh),
        changes="tiers" if plan.tiers else "windows" if plan.windows else "flat",
        tiers=[
            {"above_wh": number(one["above_wh"], 3), "price_per_kwh": price(one["price_per_kwh"])}
            for one in plan.tiers
        ],
        windows=[
            {
                "from_minute": time_of_day(one["from_minute"]),
                "to_minute": time_of_day(one["to_minute"]),
                "price_per_kwh": price(one["price_per_kwh"]),
            }
            for one in plan.windows
        ],
        anchor_day="" if plan.anchor_day is None else str(plan.anchor_day),
    )


def sentences(problems: Mapping[str, str], reader: Reader) -> dict[str, str]:
    """*problems* as the form shows them."""
    return {name: reader.text(f"plans.problem.{word}") for name, word in problems.items()}
