"""What a board says of a site and its bays, in one language. Nothing of it is about anybody (K8)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from components import board_layout as layout
from components.words import Reader
from data.queries.chargers import ChargerStatus
from data.queries.site_board import Bay, SiteBoard

ICONS = {
    ChargerStatus.ONLINE: "check_circle",
    ChargerStatus.IN_USE: "bolt",
    ChargerStatus.RESERVED: "event",
    ChargerStatus.OFFLINE: "cloud_off",
}
PARTED = " · "
"""Between what may stand on lines of its own."""
LINE = layout.DETAIL_LINE
_AFTER_PREFIX = re.compile(r"[\s\-–—·:,/|#]+")


@dataclass(frozen=True, slots=True)
class Count:
    """The line below the site's name."""

    text: str
    is_free: bool


def count(board: SiteBoard, reader: Reader) -> Count:
    """How many of the bays are free (P21), in a sentence."""
    if not board.bays:
        return Count(reader.text("board.none"), False)
    if board.free:
        if len(board.bays) == 1:
            return Count(reader.text("board.free.only"), True)
        free = reader.integer(board.free)
        return Count(reader.count("board.free", len(board.bays), free=free), True)
    if all(bay.status is ChargerStatus.OFFLINE for bay in board.bays):
        return Count(reader.text("board.all_offline"), False)
    return Count(reader.text("board.none_free"), False)


@lru_cache(maxsize=4096)
def bay_name(name: str, site: str) -> str:
    """*name* without the site's name before it, which stands above all of them already."""
    name, site = " ".join(name.split()), " ".join(site.split())
    for end in range(1, len(name)):
        # By its end in the name itself: folded, a letter may be two.
        if name[:end].casefold() == site.casefold():
            parted = _AFTER_PREFIX.match(name, end)
            rest = name[parted.end() :] if parted else ""
            return rest[:1].upper() + rest[1:] if rest else name
    return name


def tile(
    bay: Bay, board: SiteBoard, reader: Reader, now: datetime, lying: layout.Grid, standing: layout.Grid
) -> dict[str, Any]:
    """What the tile of *bay* shows, on a page with these grids."""
    name = bay_name(bay.name, board.name)
    # One text for both shapes: the one with less room decides where it ends.
    for one in (lying, standing):
        name, _ = layout.fitted(name, one.name_width, one.name_height, layout.NAMES)
    sizes = [
        layout.fitted(name, one.name_width, one.name_height, layout.NAMES)[1] for one in (lying, standing)
    ]
    width = min(lying.width, standing.width) * layout.REGULAR
    return {
        "name": name,
        "sizes": variables(size=sizes),
        "status": bay.status.value,
        "icon": ICONS[bay.status],
        "word": reader.text("board.status." + bay.status.value),
        "details": _kept(_details(bay, reader, now, width), width),
    }


def variables(**values: Sequence[float]) -> dict[str, float]:
    """Variables of the style sheet: each of *values* for boards that lie, and for those that stand."""
    return {
        f"--{name}-{shape}": value
        for name, pair in values.items()
        for shape, value in zip(("lying", "standing"), pair, strict=True)
    }


def _details(bay: Bay, reader: Reader, now: datetime, width: float) -> list[str]:
    """What explains the status, the most important first, for lines of *width*."""
    found = []
    if bay.status is ChargerStatus.OFFLINE:
        return []
    if bay.status is ChargerStatus.IN_USE and bay.since is not None:
        found.append(reader.text("board.since", moment=reader.moment(bay.since, now)))
    if bay.status is ChargerStatus.RESERVED and bay.until is not None:
        found.append(reader.text("board.until", moment=reader.moment(bay.until, now)))
    if bay.energy_wh is not None:
        found.append(reader.kwh(bay.energy_wh))
    if bay.status is ChargerStatus.ONLINE:
        found += _on_offer(bay, reader, width)
    return [line for line in found if line]


def _on_offer(bay: Bay, reader: Reader, width: float) -> list[str]:
    """Of a free bay: which plugs are free, where some are not, and what they give.

    A driver needs a type before a number: where there is no room for both, the power is left out.
    """
    power = reader.rated_kw(bay.max_power_w) if bay.max_power_w is not None else ""
    is_partly = bay.free < bay.connectors
    if is_partly and len(bay.connector_types) > 1 and bay.free_types:
        return [reader.text("board.types", types=", ".join(bay.free_types)), power]
    count = [reader.count("board.plugs", bay.connectors, free=reader.integer(bay.free))] if is_partly else []
    types = ", ".join(bay.connector_types)
    what = PARTED.join(one for one in (power, types) if one)
    if types and layout.lines(what, width, layout.DETAIL) > 1:
        left = layout.DETAIL_LINES - len(count)
        what = what if layout.lines(types, width, layout.DETAIL) < left else types
    return [*count, what]


def _kept(details: list[str], width: float) -> list[str]:
    """As many of *details* as there are lines for; one that is too wide is parted where it has parts."""
    kept: list[str] = []
    left = layout.DETAIL_LINES
    for detail in details:
        whole = layout.lines(detail, width, layout.DETAIL) == 1
        for line in [detail] if whole else detail.split(PARTED):
            if left < 1:
                break
            text, _ = layout.fitted(line, width, left * LINE, (layout.DETAIL,), LINE / layout.DETAIL)
            kept.append(text)
            left -= layout.lines(text, width, layout.DETAIL)
    return kept
