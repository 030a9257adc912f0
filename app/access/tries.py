"""How often somebody may try: per account and per address, never for good (T19)."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from app import clock


class TooManyTries(Exception):
    """Try again in ``seconds``."""

    def __init__(self, seconds: int) -> None:
        super().__init__("too many tries")
        self.seconds = seconds


class Tries:
    """A bucket of tries for each key: full at first, refilled evenly, bounded in number.

    A try is taken before it is known whether it succeeds, so that parallel ones can't slip through, and
    given back if it does: people who know their password are never held up by each other.

    The buckets are this process's: several on one database allow as many times as much together, and a
    restart fills them. What they protect (argon2, tokens of 256 bits) does not fall to that.
    """

    def __init__(self, *, burst: int = 10, per_minute: float = 10, keys: int = 50_000) -> None:
        self._burst = float(burst)
        self._per_second = per_minute / 60
        self._keys = keys
        self._buckets: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def check(self, *keys: str) -> None:
        """Raises `TooManyTries` if there is no try left for one of *keys*."""
        missing = max(1 - self._level(key) for key in keys)
        if missing > 0:
            raise TooManyTries(int(missing / self._per_second) + 1)

    def take(self, *keys: str) -> None:
        """Take a try of each of *keys*. Raises `TooManyTries`, and then none is taken."""
        self.check(*keys)
        for key in keys:
            self._set(key, self._level(key) - 1)

    def give_back(self, *keys: str) -> None:
        """The try was a good one."""
        for key in keys:
            self._set(key, min(self._burst, self._level(key) + 1))

    def _level(self, key: str) -> float:
        now = clock.now()
        level, since = self._buckets.get(key, (self._burst, now))
        if since > now:  # the clock was set back: it is refilled from here on
            self._buckets[key] = level, now
        gone = max(0.0, (now - since).total_seconds())
        return min(self._burst, level + gone * self._per_second)

    def _set(self, key: str, level: float) -> None:
        self._buckets.pop(key, None)
        self._buckets[key] = level, clock.now()
        while len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one try takes: one of each of these buckets, or none."""

    buckets: tuple[tuple[Tries, str], ...]

    def check(self) -> None:
        """Raises `TooManyTries` if one of them is empty."""
        for tries, key in self.buckets:
            tries.check(key)

    def take(self) -> None:
        """Take it. Raises `TooManyTries`, and then nothing is taken."""
        self.check()
        for tries, key in self.buckets:
            tries.take(key)

    def give_back(self) -> None:
        """The try was a good one."""
        for tries, key in self.buckets:
            tries.give_back(key)


ADDRESS = 60
"""Tries, and new ones a minute, of one address for all accounts: more than one household mistypes."""
ACCOUNT = 100
"""Of one account from all addresses that are not known to it."""


class PasswordTries:
    """The tries of whoever compares a password.

    A stranger has those of the account at their address, of the account, and of the address. Whoever has
    proved to be somebody before has their own, which nobody else can use up.
    """

    def __init__(self) -> None:
        self._narrow = Tries()
        self._account = Tries(burst=ACCOUNT, per_minute=ACCOUNT)
        self._address = Tries(burst=ADDRESS, per_minute=ADDRESS)

    def cost(self, email: str, address: str, known: str | None = None) -> Cost:
        """Of a try for *email* from *address*; *known* names a browser or sign-in of that account."""
        if known is not None:
            return Cost(((self._narrow, known),))
        near = neighbourhood(address)
        return Cost(
            (
                (self._narrow, f"stranger {near} {email}"),
                (self._account, email),
                (self._address, near),
            )
        )


def neighbourhood(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that one IPv6 connection gets."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
