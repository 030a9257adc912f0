"""The number of a row as an address names it: anything at all until it was looked at (T3, T5)."""

from __future__ import annotations

from app.access.visitor import not_found

DIGITS = 9
"""Longer numbers don't fit into the id of a row: there is none."""
LONG_DIGITS = 18
"""The same for tables whose ids are of 64 bits, such as sessions."""


def row_id(text: str, most_digits: int = DIGITS) -> int | None:
    """*text* as an id; ``None`` if it can't be one."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= most_digits else None


def own_row_id(text: str, most_digits: int = DIGITS) -> int:
    """The id that a page's own address names. Raises `not_found` if it can't be one."""
    number = row_id(text, most_digits)
    if number is None:
        raise not_found()
    return number
