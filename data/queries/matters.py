"""What needs an operator's hand, in words that queries and pages share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What it is, in the order of urgency."""

    DISK = "disk"
    """The disk of the database is nearly full."""
    DATABASE = "database"
    """Changes wait for the database."""
    BILLING = "billing"
    """Settlement fails."""
    FAULT = "fault"
    """A connector, or a charger as a whole, reports an error."""
    OFFLINE = "offline"
    """Chargers that were heard of, and are not any more (P20)."""
    SETTLING = "settling"
    """Sessions that wait to be settled for too long."""
    UNENDED = "unended"
    """In progress, but silent for too long, or at a charger that is offline."""
    REFUSED = "refused"
    """Reservations that their charger refused."""
    DISPLAY = "display"
    """Kiosk displays that are not seen (K7)."""
    QUARANTINE = "quarantine"
    TAG = "tag"
    """Unknown tags, with their sessions."""
    METER = "meter"
    """A charger whose sessions are flagged often."""
    FLAGGED = "flagged"
    CLOCK = "clock"
    PENDING = "pending"
    """Chargers that wait to be accepted (C2)."""
    UNCONNECTED = "unconnected"
    """Accepted chargers that were never heard of: they are still to be connected."""
    PASSWORD = "password"  # noqa: S105 (a word for what is missing)
    LEAVING = "leaving"
    NO_WAY_IN = "no-way-in"
    INVITED = "invited"
    """Invited for a long time, and not in yet."""
    SETUP = "setup"
    """Steps of the first run that are not done."""


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing to see to. What does not apply is empty."""

    id: int | None
    """Of the charger, session, account …, as its kind says."""
    name: str = ""
    detail: str = ""
    """A second name or code: the error, the tag, the driver, the display's site."""
    since: datetime | None = None
    number: int = 0
    """A second number: connector, sessions, seconds, bytes, times."""
    key: str = ""
    """What names a card in addresses; empty: no list has it."""


@dataclass(frozen=True, slots=True)
class Matters:
    """All things of a kind."""

    kind: Kind
    number: int
    first: tuple[Matter, ...]
    """At most `NAMED`, the worst first."""
    more: bool = False
    """There are more than ``number``."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the process knows of itself, for the kinds that no table tells."""

    disk_free: int | None = None
    """Bytes, if that is too little."""
    backlog: int = 0
    """Changes that wait for the database, if those are too many."""
    settlement_fails: str = ""
    """What settlement failed with last, if it does."""
    setup: tuple[str, ...] = ()
    """Steps of the first run that are not done."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long is too long."""

    passwords: bool = True
    """Whether people sign in with a password."""
    settling: timedelta = timedelta(hours=24)
    up_since: datetime | None = None
    """When the process was started, before which no display could tell that it is there."""
