"""Who asks for something: passed to every service that changes anything, and told by each log line.

The *subject* is the account that it is about, the *actor* who sits before the screen (RFC 8693 §4.1).
They differ only while an operator acts as a driver (P23), and then nothing can be changed (P24, T25).
"""

from __future__ import annotations

from dataclasses import dataclass

from data.types import Role


class ReadOnly(Exception):
    """Refused: somebody who acts as a driver can look, and change nothing (P24, T25)."""


class NotAllowed(Exception):
    """Refused: the caller's role does not include this (T4)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as of now. A page makes one anew at each click: a right may be gone since (T7)."""

    subject_id: int | None
    """The account; ``None`` for the program itself and for the command line."""
    role: Role | None
    """Of the subject."""
    actor_id: int | None = None
    """The account before the screen: the subject's own, or the operator's who acts as it."""
    actor_sign_in_id: int | None = None
    label: str = ""
    """Who it is when no account is: ``command line``, ``settlement``."""
    address: str = ""
    """Network address that the request came from."""
    request_id: str = ""

    @property
    def is_acting(self) -> bool:
        """True if somebody else sits before the screen than the account belongs to."""
        return self.actor_id != self.subject_id


COMMAND_LINE = Caller(None, Role.OPERATOR, label="command line")
"""Whoever can run commands on the server may do what an operator may."""
