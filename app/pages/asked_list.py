"""What the addresses of the console's lists ask for, read alike (T5).

An order that is none of the list's is its usual one. Any other word that is none finds nothing: what is not
understood is never a wider search.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from app.pages.row_id import row_id

Word = TypeVar("Word", bound=StrEnum)
UNKNOWN = "unknown"
"""Stands in the addresses of the same list for a word that was none: there it is none either."""


LONGEST = 100
"""Characters of one word of an address that are looked at."""


def given(request: Request, names: Sequence[str]) -> list[str]:
    """What the address of *request* has for *names*, empty for those that it has not."""
    return [request.query_params.get(name, "")[:LONGEST] for name in names]


def site(text: str) -> int | None:
    """The id of a site, 0 if it can't be one: nothing is at that; ``None`` if none is asked for."""
    return (row_id(text) or 0) if text else None


def word(text: str, words: type[Word]) -> Word | None:
    """The one of *words* that is asked for."""
    return words(text) if text in set(words) else None


def is_unknown(text: str, words: type[Word]) -> bool:
    """Whether something is asked for that is none of *words*."""
    return text != "" and text not in set(words)


def order(text: str, sorts: type[Word], usual: Word) -> tuple[Word, bool]:
    """What the list is in the order of, and whether that is descending."""
    by = word(text.removeprefix("-"), sorts)
    return (usual, False) if by is None else (by, text.startswith("-"))


def named_order(by: Word, descending: bool, usual: Word) -> str:
    """The order as an address has it; the usual one is not told."""
    return "" if (by, descending) == (usual, False) else ("-" if descending else "") + by.value


def address(path: str, given: dict[str, str]) -> str:
    """Where the list at *path* is that shows what is *given*."""
    query = urlencode({name: value for name, value in given.items() if value})
    return f"{path}?{query}" if query else path
