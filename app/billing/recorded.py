"""What was billed, as parts that can be taken back: at the price at which they were billed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.billing.tariffs import Kind, Part, Slice


def parts_of(details: Iterable[Mapping[str, Any] | None]) -> list[Part]:
    """The parts of lines, given their ``details``, in the order in which they were billed."""
    return [
        Part(Kind(part["kind"]), part["energy_wh"], part["price_per_kwh"])
        for one in details
        for part in (one or {}).get("parts", ())
    ]


def standing(billed: Iterable[Part]) -> list[Part]:
    """What stands of *billed*: a negative part has taken back the last of its kind and price."""
    found: list[Part] = []
    for part in billed:
        if part.energy_wh >= 0:
            found.append(part)
            continue
        left = -part.energy_wh
        for at in reversed(range(len(found))):
            if (found[at].kind, found[at].price_per_kwh) == (part.kind, part.price_per_kwh):
                less = min(left, found[at].energy_wh)
                found[at] = replace(found[at], energy_wh=found[at].energy_wh - less)
                left -= less
    return [part for part in found if part.energy_wh]


def taken(stands: Sequence[Part], less: Iterable[Slice]) -> list[Part]:
    """The negative parts that take *less* back from what *stands*, the last parts first.

    Of energy of a window its parts go first, then included ones; else those of no window.
    """
    left, back = list(stands), list[Part]()

    def take(wanted: int, fits: Any) -> int:
        for at in reversed(range(len(left))):
            if wanted and fits(left[at]) and (some := min(wanted, left[at].energy_wh)):
                back.append(replace(left[at], energy_wh=-some))
                left[at] = replace(left[at], energy_wh=left[at].energy_wh - some)
                wanted -= some
        return wanted

    rest: list[Slice] = []
    for one in less:
        windowed = one.price is not None

        def own(part: Part, price: int | None = one.price) -> bool:
            return part.kind is Kind.WINDOW and part.price_per_kwh == price

        fits = own if windowed else (lambda part: part.kind is not Kind.WINDOW)
        rest.append(replace(one, energy_wh=take(one.energy_wh, fits)))
    for one in rest:
        missing = one.energy_wh
        if one.price is not None:
            missing = take(missing, lambda part: part.kind is Kind.INCLUDED)
        take(missing, lambda part: True)
    return merged(back)


def merged(parts: Iterable[Part]) -> list[Part]:
    """*parts* of one kind and price as one; what adds up to nothing is none."""
    found: dict[tuple[Kind, int], Part] = {}
    for part in parts:
        key = part.kind, part.price_per_kwh
        if key in found:
            part = replace(part, energy_wh=part.energy_wh + found[key].energy_wh)
        found[key] = part
    return [part for part in found.values() if part.energy_wh]


def included_wh(parts: Iterable[Part]) -> int:
    """Wh of the included ones."""
    return sum(part.energy_wh for part in parts if part.kind is Kind.INCLUDED)


def charged_wh(parts: Iterable[Part]) -> int:
    """Wh of those that have a price."""
    return sum(part.energy_wh for part in parts if part.kind is not Kind.INCLUDED)


def shifted(
    billed: Mapping[int, Sequence[Part]], wanted: Iterable[Part], *, any_price: bool
) -> dict[int, list[Part]]:
    """What makes of the parts that stand, session by session, the *wanted* ones: 0 Wh each.

    The last parts of the last session go first. *any_price*: of *wanted* only the included amount counts,
    and whatever has a price may become included.
    """
    has = {(one.kind, one.price_per_kwh): one for one in merged(p for some in billed.values() for p in some)}
    due = {(one.kind, one.price_per_kwh): one for one in merged(wanted)}
    lacks = []
    for key, one in due.items():
        missing = one.energy_wh - (has[key].energy_wh if key in has else 0)
        if missing > 0 and (not any_price or one.kind is Kind.INCLUDED):
            lacks.append(replace(one, energy_wh=missing))
    spare = {
        key: one.energy_wh
        - (due[key].energy_wh if key in due and not (any_price and one.kind is not Kind.INCLUDED) else 0)
        for key, one in has.items()
    }
    found: dict[int, list[Part]] = {}
    for session_id in reversed(list(billed)):
        for part in reversed(billed[session_id]):
            left = part.energy_wh
            while lacks and (some := min(left, spare[part.kind, part.price_per_kwh], lacks[0].energy_wh)) > 0:
                moved = [replace(part, energy_wh=-some), replace(lacks[0], energy_wh=some)]
                found[session_id] = found.get(session_id, []) + moved
                spare[part.kind, part.price_per_kwh] -= some
                left -= some
                lacks[0] = replace(lacks[0], energy_wh=lacks[0].energy_wh - some)
                if not lacks[0].energy_wh:
                    lacks.pop(0)
    return {session_id: merged(parts) for session_id, parts in found.items()}
