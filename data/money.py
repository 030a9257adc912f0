"""Money is an integer of minor units with an ISO 4217 currency (P25). Pure."""

from __future__ import annotations

# fmt: off
_NO_MINOR_UNIT = frozenset({
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG",
    "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
})
# fmt: on
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_FOUR_DECIMALS = frozenset({"CLF", "UYW"})


def minor_digits(currency: str) -> int:
    """Decimals of *currency* by ISO 4217: 2, but for the few with 0, 3 or 4; unknown ones have 2.

    Not Babel's figure: CLDR tells the decimals that are customary in print (IQD: 0), ISO those that
    amounts are kept and charged in (IQD: 3).
    """
    code = currency.upper()
    if code in _NO_MINOR_UNIT:
        return 0
    if code in _THREE_DECIMALS:
        return 3
    return 4 if code in _FOUR_DECIMALS else 2


def divide_half_even(numerator: int, denominator: int) -> int:
    """*numerator* / *denominator* (positive) as an integer; a tie goes to the even one, as banks do."""
    quotient, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and quotient % 2):
        quotient += 1
    return quotient
