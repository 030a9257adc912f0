"""The number of a row as an address names it (T3, T5)."""

from __future__ import annotations

from app.access.visitor import not_found
from data.row_id import DIGITS as DIGITS
from data.row_id import LONG_DIGITS as LONG_DIGITS
from data.row_id import row_id as row_id


def own_row_id(text: str, most_digits: int = DIGITS) -> int:
    """The id that a page's own address names. Raises `not_found` if it can't be one."""
    number = row_id(text, most_digits)
    if number is None:
        raise not_found()
    return number
