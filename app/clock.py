"""The only clock of the program; tests set it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

_set: list[datetime] = []
"""Moments that tests have set; the last one is now."""
_ahead: list[timedelta] = []
"""How far tests have moved the clock that goes on; the last one counts."""


def now() -> datetime:
    """This moment, in UTC."""
    if _set:
        return _set[-1]
    return datetime.now(UTC) + _ahead[-1] if _ahead else datetime.now(UTC)


def is_over(since: datetime, length: timedelta, now: datetime) -> bool:
    """True if *length* has gone by *since* that moment, or the clock was set back behind it.

    What waits would else wait until the clock has caught up, for hours.
    """
    return not timedelta(0) <= now - since < length


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


@contextmanager
def ahead(by: timedelta) -> Iterator[None]:
    """For tests: inside the block the clock goes on *by* later than it is, or earlier."""
    _ahead.append(by)
    try:
        yield
    finally:
        _ahead.pop()
