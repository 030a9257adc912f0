"""Passwords: argon2id, computed in a thread because it takes tens of milliseconds of CPU."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 1_000
"""Characters; beyond it is no password but a try to keep us busy."""

# OWASP's second choice (19 MiB, two passes): it withstands guessing as well as the 64 MiB of the
# RFC 9106 default, and twenty people who sign in at the same moment don't take a gigabyte.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """The argon2id hash of *password*. Takes a moment: call it in a thread or at the command line."""
    return _hasher.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """True if *password* is the one of *password_hash*; without a hash it is false and takes as long."""
    try:
        return _hasher.verify(password_hash or _nobodys(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def each_match(hashes: Sequence[str | None], password: str, *, at_least: int = 2) -> list[bool]:
    """`matches` for each of *hashes*, in the time of *at_least* ones: nobody learns how many there are."""
    padded = [*hashes, *[None] * (at_least - len(hashes))]
    return [matches(password_hash, password) for password_hash in padded][: len(hashes)]


def is_outdated(password_hash: str) -> bool:
    """True if *password_hash* was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


async def hashed_in_thread(password: str) -> str:
    """As `hash_password`, without keeping the event loop."""
    return await asyncio.to_thread(hash_password, password)


@functools.cache
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")
