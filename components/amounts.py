"""Numbers as people type them."""

from __future__ import annotations

import re
from decimal import Decimal

_DECIMAL = re.compile(r"(\d{1,9})(?:[.,](\d{1,6}))?")


def decimal(text: str) -> Decimal | None:
    """*text* as a number that is not negative, with a point or a comma before its decimals, whatever the
    language: nobody types a price by thousands. ``None`` if it is none.
    """
    found = _DECIMAL.fullmatch(text.strip().replace("\u00a0", ""))
    return Decimal(f"{found[1]}.{found[2] or 0}") if found else None


def scaled(text: str, digits: int) -> int | None:
    """*text* as a whole number of 10 to the power of -*digits*; ``None`` if it is none, or finer."""
    number = decimal(text)
    if number is None or (whole := number.scaleb(digits)) != int(whole):
        return None
    return int(whole)
