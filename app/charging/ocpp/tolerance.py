"""Reading what chargers send, tolerantly: what can be understood is taken, and noted as a deviation (C6).

A refusal loses money; a silent correction hides a broken charger. So each reader takes the value
and leaves a word about it in ``notes``, which the endpoint counts and logs.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from data.types import ConnectorStatus

Payload = dict[str, Any]

LARGEST = 2**53
"""Beyond this a number is nonsense, and no float holds it exactly."""
UNPRINTABLE = str.maketrans("", "", "\x00")

STATUSES = {status.lower(): status for status in ConnectorStatus}


class Message:
    """A payload with the notes of what was odd about it. Readers return None for what makes no sense."""

    __slots__ = ("notes", "payload")

    def __init__(self, payload: Payload, notes: list[str] | None = None) -> None:
        self.payload = payload
        self.notes: list[str] = [] if notes is None else notes

    def text(self, key: str, official: int, limit: int = 255) -> str | None:
        """Text of at most *official* characters by the standard, cut at *limit*."""
        value = self.payload.get(key)
        if type(value) is str:
            if len(value) > official:
                self.notes.append(f"{key} is too long")
            value = clean(value)[:limit].strip()
            return value or None
        if value is None:
            return None
        self.notes.append(f"{key} is no text")
        return str(value)[:limit] if is_number(value) else None

    def integer(self, key: str) -> int | None:
        """A whole number; a float is rounded half up, text is read."""
        value = self.payload.get(key)
        if type(value) is int and -LARGEST <= value <= LARGEST:
            return value
        if value is None:
            return None
        self.notes.append(f"{key} is no integer")
        if type(value) is str:
            try:
                value = float(value.strip())
            except ValueError:
                return None
        if is_number(value) and -LARGEST <= value <= LARGEST:
            return math.floor(value + 0.5)
        return None

    def register(self, key: str) -> int | None:
        """A meter register in Wh; negative ones mean unknown (M10)."""
        value = self.integer(key)
        if value is not None and value < 0:
            self.notes.append(f"{key} is negative")
            return None
        return value

    def number(self, key: str) -> int | None:
        """The number of a connector or EVSE, 0 or more, within the 32 bits that databases give it."""
        value = self.integer(key)
        if value is not None and not 0 <= value < 2**31:
            self.notes.append(f"{key} is out of range")
            return None
        return value

    def part(self, key: str) -> Message | None:
        """The object under *key*."""
        value = self.payload.get(key)
        if type(value) is dict:
            return Message(value, self.notes)
        if value is not None:
            self.notes.append(f"{key} is no object")
        return None

    def parts(self, key: str) -> list[Payload]:
        """The objects of the list under *key*; a single object counts as a list of one."""
        value = self.payload.get(key)
        if type(value) is list:
            found = [part for part in value if type(part) is dict]
            if len(found) != len(value):
                self.notes.append(f"{key} holds something else than objects")
            return found
        if value is None:
            return []
        self.notes.append(f"{key} is no list")
        return [value] if type(value) is dict else []

    def status(self, key: str) -> ConnectorStatus:
        """A connector's status, whatever its case; UNKNOWN for a word of the charger's own."""
        value = self.payload.get(key)
        status = STATUSES.get(value.strip().lower()) if type(value) is str else None
        if status is None or status != value:
            self.notes.append(f"{key} is no word of the standard")
        return status or ConnectorStatus.UNKNOWN


def word(entry: Payload, key: str, default: str, limit: int, known: frozenset[str], notes: list[str]) -> str:
    """A word of a sampled value: *default* if absent, cut at *limit*, noted unless *known*."""
    value = entry.get(key)
    if value is None:
        return default
    if type(value) is str and value in known:
        return value
    notes.append(f"{key} is no word of the standard")
    return clean(value)[:limit] if type(value) is str else default


def clean(value: str) -> str:
    """*value* without what a database can't store: NUL, and surrogates without a partner."""
    if value.isascii() and "\x00" not in value:
        return value
    return value.translate(UNPRINTABLE).encode("utf-8", "replace").decode()


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether *value* is a finite number (and no truth value)."""
    return type(value) is int or (type(value) is float and math.isfinite(value))
