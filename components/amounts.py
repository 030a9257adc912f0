"""Numbers as people type them."""

from __future__ import annotations

import re
from decimal import Decimal

_DECIMAL = re.compile(r"(\d{1,9})(?:[.,](\d{1,6}))?")


def scaled(text: str, digits: int) -> int | None:
    """*text* as a whole number of 10 to the power of -*digits*; ``None`` if it is none, or is typed finer.

    A point or a comma stands before the decimals, whatever the language: nobody types a price by thousands.
    """
    found = _DECIMAL.fullmatch(text.strip().replace("\u00a0", ""))
    if found is None or len(found[2] or "") > digits:
        return None
    return int(Decimal(f"{found[1]}.{found[2] or 0}").scaleb(digits))
