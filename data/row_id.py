"""The number of a row as somebody writes it: anything at all until it was looked at (T3, T5)."""

from __future__ import annotations

DIGITS = 9
"""Longer numbers don't fit into the id of a row: there is none."""
LONG_DIGITS = 18
"""The same for tables whose ids are of 64 bits, such as sessions."""


def row_id(text: str, most_digits: int = DIGITS) -> int | None:
    """*text* as an id; ``None`` if it can't be one."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= most_digits else None
