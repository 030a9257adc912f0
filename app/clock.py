"""The only clock of the program; tests set it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_set: list[datetime] = []
"""Moments that tests have set; the last one is now."""


def now() -> datetime:
    """This moment, in UTC."""
    return _set[-1] if _set else datetime.now(UTC)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """For tests: the time is *moment* inside the block."""
    if moment.tzinfo is None:
        raise ValueError(f"a clock needs a zone: {moment!r}")
    _set.append(moment.astimezone(UTC))
    try:
        yield
    finally:
        _set.pop()


def advance(by: timedelta) -> None:
    """For tests, inside `at`: let *by* go by."""
    _set[-1] += by
