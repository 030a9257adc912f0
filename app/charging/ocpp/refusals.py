"""The latest connections that were refused, so that whoever sets up a charger learns what went wrong.

In memory alone, of this process; no secret is kept. Equal ones are one that counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app import clock
from data.announcements import Announcement, Topic

KEPT = 20
LONGEST = 60
"""Characters of an identity: it comes from anybody."""


class Why(StrEnum):
    """Why a connection was refused."""

    UNKNOWN = "unknown"
    """No charger is called so."""
    NO_PASSWORD = "no_password"  # noqa: S105
    """It brought no Basic credentials, or those of another user name."""
    WRONG_PASSWORD = "wrong_password"  # noqa: S105
    BLOCKED = "blocked"
    TOO_MANY = "too_many"
    """Wrong passwords come faster than they are looked at (T19)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A connection that was refused, the last one of its kind."""

    identity: str
    """As it was asked for, shortened."""
    address: str
    why: Why
    at: datetime
    times: int = 1


class Refusals:
    """The latest `KEPT` kinds of them, newest first. May be read in any thread."""

    def __init__(self) -> None:
        self.latest: tuple[Refused, ...] = ()
        self.announce: Callable[[list[Announcement]], None] = lambda announcements: None
        """Told of each one; of this process alone, as they are."""

    def note(self, identity: str, address: str, why: Why) -> None:
        """Keep that *identity* was refused at *address*."""
        shown = "".join(one if one.isprintable() else "\ufffd" for one in identity[:LONGEST])
        new = Refused(shown, address[:LONGEST], why, clock.now())
        key = (new.identity, new.address, new.why)
        before = [one for one in self.latest if (one.identity, one.address, one.why) == key]
        others = [one for one in self.latest if one not in before]
        new = replace(new, times=1 + sum(one.times for one in before))
        self.latest = (new, *others)[:KEPT]
        self.announce([Announcement(Topic.REFUSED)])
