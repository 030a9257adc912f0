"""What a display has to be: its name, its languages, the tiles of its pages."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from app.access.account_rules import Refused, proper_name
from app.access.display_rows import CannotShow
from components.texts import languages as spoken
from data.types import Orientation

BAYS = (8, 12)
"""Tiles of a page: read from 5 m, and from 3 m (K11)."""
MOST_LANGUAGES = 3


class NameMissing(CannotShow):
    """A name has from 1 to 200 characters, all of which can be seen."""

    why = "name"


class NameTaken(CannotShow):
    """Another display of the site has this name."""

    why = "taken"


class WrongLanguages(CannotShow):
    """One to three different languages, of those that there are texts of."""

    why = "languages"


class WrongBays(CannotShow):
    """A page has 8 tiles or 12."""

    why = "bays"


def row(
    site_id: int, name: str, orientation: Orientation, languages: Collection[str], bays_per_page: int
) -> dict[str, Any]:
    """What is stored of a display that is to be so. Raises `NameMissing`, `WrongLanguages` or `WrongBays`."""
    try:
        name = proper_name(name)
    except Refused as refused:
        raise NameMissing from refused
    codes = list(languages)
    if not 1 <= len(codes) <= MOST_LANGUAGES or len({*codes} & {*spoken()}) != len(codes):
        raise WrongLanguages
    if bays_per_page not in BAYS:
        raise WrongBays
    return {
        "site_id": site_id,
        "name": name,
        "orientation": Orientation(orientation),
        "languages": ",".join(codes),
        "bays_per_page": bays_per_page,
    }
