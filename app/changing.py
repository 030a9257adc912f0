"""What every service that changes something does first: it refuses by itself (T4, T25)."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from itertools import zip_longest
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from app import clock
from data import audit
from data.caller import Caller, NotAllowed, ReadOnly
from data.database import Change, Database
from data.types import Role

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("polaris.access")


class Service(Protocol):
    """Whatever owns changing methods."""

    @property
    def database(self) -> Database:
        """Where refusals are written down."""


S = TypeVar("S", bound=Service)
Method = Callable[Concatenate[S, Caller, P], Awaitable[T]]

BIG = frozenset({"session_id", "quarantined_id", "command_id"})
"""Ids of what there is more of than accounts, cards or chargers."""
LARGEST, LARGEST_BIG = 2**31 - 1, 2**63 - 1
"""What fits into a column of ids."""
CHANGING: dict[str, str] = {}
"""Each action and the method that does it, for the test that tries them all while acting (T25)."""


def changing(action: str, *, role: Role | None = None) -> Callable[[Method[S, P, T]], Method[S, P, T]]:
    """Mark an async method ``(self, caller, …)`` as one that changes something, called *action*.

    Ids that no column holds reach it as the largest that one can, which no row has (T3).
    Before it runs, it raises `ReadOnly` for an operator who acts as a driver, after writing the attempt
    into the audit log (P24), and `NotAllowed` for a caller without *role*, if one is given.
    """

    def decorate(method: Method[S, P, T]) -> Method[S, P, T]:
        names = [*inspect.signature(method).parameters][2:]
        CHANGING[action] = f"{method.__module__}.{method.__qualname__}"

        @functools.wraps(method)
        async def guarded(self: S, caller: Caller, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if caller.is_acting:
                log.warning("refused while acting as action=%s", action)
                await self.database.change(_refused, caller, action)
                raise ReadOnly(action)
            if role is not None and caller.role is not role:
                log.warning("not allowed action=%s", action)
                raise NotAllowed(action)
            asked: Any = [_within(*one) for one in zip_longest(names[: len(args)], args, fillvalue="")]
            named: Any = {name: _within(name, one) for name, one in kwargs.items()}
            return await method(self, caller, *asked, **named)

        return guarded

    return decorate


def _within(name: str, value: object) -> object:
    """*value*; of an id as one that a database can be asked for."""
    if type(value) is not int or not name.endswith("_id"):
        return value
    largest = LARGEST_BIG if name in BIG else LARGEST
    return max(-largest, min(value, largest))


def _refused(change: Change, caller: Caller, action: str) -> None:
    audit.record(change, caller, f"{action}.refused", clock.now(), reason="acting as")
